// Readiness: what each ready descriptor becomes.
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "reactor.h"
#include "socket_ops.h"

namespace netmux {

namespace {

// Connections taken from one listener in one turn. Fewer while established ones are ready, which a burst must not starve.
constexpr int kAcceptBudget = 64;
constexpr int kAcceptBudgetBusy = 16;

// Datagrams taken from one socket in one turn.
constexpr int kDatagramBudget = 64;

// With less room than this in the read slab the batch is delivered first: tiny reads of a streaming peer cost more.
constexpr size_t kMinReadWindow = 8 * 1024;

// The longest datagram that IP can carry.
constexpr size_t kMaxDatagram = 65535;

#ifdef __linux__
// With this flag the length of a datagram is told even where it is more than was asked for: UNIX ones may be of any length.
constexpr int kReceiveFlags = MSG_TRUNC;
#else
constexpr int kReceiveFlags = 0;
#endif

// Reads of one connection in one turn: a second one only to see the end of input that was announced with the data.
constexpr int kReadsPerTurn = 2;

// Input thrown away per turn and connection while it is being discarded.
constexpr size_t kDiscardWindow = 64 * 1024;

size_t aligned(size_t length) { return (length + 7) & ~size_t{7}; }

// Errors of accept that are about the connection that was waiting, not about the listener.
bool concerns_the_peer(int error) {
  switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

}  // namespace

void Reactor::on_ready(const Ready& ready) {
  const uint32_t number = ready.slot;
  Slot* slot = slots_.find(number, static_cast<int32_t>(ready.generation));
  if (slot == nullptr || slot->kind == SlotKind::Closing) return;
  if (!slot->started) {
    // Taken over and hung up. It says so again when it is started.
    unwatch(*slot);
    return;
  }
  switch (slot->kind) {
    case SlotKind::Listener:
      if (slot->reading == Reading::Open) {
        accept_ready(number, *slot);
      } else {
        sleep(number, *slot);
      }
      break;
    case SlotKind::Datagram:
      on_datagrams(number, *slot, ready.events);
      break;
    default:
      on_stream(number, *slot, ready.events);
  }
}

void Reactor::on_stream(uint32_t number, Slot& slot, uint8_t events) {
  if (slot.connecting) {
    connect_ready(number, slot);
    return;
  }
  const uint8_t trouble = events & (kHangup | kFailed);
  if (events & (kReadable | kReadEnd | kHangup | kFailed)) {
    if (slot.reading == Reading::Discarding) {
      discard_ready(number, slot, events);
    } else if (slot.reading == Reading::Open) {
      read_ready(number, slot, events);
      // The end is told before what a write of now would make of it: an error drops what is queued, and with it the reason.
      if (slot.reading == Reading::Ended) return;
    } else if (trouble != 0 && slot.outbox == nullptr) {
      hung_up(number, slot, events);
      return;
    }
  }
  // Reading may have delivered a batch, and with it the slot may have been closed: it has no outbox then, and is not
  // reused within this array.
  if (slot.outbox == nullptr) return;
  if (events & (kWritable | kHangup | kFailed)) flush_outbox(number, slot);
  // A hung-up terminal with a full buffer says neither that it takes more, nor that it never will.
  if (slot.outbox != nullptr && (events & kHangup) && (events & kWritable) == 0) write_failed(number, slot, EPIPE);
}

void Reactor::on_datagrams(uint32_t number, Slot& slot, uint8_t events) {
  if (slot.reading == Reading::Open || slot.reading == Reading::Discarding) {
    receive_ready(number, slot, events);
    return;
  }
  // A refusal does not wait for resume: it is about what was sent.
  const int error = (events & kFailed) ? take_error(slot) : 0;
  if (error != 0) {
    result(number, slot, kResultSendFailed, error);
  } else {
    sleep(number, slot);
  }
}

void Reactor::accept_ready(uint32_t number, Slot& slot) {
  const int budget = ready_count_ > 1 ? kAcceptBudgetBusy : kAcceptBudget;
  for (int i = 0; i < budget; i += 1) {
    if (!room_for_record() && !deliver()) return;
    // A delivered batch may have closed or paused it.
    if (slot.kind != SlotKind::Listener || slot.reading != Reading::Open) return;
    // Only limits want to know who it is.
    sockaddr_storage peer;
    socklen_t peer_length = sizeof peer;
    const int fd = slot.guarded ? sys_.accept_nonblocking(slot.fd, reinterpret_cast<sockaddr*>(&peer), &peer_length)
                                : sys_.accept_nonblocking(slot.fd, nullptr, nullptr);
    if (fd < 0) {
      const int error = errno;
      if (would_block(error)) return;
      if (concerns_the_peer(error)) continue;
      park(number, slot, error);
      return;
    }
    if (slot.guarded && !let_in(slot, fd, peer)) continue;
    const int64_t made = adopt_fd(fd, SlotKind::Stream, slot.read_size, slot.local_path);
    if (made < 0) {
      sys_.close(fd);
      park(number, slot, EMFILE);
      return;
    }
    const auto client = static_cast<uint32_t>(made);
    if (slot.guarded && !count_in(slot, client, peer)) {
      sys_.close(fd);
      slots_.release(client);
      park(number, slot, ENOMEM);
      return;
    }
    const int watched = poller_.add(fd, client, static_cast<uint32_t>(memory_.generation[client]), kReadable);
    if (watched < 0) {
      // Nobody has heard of it: it need not wait for the end of the array, nor does its end wake the listener.
      sys_.close(fd);
      wheel_.cancel(client);
      count_out(client, slots_.at(client));
      slots_.release(client);
      park(number, slot, -watched);
      return;
    }
    Slot& connection = slots_.at(client);
    connection.started = true;
    connection.registered = true;
    connection.watched = kReadable;
    record(RecordKind::Accept, client, static_cast<int32_t>(number));
  }
}

void Reactor::connect_ready(uint32_t number, Slot& slot) {
  const int error = take_error(slot);
  if (error == 0) {
    connected(number, slot);
  } else {
    connect_failed(number, slot, error);
  }
}

// What waits in SO_ERROR; asking takes it away.
int Reactor::take_error(const Slot& slot) {
  int error = 0;
  socklen_t size = sizeof error;
  return sys_.getsockopt(slot.fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

// Failed, but there is nothing to read. 0 or an errno.
int Reactor::silent_failure(const Slot& slot) {
  if (slot.kind == SlotKind::Channel) return EIO;
  const int error = take_error(slot);
#ifdef MSG_ERRQUEUE
  // Whoever made the socket may have asked for reports (IP_RECVERR, time stamps): they keep it failed until they are
  // read. Sockets of other families do not know the flag and would give their input.
  sockaddr_storage address;
  socklen_t length = sizeof address;
  if (error != 0 || sys_.getsockname(slot.fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return error;
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return 0;
  constexpr int kReportBudget = 64;  // in one turn
  uint8_t ignored;
  for (int i = 0; i < kReportBudget; i += 1) {
    if (sys_.recv(slot.fd, &ignored, sizeof ignored, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
  }
#endif
  return error;
}

// Makes room for `bytes` in the read slab, by delivering the batch if need be. False if the environment goes away.
bool Reactor::slab_has(size_t bytes) {
  if (room_for_record() && kReadSlabBytes - slab_used_ >= bytes) return true;
  return deliver();
}

ssize_t Reactor::read_some(const Slot& slot, uint8_t* to, size_t length) {
  for (;;) {
    const ssize_t count =
        slot.kind == SlotKind::Channel ? sys_.read(slot.fd, to, length) : sys_.recv(slot.fd, to, length, 0);
    if (count >= 0 || errno != EINTR) return count;
  }
}

void Reactor::read_ready(uint32_t number, Slot& slot, uint8_t events) {
  for (int reads = 0; reads < kReadsPerTurn; reads += 1) {
    if (!slab_has(kMinReadWindow)) return;
    // A delivered batch may have closed, paused or ended it.
    if (slot.kind == SlotKind::Closing || slot.reading != Reading::Open) return;
    const size_t room = kReadSlabBytes - slab_used_;
    const size_t window = slot.read_size < room ? slot.read_size : room;
    const ssize_t count = read_some(slot, memory_.read_slab + slab_used_, window);
    if (count <= 0) {
      int error = count == 0 ? 0 : errno;
      if (would_block(error)) {
        error = (events & kFailed) ? silent_failure(slot) : 0;
        if (error == 0) return;
      }
      end_of_input(number, slot, error);
      return;
    }
    const auto length = static_cast<size_t>(count);
    record(RecordKind::Data, number, static_cast<int32_t>(slab_used_), static_cast<int32_t>(length));
    slab_used_ += aligned(length);
    if (slab_used_ > kReadSlabBytes) slab_used_ = kReadSlabBytes;
    memory_.traffic[2 * number] += static_cast<double>(length);
    moved(number, slot);
    // A short read has emptied the socket; only an end that was announced with the data is worth another call.
    if (length == window || (events & kReadEnd) == 0) return;
  }
}

void Reactor::end_reading(uint32_t number, Slot& slot) {
  slot.reading = Reading::Ended;
  touch_interest(number, slot);
}

void Reactor::end_of_input(uint32_t number, Slot& slot, int error) {
  end_reading(number, slot);
  if (!room_for_record() && !deliver()) return;
  if (slot.kind != SlotKind::Closing) record(RecordKind::Eof, number, error);
}

// Input that nobody wants: read, so that closing does not turn into a reset that destroys what was sent. A lingering
// connection ends with the peer's FIN or when it has sent too much; its time limit is in the wheel.
void Reactor::discard_ready(uint32_t number, Slot& slot, uint8_t events) {
  // The slab is borrowed: nothing of it is in use beyond slab_used_.
  if (!slab_has(kMinReadWindow) || slot.reading != Reading::Discarding || slot.kind == SlotKind::Closing) return;
  const size_t room = kReadSlabBytes - slab_used_;
  const ssize_t count = read_some(slot, memory_.read_slab + slab_used_, room < kDiscardWindow ? room : kDiscardWindow);
  int error = count < 0 ? errno : 0;
  if (would_block(error)) {
    error = (events & kFailed) ? silent_failure(slot) : 0;
    if (error == 0) return;
  }
  if (count > 0) {
    const auto length = static_cast<uint32_t>(count);
    if (!slot.lingering) {
      memory_.traffic[2 * number] += length;
      moved(number, slot);
      return;
    }
    if (slot.linger_bytes > length) {
      slot.linger_bytes -= length;
      return;
    }
  }
  if (slot.lingering) {
    retire(number, slot);
    return;
  }
  end_reading(number, slot);
  // The error is taken from the socket here; nobody would hear of it from a later write either.
  if (error != 0) write_failed(number, slot, error);
}

// Hangups cannot be masked. Nobody reads here, and nothing waits to be written: without this the descriptor would be
// reported by every poll.
void Reactor::hung_up(uint32_t number, Slot& slot, uint8_t events) {
  if (slot.reading == Reading::Ended && (events & kFailed)) {
    // Of a channel there is only this to hear: the reader of a pipe has gone.
    const int error = slot.kind == SlotKind::Channel ? EPIPE : take_error(slot);
    if (error != 0) write_failed(number, slot, error);
  }
  // A paused connection keeps its error: it is read, and reported, after resume.
  sleep(number, slot);
}

void Reactor::receive_ready(uint32_t number, Slot& slot, uint8_t events) {
  for (int i = 0; i < kDatagramBudget; i += 1) {
    if (!slab_has(kAddressRoom + kMaxDatagram)) return;
    if (slot.kind == SlotKind::Closing || slot.reading == Reading::Paused || slot.reading == Reading::Ended) return;
    uint8_t* block = memory_.read_slab + slab_used_;
    // The length of an IP sender's block is known before the datagram; behind a UNIX one the payload is moved up.
    const size_t head = slot.local_path ? kAddressRoom : kAddressBytes;
    sockaddr_storage from;
    socklen_t from_length = sizeof from;
    ssize_t count;
    do {
      count = sys_.recvfrom(slot.fd, block + head, kMaxDatagram, kReceiveFlags, reinterpret_cast<sockaddr*>(&from),
                            &from_length);
    } while (count < 0 && errno == EINTR);
    const bool nothing = count < 0 ? would_block(errno) : count == 0 && from_length == 0;
    if (nothing && (events & kReadEnd)) {
      // Somebody has shut it for reading: it stays readable, and there is never anything more to read.
      end_reading(number, slot);
      return;
    }
    if (count < 0) {
      // A refusal that came back for something sent earlier: it is no end.
      int error = errno;
      if (would_block(error)) error = (events & kFailed) ? silent_failure(slot) : 0;
      if (error != 0) result(number, slot, kResultSendFailed, error);
      return;
    }
    if (slot.reading == Reading::Discarding) continue;
    if (static_cast<size_t>(count) > kMaxDatagram) {
      // What is left of it is no datagram of anybody's.
      memory_.count(Counter::DatagramsTooLong);
      record(RecordKind::SendFailed, number, EMSGSIZE, 1);
      continue;
    }
    uint8_t sender[kAddressRoom];
    const size_t length = from_sockaddr(reinterpret_cast<sockaddr*>(&from), from_length, sender);
    if (length != head) __builtin_memmove(block + length, block + head, static_cast<size_t>(count));
    __builtin_memcpy(block, sender, length);
    record(RecordKind::Datagram, number, static_cast<int32_t>(slab_used_), static_cast<int32_t>(count));
    slab_used_ += aligned(length + static_cast<size_t>(count));
    memory_.traffic[2 * number] += static_cast<double>(count);
  }
}

}  // namespace netmux
