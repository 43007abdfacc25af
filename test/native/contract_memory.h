// The memory of the contract (native/contract.h) in plain vectors, each with a guard behind it: a write past the end of
// one shows in every build, not only under a sanitizer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "check.h"
#include "contract.h"

namespace netmux_test {

template <typename T>
class Guarded {
 public:
  explicit Guarded(size_t count) : words_(count + kGuard, T{}), count_(count) {
    for (size_t i = 0; i < kGuard; i++) words_[count_ + i] = kMark;
  }
  ~Guarded() {
    for (size_t i = 0; i < kGuard; i++) CHECK(words_[count_ + i] == kMark);
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  T* data() { return words_.data(); }

 private:
  static constexpr size_t kGuard = 64;
  static constexpr T kMark = 77;
  std::vector<T> words_;
  size_t count_;
};

class ContractMemory {
 public:
  explicit ContractMemory(uint32_t max_handles)
      : max_handles_(max_handles),
        generation_(max_handles),
        unsent_(max_handles),
        deadline_(max_handles),
        wheel_due_(max_handles),
        interest_(max_handles),
        traffic_(2 * size_t{max_handles}) {}

  netmux::SharedMemory shared() {
    netmux::SharedMemory memory;
    memory.max_handles = max_handles_;
    memory.control = control_.data();
    memory.clock = clock_.data();
    memory.records = records_.data();
    memory.commands = commands_.data();
    memory.read_slab = read_slab_.data();
    memory.output_slab = output_slab_.data();
    memory.generation = generation_.data();
    memory.unsent = unsent_.data();
    memory.deadline = deadline_.data();
    memory.wheel_due = wheel_due_.data();
    memory.interest = interest_.data();
    memory.traffic = traffic_.data();
    memory.counters = counters_.data();
    return memory;
  }

 private:
  uint32_t max_handles_;
  Guarded<int32_t> control_{netmux::kControlWords};
  Guarded<double> clock_{1};
  Guarded<int32_t> records_{netmux::kRecordCapacity * netmux::kWords};
  Guarded<int32_t> commands_{netmux::kCommandCapacity * netmux::kWords};
  Guarded<uint8_t> read_slab_{netmux::kReadSlabBytes};
  Guarded<uint8_t> output_slab_{netmux::kOutputSlabBytes};
  Guarded<int32_t> generation_;
  Guarded<int32_t> unsent_;
  Guarded<int32_t> deadline_;
  Guarded<int32_t> wheel_due_;
  Guarded<uint8_t> interest_;
  Guarded<double> traffic_;
  Guarded<double> counters_{netmux::kCounters};
};

}  // namespace netmux_test
