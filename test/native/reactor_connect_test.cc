// Outgoing connections: told once, in the right order, and tried again where a UNIX queue is full.
#include <errno.h>
#include <sys/un.h>

#include <string>

#include "failing_allocator.h"
#include "reactor_scene.h"

using netmux::CloseMode;
using netmux::CommandKind;
using netmux::RecordKind;
using netmux::SysTable;
using netmux_test::arrived;
using netmux_test::Clock;
using netmux_test::kFailingAllocator;
using netmux_test::lending;
using netmux_test::put;
using netmux_test::reset_lending;
using netmux_test::Scene;

namespace {

const SysTable& stopped_clock() {
  static const SysTable table = [] {
    SysTable calls = netmux::system_calls();
    calls.monotonic_ns = Clock::now_ns;
    return calls;
  }();
  return table;
}

// A plain listener on a UNIX path.
struct Server {
  explicit Server(int backlog) {
    static int count = 0;
    path = "/tmp/netmux-test-" + std::to_string(getpid()) + "-connect-" + std::to_string(count++);
    unlink(path.c_str());
    fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    CHECK_EQUAL(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    CHECK_EQUAL(::listen(fd, backlog), 0);
  }
  ~Server() {
    if (fd >= 0) ::close(fd);
    unlink(path.c_str());
  }
  std::string path;
  int fd;
};

// A plain TCP listener on the loopback.
int tcp_server(Scene& scene, uint16_t* port) {
  const int fd = scene.keep(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = Scene::loopback(0);
  socklen_t length = sizeof address;
  CHECK_EQUAL(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  CHECK_EQUAL(::listen(fd, 16), 0);
  CHECK_EQUAL(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

uint32_t connecting(Scene& scene, const std::string& block) {
  const int64_t slot = scene.connect(block);
  CHECK(slot >= 0);
  return static_cast<uint32_t>(slot);
}

// Fills the server's queue; the slot is the first that finds no room.
uint32_t fill_queue(Scene& scene, const Server& server) {
  for (;;) {
    const uint32_t slot = connecting(scene, Scene::local(server.path));
    scene.start(slot);
    scene.settle();
    if (scene.story(slot).empty()) return slot;
    CHECK_STORY(scene, slot, "Connected");
  }
}

}  // namespace

TEST("an established connection is told after Start, not before") {
  Scene scene;
  uint16_t port;
  const int server = tcp_server(scene, &port);
  const uint32_t slot = connecting(scene, Scene::ipv4(port));
  scene.keep(::accept(server, nullptr, nullptr));
  scene.reactor.flush();
  CHECK_EQUAL(scene.settle(), 0);
  scene.start(slot);
  CHECK(scene.until([&] { return !scene.seen.empty(); }));
  scene.settle();
  CHECK_STORY(scene, slot, "Connected");
}

TEST("what is written before the connection is established follows it, and so does the end") {
  Scene scene;
  uint16_t port;
  const int server = tcp_server(scene, &port);
  const uint32_t slot = connecting(scene, Scene::ipv4(port));
  scene.drained_wanted(slot);
  scene.write(slot, "early ");
  scene.write_reference(slot, "bird");
  scene.order(CommandKind::ShutWrite, slot);
  scene.start(slot);
  CHECK_EQUAL(scene.memory.unsent[slot], 10);
  const int peer = scene.keep(::accept(server, nullptr, nullptr));
  scene.settle();
  CHECK_STORY(scene, slot, "Connected Drained Flushed");
  bool ended = false;
  CHECK(arrived(peer, &ended) == "early bird");
  CHECK(ended);
}

TEST("an empty write before the connection is established is drained after it") {
  Scene scene;
  uint16_t port;
  tcp_server(scene, &port);
  const uint32_t slot = connecting(scene, Scene::ipv4(port));
  scene.drained_wanted(slot);
  scene.write(slot, "");
  scene.reactor.flush();
  scene.settle();
  CHECK_STORY(scene, slot, "");
  scene.start(slot);
  CHECK(scene.until([&] { return scene.seen.size() == 2; }));
  CHECK_STORY(scene, slot, "Connected Drained");
}

TEST("a connection that wrote nothing is not drained by being established") {
  Scene scene;
  uint16_t port;
  tcp_server(scene, &port);
  const uint32_t slot = connecting(scene, Scene::ipv4(port));
  scene.drained_wanted(slot);
  scene.order(CommandKind::ShutWrite, slot);
  scene.start(slot);
  CHECK(scene.until([&] { return scene.seen.size() == 2; }));
  scene.settle();
  CHECK_STORY(scene, slot, "Connected Flushed");
}

TEST("a refused connection is ConnectFailed and nothing else, whatever was asked of it") {
  for (const bool local : {false, true}) {
    Scene scene;
    uint16_t port;
    const int server = tcp_server(scene, &port);
    Server unix_server(1);
    scene.close_peer(server);
    ::close(unix_server.fd);
    unix_server.fd = -1;
    const uint32_t slot = connecting(scene, local ? Scene::local(unix_server.path) : Scene::ipv4(port));
    scene.drained_wanted(slot);
    scene.write_reference(slot, "unheard");
    scene.order(CommandKind::ShutWrite, slot);
    scene.start(slot);
    CHECK(scene.until([&] { return !scene.seen.empty(); }));
    CHECK(scene.settle() <= 2);
    CHECK_STORY(scene, slot, "ConnectFailed:" + std::to_string(ECONNREFUSED));
    CHECK_EQUAL(scene.memory.unsent[slot], 0);
    CHECK(scene.buffers.empty());
    CHECK(scene.reactor.outbox_of(slot) == nullptr);
  }
}

TEST("a UNIX path that does not exist is ConnectFailed") {
  Scene scene;
  const uint32_t slot = connecting(scene, Scene::local("/tmp/netmux-test-nobody"));
  scene.start(slot);
  scene.settle();
  CHECK_STORY(scene, slot, "ConnectFailed:" + std::to_string(ENOENT));
}

TEST("a peer that speaks at once is heard after Connected") {
  Scene scene;
  Server server(4);
  const uint32_t slot = connecting(scene, Scene::local(server.path));
  const int peer = scene.keep(::accept(server.fd, nullptr, nullptr));
  put(peer, "welcome");
  scene.close_peer(peer);
  scene.order(CommandKind::Start, slot);
  scene.reactor.turn();
  scene.settle();
  CHECK_STORY(scene, slot, "Connected Data:welcome Eof:0");
}

TEST("a connecting socket that is closed says nothing more") {
  Scene scene;
  uint16_t port;
  tcp_server(scene, &port);
  for (const CloseMode mode : {CloseMode::Abort, CloseMode::Linger, CloseMode::Reset}) {
    const uint32_t slot = connecting(scene, Scene::ipv4(port));
    scene.order(CommandKind::Start, slot);
    scene.close(slot, mode);
    scene.reactor.flush();
    CHECK(scene.reactor.fd_of(slot) < 0);
  }
  scene.settle();
  CHECK(scene.seen.empty());
}

TEST("a UNIX server whose queue is full is tried again until there is room") {
  Scene scene(stopped_clock());
  Server server(1);
  const uint32_t slot = fill_queue(scene, server);
  scene.write(slot, "patient");
  scene.reactor.flush();
  Clock::forward(1000);
  CHECK(scene.settle() <= 3);
  CHECK_STORY(scene, slot, "");
  while (fcntl(server.fd, F_SETFL, O_NONBLOCK), ::accept(server.fd, nullptr, nullptr) >= 0) {
  }
  Clock::forward(20);
  CHECK(scene.timer <= scene.now_ms());
  scene.settle();
  CHECK_STORY(scene, slot, "Connected");
  const int peer = scene.keep(::accept(server.fd, nullptr, nullptr));
  CHECK(arrived(peer) == "patient");
}

TEST("a UNIX server that goes away while its queue is full is ConnectFailed") {
  Scene scene(stopped_clock());
  Server server(1);
  const uint32_t slot = fill_queue(scene, server);
  ::close(server.fd);
  server.fd = -1;
  Clock::forward(20);
  scene.settle();
  CHECK_STORY(scene, slot, "ConnectFailed:" + std::to_string(ECONNREFUSED));
  CHECK_EQUAL(scene.timer, netmux::Host::kNever);
}

TEST("who waits for a full UNIX queue can be closed, and nobody waits for him then") {
  Scene scene(stopped_clock());
  Server server(1);
  const uint32_t slot = fill_queue(scene, server);
  CHECK(scene.timer != netmux::Host::kNever);
  scene.close(slot);
  scene.reactor.flush();
  Clock::forward(20);
  scene.settle();
  CHECK_EQUAL(scene.timer, netmux::Host::kNever);
  CHECK_EQUAL(scene.pair().first, slot);
  CHECK_STORY(scene, slot, "");
}

TEST("without memory to wait for a full UNIX queue the connection fails, and nothing is lost") {
  const int before = lending().blocks;
  {
    Scene scene(stopped_clock(), kFailingAllocator);
    Server server(1);
    const uint32_t waiting = fill_queue(scene, server);
    reset_lending(1);
    CHECK_EQUAL(scene.connect(Scene::local(server.path)), -ENOMEM);
    reset_lending();
    scene.close(waiting);
    scene.reactor.flush();
    fill_queue(scene, server);
  }
  CHECK_EQUAL(lending().blocks, before);
}

TEST("without memory for what is written before the connection is established it fails") {
  const int before = lending().blocks;
  {
    Scene scene(netmux::system_calls(), kFailingAllocator);
    uint16_t port;
    tcp_server(scene, &port);
    const uint32_t slot = connecting(scene, Scene::ipv4(port));
    scene.order(CommandKind::Start, slot);
    scene.write_reference(slot, "too much");
    reset_lending(1);
    scene.reactor.flush();
    reset_lending();
    CHECK(scene.settle() <= 3);
    CHECK_STORY(scene, slot, "ConnectFailed:" + std::to_string(ENOMEM));
    CHECK(scene.buffers.empty());
  }
  CHECK_EQUAL(lending().blocks, before);
}

TEST("an address that makes no sense is an error at once") {
  Scene scene;
  CHECK_EQUAL(scene.connect("short"), -EINVAL);
  CHECK_EQUAL(scene.connect(std::string(netmux::kAddressBytes, '\0')), -EINVAL);
  CHECK_EQUAL(scene.connect(std::string(netmux::kAddressBytes, '\7')), -EINVAL);
  CHECK_EQUAL(scene.connect(Scene::local(std::string(120, 'p'))), -EINVAL);
}
