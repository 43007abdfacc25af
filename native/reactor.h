// The reactor: one turn. It is mechanism only — it reads, sends, keeps what the kernel did not take, watches deadlines,
// lingers and closes. Which callback comes next, and when a connection is over, is decided above, in TypeScript.
//
// One reactor per environment, used from one thread. It knows nothing of Node: `Host` stands between them.
#pragma once

#include <cstdint>

#include "admission.h"
#include "connect_retries.h"
#include "contract.h"
#include "memory.h"
#include "outbox.h"
#include "poller.h"
#include "slot_table.h"
#include "socket_tuning.h"
#include "sys_table.h"
#include "time_limits.h"
#include "timer_wheel.h"

namespace netmux {

// What the reactor asks of the loop it lives in. Must outlive the reactor.
class Host : public ReferenceSource {
 public:
  // Hands the first `count` records to the dispatcher and returns when it has walked them. False if the environment
  // is going away: the reactor then touches nothing more.
  virtual bool deliver(int32_t count) = 0;
  // Run turn() when this time has come, in milliseconds since the origin; kNever = not at all. Replaces the last one.
  virtual void set_timer(int64_t due_ms) = 0;
  // Whether a connection lingers: the process should not end before its output is safe.
  virtual void set_lingering(bool any) = 0;

  static constexpr int64_t kNever = INT64_MAX;

 protected:
  ~Host() = default;
};

class Reactor {
 public:
  Reactor(const SharedMemory& memory, Host& host, const SysTable& sys, const Allocator& allocator);
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  // Closes every descriptor that it owns, adopted ones included; calls nobody.
  ~Reactor();

  int open();  // 0 or −errno
  int descriptor() const { return poller_.descriptor(); }
  int64_t origin_ns() const { return origin_ns_; }

  // One wake-up: events, callbacks, commands, timers. Returns at once when it is called from within itself.
  void turn();
  // The same, because the time given to Host::set_timer has come.
  void timer_due();
  // Executes the ring in the middle of a turn or outside one, so that there is room in it and in the output slab. No slot
  // is freed and nobody is called; what is to be reported waits.
  void drain();
  // Executes the ring outside a turn; inside one it does nothing, because the turn ends with it.
  void flush();

  // Each gives a slot number or −errno. Nothing is watched before CommandKind::Start.
  int64_t listen(const uint8_t* block, size_t length, int backlog, uint32_t flags, uint32_t read_size, int mode,
                 const SocketTuning& tuning = {});
  int64_t connect(const uint8_t* block, size_t length, uint32_t flags, uint32_t read_size,
                  const SocketTuning& tuning = {});
  int64_t adopt(int fd, uint32_t read_size, HandleKind* kind);
  // Sets options of TCP on a listener that was adopted. 0 or −errno.
  int tune(uint32_t number, uint32_t flags, const SocketTuning& tuning);
  // Sets the limits of a listener that was not started yet. 0 or −errno.
  int limit(uint32_t number, const ListenerLimits& limits);
  // How many connections a listener's limits have refused, by reason: kRefusals words. Null if it has none.
  const int64_t* refused(uint32_t number);
  // Forgets a slot without closing its descriptor. The descriptor, or −EBADF.
  int release(uint32_t number);

  // Writes the address block of one side of the socket to `block` (kAddressRoom bytes). Its length, or −errno.
  int address(uint32_t number, bool remote, uint8_t* block);
  int fd_of(uint32_t number);
  // Connections that wait for their peer's end before they are closed.
  uint32_t lingering() const { return lingering_; }
  // Null if the slot has nothing unsent.
  const Outbox* outbox_of(uint32_t number);

 private:
  // Readiness (reactor_input.cc).
  void on_ready(const Ready& ready);
  void on_stream(uint32_t number, Slot& slot, uint8_t events);
  void on_datagrams(uint32_t number, Slot& slot, uint8_t events);
  void accept_ready(uint32_t number, Slot& slot);
  void connect_ready(uint32_t number, Slot& slot);
  void read_ready(uint32_t number, Slot& slot, uint8_t events);
  void receive_ready(uint32_t number, Slot& slot, uint8_t events);
  void discard_ready(uint32_t number, Slot& slot, uint8_t events);
  void hung_up(uint32_t number, Slot& slot, uint8_t events);
  void end_of_input(uint32_t number, Slot& slot, int error);
  void end_reading(uint32_t number, Slot& slot);
  int take_error(const Slot& slot);
  int silent_failure(const Slot& slot);
  ssize_t read_some(const Slot& slot, uint8_t* to, size_t length);
  bool slab_has(size_t bytes);

  // Output and commands (reactor_output.cc).
  void execute();
  void sort_commands(int32_t count);
  void send_chain(uint32_t number, Slot& slot);
  void send_stream(uint32_t number, Slot& slot);
  void send_datagrams(uint32_t number, Slot& slot);
  int keep_rest(Slot& slot, int16_t index, size_t skip);
  void drop_chain(Slot& slot);
  void fail_chain(uint32_t number, Slot& slot, int16_t index, int error);
  void kill_output(uint32_t number, Slot& slot);
  void count_unsent(uint32_t number, const Slot& slot);
  void drop_outbox(uint32_t number, Slot& slot);
  void flush_outbox(uint32_t number, Slot& slot);
  void write_done(uint32_t number, Slot& slot);
  void write_failed(uint32_t number, Slot& slot, int error);
  ssize_t send_parts(const Slot& slot, const iovec* parts, int count);
  void run_command(CommandKind kind, uint32_t number, Slot& slot, int32_t a, int32_t b);
  void shut_write(uint32_t number, Slot& slot);
  void discard(uint32_t number, Slot& slot, bool report_end);
  void arm(uint32_t number, Slot& slot);
  void close_slot(uint32_t number, Slot& slot, CloseMode mode, int32_t linger_ms);

  // How slots come and go (reactor_slots.cc).
  int64_t adopt_fd(int fd, SlotKind kind, uint32_t read_size, bool local_path);
  void start(uint32_t number, Slot& slot);
  void connected(uint32_t number, Slot& slot);
  void connect_failed(uint32_t number, Slot& slot, int error);
  void retry_connects();
  void park(uint32_t number, Slot& slot, int error);
  void unpark();
  void retire(uint32_t number, Slot& slot);
  void release_closed();
  void queue_closed(uint32_t number, bool first);
  void give_back(Slot& slot);

  // Limits of listeners and of those who came through them (reactor_limits.cc).
  bool let_in(const Slot& listener, int fd, const sockaddr_storage& peer);
  bool count_in(const Slot& listener, uint32_t client, const sockaddr_storage& peer);
  void count_out(uint32_t number, Slot& slot);
  void report_refusals();
  int32_t next_look(uint32_t number, Slot& slot, int32_t deadline, int32_t now, Expiry* reached);
  bool has_unread_input(const Slot& slot);
  bool flush_moves(uint32_t number, Slot& slot);
  void moved(uint32_t number, const Slot& slot) {
    if (slot.timed) time_limits_->moved(number, tick_);
  }

  // How old the present is: after callbacks, which may take long.
  void refresh_tick() {
    if (time_limits_ != nullptr) tick_ = static_cast<int32_t>(now_ms());
  }

  // The turn and its bookkeeping (reactor.cc).
  void poll();
  void walk_ready();
  bool deliver();
  bool deliver_results();
  bool deliver_timers();
  void record(RecordKind kind, uint32_t number, int32_t a = 0, int32_t b = 0);
  bool room_for_record() const { return record_count_ < kRecordCapacity; }
  void result(uint32_t number, Slot& slot, uint8_t bit, int error = 0);
  void touch_interest(uint32_t number, Slot& slot);
  void apply_interest();
  void watch(uint32_t number, Slot& slot, uint8_t wanted);
  void unwatchable(uint32_t number, Slot& slot, int error);
  void unwatch(Slot& slot);
  void sleep(uint32_t number, Slot& slot);
  void schedule(uint32_t number, int32_t due);
  void arm_host_timer();
  bool budget_spent() const { return sys_.monotonic_ns() >= turn_end_ns_; }
  int64_t now_ms() const { return (sys_.monotonic_ns() - origin_ns_) / 1000000; }

  const SharedMemory memory_;
  Host& host_;
  const SysTable& sys_;
  const Allocator& allocator_;
  OutboxMemory outbox_memory_;
  Poller poller_;
  SlotTable slots_;
  TimerWheel wheel_;
  ConnectRetries retries_;
  int64_t origin_ns_ = 0;

  bool in_turn_ = false;
  bool dying_ = false;
  int32_t record_count_ = 0;
  size_t slab_used_ = 0;
  int ready_count_ = 0;
  int ready_next_ = 0;        // the first entry of ready_ that has not been looked at
  bool time_passed_ = false;  // since that entry began: callbacks ran, or much was sent
  uint32_t lingering_ = 0;
  int64_t host_timer_ = Host::kNever;
  int64_t turn_end_ns_ = 0;

  // Lists through the slots; see Slot::next…
  uint32_t first_result_ = Slot::kNone;
  uint32_t last_result_ = Slot::kNone;
  uint32_t first_interest_ = Slot::kNone;
  uint32_t first_closed_ = Slot::kNone;
  uint32_t last_closed_ = Slot::kNone;

  int64_t parked_until_ = Host::kNever;
  uint32_t parked_ = 0;
  int64_t last_listener_error_ = INT64_MIN;
  int64_t retry_at_ = Host::kNever;

  // Both exist from the first listener on that has such limits.
  Admission* admission_ = nullptr;
  TimeLimits* time_limits_ = nullptr;
  int32_t tick_ = 0;  // what limits of time take for the present, in milliseconds since the origin

  // Slots with writes in the present ring, and for each command the next one of the same slot.
  uint32_t touched_count_ = 0;
  uint32_t touched_[kCommandCapacity];
  int16_t next_command_[kCommandCapacity];
  Ready ready_[kReadyCapacity];
};

}  // namespace netmux
