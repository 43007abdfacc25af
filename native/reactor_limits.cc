// Limits of listeners: who is let in, and how long those may take who were.
#include <errno.h>

#include "reactor.h"
#include "wrapped_time.h"

namespace netmux {

int Reactor::limit(uint32_t number, const ListenerLimits& limits) {
  Slot* slot = slots_.find(number);
  if (slot == nullptr || slot->kind != SlotKind::Listener || slot->guarded) return -EINVAL;
  // Two machines that boot at the same moment differ in where their memory lies.
  const auto seed = static_cast<uint64_t>(sys_.monotonic_ns()) ^ reinterpret_cast<uintptr_t>(this);
  if (admission_ == nullptr) admission_ = Admission::create(memory_.max_handles, seed, allocator_);
  if (limits.times() && time_limits_ == nullptr) time_limits_ = TimeLimits::create(memory_.max_handles, allocator_);
  if (admission_ == nullptr || (limits.times() && time_limits_ == nullptr)) return -ENOMEM;
  const uint32_t door = admission_->open_door(number, limits, sys_.monotonic_ns() - origin_ns_);
  if (door == Admission::kNone) return -ENOMEM;
  slot->guarded = true;
  slot->door = door;
  return 0;
}

const int64_t* Reactor::refused(uint32_t number) {
  const Slot* slot = slots_.find(number);
  return slot == nullptr || slot->kind != SlotKind::Listener || !slot->guarded ? nullptr
                                                                               : admission_->refused(slot->door);
}

// Whoever is refused gets a reset: an ordinary close would keep a TIME_WAIT for him here.
bool Reactor::let_in(const Slot& listener, int fd, const sockaddr_storage& peer) {
  if (admission_->judge(listener.door, peer, sys_.monotonic_ns() - origin_ns_) == Refusal::None) return true;
  const linger now = {1, 0};
  if (!listener.local_path) sys_.setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  sys_.close(fd);
  return false;
}

// False if there is no memory to count with.
bool Reactor::count_in(const Slot& listener, uint32_t client, const sockaddr_storage& peer) {
  if (!admission_->enter(listener.door, client, peer)) return false;
  Slot& slot = slots_.at(client);
  slot.guarded = true;
  if (!admission_->limits(listener.door).times()) return true;
  slot.timed = true;
  const auto now = static_cast<int32_t>(now_ms());
  time_limits_->begin(client, now);
  Expiry reached = Expiry::None;
  const int32_t next = next_look(client, slot, 0, now, &reached);
  memory_.wheel_due[client] = next;
  schedule(client, next);
  return true;
}

// The descriptor is closed: only now its place is free.
void Reactor::count_out(uint32_t number, Slot& slot) {
  if (slot.guarded) admission_->leave(number);
  slot.guarded = false;
}

void Reactor::report_refusals() {
  uint32_t listener;
  Refusal reason;
  int32_t count;
  while (room_for_record() && admission_->next_report(now_ms(), &listener, &reason, &count)) {
    record(RecordKind::Refused, listener, static_cast<int32_t>(reason), count);
  }
}

// When the wheel is to look at a connection again, the earlier one of its own timer and its limits; 0 = never. Which
// limit it has reached, if any: then it is watched no more, for its owner closes it.
int32_t Reactor::next_look(uint32_t number, Slot& slot, int32_t deadline, int32_t now, Expiry* reached) {
  const ListenerLimits& limits = admission_->limits(admission_->door_of(number));
  int32_t next = 0;
  for (bool again = true; again;) {
    const TimeLimits::Present present = {
        slot.reading == Reading::Paused,
        (memory_.interest[number] & Interest::Unfinished) != 0 || slot.outbox != nullptr,
        memory_.traffic[2 * number],
        memory_.traffic[2 * number + 1],
    };
    *reached = time_limits_->look(number, limits, present, now, &next);
    again = (*reached == Expiry::FirstByte && has_unread_input(slot)) ||
            (*reached == Expiry::Idle && (has_unread_input(slot) || flush_moves(number, slot)));
    if (again) time_limits_->resumed(number, now);
  }
  if (*reached != Expiry::None) {
    slot.timed = false;
    return deadline;
  }
  if (deadline == 0) return next;
  if (next == 0) return deadline;
  return elapsed(deadline, next) < 0 ? next : deadline;
}

// Whether a connection that seems to stand still only waits for its turn: where callbacks take long, or thousands are
// ready, its input is not read yet.
bool Reactor::has_unread_input(const Slot& slot) {
  uint8_t byte;
  return slot.reading == Reading::Open && sys_.recv(slot.fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) > 0;
}

// Or its output has not been tried again: it is now. Whether the kernel took any.
bool Reactor::flush_moves(uint32_t number, Slot& slot) {
  if (slot.outbox == nullptr) return false;
  const double before = memory_.traffic[2 * number + 1];
  flush_outbox(number, slot);
  return memory_.traffic[2 * number + 1] > before;
}

}  // namespace netmux
