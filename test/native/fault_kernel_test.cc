// The core on a hostile kernel. Each run has a seed, which a failure names; NETMUX_TEST_SEED plays from it on, and
// NETMUX_FAULT_SEEDS and NETMUX_FAULT_ROUNDS say how many (the full numbers: 10000 and 1000000).
#include "fault_kernel.h"

#include <errno.h>

#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "failing_allocator.h"
#include "reactor_scene.h"

using netmux::CloseMode;
using netmux::CommandKind;
using netmux::RecordKind;
using netmux_test::FaultKernel;
using netmux_test::Faults;
using netmux_test::kFailingAllocator;
using netmux_test::kLingerMs;
using netmux_test::lending;
using netmux_test::Random;
using netmux_test::reset_lending;
using netmux_test::Scene;
using netmux_test::Seen;
using Id = FaultKernel::Id;

namespace {

uint64_t number_from(const char* name, uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr ? otherwise : std::strtoull(given, nullptr, 10);
}

// A run of many steps: with a failure it ends, and says where.
bool still_sound(const char* what, uint64_t seed) {
  if (netmux_test::state().failures == 0) return true;
  std::printf("%s failed with NETMUX_TEST_SEED=%llu\n", what, static_cast<unsigned long long>(seed));
  return false;
}

// A reactor on a hostile kernel, with a listener.
struct Room {
  explicit Room(uint64_t seed, const netmux::Allocator& allocator = netmux::heap())
      : kernel(seed), scene(kernel.table(), allocator, 512) {
    CHECK_EQUAL(scene.opened, 0);
    const int64_t slot = scene.listen(Scene::ipv4(0));
    CHECK(slot >= 0);
    listener = static_cast<uint32_t>(slot);
    scene.start(listener);
  }
  // One wake-up, a little later. Nothing of it is kept.
  void turn() {
    kernel.now_ns += 1'000'000;
    scene.reactor.turn();
    scene.seen.clear();
  }
  FaultKernel kernel;
  Scene scene;
  uint32_t listener = 0;
};

// How many kinds of faults have not come about yet.
int kinds_missing(const netmux_test::Injected& injected) {
  int missing = 0;
  for (const int error : {EINTR, EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EPROTO, EPERM, ENETDOWN,
                          EHOSTUNREACH, ECONNRESET, EPIPE, ETIMEDOUT})
    missing += injected.errors[error] == 0 ? 1 : 0;
  for (const uint64_t count : {injected.short_reads, injected.short_writes, injected.late, injected.merged,
                               injected.spurious, injected.doubled, injected.reordered, injected.numbers_reused})
    missing += count == 0 ? 1 : 0;
  return missing;
}

// Everything but broken connections.
Faults nuisances(uint32_t most_bytes) {
  Faults faults;
  faults.interrupted = 200;
  faults.would_block = 200;
  faults.most_bytes = most_bytes;
  faults.accept_fails = 200;
  faults.late = 200;
  faults.spurious = 100;
  faults.doubled = 100;
  faults.shuffled = true;
  return faults;
}

std::string pattern(uint64_t seed, size_t length) {
  std::string bytes(length, '\0');
  uint64_t state = seed * 2654435761u + 12345;
  for (char& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

// One echo of so many bytes, with the end behind it. Forwarded or written, by the record.
void play_echo(uint64_t seed, size_t length) {
  Room room(seed);
  FaultKernel& kernel = room.kernel;
  Scene& scene = room.scene;
  kernel.faults = nuisances(7);
  scene.on_record = [&](const Seen& record) {
    if (record.kind == RecordKind::Eof) scene.order(CommandKind::ShutWrite, record.slot);
    if (record.kind == RecordKind::Flushed) scene.close(record.slot, CloseMode::Linger);
    if (record.kind != RecordKind::Data) return;
    if (kernel.below(4) > 0) {
      scene.write(record.slot, record.bytes);
    } else {
      scene.memory.unsent[record.slot] += record.b;
      scene.order(CommandKind::Forward, record.slot, record.a, record.b);
    }
  };
  const std::string sent = pattern(seed, length);
  const Id client = kernel.dial();
  std::string back;
  size_t at = 0;
  // Each turn moves a few bytes; so many of them without an end is a hang.
  const size_t patience = 50 * length + 100'000;
  size_t turns = 0;
  while (!kernel.ended(client) && turns++ < patience) {
    if (at < length) {
      at += kernel.put(client, sent.substr(at, 1 + kernel.below(5000)));
      if (at == length) kernel.finish(client);
    }
    room.turn();
    back += kernel.get(client);
  }
  CHECK(!kernel.was_reset(client));
  CHECK_EQUAL(back.size(), length);
  CHECK(back == sent);
  CHECK_EQUAL(kernel.open_descriptors(), 1);
}

}  // namespace

TEST("one to seven bytes in every call, and every nuisance: 64 KB come back byte by byte, in order, with their end") {
  const uint64_t first = Random().bits() % 1'000'000'000;
  const uint64_t seeds = number_from("NETMUX_FAULT_SEEDS", 20);
  for (uint64_t i = 0; i < seeds; i++) {
    play_echo(first + i, 65'536);
    if (!still_sound("an echo", first + i)) return;
  }
}

TEST("nobody gets an event of another one, whose descriptor number was used again at once") {
  const uint64_t seed = Random().bits() % 1'000'000'000;
  const uint64_t rounds = number_from("NETMUX_FAULT_ROUNDS", 20'000);
  Room room(seed);
  FaultKernel& kernel = room.kernel;
  Scene& scene = room.scene;
  kernel.faults = nuisances(0);
  kernel.faults.accept_fails = 0;
  // Who is who: peers say their number, four bytes at a time, and nothing else.
  struct Owner {
    Id peer = FaultKernel::kNobody;
    bool closed = false;
  };
  std::map<std::pair<uint32_t, int32_t>, Owner> owners;
  std::vector<std::pair<uint32_t, int32_t>> open;
  std::vector<Id> peers;
  uint64_t events = 0;
  uint64_t wrong = 0;
  const auto close_one = [&](size_t index) {
    const auto key = open[index];
    owners[key].closed = true;
    open[index] = open.back();
    open.pop_back();
    static const CloseMode modes[] = {CloseMode::Abort, CloseMode::Reset, CloseMode::Linger};
    const auto mode = static_cast<int32_t>(modes[kernel.below(3)]);
    scene.order_as(key.second, CommandKind::Close, key.first, mode, kLingerMs);
  };
  scene.on_record = [&](const Seen& record) {
    const std::pair<uint32_t, int32_t> key = {record.slot, record.generation};
    if (record.kind == RecordKind::Accept) {
      const Id peer = kernel.peer_of(scene.reactor.fd_of(record.slot));
      CHECK(owners.count(key) == 0);
      owners[key] = {peer, false};
      open.push_back(key);
      return;
    }
    if (record.slot == room.listener) return;
    const auto found = owners.find(key);
    if (found == owners.end()) {
      wrong++;
      return;
    }
    if (found->second.closed) return;  // closed earlier in this batch: the dispatcher drops it
    events++;
    if (record.kind == RecordKind::Data) {
      for (size_t at = 0; at + 4 <= record.bytes.size(); at += 4) {
        uint32_t said;
        std::memcpy(&said, record.bytes.data() + at, 4);
        if (said != found->second.peer) wrong++;
      }
    }
    // A callback takes long, and the array is left in its middle: what is closed and opened meanwhile must not meet its rest.
    if (kernel.below(50) == 0) kernel.now_ns += 10'000'000;
    // In the callback of one, others go, and their numbers with the end of the array.
    if (!open.empty() && kernel.below(3) == 0) close_one(kernel.below(open.size()));
  };
  for (uint64_t round = 0; round < rounds; round++) {
    if (peers.size() < 24) peers.push_back(kernel.dial());
    const size_t index = kernel.below(peers.size());
    const Id peer = peers[index];
    const uint64_t what = kernel.below(20);
    if (what == 0 || kernel.ended(peer)) {
      kernel.reset(peer);
      peers[index] = peers.back();
      peers.pop_back();
    } else if (what == 1) {
      kernel.finish(peer);
    } else {
      std::string said(4, '\0');
      std::memcpy(&said[0], &peer, 4);
      kernel.put(peer, said);
    }
    if (!open.empty() && kernel.below(10) == 0) {
      close_one(kernel.below(open.size()));
      if (kernel.below(2) == 0) scene.reactor.flush();
    }
    room.turn();
    for (auto owner = owners.begin(); owner != owners.end();) {
      const bool reused = room.scene.memory.generation[owner->first.first] != owner->first.second;
      owner = owner->second.closed && reused ? owners.erase(owner) : std::next(owner);
    }
    if (!still_sound("a round", seed)) return;
  }
  CHECK(events > rounds / 10);
  CHECK_EQUAL(wrong, 0);
  still_sound("the rounds", seed);
}

TEST("in a storm that goes on, every kind of fault comes about, and the listener outlives all of them") {
  const uint64_t seed = Random().bits() % 1'000'000'000;
  Room room(seed);
  FaultKernel& kernel = room.kernel;
  Scene& scene = room.scene;
  kernel.faults = nuisances(50);
  kernel.faults.breaks = 20;
  scene.on_record = [&](const Seen& record) {
    if (record.kind == RecordKind::Accept) scene.write(record.slot, std::string(100, 'w'));
    if (record.kind == RecordKind::Data) scene.write(record.slot, record.bytes);
    if (record.kind == RecordKind::Eof || record.kind == RecordKind::WriteFailed) scene.close(record.slot);
  };
  constexpr int kMostSteps = 200'000;
  std::vector<Id> peers;
  int steps = 0;
  while (kinds_missing(kernel.injected) > 0 && steps++ < kMostSteps) {
    if (peers.size() < 8) peers.push_back(kernel.dial());
    const size_t index = kernel.below(peers.size());
    const Id peer = peers[index];
    kernel.put(peer, std::string(1 + kernel.below(300), 'p'));
    kernel.get(peer);
    if (kernel.ended(peer)) {
      kernel.reset(peer);
      peers.erase(peers.begin() + static_cast<std::ptrdiff_t>(index));
    }
    room.turn();
  }
  CHECK_EQUAL(kinds_missing(kernel.injected), 0);
  kernel.faults = {};
  const Id after = kernel.dial();
  kernel.put(after, "hello");
  for (int step = 0; step < 300; step++) room.turn();
  const std::string welcome = kernel.get(after);
  CHECK(welcome.size() >= 5 && welcome.substr(welcome.size() - 5) == "hello");
  still_sound("the storm", seed);
}

TEST("connections that break at any call end once each, nothing leaks, and the listener is never lost") {
  const uint64_t first = Random().bits() % 1'000'000'000;
  const uint64_t seeds = number_from("NETMUX_FAULT_SEEDS", 20) * 5;
  for (uint64_t i = 0; i < seeds; i++) {
    reset_lending();
    const int blocks = lending().blocks;
    {
      Room room(first + i, kFailingAllocator);
      FaultKernel& kernel = room.kernel;
      Scene& scene = room.scene;
      kernel.faults = nuisances(50);
      kernel.faults.breaks = 20;
      std::set<uint32_t> alive;
      scene.on_record = [&](const Seen& record) {
        const bool known = alive.count(record.slot) > 0;
        switch (record.kind) {
          case RecordKind::Accept:
            CHECK(!known);
            alive.insert(record.slot);
            scene.drained_wanted(record.slot);
            scene.write(record.slot, std::string(kernel.below(200), 'w'));
            break;
          case RecordKind::Data:
            CHECK(record.b > 0);
            if (known) scene.write(record.slot, record.bytes);
            if (known && kernel.below(8) == 0)
              scene.order(kernel.below(2) == 0 ? CommandKind::Pause : CommandKind::Resume, record.slot);
            break;
          case RecordKind::Eof:
          case RecordKind::WriteFailed:
            if (!known) break;
            alive.erase(record.slot);
            scene.close(record.slot);
            break;
          default:
            break;
        }
      };
      std::vector<Id> peers;
      for (int step = 0; step < 400; step++) {
        if (step % 8 == 0) peers.push_back(kernel.dial());
        const Id peer = peers[kernel.below(peers.size())];
        kernel.put(peer, std::string(1 + kernel.below(300), 'p'));
        kernel.get(peer);
        if (kernel.below(20) == 0) kernel.finish(peer);
        room.turn();
      }
      // The storm is over: whoever knocks now is served.
      kernel.faults = {};
      for (int step = 0; step < 300; step++) room.turn();
      const Id after = kernel.dial();
      kernel.put(after, "hello");
      for (int step = 0; step < 20; step++) room.turn();
      const std::string welcome = kernel.get(after);
      CHECK(welcome.size() >= 5 && welcome.substr(welcome.size() - 5) == "hello");
      for (const uint32_t slot : alive) scene.close(slot);
      scene.close(room.listener);
      scene.reactor.flush();
      for (int step = 0; step < 5; step++) room.turn();
      CHECK_EQUAL(kernel.open_descriptors(), 0);
    }
    CHECK_EQUAL(lending().blocks, blocks);
    if (!still_sound("a storm", first + i)) return;
  }
}

TEST("half of all calls interrupted, half of all readiness wrong: two calls an event on average, and no empty input") {
  Room room(Random().bits());
  FaultKernel& kernel = room.kernel;
  Scene& scene = room.scene;
  kernel.faults.interrupted = 500;
  kernel.faults.would_block = 500;
  uint64_t received = 0;
  scene.on_record = [&](const Seen& record) {
    if (record.kind != RecordKind::Data) return;
    CHECK(record.b > 0);
    received += static_cast<uint64_t>(record.b);
  };
  const Id peer = kernel.dial();
  uint64_t sent = 0;
  for (int step = 0; step < 20'000; step++) {
    if (step < 10'000) sent += kernel.put(peer, "0123456789");
    room.turn();
  }
  CHECK_EQUAL(received, sent);
  // An interrupted call is made again: one more for each on average. An accept that succeeds is followed by another.
  CHECK(kernel.calls <= 22 * kernel.delivered / 10 + 100);
  // And without anything to do there are no calls at all.
  kernel.faults = {};
  room.turn();
  const uint64_t before = kernel.calls;
  for (int step = 0; step < 1000; step++) room.turn();
  CHECK_EQUAL(kernel.calls, before);
}

TEST("whichever request for memory fails on a hostile kernel, nothing leaks and others are served") {
  const uint64_t seed = Random().bits() % 1'000'000'000;
  int requests = 0;
  for (int fail_at = 0; fail_at <= requests; fail_at++) {
    reset_lending();
    const int blocks = lending().blocks;
    {
      Room room(seed, kFailingAllocator);
      FaultKernel& kernel = room.kernel;
      Scene& scene = room.scene;
      kernel.faults = nuisances(3000);
      scene.on_record = [&](const Seen& record) {
        if (record.kind == RecordKind::Data) scene.write(record.slot, record.bytes + record.bytes);
        if (record.kind == RecordKind::WriteFailed) CHECK_EQUAL(record.a, ENOMEM);
        if (record.kind == RecordKind::WriteFailed || record.kind == RecordKind::Eof) scene.close(record.slot);
      };
      reset_lending(fail_at);
      std::vector<Id> peers;
      for (int i = 0; i < 8; i++) peers.push_back(kernel.dial());
      int failed = 0;
      for (int step = 0; step < 200; step++) {
        kernel.put(peers[kernel.below(8)], std::string(kernel.below(9000), 'x'));
        room.turn();
      }
      for (const Id peer : peers) failed += kernel.was_reset(peer) || kernel.ended(peer) ? 1 : 0;
      CHECK(failed <= 1);
      if (fail_at == 0) requests = lending().requests;
    }
    CHECK_EQUAL(lending().blocks, blocks);
    if (!still_sound("memory", seed)) return;
  }
  CHECK(requests > 4);
  reset_lending();
}
