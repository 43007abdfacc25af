// Identity: an event, a command or a result of an earlier owner of a slot never reaches a later one.
#include <string>
#include <vector>

#include "reactor_scene.h"

using netmux::CloseMode;
using netmux::CommandKind;
using netmux::RecordKind;
using netmux_test::arrived;
using netmux_test::put;
using netmux_test::Random;
using netmux_test::Scene;
using netmux_test::Seen;

TEST("commands of an earlier owner are dropped, and their buffers given back") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  (void)peer;
  const int32_t earlier = scene.memory.generation[slot];
  scene.close(slot);
  scene.reactor.flush();
  const auto [same, heir] = scene.pair();
  if (!CHECK_EQUAL(same, slot)) return;
  const uint32_t number = scene.write_reference(slot, "mine");
  scene.buffers[number] = "late";
  scene.memory.commands[1] = earlier;
  scene.reactor.flush();
  CHECK(scene.buffers.empty());
  // One by one: together, the last of them would hide what the others did.
  for (const CommandKind kind : {CommandKind::Write, CommandKind::KillOutput, CommandKind::Discard, CommandKind::Pause,
                                 CommandKind::Arm, CommandKind::ShutWrite, CommandKind::Close}) {
    scene.order_as(earlier, kind, slot, 0, 4);
    scene.reactor.flush();
  }
  CHECK(arrived(heir).empty());
  put(heir, "alive");
  scene.settle();
  CHECK_STORY(scene, slot, "Data:alive");
}

TEST("a number that is closed in a callback is not reused before all events of the turn are through") {
  Scene scene;
  const uint32_t listening = scene.listener();
  std::vector<uint32_t> slots;
  // More than the read slab holds: the first batch is delivered while events of the same array still wait.
  for (int i = 0; i < 4; i++) {
    const auto [slot, peer] = scene.pair();
    slots.push_back(slot);
    put(peer, std::string(60'000, 'x'));
  }
  // Reported last, since it is ready last.
  scene.dial(scene.port_of(listening));
  scene.on_record = [&](const Seen&) {
    if (scene.batches == 1) {
      for (const uint32_t slot : slots) scene.close(slot);
    }
  };
  CHECK(scene.until([&] { return !scene.of(RecordKind::Accept).empty(); }));
  CHECK_EQUAL(scene.of(RecordKind::Data).size(), 3);
  const uint32_t accepted = scene.of(RecordKind::Accept)[0].slot;
  for (const uint32_t slot : slots) CHECK(accepted != slot);
  scene.settle();
  for (const uint32_t slot : slots) CHECK_EQUAL(scene.pair().first, slot);
}

// Many rounds of connections that talk, close each other and are replaced at once. Each tells its own number; whatever
// is received under a (slot, generation) must be that of the connection it was given to.
TEST("whoever closes whom in whatever order, bytes reach only the owner they were sent to") {
  Random random;
  Scene scene;
  const uint32_t listening = scene.listener();
  const uint16_t port = scene.port_of(listening);

  struct Client {
    int fd;
    std::string name;
  };
  std::vector<Client> clients;
  struct Owner {
    uint32_t slot;
    int32_t generation;
    std::string said;
  };
  std::vector<Owner> owners;
  int number = 0;

  const auto find = [&](const Seen& record) -> Owner* {
    for (Owner& owner : owners) {
      if (owner.slot == record.slot && owner.generation == record.generation) return &owner;
    }
    return nullptr;
  };
  const auto drop = [&](size_t at) {
    scene.close(owners[at].slot, static_cast<CloseMode>(random.below(3)));
    owners.erase(owners.begin() + static_cast<std::ptrdiff_t>(at));
  };
  int mixed = 0;
  scene.on_record = [&](const Seen& record) {
    if (record.kind == RecordKind::Accept) owners.push_back({record.slot, record.generation, ""});
    Owner* owner = find(record);
    if (owner == nullptr) return;  // closed in this very batch, as in the dispatcher
    if (record.kind == RecordKind::Data) {
      owner->said += record.bytes;
      // "<17><17><17>": all of one connection are alike.
      const std::string name = owner->said.substr(0, owner->said.find('>') + 1);
      for (size_t at = 0; at < owner->said.size(); at += name.size()) {
        if (owner->said.compare(at, name.size(), name.substr(0, owner->said.size() - at)) != 0) mixed++;
      }
      scene.write(record.slot, record.bytes);
    }
    if (record.kind == RecordKind::Eof || record.kind == RecordKind::WriteFailed) {
      drop(static_cast<size_t>(owner - owners.data()));
    }
    if (!owners.empty() && random.below(4) == 0) drop(random.below(owners.size()));
  };

  for (int turn = 0; turn < 1500; turn++) {
    while (clients.size() < 12) {
      const std::string name = '<' + std::to_string(number++) + '>';
      const int fd = scene.dial(port);
      fcntl(fd, F_SETFL, O_NONBLOCK);
      clients.push_back({fd, name});
    }
    for (uint64_t acts = random.below(10); acts > 0; acts--) {
      const size_t at = random.below(clients.size());
      const Client client = clients[at];
      if (random.below(5) > 0) {
        // Whole names only, so that they can be told apart; a full socket takes none.
        (void)!::send(client.fd, client.name.data(), client.name.size(), 0);
      } else {
        clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(at));
        if (random.below(2) == 0) {
          scene.reset_peer(client.fd);
        } else {
          scene.close_peer(client.fd);
        }
      }
    }
    // What comes back is what was said, to nobody else.
    for (const Client& client : clients) {
      const std::string echo = arrived(client.fd);
      for (size_t at = 0; at < echo.size(); at += client.name.size()) {
        if (echo.compare(at, client.name.size(), client.name) != 0) mixed++;
      }
    }
    scene.round();
  }
  CHECK_EQUAL(mixed, 0);
  CHECK(number > 500);
}
