// The bytes that go out and the bytes that must come back.
#ifndef NETMUX_BENCH_LOAD_PATTERN_H_
#define NETMUX_BENCH_LOAD_PATTERN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "options.h"

namespace netmux::load {

// Every connection walks round a ring of different messages and begins at a place of its own, so that a byte that is
// lost, doubled, changed or sent to another connection does not match what is expected at its position. Looking up a
// range costs one division, comparing it is one memcmp: the check must not make the generator the slower side.
class Pattern {
 public:
  // A range of the stream is contiguous in memory for at least so many bytes.
  static constexpr size_t kContiguousBytes = 64 * 1024;

  explicit Pattern(const Options& options);

  size_t request_bytes() const { return request_.message_bytes; }
  size_t reply_bytes() const { return reply_is_request_ ? request_.message_bytes : reply_.message_bytes; }

  // The bytes from `position` of what connection `number` sends.
  const char* Request(uint32_t number, uint64_t position) const { return request_.At(number, position); }
  // The bytes from `position` of what connection `number` must receive.
  const char* Reply(uint32_t number, uint64_t position) const {
    return (reply_is_request_ ? request_ : reply_).At(number, position);
  }

 private:
  struct Ring {
    size_t message_bytes = 0;
    uint64_t messages = 0;
    std::vector<char> bytes;

    const char* At(uint32_t number, uint64_t position) const {
      // Neighbours begin far apart: connections in step with each other are never at the same message.
      constexpr uint64_t kStride = 389;
      const uint64_t start = (number * kStride % messages) * message_bytes;
      return bytes.data() + (start + position) % (messages * message_bytes);
    }
    // Repeats the beginning behind the end, so that no range has to be put together from two.
    void Close();
  };

  static Ring Constant(const char* text);
  static Ring Random(const Options& options);

  Ring request_;
  Ring reply_;
  bool reply_is_request_ = true;
};

}  // namespace netmux::load

#endif  // NETMUX_BENCH_LOAD_PATTERN_H_
