// Many TCP clients on one thread.
#ifndef NETMUX_BENCH_LOAD_CLIENTS_H_
#define NETMUX_BENCH_LOAD_CLIENTS_H_

#include <netinet/in.h>
#include <sys/epoll.h>

#include <cstdint>
#include <string>
#include <vector>

#include "histogram.h"
#include "options.h"
#include "pattern.h"

namespace netmux::load {

// What was seen since the start. All but the first two must be 0.
struct Tally {
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t wrong_bytes = 0;  // differ from what was expected at their position
  uint64_t extra_bytes = 0;  // nobody had asked for them
  uint64_t missing = 0;      // messages that were never answered
  uint64_t lost = 0;         // connections that the server ended
};

// Nanoseconds of the monotonic clock.
int64_t Now();

class Clients {
 public:
  explicit Clients(const Options& options);
  // Resets all connections: no port stays in TIME_WAIT for the next run.
  ~Clients();

  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  // Opens connections until there are `total`. Each counts as open when one message went there and came back, so that
  // the server's accept queue never overflows. False: see `error()`.
  bool Open(int total);

  // Keeps `Options::in_flight` messages going on every connection until `until`, then waits for what is missing.
  void ExchangeUntil(int64_t until);
  // One message on every connection.
  void ExchangeOnce();

  // Waits a moment and looks whether anything came that should not have, or a connection was closed.
  void CheckQuiet();

  const Tally& tally() const { return tally_; }
  const std::string& error() const { return error_; }
  Histogram& latencies() { return latencies_; }

 private:
  struct Client {
    int fd = -1;
    bool connecting = false;
    bool opening = false;
    bool wants_write = false;
    uint64_t allowance = 0;  // messages that it may still start
    uint64_t started = 0;
    uint64_t finished = 0;
    uint64_t sent_bytes = 0;
    uint64_t received_bytes = 0;
  };

  bool Connect(uint32_t number);
  bool Fail(const std::string& what, int error);
  // Waits for events and handles them. False when nothing happened for `Options::stall_ms`.
  bool Step();
  void Wait(int64_t until);
  void OnEvent(uint32_t number, uint32_t events);
  void FinishConnect(uint32_t number);
  void Receive(uint32_t number);
  void Finish(uint32_t number, uint64_t count, int64_t now);
  void StartMessages(uint32_t number, int64_t now);
  void Send(uint32_t number);
  void WatchWrite(uint32_t number, bool on);
  void Lose(uint32_t number);
  int64_t& StartTime(uint32_t number, uint64_t message) {
    return start_times_[number * static_cast<uint64_t>(options_.in_flight) +
                        message % static_cast<uint64_t>(options_.in_flight)];
  }

  const Options options_;
  const Pattern pattern_;
  sockaddr_in server_{};
  int epoll_ = -1;
  bool stopping_ = false;
  bool stalled_ = false;  // for good: what is missing was counted
  int opening_ = 0;
  uint64_t outstanding_ = 0;  // messages under way on all connections
  std::vector<Client> clients_;
  std::vector<int64_t> start_times_;  // of the messages under way, a small ring for each client
  std::vector<epoll_event> events_;
  std::vector<char> buffer_;
  Tally tally_;
  Histogram latencies_;
  std::string error_;
};

}  // namespace netmux::load

#endif  // NETMUX_BENCH_LOAD_CLIENTS_H_
