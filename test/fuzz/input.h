// The bytes that libFuzzer gives, taken apart. What they do not reach to is zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace netmux_fuzz {

class Input {
 public:
  Input(const uint8_t* bytes, size_t length) : bytes_(bytes), left_(length) {}

  template <typename Number>
  Number take() {
    Number number = 0;
    const size_t length = left_ < sizeof number ? left_ : sizeof number;
    std::memcpy(&number, bytes_, length);
    bytes_ += length;
    left_ -= length;
    return number;
  }
  bool empty() const { return left_ == 0; }
  const uint8_t* bytes() const { return bytes_; }
  size_t left() const { return left_; }

 private:
  const uint8_t* bytes_;
  size_t left_;
};

// What must always hold: libFuzzer takes an abort for a crash, and keeps the input.
inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace netmux_fuzz
