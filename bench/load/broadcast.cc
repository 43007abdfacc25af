#include "broadcast.h"

#include <algorithm>

namespace netmux::load {
namespace {

Options PublishedOptions(Options options) {
  options.framing = Framing::kPublished;
  return options;
}

}  // namespace

Broadcast::Broadcast(const Options& options) : Clients(options), published_(PublishedOptions(options)) {}

void Broadcast::PublishUntil(int64_t until) {
  heard_bytes_.resize(clients_.size());
  do {
    Publish();
    Drain();
  } while (Now() < until && !stalled() && clients_[kPublisher].fd >= 0);
}

void Broadcast::Publish() {
  published_at_ = Now();
  published_bytes_ += published_.request_bytes();
  StartMessages(kPublisher, 1, published_at_);
  for (uint32_t number = 0; number < clients_.size(); number++) {
    if (number != kPublisher && clients_[number].fd >= 0) StartMessages(number, 1, published_at_);
  }
  Send(kPublisher);
}

const char* Broadcast::Unsent(uint32_t number, uint64_t position) const {
  // The opening message is not for everybody.
  const uint64_t own = pattern_.request_bytes();
  return position < own ? Clients::Unsent(number, position) : published_.Request(kPublisher, position - own);
}

void Broadcast::Take(uint32_t number, const char* data, size_t length) {
  if (published_at_ == 0) {
    Clients::Take(number, data, length);
    return;
  }
  Client& client = clients_[number];
  uint64_t& heard = heard_bytes_[number];
  const uint64_t usable = std::min<uint64_t>(published_bytes_ - heard, length);
  tally_.extra_bytes += length - usable;
  Compare(data, published_.Request(kPublisher, heard), usable);
  heard += usable;
  if (heard < published_bytes_ || InFlight(number) == 0) return;
  latencies_.Record(static_cast<uint64_t>(Now() - published_at_));
  client.finished++;
  outstanding_--;
  tally_.messages++;
}

}  // namespace netmux::load
