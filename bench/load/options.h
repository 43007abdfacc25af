// What the command line of the load generator says.
#ifndef NETMUX_BENCH_LOAD_OPTIONS_H_
#define NETMUX_BENCH_LOAD_OPTIONS_H_

#include <cstdint>
#include <string>

namespace netmux::load {

enum class Mode {
  kClosed,     // N connections, D messages in flight on each, for a while
  kOpen,       // N connections, messages at a fixed rate
  kChurn,      // N connections at a time, each for one message
  kIdle,       // N connections that exchange one message each and then keep still
  kBroadcast,  // N connections, one of which speaks to all
};

enum class Framing {
  kRaw,        // any bytes; the server sends back what it gets
  kLines,      // printable bytes and '\n'; the server sends back each line
  kPing,       // Redis protocol: PING, answered by +PONG
  kPublished,  // lines that begin with a blank: the server sends them to everybody. Only mode kBroadcast has them
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
  // The warm-up goes on until so many messages were answered, but no longer than eight times its length: a server that
  // is slowed down, by a tool or by a busy machine, compiles by what it has done and not by the clock.
  int warmup_messages = 0;
  int duration_ms = 2000;
  // A further stage behind the measurement, for whoever slows the server down by watching it closely.
  int count_ms = 0;
  // Open loop: messages per second, of all connections together.
  int per_second = 20000;
  // Idle mode: so many connections are opened before the first pause, the others after it.
  int baseline = 0;
  // A server that says nothing for so long has lost what is missing.
  int stall_ms = 10000;
  // Generators with different seeds send different bytes, so that an answer meant for another one's client is wrong.
  int seed = 0;
};

// Reads `--name=value` arguments. Returns what is wrong with them, or an empty string.
std::string ParseOptions(int argc, char** argv, Options* options);

}  // namespace netmux::load

#endif  // NETMUX_BENCH_LOAD_OPTIONS_H_
