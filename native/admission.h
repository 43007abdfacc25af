// Who is let in: limits on the connections of a listener, of a multiplexer's listeners together, of an address and of a
// network, and on how many are accepted in a second. Decided from the peer's address alone, before anybody hears of the
// connection. A reactor without limits has none of this but one pointer.
//
// A door is what a listener has, a gate what the doors of one multiplexer share. Both exist as long as the listener or a
// connection that came through.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "address_counts.h"
#include "contract.h"
#include "memory.h"

namespace netmux {

// Limits of a listener and of its gate, and exempt blocks of addresses. 0 = no limit.
struct ListenerLimits {
  uint32_t owner = 0;  // names the gate
  uint32_t connections = 0;
  uint32_t per_address = 0;
  uint32_t per_network = 0;
  double rate = 0;
  double burst = 0;
  uint32_t listener_connections = 0;
  double listener_rate = 0;
  double listener_burst = 0;
  int32_t first_byte_ms = 0;
  int32_t idle_ms = 0;
  int32_t lifetime_ms = 0;
  double min_byte_rate = 0;
  const uint8_t* exempt =
      nullptr;  // kBlockBytes each: the address, an IPv4 one in its mapped form, and the length of its prefix
  size_t exempt_bytes = 0;

  bool times() const { return first_byte_ms > 0 || idle_ms > 0 || lifetime_ms > 0 || min_byte_rate > 0; }
};

// From kLimitWords words; `exempt` must live as long as the result.
ListenerLimits limits_of(const double* words, const uint8_t* exempt, size_t exempt_bytes);

// So many at once, and so many a second on average.
class TokenBucket {
 public:
  // Full. A rate of 0 means that there is no limit.
  TokenBucket(double rate, double burst, int64_t now_ns)
      : rate_(rate), burst_(burst), tokens_(burst), filled_ns_(now_ns) {}

  bool has_token(int64_t now_ns);
  void take() {
    if (rate_ > 0) tokens_ -= 1;
  }

 private:
  double rate_;
  double burst_;
  double tokens_;
  int64_t filled_ns_;
};

class Admission {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  // The allocator must outlive it. Null if there is no memory for so many slots.
  static Admission* create(uint32_t max_handles, uint64_t seed, const Allocator& allocator);
  static void destroy(Admission* admission);

  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // A door for a listener. Its gate is the one that the owner's other doors have, with the limits that these came with.
  // The number of the door, or kNone if there is no memory.
  uint32_t open_door(uint32_t listener, const ListenerLimits& limits, int64_t now_ns);
  // The listener is gone. Its connections still count at the gate.
  void close_door(uint32_t door);

  // Whether somebody from this address may come in; Refusal::None lets him. Who is refused is counted. All times are of one
  // clock.
  Refusal judge(uint32_t door, const sockaddr_storage& address, int64_t now_ns);
  // Counts the connection until leave(). False (and nothing counted) if there is no memory.
  bool enter(uint32_t door, uint32_t slot, const sockaddr_storage& address);
  void leave(uint32_t slot);

  const ListenerLimits& limits(uint32_t door) const { return doors_[door]->limits; }
  // The door that a connection came through.
  uint32_t door_of(uint32_t slot) const { return passes_[slot].door; }

  // Refusals of a door by reason, kRefusals words.
  const int64_t* refused(uint32_t door) const { return doors_[door]->refused; }
  // The next refusals that are owed a report: of which listener, why and how many since the last report. False if there
  // are none (any more) that may be told at this time.
  bool next_report(int64_t now_ms, uint32_t* listener, Refusal* reason, int32_t* count);
  // When next_report() has something; INT64_MAX = never.
  int64_t report_due() const { return report_due_; }

 private:
  struct Gate {
    Gate* next;
    uint32_t owner;
    uint32_t doors;
    uint32_t connections;
    TokenBucket bucket;
    AddressCounts addresses;
    uint8_t* exempt;
    size_t exempt_bytes;
  };

  struct Door {
    Gate* gate;
    uint32_t listener;
    bool open;
    uint32_t connections;
    TokenBucket bucket;
    ListenerLimits limits;
    int64_t reported_ms;
    int64_t refused[kRefusals];
    int64_t reported[kRefusals];  // of those, how many were told
  };

  // What a connection has to give back.
  struct Pass {
    uint32_t door;
    uint32_t address;  // in the table of its gate; kNone: not counted there
    uint32_t network;
  };

  Admission(const Allocator& allocator, uint64_t seed) : allocator_(allocator), seed_(seed) {}
  ~Admission();

  Gate* gate_of(const ListenerLimits& limits, int64_t now_ns);
  void leave_gate(Gate* gate);
  void remove_if_through(uint32_t door);
  bool is_exempt(const Gate& gate, const sockaddr_storage& address) const;
  Refusal find_reason(Door& door, const sockaddr_storage& address, int64_t now_ns);

  const Allocator& allocator_;
  const uint64_t seed_;
  Pass* passes_ = nullptr;  // by slot
  Gate* gates_ = nullptr;
  Door** doors_ = nullptr;
  uint32_t door_capacity_ = 0;
  int64_t report_due_ = INT64_MAX;
};

}  // namespace netmux
