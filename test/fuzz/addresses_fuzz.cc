// Address blocks, which JavaScript writes, and socket addresses, which the kernel does: of any length and content they are read
// within their bounds, and what is understood once says the same when it is written and read again. And what limits make of
// them: whoever was counted in is counted out.
#include <cstddef>

#include "address_counts.h"
#include "input.h"
#include "memory.h"
#include "socket_ops.h"

using netmux::AddressCounts;
using netmux::PeerScope;
using netmux_fuzz::Input;
using netmux_fuzz::must;

namespace {

// Blocks of exactly their length, so that a byte read behind one shows.
void read_block(const uint8_t* bytes, size_t length) {
  const std::vector<uint8_t> block(bytes, bytes + length);
  sockaddr_storage address;
  const int size = netmux::to_sockaddr(block.data(), block.size(), &address);
  must(size <= static_cast<int>(sizeof address), "no address is longer than there is room");
  if (size <= 0) return;
  std::vector<uint8_t> written(netmux::kAddressRoom);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const size_t used = netmux::from_sockaddr(generic, static_cast<socklen_t>(size), written.data());
  must(used <= netmux::kAddressRoom && used % 4 == 0, "a block fits and is padded");
  sockaddr_storage again;
  const int size_again = netmux::to_sockaddr(written.data(), used, &again);
  must(size_again > 0, "a written block can be read");
  // A path ends at its first NUL; an abstract name does not.
  if (size_again == size) must(std::memcmp(&address, &again, sizeof address) == 0, "the same address");
  must(size_again == size || address.ss_family == AF_UNIX, "only a path may become shorter");
}

void read_kernels_address(const uint8_t* bytes, size_t length) {
  sockaddr_storage address = {};
  if (length > sizeof address) length = sizeof address;
  std::memcpy(&address, bytes, length);
  std::vector<uint8_t> block(netmux::kAddressRoom);
  const size_t used =
      netmux::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length), block.data());
  must(used >= netmux::kAddressBytes && used <= netmux::kAddressRoom && used % 4 == 0, "a block fits and is padded");
}

// Peers that come and go: two bytes each name an address, so that many meet.
void count_peers(Input input) {
  AddressCounts counts(netmux::heap(), input.take<uint64_t>());
  std::vector<uint32_t> present;
  while (!input.empty()) {
    const auto choice = input.take<uint8_t>();
    if (choice % 4 == 0 && !present.empty()) {
      const size_t at = choice / 4 % present.size();
      counts.leave(present[at]);
      present.erase(present.begin() + static_cast<std::ptrdiff_t>(at));
      continue;
    }
    uint8_t block[netmux::kAddressBytes] = {};
    block[0] = choice & 4 ? netmux::AddressFamily::IPv4 : netmux::AddressFamily::IPv6;
    block[8] = input.take<uint8_t>();
    block[choice & 8 ? 18 : 11] = input.take<uint8_t>();
    sockaddr_storage address;
    must(netmux::to_sockaddr(block, sizeof block, &address) > 0, "an IP address can be read");
    const auto key = netmux::peer_key(address, choice & 16 ? PeerScope::Network : PeerScope::Address);
    must(key.kind != 0, "an IP address has a key");
    const uint32_t before = counts.count(key);
    const uint32_t entry = counts.enter(key);
    if (entry == AddressCounts::kNone) continue;
    must(counts.count(key) == before + 1, "who enters is counted");
    present.push_back(entry);
  }
  must(counts.size() <= present.size(), "no more keys than peers");
  for (const uint32_t entry : present) counts.leave(entry);
  must(counts.size() == 0, "whoever was counted in is counted out");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t length) {
  Input input(bytes, length);
  switch (input.take<uint8_t>() % 3) {
    case 0:
      read_block(input.bytes(), input.left());
      break;
    case 1:
      read_kernels_address(input.bytes(), input.left());
      break;
    default:
      count_peers(input);
  }
  return 0;
}
