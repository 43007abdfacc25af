// The wheel case by case. What holds for any sequence of calls is in timer_wheel_random_test.cc.
#include "timer_wheel.h"

#include <cstdint>
#include <vector>

#include "check.h"
#include "failing_allocator.h"

using netmux::TimerWheel;
using netmux_test::kFailingAllocator;

namespace {

constexpr uint32_t kSlots = 600;
constexpr int32_t kFarthest = 0x7fffffff;

using Slots = std::vector<uint32_t>;

struct Wheel : TimerWheel {
  explicit Wheel(int32_t now = 0) { CHECK(init(kSlots, now, netmux::heap())); }

  Slots take() {
    Slots taken;
    for (uint32_t slot; (slot = pop_due()) != kNone;) taken.push_back(slot);
    return taken;
  }
  Slots take_at(int32_t now) {
    advance(now);
    CHECK_SOUND(check());
    return take();
  }
  int32_t bound() const {
    int32_t due = 0;
    CHECK(next(&due));
    return due;
  }
};

// What int32 milliseconds do on the way: wrap.
int32_t add(int32_t time, int64_t ms) { return static_cast<int32_t>(static_cast<uint32_t>(time + ms)); }
int32_t distance(int32_t from, int32_t to) { return add(to, -int64_t{from}); }

}  // namespace

TEST("an empty wheel has nothing due and no next time") {
  Wheel wheel;
  int32_t due;
  CHECK(!wheel.next(&due));
  CHECK_EQUAL(wheel.pop_due(), TimerWheel::kNone);
  CHECK(wheel.take_at(1'000'000).empty());
  CHECK_EQUAL(wheel.size(), 0);
  CHECK_SOUND(wheel.check());
}

TEST("an entry comes due at its millisecond and not before, at every level") {
  for (const int32_t start : {0, 1, 255, 256, 65'535, 16'777'215, kFarthest - 5, INT32_MIN, -1}) {
    for (const int32_t delay : {1, 2, 255, 256, 257, 65'535, 65'536, 16'777'216, 16'777'217, 1 << 30, kFarthest}) {
      Wheel wheel(start);
      wheel.schedule(7, add(start, delay));
      CHECK_SOUND(wheel.check());
      CHECK(wheel.take_at(add(start, delay - 1)).empty());
      CHECK(wheel.scheduled(7));
      CHECK(wheel.take_at(add(start, delay)) == Slots{7});
      CHECK(!wheel.scheduled(7));
      CHECK_EQUAL(wheel.size(), 0);
    }
  }
}

TEST("an entry that is looked for late comes due once") {
  for (const int32_t late : {1, 300, 70'000, 20'000'000}) {
    Wheel wheel;
    wheel.schedule(3, 1'000);
    CHECK(wheel.take_at(1'000 + late) == Slots{3});
    CHECK(wheel.take_at(1'000 + late + 1'000'000).empty());
  }
}

TEST("what comes due in one step is in order of due time, over all levels") {
  Wheel wheel;
  wheel.schedule(0, 20'000'000);
  wheel.schedule(1, 70'000);
  wheel.schedule(2, 300);
  wheel.schedule(3, 10);
  wheel.schedule(4, 70'001);
  wheel.schedule(5, 299);
  CHECK((wheel.take_at(30'000'000) == Slots{3, 5, 2, 1, 4, 0}));
}

TEST("equal due times are in order of scheduling, also when some were scheduled from nearer") {
  Wheel wheel;
  wheel.schedule(5, 70'000);
  wheel.schedule(9, 70'000);
  wheel.advance(65'600);
  wheel.schedule(1, 70'000);
  wheel.advance(69'900);
  wheel.schedule(7, 70'000);
  CHECK((wheel.take_at(70'000) == Slots{5, 9, 1, 7}));
}

TEST("an entry whose due time is the start of its bucket is not late by a level") {
  Wheel wheel;
  wheel.schedule(1, 512);
  wheel.schedule(2, 65'536);
  wheel.schedule(3, 33'554'432);
  CHECK(wheel.take_at(512) == Slots{1});
  CHECK(wheel.take_at(65'536) == Slots{2});
  CHECK(wheel.take_at(33'554'432) == Slots{3});
}

TEST("a due time that has passed joins the end of the due list at once") {
  Wheel wheel(1'000);
  wheel.schedule(1, 1'010);
  wheel.advance(1'020);
  wheel.schedule(2, 900);
  wheel.schedule(3, 1'020);
  wheel.schedule(4, 1'021);
  CHECK_SOUND(wheel.check());
  CHECK((wheel.take() == Slots{1, 2, 3}));
  CHECK(wheel.take_at(1'021) == Slots{4});
}

TEST("moving replaces the old time, closer and later") {
  Wheel wheel;
  wheel.schedule(1, 500);
  wheel.schedule(1, 100'000);
  wheel.schedule(2, 100'000);
  wheel.schedule(2, 50);
  CHECK_EQUAL(wheel.size(), 2);
  CHECK(wheel.take_at(50) == Slots{2});
  CHECK(wheel.take_at(99'999).empty());
  CHECK(wheel.take_at(100'000) == Slots{1});
}

TEST("cancelling removes the entry, twice does no harm, and the others stay") {
  Wheel wheel;
  for (uint32_t slot = 0; slot < 3; slot++) wheel.schedule(slot, 40);
  wheel.cancel(1);
  wheel.cancel(1);
  CHECK(!wheel.scheduled(1));
  CHECK_EQUAL(wheel.size(), 2);
  CHECK((wheel.take_at(40) == Slots{0, 2}));
}

TEST("cancelling the only entry leaves nothing to wait for") {
  Wheel wheel;
  for (const int32_t due : {10, 1'000, 100'000, 1 << 30}) {
    wheel.schedule(0, due);
    wheel.cancel(0);
    int32_t bound;
    CHECK(!wheel.next(&bound));
    CHECK_SOUND(wheel.check());
  }
}

TEST("an entry on the due list can still be cancelled and moved") {
  Wheel wheel;
  for (uint32_t slot = 0; slot < 4; slot++) wheel.schedule(slot, 10);
  wheel.advance(10);
  wheel.cancel(0);
  wheel.schedule(2, 30);
  CHECK_SOUND(wheel.check());
  CHECK((wheel.take() == Slots{1, 3}));
  CHECK(wheel.take_at(30) == Slots{2});
}

TEST("a slot freed and used again while on the due list fires for the new owner only") {
  Wheel wheel;
  wheel.schedule(5, 10);
  wheel.advance(10);
  CHECK(wheel.scheduled(5));
  wheel.cancel(5);
  wheel.schedule(5, 2'000);
  CHECK(wheel.take().empty());
  CHECK(wheel.take_at(1'999).empty());
  CHECK(wheel.take_at(2'000) == Slots{5});
}

TEST("a due list cut off in the middle is continued in front of what comes due later") {
  Wheel wheel;
  wheel.schedule(1, 10);
  wheel.schedule(2, 10);
  wheel.schedule(3, 12);
  wheel.advance(10);
  CHECK_EQUAL(wheel.pop_due(), 1);
  CHECK((wheel.take_at(12) == Slots{2, 3}));
}

TEST("the next time is the wheel's own while something is due") {
  Wheel wheel;
  wheel.schedule(1, 10);
  wheel.schedule(2, 500);
  wheel.advance(20);
  CHECK_EQUAL(wheel.bound(), 20);
  wheel.take();
  CHECK(wheel.bound() > 20);
}

TEST("the next time is exact within 256 ms and reaches the due time in four steps at most") {
  for (const int32_t start : {0, 200, 65'535, 123'456'789, -1, kFarthest - 100}) {
    for (const int32_t delay : {1, 55, 256, 5'000, 65'536, 600'000, 50'000'000, kFarthest}) {
      Wheel wheel(start);
      wheel.schedule(1, add(start, delay));
      bool fired = false;
      int steps = 0;
      while (!fired && steps < 4) {
        const int32_t bound = wheel.bound();
        CHECK(distance(start, bound) <= delay);
        wheel.advance(bound);
        steps++;
        fired = wheel.pop_due() == 1;
        if (fired) CHECK_EQUAL(distance(start, bound), delay);
      }
      CHECK(fired);
      if (add(start, delay) >> 8 == start >> 8) CHECK_EQUAL(steps, 1);
    }
  }
}

TEST("a long idle gap costs no more than a short one") {
  Wheel wheel;
  int32_t now = 0;
  // Tick by tick these would be 2 * 10^14 steps.
  for (int round = 0; round < 100'000; round++) {
    wheel.schedule(0, add(now, kFarthest));
    now = add(now, kFarthest);
    wheel.advance(now);
    if (!CHECK_EQUAL(wheel.pop_due(), 0)) return;
  }
}

TEST("an empty wheel may sleep longer than the clock can count") {
  Wheel wheel(0);
  wheel.advance(add(0, int64_t{3} << 30));
  const int32_t now = add(0, int64_t{3} << 30);
  wheel.schedule(1, add(now, 5));
  CHECK(wheel.take_at(add(now, 4)).empty());
  CHECK(wheel.take_at(add(now, 5)) == Slots{1});
}

TEST("a time before the last one changes nothing while entries wait") {
  Wheel wheel(1'000);
  wheel.schedule(1, 1'100);
  wheel.advance(1'050);
  CHECK(wheel.take_at(900).empty());
  wheel.schedule(2, 1'040);
  CHECK((wheel.take() == Slots{2}));
  CHECK(wheel.take_at(1'100) == Slots{1});
}

TEST("no memory is an answer of init, and nothing is leaked") {
  {
    TimerWheel wheel;
    netmux_test::reset_lending(1);
    CHECK(!wheel.init(1'000, 0, kFailingAllocator));
  }
  {
    TimerWheel wheel;
    netmux_test::reset_lending();
    CHECK(wheel.init(1'000, 0, kFailingAllocator));
    wheel.schedule(999, 5);
    CHECK_EQUAL(netmux_test::lending().requests, 1);
  }
  CHECK_EQUAL(netmux_test::lending().blocks, 0);
}

TEST("a slot costs twelve bytes") {
  const auto bytes_for = [](uint32_t capacity) {
    TimerWheel wheel;
    netmux_test::reset_lending();
    CHECK(wheel.init(capacity, 0, kFailingAllocator));
    return netmux_test::lending().total;
  };
  CHECK_EQUAL(bytes_for(101'000) - bytes_for(1'000), 12 * 100'000);
}
