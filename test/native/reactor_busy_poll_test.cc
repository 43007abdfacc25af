// Busy polling: a turn that had events goes on looking for more, for as long as it was told. The clock is the test's: each
// look at it is ten microseconds, and at one of them a peer may speak.
#include <functional>

#include "reactor_scene.h"

using netmux::Control;
using netmux_test::Clock;
using netmux_test::put;
using netmux_test::Scene;

namespace {

constexpr int64_t kLookNs = 10'000;
constexpr int32_t kBusyMicros = 1000;

// More than a turn takes by itself, less than it takes with all of its busy polling.
constexpr int kLater = 50;

int looks = 0;
std::function<void()> after_looks;

int64_t look() {
  looks++;
  if (looks == kLater && after_looks) after_looks();
  Clock::ns() += kLookNs;
  return Clock::ns();
}

netmux::SysTable watched_clock() {
  netmux::SysTable sys = netmux::system_calls();
  sys.monotonic_ns = look;
  return sys;
}

// One turn of a connection that has just spoken, while another speaks later. What was received of the later one.
std::string later_input(int32_t busy_micros) {
  const netmux::SysTable sys = watched_clock();
  Scene scene(sys);
  scene.memory.control[Control::BusyPollMicros] = busy_micros;
  const auto [first, first_peer] = scene.pair();
  const auto [second, second_peer] = scene.pair();
  put(first_peer, "now");
  after_looks = [peer = second_peer] { put(peer, "later"); };
  looks = 0;
  scene.reactor.turn();
  after_looks = nullptr;
  CHECK(scene.received(first) == "now");
  return scene.received(second);
}

}  // namespace

TEST("what comes soon after a turn's events belongs to the same turn, if busy polling is asked for") {
  CHECK(later_input(kBusyMicros) == "later");
  CHECK(later_input(0).empty());
}

TEST("busy polling ends in its time when nothing comes, and a turn without events does not begin it") {
  const netmux::SysTable sys = watched_clock();
  Scene scene(sys);
  scene.memory.control[Control::BusyPollMicros] = kBusyMicros;
  const auto [slot, peer] = scene.pair();
  looks = 0;
  scene.reactor.turn();
  CHECK(looks < kLater);
  put(peer, "x");
  looks = 0;
  scene.reactor.turn();
  CHECK(scene.received(slot) == "x");
  CHECK(looks > kLater);
  CHECK(looks < kBusyMicros * 1000 / kLookNs + kLater);
  looks = 0;
  scene.reactor.turn();
  CHECK(looks < kLater);
}
