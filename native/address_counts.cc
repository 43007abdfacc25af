#include "address_counts.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace netmux {

namespace {

constexpr uint32_t kFirstCapacity = 64;

constexpr int kIPv4NetworkBits = 24;
// The smallest block that a site is given. A single host usually has a /64 of it.
constexpr int kIPv6NetworkBits = 48;

PeerKey ipv4_key(uint32_t host_order, PeerScope scope) {
  if (scope == PeerScope::Address) return {host_order, 1};
  return {host_order >> (32 - kIPv4NetworkBits), 2};
}

PeerKey ipv6_key(uint64_t upper_half, PeerScope scope) {
  if (scope == PeerScope::Address) return {upper_half, 3};
  return {upper_half >> (64 - kIPv6NetworkBits), 4};
}

}  // namespace

PeerKey peer_key(const sockaddr_storage& address, PeerScope scope) {
  if (address.ss_family == AF_INET) {
    sockaddr_in ipv4;
    memcpy(&ipv4, &address, sizeof ipv4);
    return ipv4_key(ntohl(ipv4.sin_addr.s_addr), scope);
  }
  if (address.ss_family != AF_INET6) return {0, 0};
  sockaddr_in6 ipv6;
  memcpy(&ipv6, &address, sizeof ipv6);
  uint32_t words[4];
  memcpy(words, &ipv6.sin6_addr, sizeof words);
  if (IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr)) return ipv4_key(ntohl(words[3]), scope);
  return ipv6_key(static_cast<uint64_t>(ntohl(words[0])) << 32 | ntohl(words[1]), scope);
}

AddressCounts::~AddressCounts() {
  allocator_.release(entries_);
  allocator_.release(buckets_);
}

uint32_t* AddressCounts::bucket_of(const PeerKey& key) const {
  // The finalizer of splitmix64.
  uint64_t hash = key.bits * 4 + key.kind + seed_;
  hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ hash >> 27) * 0x94d049bb133111ebu;
  return &buckets_[(hash ^ hash >> 31) & (capacity_ - 1)];
}

uint32_t AddressCounts::find(const PeerKey& key) const {
  if (capacity_ == 0) return kNone;
  uint32_t entry = *bucket_of(key);
  while (entry != kNone && (entries_[entry].bits != key.bits || entries_[entry].kind != key.kind))
    entry = entries_[entry].next;
  return entry;
}

uint32_t AddressCounts::count(const PeerKey& key) const {
  const uint32_t entry = find(key);
  return entry == kNone ? 0 : entries_[entry].count;
}

uint32_t AddressCounts::enter(const PeerKey& key) {
  uint32_t entry = find(key);
  if (entry != kNone) {
    entries_[entry].count += 1;
    return entry;
  }
  if (first_free_ == kNone && !grow()) return kNone;
  entry = first_free_;
  first_free_ = entries_[entry].next;
  uint32_t* bucket = bucket_of(key);
  entries_[entry] = {key.bits, key.kind, 1, *bucket};
  *bucket = entry;
  size_ += 1;
  return entry;
}

void AddressCounts::leave(uint32_t entry) {
  entries_[entry].count -= 1;
  if (entries_[entry].count > 0) return;
  uint32_t* link = bucket_of({entries_[entry].bits, entries_[entry].kind});
  while (*link != entry) link = &entries_[*link].next;
  *link = entries_[entry].next;
  entries_[entry].next = first_free_;
  first_free_ = entry;
  size_ -= 1;
}

// Twice the room. Entries keep their numbers; buckets are made anew.
bool AddressCounts::grow() {
  const uint32_t capacity = capacity_ == 0 ? kFirstCapacity : 2 * capacity_;
  auto* entries = static_cast<Entry*>(allocator_.allocate(capacity * sizeof(Entry)));
  auto* buckets = static_cast<uint32_t*>(allocator_.allocate(capacity * sizeof(uint32_t)));
  if (entries == nullptr || buckets == nullptr) {
    allocator_.release(entries);
    allocator_.release(buckets);
    return false;
  }
  if (capacity_ > 0) memcpy(entries, entries_, capacity_ * sizeof(Entry));
  allocator_.release(entries_);
  allocator_.release(buckets_);
  entries_ = entries;
  buckets_ = buckets;
  const uint32_t used = capacity_;
  capacity_ = capacity;
  for (uint32_t bucket = 0; bucket < capacity; bucket += 1) buckets_[bucket] = kNone;
  // It only grows where no entry is free: all of the old ones are in use.
  for (uint32_t entry = 0; entry < used; entry += 1) {
    uint32_t* bucket = bucket_of({entries_[entry].bits, entries_[entry].kind});
    entries_[entry].next = *bucket;
    *bucket = entry;
  }
  for (uint32_t entry = capacity; entry > used; entry -= 1) {
    entries_[entry - 1].next = first_free_;
    first_free_ = entry - 1;
  }
  return true;
}

}  // namespace netmux
