#include "time_limits.h"

#include <new>

#include "wrapped_time.h"

namespace netmux {

namespace {

// A rate is judged over this time: long enough for a peer that loses a packet or two, short enough to be worth having.
constexpr int32_t kRateWindowMs = 5000;

// A window that ends later than this was stretched by a callback that took long, and what the peer sent meanwhile may
// not be read yet: it is not judged.
constexpr int32_t kStretchedWindowMs = 6000;

int32_t later_of(int32_t a, int32_t b) { return elapsed(a, b) > 0 ? b : a; }

uint32_t low_word(double bytes) { return static_cast<uint32_t>(static_cast<uint64_t>(bytes)); }

}  // namespace

TimeLimits* TimeLimits::create(uint32_t max_handles, const Allocator& allocator) {
  void* memory = allocator.allocate(sizeof(TimeLimits));
  if (memory == nullptr) return nullptr;
  auto* limits = new (memory) TimeLimits(allocator);
  limits->watches_ = static_cast<Watch*>(allocator.allocate_zeroed(max_handles * sizeof(Watch)));
  if (limits->watches_ != nullptr) return limits;
  destroy(limits);
  return nullptr;
}

void TimeLimits::destroy(TimeLimits* limits) {
  if (limits == nullptr) return;
  const Allocator& allocator = limits->allocator_;
  limits->~TimeLimits();
  allocator.release(limits);
}

TimeLimits::~TimeLimits() { allocator_.release(watches_); }

Expiry TimeLimits::look(uint32_t slot, const ListenerLimits& limits, const Present& present, int32_t now,
                        int32_t* next) {
  Watch& watch = watches_[slot];
  *next = 0;
  Expiry reached = Expiry::None;
  const auto consider = [&](Expiry which, int32_t due) {
    if (elapsed(due, now) >= 0) {
      if (reached == Expiry::None) reached = which;
    } else if (*next == 0 || elapsed(due, *next) > 0) {
      *next = due == 0 ? 1 : due;  // 0 means never
    }
  };
  if (present.paused) watch.resumed = now;
  if (limits.lifetime_ms > 0) consider(Expiry::Lifetime, after(watch.opened, limits.lifetime_ms));
  if (limits.first_byte_ms > 0 && present.received == 0) {
    consider(Expiry::FirstByte, after(later_of(watch.opened, watch.resumed), limits.first_byte_ms));
  }
  if (limits.idle_ms > 0) consider(Expiry::Idle, after(later_of(watch.active, watch.resumed), limits.idle_ms));
  if (limits.min_byte_rate > 0) {
    if (reached == Expiry::None && is_slow(watch, limits.min_byte_rate, present, now)) reached = Expiry::Slow;
    consider(Expiry::Slow, after(watch.sampled, kRateWindowMs));
  }
  return reached;
}

// Ends the window if its time has come. Only a message that was unfinished in all of it is judged.
bool TimeLimits::is_slow(Watch& watch, double rate, const Present& present, int32_t now) {
  const int32_t length = elapsed(watch.sampled, now);
  if (length < kRateWindowMs) return false;
  const uint32_t bytes = low_word(present.received + present.sent);
  const bool judged = length < kStretchedWindowMs && watch.unfinished && present.unfinished &&
                      elapsed(watch.sampled, watch.resumed) <= 0;
  const bool slow = judged && static_cast<double>(bytes - watch.sampled_bytes) < rate * length / 1000;
  watch.sampled = now;
  watch.sampled_bytes = bytes;
  watch.unfinished = present.unfinished;
  return slow;
}

}  // namespace netmux
