// A wall clock that jumps: preloaded, it gives a process another hour in each second, one back, then right, then one ahead.
// The monotonic clock is left alone. Nothing has to tell it when to jump.
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

namespace {

constexpr time_t kHour = 3600;

// The system call itself: the function of libc is the one that is replaced here.
int Read(clockid_t clock, timespec* now) {
  return static_cast<int>(syscall(SYS_clock_gettime, clock, now));
}

time_t Jump() {
  timespec now;
  Read(CLOCK_MONOTONIC, &now);
  return (now.tv_sec % 3 - 1) * kHour;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const int result = Read(clock, now);
  if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += Jump();
  return result;
}

extern "C" int gettimeofday(timeval* now, void*) noexcept {
  timespec precise;
  const int result = clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return result;
}
