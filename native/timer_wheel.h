// A hierarchical timing wheel: a pure structure, `now` is an argument. One entry per slot, linked by slot number.
// Times are int32 milliseconds that wrap; two are compared by their signed difference, so an entry must lie less than
// 2^31 ms ahead. Scheduling, moving and cancelling are O(1).
//
// Four levels of 256 buckets. An entry stands at the level of the highest byte in which its due time differs from the
// wheel's time, in the bucket that this byte names. So all entries of a level come before those of the level above,
// equal due times always share a bucket, and a bucket is touched when the wheel's time reaches its start: at level 0
// all of it is due, above it is spread over the levels below. An entry is moved at most three times on its way.
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

  // Room for slots 0 … capacity − 1, 12 bytes each; untouched pages cost nothing. Called once. False if there is no
  // memory. The allocator must outlive the wheel.
  bool init(uint32_t capacity, int32_t now, const Allocator& allocator);

  // Queues the slot, or moves it. With a due that has passed (by the time of the last advance) it joins the end of the
  // due list.
  void schedule(uint32_t slot, int32_t due);
  // Does nothing if the slot is not queued.
  void cancel(uint32_t slot);
  bool scheduled(uint32_t slot) const;

  // Moves the wheel to `now`: all that is due joins the due list, in order of due time (equal ones in order of
  // scheduling). The cost depends on the entries that are touched, not on the time that has passed. A `now` before the
  // last one is ignored; while entries are waiting it may lie less than 2^31 ms after the last one, else anywhere.
  void advance(int32_t now);
  // Takes one slot off the due list, or kNone. Until then cancel() and schedule() still apply to it.
  uint32_t pop_due();

  // When advance() has work next: true and a lower bound of the earliest due, or false if nothing is queued. The bound
  // is exact when it lies in the same 256 ms as the wheel's time; else it is where a bucket is spread, and asking again
  // after an advance to it gets closer, with the fourth bound at the latest being exact. While the due list is not
  // empty it is the wheel's time.
  bool next(int32_t* due) const;

  // Queued slots, those on the due list included.
  uint32_t size() const { return size_; }
  // Verifies every invariant; for tests, it walks all entries. Null, or what is broken.
  const char* check() const;

 private:
  static constexpr uint32_t kLevels = 4;
  static constexpr uint32_t kLevelBits = 8;
  static constexpr uint32_t kBuckets = 1u << kLevelBits;  // per level
  static constexpr uint32_t kWords = kBuckets / 64;       // of a level's bitmap

  // Lists are circular through a head of their own, so that an entry is unlinked without knowing its list, and a list
  // is appended to another one in O(1). Node 0 stays unused: a link of 0 means "not queued", which is what freshly
  // zeroed memory says. Then come the heads of the buckets, the head of the due list, and the slots.
  struct Node {
    uint32_t next;
    uint32_t previous;
    int32_t due;  // unused in a head
  };
  static_assert(sizeof(Node) == 12, "what init() promises");
  static constexpr uint32_t kFirstHead = 1;
  static constexpr uint32_t kDueHead = kFirstHead + kLevels * kBuckets;
  static constexpr uint32_t kFirstSlot = kDueHead + 1;

  bool empty(uint32_t head) const { return nodes_[head].next == head; }
  void append(uint32_t head, uint32_t node);
  void append_list(uint32_t head, uint32_t from);
  void unlink(uint32_t node);
  void place(uint32_t node);
  void mark(uint32_t head, bool occupied);
  uint32_t head_of(int32_t due) const;
  bool first_bucket(uint32_t* head, int32_t* start) const;
  const char* check_list(uint32_t head, uint32_t* count) const;

  Node* nodes_ = nullptr;
  const Allocator* allocator_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t size_ = 0;
  int32_t now_ = 0;
  uint64_t occupied_[kLevels][kWords] = {};  // a bit per bucket that is not empty
};

}  // namespace netmux
