// How slots come and go: sockets that are made, accepted or taken over, and descriptors that are given back.
#include <errno.h>

#include "reactor.h"
#include "socket_ops.h"

namespace netmux {

namespace {

// How long a listener rests that ran out of descriptors or memory, unless a descriptor comes free earlier.
constexpr int64_t kParkMs = 100;

// A listener in trouble is reported at most this often.
constexpr int64_t kListenerErrorMs = 1000;

// How often a UNIX socket with a full queue is tried. Nobody tells when there is room; this is what waiting costs at most.
constexpr int64_t kConnectRetryMs = 20;

// How long closing may take after the callbacks of a turn. As long as these: who closes no more than it has accepted leaves no rest.
constexpr int64_t kReleaseBudgetNs = 4000 * 1000;

}  // namespace

int64_t Reactor::adopt_fd(int fd, SlotKind kind, uint32_t read_size, bool local_path) {
  const uint32_t number = slots_.acquire();
  if (number == Slot::kNone) return -EMFILE;
  Slot& slot = slots_.at(number);
  slot.fd = fd;
  slot.kind = kind;
  // A read of no bytes would look like the end of input.
  slot.read_size = read_size == 0 ? 1 : read_size;
  slot.local_path = local_path;
  memory_.unsent[number] = 0;
  memory_.deadline[number] = 0;
  memory_.wheel_due[number] = 0;
  memory_.interest[number] = 0;
  memory_.traffic[2 * number] = 0;
  memory_.traffic[2 * number + 1] = 0;
  return number;
}

int64_t Reactor::listen(const uint8_t* block, size_t length, int backlog, uint32_t flags, uint32_t read_size, int mode,
                        const SocketTuning& tuning) {
  const int fd = open_bound(sys_, block, length, backlog, flags, mode, tuning);
  if (fd < 0) return fd;
  const SlotKind kind = (flags & SocketFlag::Datagram) ? SlotKind::Datagram : SlotKind::Listener;
  const int64_t number = adopt_fd(fd, kind, read_size, block[0] == AddressFamily::Unix);
  if (number < 0) sys_.close(fd);
  return number;
}

int64_t Reactor::connect(const uint8_t* block, size_t length, uint32_t flags, uint32_t read_size,
                         const SocketTuning& tuning) {
  const ConnectStart start = open_connecting(sys_, block, length, flags, tuning);
  if (start.fd < 0) return start.fd;
  const bool local = block[0] == AddressFamily::Unix;
  const int64_t made = adopt_fd(start.fd, SlotKind::Stream, read_size, local);
  if (made < 0) {
    sys_.close(start.fd);
    return made;
  }
  const auto number = static_cast<uint32_t>(made);
  Slot& slot = slots_.at(number);
  slot.connecting = true;
  slot.result_errno = start.status;
  slot.knocking = local && start.status == EAGAIN;
  if (!slot.knocking) return number;
  sockaddr_storage address;
  const int size = to_sockaddr(block, length, &address);
  if (retries_.add(number, memory_.generation[number], address, static_cast<socklen_t>(size))) return number;
  sys_.close(start.fd);
  slots_.release(number);
  return -ENOMEM;
}

int64_t Reactor::adopt(int fd, uint32_t read_size, HandleKind* kind) {
  Adopted found;
  const int error = netmux::adopt(sys_, fd, &found);
  if (error < 0) return error;
  const int64_t made = adopt_fd(fd, found.kind, read_size, found.local_path);
  if (made < 0) {
    sys_.set_flags(fd, found.original_flags);
    return made;
  }
  const auto number = static_cast<uint32_t>(made);
  Slot& slot = slots_.at(number);
  slot.original_flags = found.original_flags;
  if (!found.readable) slot.reading = Reading::Ended;
  // Only the kernel knows whether it can be waited for: what cannot is found here, not at the first turn. It stays there
  // without interest, so that the same descriptor is not taken over twice.
  const int pollable = poller_.add(fd, number, static_cast<uint32_t>(memory_.generation[number]), 0);
  if (pollable < 0) {
    sys_.set_flags(fd, found.original_flags);
    slots_.release(number);
    return pollable;
  }
  slot.registered = true;
  *kind = found.kind == SlotKind::Listener   ? HandleKind::Listener
          : found.kind == SlotKind::Datagram ? HandleKind::Datagram
                                             : HandleKind::Stream;
  return number;
}

int Reactor::tune(uint32_t number, uint32_t flags, const SocketTuning& tuning) {
  const Slot* slot = slots_.find(number);
  if (slot == nullptr || slot->kind != SlotKind::Listener) return -EINVAL;
  return slot->local_path ? 0 : tune_listener(sys_, slot->fd, flags, tuning);
}

int Reactor::release(uint32_t number) {
  Slot* slot = slots_.find(number);
  if (slot == nullptr || slot->kind == SlotKind::Closing || slot->lingering) return -EBADF;
  // −1: somebody has closed it under us. The slot goes all the same.
  const int fd = slot->fd;
  retire(number, *slot);
  if (fd >= 0 && slot->original_flags >= 0) sys_.set_flags(fd, slot->original_flags);
  slot->fd = -1;
  const int result = fd >= 0 ? fd : -EBADF;
  if (in_turn_) return result;
  release_closed();
  apply_interest();
  arm_host_timer();
  return result;
}

int Reactor::address(uint32_t number, bool remote, uint8_t* block) {
  Slot* slot = slots_.find(number);
  if (slot == nullptr || slot->fd < 0) return -EBADF;
  sockaddr_storage address;
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  int result = remote ? sys_.getpeername(slot->fd, generic, &length) : sys_.getsockname(slot->fd, generic, &length);
#ifdef SO_PEERNAME
  // After a reset, or both FINs, getpeername has forgotten the peer. The socket has not: whoever logs mux_close wants to
  // know who left. The length must be that of the family, which the own name tells.
  if (result != 0 && remote && errno == ENOTCONN && sys_.getsockname(slot->fd, generic, &length) == 0) {
    result = sys_.getsockopt(slot->fd, SOL_SOCKET, SO_PEERNAME, &address, &length);
  }
#endif
  if (result != 0) return -errno;
  return static_cast<int>(from_sockaddr(generic, length, block));
}

int Reactor::fd_of(uint32_t number) {
  Slot* slot = slots_.find(number);
  return slot == nullptr ? -1 : slot->fd;
}

const Outbox* Reactor::outbox_of(uint32_t number) {
  Slot* slot = slots_.find(number);
  return slot == nullptr ? nullptr : slot->outbox;
}

void Reactor::start(uint32_t number, Slot& slot) {
  if (slot.started) return;
  slot.started = true;
  touch_interest(number, slot);
  if (slot.knocking) {
    if (retry_at_ == Host::kNever) retry_at_ = now_ms() + kConnectRetryMs;
    return;
  }
  // One that is established already is waited for like one in progress: its first input must not overtake the news.
  const int status = slot.result_errno;
  if (slot.connecting && status != 0 && status != EINPROGRESS) connect_failed(number, slot, status);
}

void Reactor::connected(uint32_t number, Slot& slot) {
  slot.connecting = false;
  touch_interest(number, slot);
  result(number, slot, kResultConnected);
  if (slot.outbox != nullptr) {
    flush_outbox(number, slot);
  } else if (slot.owes_drained) {
    write_done(number, slot);
  } else if (slot.writing == Writing::Flushing) {
    shut_write(number, slot);
  }
}

void Reactor::connect_failed(uint32_t number, Slot& slot, int error) {
  slot.connecting = slot.knocking = false;
  slot.reading = Reading::Ended;
  slot.writing = Writing::Failed;
  drop_outbox(number, slot);
  result(number, slot, kResultConnectFailed, error);
  sleep(number, slot);
}

void Reactor::retry_connects() {
  retry_at_ = Host::kNever;
  for (ConnectRetries::Knock** link = retries_.first(); *link != nullptr;) {
    const ConnectRetries::Knock& knock = **link;
    const uint32_t number = knock.slot;
    Slot* slot = slots_.find(number, knock.generation);
    if (slot != nullptr && slot->kind != SlotKind::Closing && slot->knocking) {
      int error = 0;
      if (slot->started && sys_.connect(slot->fd, reinterpret_cast<const sockaddr*>(&knock.address), knock.length) != 0)
        error = errno;
      if (!slot->started || error == EAGAIN) {
        if (slot->started) retry_at_ = now_ms() + kConnectRetryMs;
        link = &(*link)->next;
        continue;
      }
      slot->knocking = false;
      if (error != 0) connect_failed(number, *slot, error);
      touch_interest(number, *slot);
    }
    retries_.remove(link);
  }
}

// A listener that cannot accept for want of descriptors or memory stays readable: it is taken out, and comes back when
// a descriptor was given back or after a while.
void Reactor::park(uint32_t number, Slot& slot, int error) {
  const int64_t now = now_ms();
  if (!slot.parked) {
    slot.parked = true;
    parked_ += 1;
    memory_.count(Counter::AcceptPauses);
    unwatch(slot);
  }
  parked_until_ = now + kParkMs;
  if (last_listener_error_ != INT64_MIN && now - last_listener_error_ < kListenerErrorMs) return;
  if (!room_for_record()) return;
  last_listener_error_ = now;
  record(RecordKind::ListenerError, number, error);
}

void Reactor::unpark() {
  parked_until_ = Host::kNever;
  for (uint32_t number = 0; parked_ > 0 && number < slots_.made(); number += 1) {
    Slot& slot = slots_.at(number);
    if (slot.kind != SlotKind::Listener || !slot.parked) continue;
    slot.parked = false;
    parked_ -= 1;
    touch_interest(number, slot);
  }
}

// The slot's owner is gone and its descriptor will be closed after the present array of events.
void Reactor::retire(uint32_t number, Slot& slot) {
  unwatch(slot);
  wheel_.cancel(number);
  drop_outbox(number, slot);
  if (slot.lingering) {
    lingering_ -= 1;
    if (lingering_ == 0) host_.set_lingering(false);
  }
  if (slot.parked) parked_ -= 1;
  slot.parked = false;
  slot.lingering = false;
  slot.timed = false;
  if (slot.kind == SlotKind::Listener && slot.guarded) {
    admission_->close_door(slot.door);
    slot.guarded = false;
  }
  // What is no connection does not wait for them: the address of a listener may be wanted again at once.
  const bool first = slot.kind != SlotKind::Stream;
  slot.kind = SlotKind::Closing;
  queue_closed(number, first);
}

// Frees what is closed, first come, first served, for a while: to close a connection costs the kernel as much as a message, and
// who closes thousands in one callback must not hold the loop. The rest waits for the next turn, its descriptors with it.
void Reactor::release_closed() {
  if (first_closed_ == Slot::kNone || ready_next_ < ready_count_) return;
  // A list that holds a closed slot would outlive it: both are emptied first.
  apply_interest();
  const int64_t end = sys_.monotonic_ns() + kReleaseBudgetNs;
  uint32_t listed = Slot::kNone;
  while (first_closed_ != Slot::kNone) {
    const uint32_t number = first_closed_;
    Slot& slot = slots_.at(number);
    first_closed_ = slot.next;
    if (slot.results & kResultListed) {
      // Still on the list of results, which will skip it: its turn to be freed comes after that.
      slot.next = listed;
      listed = number;
      continue;
    }
    give_back(slot);
    count_out(number, slot);
    memory_.unsent[number] = 0;
    memory_.deadline[number] = 0;
    memory_.wheel_due[number] = 0;
    slots_.release(number);
    if (sys_.monotonic_ns() >= end) break;
  }
  while (listed != Slot::kNone) {
    const uint32_t number = listed;
    listed = slots_.at(number).next;
    queue_closed(number, true);
  }
  if (parked_ > 0) unpark();
}

void Reactor::queue_closed(uint32_t number, bool first) {
  const bool only = first_closed_ == Slot::kNone;
  slots_.at(number).next = first ? first_closed_ : Slot::kNone;
  if (first || only) {
    first_closed_ = number;
  } else {
    slots_.at(last_closed_).next = number;
  }
  if (!first || only) last_closed_ = number;
}

// Closes the descriptor. One that was taken over may have other owners, in this process or its parent (a terminal's
// shell), who expect it as it was.
void Reactor::give_back(Slot& slot) {
  if (slot.fd < 0) return;
  if (slot.original_flags >= 0) sys_.set_flags(slot.fd, slot.original_flags);
  sys_.close(slot.fd);
  slot.fd = -1;
}

}  // namespace netmux
