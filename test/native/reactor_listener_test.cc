// Listeners: without descriptors, shut by somebody else, on UNIX paths that are in use or only look so.
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <string>

#include "reactor_scene.h"

using netmux::CommandKind;
using netmux::RecordKind;
using netmux::SysTable;
using netmux_test::Clock;
using netmux_test::put;
using netmux_test::Scene;
using netmux_test::Seen;

namespace {

// A kernel whose accept fails, or hands out something that cannot be waited for.
struct Accepts {
  int calls = 0;
  int fails_with = 0;             // errno; 0 = none
  int times = INT32_MAX;          // that it fails
  const char* instead = nullptr;  // a file to open in place of accepting
};

Accepts& accepts() {
  static Accepts instance;
  return instance;
}

int troubled_accept(int fd, sockaddr* peer, socklen_t* length) {
  accepts().calls++;
  if (accepts().fails_with != 0 && accepts().times > 0) {
    accepts().times--;
    errno = accepts().fails_with;
    return -1;
  }
  if (accepts().instead != nullptr) return ::open(accepts().instead, O_RDONLY | O_CLOEXEC);
  return netmux::system_calls().accept_nonblocking(fd, peer, length);
}

int failing_listen(int, int) {
  errno = EADDRINUSE;
  return -1;
}

SysTable troubled_kernel() {
  accepts() = {};
  SysTable table = netmux::system_calls();
  table.accept_nonblocking = troubled_accept;
  table.monotonic_ns = Clock::now_ns;
  return table;
}

// A path for a socket of this test, free again at the end.
struct Path {
  Path() {
    static int count = 0;
    name = "/tmp/netmux-test-" + std::to_string(getpid()) + '-' + std::to_string(count++);
    unlink(name.c_str());
  }
  ~Path() { unlink(name.c_str()); }
  bool exists() const { return access(name.c_str(), F_OK) == 0; }
  // A socket bound to the path; it listens if `backlog` is not negative.
  int bound(int backlog = -1) const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    CHECK_EQUAL(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    if (backlog >= 0) CHECK_EQUAL(::listen(fd, backlog), 0);
    return fd;
  }
  std::string name;
};

}  // namespace

TEST("a listener without descriptors is reported, rests, and comes back after a while") {
  const SysTable kernel = troubled_kernel();
  Scene scene(kernel);
  const uint32_t listening = scene.listener();
  accepts().fails_with = EMFILE;
  scene.dial(scene.port_of(listening));
  CHECK(scene.readable(1000));
  CHECK(scene.settle() <= 2);
  CHECK_STORY(scene, listening, "ListenerError:" + std::to_string(EMFILE));
  CHECK_EQUAL(accepts().calls, 1);
  CHECK(scene.timer != netmux::Host::kNever);
  accepts().fails_with = 0;
  Clock::forward(100);
  scene.settle();
  CHECK_EQUAL(scene.of(RecordKind::Accept).size(), 1);
}

TEST("a listener in lasting trouble tries ten times a second and reports once a second") {
  const SysTable kernel = troubled_kernel();
  Scene scene(kernel);
  const uint32_t listening = scene.listener();
  scene.dial(scene.port_of(listening));
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    accepts() = {};
    accepts().fails_with = error;
    const size_t before = scene.of(RecordKind::ListenerError).size();
    for (int i = 0; i < 3000; i++) {
      Clock::forward(1);
      while (scene.round()) {
      }
    }
    CHECK(accepts().calls >= 28 && accepts().calls <= 31);
    CHECK_EQUAL(scene.of(RecordKind::ListenerError).size() - before, 3);
  }
}

TEST("a listener that rests comes back as soon as a descriptor is free") {
  const SysTable kernel = troubled_kernel();
  Scene scene(kernel);
  const auto [slot, peer] = scene.pair();
  (void)peer;
  const auto [kept, kept_peer] = scene.pair();
  (void)kept_peer;
  const uint32_t listening = scene.listener();
  for (const bool released : {false, true}) {
    accepts().fails_with = EMFILE;
    scene.dial(scene.port_of(listening));
    CHECK(scene.until([] { return accepts().calls > 0; }));
    scene.settle();
    accepts() = {};
    scene.timer = netmux::Host::kNever;  // not by the clock
    if (released) {
      scene.keep(scene.reactor.release(kept));
    } else {
      scene.close(slot);
      scene.reactor.flush();
    }
    scene.settle();
    CHECK_EQUAL(scene.of(RecordKind::Accept).size(), released ? 2 : 1);
  }
}

TEST("a listener that rests can be closed") {
  const SysTable kernel = troubled_kernel();
  Scene scene(kernel);
  const uint32_t listening = scene.listener();
  accepts().fails_with = EMFILE;
  scene.dial(scene.port_of(listening));
  CHECK(scene.readable(1000));
  scene.settle();
  scene.close(listening);
  scene.reactor.flush();
  CHECK_EQUAL(scene.timer, netmux::Host::kNever);
  Clock::forward(1000);
  CHECK_EQUAL(scene.settle(), 0);
}

TEST("connections that broke before they were accepted cost the listener nothing") {
  const SysTable kernel = troubled_kernel();
  for (const int error : {ECONNABORTED, EPROTO, EPERM, EHOSTUNREACH}) {
    Scene scene(kernel);
    const uint32_t listening = scene.listener();
    accepts() = {};
    accepts().fails_with = error;
    accepts().times = 100;  // more than one turn tries
    scene.dial(scene.port_of(listening));
    CHECK(scene.readable(1000));
    scene.settle();
    CHECK_STORY(scene, listening, "");
    CHECK_EQUAL(accepts().calls, 102);
    CHECK_EQUAL(scene.of(RecordKind::Accept).size(), 1);
  }
}

TEST("a connection that cannot be watched is closed, and the listener rests instead of trying on") {
  const SysTable kernel = troubled_kernel();
  Scene scene(kernel);
  const uint32_t listening = scene.listener();
  // epoll takes no regular files.
  accepts().instead = "/bin/sh";
  scene.dial(scene.port_of(listening));
  CHECK(scene.readable(1000));
  scene.settle();
  CHECK_EQUAL(accepts().calls, 1);
  CHECK_EQUAL(scene.of(RecordKind::Accept).size(), 0);
  CHECK_EQUAL(scene.of(RecordKind::ListenerError).size(), 1);
}

TEST("a full table of slots is like a full table of descriptors") {
  Scene scene(netmux::system_calls(), netmux::heap(), 3);
  const uint32_t listening = scene.listener();
  const auto [first, client] = scene.tcp(listening);
  (void)client;
  scene.tcp(listening);
  scene.dial(scene.port_of(listening));
  CHECK(scene.until([&] { return !scene.of(RecordKind::ListenerError).empty(); }));
  CHECK_STORY(scene, listening, "ListenerError:" + std::to_string(EMFILE));
  CHECK_EQUAL(scene.listen(Scene::ipv4(0)), -EMFILE);
  CHECK_EQUAL(scene.connect(Scene::ipv4(1)), -EMFILE);
  scene.close(first);
  scene.reactor.flush();
  scene.dial(scene.port_of(listening));
  CHECK(scene.until([&] { return scene.of(RecordKind::Accept).size() == 3; }));
}

TEST("a listener that is paused accepts nobody, in the middle of a burst as well") {
  Scene scene;
  const uint32_t listening = scene.listener();
  for (int i = 0; i < 5; i++) scene.dial(scene.port_of(listening));
  scene.order(CommandKind::Pause, listening);
  scene.reactor.flush();
  CHECK(scene.settle() <= 2);
  CHECK(scene.seen.empty());
  scene.order(CommandKind::Resume, listening);
  scene.reactor.flush();
  CHECK(scene.until([&] { return scene.of(RecordKind::Accept).size() == 5; }));
}

TEST("a paused listener that somebody else has shut is no spin") {
  Scene scene;
  const uint32_t listening = scene.listener();
  scene.order(CommandKind::Pause, listening);
  scene.reactor.flush();
  shutdown(scene.reactor.fd_of(listening), SHUT_RDWR);
  CHECK(scene.settle() <= 2);
}

TEST("Discard on a listener ends accepting and is no spin") {
  Scene scene;
  const uint32_t listening = scene.listener();
  scene.order(CommandKind::Discard, listening);
  scene.reactor.flush();
  scene.dial(scene.port_of(listening));
  CHECK(scene.settle() <= 2);
  CHECK(scene.seen.empty());
}

TEST("a UNIX path where a socket lies that nobody serves is taken over") {
  const Path path;
  ::close(path.bound());
  Scene scene;
  const int64_t slot = scene.listen(Scene::local(path.name));
  CHECK(slot >= 0);
}

TEST("a UNIX path that somebody serves is in use, with a full queue as well") {
  const Path path;
  Scene scene;
  scene.keep(path.bound(0));
  for (int i = 0; i < 4; i++) CHECK_EQUAL(scene.listen(Scene::local(path.name)), -EADDRINUSE);
  CHECK(path.exists());
}

TEST("any other file at a UNIX path is left alone") {
  const Path path;
  FILE* file = fopen(path.name.c_str(), "w");
  fclose(file);
  Scene scene;
  CHECK_EQUAL(scene.listen(Scene::local(path.name)), -ENOTSOCK);
  CHECK(path.exists());
}

TEST("the mode of a UNIX socket file is as asked") {
  const Path path;
  Scene scene;
  CHECK(scene.listen(Scene::local(path.name), 0, 0640) >= 0);
  struct stat file;
  CHECK_EQUAL(stat(path.name.c_str(), &file), 0);
  CHECK_EQUAL(file.st_mode & 07777, 0640);
}

TEST("a listener that fails after bind leaves no socket file") {
  const Path path;
  SysTable kernel = netmux::system_calls();
  kernel.listen = failing_listen;
  Scene scene(kernel);
  CHECK_EQUAL(scene.listen(Scene::local(path.name)), -EADDRINUSE);
  CHECK(!path.exists());
}

TEST("an address that is in use, malformed or not of this machine is an error and leaves no slot") {
  Scene scene;
  const uint32_t listening = scene.listener();
  CHECK_EQUAL(scene.listen(Scene::ipv4(scene.port_of(listening))), -EADDRINUSE);
  CHECK_EQUAL(scene.listen("short"), -EINVAL);
  CHECK_EQUAL(scene.listen(std::string(netmux::kAddressBytes, '\0')), -EINVAL);
  CHECK_EQUAL(scene.listen(std::string(netmux::kAddressBytes, '\7')), -EINVAL);
  CHECK_EQUAL(scene.listen(Scene::local(std::string(108, 'p'))), -EINVAL);
  std::string foreign = Scene::ipv4(0);
  foreign[8] = 8;
  CHECK_EQUAL(scene.listen(foreign), -EADDRNOTAVAIL);
}
