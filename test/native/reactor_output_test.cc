// Output: what leaves with how many system calls, what stays behind, and how much of it is said to be unsent.
#include <errno.h>

#include <algorithm>
#include <string>
#include <vector>

#include "reactor_scene.h"

using netmux::CommandKind;
using netmux::RecordKind;
using netmux::SysTable;
using netmux_test::arrived;
using netmux_test::put;
using netmux_test::Random;
using netmux_test::Scene;
using netmux_test::Seen;

namespace {

// A kernel that counts sends, and takes only a part of each, or nothing.
struct Sends {
  int calls = 0;
  Random* moods = nullptr;  // where set: takes less, nothing, or is interrupted
};

Sends& sends() {
  static Sends instance;
  return instance;
}

// How much of `length` bytes the kernel takes now; −1 with errno for nothing.
ssize_t mood(size_t length) {
  sends().calls++;
  if (sends().moods == nullptr) return static_cast<ssize_t>(length);
  const uint64_t dice = sends().moods->below(8);
  if (dice < 2) {
    errno = dice == 0 ? EAGAIN : EINTR;
    return -1;
  }
  return dice < 5 ? static_cast<ssize_t>(1 + sends().moods->below(length)) : static_cast<ssize_t>(length);
}

ssize_t moody_send(int fd, const void* bytes, size_t length, int flags) {
  const ssize_t taken = mood(length);
  return taken < 0 ? taken : ::send(fd, bytes, static_cast<size_t>(taken), flags);
}

ssize_t moody_sendmsg(int fd, const msghdr* message, int flags) {
  size_t length = 0;
  for (size_t i = 0; i < message->msg_iovlen; i++) length += message->msg_iov[i].iov_len;
  const ssize_t taken = mood(length);
  if (taken < 0) return taken;
  std::vector<iovec> parts(message->msg_iov, message->msg_iov + message->msg_iovlen);
  auto left = static_cast<size_t>(taken);
  for (iovec& part : parts) {
    part.iov_len = std::min(part.iov_len, left);
    left -= part.iov_len;
  }
  msghdr shorter = *message;
  shorter.msg_iov = parts.data();
  return ::sendmsg(fd, &shorter, flags);
}

SysTable moody_kernel() {
  SysTable table = netmux::system_calls();
  table.send = moody_send;
  table.sendmsg = moody_sendmsg;
  return table;
}

const SysTable& counting() {
  static const SysTable table = moody_kernel();
  sends() = {};
  return table;
}

constexpr size_t kMuch = 4'000'000;  // more than a UNIX socket takes at once

// Writes until something is unsent; how many bytes were written.
size_t fill(Scene& scene, uint32_t slot) {
  size_t written = 0;
  while (scene.memory.unsent[slot] == 0 && written < kMuch) {
    scene.write(slot, std::string(100'000, 'x'));
    scene.reactor.flush();
    written += 100'000;
  }
  CHECK(scene.memory.unsent[slot] > 0);
  return written;
}

}  // namespace

TEST("all writes of a connection in one turn leave with one send") {
  Scene scene(counting());
  const auto [slot, peer] = scene.pair();
  const auto [other, other_peer] = scene.pair();
  std::string expected;
  for (int i = 0; i < 20; i++) {
    scene.write(slot, std::to_string(i) + " ");
    scene.write(other, "o");
    expected += std::to_string(i) + " ";
  }
  scene.reactor.flush();
  CHECK_EQUAL(sends().calls, 2);
  CHECK(arrived(peer) == expected);
  CHECK(arrived(other_peer) == std::string(20, 'o'));
  CHECK_EQUAL(scene.memory.unsent[slot], 0);
  CHECK_EQUAL(scene.memory.traffic[2 * slot + 1], expected.size());
}

TEST("what callbacks write in a batch leaves when the batch is through") {
  Scene scene(counting());
  std::vector<int> peers;
  for (int i = 0; i < 10; i++) {
    peers.push_back(scene.pair().second);
    put(peers.back(), "ping");
  }
  scene.on_record = [&](const Seen& record) {
    CHECK_EQUAL(sends().calls, 0);
    scene.write(record.slot, "pong");
  };
  scene.reactor.turn();
  CHECK_EQUAL(sends().calls, 10);
  for (const int peer : peers) CHECK(arrived(peer) == "pong");
}

TEST("hundreds of writes of one connection keep their order") {
  Scene scene(counting());
  const auto [slot, peer] = scene.pair();
  std::string expected;
  for (int i = 0; i < 500; i++) {
    scene.write(slot, std::to_string(i));
    expected += std::to_string(i);
  }
  scene.reactor.flush();
  CHECK(arrived(peer) == expected);
  CHECK(sends().calls <= 8);
}

TEST("what the kernel does not take waits in the outbox and follows, then Drained is reported once") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.drained_wanted(slot);
  const size_t written = fill(scene, slot);
  scene.settle();
  const netmux::Outbox* outbox = scene.reactor.outbox_of(slot);
  if (!CHECK(outbox != nullptr)) return;
  CHECK_EQUAL(scene.memory.unsent[slot], outbox->size());
  CHECK_EQUAL(scene.memory.traffic[2 * slot + 1], written - outbox->size());
  const size_t drained_before = scene.of(RecordKind::Drained).size();
  std::string got;
  CHECK(scene.until([&, p = peer] {
    got += arrived(p);
    return got.size() == written;
  }));
  scene.settle();
  CHECK_EQUAL(scene.of(RecordKind::Drained).size(), drained_before + 1);
  CHECK_EQUAL(scene.memory.unsent[slot], 0);
  CHECK(scene.reactor.outbox_of(slot) == nullptr);
  CHECK(got == std::string(written, 'x'));
}

TEST("a connection with a full socket wakes nobody until there is room again") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  (void)peer;
  fill(scene, slot);
  CHECK(scene.settle() <= 2);
}

TEST("writes that come while an outbox waits stay behind it") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  const size_t written = fill(scene, slot);
  scene.write(slot, "late ");
  scene.write_reference(slot, "later ");
  scene.write(slot, "last");
  scene.reactor.flush();
  CHECK_EQUAL(scene.memory.unsent[slot], scene.reactor.outbox_of(slot)->size());
  std::string got;
  CHECK(scene.until([&, p = peer] {
    got += arrived(p);
    return got.size() == written + 15;
  }));
  CHECK(got.substr(written) == "late later last");
  CHECK(scene.buffers.empty());
}

TEST("Drained is reported after a flush that succeeded at once and after an empty write, to those who want it") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  const auto [empty, empty_peer] = scene.pair();
  const auto [careless, careless_peer] = scene.pair();
  scene.drained_wanted(slot);
  scene.drained_wanted(empty);
  scene.write(slot, "text");
  scene.write(empty, "");
  scene.write(careless, "text");
  scene.reactor.flush();
  scene.settle();
  CHECK_STORY(scene, slot, "Drained");
  CHECK_STORY(scene, empty, "Drained");
  CHECK_STORY(scene, careless, "");
  CHECK(arrived(peer) == "text");
  CHECK(arrived(empty_peer).empty());
  CHECK(arrived(careless_peer) == "text");
}

TEST("what became of writes outside a turn is told before what arrives in the next one") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.drained_wanted(slot);
  scene.write(slot, "question");
  scene.reactor.flush();
  put(peer, "answer");
  scene.reactor.turn();
  CHECK_STORY(scene, slot, "Drained Data:answer");
}

TEST("a callback that writes whenever it is drained goes on for ever without holding the loop") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.drained_wanted(slot);
  int writes = 0;
  scene.on_record = [&, s = slot](const Seen& record) {
    if (record.kind == RecordKind::Drained && ++writes < 2000) scene.write(s, "x");
  };
  scene.write(slot, "x");
  scene.reactor.flush();
  std::string got;
  CHECK(scene.until([&, p = peer] {
    got += arrived(p);
    return got.size() == 2000;
  }));
}

TEST("KillOutput drops the ring's writes and the outbox, and no Drained follows") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  fill(scene, slot);
  scene.settle();
  scene.drained_wanted(slot);
  scene.write_reference(slot, "referenced");
  scene.write(slot, "copied");
  scene.order(CommandKind::KillOutput, slot);
  scene.reactor.flush();
  CHECK_EQUAL(scene.memory.unsent[slot], 0);
  CHECK(scene.reactor.outbox_of(slot) == nullptr);
  CHECK(scene.buffers.empty());
  scene.settle();
  arrived(peer);
  scene.settle();
  CHECK_STORY(scene, slot, "");
  scene.write(slot, "after");
  scene.reactor.flush();
  CHECK(scene.until([&, p = peer] { return arrived(p).find("after") != std::string::npos; }));
}

TEST("KillOutput takes back a Drained that was not reported yet, and no other result") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  (void)peer;
  scene.drained_wanted(slot);
  scene.write(slot, "sent");
  scene.reactor.flush();
  scene.order(CommandKind::KillOutput, slot);
  scene.order(CommandKind::ShutWrite, slot);
  scene.reactor.flush();
  scene.settle();
  CHECK_STORY(scene, slot, "Flushed");
}

TEST("writes behind KillOutput in the same ring are sent") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.write(slot, "dropped");
  scene.order(CommandKind::KillOutput, slot);
  scene.write(slot, "kept");
  scene.reactor.flush();
  CHECK(arrived(peer) == "kept");
  CHECK_EQUAL(scene.memory.unsent[slot], 0);
}

TEST("referenced buffers are sent from where they are and given back") {
  Scene scene(counting());
  const auto [slot, peer] = scene.pair();
  scene.write(slot, "<");
  scene.write_reference(slot, std::string(20'000, 'r'));
  scene.write(slot, ">");
  scene.reactor.flush();
  CHECK_EQUAL(sends().calls, 1);
  CHECK(arrived(peer) == "<" + std::string(20'000, 'r') + ">");
  CHECK(scene.buffers.empty());
}

TEST("a buffer that vanishes between turns fails the output with EFAULT") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  const uint32_t number = scene.write_reference(slot, std::string(kMuch, 'r'));
  scene.reactor.flush();
  CHECK(scene.memory.unsent[slot] > 0);
  scene.buffers[number] = "";
  scene.write_reference(slot, "another");
  scene.reactor.flush();
  arrived(peer);
  CHECK(scene.until([&] { return !scene.of(RecordKind::WriteFailed).empty(); }));
  scene.settle();
  CHECK_STORY(scene, slot, "WriteFailed:" + std::to_string(EFAULT));
  CHECK_EQUAL(scene.memory.unsent[slot], 0);
  CHECK(scene.buffers.empty());
}

TEST("a buffer that vanishes before its first send fails the output; what came before it was sent") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.write(slot, "before");
  const uint32_t number = scene.write_reference(slot, "gone");
  scene.write_reference(slot, "behind");
  scene.buffers[number] = "";
  scene.reactor.flush();
  scene.settle();
  CHECK_STORY(scene, slot, "WriteFailed:" + std::to_string(EFAULT));
  CHECK(arrived(peer) == "before");
  CHECK(scene.buffers.empty());
}

TEST("input is forwarded from the read slab") {
  Scene scene;
  const auto [from, sender] = scene.pair();
  const auto [to, receiver] = scene.pair();
  (void)from;
  scene.on_record = [&, t = to](const Seen& record) {
    if (record.kind == RecordKind::Data) scene.order(CommandKind::Forward, t, record.a, record.b);
  };
  put(sender, "through");
  scene.settle();
  CHECK(arrived(receiver) == "through");
}

TEST("a broken pipe is one WriteFailed, and later writes are dropped in silence") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.drained_wanted(slot);
  scene.order(CommandKind::Pause, slot);
  scene.close_peer(peer);
  scene.write(slot, "nobody");
  scene.reactor.flush();
  scene.write_reference(slot, "hears this");
  scene.order(CommandKind::ShutWrite, slot);
  scene.reactor.flush();
  scene.settle();
  CHECK_STORY(scene, slot, "WriteFailed:" + std::to_string(EPIPE));
  CHECK_EQUAL(scene.memory.unsent[slot], 0);
  CHECK(scene.buffers.empty());
}

TEST("a ring and an output slab that fill up in the middle of a batch lose nothing") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  const auto [other, other_peer] = scene.pair();
  std::string expected;
  scene.on_record = [&, s = slot, o = other](const Seen&) {
    // Some 10,000 commands and 700 KB in one callback.
    for (int i = 0; i < 5000; i++) {
      const std::string text = std::to_string(i) + std::string(static_cast<size_t>(i % 281), '.');
      scene.write(s, text);
      scene.write(o, "");
      expected += text;
    }
  };
  put(other_peer, "go");
  scene.reactor.turn();
  std::string got;
  CHECK(scene.until([&, p = peer] {
    got += arrived(p);
    return got.size() >= expected.size();
  }));
  CHECK(got == expected);
}

TEST("whatever part the kernel takes of whatever is written, every byte arrives once and the count is right") {
  Random random;
  Scene scene(counting());
  sends().moods = &random;
  const auto [slot, peer] = scene.pair();
  std::string expected;
  std::string got;
  for (int step = 0; step < 3000; step++) {
    for (uint64_t writes = random.below(70) / (1 + random.below(70)); writes > 0; writes--) {
      const std::string text(random.below(uint64_t{1} << random.below(16)), static_cast<char>('a' + step % 26));
      if (random.below(3) == 0 && !text.empty()) {
        scene.write_reference(slot, text);
      } else {
        scene.write(slot, text);
      }
      expected += text;
    }
    scene.reactor.flush();
    const netmux::Outbox* outbox = scene.reactor.outbox_of(slot);
    CHECK_EQUAL(scene.memory.unsent[slot], outbox == nullptr ? 0 : outbox->size());
    scene.round();
    if (random.below(3) == 0) got += arrived(peer);
    if (expected.size() - got.size() > kMuch) got += arrived(peer);
  }
  CHECK(scene.until([&, p = peer] {
    got += arrived(p);
    return got.size() == expected.size();
  }));
  CHECK(got == expected);
  CHECK(scene.buffers.empty());
  CHECK_EQUAL(scene.memory.traffic[2 * slot + 1], expected.size());
}
