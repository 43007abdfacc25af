// How many connections there are of each address and of each network: what limits by peer count with. An entry exists
// while somebody is connected, so who is refused cannot make the table grow.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "memory.h"

namespace netmux {

// What is counted as one peer: an IPv4 address or IPv6 /64, an IPv4 /24 or IPv6 /48.
enum class PeerScope : uint8_t { Address, Network };

struct PeerKey {
  uint64_t bits;
  uint32_t kind;  // scope and family; 0: nothing that could be counted
};

// The key of a socket address; of kind 0 where it is not an IP address. An IPv4-mapped address is an IPv4 address.
PeerKey peer_key(const sockaddr_storage& address, PeerScope scope);

class AddressCounts {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  // `seed` keeps peers from choosing addresses that all meet in one bucket. The allocator must outlive the table.
  AddressCounts(const Allocator& allocator, uint64_t seed) : allocator_(allocator), seed_(seed) {}
  AddressCounts(const AddressCounts&) = delete;
  AddressCounts& operator=(const AddressCounts&) = delete;
  ~AddressCounts();

  uint32_t count(const PeerKey& key) const;
  // One more. The number of the entry, which stays the same until leave(); kNone if there is no memory.
  uint32_t enter(const PeerKey& key);
  // One less.
  void leave(uint32_t entry);
  // Keys that are counted now.
  uint32_t size() const { return size_; }

 private:
  struct Entry {
    uint64_t bits;
    uint32_t kind;
    uint32_t count;
    uint32_t next;  // of the bucket, or of the free list
  };

  uint32_t* bucket_of(const PeerKey& key) const;
  uint32_t find(const PeerKey& key) const;
  bool grow();

  const Allocator& allocator_;
  const uint64_t seed_;
  Entry* entries_ = nullptr;
  uint32_t* buckets_ = nullptr;  // as many as entries, which is a power of two
  uint32_t capacity_ = 0;
  uint32_t size_ = 0;
  uint32_t first_free_ = kNone;
};

}  // namespace netmux
