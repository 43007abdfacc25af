// A hierarchical timing wheel: a pure structure, `now` is an argument. One entry per slot, linked by slot number.
// Times are int32 milliseconds that wrap; two are compared by their signed difference, so an entry must lie less than
// 2^31 ms ahead. Scheduling, moving and cancelling are O(1).
#pragma once

#include <cstdint>

#include "memory.h"

namespace netmux {

class TimerWheel {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  TimerWheel() = default;
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();

  // Room for slots 0 … capacity − 1; untouched pages cost nothing. False if there is no memory.
  bool init(uint32_t capacity, int32_t now, const Allocator& allocator);

  // Queues the slot, or moves it. A due that has passed is due at the next pop.
  void schedule(uint32_t slot, int32_t due);
  void cancel(uint32_t slot);
  bool scheduled(uint32_t slot) const;

  // Moves the wheel to `now`: all that is due joins the due list, in order of due time (equal ones in order of scheduling).
  void advance(int32_t now);
  // Takes one slot off the due list, or kNone. Until then cancel() and schedule() still apply to it.
  uint32_t pop_due();

  // When advance() has work next: true and a lower bound of the earliest due, or false if nothing is queued.
  bool next(int32_t* due) const;

  uint32_t size() const { return size_; }
  // Verifies every invariant; for tests. Null, or what is broken.
  const char* check() const;

 private:
  // (the implementer's)
};

}  // namespace netmux
