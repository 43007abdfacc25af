// How long a connection may take. The clock stands still unless a test moves it.
#include <string>

#include "reactor_scene.h"

using netmux::CommandKind;
using netmux::Expiry;
using netmux::ListenerLimits;
using netmux::RecordKind;
using netmux::SysTable;
using netmux_test::arrived;
using netmux_test::Clock;
using netmux_test::put;
using netmux_test::Scene;

namespace {

// A kernel that has room for output after all, which no poll has told of yet.
bool has_room = false;

ssize_t send_or_pretend(int fd, const void* bytes, size_t length, int flags) {
  return has_room ? static_cast<ssize_t>(length) : send(fd, bytes, length, flags);
}

SysTable still_clock() {
  has_room = false;
  SysTable table = netmux::system_calls();
  table.monotonic_ns = Clock::now_ns;
  table.send = send_or_pretend;
  return table;
}

// A server with these limits, and one client.
struct Room {
  explicit Room(const ListenerLimits& limits) : sys(still_clock()), scene(sys) {
    const auto listening = static_cast<uint32_t>(scene.listen(Scene::ipv4(0)));
    CHECK_EQUAL(scene.reactor.limit(listening, limits), 0);
    scene.start(listening);
    const auto [slot, fd] = scene.tcp(listening);
    client = slot;
    peer = fd;
    scene.settle();
  }
  void pass(int64_t ms) {
    Clock::forward(ms);
    scene.settle();
  }
  // Moves the clock to when the reactor wants to be woken, as Node's loop does; in how many ms that was.
  int64_t sleep() {
    const int64_t ms = scene.timer - scene.now_ms();
    pass(ms > 0 ? ms : 0);
    return ms;
  }
  bool expired(Expiry which) {
    return scene.of(RecordKind::Expired).size() == 1 &&
           scene.of(RecordKind::Expired)[0].a == static_cast<int32_t>(which);
  }
  bool alive() { return scene.of(RecordKind::Expired).empty(); }

  SysTable sys;
  Scene scene;
  uint32_t client = 0;
  int peer = -1;
};

ListenerLimits idle(int32_t ms) {
  ListenerLimits limits;
  limits.idle_ms = ms;
  return limits;
}

ListenerLimits first_byte(int32_t ms) {
  ListenerLimits limits;
  limits.first_byte_ms = ms;
  return limits;
}

ListenerLimits slow(double rate) {
  ListenerLimits limits;
  limits.min_byte_rate = rate;
  return limits;
}

}  // namespace

TEST("a connection without a first byte expires when its time is over, not before") {
  Room room(first_byte(1000));
  room.pass(999);
  CHECK(room.alive());
  room.pass(1);
  CHECK(room.expired(Expiry::FirstByte));
  // It is told once: what becomes of the connection is its owner's business.
  room.pass(100'000);
  CHECK_EQUAL(room.scene.of(RecordKind::Expired).size(), 1);
}

TEST("one byte is a first byte, what we send is not") {
  Room room(first_byte(1000));
  put(room.peer, "x");
  room.scene.settle();
  room.pass(100'000);
  CHECK(room.alive());
  Room talkative(first_byte(1000));
  talkative.pass(900);
  talkative.scene.write(talkative.client, "welcome");
  talkative.scene.reactor.flush();
  talkative.pass(100);
  CHECK(talkative.expired(Expiry::FirstByte));
}

TEST("output that goes on is movement, but no first byte") {
  ListenerLimits both = first_byte(1000);
  both.idle_ms = 1000;
  Room room(both);
  room.scene.write_reference(room.client, std::string(64 << 20, 'm'));
  room.scene.reactor.flush();
  room.scene.settle();
  has_room = true;
  room.pass(1000);
  CHECK(room.expired(Expiry::FirstByte));
}

TEST("a timer that is set short and then long in one batch does not take the limit along") {
  Room room(idle(1000));
  const auto& memory = room.scene.memory;
  const int32_t now = static_cast<int32_t>(room.scene.now_ms());
  // As the ring does it: the first is announced, the second only stored.
  memory.deadline[room.client] = memory.wheel_due[room.client] = now + 500;
  room.scene.order(CommandKind::Arm, room.client);
  memory.deadline[room.client] = now + 60'000;
  room.scene.reactor.flush();
  room.pass(1000);
  CHECK(room.expired(Expiry::Idle));
}

TEST("a timer that is set and taken away in one batch leaves no time behind at which nobody looks") {
  ListenerLimits limits;
  limits.lifetime_ms = 3'600'000;
  Room room(limits);
  const auto& memory = room.scene.memory;
  const int32_t now = static_cast<int32_t>(room.scene.now_ms());
  memory.deadline[room.client] = memory.wheel_due[room.client] = now + 200;
  room.scene.order(CommandKind::Arm, room.client);
  memory.deadline[room.client] = 0;
  room.scene.reactor.flush();
  // Set later than what was announced, so it is not announced again.
  memory.deadline[room.client] = now + 300;
  room.pass(200);
  CHECK(room.scene.of(RecordKind::Timer).empty());
  room.pass(100);
  CHECK_EQUAL(room.scene.of(RecordKind::Timer).size(), 1);
}

TEST("an idle connection expires so long after the last byte, in whichever direction") {
  Room room(idle(1000));
  for (int i = 0; i < 5; i++) {
    room.pass(600);
    put(room.peer, "x");
    room.scene.settle();
    room.pass(600);
    room.scene.write(room.client, "y");
    room.scene.reactor.flush();
  }
  CHECK(room.alive());
  room.pass(999);
  CHECK(room.alive());
  room.pass(1);
  CHECK(room.expired(Expiry::Idle));
}

TEST("a busy connection costs no wake-up of its own: its entry moves on when it is looked at") {
  Room room(idle(10'000));
  for (int i = 0; i < 10; i++) {
    room.pass(1000);
    put(room.peer, "x");
    room.scene.settle();
  }
  // The entry of the beginning has come due once, at 10,000: the next look is 10 s after the last byte.
  CHECK_EQUAL(room.scene.timer - room.scene.now_ms() <= 10'000, true);
  int looks = 0;
  while (room.alive() && looks < 10) {
    room.sleep();
    looks++;
  }
  CHECK(room.expired(Expiry::Idle));
  CHECK_EQUAL(room.scene.now_ms() >= 20'000, true);
}

TEST("a connection may live so long, whatever it does") {
  ListenerLimits limits = idle(2000);
  limits.lifetime_ms = 5000;
  Room room(limits);
  for (int i = 0; i < 4; i++) {
    room.pass(1200);
    put(room.peer, "x");
    room.scene.settle();
  }
  CHECK(room.alive());
  room.pass(200);
  CHECK(room.expired(Expiry::Lifetime));
}

TEST("a message that has begun must go on at the minimum rate; who is quiet between messages is not slow") {
  Room room(slow(100));
  room.pass(60'000);
  CHECK(room.alive());
  room.scene.memory.interest[room.client] |= netmux::Interest::Unfinished;
  for (int i = 0; i < 2; i++) {
    for (int j = 0; j < 5; j++) {
      put(room.peer, "x");
      room.scene.settle();
      room.pass(1000);
    }
  }
  CHECK(room.expired(Expiry::Slow));
}

TEST("a message that goes on fast enough is not slow") {
  Room room(slow(100));
  room.scene.memory.interest[room.client] |= netmux::Interest::Unfinished;
  for (int i = 0; i < 40; i++) {
    put(room.peer, std::string(101, 'x'));
    room.scene.settle();
    room.pass(1000);
  }
  CHECK(room.alive());
}

TEST("output that the peer does not take is an unfinished message, too") {
  Room room(slow(1'000'000));
  room.scene.write_reference(room.client, std::string(20'000'000, 'x'));
  room.scene.reactor.flush();
  for (int i = 0; i < 11; i++) room.pass(1000);
  CHECK(room.expired(Expiry::Slow));
}

TEST("time during which the application has paused the connection does not count") {
  ListenerLimits limits = idle(1000);
  limits.first_byte_ms = 1000;
  limits.min_byte_rate = 100;
  Room room(limits);
  room.scene.memory.interest[room.client] |= netmux::Interest::Unfinished;
  room.scene.order(CommandKind::Pause, room.client);
  room.scene.reactor.flush();
  for (int i = 0; i < 20; i++) room.pass(1000);
  CHECK(room.alive());
  room.pass(900);
  room.scene.order(CommandKind::Resume, room.client);
  room.scene.reactor.flush();
  room.pass(999);
  CHECK(room.alive());
  room.pass(1);
  CHECK(room.expired(Expiry::FirstByte));
}

TEST("input that waits for its turn is seen before a connection is called idle") {
  Room room(idle(1000));
  put(room.peer, "there all the time");
  // The loop was held up: the timer is due before anything was read.
  Clock::forward(5000);
  room.scene.timer = Scene::kNever;
  room.scene.reactor.timer_due();
  room.scene.settle();
  CHECK(room.alive());
  CHECK_STORY(room.scene, room.client, "Accept Data:there all the time");
}

TEST("the handle's own timer and the limits share one entry, and neither delays the other") {
  Room room(idle(10'000));
  room.scene.set_deadline(room.client, 3000);
  room.scene.order(CommandKind::Arm, room.client);
  room.scene.reactor.flush();
  room.pass(2999);
  CHECK(room.scene.of(RecordKind::Timer).empty());
  room.pass(1);
  CHECK_EQUAL(room.scene.of(RecordKind::Timer).size(), 1);
  room.scene.memory.deadline[room.client] = 0;
  room.pass(6999);
  CHECK(room.alive());
  room.pass(1);
  CHECK(room.expired(Expiry::Idle));
  CHECK_EQUAL(room.scene.of(RecordKind::Timer).size(), 1);
}

TEST("a timer behind the limit's entry fires at its own time") {
  Room room(idle(1000));
  room.scene.set_deadline(room.client, 1500);  // later than wheelDue: only a store
  room.pass(500);
  put(room.peer, "x");
  room.scene.settle();
  room.pass(500);
  CHECK(room.alive());
  room.pass(499);
  CHECK(room.scene.of(RecordKind::Timer).empty());
  room.pass(1);
  CHECK_EQUAL(room.scene.of(RecordKind::Timer).size(), 1);
  CHECK(room.expired(Expiry::Idle));
}

TEST("cancelling a timer in the ring leaves the limits alone") {
  Room room(idle(1000));
  room.scene.set_deadline(room.client, 100);
  room.scene.order(CommandKind::Arm, room.client);
  room.scene.memory.deadline[room.client] = 0;
  room.scene.reactor.flush();
  room.pass(1000);
  CHECK(room.expired(Expiry::Idle));
  CHECK(room.scene.of(RecordKind::Timer).empty());
}

TEST("a slot used again has no limits of its former owner") {
  Room room(idle(1000));
  room.scene.close(room.client);
  room.scene.reactor.flush();
  const auto [other, other_peer] = room.scene.pair();
  CHECK_EQUAL(other, room.client);
  room.pass(100'000);
  CHECK(room.alive());
}
