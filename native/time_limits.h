// How long a connection may take: to its first byte, without a byte, in all, and for a message that has begun. Nothing
// is queued for it but the wheel entry that a slot has anyway: when it comes due, look() says when to look again.
// Times are int32 milliseconds that wrap, compared by their signed difference.
#pragma once

#include <cstdint>

#include "admission.h"
#include "contract.h"
#include "memory.h"

namespace netmux {

class TimeLimits {
 public:
  // The allocator must outlive it. Null if there is no memory for so many slots.
  static TimeLimits* create(uint32_t max_handles, const Allocator& allocator);
  static void destroy(TimeLimits* limits);

  TimeLimits(const TimeLimits&) = delete;
  TimeLimits& operator=(const TimeLimits&) = delete;

  // A connection was accepted.
  void begin(uint32_t slot, int32_t now) { watches_[slot] = {now, now, now, now, 0, false}; }
  // Bytes were received or sent.
  void moved(uint32_t slot, int32_t now) { watches_[slot].active = now; }
  // The application reads again, or does not read: the time before is not the peer's fault.
  void resumed(uint32_t slot, int32_t now) { watches_[slot].resumed = now; }

  // What is known of a connection when it is looked at.
  struct Present {
    bool paused;
    bool unfinished;  // a message has begun, or output waits
    double received;
    double sent;
  };
  // The limit that is reached, or None and when to look again; that may be now, where there is nothing to wait for, 0.
  Expiry look(uint32_t slot, const ListenerLimits& limits, const Present& present, int32_t now, int32_t* next);

 private:
  struct Watch {
    int32_t opened;
    int32_t active;
    int32_t resumed;
    int32_t sampled;         // when the present window of the byte rate began
    uint32_t sampled_bytes;  // the low word of all bytes at that time
    bool unfinished;         // at that time
  };
  static_assert(sizeof(Watch) == 24, "what docs/limits.md says");

  explicit TimeLimits(const Allocator& allocator) : allocator_(allocator) {}
  ~TimeLimits();

  bool is_slow(Watch& watch, double rate, const Present& present, int32_t now);

  const Allocator& allocator_;
  Watch* watches_ = nullptr;
};

}  // namespace netmux
