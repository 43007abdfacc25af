// When the memory of outboxes that are gone is given back: by the policy itself, and by a reactor on a clock of the test's own.
#include "outbox_memory.h"

#include <string>
#include <vector>

#include "check.h"
#include "failing_allocator.h"
#include "reactor_scene.h"

using netmux::OutboxMemory;
using netmux_test::Clock;
using netmux_test::kFailingAllocator;
using netmux_test::lending;
using netmux_test::reset_lending;
using netmux_test::Scene;

namespace {

constexpr size_t kMuch = OutboxMemory::kTrimBytes;
constexpr int64_t kDelay = OutboxMemory::kTrimDelayMs;

// A block that claims any size: the policy counts what it is told.
void take_and_give(OutboxMemory& memory, size_t bytes) { memory.release(memory.allocate(bytes), bytes); }

netmux::SysTable on_the_tests_clock() {
  netmux::SysTable sys = netmux::system_calls();
  sys.monotonic_ns = Clock::now_ns;
  return sys;
}

}  // namespace

TEST("nothing is given back before much of what was in use has been free for a while, and then once") {
  reset_lending();
  OutboxMemory memory(kFailingAllocator);
  take_and_give(memory, kMuch - 1);
  CHECK_EQUAL(memory.trim_due(0), OutboxMemory::kNever);
  take_and_give(memory, kMuch);
  CHECK_EQUAL(memory.trim_due(500), 500 + kDelay);
  // Later looks do not put it off.
  CHECK_EQUAL(memory.trim_due(900), 500 + kDelay);
  memory.trim(500 + kDelay - 1);
  CHECK_EQUAL(lending().trims, 0);
  memory.trim(500 + kDelay);
  CHECK_EQUAL(lending().trims, 1);
  CHECK_EQUAL(memory.trim_due(500 + kDelay), OutboxMemory::kNever);
  memory.trim(500 + 10 * kDelay);
  CHECK_EQUAL(lending().trims, 1);
}

TEST("what is in use again by then is not given back") {
  reset_lending();
  OutboxMemory memory(kFailingAllocator);
  take_and_give(memory, kMuch);
  CHECK_EQUAL(memory.trim_due(0), kDelay);
  void* again = memory.allocate(kMuch);
  memory.trim(kDelay);
  CHECK_EQUAL(lending().trims, 0);
  // And the wait begins anew.
  memory.release(again, kMuch);
  CHECK_EQUAL(memory.trim_due(kDelay), 2 * kDelay);
}

TEST("many small blocks, freed over a long time, count as one large one") {
  reset_lending();
  OutboxMemory memory(kFailingAllocator);
  constexpr size_t kBlock = 4096;
  std::vector<void*> blocks;
  for (size_t i = 0; i < 2 * kMuch / kBlock; i++) blocks.push_back(memory.allocate(kBlock));
  for (size_t i = 0; i < blocks.size(); i++) {
    CHECK_EQUAL(memory.trim_due(0), i < kMuch / kBlock ? OutboxMemory::kNever : kDelay);
    memory.release(blocks[i], kBlock);
  }
}

TEST("memory that cannot be had does not count") {
  reset_lending(1);
  OutboxMemory memory(kFailingAllocator);
  CHECK(memory.allocate(2 * kMuch) == nullptr);
  CHECK_EQUAL(memory.trim_due(0), OutboxMemory::kNever);
}

TEST(
    "a reactor whose connections are closed with much unsent asks for a timer, and gives the memory back when it "
    "comes") {
  reset_lending();
  const netmux::SysTable sys = on_the_tests_clock();
  Scene scene(sys, kFailingAllocator);
  const auto [slot, peer] = scene.pair();
  const std::string piece(128 * 1024, 'x');
  for (size_t queued = 0; queued < 2 * kMuch; queued += piece.size()) scene.write(slot, piece);
  scene.reactor.flush();
  CHECK_EQUAL(scene.timer, Scene::kNever);
  scene.close(slot);
  scene.reactor.flush();
  CHECK_EQUAL(scene.timer, scene.now_ms() + kDelay);
  CHECK_EQUAL(lending().trims, 0);
  Clock::forward(kDelay);
  scene.settle();
  CHECK_EQUAL(lending().trims, 1);
  CHECK_EQUAL(scene.timer, Scene::kNever);
}
