// What the command line of the load generator says.
#ifndef NETMUX_BENCH_LOAD_OPTIONS_H_
#define NETMUX_BENCH_LOAD_OPTIONS_H_

#include <cstdint>
#include <string>

namespace netmux::load {

enum class Mode {
  kClosed,  // N connections, D messages in flight on each, for a while
  kIdle,    // N connections that exchange one message each and then keep still
};

enum class Framing {
  kRaw,    // any bytes; the server sends back what it gets
  kLines,  // printable bytes and '\n'; the server sends back each line
  kPing,   // Redis protocol: PING, answered by +PONG
};

struct Options {
  Mode mode = Mode::kClosed;
  Framing framing = Framing::kRaw;
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  int connections = 64;
  int in_flight = 1;
  int message_bytes = 64;
  int warmup_ms = 1000;
  int duration_ms = 2000;
  // Idle mode: so many connections are opened before the first pause, the others after it.
  int baseline = 0;
  // A server that says nothing for so long has lost what is missing.
  int stall_ms = 10000;
};

// Reads `--name=value` arguments. Returns what is wrong with them, or an empty string.
std::string ParseOptions(int argc, char** argv, Options* options);

}  // namespace netmux::load

#endif  // NETMUX_BENCH_LOAD_OPTIONS_H_
