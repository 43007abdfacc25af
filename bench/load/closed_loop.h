// A closed loop: each client sends its next message when an answer makes room for it.
#ifndef NETMUX_BENCH_LOAD_CLOSED_LOOP_H_
#define NETMUX_BENCH_LOAD_CLOSED_LOOP_H_

#include "clients.h"

namespace netmux::load {

class ClosedLoop final : public Clients {
 public:
  using Clients::Clients;

  // Keeps `Options::in_flight` messages going on every connection until `until`, then waits for what is missing.
  void ExchangeUntil(int64_t until);
  // One message on every connection.
  void ExchangeOnce();

 private:
  void Answered(uint32_t number, int64_t now) override;
  void StartOnAll(uint64_t count);
  uint64_t Room(uint32_t number) const { return static_cast<uint64_t>(options_.in_flight) - InFlight(number); }

  bool stopping_ = false;
};

}  // namespace netmux::load

#endif  // NETMUX_BENCH_LOAD_CLOSED_LOOP_H_
