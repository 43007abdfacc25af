// Random calls of the wheel against a model that is too simple to be wrong: a sorted set on a clock that never wraps.
#include <cstdint>
#include <list>
#include <set>
#include <tuple>
#include <vector>

#include "check.h"
#include "timer_wheel.h"

using netmux::TimerWheel;
using netmux_test::Random;

namespace {

constexpr int64_t kFarthest = 0x7fffffff;

class Model {
 public:
  Model(uint32_t slots, int64_t now) : now_(now), entries_(slots) {}

  void schedule(uint32_t slot, int64_t due) {
    cancel(slot);
    Entry& entry = entries_[slot];
    if (due <= now_) {
      entry.place = due_.insert(due_.end(), slot);
      entry.where = Where::DueList;
    } else {
      entry.key = {due, ++scheduled_, slot};
      waiting_.insert(entry.key);
      entry.where = Where::Waiting;
    }
  }
  void cancel(uint32_t slot) {
    Entry& entry = entries_[slot];
    if (entry.where == Where::DueList) due_.erase(entry.place);
    if (entry.where == Where::Waiting) waiting_.erase(entry.key);
    entry.where = Where::Nowhere;
  }
  bool scheduled(uint32_t slot) const { return entries_[slot].where != Where::Nowhere; }
  void advance(int64_t now) {
    now_ = now;
    while (!waiting_.empty() && std::get<0>(*waiting_.begin()) <= now) {
      const uint32_t slot = std::get<2>(*waiting_.begin());
      waiting_.erase(waiting_.begin());
      entries_[slot].place = due_.insert(due_.end(), slot);
      entries_[slot].where = Where::DueList;
    }
  }
  uint32_t pop_due() {
    if (due_.empty()) return TimerWheel::kNone;
    const uint32_t slot = due_.front();
    cancel(slot);
    return slot;
  }
  bool any_due() const { return !due_.empty(); }
  bool any_waiting() const { return !waiting_.empty(); }
  int64_t earliest() const { return std::get<0>(*waiting_.begin()); }
  size_t size() const { return due_.size() + waiting_.size(); }

 private:
  enum class Where { Nowhere, Waiting, DueList };
  using Key = std::tuple<int64_t, uint64_t, uint32_t>;  // due, order of scheduling, slot
  struct Entry {
    Where where = Where::Nowhere;
    Key key;
    std::list<uint32_t>::iterator place;
  };

  int64_t now_;
  uint64_t scheduled_ = 0;
  std::vector<Entry> entries_;
  std::set<Key> waiting_;
  std::list<uint32_t> due_;
};

// Wheel and model side by side, on a fake clock of 64 bits of which the wheel sees the lower 32.
class Pair {
 public:
  Pair(Random& random, uint32_t slots, int64_t start)
      : random_(random), slots_(slots), now_(start), model_(slots, start) {
    CHECK(wheel_.init(slots, static_cast<int32_t>(start), netmux::heap()));
  }

  // One random call on both. False if they disagree.
  bool step() {
    const uint32_t slot = static_cast<uint32_t>(random_.below(slots_));
    switch (random_.below(10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return schedule(slot);
      case 4:
      case 5:
        wheel_.cancel(slot);
        model_.cancel(slot);
        return same(slot);
      case 6:
      case 7:
        return pop();
      case 8:
        return advance(now_ + static_cast<int64_t>(random_.below(magnitude())));
      default:
        return advance_to_next();
    }
  }
  // Invariants of the wheel, and what is left in both when all is over.
  bool sound() const { return CHECK_SOUND(wheel_.check()); }
  bool run_out() {
    while (model_.size() > 0) {
      if (!advance_to_next()) return false;
      while (model_.any_due()) {
        if (!pop()) return false;
      }
    }
    int32_t bound;
    return CHECK(!wheel_.next(&bound)) && CHECK_EQUAL(wheel_.size(), 0);
  }

 private:
  // All sizes of times equally often, from 1 ms to 2^31 ms: bugs sit at the ends of the levels.
  uint64_t magnitude() { return uint64_t{1} << random_.below(32); }

  bool schedule(uint32_t slot) {
    // One in sixteen has passed already; the others lie less than 2^31 ms ahead.
    const int64_t ahead = static_cast<int64_t>(random_.below(magnitude()));
    const int64_t due = random_.below(16) == 0 ? now_ - ahead : now_ + ahead;
    wheel_.schedule(slot, static_cast<int32_t>(due));
    model_.schedule(slot, due);
    return same(slot);
  }
  bool pop() { return CHECK_EQUAL(wheel_.pop_due(), model_.pop_due()) && CHECK_EQUAL(wheel_.size(), model_.size()); }
  bool advance(int64_t now) {
    now_ = now;
    wheel_.advance(static_cast<int32_t>(now));
    model_.advance(now);
    return bound_holds();
  }
  bool advance_to_next() {
    int32_t bound;
    if (!wheel_.next(&bound)) return CHECK_EQUAL(model_.size(), 0);
    const int64_t to = now_ + static_cast<uint32_t>(bound - static_cast<uint32_t>(now_));
    return advance(to);
  }
  // The next time lies ahead and not behind what the model waits for; or it is now, because something is due.
  bool bound_holds() const {
    int32_t bound;
    if (!wheel_.next(&bound)) return CHECK_EQUAL(model_.size(), 0);
    const int64_t ahead = static_cast<uint32_t>(static_cast<uint32_t>(bound) - static_cast<uint32_t>(now_));
    if (model_.any_due()) return CHECK_EQUAL(ahead, 0);
    return CHECK(model_.any_waiting()) && CHECK(ahead > 0) && CHECK(now_ + ahead <= model_.earliest());
  }
  bool same(uint32_t slot) const {
    return CHECK(wheel_.scheduled(slot) == model_.scheduled(slot)) && CHECK_EQUAL(wheel_.size(), model_.size()) &&
           bound_holds();
  }

  Random& random_;
  uint32_t slots_;
  int64_t now_;
  Model model_;
  TimerWheel wheel_;
};

void run(Random& random, uint32_t slots, int64_t start, int steps) {
  Pair pair(random, slots, start);
  for (int step = 0; step < steps; step++) {
    if (!pair.step()) return;
    // A walk over all entries: seldom enough to stay in seconds, often enough to be near the cause.
    if (step % 1'000 == 0 && !pair.sound()) return;
  }
  if (pair.sound()) pair.run_out();
}

}  // namespace

TEST("a wheel of many slots does what a sorted set does, a million times") {
  Random random;
  run(random, 500, 0, 1'000'000);
}

TEST("a wheel of few slots, which is often empty, does the same") {
  Random random;
  run(random, 3, -1, 200'000);
}

TEST("so it does around the wrap of the clock, again and again") {
  Random random;
  for (int round = 0; round < 200; round++) run(random, 20, kFarthest - 1'000 * round, 500);
}
