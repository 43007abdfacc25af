// The ring is written by JavaScript, which a bug there may fill with anything. Whatever its words are, the core neither
// crashes, nor touches memory outside of the contract's, nor sends bytes from there, nor loops for ever. Meant to be run
// with the address and undefined-behaviour sanitizers.
#include <string>
#include <vector>

#include "failing_allocator.h"
#include "reactor_scene.h"

using netmux::CommandKind;
using netmux::Control;
using netmux_test::arrived;
using netmux_test::kFailingAllocator;
using netmux_test::lending;
using netmux_test::put;
using netmux_test::Random;
using netmux_test::reset_lending;
using netmux_test::Scene;

namespace {

constexpr int kKinds = 13;  // one more than there are

// A word that is often nearly right, sometimes a limit, sometimes anything.
int32_t odd_number(Random& random, int32_t limit) {
  static const int32_t edges[] = {0, 1, -1, INT32_MIN, INT32_MAX, 4, 24, 16384, 131072, 262143, 262144, 262145};
  switch (random.below(4)) {
    case 0:
      return static_cast<int32_t>(random.below(static_cast<uint64_t>(limit)));
    case 1:
      return edges[random.below(sizeof edges / sizeof *edges)];
    case 2:
      return static_cast<int32_t>(random.bits());
    default:
      return static_cast<int32_t>(random.below(64));
  }
}

// Slots of all kinds, those that wait for something included.
std::vector<int> populate(Scene& scene) {
  std::vector<int> peers;
  const uint32_t listening = scene.listener();
  scene.dial(scene.port_of(listening));
  for (int i = 0; i < 4; i++) peers.push_back(scene.pair().second);
  scene.listener(netmux::SocketFlag::Datagram);
  int ends[2];
  CHECK_EQUAL(pipe(ends), 0);
  scene.start(scene.adopt(ends[0]));
  scene.start(scene.adopt(ends[1]));
  CHECK(scene.connect(Scene::ipv4(1)) >= 0);
  CHECK(scene.connect(Scene::ipv4(scene.port_of(listening))) >= 0);
  scene.settle();
  return peers;
}

void fill_ring(Scene& scene, Random& random) {
  const auto commands = static_cast<int32_t>(random.below(random.below(8) == 0 ? netmux::kCommandCapacity : 40));
  for (int32_t i = 0; i < commands; i++) {
    int32_t* words = scene.memory.commands + i * netmux::kWords;
    const uint64_t slot = random.below(10) == 0 ? random.below(1 << 24) : random.below(24);
    const uint64_t kind = random.below(20) == 0 ? random.below(256) : random.below(kKinds + 1);
    words[0] = static_cast<int32_t>(static_cast<uint32_t>(kind | slot << 8));
    words[1] =
        slot < scene.memory.max_handles && random.below(8) != 0 ? scene.memory.generation[slot] : odd_number(random, 4);
    words[2] = odd_number(random, 1 << 17);
    words[3] = odd_number(random, 1 << 14);
  }
  scene.memory.control[Control::CommandCount] = random.below(50) == 0 ? odd_number(random, 5000) : commands;
  scene.memory.control[Control::OutputUsed] = odd_number(random, 5000);
  for (int i = 0; i < 30; i++) {
    scene.memory.deadline[random.below(24)] = odd_number(random, 1000);
    scene.memory.unsent[random.below(24)] = odd_number(random, 1000);
    scene.memory.interest[random.below(24)] = static_cast<uint8_t>(random.bits());
  }
}

void play(Random& random, int fail_at) {
  const int before = lending().blocks;
  {
    Scene scene(netmux::system_calls(), kFailingAllocator, 64);
    scene.judging = false;  // the rules are broken from this side already
    const std::vector<int> peers = populate(scene);
    reset_lending(fail_at);
    scene.on_record = [&](const netmux_test::Seen&) {
      if (random.below(3) == 0) fill_ring(scene, random);
      if (random.below(20) == 0) scene.reactor.drain();
    };
    for (int step = 0; step < 60; step++) {
      for (const int peer : peers) {
        if (random.below(3) == 0) (void)!::send(peer, "something", 9, MSG_DONTWAIT);
        if (random.below(2) == 0) arrived(peer);
      }
      for (int i = 0; i < 3; i++) scene.buffers[static_cast<uint32_t>(random.below(64))] = std::string(100, 'b');
      if (random.below(4) == 0) scene.buffers[static_cast<uint32_t>(random.below(64))] = "";
      fill_ring(scene, random);
      switch (random.below(3)) {
        case 0:
          scene.reactor.flush();
          break;
        case 1:
          scene.reactor.drain();
          break;
        default:
          break;
      }
      for (int rounds = 0; rounds < 20 && scene.round(); rounds++) {
      }
    }
  }
  reset_lending();
  CHECK_EQUAL(lending().blocks, before);
}

}  // namespace

TEST("a ring of any words does no harm") {
  Random random;
  for (int run = 0; run < 60; run++) play(random, 0);
}

TEST("a ring of any words does no harm when memory runs out on the way") {
  Random random;
  for (int run = 0; run < 40; run++) play(random, 1 + static_cast<int>(random.below(60)));
}

TEST("a command that points outside the slabs fails its connection and no other") {
  for (const CommandKind kind : {CommandKind::Write, CommandKind::Forward}) {
    const int32_t offsets[][2] = {{-1, 4}, {0, -1}, {INT32_MAX, INT32_MAX}, {INT32_MIN, 8}, {300'000, 1}, {262'140, 8}};
    for (const auto& [offset, length] : offsets) {
      for (const bool waiting : {false, true}) {
        Scene scene;
        const auto [slot, peer] = scene.pair();
        const auto [other, other_peer] = scene.pair();
        (void)peer;
        if (waiting) scene.write_reference(slot, std::string(4'000'000, 'x'));
        scene.order(kind, slot, offset, length);
        scene.write(other, "unharmed");
        scene.reactor.flush();
        scene.settle();
        CHECK_STORY(scene, slot, "WriteFailed:14");
        CHECK(arrived(other_peer) == "unharmed");
        CHECK(scene.buffers.empty());
      }
    }
  }
}

TEST("a reference of negative length fails its connection, also behind an outbox") {
  for (const bool waiting : {false, true}) {
    Scene scene;
    const auto [slot, peer] = scene.pair();
    (void)peer;
    if (waiting) scene.write_reference(slot, std::string(4'000'000, 'x'));
    scene.buffers[1000] = "ten bytes.";
    scene.order(CommandKind::WriteReference, slot, 1000, -10);
    scene.reactor.flush();
    scene.settle();
    CHECK_STORY(scene, slot, "WriteFailed:14");
    CHECK_EQUAL(scene.memory.unsent[slot], 0);
    CHECK(scene.buffers.empty());
  }
}
