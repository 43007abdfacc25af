// The poller on kqueue, level-triggered (no EV_CLEAR) like the one on epoll. Where the two differ:
//
// * Filters are watched, not descriptors: interest in both directions is two registrations, merged in kqueue_merge.h.
// * Nothing is reported of a descriptor without interest. A paused connection that was reset says so when resumed.
// * The end of writing (EV_EOF) is also reported after our own shutdown: kWritable must not be watched then.
#include <errno.h>
#include <fcntl.h>
#include <sys/event.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#include "kqueue_merge.h"
#include "poller.h"

namespace netmux {
namespace {

static_assert(sizeof(void*) >= sizeof(uint64_t), "udata must carry a slot and its generation");

// udata names the owner, not the descriptor: the number may have another owner by the time the event is read.
void* owner(uint32_t slot, uint32_t generation) {
  return reinterpret_cast<void*>(static_cast<uintptr_t>(generation) << 32 | slot);
}

// Registrations to be made or taken back in one call, one per direction.
class Changes {
 public:
  // Registers (EV_ADD) or takes back (EV_DELETE) the filters of `directions`.
  void append(int fd, uint8_t directions, uint16_t action, void* udata) {
    if (directions & kReadable) append_filter(fd, EVFILT_READ, action, udata);
    if (directions & kWritable) append_filter(fd, EVFILT_WRITE, action, udata);
  }

  // 0, or −errno of the first change that failed. All are tried.
  int apply(int kqueue) {
    if (count_ == 0) return 0;
    struct kevent receipts[kMost];
    // As many receipts as changes, so the call returns without looking at events, and cannot be interrupted.
    const int received = ::kevent(kqueue, changes_, count_, receipts, count_, nullptr);
    if (received < 0) return -errno;
    for (int i = 0; i < received; i++) {
      if ((receipts[i].flags & EV_ERROR) && receipts[i].data != 0) return -static_cast<int>(receipts[i].data);
    }
    return 0;
  }

 private:
  static constexpr int kMost = 2;

  void append_filter(int fd, int16_t filter, uint16_t action, void* udata) {
    // EV_RECEIPT: without it the first failure would hide what became of the other change.
    EV_SET(&changes_[count_++], fd, filter, action | EV_RECEIPT, 0, 0, udata);
  }

  struct kevent changes_[kMost];
  int count_ = 0;
};

FilterEvent in_our_words(const struct kevent& event) {
  const auto token = reinterpret_cast<uintptr_t>(event.udata);
  const bool end = (event.flags & EV_EOF) != 0;
  return {
      static_cast<uint32_t>(token),
      static_cast<uint32_t>(token >> 32),
      event.filter == EVFILT_READ ? kReadable : kWritable,
      end,
      // fflags is the socket's error beside EV_EOF only.
      (event.flags & EV_ERROR) != 0 || (end && event.fflags != 0),
  };
}

}  // namespace

int Poller::open() {
  fd_ = ::kqueue();
  if (fd_ < 0) return -errno;
  // A forked child does not inherit a kqueue, but a process that executes in place would keep it.
  if (::fcntl(fd_, F_SETFD, FD_CLOEXEC) == 0) return 0;
  const int error = errno;
  close();
  return -error;
}

void Poller::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

int Poller::add(int fd, uint32_t slot, uint32_t generation, uint8_t interest) {
  Changes changes;
  changes.append(fd, interest, EV_ADD, owner(slot, generation));
  const int error = changes.apply(fd_);
  if (error != 0) remove(fd, interest);
  return error;
}

int Poller::change(int fd, uint32_t slot, uint32_t generation, uint8_t before, uint8_t interest) {
  Changes changes;
  changes.append(fd, static_cast<uint8_t>(before & ~interest), EV_DELETE, nullptr);
  changes.append(fd, static_cast<uint8_t>(interest & ~before), EV_ADD, owner(slot, generation));
  return changes.apply(fd_);
}

int Poller::remove(int fd, uint8_t before) {
  Changes changes;
  changes.append(fd, before, EV_DELETE, nullptr);
  return changes.apply(fd_);
}

int Poller::poll(Ready* ready) {
  struct kevent events[kReadyCapacity];
  const timespec no_wait = {0, 0};
  const int count = ::kevent(fd_, nullptr, 0, events, kReadyCapacity, &no_wait);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  FilterEvent filtered[kReadyCapacity];
  for (int i = 0; i < count; i++) filtered[i] = in_our_words(events[i]);
  return merge_filter_events(filtered, count, ready);
}

}  // namespace netmux
