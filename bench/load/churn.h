// Churn: each client connects, exchanges one message and resets the connection, again and again.
#ifndef NETMUX_BENCH_LOAD_CHURN_H_
#define NETMUX_BENCH_LOAD_CHURN_H_

#include "clients.h"

namespace netmux::load {

// A reset leaves no port in TIME_WAIT, of which there are only 28,000 for each source address. A message stands for a
// connection here: its latency begins before connect().
class Churn final : public Clients {
 public:
  using Clients::Clients;

  // As many connections at a time as were opened.
  void ChurnUntil(int64_t until);

 private:
  void Answered(uint32_t number, int64_t now) override;
  int64_t StartTime(uint32_t number, uint64_t message) const override;
  void Again(uint32_t number);

  bool stopping_ = false;
  std::vector<int64_t> connected_at_;  // by client; empty while opening
};

}  // namespace netmux::load

#endif  // NETMUX_BENCH_LOAD_CHURN_H_
