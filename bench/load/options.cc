#include "options.h"

#include <cstdlib>
#include <cstring>

namespace netmux::load {
namespace {

struct Number {
  const char* name;
  int Options::*field;
  int least;
  int most;
};

// The upper ends keep every product of two of them (bytes in flight, table sizes) inside 64 bits and the tables inside
// memory.
constexpr Number kNumbers[] = {
    {"connections", &Options::connections, 1, 1 << 20},
    {"in-flight", &Options::in_flight, 1, 1024},
    {"size", &Options::message_bytes, 8, 1 << 20},
    {"warmup-ms", &Options::warmup_ms, 0, 600000},
    {"duration-ms", &Options::duration_ms, 1, 600000},
    {"count-ms", &Options::count_ms, 0, 600000},
    {"per-second", &Options::per_second, 1, 10000000},
    {"baseline", &Options::baseline, 0, 1 << 20},
    {"stall-ms", &Options::stall_ms, 1, 600000},
    {"seed", &Options::seed, 0, 1 << 20},
    {"warmup-messages", &Options::warmup_messages, 0, 1 << 30},
};

bool ParseNumber(const char* text, int least, int most, int* result) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < least || value > most) return false;
  *result = static_cast<int>(value);
  return true;
}

template <typename Value>
struct Name {
  const char* text;
  Value value;
};

constexpr Name<Mode> kModes[] = {
    {"closed", Mode::kClosed}, {"open", Mode::kOpen},           {"churn", Mode::kChurn},
    {"idle", Mode::kIdle},     {"broadcast", Mode::kBroadcast},
};

constexpr Name<Framing> kFramings[] = {{"raw", Framing::kRaw}, {"lines", Framing::kLines}, {"ping", Framing::kPing}};

template <typename Value, size_t count>
bool ParseName(const char* text, const Name<Value> (&names)[count], Value* result) {
  for (const Name<Value>& name : names) {
    if (std::strcmp(text, name.text) != 0) continue;
    *result = name.value;
    return true;
  }
  return false;
}

bool ParseOne(const std::string& name, const char* value, Options* options) {
  if (name == "mode") return ParseName(value, kModes, &options->mode);
  if (name == "framing") return ParseName(value, kFramings, &options->framing);
  if (name == "host") {
    options->host = value;
    return true;
  }
  if (name == "port") {
    int port = 0;
    if (!ParseNumber(value, 1, 65535, &port)) return false;
    options->port = static_cast<uint16_t>(port);
    return true;
  }
  for (const Number& number : kNumbers) {
    if (name == number.name) return ParseNumber(value, number.least, number.most, &(options->*number.field));
  }
  return false;
}

}  // namespace

std::string ParseOptions(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; i++) {
    const char* argument = argv[i];
    const char* equals = std::strchr(argument, '=');
    if (std::strncmp(argument, "--", 2) != 0 || equals == nullptr ||
        !ParseOne(std::string(argument + 2, equals), equals + 1, options)) {
      return std::string("bad argument ") + argument;
    }
  }
  if (options->port == 0) return "--port is missing";
  if (options->mode == Mode::kBroadcast && options->framing != Framing::kLines)
    return "a broadcast wants --framing=lines";
  if (options->baseline > options->connections) return "--baseline is more than --connections";
  return std::string();
}

}  // namespace netmux::load
