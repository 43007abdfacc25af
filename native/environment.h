// One environment of Node's (the main thread or a worker), its reactor, and what ties them together: the loop, the call into JavaScript,
// the buffers that wait to be sent.
#pragma once

#include <errno.h>

#include <new>

#include "loop_hook.h"
#include "reactor.h"
#include "reference_table.h"

namespace netmux {

// Everything that belongs to one environment. Made by open(), destroyed by the environment's asynchronous clean-up hook
// after libuv has let go of the loop hook; no JS is called after that hook has begun.
class Environment final : public Host, public LoopHook::Turns {
 public:
  explicit Environment(napi_env env) : env_(env), references_(heap()), reactor_(nullptr) {}

  int open(const SharedMemory& memory, napi_value dispatch, napi_value* const owners, size_t owner_count) {
    reactor_ = new (std::nothrow) Reactor(memory, *this, system_calls(), heap());
    if (reactor_ == nullptr) return -ENOMEM;
    int error = reactor_->open();
    if (error != 0) return error;
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env_, &loop) != napi_ok) return -ENOTSUP;
    // The shared memory lives as long as the reactor, whatever JS does with its views.
    napi_value list;
    napi_value name;
    bool held = napi_create_reference(env_, dispatch, 1, &dispatch_) == napi_ok &&
                napi_create_array_with_length(env_, owner_count, &list) == napi_ok;
    for (size_t i = 0; held && i < owner_count; i += 1)
      held = napi_set_element(env_, list, static_cast<uint32_t>(i), owners[i]) == napi_ok;
    held = held && napi_create_reference(env_, list, 1, &memory_owners_) == napi_ok &&
           napi_create_string_utf8(env_, "netmux", NAPI_AUTO_LENGTH, &name) == napi_ok &&
           napi_async_init(env_, nullptr, name, &context_) == napi_ok &&
           napi_add_async_cleanup_hook(env_, on_cleanup, this, &cleanup_) == napi_ok;
    return held ? hook_.open(loop, reactor_->descriptor(), this) : -ENOMEM;
  }

  // After open() failed. Where libuv knows of it already, it goes with the environment.
  void abandon() {
    closing_ = true;
    if (cleanup_ != nullptr) return;
    forget();
    delete this;
  }

  Reactor& reactor() { return *reactor_; }
  ReferenceTable& references() { return references_; }
  bool is_open() const { return !closing_; }

  void set_js_referenced(bool on) {
    js_referenced_ = on;
    hook_.set_referenced(js_referenced_ || lingering_);
  }

  // Host
  bool deliver(int32_t count) override {
    napi_handle_scope scope;
    if (closing_ || napi_open_handle_scope(env_, &scope) != napi_ok) return false;
    napi_value dispatch;
    napi_value global;
    napi_value argument;
    napi_value result;
    // Runs microtasks and nextTicks, too, before it returns.
    bool alive = napi_get_reference_value(env_, dispatch_, &dispatch) == napi_ok &&
                 napi_get_global(env_, &global) == napi_ok && napi_create_int32(env_, count, &argument) == napi_ok &&
                 napi_make_callback(env_, context_, global, dispatch, 1, &argument, &result) == napi_ok;
    if (!alive) {
      bool pending = false;
      napi_value error;
      if (napi_is_exception_pending(env_, &pending) == napi_ok && pending &&
          napi_get_and_clear_last_exception(env_, &error) == napi_ok) {
        alive = napi_fatal_exception(env_, error) == napi_ok;
      }
    }
    napi_close_handle_scope(env_, scope);
    return alive && !closing_;
  }

  void set_timer(int64_t due_ms) override {
    if (due_ms == kNever) {
      hook_.stop_timer();
    } else {
      hook_.set_timer(due_ms, reactor_->origin_ns() / 1000000);
    }
  }

  void set_lingering(bool any) override {
    lingering_ = any;
    hook_.set_referenced(js_referenced_ || lingering_);
  }

  bool resolve(uint32_t reference, const uint8_t** bytes, size_t* length) override {
    return references_.resolve(env_, reference, bytes, length);
  }

  void release(uint32_t reference) override { references_.remove(env_, reference); }

  // LoopHook::Turns
  void poller_readable() override {
    if (!closing_) reactor_->turn();
  }

  void timer_due() override {
    if (!closing_) reactor_->timer_due();
  }

  void closed() override {
    napi_async_cleanup_hook_handle cleanup = cleanup_;
    delete this;
    napi_remove_async_cleanup_hook(cleanup);
  }

 private:
  ~Environment() { delete reactor_; }

  static void on_cleanup(napi_async_cleanup_hook_handle, void* self) {
    auto* environment = static_cast<Environment*>(self);
    environment->closing_ = true;
    environment->references_.clear(environment->env_);
    environment->forget();
    environment->hook_.close();
  }

  // Gives back what ties JavaScript's objects to this one.
  void forget() {
    if (context_ != nullptr) napi_async_destroy(env_, context_);
    if (dispatch_ != nullptr) napi_delete_reference(env_, dispatch_);
    if (memory_owners_ != nullptr) napi_delete_reference(env_, memory_owners_);
  }

  napi_env env_;
  napi_ref dispatch_ = nullptr;
  napi_ref memory_owners_ = nullptr;
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  ReferenceTable references_;
  Reactor* reactor_;
  LoopHook hook_;
  bool js_referenced_ = false;
  bool lingering_ = false;
  bool closing_ = false;
};

}  // namespace netmux
