#include "closed_loop.h"

#include <algorithm>

namespace netmux::load {

void ClosedLoop::ExchangeUntil(int64_t until) {
  stopping_ = false;
  StartOnAll(static_cast<uint64_t>(options_.in_flight));
  while (outstanding_ > 0 && Now() < until) {
    if (!Step()) break;
  }
  stopping_ = true;
  Drain();
}

void ClosedLoop::ExchangeOnce() {
  stopping_ = true;
  StartOnAll(1);
  Drain();
}

void ClosedLoop::StartOnAll(uint64_t count) {
  for (uint32_t number = 0; number < clients_.size(); number++) {
    if (clients_[number].fd < 0) continue;
    StartMessages(number, std::min(count, Room(number)), Now());
    Send(number);
  }
}

void ClosedLoop::Answered(uint32_t number, int64_t now) {
  if (stopping_) return;
  StartMessages(number, Room(number), now);
  Send(number);
}

}  // namespace netmux::load
