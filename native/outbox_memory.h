// The memory of all outboxes of a reactor, counted, so that what a burst of unsent output took goes back to the system.
// malloc keeps what is freed below anything that still lives: of half a gigabyte that was queued, a hundred megabytes and
// more stayed resident for as long as the process lived.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "memory.h"

namespace netmux {

class OutboxMemory {
 public:
  // So much must be free of what was once in use. Less is soon needed again, and a process that is busy always has it.
  static constexpr size_t kTrimBytes = 16 * 1024 * 1024;

  // For so long it must have been free. Trimming takes some 60 µs a MiB, and pages that were given back cost a fault each
  // when they are needed after all.
  static constexpr int64_t kTrimDelayMs = 1000;

  static constexpr int64_t kNever = INT64_MAX;

  // The allocator must outlive it.
  explicit OutboxMemory(const Allocator& allocator) : allocator_(allocator) {}
  OutboxMemory(const OutboxMemory&) = delete;
  OutboxMemory& operator=(const OutboxMemory&) = delete;

  // Null if there is no memory.
  void* allocate(size_t bytes) {
    void* block = allocator_.allocate(bytes);
    if (block != nullptr) in_use_ += bytes;
    most_ = std::max(most_, in_use_);
    return block;
  }
  // `bytes` as they were asked for.
  void release(void* block, size_t bytes) {
    in_use_ -= bytes;
    allocator_.release(block);
  }

  // When trim() wants to be called, in the milliseconds of `now_ms`.
  int64_t trim_due(int64_t now_ms) {
    if (most_ - in_use_ < kTrimBytes) {
      trim_at_ = kNever;
    } else if (trim_at_ == kNever) {
      trim_at_ = now_ms + kTrimDelayMs;
    }
    return trim_at_;
  }
  // Gives back what is free, if it is time for that.
  void trim(int64_t now_ms) {
    if (trim_due(now_ms) > now_ms) return;
    most_ = in_use_;
    trim_at_ = kNever;
    allocator_.trim();
  }

 private:
  const Allocator& allocator_;
  size_t in_use_ = 0;
  size_t most_ = 0;  // that was in use at once since the last trimming
  int64_t trim_at_ = kNever;
};

}  // namespace netmux
