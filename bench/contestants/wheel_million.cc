// What the native engine keeps for the timer of a slot, a million times: the wheel's entry and the two words that it
// shares with JS. Prints JSON.
#include <time.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../../native/timer_wheel.h"

namespace {

constexpr uint32_t kTimers = 1000000;

// Due times as those of idle connections: within ten minutes of each other.
constexpr uint32_t kSpreadMs = 600000;

int64_t Now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<int64_t>(time.tv_sec) * 1000000000 + time.tv_nsec;
}

int64_t ResidentBytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  int64_t pages = 0;
  if (file == nullptr || std::fscanf(file, "%*s %" SCNd64, &pages) != 1) std::abort();
  std::fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

int32_t DueOf(uint32_t slot) { return static_cast<int32_t>(1 + slot * 2654435761u % kSpreadMs); }

double PerTimer(int64_t amount) { return static_cast<double>(amount) / kTimers; }

}  // namespace

int main() {
  const int64_t before = ResidentBytes();
  netmux::TimerWheel wheel;
  auto* const deadline = static_cast<int32_t*>(std::calloc(kTimers, sizeof(int32_t)));
  auto* const wheel_due = static_cast<int32_t*>(std::calloc(kTimers, sizeof(int32_t)));
  if (deadline == nullptr || wheel_due == nullptr || !wheel.init(kTimers, 0, netmux::heap())) return 1;

  const int64_t begin = Now();
  for (uint32_t slot = 0; slot < kTimers; slot++) {
    deadline[slot] = wheel_due[slot] = DueOf(slot);
    wheel.schedule(slot, DueOf(slot));
  }
  const int64_t armed = Now();
  const int64_t bytes = ResidentBytes() - before;

  // All of them come, in order, a tick at a time.
  uint32_t expired = 0;
  const int64_t expire_begin = Now();
  for (int32_t now = 1; now <= static_cast<int32_t>(kSpreadMs); now++) {
    wheel.advance(now);
    for (uint32_t slot = wheel.pop_due(); slot != netmux::TimerWheel::kNone; slot = wheel.pop_due()) {
      if (deadline[slot] != now) return 1;
      expired++;
    }
  }
  const int64_t expire_end = Now();
  if (expired != kTimers) return 1;
  std::printf("{\"armed\":%.2f,\"arm\":%.2f,\"expire\":%.2f}\n", PerTimer(bytes), PerTimer(armed - begin),
              PerTimer(expire_end - expire_begin));
  std::free(deadline);
  std::free(wheel_due);
  return 0;
}
