// Who is let in: connections in all, of a listener, of an address and a network, and how many in a second.
#include <errno.h>
#include <netinet/tcp.h>

#include <string>
#include <vector>

#include "failing_allocator.h"
#include "reactor_scene.h"

using netmux::CloseMode;
using netmux::ListenerLimits;
using netmux::RecordKind;
using netmux::Refusal;
using netmux::SysTable;
using netmux_test::arrived;
using netmux_test::Clock;
using netmux_test::kFailingAllocator;
using netmux_test::lending;
using netmux_test::reset_lending;
using netmux_test::Scene;

namespace {

SysTable still_clock() {
  SysTable table = netmux::system_calls();
  table.monotonic_ns = Clock::now_ns;
  return table;
}

// A client of the listener at this address of the loopback.
int dial_from(Scene& scene, uint16_t port, const char* last_bytes) {
  const int fd = scene.keep(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in from = Scene::loopback(0);
  unsigned second = 0;
  unsigned third = 0;
  unsigned fourth = 0;
  CHECK_EQUAL(sscanf(last_bytes, "%u.%u.%u", &second, &third, &fourth), 3);
  from.sin_addr.s_addr = htonl(127u << 24 | second << 16 | third << 8 | fourth);
  CHECK_EQUAL(::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from), 0);
  const sockaddr_in to = Scene::loopback(port);
  CHECK_EQUAL(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  return fd;
}

// Whether the connection was reset. Waits for either.
bool was_refused(Scene& scene, int client) {
  uint8_t byte;
  bool refused = false;
  const size_t before = scene.of(RecordKind::Accept).size();
  CHECK(scene.until([&] {
    refused = ::recv(client, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
    return refused || scene.of(RecordKind::Accept).size() > before;
  }));
  return refused;
}

struct Served {
  uint32_t slot;
  uint16_t port;
};

Served serve(Scene& scene, const ListenerLimits& limits) {
  const auto slot = static_cast<uint32_t>(scene.listen(Scene::ipv4(0)));
  CHECK_EQUAL(scene.reactor.limit(slot, limits), 0);
  scene.start(slot);
  return {slot, scene.port_of(slot)};
}

int64_t refused(Scene& scene, uint32_t listener, Refusal reason) {
  const int64_t* counts = scene.reactor.refused(listener);
  CHECK(counts != nullptr);
  return counts == nullptr ? -1 : counts[static_cast<int32_t>(reason)];
}

ListenerLimits per_address(uint32_t count) {
  ListenerLimits limits;
  limits.per_address = count;
  return limits;
}

}  // namespace

TEST("one address has so many connections, another one is not touched by it") {
  Scene scene;
  const Served served = serve(scene, per_address(2));
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  CHECK(was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.0.2")));
  CHECK_EQUAL(refused(scene, served.slot, Refusal::Address), 1);
  CHECK_EQUAL(scene.of(RecordKind::Accept).size(), 3);
}

TEST("a place is free again when the descriptor is closed, not before: lingering counts") {
  Scene scene;
  const Served served = serve(scene, per_address(1));
  const int client = dial_from(scene, served.port, "0.0.1");
  CHECK(!was_refused(scene, client));
  scene.close(scene.of(RecordKind::Accept)[0].slot, CloseMode::Linger);
  scene.reactor.flush();
  CHECK(scene.lingering);
  CHECK(was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  scene.close_peer(client);
  CHECK(scene.until([&] { return !scene.lingering; }));
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.0.1")));
}

TEST("a network has so many connections, of whatever addresses in it") {
  Scene scene;
  ListenerLimits limits;
  limits.per_network = 2;
  const Served served = serve(scene, limits);
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.5.1")));
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.5.2")));
  CHECK(was_refused(scene, dial_from(scene, served.port, "0.5.3")));
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.6.3")));
  CHECK_EQUAL(refused(scene, served.slot, Refusal::Network), 1);
}

TEST("connections in all are those of all listeners of an owner, of a listener its own") {
  Scene scene;
  ListenerLimits limits;
  limits.owner = 7;
  limits.connections = 3;
  limits.listener_connections = 2;
  const Served first = serve(scene, limits);
  const Served second = serve(scene, limits);
  limits.owner = 8;
  const Served foreign = serve(scene, limits);
  CHECK(!was_refused(scene, dial_from(scene, first.port, "0.0.1")));
  CHECK(!was_refused(scene, dial_from(scene, first.port, "0.0.1")));
  CHECK(was_refused(scene, dial_from(scene, first.port, "0.0.1")));
  CHECK_EQUAL(refused(scene, first.slot, Refusal::Listener), 1);
  CHECK(!was_refused(scene, dial_from(scene, second.port, "0.0.1")));
  CHECK(was_refused(scene, dial_from(scene, second.port, "0.0.1")));
  CHECK_EQUAL(refused(scene, second.slot, Refusal::Connections), 1);
  CHECK(!was_refused(scene, dial_from(scene, foreign.port, "0.0.1")));
}

TEST("a token bucket lets a burst in, then so many a second") {
  const SysTable sys = still_clock();
  Scene scene(sys);
  ListenerLimits limits;
  limits.rate = 10;
  limits.burst = 3;
  const Served served = serve(scene, limits);
  for (int i = 0; i < 3; i++) CHECK(!was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  CHECK(was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  Clock::forward(100);
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  CHECK(was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  Clock::forward(100'000);
  for (int i = 0; i < 3; i++) CHECK(!was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  CHECK(was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  CHECK_EQUAL(refused(scene, served.slot, Refusal::Rate), 3);
}

TEST("who is refused for his address uses up no token of the others") {
  const SysTable sys = still_clock();
  Scene scene(sys);
  ListenerLimits limits = per_address(1);
  limits.rate = 1;
  limits.burst = 2;
  const Served served = serve(scene, limits);
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  for (int i = 0; i < 5; i++) CHECK(was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.0.2")));
  CHECK_EQUAL(refused(scene, served.slot, Refusal::Address), 5);
}

TEST("exempt blocks are counted and never refused") {
  Scene scene;
  uint8_t exempt[netmux::kBlockBytes] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 4, 0, 96 + 22};
  ListenerLimits limits;
  limits.connections = 2;
  limits.exempt = exempt;
  limits.exempt_bytes = sizeof exempt;
  const Served served = serve(scene, limits);
  for (int i = 0; i < 3; i++) CHECK(!was_refused(scene, dial_from(scene, served.port, "0.7.255")));
  CHECK(was_refused(scene, dial_from(scene, served.port, "0.8.0")));
  CHECK(was_refused(scene, dial_from(scene, served.port, "0.3.255")));
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.4.0")));
}

TEST("refusals are told at once, then once a second, by reason and number") {
  const SysTable sys = still_clock();
  Scene scene(sys);
  ListenerLimits limits;
  limits.connections = 1;
  const Served served = serve(scene, limits);
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  for (int i = 0; i < 4; i++) CHECK(was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  scene.settle();
  CHECK_STORY(scene, served.slot, "Refused:4x1");
  CHECK(scene.timer <= scene.now_ms() + 1000);
  Clock::forward(1000);
  scene.settle();
  CHECK_STORY(scene, served.slot, "Refused:4x1 Refused:4x3");
  CHECK_EQUAL(scene.timer, Scene::kNever);
}

TEST("a closed listener's connections go on counting, and its gate goes with the last of them") {
  reset_lending();
  const int blocks = lending().blocks;
  {
    Scene scene(netmux::system_calls(), kFailingAllocator);
    ListenerLimits limits;
    limits.connections = 1;
    const Served first = serve(scene, limits);
    const int client = dial_from(scene, first.port, "0.0.1");
    CHECK(!was_refused(scene, client));
    scene.close(first.slot);
    scene.reactor.flush();
    const Served second = serve(scene, limits);
    CHECK(was_refused(scene, dial_from(scene, second.port, "0.0.1")));
    scene.close(scene.of(RecordKind::Accept)[0].slot);
    scene.reactor.flush();
    CHECK(!was_refused(scene, dial_from(scene, second.port, "0.0.1")));
    const int with_both = lending().blocks;
    scene.close(second.slot);
    scene.reactor.flush();
    CHECK_EQUAL(lending().blocks, with_both);
    scene.close(scene.of(RecordKind::Accept)[1].slot);
    scene.reactor.flush();
    CHECK(lending().blocks < with_both);
  }
  CHECK_EQUAL(lending().blocks, blocks);
}

TEST("whichever request for memory fails, limits are set or refused, and the listener rests until there is memory") {
  for (int fail_at = 1; fail_at < 12; fail_at++) {
    reset_lending();
    const int blocks = lending().blocks;
    {
      const SysTable sys = still_clock();
      Scene scene(sys, kFailingAllocator);
      ListenerLimits limits = per_address(1);
      limits.per_network = 5;
      limits.idle_ms = 1000;
      const auto slot = static_cast<uint32_t>(scene.listen(Scene::ipv4(0)));
      reset_lending(fail_at);
      const int set = scene.reactor.limit(slot, limits);
      CHECK(set == 0 || set == -ENOMEM);
      if (set != 0) CHECK_EQUAL(scene.reactor.limit(slot, limits), 0);
      scene.start(slot);
      const int client = dial_from(scene, scene.port_of(slot), "0.0.1");
      scene.settle();
      Clock::forward(100);
      scene.settle();
      bool ended = false;
      arrived(client, &ended);
      // The connection that there was no memory for is lost; the next one is not.
      if (ended || scene.of(RecordKind::Accept).empty()) {
        CHECK(!was_refused(scene, dial_from(scene, scene.port_of(slot), "0.0.1")));
      }
      CHECK_EQUAL(scene.of(RecordKind::Accept).size(), 1);
      CHECK(was_refused(scene, dial_from(scene, scene.port_of(slot), "0.0.1")));
    }
    CHECK_EQUAL(lending().blocks, blocks);
  }
  reset_lending();
}

TEST("a flood of refusals is closed one by one, and told in one record") {
  static int closes = 0;
  closes = 0;
  SysTable sys = still_clock();
  sys.close = [](int fd) {
    closes++;
    return ::close(fd);
  };
  Scene scene(sys);
  ListenerLimits limits;
  limits.listener_connections = 1;
  const Served served = serve(scene, limits);
  CHECK(!was_refused(scene, dial_from(scene, served.port, "0.0.1")));
  const size_t before = scene.seen.size();
  for (int i = 0; i < 500; i++) dial_from(scene, served.port, "0.0.1");
  CHECK(scene.until([&] { return refused(scene, served.slot, Refusal::Listener) == 500; }));
  CHECK_EQUAL(closes, 500);
  CHECK_EQUAL(scene.seen.size(), before + 1);
}

TEST("options of TCP are set on the listener, and accepted connections have them") {
  Scene scene;
  netmux::SocketTuning tuning;
  tuning.keep_alive_delay_s = 77;
  tuning.keep_alive_interval_s = 11;
  tuning.keep_alive_count = 4;
  tuning.send_buffer_bytes = 30'000;
  tuning.receive_buffer_bytes = 20'000;
  tuning.user_timeout_ms = 12'345;
  const std::string block = Scene::ipv4(0);
  const auto slot = static_cast<uint32_t>(
      scene.reactor.listen(Scene::bytes_of(block), block.size(), 16, netmux::SocketFlag::KeepAlive, 65536, -1, tuning));
  scene.start(slot);
  const auto [client, peer] = scene.tcp(slot);
  const int fd = scene.reactor.fd_of(client);
  const auto option = [&](int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    CHECK_EQUAL(getsockopt(fd, level, name, &value, &size), 0);
    return value;
  };
  CHECK_EQUAL(option(SOL_SOCKET, SO_KEEPALIVE) != 0, true);
  CHECK_EQUAL(option(IPPROTO_TCP, TCP_KEEPINTVL), 11);
  CHECK_EQUAL(option(IPPROTO_TCP, TCP_KEEPCNT), 4);
#ifdef __linux__
  CHECK_EQUAL(option(IPPROTO_TCP, TCP_KEEPIDLE), 77);
  CHECK_EQUAL(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 12'345);
  // Linux doubles what it is given, for its own bookkeeping.
  CHECK_EQUAL(option(SOL_SOCKET, SO_SNDBUF), 60'000);
  CHECK_EQUAL(option(SOL_SOCKET, SO_RCVBUF), 40'000);
#endif
}
