#include "admission.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace netmux {

namespace {

constexpr int64_t kReportMs = 1000;

constexpr uint32_t kFirstDoors = 8;

constexpr size_t kAddressLength = 16;

// An IP address as 16 bytes; false for others.
bool plain_address(const sockaddr_storage& address, uint8_t* bytes) {
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 ipv6;
    memcpy(&ipv6, &address, sizeof ipv6);
    memcpy(bytes, &ipv6.sin6_addr, kAddressLength);
    return true;
  }
  if (address.ss_family != AF_INET) return false;
  sockaddr_in ipv4;
  memcpy(&ipv4, &address, sizeof ipv4);
  memset(bytes, 0, kAddressLength);
  bytes[10] = bytes[11] = 0xff;
  memcpy(bytes + 12, &ipv4.sin_addr, 4);
  return true;
}

bool lies_in(const uint8_t* address, const uint8_t* block) {
  const size_t bits = block[kAddressLength];
  const size_t bytes = bits / 8;
  if (memcmp(address, block, bytes) != 0) return false;
  const size_t rest = bits % 8;
  return rest == 0 || (address[bytes] ^ block[bytes]) >> (8 - rest) == 0;
}

}  // namespace

ListenerLimits limits_of(const double* words, const uint8_t* exempt, size_t exempt_bytes) {
  const auto word = [&](LimitWord which) { return words[static_cast<int32_t>(which)]; };
  const auto count = [&](LimitWord which) { return static_cast<uint32_t>(word(which)); };
  const auto time = [&](LimitWord which) { return static_cast<int32_t>(word(which)); };
  ListenerLimits limits;
  limits.owner = count(LimitWord::Owner);
  limits.connections = count(LimitWord::Connections);
  limits.per_address = count(LimitWord::PerAddress);
  limits.per_network = count(LimitWord::PerNetwork);
  limits.rate = word(LimitWord::Rate);
  limits.burst = word(LimitWord::Burst);
  limits.listener_connections = count(LimitWord::ListenerConnections);
  limits.listener_rate = word(LimitWord::ListenerRate);
  limits.listener_burst = word(LimitWord::ListenerBurst);
  limits.first_byte_ms = time(LimitWord::FirstByteMs);
  limits.idle_ms = time(LimitWord::IdleMs);
  limits.lifetime_ms = time(LimitWord::LifetimeMs);
  limits.min_byte_rate = word(LimitWord::MinByteRate);
  limits.exempt = exempt;
  limits.exempt_bytes = exempt_bytes / kBlockBytes * kBlockBytes;
  return limits;
}

bool TokenBucket::has_token(int64_t now_ns) {
  if (rate_ <= 0) return true;
  tokens_ = std::min(burst_, tokens_ + static_cast<double>(now_ns - filled_ns_) * rate_ / 1e9);
  filled_ns_ = now_ns;
  return tokens_ >= 1;
}

Admission* Admission::create(uint32_t max_handles, uint64_t seed, const Allocator& allocator) {
  void* memory = allocator.allocate(sizeof(Admission));
  if (memory == nullptr) return nullptr;
  auto* admission = new (memory) Admission(allocator, seed);
  admission->passes_ = static_cast<Pass*>(allocator.allocate_zeroed(max_handles * sizeof(Pass)));
  if (admission->passes_ != nullptr) return admission;
  destroy(admission);
  return nullptr;
}

void Admission::destroy(Admission* admission) {
  if (admission == nullptr) return;
  const Allocator& allocator = admission->allocator_;
  admission->~Admission();
  allocator.release(admission);
}

Admission::~Admission() {
  for (uint32_t door = 0; door < door_capacity_; door += 1) {
    if (doors_[door] == nullptr) continue;
    leave_gate(doors_[door]->gate);
    allocator_.release(doors_[door]);
  }
  allocator_.release(doors_);
  allocator_.release(passes_);
}

Admission::Gate* Admission::gate_of(const ListenerLimits& limits, int64_t now_ns) {
  for (Gate* gate = gates_; gate != nullptr; gate = gate->next) {
    if (gate->owner == limits.owner) return gate;
  }
  void* memory = allocator_.allocate(sizeof(Gate));
  void* exempt = limits.exempt_bytes == 0 ? nullptr : allocator_.allocate(limits.exempt_bytes);
  if (memory == nullptr || (exempt == nullptr && limits.exempt_bytes > 0)) {
    allocator_.release(memory);
    allocator_.release(exempt);
    return nullptr;
  }
  if (exempt != nullptr) memcpy(exempt, limits.exempt, limits.exempt_bytes);
  gates_ = new (memory) Gate{gates_,
                             limits.owner,
                             0,
                             0,
                             TokenBucket(limits.rate, limits.burst, now_ns),
                             {allocator_, seed_},
                             static_cast<uint8_t*>(exempt),
                             limits.exempt_bytes};
  return gates_;
}

uint32_t Admission::open_door(uint32_t listener, const ListenerLimits& limits, int64_t now_ns) {
  uint32_t door = 0;
  while (door < door_capacity_ && doors_[door] != nullptr) door += 1;
  if (door == door_capacity_) {
    const uint32_t capacity = door_capacity_ == 0 ? kFirstDoors : 2 * door_capacity_;
    auto** doors = static_cast<Door**>(allocator_.allocate_zeroed(capacity * sizeof(Door*)));
    if (doors == nullptr) return kNone;
    if (door_capacity_ > 0) memcpy(doors, doors_, door_capacity_ * sizeof(Door*));
    allocator_.release(doors_);
    doors_ = doors;
    door_capacity_ = capacity;
  }
  void* memory = allocator_.allocate(sizeof(Door));
  if (memory == nullptr) return kNone;
  Gate* gate = gate_of(limits, now_ns);
  if (gate == nullptr) {
    allocator_.release(memory);
    return kNone;
  }
  gate->doors += 1;
  const TokenBucket bucket(limits.listener_rate, limits.listener_burst, now_ns);
  doors_[door] = new (memory) Door{gate, listener, true, 0, bucket, limits, -kReportMs, {}, {}};
  return door;
}

void Admission::leave_gate(Gate* gate) {
  gate->doors -= 1;
  if (gate->doors > 0) return;
  Gate** link = &gates_;
  while (*link != gate) link = &(*link)->next;
  *link = gate->next;
  allocator_.release(gate->exempt);
  gate->~Gate();
  allocator_.release(gate);
}

void Admission::close_door(uint32_t door) {
  doors_[door]->open = false;
  remove_if_through(door);
}

void Admission::remove_if_through(uint32_t door) {
  if (doors_[door]->open || doors_[door]->connections > 0) return;
  leave_gate(doors_[door]->gate);
  allocator_.release(doors_[door]);
  doors_[door] = nullptr;
}

bool Admission::is_exempt(const Gate& gate, const sockaddr_storage& address) const {
  uint8_t plain[kAddressLength];
  if (gate.exempt_bytes == 0 || !plain_address(address, plain)) return false;
  for (size_t at = 0; at < gate.exempt_bytes; at += kBlockBytes) {
    if (lies_in(plain, gate.exempt + at)) return true;
  }
  return false;
}

// The narrowest limit first: a flood from one address must not use up what everybody shares.
Refusal Admission::find_reason(Door& door, const sockaddr_storage& address, int64_t now_ns) {
  const ListenerLimits& limits = door.limits;
  Gate& gate = *door.gate;
  if (limits.per_address > 0) {
    const PeerKey key = peer_key(address, PeerScope::Address);
    if (key.kind != 0 && gate.addresses.count(key) >= limits.per_address) return Refusal::Address;
  }
  if (limits.per_network > 0) {
    const PeerKey key = peer_key(address, PeerScope::Network);
    if (key.kind != 0 && gate.addresses.count(key) >= limits.per_network) return Refusal::Network;
  }
  if (limits.listener_connections > 0 && door.connections >= limits.listener_connections) return Refusal::Listener;
  if (limits.connections > 0 && gate.connections >= limits.connections) return Refusal::Connections;
  if (!door.bucket.has_token(now_ns)) return Refusal::ListenerRate;
  if (!gate.bucket.has_token(now_ns)) return Refusal::Rate;
  return Refusal::None;
}

Refusal Admission::judge(uint32_t number, const sockaddr_storage& address, int64_t now_ns) {
  Door& door = *doors_[number];
  const Refusal reason = find_reason(door, address, now_ns);
  if (reason == Refusal::None) {
    door.bucket.take();
    door.gate->bucket.take();
    return reason;
  }
  // Asked only here, so that the list costs nothing while nobody is refused.
  if (is_exempt(*door.gate, address)) return Refusal::None;
  door.refused[static_cast<int32_t>(reason)] += 1;
  report_due_ = std::min(report_due_, std::max(now_ns / 1000000, door.reported_ms + kReportMs));
  return reason;
}

bool Admission::enter(uint32_t number, uint32_t slot, const sockaddr_storage& address) {
  Door& door = *doors_[number];
  AddressCounts& addresses = door.gate->addresses;
  Pass pass = {number, kNone, kNone};
  const PeerKey own = peer_key(address, PeerScope::Address);
  const PeerKey network = peer_key(address, PeerScope::Network);
  if (door.limits.per_address > 0 && own.kind != 0) {
    pass.address = addresses.enter(own);
    if (pass.address == kNone) return false;
  }
  if (door.limits.per_network > 0 && network.kind != 0) {
    pass.network = addresses.enter(network);
    if (pass.network == kNone) {
      if (pass.address != kNone) addresses.leave(pass.address);
      return false;
    }
  }
  door.connections += 1;
  door.gate->connections += 1;
  passes_[slot] = pass;
  return true;
}

void Admission::leave(uint32_t slot) {
  const Pass pass = passes_[slot];
  Door& door = *doors_[pass.door];
  if (pass.address != kNone) door.gate->addresses.leave(pass.address);
  if (pass.network != kNone) door.gate->addresses.leave(pass.network);
  door.gate->connections -= 1;
  door.connections -= 1;
  remove_if_through(pass.door);
}

bool Admission::next_report(int64_t now_ms, uint32_t* listener, Refusal* reason, int32_t* count) {
  report_due_ = INT64_MAX;
  for (uint32_t number = 0; number < door_capacity_; number += 1) {
    Door* door = doors_[number];
    if (door == nullptr || !door->open) continue;
    for (int32_t why = 1; why < kRefusals; why += 1) {
      const int64_t owed = door->refused[why] - door->reported[why];
      if (owed == 0) continue;
      // All reasons of a door are told at one time.
      if (door->reported_ms != now_ms && now_ms - door->reported_ms < kReportMs) {
        report_due_ = std::min(report_due_, door->reported_ms + kReportMs);
        break;
      }
      door->reported_ms = now_ms;
      door->reported[why] = door->refused[why];
      *listener = door->listener;
      *reason = static_cast<Refusal>(why);
      *count = static_cast<int32_t>(std::min<int64_t>(owed, INT32_MAX));
      report_due_ = now_ms;  // there may be more: asked again, it finds out
      return true;
    }
  }
  return false;
}

}  // namespace netmux
