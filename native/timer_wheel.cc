#include "timer_wheel.h"

#include <cassert>

#include "wrapped_time.h"

namespace netmux {

TimerWheel::~TimerWheel() {
  if (nodes_ != nullptr) allocator_->release(nodes_);
}

bool TimerWheel::init(uint32_t capacity, int32_t now, const Allocator& allocator) {
  assert(nodes_ == nullptr);
  const size_t count = static_cast<size_t>(kFirstSlot) + capacity;
  nodes_ = static_cast<Node*>(allocator.allocate_zeroed(count * sizeof(Node)));
  if (nodes_ == nullptr) return false;
  allocator_ = &allocator;
  capacity_ = capacity;
  now_ = now;
  for (uint32_t head = kFirstHead; head <= kDueHead; head++) nodes_[head] = {head, head, 0};
  return true;
}

void TimerWheel::schedule(uint32_t slot, int32_t due) {
  assert(slot < capacity_);
  const uint32_t node = kFirstSlot + slot;
  if (nodes_[node].next != 0) {
    unlink(node);
  } else {
    size_++;
  }
  nodes_[node].due = due;
  place(node);
}

void TimerWheel::cancel(uint32_t slot) {
  assert(slot < capacity_);
  const uint32_t node = kFirstSlot + slot;
  if (nodes_[node].next == 0) return;
  unlink(node);
  size_--;
}

bool TimerWheel::scheduled(uint32_t slot) const {
  assert(slot < capacity_);
  return nodes_[kFirstSlot + slot].next != 0;
}

void TimerWheel::advance(int32_t now) {
  uint32_t head;
  int32_t start;
  while (first_bucket(&head, &start)) {
    if (elapsed(now_, now) < 0) return;
    if (elapsed(now_, start) > elapsed(now_, now)) break;
    now_ = start;
    mark(head, false);
    if (head < kFirstHead + kBuckets) {
      append_list(kDueHead, head);
      continue;
    }
    // In list order, so that equal due times stay in order of scheduling. None of them comes back to this bucket.
    uint32_t node = nodes_[head].next;
    nodes_[head] = {head, head, 0};
    while (node != head) {
      const uint32_t following = nodes_[node].next;
      place(node);
      node = following;
    }
  }
  now_ = now;
}

uint32_t TimerWheel::pop_due() {
  const uint32_t node = nodes_[kDueHead].next;
  if (node == kDueHead) return kNone;
  unlink(node);
  size_--;
  return node - kFirstSlot;
}

bool TimerWheel::next(int32_t* due) const {
  if (!empty(kDueHead)) {
    *due = now_;
    return true;
  }
  uint32_t head;
  return first_bucket(&head, due);
}

void TimerWheel::append(uint32_t head, uint32_t node) {
  const uint32_t last = nodes_[head].previous;
  nodes_[node].next = head;
  nodes_[node].previous = last;
  nodes_[last].next = node;
  nodes_[head].previous = node;
}

// Moves all entries of the list `from`, which has some, behind those of `head`.
void TimerWheel::append_list(uint32_t head, uint32_t from) {
  const uint32_t last = nodes_[head].previous;
  const uint32_t first_moved = nodes_[from].next;
  const uint32_t last_moved = nodes_[from].previous;
  nodes_[last].next = first_moved;
  nodes_[first_moved].previous = last;
  nodes_[last_moved].next = head;
  nodes_[head].previous = last_moved;
  nodes_[from] = {from, from, 0};
}

void TimerWheel::unlink(uint32_t node) {
  const uint32_t next = nodes_[node].next;
  const uint32_t previous = nodes_[node].previous;
  nodes_[previous].next = next;
  nodes_[next].previous = previous;
  nodes_[node].next = 0;
  // Both neighbours are one node only if that is the head of a list that has become empty.
  if (next == previous && next < kDueHead) mark(next, false);
}

void TimerWheel::place(uint32_t node) {
  const uint32_t head = head_of(nodes_[node].due);
  append(head, node);
  if (head != kDueHead) mark(head, true);
}

void TimerWheel::mark(uint32_t head, bool occupied) {
  const uint32_t bucket = head - kFirstHead;
  uint64_t& word = occupied_[bucket / kBuckets][bucket % kBuckets / 64];
  const uint64_t bit = uint64_t{1} << (bucket % 64);
  word = occupied ? word | bit : word & ~bit;
}

uint32_t TimerWheel::head_of(int32_t due) const {
  if (elapsed(now_, due) <= 0) return kDueHead;
  const uint32_t difference = static_cast<uint32_t>(due) ^ static_cast<uint32_t>(now_);
  const uint32_t level = (31u - static_cast<uint32_t>(__builtin_clz(difference))) / kLevelBits;
  const uint32_t bucket = static_cast<uint32_t>(due) >> (level * kLevelBits) & (kBuckets - 1);
  return kFirstHead + level * kBuckets + bucket;
}

// The bucket that the wheel's time reaches first, and the time of its start.
bool TimerWheel::first_bucket(uint32_t* head, int32_t* start) const {
  for (uint32_t level = 0; level < kLevels; level++) {
    const uint32_t shift = level * kLevelBits;
    const uint32_t present = static_cast<uint32_t>(now_) >> shift & (kBuckets - 1);
    // Buckets lie after the wheel's own; at the top level around the end of the row as well, but since an entry lies
    // less than 2^31 ms ahead never more than half a row away, so the word that is met first has the first bucket.
    for (uint32_t step = 0; step < kWords; step++) {
      const uint32_t index = (present / 64 + step) % kWords;
      const uint64_t word = occupied_[level][index];
      if (word == 0) continue;
      const uint32_t bucket = index * 64 + static_cast<uint32_t>(__builtin_ctzll(word));
      // The bytes above the level's are the wheel's, those below are 0. A shift by 32 would be undefined.
      const uint32_t above_shift = shift + kLevelBits;
      const uint32_t above = above_shift == 32 ? 0 : static_cast<uint32_t>(now_) >> above_shift << above_shift;
      *head = kFirstHead + level * kBuckets + bucket;
      *start = static_cast<int32_t>(above | bucket << shift);
      return true;
    }
  }
  return false;
}

const char* TimerWheel::check_list(uint32_t head, uint32_t* count) const {
  uint32_t previous = head;
  for (uint32_t node = nodes_[head].next; node != head; node = nodes_[node].next) {
    if (node < kFirstSlot || node >= kFirstSlot + capacity_) return "a link leads to no slot";
    if (nodes_[node].previous != previous) return "two neighbours disagree";
    // How long an entry has been due is not limited, so the due time of one on the due list says nothing any more.
    if (head != kDueHead && head_of(nodes_[node].due) != head) return "an entry stands in a bucket that is not its own";
    if (++*count > size_) return "more entries are linked than are counted";
    previous = node;
  }
  return nodes_[head].previous == previous ? nullptr : "the end of a list is not its last entry";
}

const char* TimerWheel::check() const {
  uint32_t linked = 0;
  for (uint32_t head = kFirstHead; head <= kDueHead; head++) {
    const char* broken = check_list(head, &linked);
    if (broken != nullptr) return broken;
    if (head == kDueHead) break;
    const uint32_t bucket = head - kFirstHead;
    const bool marked = (occupied_[bucket / kBuckets][bucket % kBuckets / 64] >> (bucket % 64) & 1) != 0;
    if (marked == empty(head)) return "a bit of a bitmap and its bucket disagree";
  }
  if (linked != size_) return "fewer entries are linked than are counted";
  uint32_t queued = 0;
  for (uint32_t slot = 0; slot < capacity_; slot++) queued += scheduled(slot) ? 1 : 0;
  return queued == size_ ? nullptr : "a slot that is not linked looks queued, or the reverse";
}

}  // namespace netmux
