// Memory that cannot be had: every request of a scripted scenario fails once. One connection may pay for it, never the
// process, and nothing is lost.
#include <errno.h>
#include <sys/un.h>

#include <string>
#include <vector>

#include "failing_allocator.h"
#include "reactor_scene.h"

using netmux::CloseMode;
using netmux::CommandKind;
using netmux::HandleKind;
using netmux::ListenerLimits;
using netmux::RecordKind;
using netmux_test::arrived;
using netmux_test::asking_places;
using netmux_test::kFailingAllocator;
using netmux_test::lending;
using netmux_test::put;
using netmux_test::reset_lending;
using netmux_test::Scene;

namespace {

int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 4096; fd++) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

// Everything that takes memory: the tables, chunks of slots, outboxes of copies and references, waiting connects. How
// many requests there were.
int play(int fail_at) {
  reset_lending(fail_at);
  Scene scene(netmux::system_calls(), kFailingAllocator);
  if (scene.opened != 0) {
    CHECK_EQUAL(scene.opened, -ENOMEM);
    return lending().requests;
  }
  int64_t listening = scene.listen(Scene::ipv4(0));
  // The table's chunk: the next try finds memory.
  if (listening < 0) {
    CHECK_EQUAL(listening, -EMFILE);
    listening = scene.listen(Scene::ipv4(0));
  }
  scene.start(static_cast<uint32_t>(listening));
  const auto [client, peer] = scene.tcp(static_cast<uint32_t>(listening));
  const auto [other, other_peer] = scene.pair();
  for (const uint32_t slot : {client, other}) {
    scene.drained_wanted(slot);
    scene.write_reference(slot, std::string(5'000'000, 'r'));
    for (int i = 0; i < 8; i++) scene.write(slot, std::string(30'000, 'c'));
    scene.write_reference(slot, std::string(20'000, 'r'));
    scene.order(CommandKind::ShutWrite, slot);
  }
  scene.reactor.flush();
  size_t sizes[2] = {0, 0};
  CHECK(scene.until([&, p = peer, q = other_peer] {
    sizes[0] += arrived(p).size();
    sizes[1] += arrived(q).size();
    return scene.of(RecordKind::Flushed).size() + scene.of(RecordKind::WriteFailed).size() == 2;
  }));
  scene.settle();
  sizes[0] += arrived(peer).size();
  sizes[1] += arrived(other_peer).size();
  // Exactly one end each, and whole where there was memory for it.
  constexpr size_t kWhole = 5'000'000 + 8 * 30'000 + 20'000;
  const std::string failed = "WriteFailed:" + std::to_string(ENOMEM);
  CHECK(scene.story(client) == "Accept Drained Flushed" ? sizes[0] == kWhole
                                                        : scene.story(client) == "Accept " + failed);
  CHECK(scene.story(other) == "Drained Flushed" ? sizes[1] == kWhole : scene.story(other) == failed);
  CHECK(scene.of(RecordKind::WriteFailed).size() <= 1);
  CHECK_EQUAL(scene.memory.unsent[client], 0);
  CHECK(scene.buffers.empty());

  // The reactor goes on.
  const auto [after, after_peer] = scene.pair();
  put(after_peer, "alive");
  scene.settle();
  CHECK_STORY(scene, after, "Data:alive");
  scene.close(after, CloseMode::Linger);
  scene.reactor.flush();
  return lending().requests;
}

// More than one chunk of slots holds.
constexpr size_t kManySlots = netmux::SlotTable::kChunkSlots + 100;

// Each of a network of its own: more keys than a table of addresses begins with.
constexpr unsigned kManyClients = 40;

// More than there is room for at first.
constexpr uint32_t kManyDoors = 9;

constexpr size_t kExemptBytes = 17;

// As many as `allocate` and `allocate_zeroed` are called in native/ without the addon: test/architecture/ counts them.
constexpr size_t kAskingPlaces = 15;

// What is refused for want of memory, and succeeds when it is tried again.
template <typename Call>
int64_t twice(int refusal, const Call& call) {
  const int64_t result = call();
  if (result >= 0) return result;
  CHECK_EQUAL(result, refusal);
  const int64_t again = call();
  CHECK(again >= 0);
  return again;
}

// A chunk of slots after the other.
void fill_slots(Scene& scene) {
  int ends[2];
  CHECK_EQUAL(::pipe(ends), 0);
  scene.keep(ends[0]);
  scene.keep(ends[1]);
  for (size_t i = 0; i < kManySlots; i++) {
    HandleKind kind;
    const int fd = ::dup(ends[0]);
    twice(-EMFILE, [&] { return scene.reactor.adopt(fd, 1, &kind); });
  }
}

// A UNIX socket whose queue is full: who knocks is kept in mind.
void wait_for_room(Scene& scene) {
  const std::string path = "/tmp/netmux-test-" + std::to_string(getpid()) + "-memory";
  const int server = scene.keep(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  CHECK_EQUAL(::bind(server, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  CHECK_EQUAL(::listen(server, 0), 0);
  const int before = lending().requests;
  // The queue holds one or two, and then one waits, or would.
  for (int i = 0; i < 4 && lending().requests == before; i++) {
    twice(-ENOMEM, [&] { return scene.connect(Scene::local(path)); });
  }
  CHECK(lending().requests > before);
  unlink(path.c_str());
}

int dial_from_network(Scene& scene, uint16_t port, unsigned network) {
  const int fd = scene.keep(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in from = Scene::loopback(0);
  from.sin_addr.s_addr = htonl(127u << 24 | network << 8 | 1);
  CHECK_EQUAL(::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from), 0);
  const sockaddr_in to = Scene::loopback(port);
  CHECK_EQUAL(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  return fd;
}

// Everything that grows, and everything that limits take: slots, doors, gates, exempt blocks, addresses, times, those who
// knock. How many requests there were.
int play_limits(int fail_at) {
  reset_lending(fail_at);
  Scene scene(netmux::system_calls(), kFailingAllocator);
  if (scene.opened != 0) {
    CHECK_EQUAL(scene.opened, -ENOMEM);
    return lending().requests;
  }
  fill_slots(scene);
  wait_for_room(scene);

  const uint8_t exempt[kExemptBytes] = {};
  uint32_t listener = 0;
  for (uint32_t owner = 1; owner <= kManyDoors; owner++) {
    ListenerLimits limits;
    limits.owner = owner;
    limits.per_address = 1;
    limits.per_network = 1;
    limits.idle_ms = 1'000'000;
    limits.exempt = exempt;
    limits.exempt_bytes = kExemptBytes;
    listener = static_cast<uint32_t>(twice(-EMFILE, [&] { return scene.listen(Scene::ipv4(0)); }));
    twice(-ENOMEM, [&] { return scene.reactor.limit(listener, limits); });
  }
  scene.start(listener);
  const uint16_t port = scene.port_of(listener);
  std::vector<int> clients;
  for (unsigned network = 1; network <= kManyClients; network++)
    clients.push_back(dial_from_network(scene, port, network));
  // One of them may be lost; then the listener rests, and all others are let in after that.
  size_t lost = 0;
  CHECK(scene.until([&] {
    lost = 0;
    for (const int client : clients) {
      bool ended = false;
      arrived(client, &ended);
      lost += ended ? 1 : 0;
    }
    return scene.of(RecordKind::Accept).size() + lost >= kManyClients;
  }));
  CHECK(lost <= 1);
  CHECK_EQUAL(scene.of(RecordKind::Accept).size() + lost, kManyClients);

  // Timers need no more memory, and the reactor goes on.
  const uint32_t last = scene.of(RecordKind::Accept).back().slot;
  const int before = lending().requests;
  scene.start(last);
  scene.set_deadline(last, 1);
  scene.order(CommandKind::Arm, last);
  scene.reactor.flush();
  CHECK(scene.until([&] { return !scene.of(RecordKind::Timer).empty(); }));
  CHECK_EQUAL(lending().requests, before);
  return lending().requests;
}

// Each request of the scenario fails once.
void fail_each(int (*scenario)(int fail_at)) {
  const int descriptors = open_descriptors();
  const int blocks = lending().blocks;
  const int requests = scenario(0);
  CHECK(requests > 10);
  for (int fail_at = 1; fail_at <= requests; fail_at++) {
    scenario(fail_at);
    CHECK_EQUAL(lending().blocks, blocks);
    CHECK_EQUAL(open_descriptors(), descriptors);
    if (netmux_test::state().failures > 0) {
      std::printf("request %d of %d failed\n", fail_at, requests);
      break;
    }
  }
  reset_lending();
}

}  // namespace

TEST("whichever request for memory fails, one connection at most pays for it and nothing leaks") { fail_each(play); }

TEST("whichever request fails while tables grow and limits are set, who asked may ask again, nothing leaks") {
  CHECK(netmux_test::allow_descriptors(4096));
  fail_each(play_limits);
}

TEST("these scenarios ask for memory in every place of the core that does") {
  CHECK(asking_places().size() >= kAskingPlaces);
}
