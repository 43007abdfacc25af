#include "churn.h"

namespace netmux::load {

void Churn::ChurnUntil(int64_t until) {
  stopping_ = false;
  connected_at_.resize(clients_.size());
  for (uint32_t number = 0; number < clients_.size(); number++) {
    if (clients_[number].fd >= 0) Again(number);
  }
  while (error().empty() && Now() < until) {
    if (!Step()) break;
  }
  stopping_ = true;
  Drain();
}

void Churn::Again(uint32_t number) {
  Reset(number);
  connected_at_[number] = Now();
  Connect(number);
}

void Churn::Answered(uint32_t number, int64_t) {
  if (!stopping_) Again(number);
}

int64_t Churn::StartTime(uint32_t number, uint64_t message) const {
  return connected_at_.empty() ? Clients::StartTime(number, message) : connected_at_[number];
}

}  // namespace netmux::load
