// Latencies, counted in buckets whose width grows with the value.
#ifndef NETMUX_BENCH_LOAD_HISTOGRAM_H_
#define NETMUX_BENCH_LOAD_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace netmux::load {

// Log-linear: 64 buckets for each power of two, so any value is known to 1.6 %, from one nanosecond to hours, in 18
// KiB.
class Histogram {
 public:
  void Record(uint64_t value) {
    counts_[IndexOf(value)]++;
    total_++;
    if (value > max_) max_ = value;
  }

  void Clear() { *this = Histogram(); }

  uint64_t max() const { return max_; }

  // The upper end of the bucket that holds the value below which `share` (0 … 1) of all values lie. 0 when nothing was
  // recorded.
  uint64_t Quantile(double share) const {
    const uint64_t wanted = static_cast<uint64_t>(share * static_cast<double>(total_));
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); i++) {
      seen += counts_[i];
      if (seen > wanted) return UpperEnd(i) < max_ ? UpperEnd(i) : max_;
    }
    return max_;
  }

 private:
  static constexpr uint32_t kSubBits = 6;
  static constexpr uint64_t kSub = 1 << kSubBits;
  static constexpr uint32_t kPowers = 36;

  static size_t IndexOf(uint64_t value) {
    if (value < kSub) return static_cast<size_t>(value);
    const uint32_t shift = 63 - static_cast<uint32_t>(__builtin_clzll(value)) - kSubBits;
    const size_t index = static_cast<size_t>((shift + 1) * kSub + ((value >> shift) - kSub));
    return index < kPowers * kSub ? index : kPowers * kSub - 1;
  }

  static uint64_t UpperEnd(size_t index) {
    if (index < kSub) return index;
    const uint64_t shift = index / kSub - 1;
    return ((kSub + index % kSub + 1) << shift) - 1;
  }

  std::array<uint64_t, kPowers * kSub> counts_{};
  uint64_t total_ = 0;
  uint64_t max_ = 0;
};

}  // namespace netmux::load

#endif  // NETMUX_BENCH_LOAD_HISTOGRAM_H_
