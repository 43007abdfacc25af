#include "pattern.h"

#include <cstring>

namespace netmux::load {
namespace {

// Lengths of the ring: primes, so that the stride visits every place before it repeats one.
constexpr uint64_t kRingLengths[] = {61, 251, 1021, 4093, 16381, 65521, 262139, 1048573};

// Long messages share starting places rather than filling the memory; they are used with few connections.
constexpr uint64_t kMostRingBytes = 64 << 20;

uint64_t RingLength(const Options& options) {
  const uint64_t wanted = static_cast<uint64_t>(options.connections) + static_cast<uint64_t>(options.in_flight);
  uint64_t length = kRingLengths[0];
  for (const uint64_t candidate : kRingLengths) {
    if (candidate * static_cast<uint64_t>(options.message_bytes) > kMostRingBytes) break;
    length = candidate;
    if (candidate > wanted) break;
  }
  return length;
}

// A fixed sequence for each seed: two runs send the same bytes.
class Sequence {
 public:
  // The seed goes where it shows at once; the lower bits of the start keep the state from being 0, in which it would stay.
  explicit Sequence(int seed) : state_(kStart ^ static_cast<uint64_t>(seed) << 40) {}

  uint32_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<uint32_t>(state_ >> 32);
  }

 private:
  static constexpr uint64_t kStart = 0x9e3779b97f4a7c15;
  uint64_t state_;
};

}  // namespace

Pattern::Pattern(const Options& options) {
  if (options.framing == Framing::kPing) {
    request_ = Constant("*1\r\n$4\r\nPING\r\n");
    reply_ = Constant("+PONG\r\n");
    reply_is_request_ = false;
  } else {
    request_ = Random(options);
  }
}

void Pattern::Ring::Close() {
  const size_t length = bytes.size();
  bytes.resize(length + kContiguousBytes);
  for (size_t i = 0; i < kContiguousBytes; i++) bytes[length + i] = bytes[i];
}

Pattern::Ring Pattern::Constant(const char* text) {
  Ring ring;
  ring.message_bytes = std::strlen(text);
  ring.messages = 1;
  ring.bytes.assign(text, text + ring.message_bytes);
  ring.Close();
  return ring;
}

Pattern::Ring Pattern::Random(const Options& options) {
  Ring ring;
  ring.message_bytes = static_cast<size_t>(options.message_bytes);
  ring.messages = RingLength(options);
  ring.bytes.resize(ring.message_bytes * ring.messages);
  const bool published = options.framing == Framing::kPublished;
  const bool lines = published || options.framing == Framing::kLines;
  constexpr uint32_t kFirstPrintable = '!';
  constexpr uint32_t kPrintables = '~' - '!' + 1;
  Sequence sequence(options.seed);
  for (size_t i = 0; i < ring.bytes.size(); i++) {
    const uint32_t random = sequence.Next();
    if (!lines) {
      ring.bytes[i] = static_cast<char>(random);
    } else if ((i + 1) % ring.message_bytes == 0) {
      ring.bytes[i] = '\n';
    } else if (published && i % ring.message_bytes == 0) {
      ring.bytes[i] = ' ';
    } else {
      ring.bytes[i] = static_cast<char>(kFirstPrintable + random % kPrintables);
    }
  }
  ring.Close();
  return ring;
}

}  // namespace netmux::load
