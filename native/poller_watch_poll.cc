// The poller's descriptor as one uv_poll_t in Node's loop: nested epoll.
#include "poller_watch.h"

namespace netmux {

int PollerWatch::open(uv_loop_t* loop, int poller, void (*readable)(void*), void (*closed)(void*), void* self) {
  readable_ = readable;
  closed_ = closed;
  self_ = self;
  poll_.data = this;
  const int error = uv_poll_init(loop, &poll_, poller);
  if (error != 0) return error;
  uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
    auto* watch = static_cast<PollerWatch*>(poll->data);
    watch->readable_(watch->self_);
  });
  return 0;
}

void PollerWatch::close() {
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), [](uv_handle_t* handle) {
    auto* watch = static_cast<PollerWatch*>(handle->data);
    watch->closed_(watch->self_);
  });
}

void PollerWatch::set_referenced(bool on) {
  auto* handle = reinterpret_cast<uv_handle_t*>(&poll_);
  if (on) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
}

}  // namespace netmux
