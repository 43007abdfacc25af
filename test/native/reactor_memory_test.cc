// Memory that cannot be had: every request of a scripted scenario fails once. One connection may pay for it, never the
// process, and nothing is lost.
#include <errno.h>

#include <string>

#include "failing_allocator.h"
#include "reactor_scene.h"

using netmux::CloseMode;
using netmux::CommandKind;
using netmux::RecordKind;
using netmux_test::arrived;
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

}  // namespace

TEST("whichever request for memory fails, one connection at most pays for it and nothing leaks") {
  const int descriptors = open_descriptors();
  const int blocks = lending().blocks;
  const int requests = play(0);
  CHECK(requests > 10);
  for (int fail_at = 1; fail_at <= requests; fail_at++) {
    play(fail_at);
    CHECK_EQUAL(lending().blocks, blocks);
    CHECK_EQUAL(open_descriptors(), descriptors);
  }
  reset_lending();
}
