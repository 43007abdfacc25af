// The command ring and what becomes of output.
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "reactor.h"
#include "socket_ops.h"
#include "wrapped_time.h"

namespace netmux {

namespace {

// Parts of one gathered send. More commands of one connection in one turn are sent in several.
constexpr int kMaxParts = 64;

// Bytes flushed to one connection per readiness: one with an endless outbox must not hold the turn.
constexpr size_t kFlushBudget = 1024 * 1024;

// How many bytes of its peer's a closed connection throws away while it waits for the FIN.
constexpr uint32_t kLingerBytes = 1024 * 1024;

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;  // SO_NOSIGPIPE was set on the socket
#endif

size_t total(const iovec* parts, int count) {
  size_t sum = 0;
  for (int i = 0; i < count; i += 1) sum += parts[i].iov_len;
  return sum;
}

struct Command {
  CommandKind kind;
  uint32_t slot;
  int32_t generation;
  int32_t a;
  int32_t b;
};

Command command_at(const SharedMemory& memory, int32_t index) {
  const int32_t* words = memory.commands + index * kWords;
  const auto head = static_cast<uint32_t>(words[0]);
  return {static_cast<CommandKind>(head & 0xff), head >> 8, words[1], words[2], words[3]};
}

bool within(int32_t offset, int32_t length, size_t bytes) {
  return offset >= 0 && length >= 0 && static_cast<size_t>(offset) + static_cast<size_t>(length) <= bytes;
}

}  // namespace

// First each connection's writes, gathered; then everything else, in order. Writes never follow the command that ends
// writing, so this order changes nothing but the number of sends.
void Reactor::execute() {
  const int32_t count = memory_.control[Control::CommandCount];
  if (count <= 0) return;
  const int32_t bounded = count < kCommandCapacity ? count : kCommandCapacity;
  touched_count_ = 0;
  sort_commands(bounded);
  for (uint32_t i = 0; i < touched_count_; i += 1) send_chain(touched_[i], slots_.at(touched_[i]));
  for (int32_t i = 0; i < bounded; i += 1) {
    const Command command = command_at(memory_, i);
    if (command.kind < CommandKind::ShutWrite) continue;
    Slot* slot = slots_.find(command.slot, command.generation);
    if (slot != nullptr && slot->kind != SlotKind::Closing && !slot->lingering)
      run_command(command.kind, command.slot, *slot, command.a, command.b);
  }
  memory_.control[Control::CommandCount] = 0;
  memory_.control[Control::OutputUsed] = 0;
}

void Reactor::sort_commands(int32_t count) {
  for (int32_t i = 0; i < count; i += 1) {
    const Command command = command_at(memory_, i);
    Slot* slot = slots_.find(command.slot, command.generation);
    const bool gone = slot == nullptr || slot->kind == SlotKind::Closing || slot->lingering;
    switch (command.kind) {
      case CommandKind::Write:
      case CommandKind::Forward:
      case CommandKind::WriteReference:
      case CommandKind::Send:
        if (gone) {
          if (command.kind == CommandKind::WriteReference) host_.release(static_cast<uint32_t>(command.a));
          break;
        }
        next_command_[i] = -1;
        if (slot->first_command < 0) {
          slot->first_command = static_cast<int16_t>(i);
          touched_[touched_count_++] = command.slot;
        } else {
          next_command_[slot->last_command] = static_cast<int16_t>(i);
        }
        slot->last_command = static_cast<int16_t>(i);
        break;
      case CommandKind::KillOutput:
        if (!gone) kill_output(command.slot, *slot);
        break;
      case CommandKind::Close:
        if (!gone && static_cast<CloseMode>(command.a) != CloseMode::Linger) slot->aborting = true;
        break;
      default:
        break;
    }
  }
}

// Forgets the slot's writes of this ring. It stays among the touched ones, with nothing to send.
void Reactor::drop_chain(Slot& slot) {
  for (int16_t i = slot.first_command; i >= 0; i = next_command_[i]) {
    const Command command = command_at(memory_, i);
    if (command.kind == CommandKind::WriteReference) host_.release(static_cast<uint32_t>(command.a));
  }
  slot.first_command = slot.last_command = -1;
}

// The rest of the chain, from one command on, cannot be sent.
void Reactor::fail_chain(uint32_t number, Slot& slot, int16_t index, int error) {
  slot.first_command = index;
  drop_chain(slot);
  write_failed(number, slot, error);
}

void Reactor::drop_outbox(uint32_t number, Slot& slot) {
  if (slot.outbox != nullptr) Outbox::destroy(slot.outbox);
  slot.outbox = nullptr;
  memory_.unsent[number] = 0;
}

void Reactor::kill_output(uint32_t number, Slot& slot) {
  drop_chain(slot);
  drop_outbox(number, slot);
  slot.results &= static_cast<uint8_t>(~kResultDrained);
  slot.owes_drained = false;
  touch_interest(number, slot);
  if (slot.writing == Writing::Flushing && !slot.connecting) shut_write(number, slot);
}

// What the outbox holds is what is unsent. Limits end below 2^31; beyond it the count stands still instead of turning negative.
void Reactor::count_unsent(uint32_t number, const Slot& slot) {
  const size_t unsent = slot.outbox == nullptr ? 0 : slot.outbox->size();
  memory_.unsent[number] = unsent > INT32_MAX ? INT32_MAX : static_cast<int32_t>(unsent);
}

void Reactor::send_chain(uint32_t number, Slot& slot) {
  if (slot.first_command < 0) return;
  if (slot.kind == SlotKind::Datagram) {
    send_datagrams(number, slot);
  } else if (slot.aborting || slot.writing == Writing::Failed || slot.writing == Writing::Shut) {
    drop_chain(slot);
    count_unsent(number, slot);
  } else {
    send_stream(number, slot);
  }
  slot.first_command = slot.last_command = -1;
}

void Reactor::send_stream(uint32_t number, Slot& slot) {
  const bool had_outbox = slot.outbox != nullptr;
  bool blocked = slot.connecting || had_outbox;
  int16_t index = slot.first_command;
  while (index >= 0) {
    iovec parts[kMaxParts];
    uint8_t* const slabs[] = {memory_.output_slab, memory_.read_slab};
    int count = 0;
    int16_t end = index;
    for (; end >= 0 && count < kMaxParts && !blocked; end = next_command_[end]) {
      const Command command = command_at(memory_, end);
      const uint8_t* bytes = nullptr;
      auto length = static_cast<size_t>(command.b);
      if (command.kind == CommandKind::WriteReference) {
        size_t found = 0;
        if (!host_.resolve(static_cast<uint32_t>(command.a), &bytes, &found) || found != length) break;
      } else {
        const bool forwarded = command.kind == CommandKind::Forward;
        if (!within(command.a, command.b, forwarded ? kReadSlabBytes : kOutputSlabBytes)) break;
        bytes = slabs[forwarded ? 1 : 0] + command.a;
      }
      if (length == 0) continue;
      parts[count++] = {const_cast<uint8_t*>(bytes), length};
    }
    if (!blocked && count == 0 && end == index) {
      // A buffer that is not what it was.
      fail_chain(number, slot, index, EFAULT);
      return;
    }
    size_t sent = 0;
    if (count > 0) {
      const ssize_t result = send_parts(slot, parts, count);
      if (result < 0 && !would_block(errno)) {
        fail_chain(number, slot, index, errno);
        return;
      }
      sent = result < 0 ? 0 : static_cast<size_t>(result);
      memory_.traffic[2 * number + 1] += static_cast<double>(sent);
      if (sent > 0) moved(number, slot);
      blocked = sent < total(parts, count);
    }
    // What is through gives its references back; the rest of this group, and all behind it, goes to the outbox.
    for (; index >= 0 && (index != end || blocked); index = next_command_[index]) {
      const Command command = command_at(memory_, index);
      const auto length = static_cast<size_t>(command.b);
      if (sent >= length) {
        sent -= length;
        if (command.kind == CommandKind::WriteReference) host_.release(static_cast<uint32_t>(command.a));
        continue;
      }
      const int error = keep_rest(slot, index, sent);
      if (error != 0) {
        fail_chain(number, slot, index, error);
        return;
      }
      sent = 0;
    }
  }
  count_unsent(number, slot);
  if (slot.outbox != nullptr) {
    if (!had_outbox) touch_interest(number, slot);
  } else if (slot.connecting) {
    slot.owes_drained = true;
  } else {
    write_done(number, slot);
  }
}

// Appends to the outbox the part of one command that the kernel did not take. 0 or an errno.
int Reactor::keep_rest(Slot& slot, int16_t index, size_t skip) {
  const Command command = command_at(memory_, index);
  if (command.b < 0) return EFAULT;
  const auto length = static_cast<size_t>(command.b);
  if (slot.outbox == nullptr) slot.outbox = Outbox::create(&outbox_memory_, &host_);
  if (slot.outbox == nullptr) return ENOMEM;
  if (command.kind == CommandKind::WriteReference) {
    return slot.outbox->append_reference(static_cast<uint32_t>(command.a), skip, length) ? 0 : ENOMEM;
  }
  const bool forwarded = command.kind == CommandKind::Forward;
  if (!within(command.a, command.b, forwarded ? kReadSlabBytes : kOutputSlabBytes)) return EFAULT;
  const uint8_t* slab = forwarded ? memory_.read_slab : memory_.output_slab;
  return slot.outbox->append(slab + command.a + skip, length - skip) ? 0 : ENOMEM;
}

void Reactor::send_datagrams(uint32_t number, Slot& slot) {
  for (int16_t i = slot.first_command; i >= 0; i = next_command_[i]) {
    const Command command = command_at(memory_, i);
    if (command.kind != CommandKind::Send || command.b < 0 ||
        !within(command.a, static_cast<int32_t>(kAddressBytes), kOutputSlabBytes)) {
      if (command.kind == CommandKind::WriteReference) host_.release(static_cast<uint32_t>(command.a));
      continue;
    }
    const uint8_t* block = memory_.output_slab + command.a;
    const size_t head = (kAddressBytes + block[1] + 3) & ~size_t{3};
    if (static_cast<size_t>(command.a) + head + static_cast<size_t>(command.b) > kOutputSlabBytes) continue;
    sockaddr_storage to;
    const int length = to_sockaddr(block, head, &to);
    int error = length < 0 ? -length : 0;
    if (error == 0) {
      iovec part = {const_cast<uint8_t*>(block + head), static_cast<size_t>(command.b)};
      msghdr message = {};
      message.msg_name = length == 0 ? nullptr : &to;
      message.msg_namelen = static_cast<socklen_t>(length);
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      ssize_t sent;
      do {
        sent = sys_.sendmsg(slot.fd, &message, kSendFlags);
      } while (sent < 0 && errno == EINTR);
      if (sent < 0) {
        error = errno;
      } else {
        memory_.traffic[2 * number + 1] += static_cast<double>(sent);
      }
    }
    if (error != 0) result(number, slot, kResultSendFailed, error);
  }
  memory_.unsent[number] = 0;
  if (memory_.interest[number] & Interest::Drained) result(number, slot, kResultDrained);
}

ssize_t Reactor::send_parts(const Slot& slot, const iovec* parts, int count) {
  for (;;) {
    ssize_t sent;
    if (slot.kind == SlotKind::Channel) {
      sent = sys_.writev(slot.fd, parts, count);
    } else if (count == 1) {
      sent = sys_.send(slot.fd, parts[0].iov_base, parts[0].iov_len, kSendFlags);
    } else {
      msghdr message = {};
      message.msg_iov = const_cast<iovec*>(parts);
      message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
      sent = sys_.sendmsg(slot.fd, &message, kSendFlags);
    }
    if (sent >= 0 || errno != EINTR) return sent;
  }
}

void Reactor::flush_outbox(uint32_t number, Slot& slot) {
  Outbox* outbox = slot.outbox;
  for (size_t flushed = 0; flushed < kFlushBudget && outbox->size() > 0;) {
    iovec parts[kMaxParts];
    const int count = outbox->gather(parts, kMaxParts);
    if (count < 0) {
      write_failed(number, slot, EFAULT);
      return;
    }
    const ssize_t sent = send_parts(slot, parts, count);
    if (sent < 0 && !would_block(errno)) {
      write_failed(number, slot, errno);
      return;
    }
    if (sent <= 0) break;
    outbox->consume(static_cast<size_t>(sent));
    memory_.traffic[2 * number + 1] += static_cast<double>(sent);
    moved(number, slot);
    flushed += static_cast<size_t>(sent);
    time_passed_ = true;
  }
  count_unsent(number, slot);
  if (outbox->size() > 0) return;
  drop_outbox(number, slot);
  touch_interest(number, slot);
  write_done(number, slot);
}

// Nothing is unsent any more.
void Reactor::write_done(uint32_t number, Slot& slot) {
  memory_.unsent[number] = 0;
  if (memory_.interest[number] & Interest::Drained) result(number, slot, kResultDrained);
  if (slot.writing == Writing::Flushing) shut_write(number, slot);
}

// Each connection hears once how its writing ended: with Flushed or with this.
void Reactor::write_failed(uint32_t number, Slot& slot, int error) {
  if (slot.connecting) {
    connect_failed(number, slot, error);
    return;
  }
  drop_outbox(number, slot);
  touch_interest(number, slot);
  if (slot.writing == Writing::Shut || slot.writing == Writing::Failed) return;
  slot.writing = Writing::Failed;
  // What was flushed before does not matter any more.
  slot.results &= static_cast<uint8_t>(~kResultDrained);
  result(number, slot, kResultWriteFailed, error);
}

void Reactor::shut_write(uint32_t number, Slot& slot) {
  // A channel has no half to shut: its owner closes it when it hears of the flush.
  if (slot.kind == SlotKind::Stream) sys_.shutdown(slot.fd, SHUT_WR);
  slot.writing = Writing::Shut;
  result(number, slot, kResultFlushed);
}

void Reactor::run_command(CommandKind kind, uint32_t number, Slot& slot, int32_t a, int32_t b) {
  switch (kind) {
    case CommandKind::ShutWrite:
      if (slot.writing != Writing::Open) break;
      if (slot.outbox != nullptr || slot.connecting) {
        slot.writing = Writing::Flushing;
      } else {
        shut_write(number, slot);
      }
      break;
    case CommandKind::Discard:
      discard(number, slot, a == 1);
      break;
    case CommandKind::Close:
      close_slot(number, slot, static_cast<CloseMode>(a), b);
      break;
    case CommandKind::Pause:
      if (slot.reading == Reading::Open) slot.reading = Reading::Paused;
      touch_interest(number, slot);
      break;
    case CommandKind::Resume:
      if (slot.reading != Reading::Paused) break;
      slot.reading = Reading::Open;
      if (slot.timed) time_limits_->resumed(number, tick_);
      slot.dormant = false;
      touch_interest(number, slot);
      break;
    case CommandKind::Arm:
      arm(number, slot);
      break;
    case CommandKind::Start:
      start(number, slot);
      break;
    default:
      break;
  }
}

void Reactor::discard(uint32_t number, Slot& slot, bool report_end) {
  if (slot.kind == SlotKind::Listener) {
    // Who is not wanted is not accepted.
    end_reading(number, slot);
  } else if (slot.reading != Reading::Ended) {
    slot.reading = Reading::Discarding;
    touch_interest(number, slot);
  }
  if (report_end) result(number, slot, kResultEof);
}

void Reactor::arm(uint32_t number, Slot& slot) {
  const int32_t deadline = memory_.deadline[number];
  if (slot.timed) {
    // Its entry is that of its limits, too: it comes at the earliest time that was asked for, and moves on by itself.
    int32_t& looks = memory_.wheel_due[number];
    if (deadline != 0 && (looks == 0 || elapsed(looks, deadline) < 0)) looks = deadline;
    if (looks != 0) schedule(number, looks);
    return;
  }
  memory_.wheel_due[number] = deadline;
  if (deadline == 0) {
    wheel_.cancel(number);
  } else {
    schedule(number, deadline);
  }
}

void Reactor::close_slot(uint32_t number, Slot& slot, CloseMode mode, int32_t linger_ms) {
  if (mode == CloseMode::Reset && slot.kind == SlotKind::Stream) {
    const linger now = {1, 0};
    sys_.setsockopt(slot.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  const bool peer_may_send =
      slot.kind == SlotKind::Stream && slot.reading != Reading::Ended && slot.writing != Writing::Failed;
  if (mode != CloseMode::Linger || !peer_may_send || slot.connecting) {
    retire(number, slot);
    return;
  }
  if (slot.writing != Writing::Shut) sys_.shutdown(slot.fd, SHUT_WR);
  slot.writing = Writing::Shut;
  slot.reading = Reading::Discarding;
  slot.started = true;
  slot.dormant = false;
  slot.lingering = true;
  slot.timed = false;
  slot.linger_bytes = kLingerBytes;
  memory_.deadline[number] = 0;
  schedule(number, static_cast<int32_t>(now_ms() + linger_ms));
  lingering_ += 1;
  if (lingering_ == 1) host_.set_lingering(true);
  touch_interest(number, slot);
}

}  // namespace netmux
