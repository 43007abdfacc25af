// kqueue knows no descriptors, only filters: one that is readable and writable comes as two records, in any order and
// not side by side. The reactor wants one entry per slot, or it would act on an answer to the first half while the
// second still waits in its array. This is the pure part of poller_kqueue.cc, free of its system header, so that it can
// be tested anywhere.
#pragma once

#include <cassert>
#include <cstdint>

#include "poller.h"

namespace netmux {

// What a kevent says, in our words.
struct FilterEvent {
  uint32_t slot;
  uint32_t generation;
  uint8_t filter;  // kReadable (EVFILT_READ) or kWritable (EVFILT_WRITE)
  bool end;        // EV_EOF: this direction is over
  bool error;      // EV_ERROR, or the socket's error in fflags beside EV_EOF
};

// An open hash table over the entries of a result; as a rule an entry is found after a step or two.
class ReadyIndex {
 public:
  // The place of (slot, generation) in `ready`, which has `count` entries; `count` if it is new, and then it is noted.
  int find_or_note(uint32_t slot, uint32_t generation, const Ready* ready, int count) {
    // Slots that are busy at the same time have neighbouring numbers as a rule: the low bits spread them best.
    for (uint32_t place = slot % kPlaces;; place = (place + 1) % kPlaces) {
      if (places_[place] == 0) {
        places_[place] = static_cast<uint16_t>(count + 1);
        return count;
      }
      const Ready& other = ready[places_[place] - 1];
      if (other.slot == slot && other.generation == generation) return places_[place] - 1;
    }
  }

 private:
  // Twice as many as there can be entries, so that there is always a free place and seldom a long way to it.
  static constexpr uint32_t kPlaces = 2 * kReadyCapacity;
  uint16_t places_[kPlaces] = {};  // index in the result + 1; 0 = free
};

// Merges `count` (at most kReadyCapacity) events into `ready`, in order of first appearance, and returns the number of
// entries.
//
// * The end of reading is kReadEnd. It comes with kReadable: what arrived before it must still be read.
// * The end of writing alone is kWritable: the next write learns why (EPIPE), and reading goes on undisturbed.
// * Both ends are kHangup as well.
// * An error is kFailed as well.
inline int merge_filter_events(const FilterEvent* events, int count, Ready* ready) {
  assert(count <= kReadyCapacity);
  constexpr uint8_t kWriteEnd = 128;  // not a Readiness: it only waits for its other half
  ReadyIndex index;
  int merged = 0;
  for (int i = 0; i < count; i++) {
    const FilterEvent& event = events[i];
    const int entry = index.find_or_note(event.slot, event.generation, ready, merged);
    if (entry == merged) ready[merged++] = {event.slot, event.generation, 0};
    uint8_t bits = event.filter;
    if (event.end && event.filter == kReadable) bits |= kReadEnd;
    if (event.end && event.filter == kWritable) bits |= kWriteEnd;
    if (event.error) bits |= kFailed;
    ready[entry].events |= bits;
  }
  for (int entry = 0; entry < merged; entry++) {
    uint8_t& bits = ready[entry].events;
    if ((bits & kReadEnd) && (bits & kWriteEnd)) bits |= kHangup;
    bits &= static_cast<uint8_t>(~kWriteEnd);
  }
  return merged;
}

}  // namespace netmux
