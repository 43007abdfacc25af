// The poller on epoll, level-triggered: edge-triggering measured no better, and a level cannot be lost.
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "poller.h"

namespace netmux {

namespace {

uint32_t events_of(uint8_t interest) {
  return ((interest & kReadable) ? EPOLLIN | EPOLLRDHUP : 0u) | ((interest & kWritable) ? EPOLLOUT : 0u);
}

int control(int epoll, int operation, int fd, uint32_t slot, uint32_t generation, uint8_t interest) {
  epoll_event event;
  event.events = events_of(interest);
  event.data.u64 = static_cast<uint64_t>(generation) << 32 | slot;
  return epoll_ctl(epoll, operation, fd, &event) == 0 ? 0 : -errno;
}

}  // namespace

int Poller::open() {
  fd_ = epoll_create1(EPOLL_CLOEXEC);
  return fd_ < 0 ? -errno : 0;
}

void Poller::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

int Poller::add(int fd, uint32_t slot, uint32_t generation, uint8_t interest) {
  return control(fd_, EPOLL_CTL_ADD, fd, slot, generation, interest);
}

int Poller::change(int fd, uint32_t slot, uint32_t generation, uint8_t, uint8_t interest) {
  return control(fd_, EPOLL_CTL_MOD, fd, slot, generation, interest);
}

int Poller::remove(int fd, uint8_t) { return control(fd_, EPOLL_CTL_DEL, fd, 0, 0, 0); }

int Poller::poll(Ready* ready) {
  epoll_event events[kReadyCapacity];
  const int count = epoll_wait(fd_, events, kReadyCapacity, 0);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i += 1) {
    const uint32_t bits = events[i].events;
    ready[i].slot = static_cast<uint32_t>(events[i].data.u64);
    ready[i].generation = static_cast<uint32_t>(events[i].data.u64 >> 32);
    ready[i].events = static_cast<uint8_t>(((bits & EPOLLIN) ? kReadable : 0) | ((bits & EPOLLOUT) ? kWritable : 0) |
                                           ((bits & EPOLLRDHUP) ? kReadEnd : 0) | ((bits & EPOLLHUP) ? kHangup : 0) |
                                           ((bits & EPOLLERR) ? kFailed : 0));
  }
  return count;
}

}  // namespace netmux
