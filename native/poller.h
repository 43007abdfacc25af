// What the reactor asks of a readiness facility of the kernel. poller_epoll.cc and poller_kqueue.cc implement it; the
// build file chooses one. Results are data: only the reactor acts on them.
#pragma once

#include <cstdint>

namespace netmux {

// Interests and results. Hangup and Failed come unasked.
enum Readiness : uint8_t {
  kReadable = 1,
  kWritable = 2,
  kReadEnd = 4,  // the peer has shut down writing (EPOLLRDHUP, EV_EOF on a read filter): read until 0
  kHangup = 8,   // both directions are over
  kFailed = 16,  // an error waits in SO_ERROR
};

struct Ready {
  uint32_t slot;
  uint32_t generation;
  uint8_t events;  // Readiness bits; one entry per (slot, generation) in a result
};

// Entries of one wait. A wake-up finishes an array before it asks for the next.
constexpr int kReadyCapacity = 1024;

class Poller {
 public:
  Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller() { close(); }

  int open();  // 0 or −errno
  void close();
  int descriptor() const { return fd_; }  // readable while something is ready

  // Watches fd for `interest` (kReadable and kWritable; kReadEnd comes with kReadable). 0 or −errno.
  int add(int fd, uint32_t slot, uint32_t generation, uint8_t interest);
  // `before` is what is watched now.
  int change(int fd, uint32_t slot, uint32_t generation, uint8_t before, uint8_t interest);
  // Explicit before every close: a descriptor with a living duplicate would be reported for ever.
  int remove(int fd, uint8_t before);

  // What is ready now, at most kReadyCapacity entries, without waiting. The count, or −errno.
  int poll(Ready* ready);

 private:
  int fd_ = -1;
};

}  // namespace netmux
