// The load generator: plays many clients against one server and checks every byte that comes back.
//
// It prints one line of JSON for each stage and waits for a line on its standard input before it goes on. The server
// has nothing to do in such a pause, so whoever watches it can read its CPU time and its memory exactly between two
// stages.
#include <sys/resource.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>

#include "broadcast.h"
#include "churn.h"
#include "closed_loop.h"
#include "open_loop.h"
#include "options.h"

namespace netmux::load {
namespace {

constexpr int64_t kNsPerMs = 1000 * 1000;

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// False when the other end is gone.
bool WaitForLine() {
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) == 1) {
    if (byte == '\n') return true;
  }
  return false;
}

bool Pause(const char* stage) {
  std::printf("{\"stage\":\"%s\"}\n", stage);
  return WaitForLine();
}

int Fail(const std::string& error) {
  std::printf("{\"stage\":\"failed\",\"error\":\"%s\"}\n", error.c_str());
  return 1;
}

struct Window {
  uint64_t messages = 0;
  uint64_t bytes = 0;
  double seconds = 0;
  double cpu_seconds = 0;
};

// Counts and times what `work` moves. Wrong bytes and the like are counted from the start, whenever they came.
template <typename Work>
Window Measure(Clients& clients, Work work) {
  clients.latencies().Clear();
  const Tally before = clients.tally();
  const double cpu_before = CpuSeconds();
  const int64_t begin = Now();
  work();
  Window window;
  window.seconds = static_cast<double>(Now() - begin) / 1e9;
  window.cpu_seconds = CpuSeconds() - cpu_before;
  window.messages = clients.tally().messages - before.messages;
  window.bytes = clients.tally().bytes - before.bytes;
  return window;
}

// The connections stay open until the stage was answered: closing them would be work for the server.
bool Report(Clients& clients, const Window& window) {
  clients.CheckQuiet();
  const Tally& tally = clients.tally();
  const Histogram& latencies = clients.latencies();
  const auto micros = [&](double share) { return static_cast<double>(latencies.Quantile(share)) / 1e3; };
  std::printf("{\"stage\":\"done\",\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64
              ",\"seconds\":%.9f,\"cpuSeconds\":%.6f"
              ",\"wrongBytes\":%" PRIu64 ",\"extraBytes\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"lost\":%" PRIu64
              ",\"latencyUs\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f}}\n",
              window.messages, window.bytes, window.seconds, window.cpu_seconds, tally.wrong_bytes, tally.extra_bytes,
              tally.missing, tally.lost, micros(0.5), micros(0.9), micros(0.99), micros(0.999),
              static_cast<double>(latencies.max()) / 1e3);
  return WaitForLine();
}

// By how much a warm-up that has not brought its messages yet may exceed its time.
constexpr int kLongestWarmup = 8;

template <typename Play>
void WarmUp(const Options& options, const Clients& clients, Play play) {
  const int64_t latest = Now() + options.warmup_ms * kNsPerMs * kLongestWarmup;
  const uint64_t wanted = static_cast<uint64_t>(options.warmup_messages);
  uint64_t before = 0;
  do {
    before = clients.tally().messages;
    play(options.warmup_ms);
  } while (clients.tally().messages < wanted && clients.tally().messages > before && Now() < latest);
}

// `run` plays a mode until the time that it is given.
template <typename Traffic>
int RunFor(const Options& options, void (Traffic::*run)(int64_t until)) {
  Traffic clients(options);
  if (!clients.Open(options.connections)) return Fail(clients.error());
  const auto play = [&](int duration_ms) { (clients.*run)(Now() + duration_ms * kNsPerMs); };
  if (options.warmup_ms > 0) WarmUp(options, clients, play);
  if (!Pause("warm")) return 1;
  const Window window = Measure(clients, [&] { play(options.duration_ms); });
  if (!clients.error().empty()) return Fail(clients.error());
  if (!Report(clients, window)) return 1;
  if (options.count_ms == 0) return 0;
  const Window counted = Measure(clients, [&] { play(options.count_ms); });
  std::printf("{\"stage\":\"counted\",\"messages\":%" PRIu64 "}\n", counted.messages);
  return WaitForLine() ? 0 : 1;
}

int RunIdle(const Options& options) {
  ClosedLoop clients(options);
  if (options.baseline > 0) {
    if (!clients.Open(options.baseline)) return Fail(clients.error());
    if (!Pause("baseline")) return 1;
  }
  if (!clients.Open(options.connections)) return Fail(clients.error());
  if (!Pause("held")) return 1;
  // Whether all of them are still there shows only when they speak once more.
  const Window window = Measure(clients, [&] { clients.ExchangeOnce(); });
  return Report(clients, window) ? 0 : 1;
}

int Run(const Options& options) {
  switch (options.mode) {
    case Mode::kClosed:
      return RunFor(options, &ClosedLoop::ExchangeUntil);
    case Mode::kOpen:
      return RunFor(options, &OpenLoop::OfferUntil);
    case Mode::kChurn:
      return RunFor(options, &Churn::ChurnUntil);
    case Mode::kIdle:
      return RunIdle(options);
    case Mode::kBroadcast:
      return RunFor(options, &Broadcast::PublishUntil);
  }
  return 1;
}

}  // namespace
}  // namespace netmux::load

int main(int argc, char** argv) {
  netmux::load::Options options;
  const std::string problem = netmux::load::ParseOptions(argc, argv, &options);
  return problem.empty() ? netmux::load::Run(options) : netmux::load::Fail(problem);
}
