// Nobody holds the loop: not one connection, not a thousand, not a callback. The clock is moved by the callbacks.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "reactor_scene.h"

using netmux::CommandKind;
using netmux::RecordKind;
using netmux::SocketFlag;
using netmux::SysTable;
using netmux_test::allow_descriptors;
using netmux_test::Clock;
using netmux_test::put;
using netmux_test::Scene;
using netmux_test::Seen;

namespace {

int sends = 0;

// Takes everything, and it takes long.
ssize_t slow_sendmsg(int, const msghdr* message, int) {
  sends++;
  Clock::forward(5);
  ssize_t length = 0;
  for (size_t i = 0; i < message->msg_iovlen; i++) length += static_cast<ssize_t>(message->msg_iov[i].iov_len);
  return length;
}

int closes = 0;

int slow_close(int fd) {
  closes++;
  Clock::forward(1);
  return close(fd);
}

const SysTable& moved_clock() {
  static const SysTable table = [] {
    SysTable calls = netmux::system_calls();
    calls.monotonic_ns = Clock::now_ns;
    return calls;
  }();
  return table;
}

}  // namespace

TEST("a callback that always finds more input ends its turn when the time is up") {
  Scene scene(moved_clock());
  const auto [slot, peer] = scene.pair();
  (void)slot;
  int rounds = 0;
  scene.on_record = [&, p = peer](const Seen&) {
    Clock::forward(1);
    if (++rounds < 100) put(p, "more");
  };
  put(peer, "first");
  scene.reactor.turn();
  CHECK(rounds >= 4 && rounds <= 5);
  CHECK(scene.until([&] { return rounds == 100; }));
}

TEST("an array of busy connections is left in the middle when the time is up, and nobody is served twice before all") {
  constexpr size_t kConnections = 60;
  Scene scene(moved_clock());
  std::map<uint32_t, int> peers;
  std::map<uint32_t, int> served;
  for (size_t i = 0; i < kConnections; i++) {
    const auto [slot, peer] = scene.pair();
    peers[slot] = peer;
    put(peer, std::string(60'000, 'x'));
  }
  scene.on_record = [&](const Seen& record) {
    Clock::forward(1);
    served[record.slot] += static_cast<int>(record.bytes.size());
    put(peers[record.slot], record.bytes);  // it never ends
  };
  for (size_t turns = 1; served.size() < kConnections; turns++) {
    const size_t before = scene.seen.size();
    scene.reactor.turn();
    // Two or three records to a batch; the time is up after the second batch.
    CHECK(scene.seen.size() - before <= 10);
    for (const auto& [slot, bytes] : served) CHECK(bytes <= 60'000);
    // Node's loop looks again at once, whatever the poller says meanwhile.
    CHECK(served.size() == kConnections || scene.timer <= scene.now_ms());
    if (!CHECK(turns <= kConnections)) return;
  }
}

TEST("slots that are closed while an array is left in the middle are freed when it is through") {
  Scene scene(moved_clock());
  std::vector<uint32_t> slots;
  for (int i = 0; i < 20; i++) {
    const auto [slot, peer] = scene.pair();
    slots.push_back(slot);
    put(peer, std::string(60'000, 'x'));
  }
  scene.on_record = [&](const Seen& record) {
    Clock::forward(5);
    if (record.slot == slots[0]) {
      for (const uint32_t slot : slots) scene.close(slot);
    }
  };
  scene.reactor.turn();
  scene.reactor.flush();
  CHECK(scene.reactor.fd_of(slots[0]) >= 0);
  CHECK(scene.timer <= scene.now_ms());
  scene.settle();
  for (const uint32_t slot : slots) CHECK_EQUAL(scene.reactor.fd_of(slot), -1);
}

TEST("a connection with an endless outbox does not hold the turn") {
  sends = 0;
  SysTable slow = moved_clock();
  slow.sendmsg = slow_sendmsg;
  Scene scene(slow);
  const auto [slot, peer] = scene.pair();
  (void)peer;
  // One part: this goes through send(), which the kernel stops.
  scene.write_reference(slot, std::string(48'000'000, 'x'));
  scene.reactor.flush();
  CHECK(scene.memory.unsent[slot] > 0);
  for (int i = 0; i < 300; i++) scene.write_reference(slot, std::string(100'000, 'x'));
  scene.reactor.flush();
  netmux_test::arrived(peer);
  scene.reactor.turn();
  CHECK_EQUAL(sends, 1);
  CHECK(scene.memory.unsent[slot] > 1'000'000);
  CHECK(scene.until([&, s = slot] { return scene.memory.unsent[s] == 0; }));
}

TEST("results that fill several batches wait for the next turn when the time is up, and all are told once") {
  constexpr int kSlots = 5 * netmux::kRecordCapacity;
  if (!CHECK(allow_descriptors(kSlots + 100))) return;
  Scene scene(moved_clock(), netmux::heap(), kSlots);
  std::vector<uint32_t> slots;
  for (int i = 0; i < kSlots; i++) {
    slots.push_back(scene.listener(SocketFlag::Datagram));
    scene.drained_wanted(slots.back());
  }
  int again = 0;
  // A result of the first that is told brings about another one, which queues up behind the rest.
  scene.on_record = [&](const Seen& record) {
    if (record.slot != slots[0] && record.slot != slots.back()) return;
    Clock::forward(5);
    if (record.slot == slots[0] && again++ == 0) scene.order(CommandKind::Send, slots[0], -1, 0);
  };
  for (const uint32_t slot : slots) scene.order(CommandKind::Send, slot, -1, 0);
  scene.reactor.flush();
  scene.reactor.turn();
  // As often as a turn looks at its results, one batch of them.
  CHECK(scene.batches >= 1 && scene.batches <= 3);
  CHECK(scene.timer <= scene.now_ms());
  scene.settle();
  CHECK_EQUAL(scene.of(RecordKind::Drained).size(), kSlots + 1);
  CHECK_EQUAL(scene.seen.back().slot, slots[0]);
}

TEST("a burst of new clients does not starve those who are connected") {
  Scene scene;
  const uint32_t listening = scene.listener();
  const auto [slot, client] = scene.tcp(listening);
  const size_t before = scene.seen.size();
  const int batches = scene.batches;
  for (int i = 0; i < 100; i++) scene.dial(scene.port_of(listening));
  put(client, "hello");
  std::vector<Seen> first;
  scene.on_record = [&](const Seen& record) {
    if (scene.batches == batches + 1) first.push_back(record);
  };
  CHECK(scene.until([&] { return scene.of(RecordKind::Accept).size() == 101; }));
  CHECK(first.size() <= 65);
  CHECK(std::any_of(first.begin(), first.end(), [s = slot](const Seen& record) { return record.slot == s; }));
  CHECK(scene.seen.size() > before);
}

TEST("thousands that are closed in one callback are given back turn by turn, and others are served in between") {
  constexpr int kSlots = 1000;
  closes = 0;
  SysTable slow = moved_clock();
  slow.close = slow_close;
  if (!CHECK(allow_descriptors(2 * kSlots + 100))) return;
  Scene scene(slow, netmux::heap(), kSlots + 2);
  std::vector<uint32_t> slots;
  for (int i = 0; i < kSlots; i++) slots.push_back(scene.pair().first);
  const uint32_t listener = scene.listener();
  const auto [other, peer] = scene.pair();
  put(peer, "close them");
  scene.on_record = [&](const Seen&) {
    if (scene.seen.size() > 1) return;
    for (const uint32_t slot : slots) scene.close(slot);
    scene.close(listener);
  };
  scene.reactor.turn();
  CHECK(closes >= 4 && closes <= 5);
  // Its address may be wanted again, and it does not wait for a thousand connections.
  CHECK_EQUAL(scene.reactor.fd_of(listener), -1);
  CHECK(scene.timer <= scene.now_ms());
  put(peer, "and serve me");
  scene.reactor.turn();
  CHECK(scene.seen.back().bytes == "and serve me");
  CHECK(closes <= 10);
  scene.reactor.flush();
  CHECK(closes <= 15);
  CHECK(scene.until([&] { return closes == kSlots + 1; }));
  CHECK(scene.reactor.fd_of(other) >= 0);
}
