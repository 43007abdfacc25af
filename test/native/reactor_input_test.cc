// Readiness: what the reactor makes of what arrives, and of those who hang up.
#include <errno.h>

#include <string>
#include <vector>

#include "reactor_scene.h"

using netmux::CommandKind;
using netmux::RecordKind;
using netmux_test::allow_descriptors;
using netmux_test::put;
using netmux_test::Scene;
using netmux_test::Seen;

TEST("a connection is accepted, its bytes follow, then its end") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  put(client, "one");
  CHECK(scene.until([&, s = slot] { return scene.received(s) == "one"; }));
  put(client, "two");
  CHECK(scene.until([&, s = slot] { return scene.received(s) == "onetwo"; }));
  scene.close_peer(client);
  scene.settle();
  CHECK_STORY(scene, slot, "Accept Data:one Data:two Eof:0");
  CHECK_EQUAL(scene.memory.traffic[2 * slot], 6);
}

TEST("an accept record names the listener") {
  Scene scene;
  const uint32_t first = scene.listener();
  const uint32_t second = scene.listener();
  scene.tcp(second);
  CHECK_EQUAL(scene.seen.back().a, second);
  scene.tcp(first);
  CHECK_EQUAL(scene.seen.back().a, first);
}

TEST("nothing is accepted and nothing is read before Start") {
  Scene scene;
  const int64_t listening = scene.listen(Scene::ipv4(0));
  scene.dial(scene.port_of(static_cast<uint32_t>(listening)));
  int ends[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  const uint32_t slot = scene.adopt(ends[0]);
  put(scene.keep(ends[1]), "early");
  scene.reactor.flush();
  scene.settle();
  CHECK(scene.seen.empty());
  scene.order(CommandKind::Start, static_cast<uint32_t>(listening));
  scene.order(CommandKind::Start, slot);
  scene.reactor.flush();
  CHECK(scene.until([&] { return scene.seen.size() == 2; }));
  CHECK_STORY(scene, slot, "Data:early");
}

TEST("data and the end behind it arrive in one batch, in order") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  put(peer, "last words");
  scene.close_peer(peer);
  scene.reactor.turn();
  CHECK_EQUAL(scene.batches, 1);
  CHECK_STORY(scene, slot, "Data:last words Eof:0");
  CHECK(scene.settle() <= 2);
}

TEST("many connections that are ready at once share one batch") {
  Scene scene;
  std::vector<uint32_t> slots;
  for (int i = 0; i < 40; i++) {
    const auto [slot, peer] = scene.pair();
    slots.push_back(slot);
    put(peer, std::to_string(i));
  }
  scene.reactor.turn();
  CHECK_EQUAL(scene.batches, 1);
  for (size_t i = 0; i < slots.size(); i++) CHECK_STORY(scene, slots[i], "Data:" + std::to_string(i));
}

TEST("one read delivers at most the slot's read size, and the rest follows") {
  Scene scene;
  const auto [slot, peer] = scene.pair(SOCK_STREAM, 10);
  put(peer, "0123456789abcdefghijKLM");
  scene.settle();
  CHECK_STORY(scene, slot, "Data:0123456789 Data:abcdefghij Data:KLM");
}

TEST("a read size of 0 does not look like the end of input") {
  Scene scene;
  const auto [slot, peer] = scene.pair(SOCK_STREAM, 0);
  put(peer, "x");
  scene.settle();
  CHECK_STORY(scene, slot, "Data:x");
}

TEST("more input than the read slab holds comes in several batches, every byte of it") {
  Scene scene;
  std::vector<std::string> sent;
  std::vector<uint32_t> slots;
  for (int i = 0; i < 12; i++) {
    const auto [slot, peer] = scene.pair();
    sent.push_back(std::string(40'000 + static_cast<size_t>(i), static_cast<char>('a' + i)));
    put(peer, sent.back());
    slots.push_back(slot);
  }
  scene.reactor.turn();
  CHECK(scene.batches > 1);
  scene.settle();
  for (size_t i = 0; i < slots.size(); i++) CHECK(scene.received(slots[i]) == sent[i]);
}

TEST("a batch is full to its last record when a listener comes up") {
  if (!CHECK(allow_descriptors(3000))) return;
  Scene scene;
  const uint32_t listening = scene.listener();
  const uint16_t port = scene.port_of(listening);
  // Two records each: data and the end behind it.
  for (int i = 0; i < netmux::kRecordCapacity / 2; i++) {
    const int peer = scene.pair().second;
    put(peer, "x");
    scene.close_peer(peer);
  }
  scene.dial(port);
  scene.settle();
  CHECK_EQUAL(scene.of(RecordKind::Data).size(), netmux::kRecordCapacity / 2);
  CHECK_EQUAL(scene.of(RecordKind::Accept).size(), 1);
}

TEST("a listener that a full batch pauses before its turn comes accepts nobody") {
  if (!CHECK(allow_descriptors(3000))) return;
  Scene scene;
  const uint32_t listening = scene.listener();
  for (int i = 0; i < netmux::kRecordCapacity / 2; i++) {
    const int peer = scene.pair().second;
    put(peer, "x");
    scene.close_peer(peer);
  }
  scene.dial(scene.port_of(listening));
  scene.on_record = [&](const Seen&) { scene.order(CommandKind::Pause, listening); };
  scene.settle();
  CHECK_EQUAL(scene.of(RecordKind::Data).size(), netmux::kRecordCapacity / 2);
  CHECK_EQUAL(scene.of(RecordKind::Accept).size(), 0);
}

TEST("a paused connection reports nothing until it is resumed, then all of it") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.order(CommandKind::Pause, slot);
  scene.reactor.flush();
  put(peer, "held");
  scene.close_peer(peer);
  CHECK(scene.settle() <= 2);
  CHECK_STORY(scene, slot, "");
  scene.order(CommandKind::Resume, slot);
  scene.reactor.flush();
  scene.settle();
  CHECK_STORY(scene, slot, "Data:held Eof:0");
}

TEST("a pause in the middle of a batch holds from the next look at the socket") {
  Scene scene;
  const auto [slot, peer] = scene.pair(SOCK_STREAM, 2);
  scene.on_record = [&](const Seen& record) { scene.order(CommandKind::Pause, record.slot); };
  put(peer, "abcd");
  scene.settle();
  CHECK_STORY(scene, slot, "Data:ab");
}

TEST("a reset while reading is paused wakes nobody twice, and is reported after resume") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  scene.order(CommandKind::Pause, slot);
  scene.reactor.flush();
  put(client, "before");
  scene.reset_peer(client);
  CHECK(scene.settle() <= 2);
  CHECK_STORY(scene, slot, "Accept");
  scene.order(CommandKind::Resume, slot);
  scene.reactor.flush();
  CHECK(scene.settle() <= 3);
  const std::string story = scene.story(slot);
  // The kernel may have thrown the bytes away with the reset; the reset itself is always told.
  const std::string reset = "Eof:" + std::to_string(ECONNRESET);
  CHECK(story == "Accept " + reset || story == "Accept Data:before " + reset);
}

TEST("a reset under a paused connection that has unsent output fails the output, and is no spin") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  scene.order(CommandKind::Pause, slot);
  scene.write(slot, std::string(200'000, 'x'));
  for (int i = 0; i < 40; i++) scene.write(slot, std::string(200'000, 'x'));
  scene.reactor.flush();
  CHECK(scene.memory.unsent[slot] > 0);
  scene.reset_peer(client);
  CHECK(scene.until([&] { return !scene.of(RecordKind::WriteFailed).empty(); }));
  CHECK(scene.settle() <= 3);
  CHECK_EQUAL(scene.memory.unsent[slot], 0);
  CHECK(scene.story(slot).find("Eof") == std::string::npos);
}

TEST("a reset after the peer's end of input is reported as a failed write, once") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  shutdown(client, SHUT_WR);
  scene.settle();
  CHECK_STORY(scene, slot, "Accept Eof:0");
  scene.reset_peer(client);
  CHECK(scene.settle() <= 3);
  // A kernel may say that the pipe is broken, because the other direction was over already.
  const std::string story = scene.story(slot);
  const std::string failed = "Accept Eof:0 WriteFailed:";
  CHECK(story == failed + std::to_string(ECONNRESET) || story == failed + std::to_string(EPIPE));
}

TEST("the end of input is told once, and the descriptor wakes nobody after it") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  shutdown(client, SHUT_WR);
  CHECK(scene.settle() <= 2);
  CHECK(!scene.readable());
  CHECK_STORY(scene, slot, "Accept Eof:0");
}

TEST("discarded input is read and counted, and nobody hears of it or of its end") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.order(CommandKind::Discard, slot);
  scene.reactor.flush();
  put(peer, std::string(150'000, 'x'));
  scene.settle();
  CHECK_EQUAL(scene.memory.traffic[2 * slot], 150'000);
  scene.close_peer(peer);
  CHECK(scene.settle() <= 3);
  CHECK_STORY(scene, slot, "");
}

TEST("Discard reports one end of input where it is asked to") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.order(CommandKind::Discard, slot, 1);
  scene.reactor.flush();
  put(peer, "ignored");
  scene.settle();
  scene.close_peer(peer);
  scene.settle();
  CHECK_STORY(scene, slot, "Eof:0");
}

TEST("Discard of a paused connection reads again") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.order(CommandKind::Pause, slot);
  scene.order(CommandKind::Discard, slot);
  scene.reactor.flush();
  put(peer, "ignored");
  scene.settle();
  CHECK_EQUAL(scene.memory.traffic[2 * slot], 7);
  CHECK_STORY(scene, slot, "");
}

TEST("a reset under discarded input fails the output that is still open") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  scene.order(CommandKind::Discard, slot);
  scene.reactor.flush();
  scene.reset_peer(client);
  CHECK(scene.settle() <= 3);
  CHECK_STORY(scene, slot, "Accept WriteFailed:" + std::to_string(ECONNRESET));
}

TEST("a reset under discarded input is nothing to a connection whose writing is over") {
  Scene scene;
  const auto [slot, client] = scene.tcp();
  scene.order(CommandKind::Discard, slot);
  scene.order(CommandKind::ShutWrite, slot);
  scene.reactor.flush();
  scene.settle();
  CHECK_STORY(scene, slot, "Accept Flushed");
  scene.reset_peer(client);
  CHECK(scene.settle() <= 3);
  CHECK_STORY(scene, slot, "Accept Flushed");
}

TEST("a turn inside a turn does nothing") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  const auto [other, other_peer] = scene.pair();
  (void)other;
  put(peer, "x");
  put(other_peer, "y");
  int depth = 0;
  scene.on_record = [&](const Seen&) {
    CHECK_EQUAL(depth++, 0);
    // Else there would be nothing to find for a turn that does look.
    if (scene.seen.size() == 1) put(other_peer, "z");
    scene.reactor.turn();
    scene.reactor.timer_due();
    scene.reactor.flush();
    depth--;
  };
  scene.settle();
  CHECK_STORY(scene, slot, "Data:x");
}

TEST("nothing is touched after the environment went away in the middle of a batch") {
  Scene scene;
  const auto [slot, peer] = scene.pair(SOCK_STREAM, 1);
  put(peer, "ab");
  scene.dying = true;
  scene.on_record = [&](const Seen& record) { scene.write(record.slot, "answer"); };
  scene.reactor.turn();
  scene.reactor.turn();
  scene.reactor.flush();
  CHECK_STORY(scene, slot, "Data:a");
  CHECK(netmux_test::arrived(peer).empty());
}
