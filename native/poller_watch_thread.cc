// A thread that waits for the poller and wakes Node's loop. It never touches the reactor: it only says that there is
// something to look at, then waits until that was done. Compiled for macOS; not run by us yet.
#include <errno.h>
#include <fcntl.h>
#include <sys/select.h>
#include <unistd.h>

#include "poller_watch.h"

namespace netmux {

int PollerWatch::open(uv_loop_t* loop, int poller, void (*readable)(void*), void (*closed)(void*), void* self) {
  readable_ = readable;
  closed_ = closed;
  self_ = self;
  poller_ = poller;
  if (pipe(wake_) != 0) return -errno;
  for (const int end : wake_) fcntl(end, F_SETFD, FD_CLOEXEC);
  // More than a set for select() has room for: a process that has so many descriptors open before it starts with this.
  int error = poller_ < FD_SETSIZE && wake_[0] < FD_SETSIZE ? 0 : -EMFILE;
  if (error == 0) error = uv_sem_init(&served_, 0);
  if (error != 0) {
    close_pipe();
    return error;
  }
  // The thread first, because it can be taken back at once. It waits until there is something to send to.
  error = uv_thread_create(&thread_, run, this);
  if (error == 0) {
    async_.data = this;
    error = uv_async_init(loop, &async_, on_async);
    if (error == 0) {
      uv_sem_post(&served_);
      return 0;
    }
    end_thread();
  }
  uv_sem_destroy(&served_);
  close_pipe();
  return error;
}

void PollerWatch::run(void* self) {
  auto* watch = static_cast<PollerWatch*>(self);
  const int top = (watch->poller_ > watch->wake_[0] ? watch->poller_ : watch->wake_[0]) + 1;
  // Until the loop has looked, the poller stays readable: waiting for it here keeps this thread from spinning.
  for (uv_sem_wait(&watch->served_); !watch->ending_.load(std::memory_order_acquire);) {
    fd_set wanted;
    FD_ZERO(&wanted);
    FD_SET(watch->poller_, &wanted);
    FD_SET(watch->wake_[0], &wanted);
    if (select(top, &wanted, nullptr, nullptr, nullptr) <= 0 || !FD_ISSET(watch->poller_, &wanted)) continue;
    uv_async_send(&watch->async_);
    uv_sem_wait(&watch->served_);
  }
}

void PollerWatch::on_async(uv_async_t* async) {
  auto* watch = static_cast<PollerWatch*>(async->data);
  watch->readable_(watch->self_);
  uv_sem_post(&watch->served_);
}

void PollerWatch::end_thread() {
  ending_.store(true, std::memory_order_release);
  const char byte = 0;
  while (write(wake_[1], &byte, 1) < 0 && errno == EINTR) {
  }
  uv_sem_post(&served_);
  uv_thread_join(&thread_);
}

void PollerWatch::close_pipe() {
  ::close(wake_[0]);
  ::close(wake_[1]);
}

void PollerWatch::close() {
  end_thread();
  uv_sem_destroy(&served_);
  close_pipe();
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), [](uv_handle_t* handle) {
    auto* watch = static_cast<PollerWatch*>(handle->data);
    watch->closed_(watch->self_);
  });
}

void PollerWatch::set_referenced(bool on) {
  auto* handle = reinterpret_cast<uv_handle_t*>(&async_);
  if (on) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
}

}  // namespace netmux
