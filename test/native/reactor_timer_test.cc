// Timers on a clock that the test moves: `deadline` is one store, Arm puts it into the wheel, the host's timer follows.
#include <string>
#include <vector>

#include "reactor_scene.h"

using netmux::CommandKind;
using netmux::RecordKind;
using netmux::SysTable;
using netmux_test::Clock;
using netmux_test::put;
using netmux_test::Scene;
using netmux_test::Seen;

namespace {

const SysTable& stopped_clock() {
  static const SysTable table = [] {
    SysTable calls = netmux::system_calls();
    calls.monotonic_ns = Clock::now_ns;
    return calls;
  }();
  return table;
}

// A few connections on the stopped clock.
struct Timers : Scene {
  Timers() : Scene(stopped_clock()) {
    for (uint32_t& slot : slots) slot = pair().first;
  }
  void arm(uint32_t slot, int64_t in_ms) {
    set_deadline(slot, in_ms);
    order(CommandKind::Arm, slot);
  }
  // As many milliseconds later, one by one, with the host's timer as the only reason to look.
  void pass(int64_t ms) {
    for (int64_t i = 0; i < ms; i++) {
      Clock::forward(1);
      while (round()) {
      }
    }
  }
  int64_t fired() const { return static_cast<int64_t>(of(RecordKind::Timer).size()); }

  uint32_t slots[4];
};

}  // namespace

TEST("a timer fires at its millisecond, not before, and once") {
  Timers scene;
  scene.arm(scene.slots[0], 300);
  scene.reactor.flush();
  scene.pass(299);
  CHECK_EQUAL(scene.fired(), 0);
  scene.pass(1);
  CHECK_EQUAL(scene.fired(), 1);
  CHECK_STORY(scene, scene.slots[0], "Timer");
  CHECK_EQUAL(scene.memory.wheel_due[scene.slots[0]], 0);
  scene.pass(1000);
  CHECK_EQUAL(scene.fired(), 1);
  CHECK_EQUAL(scene.timer, netmux::Host::kNever);
}

TEST("moving a timer later is a store: no command, and it fires at the later time only") {
  Timers scene;
  const uint32_t slot = scene.slots[0];
  scene.arm(slot, 100);
  scene.reactor.flush();
  scene.pass(50);
  scene.set_deadline(slot, 400);
  scene.pass(399);
  CHECK_EQUAL(scene.fired(), 0);
  CHECK_EQUAL(scene.memory.wheel_due[slot], scene.memory.deadline[slot]);
  scene.pass(1);
  CHECK_EQUAL(scene.fired(), 1);
}

TEST("moving a timer closer is a store and Arm") {
  Timers scene;
  const uint32_t slot = scene.slots[0];
  scene.arm(slot, 60'000);
  scene.reactor.flush();
  scene.pass(10);
  scene.arm(slot, 20);
  scene.reactor.flush();
  CHECK_EQUAL(scene.memory.wheel_due[slot], scene.memory.deadline[slot]);
  scene.pass(19);
  CHECK_EQUAL(scene.fired(), 0);
  scene.pass(1);
  CHECK_EQUAL(scene.fired(), 1);
}

TEST("a timer whose deadline is 0 when it comes due is not reported") {
  Timers scene;
  scene.arm(scene.slots[0], 50);
  scene.reactor.flush();
  scene.memory.deadline[scene.slots[0]] = 0;
  scene.pass(100);
  CHECK_EQUAL(scene.fired(), 0);
  CHECK_EQUAL(scene.memory.wheel_due[scene.slots[0]], 0);
}

TEST("Arm with deadline 0 takes the slot out of the wheel") {
  Timers scene;
  scene.arm(scene.slots[0], 50);
  scene.reactor.flush();
  CHECK(scene.timer != netmux::Host::kNever);
  scene.arm(scene.slots[0], 0);
  scene.reactor.flush();
  CHECK_EQUAL(scene.timer, netmux::Host::kNever);
}

TEST("a deadline in the past fires in the next round") {
  Timers scene;
  scene.pass(100);
  scene.arm(scene.slots[0], -50);
  scene.reactor.flush();
  CHECK(scene.timer <= scene.now_ms());
  CHECK(scene.round());
  CHECK_EQUAL(scene.fired(), 1);
}

TEST("timers fire in order of their deadlines, equal ones in order of arming, in one batch") {
  Timers scene;
  scene.arm(scene.slots[2], 30);
  scene.arm(scene.slots[0], 20);
  scene.arm(scene.slots[3], 20);
  scene.arm(scene.slots[1], 10);
  scene.reactor.flush();
  Clock::forward(40);
  scene.round();
  CHECK_EQUAL(scene.batches, 1);
  std::vector<uint32_t> order;
  for (const Seen& record : scene.seen) order.push_back(record.slot);
  CHECK((order == std::vector<uint32_t>{scene.slots[1], scene.slots[0], scene.slots[3], scene.slots[2]}));
}

TEST("input of a turn is delivered before the timers of that turn") {
  Timers scene;
  const auto [slot, peer] = scene.pair();
  scene.arm(slot, 10);
  scene.reactor.flush();
  put(peer, "first");
  Clock::forward(20);
  scene.round();
  CHECK_STORY(scene, slot, "Data:first Timer");
}

TEST("a timer that comes due while callbacks run fires at the end of that turn") {
  Timers scene;
  const auto [slot, peer] = scene.pair();
  scene.arm(slot, 10);
  scene.reactor.flush();
  scene.on_record = [&](const Seen& record) {
    if (record.kind == RecordKind::Data) Clock::forward(10);
  };
  put(peer, "slow");
  scene.reactor.turn();
  CHECK_STORY(scene, slot, "Data:slow Timer");
}

TEST("a callback may arm its timer again and again") {
  Timers scene;
  scene.on_record = [&](const Seen& record) {
    if (record.kind == RecordKind::Timer) scene.arm(record.slot, 10);
  };
  scene.arm(scene.slots[0], 10);
  scene.reactor.flush();
  scene.pass(1000);
  CHECK_EQUAL(scene.fired(), 100);
}

TEST("a callback that arms its timer for now does not hold the loop") {
  Timers scene;
  Clock::forward(100);
  scene.on_record = [&](const Seen& record) { scene.arm(record.slot, -1); };
  scene.arm(scene.slots[0], -1);
  scene.reactor.flush();
  scene.round();
  CHECK(scene.fired() < 100);
  CHECK(scene.timer <= scene.now_ms());
}

TEST("closing a handle frees its timer, and a reused slot has none") {
  Timers scene;
  const uint32_t slot = scene.slots[0];
  scene.arm(slot, 10);
  scene.reactor.flush();
  scene.close(slot);
  scene.reactor.flush();
  CHECK_EQUAL(scene.timer, netmux::Host::kNever);
  CHECK_EQUAL(scene.pair().first, slot);
  CHECK_EQUAL(scene.memory.deadline[slot], 0);
  scene.pass(20);
  CHECK_EQUAL(scene.fired(), 0);
}

TEST("the timer of a handle that another timer of the same turn closes is not reported") {
  Timers scene;
  scene.on_record = [&](const Seen& record) {
    if (record.slot == scene.slots[0]) scene.close(scene.slots[1]);
  };
  scene.arm(scene.slots[0], 10);
  scene.arm(scene.slots[1], 11);
  scene.reactor.flush();
  scene.pass(10);
  scene.pass(10);
  CHECK_EQUAL(scene.fired(), 1);
}

TEST("more timers than a batch has records come in several, all of them") {
  if (!CHECK(netmux_test::allow_descriptors(3000))) return;
  Timers scene;
  std::vector<uint32_t> slots;
  for (int i = 0; i < 1100; i++) slots.push_back(scene.listener(netmux::SocketFlag::Datagram));
  for (const uint32_t slot : slots) scene.arm(slot, 10);
  scene.reactor.flush();
  Clock::forward(10);
  while (scene.round()) {
  }
  CHECK_EQUAL(scene.fired(), 1100);
  CHECK(scene.batches >= 2);
}

TEST("a timer fires in time after months without any, also where the clock's 32 bits have wrapped") {
  for (const int64_t idle_ms : {int64_t{1} << 30, (int64_t{1} << 31) + 5, int64_t{3} << 30, (int64_t{1} << 32) - 100}) {
    Timers scene;
    Clock::forward(idle_ms);
    scene.arm(scene.slots[0], 500);
    scene.reactor.flush();
    scene.pass(499);
    CHECK_EQUAL(scene.fired(), 0);
    scene.pass(1);
    CHECK_EQUAL(scene.fired(), 1);
  }
}

TEST("the shared clock shows the time of the batch in milliseconds") {
  Timers scene;
  const auto [slot, peer] = scene.pair();
  (void)slot;
  Clock::forward(1234);
  put(peer, "x");
  scene.reactor.turn();
  CHECK(scene.memory.clock[0] >= 1234 && scene.memory.clock[0] < 1235);
}
