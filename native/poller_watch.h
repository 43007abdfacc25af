// Tells the loop's thread that the poller is readable. Two ways, chosen by the build file: poller_watch_poll.cc puts the
// poller's descriptor into libuv's own epoll; poller_watch_thread.cc lets a thread wait for it, because a kqueue inside
// libuv's kqueue yields no events on some systems.
#pragma once

#include <uv.h>

#ifdef NETMUX_WATCH_THREAD
#include <atomic>
#endif

namespace netmux {

class PollerWatch {
 public:
  // 0 or −errno; only after 0 must close() be called. `readable` is called with `self` on the loop's thread as long as
  // the poller stays readable, `closed` once after close().
  int open(uv_loop_t* loop, int poller, void (*readable)(void* self), void (*closed)(void* self), void* self);
  void close();
  void set_referenced(bool on);

 private:
  void (*readable_)(void*) = nullptr;
  void (*closed_)(void*) = nullptr;
  void* self_ = nullptr;
#ifdef NETMUX_WATCH_THREAD
  static void run(void* watch);
  static void on_async(uv_async_t* async);
  void end_thread();
  void close_pipe();

  uv_async_t async_;
  uv_thread_t thread_;
  uv_sem_t served_;
  std::atomic<bool> ending_{false};
  int poller_ = -1;
  int wake_[2] = {-1, -1};  // a byte here ends the thread's wait
#else
  uv_poll_t poll_;
#endif
};

}  // namespace netmux
