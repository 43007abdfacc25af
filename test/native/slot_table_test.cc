// The slot table: who owns a number, and for how long.
#include "slot_table.h"

#include <deque>
#include <map>
#include <vector>

#include "check.h"
#include "failing_allocator.h"

using netmux::Slot;
using netmux::SlotKind;
using netmux::SlotTable;
using netmux_test::kFailingAllocator;
using netmux_test::lending;
using netmux_test::Random;
using netmux_test::reset_lending;

namespace {

constexpr uint32_t kCapacity = 3 * SlotTable::kChunkSlots + 7;

struct Table {
  explicit Table(uint32_t capacity = kCapacity) : generation(capacity) {
    CHECK(slots.init(capacity, generation.data(), kFailingAllocator));
  }
  uint32_t take() {
    const uint32_t number = slots.acquire();
    if (number != Slot::kNone) slots.at(number).kind = SlotKind::Stream;
    return number;
  }

  std::vector<int32_t> generation;
  SlotTable slots;
};

}  // namespace

TEST("a slot is found by its number and generation, and by no other generation") {
  Table table;
  const uint32_t number = table.take();
  const int32_t generation = table.generation[number];
  CHECK(table.slots.find(number, generation) == &table.slots.at(number));
  CHECK(table.slots.find(number, generation + 1) == nullptr);
  CHECK(table.slots.find(number) == &table.slots.at(number));
}

TEST("a number that was never given out is nobody") {
  Table table;
  CHECK(table.slots.find(0) == nullptr);
  CHECK(table.slots.find(0, 0) == nullptr);
  CHECK(table.slots.find(kCapacity + 1, 0) == nullptr);
  CHECK(table.slots.find(0xffffff, 1) == nullptr);
}

TEST("a released slot is nobody, and its next owner has another generation") {
  Table table;
  const uint32_t number = table.take();
  const int32_t before = table.generation[number];
  table.slots.release(number);
  CHECK(table.slots.find(number) == nullptr);
  CHECK(table.slots.find(number, before) == nullptr);
  CHECK(table.slots.find(number, table.generation[number]) == nullptr);
  CHECK_EQUAL(table.take(), number);
  CHECK(table.slots.find(number, before) == nullptr);
  CHECK(table.slots.find(number, table.generation[number]) != nullptr);
}

TEST("generation 0 never names an owner, so that zeroed memory does not") {
  Table table;
  for (uint32_t i = 0; i < 2000; i++) CHECK(table.generation[table.take()] != 0);
}

TEST("a generation may wrap") {
  Table table;
  const uint32_t number = table.take();
  table.generation[number] = INT32_MAX;
  table.slots.release(number);
  CHECK_EQUAL(table.generation[number], INT32_MIN);
  CHECK_EQUAL(table.take(), number);
  CHECK(table.slots.find(number, INT32_MIN) != nullptr);
}

TEST("freed numbers are reused in the order in which they were freed") {
  Table table;
  for (uint32_t i = 0; i < 5; i++) CHECK_EQUAL(table.take(), i);
  for (const uint32_t number : {3u, 0u, 4u}) table.slots.release(number);
  CHECK_EQUAL(table.take(), 3);
  table.slots.release(1);
  for (const uint32_t number : {0u, 4u, 1u, 5u}) CHECK_EQUAL(table.take(), number);
}

TEST("a fresh slot remembers nothing of its last owner") {
  Table table(1);
  Slot& slot = table.slots.at(table.take());
  slot.fd = 12;
  slot.started = slot.lingering = slot.dormant = slot.aborting = true;
  slot.results = 255;
  slot.first_command = 3;
  slot.original_flags = 1;
  table.slots.release(0);
  CHECK_EQUAL(table.take(), 0);
  CHECK_EQUAL(slot.fd, -1);
  CHECK(!slot.started && !slot.lingering && !slot.dormant && !slot.aborting);
  CHECK_EQUAL(slot.results, 0);
  CHECK_EQUAL(slot.first_command, -1);
  CHECK_EQUAL(slot.original_flags, -1);
}

TEST("a full table gives nothing, until a slot is freed") {
  Table table(SlotTable::kChunkSlots + 1);
  for (uint32_t i = 0; i <= SlotTable::kChunkSlots; i++) CHECK_EQUAL(table.take(), i);
  CHECK_EQUAL(table.take(), Slot::kNone);
  CHECK_EQUAL(table.slots.used(), SlotTable::kChunkSlots + 1);
  table.slots.release(17);
  CHECK_EQUAL(table.take(), 17);
  CHECK_EQUAL(table.take(), Slot::kNone);
}

TEST("slots never move while the table grows") {
  Table table;
  Slot* first = &table.slots.at(table.take());
  for (uint32_t i = 1; i < kCapacity; i++) table.take();
  CHECK(&table.slots.at(0) == first);
  CHECK_EQUAL(table.slots.made(), kCapacity);
}

TEST("memory is taken when a chunk is first needed, and all of it given back") {
  const int before = lending().blocks;
  {
    Table table;
    const int empty = lending().blocks;
    for (uint32_t i = 0; i < SlotTable::kChunkSlots; i++) table.take();
    CHECK_EQUAL(lending().blocks, empty + 1);
    table.take();
    CHECK_EQUAL(lending().blocks, empty + 2);
  }
  CHECK_EQUAL(lending().blocks, before);
}

TEST("without memory for a chunk there is no slot, and there is one later") {
  Table table;
  reset_lending(1);
  CHECK_EQUAL(table.take(), Slot::kNone);
  CHECK_EQUAL(table.slots.used(), 0);
  reset_lending();
  CHECK_EQUAL(table.take(), 0);
}

TEST("without memory for its list of chunks a table does not open, and can be destroyed") {
  std::vector<int32_t> generation(kCapacity);
  reset_lending(1);
  SlotTable slots;
  CHECK(!slots.init(kCapacity, generation.data(), kFailingAllocator));
  reset_lending();
}

TEST("a slot costs what docs/architecture.md says") { CHECK(sizeof(Slot) <= 56); }

TEST("any sequence of taking and releasing agrees with a queue of free numbers") {
  Random random;
  Table table(500);
  std::deque<uint32_t> free;
  std::map<uint32_t, int32_t> owners;
  uint32_t made = 0;
  for (int step = 0; step < 50'000; step++) {
    if (random.below(2) == 0) {
      uint32_t expected = Slot::kNone;
      if (!free.empty()) {
        expected = free.front();
        free.pop_front();
      } else if (made < 500) {
        expected = made++;
      }
      const uint32_t number = table.take();
      if (!CHECK_EQUAL(number, expected)) return;
      if (number != Slot::kNone) owners[number] = table.generation[number];
    } else if (!owners.empty()) {
      auto owner = owners.begin();
      std::advance(owner, static_cast<std::ptrdiff_t>(random.below(owners.size())));
      table.slots.release(owner->first);
      CHECK(table.slots.find(owner->first, owner->second) == nullptr);
      free.push_back(owner->first);
      owners.erase(owner);
    }
    CHECK_EQUAL(table.slots.used(), owners.size());
  }
  for (const auto& [number, generation] : owners) CHECK(table.slots.find(number, generation) != nullptr);
}
