#include "loop_hook.h"

namespace netmux {

int LoopHook::open(uv_loop_t* loop, int poller, Turns* turns) {
  turns_ = turns;
  timer_.data = this;
  const int error = uv_timer_init(loop, &timer_);
  if (error != 0) return error;
  // The reactor's handles keep the process alive, not their deadlines.
  uv_unref(reinterpret_cast<uv_handle_t*>(&timer_));
  open_handles_ = 1;
  const int watched = watch_.open(loop, poller, on_readable, on_watch_closed, this);
  if (watched != 0) return watched;
  open_handles_ = 2;
  set_referenced(false);
  return 0;
}

void LoopHook::close() {
  if (open_handles_ == 0) {
    turns_->closed();
    return;
  }
  const bool watching = open_handles_ == 2;
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), on_timer_closed);
  if (watching) watch_.close();
}

void LoopHook::set_timer(int64_t due_ms, int64_t origin_ms) {
  const int64_t now_ms = static_cast<int64_t>(uv_now(timer_.loop)) - origin_ms;
  uv_timer_start(&timer_, on_timer, due_ms > now_ms ? static_cast<uint64_t>(due_ms - now_ms) : 0, 0);
}

void LoopHook::stop_timer() { uv_timer_stop(&timer_); }

void LoopHook::set_referenced(bool on) { watch_.set_referenced(on); }

void LoopHook::on_timer(uv_timer_t* timer) { static_cast<LoopHook*>(timer->data)->turns_->timer_due(); }

void LoopHook::on_readable(void* self) { static_cast<LoopHook*>(self)->turns_->poller_readable(); }

void LoopHook::on_watch_closed(void* self) { static_cast<LoopHook*>(self)->one_closed(); }

void LoopHook::on_timer_closed(uv_handle_t* handle) { static_cast<LoopHook*>(handle->data)->one_closed(); }

void LoopHook::one_closed() {
  open_handles_ -= 1;
  if (open_handles_ == 0) turns_->closed();
}

}  // namespace netmux
