// The real kernel, made difficult: linked into an addon for tests in front of some system calls (ld --wrap), so that the
// tests in TypeScript run over it, and neither the sources nor a release build know of it.
//   env $(node scripts/build-cmake.mjs --faults | tail -n 1) NETMUX_FAULT_SEED=1 npx vitest run --project behaviour test/mux
// Only what a program must not notice: calls that are interrupted, that say "later" although there is something, that
// move less than they could; readiness that is late and in another order. What a test counts calls or batches by, it
// may notice. NETMUX_FAULT_KINDS names a file in which each process writes each kind of fault that it has met, once.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <utility>

extern "C" {
int __real_accept4(int fd, sockaddr* address, socklen_t* length, int flags);
ssize_t __real_recv(int fd, void* buffer, size_t length, int flags);
ssize_t __real_recvfrom(int fd, void* buffer, size_t length, int flags, sockaddr* from, socklen_t* from_length);
ssize_t __real_send(int fd, const void* buffer, size_t length, int flags);
ssize_t __real_sendmsg(int fd, const msghdr* message, int flags);
int __real_epoll_wait(int epoll, epoll_event* events, int capacity, int timeout);
}

namespace {

// In a thousand calls.
constexpr uint64_t kInterrupted = 200;
constexpr uint64_t kWouldBlock = 150;
constexpr uint64_t kShort = 300;
constexpr uint64_t kLate = 150;

// What is less is left whole: tests write down what each mux_input was given.
constexpr size_t kLeastShort = 8192;

// One per thread, as there is one reactor per thread.
uint64_t& state() {
  thread_local uint64_t value = 0;
  if (value == 0) {
    const char* seed = std::getenv("NETMUX_FAULT_SEED");
    value = std::strtoull(seed == nullptr ? "1" : seed, nullptr, 10) * 0x9e3779b97f4a7c15u + 1;
  }
  return value;
}

uint64_t below(uint64_t limit) {
  uint64_t& value = state();
  value ^= value >> 12;
  value ^= value << 25;
  value ^= value >> 27;
  return (value * 0x2545f4914f6cdd1du >> 16) % limit;
}

bool happens(uint64_t permille) { return below(1000) < permille; }

enum Kind { kEintr, kEagain, kShortRead, kShortWrite, kLateReadiness, kReordered, kKinds };
constexpr const char* kNames[kKinds] = {"EINTR\n",       "EAGAIN\n", "short-read\n",
                                        "short-write\n", "late\n",   "reordered\n"};

// Whoever runs the tests wants to know that they ran over this kernel at all.
void tell(Kind kind) {
  static std::atomic<bool> told[kKinds];
  if (told[kind].exchange(true)) return;
  const char* path = std::getenv("NETMUX_FAULT_KINDS");
  const int file = path == nullptr ? -1 : ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  if (::write(file, kNames[kind], strlen(kNames[kind])) < 0) std::abort();
  ::close(file);
}

// Whether the call fails here; errno says how.
bool disturbed() {
  const bool interrupted = happens(kInterrupted);
  if (!interrupted && !happens(kWouldBlock)) return false;
  tell(interrupted ? kEintr : kEagain);
  errno = interrupted ? EINTR : EAGAIN;
  return true;
}

size_t shorter(size_t length, Kind kind) {
  if (length <= kLeastShort || !happens(kShort)) return length;
  tell(kind);
  return kLeastShort + below(length - kLeastShort);
}

bool is_stream(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

}  // namespace

extern "C" {

int __wrap_accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  if (disturbed()) return -1;
  return __real_accept4(fd, address, length, flags);
}

ssize_t __wrap_recv(int fd, void* buffer, size_t length, int flags) {
  if (flags != 0) return __real_recv(fd, buffer, length, flags);
  if (disturbed()) return -1;
  return __real_recv(fd, buffer, shorter(length, kShortRead), flags);
}

ssize_t __wrap_recvfrom(int fd, void* buffer, size_t length, int flags, sockaddr* from, socklen_t* from_length) {
  if (disturbed()) return -1;
  return __real_recvfrom(fd, buffer, length, flags, from, from_length);
}

ssize_t __wrap_send(int fd, const void* buffer, size_t length, int flags) {
  if (disturbed()) return -1;
  return __real_send(fd, buffer, shorter(length, kShortWrite), flags);
}

ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags) {
  if (!is_stream(fd)) {
    // A datagram is sent or not; that there is no room for it is told to its sender, who would notice.
    return __real_sendmsg(fd, message, flags);
  }
  if (disturbed()) return -1;
  msghdr less = *message;
  if (happens(kShort)) {
    size_t bytes = 0;
    less.msg_iovlen = 0;
    while (less.msg_iovlen < message->msg_iovlen && bytes <= kLeastShort)
      bytes += message->msg_iov[less.msg_iovlen++].iov_len;
    if (less.msg_iovlen < message->msg_iovlen) tell(kShortWrite);
  }
  return __real_sendmsg(fd, &less, flags);
}

int __wrap_epoll_wait(int epoll, epoll_event* events, int capacity, int timeout) {
  if (happens(kInterrupted)) {
    tell(kEintr);
    errno = EINTR;
    return -1;
  }
  const int count = __real_epoll_wait(epoll, events, capacity, timeout);
  int kept = 0;
  for (int i = 0; i < count; i += 1) {
    if (!happens(kLate)) events[kept++] = events[i];
  }
  if (kept < count) tell(kLateReadiness);
  for (int i = kept - 1; i > 0; i -= 1) {
    const auto other = static_cast<int>(below(static_cast<uint64_t>(i) + 1));
    if (other != i) tell(kReordered);
    std::swap(events[i], events[other]);
  }
  return kept;
}

}  // extern "C"
