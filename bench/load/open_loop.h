// An open loop: messages begin at a fixed rate, whatever became of those before.
#ifndef NETMUX_BENCH_LOAD_OPEN_LOOP_H_
#define NETMUX_BENCH_LOAD_OPEN_LOOP_H_

#include "clients.h"

namespace netmux::load {

// Latency counts from the moment for which a message was planned. A server that stands still is so charged with every
// message that should have been sent meanwhile, not only with the one that was under way (coordinated omission).
class OpenLoop final : public Clients {
 public:
  using Clients::Clients;

  // Offers `Options::per_second` messages a second, round the connections, until `until`; then waits for what is missing.
  // It does not sleep between them: waking up would be part of every latency.
  void OfferUntil(int64_t until);

 private:
  void Answered(uint32_t, int64_t) override {}
  int64_t StartTime(uint32_t number, uint64_t message) const override;
  // The planned time of the message that is number `index` of all.
  int64_t Planned(uint64_t index) const {
    return begin_ + static_cast<int64_t>(static_cast<double>(index) * 1e9 / options_.per_second);
  }

  int64_t begin_ = 0;            // 0: still opening
  std::vector<uint64_t> first_;  // by client: its first message of this offer
};

}  // namespace netmux::load

#endif  // NETMUX_BENCH_LOAD_OPEN_LOOP_H_
