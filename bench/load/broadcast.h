// Broadcast: one client publishes a message, the server sends it to everybody; the next one follows when all have it.
#ifndef NETMUX_BENCH_LOAD_BROADCAST_H_
#define NETMUX_BENCH_LOAD_BROADCAST_H_

#include "clients.h"

namespace netmux::load {

// A message in the tally is a delivery: one message that one client has received whole.
class Broadcast final : public Clients {
 public:
  explicit Broadcast(const Options& options);

  void PublishUntil(int64_t until);

 private:
  void Answered(uint32_t, int64_t) override {}
  const char* Unsent(uint32_t number, uint64_t position) const override;
  void Take(uint32_t number, const char* data, size_t length) override;
  void Publish();

  static constexpr uint32_t kPublisher = 0;

  const Pattern published_;
  uint64_t published_bytes_ = 0;
  int64_t published_at_ = 0;           // the last one; 0: still opening
  std::vector<uint64_t> heard_bytes_;  // by client, of what was published
};

}  // namespace netmux::load

#endif  // NETMUX_BENCH_LOAD_BROADCAST_H_
