#include "open_loop.h"

namespace netmux::load {

void OpenLoop::OfferUntil(int64_t until) {
  first_.clear();
  for (const Client& client : clients_) first_.push_back(client.started);
  begin_ = Now();
  uint64_t next = 0;
  // Also when the generator itself was held up: what was planned is sent, and its lateness counts.
  while (Planned(next) < until && !stalled()) {
    const int64_t now = Now();
    for (; Planned(next) <= now && Planned(next) < until; next++) {
      const uint32_t number = static_cast<uint32_t>(next % clients_.size());
      // One that was lost is counted as such; what it should have said is not offered to others.
      if (clients_[number].fd < 0) continue;
      StartMessages(number, 1, now);
      Send(number);
    }
    Poll(0);
  }
  Drain();
}

int64_t OpenLoop::StartTime(uint32_t number, uint64_t message) const {
  if (begin_ == 0) return Clients::StartTime(number, message);
  return Planned((message - first_[number]) * clients_.size() + number);
}

}  // namespace netmux::load
