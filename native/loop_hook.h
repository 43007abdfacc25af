// Where the reactor lives: Node's libuv loop. It calls turn() when the poller is readable or the time has come.
#pragma once

#include <uv.h>

#include <cstdint>

#include "poller_watch.h"

namespace netmux {

class LoopHook {
 public:
  // What is called, on the loop's thread. Must outlive close().
  class Turns {
   public:
    virtual void poller_readable() = 0;
    virtual void timer_due() = 0;
    virtual void closed() = 0;  // nothing of the hook is in use by the loop any more

   protected:
    ~Turns() = default;
  };

  // 0 or −errno. After a failure close() must still be called.
  int open(uv_loop_t* loop, int poller, Turns* turns);
  // Ends asynchronously with Turns::closed().
  void close();

  // `due_ms` counts from `origin_ms` on libuv's clock. A later call replaces an earlier one.
  void set_timer(int64_t due_ms, int64_t origin_ms);
  void stop_timer();
  // Whether the process stays alive for the reactor's sake.
  void set_referenced(bool on);

 private:
  static void on_timer(uv_timer_t* timer);
  static void on_readable(void* self);
  static void on_watch_closed(void* self);
  static void on_timer_closed(uv_handle_t* handle);
  void one_closed();

  uv_timer_t timer_;
  PollerWatch watch_;
  Turns* turns_ = nullptr;
  int open_handles_ = 0;
};

}  // namespace netmux
