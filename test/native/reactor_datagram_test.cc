// Datagrams: one record each, their sender in front, never merged; refusals are no end.
#include <errno.h>
#include <sys/un.h>

#include <string>
#include <vector>

#include "reactor_scene.h"

using netmux::CommandKind;
using netmux::RecordKind;
using netmux::SocketFlag;
using netmux_test::put;
using netmux_test::Scene;
using netmux_test::Seen;

namespace {

// A plain UDP socket on the loopback, as a client has it.
int udp(Scene& scene, uint16_t* port) {
  const int fd = scene.keep(::socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in address = Scene::loopback(0);
  socklen_t length = sizeof address;
  CHECK_EQUAL(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  CHECK_EQUAL(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

void say(int fd, uint16_t port, const std::string& payload) {
  const sockaddr_in to = Scene::loopback(port);
  CHECK_EQUAL(::sendto(fd, payload.data(), payload.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
              static_cast<ssize_t>(payload.size()));
}

std::string heard(Scene& scene, int fd) {
  char block[65536];
  ssize_t count = -1;
  CHECK(scene.until([&] { return (count = ::recv(fd, block, sizeof block, MSG_DONTWAIT)) >= 0; }));
  return std::string(block, count < 0 ? 0 : static_cast<size_t>(count));
}

// An adopted UDP socket that is connected to a port where nobody listens, with a refusal under way.
uint32_t refused(Scene& scene, bool paused) {
  uint16_t port;
  const int closed = udp(scene, &port);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  const sockaddr_in to = Scene::loopback(port);
  CHECK_EQUAL(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  scene.close_peer(closed);
  const uint32_t slot = scene.adopt(fd);
  scene.start(slot);
  if (paused) scene.order(CommandKind::Pause, slot);
  scene.send(slot, std::string(netmux::kAddressBytes, '\0'), "to nobody");
  scene.reactor.flush();
  return slot;
}

}  // namespace

TEST("each datagram is a record with its sender, an empty one and the largest included") {
  Scene scene;
  const uint32_t slot = scene.listener(SocketFlag::Datagram);
  uint16_t port;
  const int client = udp(scene, &port);
  const std::string largest(65'507, 'L');
  for (const std::string& payload : {std::string("one"), std::string(), largest, std::string("two")}) {
    say(client, scene.port_of(slot), payload);
  }
  CHECK(scene.until([&] { return scene.seen.size() == 4; }));
  CHECK_STORY(scene, slot, "Datagram:one Datagram: Datagram:" + largest + " Datagram:two");
  for (const Seen& record : scene.seen) CHECK(record.block == Scene::ipv4(port));
  CHECK_EQUAL(scene.memory.traffic[2 * slot], 65'513);
}

TEST("an answer goes to the sender's block as it came") {
  Scene scene;
  const uint32_t slot = scene.listener(SocketFlag::Datagram);
  uint16_t port;
  const int client = udp(scene, &port);
  scene.on_record = [&](const Seen& record) {
    if (record.kind == RecordKind::Datagram) scene.send(record.slot, record.block, record.bytes + "!");
  };
  say(client, scene.port_of(slot), "ping");
  CHECK(heard(scene, client) == "ping!");
  say(client, scene.port_of(slot), "");
  CHECK(heard(scene, client) == "!");
}

TEST("many datagrams of one turn are sent one by one, then Drained is reported") {
  Scene scene;
  const uint32_t slot = scene.listener(SocketFlag::Datagram);
  uint16_t port;
  const int client = udp(scene, &port);
  scene.drained_wanted(slot);
  for (int i = 0; i < 5; i++) scene.send(slot, Scene::ipv4(port), std::to_string(i));
  scene.reactor.flush();
  for (int i = 0; i < 5; i++) CHECK(heard(scene, client) == std::to_string(i));
  scene.settle();
  CHECK_STORY(scene, slot, "Drained");
}

TEST("a refusal is SendFailed, and the socket goes on") {
  Scene scene;
  const uint32_t slot = refused(scene, false);
  CHECK(scene.until([&] { return !scene.seen.empty(); }));
  CHECK(scene.settle() <= 2);
  CHECK_STORY(scene, slot, "SendFailed:" + std::to_string(ECONNREFUSED));
}

TEST("a refusal under a paused socket is SendFailed as well, and no spin") {
  Scene scene;
  const uint32_t slot = refused(scene, true);
  CHECK(scene.until([&] { return !scene.seen.empty(); }));
  CHECK(scene.settle() <= 2);
  CHECK_STORY(scene, slot, "SendFailed:" + std::to_string(ECONNREFUSED));
}

TEST("what cannot be sent is SendFailed with the reason") {
  Scene scene;
  const uint32_t slot = scene.listener(SocketFlag::Datagram);
  scene.send(slot, Scene::ipv4(9), std::string(65'508, 'x'));
  scene.reactor.flush();
  scene.settle();
  CHECK_STORY(scene, slot, "SendFailed:" + std::to_string(EMSGSIZE));
  scene.send(slot, Scene::local("/tmp"), "wrong family");
  scene.reactor.flush();
  scene.settle();
  CHECK_EQUAL(scene.of(RecordKind::SendFailed).size(), 2);
  scene.send(slot, std::string(netmux::kAddressBytes, '\7'), "no family");
  scene.reactor.flush();
  scene.settle();
  CHECK_EQUAL(scene.seen.back().a, EINVAL);
}

TEST("a paused socket holds its datagrams until it is resumed") {
  Scene scene;
  const uint32_t slot = scene.listener(SocketFlag::Datagram);
  uint16_t port;
  const int client = udp(scene, &port);
  scene.order(CommandKind::Pause, slot);
  scene.reactor.flush();
  say(client, scene.port_of(slot), "held");
  CHECK_EQUAL(scene.settle(), 0);
  scene.order(CommandKind::Resume, slot);
  scene.reactor.flush();
  CHECK(scene.until([&] { return !scene.seen.empty(); }));
  CHECK_STORY(scene, slot, "Datagram:held");
}

TEST("a socket that is paused in the middle of a batch delivers what was read and no more") {
  Scene scene;
  const uint32_t slot = scene.listener(SocketFlag::Datagram);
  uint16_t port;
  const int client = udp(scene, &port);
  // Behind two of these there is no room in the slab for a third.
  for (int i = 0; i < 4; i++) say(client, scene.port_of(slot), std::string(60'000, 'x'));
  scene.on_record = [&](const Seen& record) { scene.order(CommandKind::Pause, record.slot); };
  CHECK(scene.until([&] { return !scene.seen.empty(); }));
  scene.settle();
  CHECK_EQUAL(scene.seen.size(), 2);
}

TEST("discarded datagrams are thrown away") {
  Scene scene;
  const uint32_t slot = scene.listener(SocketFlag::Datagram);
  uint16_t port;
  const int client = udp(scene, &port);
  scene.order(CommandKind::Discard, slot);
  scene.reactor.flush();
  for (int i = 0; i < 100; i++) say(client, scene.port_of(slot), "x");
  CHECK(scene.readable(1000));
  CHECK(scene.settle() <= 3);
  CHECK(scene.seen.empty());
}

TEST("UNIX datagrams have their sender's path, or none") {
  Scene scene;
  const std::string base = "/tmp/netmux-test-" + std::to_string(getpid());
  const std::string server = base + "-server";
  const std::string client = base + "-client";
  for (const std::string& path : {server, client}) unlink(path.c_str());
  const int64_t slot = scene.listen(Scene::local(server), SocketFlag::Datagram);
  if (!CHECK(slot >= 0)) return;
  scene.start(static_cast<uint32_t>(slot));
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  server.copy(to.sun_path, sizeof to.sun_path - 1);
  sockaddr_un own = to;
  std::memset(own.sun_path, 0, sizeof own.sun_path);
  client.copy(own.sun_path, sizeof own.sun_path - 1);
  const int named = scene.keep(::socket(AF_UNIX, SOCK_DGRAM, 0));
  const int nameless = scene.keep(::socket(AF_UNIX, SOCK_DGRAM, 0));
  CHECK_EQUAL(::bind(named, reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
  for (const int fd : {named, nameless}) {
    CHECK_EQUAL(::sendto(fd, "hello", 5, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to), 5);
  }
  CHECK(scene.until([&] { return scene.seen.size() == 2; }));
  CHECK(scene.seen[0].bytes == "hello" && scene.seen[1].bytes == "hello");
  CHECK(scene.seen[0].block == Scene::local(client));
  CHECK(scene.seen[1].block == std::string(netmux::kAddressBytes, '\0'));
  scene.send(static_cast<uint32_t>(slot), scene.seen[0].block, "back");
  scene.reactor.flush();
  CHECK(heard(scene, named) == "back");
  for (const std::string& path : {server, client}) unlink(path.c_str());
}

TEST("a refusal that is also reported elsewhere is told, and no spin") {
  Scene scene;
  uint16_t port;
  const int closed = udp(scene, &port);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  const int on = 1;
  CHECK_EQUAL(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
  scene.close_peer(closed);
  const uint32_t slot = scene.adopt(fd);
  scene.start(slot);
  scene.send(slot, Scene::ipv4(port), "to nobody");
  scene.reactor.flush();
  CHECK(scene.until([&] { return !scene.seen.empty(); }));
  CHECK(scene.settle() <= 3);
  CHECK_STORY(scene, slot, "SendFailed:" + std::to_string(ECONNREFUSED));
}

TEST("a paused datagram socket that somebody else has shut is no spin") {
  Scene scene;
  int ends[2];
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
  scene.keep(ends[1]);
  const uint32_t slot = scene.adopt(ends[0]);
  scene.start(slot);
  scene.order(CommandKind::Pause, slot);
  scene.reactor.flush();
  shutdown(ends[0], SHUT_RDWR);
  CHECK(scene.settle() <= 2);
  CHECK_STORY(scene, slot, "");
}

TEST("a datagram socket whose reading was shut by somebody else is no spin") {
  Scene scene;
  int ends[2];
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
  const uint32_t slot = scene.adopt(ends[0]);
  put(scene.keep(ends[1]), "before");
  scene.start(slot);
  shutdown(ends[0], SHUT_RD);
  CHECK(scene.settle() <= 3);
  CHECK_STORY(scene, slot, "Datagram:before");
}

#ifdef __linux__
TEST("a UNIX datagram longer than one can be received is thrown away, told and counted, and the socket goes on") {
  Scene scene;
  const auto [slot, peer] = scene.pair(SOCK_DGRAM);
  const int room = 1'000'000;
  CHECK_EQUAL(setsockopt(peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
  put(peer, std::string(65'535, 'x'));
  put(peer, std::string(65'536, 'y'));
  put(peer, "z");
  scene.settle();
  CHECK_EQUAL(scene.of(RecordKind::Datagram).size(), 2);
  CHECK(scene.of(RecordKind::Datagram)[0].bytes == std::string(65'535, 'x'));
  CHECK(scene.of(RecordKind::Datagram)[1].bytes == "z");
  CHECK_EQUAL(scene.of(RecordKind::SendFailed).size(), 1);
  CHECK_EQUAL(scene.of(RecordKind::SendFailed)[0].a, EMSGSIZE);
  CHECK_EQUAL(scene.of(RecordKind::SendFailed)[0].b, 1);
  CHECK_EQUAL(scene.memory.counters[static_cast<int>(netmux::Counter::DatagramsTooLong)], 1);
  CHECK_EQUAL(scene.memory.traffic[2 * slot], 65'536);
}
#endif
