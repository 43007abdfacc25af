// The turn, which follows the numbered list of docs/architecture.md, and the bookkeeping around it.
#include "reactor.h"

#include <errno.h>

#include <algorithm>

#include "wrapped_time.h"

namespace netmux {

namespace {

// After this long a wake-up goes back to Node's loop, so that promises, files and other sockets of the process live.
constexpr int64_t kTurnBudgetNs = 4000 * 1000;

}  // namespace

Reactor::Reactor(const SharedMemory& memory, Host& host, const SysTable& sys, const Allocator& allocator)
    : memory_(memory), host_(host), sys_(sys), allocator_(allocator), outbox_memory_(allocator), retries_(allocator) {}

Reactor::~Reactor() {
  for (uint32_t number = 0; number < slots_.made(); number += 1) {
    Slot& slot = slots_.at(number);
    if (slot.kind == SlotKind::Free) continue;
    if (slot.outbox != nullptr) Outbox::destroy(slot.outbox);
    give_back(slot);
  }
  TimeLimits::destroy(time_limits_);
  Admission::destroy(admission_);
}

int Reactor::open() {
  // libuv's clock counts the same whole milliseconds: a timer of Node fires exactly when ours is due.
  origin_ns_ = sys_.monotonic_ns() / 1000000 * 1000000;
  if (!slots_.init(memory_.max_handles, memory_.generation, allocator_)) return -ENOMEM;
  if (!wheel_.init(memory_.max_handles, 0, allocator_)) return -ENOMEM;
  return poller_.open();
}

void Reactor::turn() {
  if (in_turn_ || dying_) return;
  in_turn_ = true;
  memory_.count(Counter::Turns);
  turn_end_ns_ = sys_.monotonic_ns() + kTurnBudgetNs;
  refresh_tick();
  if (parked_ > 0 && now_ms() >= parked_until_) unpark();
  if (!retries_.empty() && now_ms() >= retry_at_) retry_connects();
  // What was queued since the last turn comes first: its closes must not meet their own events.
  if (memory_.control[Control::CommandCount] > 0) execute();
  // And what has happened comes before what happens next.
  bool alive = first_result_ == Slot::kNone || deliver_results();
  if (alive) apply_interest();
  while (alive) {
    if (ready_next_ == ready_count_) poll();
    const bool idle = ready_count_ == 0;
    refresh_tick();
    walk_ready();
    if (admission_ != nullptr && admission_->report_due() <= now_ms()) report_refusals();
    alive = deliver() && deliver_results() && deliver_timers() && deliver_results();
    if (!alive) break;
    release_closed();
    apply_interest();
    if ((idle && first_result_ == Slot::kNone) || budget_spent()) break;
  }
  in_turn_ = false;
  if (!dying_) arm_host_timer();
}

// The next array of ready entries. Where busy polling is asked for, what follows an array may be waited for here, awake: to
// sleep and be woken takes a single connection as long as all the rest of its message. A reactor that was idle sleeps.
void Reactor::poll() {
  const int64_t busy_ns = ready_count_ > 0 ? memory_.control[Control::BusyPollMicros] * int64_t{1000} : 0;
  ready_next_ = 0;
  ready_count_ = std::max(poller_.poll(ready_), 0);
  if (ready_count_ > 0 || busy_ns <= 0) return;
  const int64_t end = sys_.monotonic_ns() + busy_ns;
  while (ready_count_ == 0 && sys_.monotonic_ns() < end) ready_count_ = std::max(poller_.poll(ready_), 0);
}

// Goes on in the array of ready entries until it is through or the time is up. The next turn begins with what is left:
// asked again, the poller would name the same connections first.
void Reactor::walk_ready() {
  while (ready_next_ < ready_count_ && !dying_) {
    time_passed_ = false;
    on_ready(ready_[ready_next_]);
    ready_next_ += 1;
    if (time_passed_ && budget_spent()) return;
  }
}

void Reactor::timer_due() {
  host_timer_ = Host::kNever;
  outbox_memory_.trim(now_ms());
  turn();
}

void Reactor::drain() {
  if (dying_) return;
  refresh_tick();
  execute();
}

void Reactor::flush() {
  if (in_turn_ || dying_) return;
  refresh_tick();
  execute();
  release_closed();
  apply_interest();
  arm_host_timer();
}

// Hands the batch to the dispatcher and carries out what it ordered. False if the environment is going away.
bool Reactor::deliver() {
  if (dying_) return false;
  if (record_count_ > 0) {
    const int32_t count = record_count_;
    record_count_ = 0;
    memory_.count(Counter::Batches);
    memory_.count(Counter::Records, count);
    time_passed_ = true;
    memory_.clock[0] = static_cast<double>(sys_.monotonic_ns() - origin_ns_) / 1e6;
    memory_.control[Control::InTurn] = 1;
    if (!host_.deliver(count)) {
      dying_ = true;
      return false;
    }
    memory_.control[Control::InTurn] = 0;
    refresh_tick();
    if (memory_.control[Control::CommandCount] > 0) execute();
  }
  slab_used_ = 0;
  return true;
}

// Results of commands are the next batches of the same wake-up: one round of all that wait now. What these bring about
// waits for the next round, so that a callback that always writes does not hold the turn; and so does what is left when
// the time is up.
bool Reactor::deliver_results() {
  constexpr int32_t kMostResults = 7;
  // The list is cut off: what a delivery in the middle brings about starts a new one.
  uint32_t number = first_result_;
  const uint32_t last = last_result_;
  first_result_ = last_result_ = Slot::kNone;
  while (number != Slot::kNone) {
    // Before the slot is looked at, because its callbacks may close it or take a result back.
    if (record_count_ + kMostResults > kRecordCapacity) {
      if (!deliver()) return false;
      if (budget_spent()) {
        slots_.at(last).next_result = first_result_;
        if (first_result_ == Slot::kNone) last_result_ = last;
        first_result_ = number;
        return true;
      }
    }
    Slot& slot = slots_.at(number);
    const uint8_t bits = slot.results;
    slot.results = 0;
    if (slot.kind != SlotKind::Closing && !slot.lingering) {
      if (bits & kResultConnected) record(RecordKind::Connected, number);
      if (bits & kResultConnectFailed) record(RecordKind::ConnectFailed, number, slot.result_errno);
      if (bits & kResultEof) record(RecordKind::Eof, number);
      if (bits & kResultDrained) record(RecordKind::Drained, number);
      if (bits & kResultFlushed) record(RecordKind::Flushed, number);
      if (bits & kResultWriteFailed) record(RecordKind::WriteFailed, number, slot.result_errno);
      if (bits & kResultSendFailed) record(RecordKind::SendFailed, number, slot.result_errno);
    }
    number = slot.next_result;
    slot.next_result = Slot::kNone;
  }
  return deliver();
}

bool Reactor::deliver_timers() {
  if (wheel_.size() == 0) return true;
  const auto tick = static_cast<int32_t>(now_ms());
  wheel_.advance(tick);
  for (uint32_t number; (number = wheel_.pop_due()) != TimerWheel::kNone;) {
    Slot& slot = slots_.at(number);
    if (slot.lingering) {
      retire(number, slot);
      continue;
    }
    const int32_t deadline = memory_.deadline[number];
    const bool is_due = deadline != 0 && elapsed(tick, deadline) <= 0;
    // Moved later since it was queued, which costs its owner one store: only now the wheel learns of it.
    int32_t next = is_due ? 0 : deadline;
    Expiry reached = Expiry::None;
    if (slot.timed) next = next_look(number, slot, next, tick, &reached);
    memory_.wheel_due[number] = next;
    if (next != 0) wheel_.schedule(number, next);
    if (is_due) {
      memory_.count(Counter::Timers);
      record(RecordKind::Timer, number);
    }
    if (reached != Expiry::None) {
      if (!room_for_record() && !deliver()) return false;
      if (slot.kind != SlotKind::Closing) record(RecordKind::Expired, number, static_cast<int32_t>(reached));
    }
    if (room_for_record()) continue;
    if (!deliver()) return false;
    // The rest stays on the wheel's due list.
    if (budget_spent()) break;
  }
  return deliver();
}

void Reactor::record(RecordKind kind, uint32_t number, int32_t a, int32_t b) {
  int32_t* words = memory_.records + record_count_ * kWords;
  words[0] = static_cast<int32_t>(static_cast<uint32_t>(kind) | number << 8);
  words[1] = memory_.generation[number];
  words[2] = a;
  words[3] = b;
  record_count_ += 1;
}

void Reactor::result(uint32_t number, Slot& slot, uint8_t bit, int error) {
  if ((slot.results & kResultListed) == 0) {
    slot.next_result = Slot::kNone;
    if (last_result_ == Slot::kNone) {
      first_result_ = number;
    } else {
      slots_.at(last_result_).next_result = number;
    }
    last_result_ = number;
  }
  slot.results |= kResultListed | bit;
  if (error != 0) slot.result_errno = error;
}

// Interest changes are carried out once, after the commands of a batch: most slots that end are closed by then.
void Reactor::touch_interest(uint32_t number, Slot& slot) {
  if (slot.stale_interest) return;
  slot.stale_interest = true;
  slot.next_interest = first_interest_;
  first_interest_ = number;
}

void Reactor::apply_interest() {
  while (first_interest_ != Slot::kNone) {
    const uint32_t number = first_interest_;
    Slot& slot = slots_.at(number);
    first_interest_ = slot.next_interest;
    slot.stale_interest = false;
    if (slot.kind == SlotKind::Closing || slot.kind == SlotKind::Free || !slot.started || slot.knocking) continue;
    uint8_t wanted = 0;
    if (slot.connecting) {
      wanted = kWritable;
    } else {
      if (slot.reading == Reading::Open || slot.reading == Reading::Discarding) wanted |= kReadable;
      if (slot.outbox != nullptr) wanted |= kWritable;
    }
    if (slot.parked || (slot.dormant && wanted == 0)) {
      unwatch(slot);
    } else if (!slot.registered || slot.watched != wanted) {
      watch(number, slot, wanted);
    }
  }
}

void Reactor::watch(uint32_t number, Slot& slot, uint8_t wanted) {
  slot.dormant = false;
  const auto generation = static_cast<uint32_t>(memory_.generation[number]);
  const int error = slot.registered ? poller_.change(slot.fd, number, generation, slot.watched, wanted)
                                    : poller_.add(slot.fd, number, generation, wanted);
  if (error == 0) {
    slot.registered = true;
    slot.watched = wanted;
  } else if (slot.kind == SlotKind::Listener) {
    park(number, slot, -error);
  } else if (!slot.lingering) {
    unwatchable(number, slot, -error);
  }
}

// Nothing would ever be heard of this slot again: it ends here, with the reason, and is not tried once more.
void Reactor::unwatchable(uint32_t number, Slot& slot, int error) {
  const bool was_read = slot.reading == Reading::Open || slot.reading == Reading::Paused;
  // Closed by somebody else: the number may name a stranger's file by now, which is not ours to close.
  if (slot.registered && (error == EBADF || error == ENOENT)) {
    slot.registered = false;
    slot.fd = -1;
  }
  slot.reading = Reading::Ended;
  sleep(number, slot);
  if (slot.writing == Writing::Open || slot.writing == Writing::Flushing) {
    write_failed(number, slot, error);
  } else if (was_read) {
    result(number, slot, kResultEof);
  }
}

void Reactor::unwatch(Slot& slot) {
  if (slot.registered) poller_.remove(slot.fd, slot.watched);
  slot.registered = false;
  slot.watched = 0;
}

// Hangups and errors cannot be masked: out of the poller until there is something to wait for.
void Reactor::sleep(uint32_t number, Slot& slot) {
  slot.dormant = true;
  touch_interest(number, slot);
}

void Reactor::schedule(uint32_t number, int32_t due) {
  // An empty wheel stands still, perhaps for longer than its 32 bits can tell.
  if (wheel_.size() == 0) wheel_.advance(static_cast<int32_t>(now_ms()));
  wheel_.schedule(number, due);
}

void Reactor::arm_host_timer() {
  int64_t due = Host::kNever;
  const int64_t now = now_ms();
  int32_t tick;
  if (wheel_.next(&tick)) {
    due = now + std::max(elapsed(static_cast<int32_t>(now), tick), 0);
  }
  if (parked_ > 0 && parked_until_ < due) due = parked_until_;
  if (retry_at_ < due) due = retry_at_;
  due = std::min(due, outbox_memory_.trim_due(now));
  if (admission_ != nullptr && admission_->report_due() < due) due = admission_->report_due();
  const bool unfinished = ready_next_ < ready_count_ || record_count_ > 0;
  if (unfinished || first_result_ != Slot::kNone || first_closed_ != Slot::kNone) due = now;
  if (due == host_timer_) return;
  host_timer_ = due;
  host_.set_timer(due);
}

}  // namespace netmux
