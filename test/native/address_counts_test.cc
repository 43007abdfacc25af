// Connections counted by address and by network.
#include "address_counts.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <map>
#include <vector>

#include "check.h"
#include "failing_allocator.h"

using netmux::AddressCounts;
using netmux::heap;
using netmux::peer_key;
using netmux::PeerKey;
using netmux::PeerScope;
using netmux_test::kFailingAllocator;
using netmux_test::lending;
using netmux_test::Random;
using netmux_test::reset_lending;

namespace {

sockaddr_storage address(const char* text) {
  sockaddr_storage storage = {};
  sockaddr_in ipv4 = {};
  sockaddr_in6 ipv6 = {};
  ipv4.sin_family = AF_INET;
  ipv6.sin6_family = AF_INET6;
  if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1) {
    std::memcpy(&storage, &ipv4, sizeof ipv4);
  } else {
    CHECK_EQUAL(inet_pton(AF_INET6, text, &ipv6.sin6_addr), 1);
    std::memcpy(&storage, &ipv6, sizeof ipv6);
  }
  return storage;
}

bool same(const char* a, const char* b, PeerScope scope) {
  const PeerKey one = peer_key(address(a), scope);
  const PeerKey other = peer_key(address(b), scope);
  return one.bits == other.bits && one.kind == other.kind;
}

}  // namespace

TEST("an address is an IPv4 address or an IPv6 /64, a network a /24 or a /48") {
  CHECK(!same("192.0.2.1", "192.0.2.2", PeerScope::Address));
  CHECK(same("192.0.2.1", "192.0.2.254", PeerScope::Network));
  CHECK(!same("192.0.2.1", "192.0.3.1", PeerScope::Network));
  CHECK(same("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", PeerScope::Address));
  CHECK(!same("2001:db8:0:1::1", "2001:db8:0:2::1", PeerScope::Address));
  CHECK(same("2001:db8:0:1::1", "2001:db8:0:2::1", PeerScope::Network));
  CHECK(!same("2001:db8:0:1::1", "2001:db8:1:1::1", PeerScope::Network));
}

TEST("an IPv4-mapped address is the IPv4 address, and no IPv6 address is taken for an IPv4 one") {
  CHECK(same("192.0.2.1", "::ffff:192.0.2.1", PeerScope::Address));
  CHECK(!same("::ffff:192.0.2.1", "::ffff:192.0.2.2", PeerScope::Address));
  CHECK(!same("0.0.0.0", "::", PeerScope::Address));
}

TEST("what is no IP address is not counted") {
  sockaddr_storage local = {};
  local.ss_family = AF_UNIX;
  CHECK_EQUAL(peer_key(local, PeerScope::Address).kind, 0);
  CHECK_EQUAL(peer_key(local, PeerScope::Network).kind, 0);
}

TEST("counts agree with a map, whatever comes and goes, and an entry keeps its number while the table grows") {
  Random random;
  AddressCounts counts(heap(), random.bits());
  std::map<uint64_t, uint32_t> model;
  std::vector<std::pair<uint64_t, uint32_t>> inside;
  for (int i = 0; i < 200'000; i++) {
    if (inside.empty() || random.below(100) < 52) {
      const uint64_t bits = random.below(1000) * random.below(1000);
      inside.push_back({bits, counts.enter({bits, 1})});
      model[bits] += 1;
    } else {
      const size_t at = random.below(inside.size());
      const auto [bits, entry] = inside[at];
      inside[at] = inside.back();
      inside.pop_back();
      counts.leave(entry);
      if (--model[bits] == 0) model.erase(bits);
    }
    const uint64_t asked = random.below(1000) * random.below(1000);
    CHECK_EQUAL(counts.count({asked, 1}), model.count(asked) == 0 ? 0 : model[asked]);
    CHECK_EQUAL(counts.count({asked, 2}), 0);
    CHECK_EQUAL(counts.size(), model.size());
  }
}

TEST("without memory nobody is counted, and the table stays what it was") {
  for (int fail_at = 1; fail_at <= 4; fail_at++) {
    reset_lending();
    {
      AddressCounts counts(kFailingAllocator, 1);
      reset_lending(fail_at);
      uint32_t entered = 0;
      while (entered < 100 && counts.enter({entered, 1}) != AddressCounts::kNone) entered++;
      CHECK_EQUAL(entered, fail_at <= 2 ? 0 : 64);
      CHECK_EQUAL(counts.size(), entered);
      CHECK(counts.enter({1000, 1}) != AddressCounts::kNone);
    }
    CHECK_EQUAL(lending().blocks, 0);
  }
  reset_lending();
}
