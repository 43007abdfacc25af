// How connections end: the FIN behind the output, lingering, dropping everything.
#include <errno.h>

#include <string>
#include <vector>

#include "reactor_scene.h"

using netmux::CloseMode;
using netmux::CommandKind;
using netmux::RecordKind;
using netmux::SysTable;
using netmux_test::allow_descriptors;
using netmux_test::arrived;
using netmux_test::Clock;
using netmux_test::put;
using netmux_test::Scene;
using netmux_test::Seen;

namespace {

// More than both buffers of a loopback connection take, however far they have grown.
constexpr size_t kMuch = 48'000'000;

const SysTable& stopped_clock() {
  static const SysTable table = [] {
    SysTable calls = netmux::system_calls();
    calls.monotonic_ns = Clock::now_ns;
    return calls;
  }();
  return table;
}

// Whether the reactor still has the descriptor of what was in this slot.
bool gone(Scene& scene, uint32_t slot) { return scene.reactor.fd_of(slot) < 0; }

// Reads until the end; how the stream ended: 0 or errno.
int read_to_end(Scene& scene, int fd, std::string* bytes) {
  int error = -1;
  CHECK(scene.until([&] {
    char block[65536];
    const ssize_t count = ::recv(fd, block, sizeof block, MSG_DONTWAIT);
    if (count > 0) bytes->append(block, static_cast<size_t>(count));
    if (count == 0) error = 0;
    if (count < 0 && errno != EAGAIN) error = errno;
    return error >= 0;
  }));
  return error;
}

}  // namespace

TEST("ShutWrite with nothing queued sends the FIN and reports Flushed, once") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  scene.order(CommandKind::ShutWrite, slot);
  scene.order(CommandKind::ShutWrite, slot);
  scene.reactor.flush();
  scene.order(CommandKind::ShutWrite, slot);
  scene.reactor.flush();
  scene.settle();
  CHECK_STORY(scene, slot, "Accept Flushed");
  std::string bytes;
  CHECK_EQUAL(read_to_end(scene, client, &bytes), 0);
  put(client, "still read");
  CHECK(scene.until([&, s = slot] { return scene.received(s) == "still read"; }));
}

TEST("ShutWrite waits for what is queued: all bytes, then Drained, Flushed and the FIN") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  scene.drained_wanted(slot);
  scene.write_reference(slot, std::string(kMuch, 'q'));
  scene.order(CommandKind::ShutWrite, slot);
  scene.reactor.flush();
  CHECK(scene.memory.unsent[slot] > 0);
  scene.settle();
  CHECK_STORY(scene, slot, "Accept");
  std::string bytes;
  CHECK_EQUAL(read_to_end(scene, client, &bytes), 0);
  CHECK_EQUAL(bytes.size(), kMuch);
  scene.settle();
  CHECK_STORY(scene, slot, "Accept Drained Flushed");
}

TEST("ShutWrite ends in WriteFailed, and in nothing else, when the peer breaks off") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  scene.drained_wanted(slot);
  scene.order(CommandKind::Pause, slot);
  scene.write_reference(slot, std::string(kMuch, 'q'));
  scene.order(CommandKind::ShutWrite, slot);
  scene.reactor.flush();
  scene.reset_peer(client);
  scene.settle();
  CHECK_EQUAL(scene.of(RecordKind::WriteFailed).size(), 1);
  CHECK_EQUAL(scene.of(RecordKind::Flushed).size(), 0);
  CHECK_EQUAL(scene.of(RecordKind::Drained).size(), 0);
}

TEST("KillOutput lets a waiting shutdown happen: Flushed without Drained") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  scene.drained_wanted(slot);
  scene.write_reference(slot, std::string(kMuch, 'q'));
  scene.order(CommandKind::ShutWrite, slot);
  scene.reactor.flush();
  scene.order(CommandKind::KillOutput, slot);
  scene.reactor.flush();
  scene.settle();
  CHECK_STORY(scene, slot, "Accept Flushed");
  std::string bytes;
  CHECK_EQUAL(read_to_end(scene, client, &bytes), 0);
  CHECK(bytes.size() < kMuch);
}

TEST("Abort drops queued output and gives the descriptor back") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.write_reference(slot, std::string(kMuch, 'q'));
  scene.reactor.flush();
  const int32_t generation = scene.memory.generation[slot];
  scene.write_reference(slot, "in the ring");
  scene.close(slot);
  scene.reactor.flush();
  CHECK(gone(scene, slot));
  CHECK(scene.memory.generation[slot] != generation);
  CHECK_EQUAL(scene.memory.unsent[slot], 0);
  CHECK(scene.buffers.empty());
  bool ended = false;
  const std::string got = arrived(peer, &ended);
  CHECK(ended);
  CHECK(got.size() < kMuch && got.find("in the ring") == std::string::npos);
  scene.settle();
  CHECK(scene.seen.empty());
}

TEST("what is written in the turn in which it is dropped is not sent, though there was room for it") {
  for (const CloseMode mode : {CloseMode::Abort, CloseMode::Reset}) {
    Scene scene;
    const auto [slot, client] = scene.tcp();
    scene.write(slot, "one");
    scene.write_reference(slot, "two");
    scene.close(slot, mode);
    scene.reactor.flush();
    CHECK(scene.buffers.empty());
    std::string bytes;
    read_to_end(scene, client, &bytes);
    CHECK(bytes.empty());
  }
}

TEST("Reset is a reset for the peer") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  scene.close(slot, CloseMode::Reset);
  scene.reactor.flush();
  std::string bytes;
  CHECK_EQUAL(read_to_end(scene, client, &bytes), ECONNRESET);
}

TEST("Linger saves flushed output from the reset that unread input would cause") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  scene.order(CommandKind::Pause, slot);
  scene.write(slot, std::string(150'000, 'o'));
  scene.reactor.flush();
  put(client, "unread");
  CHECK(scene.until([&, s = slot] { return scene.memory.unsent[s] == 0; }));
  scene.close(slot, CloseMode::Linger);
  scene.reactor.flush();
  put(client, "more that nobody reads");
  CHECK(scene.lingering);
  std::string bytes;
  CHECK_EQUAL(read_to_end(scene, client, &bytes), 0);
  CHECK_EQUAL(bytes.size(), 150'000);
  CHECK(!gone(scene, slot));
  scene.close_peer(client);
  CHECK(scene.until([&, s = slot] { return gone(scene, s); }));
  CHECK(!scene.lingering);
  CHECK_STORY(scene, slot, "");
}

TEST("Linger ends at the peer's FIN, and is skipped where input is at its end already") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  shutdown(client, SHUT_WR);
  CHECK(scene.until([&, s = slot] { return scene.story(s) == "Accept Eof:0"; }));
  scene.close(slot, CloseMode::Linger);
  scene.reactor.flush();
  CHECK(gone(scene, slot));
  CHECK(!scene.lingering);
}

TEST("Linger ends after two seconds") {
  Scene scene(stopped_clock());
  const auto [slot, peer] = scene.pair();
  (void)peer;
  scene.close(slot, CloseMode::Linger);
  scene.reactor.flush();
  Clock::forward(1990);
  scene.settle();
  CHECK(!gone(scene, slot));
  Clock::forward(10);
  CHECK(scene.timer <= scene.now_ms());
  scene.settle();
  CHECK(gone(scene, slot));
  CHECK(!scene.lingering);
}

TEST("Linger lasts as long after the process has had no timer for a month") {
  Scene scene(stopped_clock());
  const auto [slot, peer] = scene.pair();
  (void)peer;
  Clock::forward((int64_t{1} << 31) + 1000);
  scene.close(slot, CloseMode::Linger);
  scene.reactor.flush();
  scene.settle();
  CHECK(!gone(scene, slot));
  Clock::forward(1990);
  scene.settle();
  CHECK(!gone(scene, slot));
  Clock::forward(10);
  scene.settle();
  CHECK(gone(scene, slot));
}

TEST("Linger reads one megabyte and not more") {
  Scene scene(stopped_clock());
  const auto [slot, client] = scene.tcp();
  scene.close(slot, CloseMode::Linger);
  scene.reactor.flush();
  fcntl(client, F_SETFL, O_NONBLOCK);
  const std::string block(50'000, 'x');
  size_t sent = 0;
  CHECK(scene.until([&, c = client, s = slot] {
    if (gone(scene, s)) return true;
    const ssize_t count = ::send(c, block.data(), block.size(), 0);
    if (count > 0) sent += static_cast<size_t>(count);
    return false;
  }));
  CHECK(sent >= 1024 * 1024);
  CHECK_STORY(scene, slot, "");
}

TEST("a lingering connection that the peer resets is over") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  scene.close(slot, CloseMode::Linger);
  scene.reactor.flush();
  scene.reset_peer(client);
  CHECK(scene.until([&, s = slot] { return gone(scene, s); }));
  CHECK(scene.settle() <= 2);
}

TEST("a lingering connection takes no commands") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.close(slot, CloseMode::Linger);
  scene.write_reference(slot, "late");
  scene.order(CommandKind::Pause, slot);
  scene.order(CommandKind::Arm, slot);
  scene.close(slot, CloseMode::Abort);
  scene.reactor.flush();
  CHECK(!gone(scene, slot));
  CHECK_EQUAL(scene.reactor.release(slot), -EBADF);
  scene.close_peer(peer);
  CHECK(scene.until([&, s = slot] { return gone(scene, s); }));
  CHECK(scene.buffers.empty());
}

TEST("what was to be reported of a connection is forgotten when it is closed, lingering or not") {
  for (const CloseMode mode : {CloseMode::Abort, CloseMode::Linger}) {
    Scene scene;
    const auto [slot, peer] = scene.pair();
    (void)peer;
    scene.drained_wanted(slot);
    scene.write(slot, "x");
    scene.order(CommandKind::ShutWrite, slot);
    scene.reactor.flush();
    scene.close(slot, mode);
    scene.reactor.flush();
    scene.settle();
    CHECK(scene.seen.empty());
  }
}

TEST("a slot that is closed while its result waits is not reused before, and costs nobody else's result") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  const auto [other, other_peer] = scene.pair();
  (void)peer, (void)other_peer;
  for (const uint32_t wanting : {slot, other}) {
    scene.drained_wanted(wanting);
    scene.write(wanting, "x");
  }
  scene.reactor.flush();
  scene.close(slot);
  scene.reactor.flush();
  const auto [heir, heir_peer] = scene.pair();
  (void)heir_peer;
  CHECK(heir != slot);
  scene.settle();
  CHECK_STORY(scene, other, "Drained");
  CHECK_EQUAL(scene.seen.size(), 1);
  CHECK_EQUAL(scene.pair().first, slot);
}

TEST("a slot that a callback closed reports nothing more, though its events and results wait") {
  Scene scene;
  std::vector<int> peers;
  std::vector<uint32_t> slots;
  for (int i = 0; i < 30; i++) {
    const auto [slot, peer] = scene.pair(SOCK_STREAM, 1);
    scene.drained_wanted(slot);
    slots.push_back(slot);
    put(peer, "abc");
    scene.write(slot, "x");
  }
  scene.reactor.flush();
  scene.on_record = [&](const Seen&) {
    for (const uint32_t slot : slots) scene.close(slot, slot % 2 == 0 ? CloseMode::Abort : CloseMode::Linger);
    slots.clear();
  };
  scene.settle();
  CHECK_EQUAL(scene.batches, 1);
}

TEST("a result of a slot that the batch before it has closed is not reported") {
  if (!CHECK(allow_descriptors(1500))) return;
  Scene scene;
  // More results than a batch has records: they are reported in two.
  std::vector<uint32_t> slots;
  for (int i = 0; i < netmux::kRecordCapacity + 50; i++) {
    slots.push_back(scene.listener(netmux::SocketFlag::Datagram));
    scene.drained_wanted(slots.back());
  }
  const std::string block = Scene::ipv4(scene.port_of(slots[0]));
  for (const uint32_t slot : slots) scene.send(slot, block, "");
  scene.reactor.flush();
  bool first = true;
  scene.on_record = [&](const Seen& record) {
    if (record.kind != RecordKind::Drained || !first) return;
    first = false;
    for (const uint32_t slot : slots) scene.close(slot);
  };
  scene.settle();
  CHECK(scene.of(RecordKind::Drained).size() < slots.size());
}

TEST("every descriptor is closed with the reactor, whatever state it is in") {
  const auto open_descriptors = [] {
    int count = 0;
    for (int fd = 0; fd < 4096; fd++) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  const int before = open_descriptors();
  {
    Scene scene;
    const auto [lingering, client] = scene.tcp();
    const auto [full, peer] = scene.pair();
    const auto [flushing, other_peer] = scene.pair();
    (void)client, (void)peer, (void)other_peer;
    scene.close(lingering, CloseMode::Linger);
    scene.write_reference(full, std::string(kMuch, 'x'));
    scene.write_reference(flushing, std::string(kMuch, 'x'));
    scene.order(CommandKind::ShutWrite, flushing);
    scene.reactor.flush();
    CHECK(scene.connect(Scene::ipv4(1)) >= 0);
    CHECK(scene.listen(Scene::ipv4(0)) >= 0);
  }
  CHECK_EQUAL(open_descriptors(), before);
}
