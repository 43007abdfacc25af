// Many TCP clients on one thread: opening, sending, receiving and checking. What follows an answer is the mode's affair.
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
  virtual ~Clients();

  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  // Opens connections until there are `total`. Each counts as open when one message went there and came back, so that
  // the server's accept queue never overflows. False: see `error()`.
  bool Open(int total);

  // Waits a moment and looks whether anything came that should not have, or a connection was closed.
  void CheckQuiet();

  const Tally& tally() const { return tally_; }
  const std::string& error() const { return error_; }
  Histogram& latencies() { return latencies_; }

 protected:
  struct Client {
    int fd = -1;
    bool connecting = false;
    bool opening = false;
    bool wants_write = false;
    uint32_t voice = 0;  // whose messages of the pattern it sends
    uint64_t started = 0;
    uint64_t finished = 0;
    uint64_t sent_bytes = 0;
    uint64_t received_bytes = 0;
  };

  // Called for each answer or group of answers once all clients are open; the place to start more.
  virtual void Answered(uint32_t number, int64_t now) = 0;
  // When the latency of a message begins.
  virtual int64_t StartTime(uint32_t number, uint64_t message) const;
  // Takes what was received, `length` bytes at `data`; compares and counts.
  virtual void Take(uint32_t number, const char* data, size_t length);

  // A socket under way to the server, whose first message follows when it is there.
  bool Connect(uint32_t number);
  // The socket is reset; nothing is counted.
  void Reset(uint32_t number);
  // Lets `count` more messages begin now. Send() sends them, as far as the kernel takes them.
  void StartMessages(uint32_t number, uint64_t count, int64_t now);
  void Send(uint32_t number);
  // The rest of the stream to be sent: at most Pattern::kContiguousBytes.
  virtual const char* Unsent(uint32_t number, uint64_t position) const;
  void Lose(uint32_t number);
  bool Fail(const std::string& what, int error);
  // Handles the events that wait, or come within `timeout_ms`. Whether there were any.
  bool Poll(int timeout_ms);
  // Handles events. False when nothing happened for `Options::stall_ms`.
  bool Step();
  // Steps until every message is answered and nobody is on his way to the server, or until nothing happens any more:
  // then what is missing is counted.
  void Drain();
  // Compares with what is wanted and counts what differs.
  void Compare(const char* data, const char* wanted, uint64_t length);

  bool stalled() const { return stalled_; }
  uint64_t InFlight(uint32_t number) const { return clients_[number].started - clients_[number].finished; }

  const Options options_;
  const Pattern pattern_;
  uint64_t outstanding_ = 0;  // messages under way on all connections
  std::vector<Client> clients_;
  Tally tally_;
  Histogram latencies_;

 private:
  void OnEvent(uint32_t number, uint32_t events);
  void FinishConnect(uint32_t number);
  void Receive(uint32_t number);
  void Finish(uint32_t number, uint64_t count, int64_t now);
  void WatchWrite(uint32_t number, bool on);
  size_t PlaceOf(uint32_t number, uint64_t message) const {
    return number * static_cast<uint64_t>(options_.in_flight) + message % static_cast<uint64_t>(options_.in_flight);
  }

  sockaddr_in server_{};
  int epoll_ = -1;
  bool stalled_ = false;  // for good: what is missing was counted
  bool open_ = false;     // all of them
  int opening_ = 0;
  uint32_t connects_ = 0;
  std::vector<int64_t> start_times_;  // of the messages under way, a small ring for each client
  std::vector<epoll_event> events_;
  std::vector<char> buffer_;
  std::string error_;
};

}  // namespace netmux::load

#endif  // NETMUX_BENCH_LOAD_CLIENTS_H_
