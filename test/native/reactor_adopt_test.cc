// Foreign descriptors: taken over by number, given back as they were found.
#include <errno.h>
#ifdef __linux__
#include <linux/net_tstamp.h>
#endif
#include <netinet/tcp.h>

#include <string>

#include "reactor_scene.h"

using netmux::CommandKind;
using netmux::HandleKind;
using netmux::RecordKind;
using netmux_test::arrived;
using netmux_test::put;
using netmux_test::Scene;

namespace {

bool blocking(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0; }

struct Pipe {
  Pipe() { CHECK_EQUAL(pipe(ends), 0); }
  int ends[2];
};

int64_t adopt(Scene& scene, int fd, HandleKind* kind) { return scene.reactor.adopt(fd, 65536, kind); }

}  // namespace

TEST("each kind of descriptor is recognised") {
  Scene scene;
  HandleKind kind;
  const Pipe pipe;
  CHECK(adopt(scene, pipe.ends[0], &kind) >= 0 && kind == HandleKind::Stream);
  CHECK(adopt(scene, pipe.ends[1], &kind) >= 0 && kind == HandleKind::Stream);
  CHECK(adopt(scene, ::socket(AF_INET, SOCK_DGRAM, 0), &kind) >= 0 && kind == HandleKind::Datagram);
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  CHECK_EQUAL(::listen(listening, 1), 0);
  CHECK(adopt(scene, listening, &kind) >= 0 && kind == HandleKind::Listener);
  int ends[2];
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  scene.keep(ends[1]);
  CHECK(adopt(scene, ends[0], &kind) >= 0 && kind == HandleKind::Stream);
}

TEST("a listener that somebody else has made is tuned like one of ours, and accepted connections have it") {
  Scene scene;
  HandleKind kind;
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  CHECK_EQUAL(::listen(listening, 16), 0);
  const int64_t made = adopt(scene, listening, &kind);
  CHECK(made >= 0 && kind == HandleKind::Listener);
  const auto slot = static_cast<uint32_t>(made);
  netmux::SocketTuning tuning;
  tuning.keep_alive_interval_s = 11;
  CHECK_EQUAL(scene.reactor.tune(slot, netmux::SocketFlag::KeepAlive | netmux::SocketFlag::NoDelay, tuning), 0);
  scene.start(slot);
  const int fd = scene.reactor.fd_of(scene.tcp(slot).first);
  const auto option = [&](int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    CHECK_EQUAL(getsockopt(fd, level, name, &value, &size), 0);
    return value;
  };
  CHECK(option(SOL_SOCKET, SO_KEEPALIVE) > 0);
  CHECK(option(IPPROTO_TCP, TCP_NODELAY) > 0);
  CHECK_EQUAL(option(IPPROTO_TCP, TCP_KEEPINTVL), 11);
  // Nothing else is tuned, and a UNIX listener has nothing to tune.
  CHECK_EQUAL(scene.reactor.tune(scene.pair().first, 0, tuning), -EINVAL);
  CHECK_EQUAL(scene.reactor.tune(4000, 0, tuning), -EINVAL);
  const int64_t local = scene.listen(Scene::local(std::string("\0netmux-test-tune-", 18) + std::to_string(getpid())));
  CHECK(local >= 0);
  CHECK_EQUAL(scene.reactor.tune(static_cast<uint32_t>(local), netmux::SocketFlag::NoDelay, tuning), 0);
}

TEST("what cannot be waited for is refused and left as it was") {
  Scene scene;
  HandleKind kind;
  const int file = scene.keep(::open("/bin/sh", O_RDONLY));
  CHECK_EQUAL(adopt(scene, file, &kind), -EPERM);
  const int folder = scene.keep(::open("/", O_RDONLY));
  CHECK_EQUAL(adopt(scene, folder, &kind), -EPERM);
  const int device = scene.keep(::open("/dev/null", O_RDWR));
  CHECK_EQUAL(adopt(scene, device, &kind), -EPERM);
  for (const int fd : {file, folder, device}) CHECK(blocking(fd));
  CHECK_EQUAL(adopt(scene, 4000, &kind), -EBADF);
  CHECK_EQUAL(adopt(scene, -1, &kind), -EBADF);
}

TEST("a descriptor cannot be taken over twice, started or not") {
  Scene scene;
  HandleKind kind;
  int ends[2];
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  scene.keep(ends[1]);
  const int64_t slot = adopt(scene, ends[0], &kind);
  CHECK(slot >= 0);
  CHECK_EQUAL(adopt(scene, ends[0], &kind), -EEXIST);
  scene.start(static_cast<uint32_t>(slot));
  CHECK_EQUAL(adopt(scene, ends[0], &kind), -EEXIST);
  put(ends[1], "x");
  scene.settle();
  CHECK_STORY(scene, static_cast<uint32_t>(slot), "Data:x");
}

TEST("bytes go through a pipe in both directions, and its end is told") {
  Scene scene;
  const Pipe in;
  const Pipe out;
  const uint32_t reader = scene.adopt(in.ends[0]);
  const uint32_t writer = scene.adopt(out.ends[1]);
  scene.start(reader);
  scene.start(writer);
  CHECK_EQUAL(::write(in.ends[1], "hello", 5), 5);
  ::close(in.ends[1]);
  scene.write(writer, "one ");
  scene.write_reference(writer, "two");
  scene.order(CommandKind::ShutWrite, writer);
  scene.reactor.flush();
  scene.settle();
  CHECK_STORY(scene, reader, "Data:hello Eof:0");
  CHECK_STORY(scene, writer, "Flushed");
  char got[16];
  CHECK_EQUAL(::read(out.ends[0], got, sizeof got), 7);
  scene.close(writer);
  scene.reactor.flush();
  CHECK_EQUAL(::read(out.ends[0], got, sizeof got), 0);
  ::close(out.ends[0]);
}

TEST("a full pipe is flushed when it is read") {
  Scene scene;
  const Pipe pipe;
  const uint32_t slot = scene.adopt(pipe.ends[1]);
  scene.start(slot);
  scene.drained_wanted(slot);
  const std::string much(300'000, 'p');
  scene.write_reference(slot, much);
  scene.reactor.flush();
  CHECK(scene.memory.unsent[slot] > 0);
  fcntl(scene.keep(pipe.ends[0]), F_SETFL, O_NONBLOCK);
  std::string got;
  CHECK(scene.until([&] {
    char block[65536];
    for (ssize_t count; (count = ::read(pipe.ends[0], block, sizeof block)) > 0;) {
      got.append(block, static_cast<size_t>(count));
    }
    return got.size() == much.size();
  }));
  scene.settle();
  CHECK_STORY(scene, slot, "Drained");
}

TEST("the reader of a pipe that goes away is one WriteFailed, also where nothing was written, and no spin") {
  Scene scene;
  const Pipe pipe;
  const uint32_t slot = scene.adopt(pipe.ends[1]);
  scene.start(slot);
  ::close(pipe.ends[0]);
  CHECK(scene.settle() <= 2);
  CHECK_STORY(scene, slot, "WriteFailed:" + std::to_string(EPIPE));
}

TEST("an adopted listener accepts") {
  Scene scene;
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  CHECK_EQUAL(::listen(fd, 8), 0);
  const uint32_t slot = scene.adopt(fd);
  scene.start(slot);
  scene.tcp(slot);
}

TEST("release gives the descriptor back, open, blocking as it was, and frees the slot") {
  Scene scene;
  int ends[2];
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  CHECK(blocking(ends[0]));
  const uint32_t slot = scene.adopt(ends[0]);
  scene.start(slot);
  CHECK(!blocking(ends[0]));
  const int32_t generation = scene.memory.generation[slot];
  scene.write_reference(slot, "in the ring");
  CHECK_EQUAL(scene.reactor.release(slot), ends[0]);
  CHECK(blocking(ends[0]));
  CHECK(scene.memory.generation[slot] != generation);
  CHECK_EQUAL(scene.reactor.release(slot), -EBADF);
  CHECK_EQUAL(scene.reactor.fd_of(slot), -1);
  scene.reactor.flush();
  CHECK(scene.buffers.empty());
  put(scene.keep(ends[1]), "still open");
  CHECK(arrived(scene.keep(ends[0])) == "still open");
  scene.settle();
  CHECK(scene.seen.empty());
}

TEST("release in a callback leaves the slot to its events, and it can be adopted again") {
  Scene scene;
  const auto [slot, peer] = scene.pair(SOCK_STREAM, 1);
  int fd = -1;
  scene.on_record = [&, s = slot](const netmux_test::Seen&) {
    if (fd < 0) fd = scene.reactor.release(s);
  };
  put(peer, "ab");
  scene.settle();
  CHECK(fd >= 0);
  CHECK_EQUAL(scene.of(RecordKind::Data).size(), 1);
  const uint32_t again = scene.adopt(fd);
  scene.start(again);
  scene.settle();
  CHECK(scene.received(again).find('b') != std::string::npos);
}

TEST("release of a slot whose descriptor somebody has closed fails, and the slot is free all the same") {
  Scene scene;
  int ends[2];
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  scene.keep(ends[1]);
  const uint32_t slot = scene.adopt(ends[0]);
  scene.start(slot);
  ::close(ends[0]);
  scene.order(CommandKind::Pause, slot);
  scene.reactor.flush();
  CHECK_EQUAL(scene.reactor.fd_of(slot), -1);
  const int32_t generation = scene.memory.generation[slot];
  CHECK_EQUAL(scene.reactor.release(slot), -EBADF);
  scene.settle();  // what was to be reported of it is on a list, which the slot must not outlive
  CHECK(scene.memory.generation[slot] != generation);
}

TEST("release of a slot that is nobody's is an error") {
  Scene scene;
  CHECK_EQUAL(scene.reactor.release(0), -EBADF);
  CHECK_EQUAL(scene.reactor.release(0xffffffff), -EBADF);
}

TEST("closing an adopted descriptor leaves its other owners a blocking one") {
  Scene scene;
  const Pipe pipe;
  const int twin = scene.keep(dup(pipe.ends[0]));
  const uint32_t slot = scene.adopt(pipe.ends[0]);
  scene.start(slot);
  CHECK(!blocking(twin));
  scene.close(slot);
  scene.reactor.flush();
  CHECK(blocking(twin));
  ::close(pipe.ends[1]);
}

TEST("a terminal that hangs up ends reading with EIO, and unsent output with EPIPE once its buffer is full") {
  Scene scene;
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (!CHECK(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0)) return;
  const int other_side = ::open(ptsname(terminal), O_RDWR | O_NOCTTY);
  const uint32_t slot = scene.adopt(terminal);
  scene.start(slot);
  CHECK_EQUAL(::write(other_side, "typed", 5), 5);
  CHECK(scene.until([&] { return scene.received(slot) == "typed"; }));
  ::close(other_side);
  scene.settle();
  CHECK_STORY(scene, slot, "Data:typed Eof:" + std::to_string(EIO));
  for (int i = 0; i < 10; i++) scene.write(slot, std::string(100'000, 'x'));
  scene.reactor.flush();
  scene.settle();
  CHECK_STORY(scene, slot, "Data:typed Eof:" + std::to_string(EIO) + " WriteFailed:" + std::to_string(EPIPE));
}

TEST("a descriptor that its user closed under the reactor ends with an error instead of a hang") {
  Scene scene;
  int ends[2];
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  scene.keep(ends[1]);
  const uint32_t slot = scene.adopt(ends[0]);
  ::close(ends[0]);
  scene.start(slot);
  CHECK(scene.settle() <= 2);
  const std::string story = scene.story(slot);
  CHECK(story == "WriteFailed:" + std::to_string(EBADF) || story == "WriteFailed:" + std::to_string(ENOENT));
  // Its number may name another file by then, which is not closed with the slot.
  const int stranger = scene.keep(dup2(0, ends[0]));
  scene.close(slot);
  scene.reactor.flush();
  CHECK(fcntl(stranger, F_GETFD) >= 0);
}

#ifdef SO_TIMESTAMPING
TEST("a socket whose maker asked for time stamps of what is sent is no spin") {
  Scene scene;
  const int listening = scene.keep(::socket(AF_INET, SOCK_STREAM, 0));
  CHECK_EQUAL(::listen(listening, 1), 0);
  sockaddr_in address;
  socklen_t length = sizeof address;
  CHECK_EQUAL(::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &length), 0);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  address = Scene::loopback(ntohs(address.sin_port));
  CHECK_EQUAL(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const int peer = scene.keep(::accept(listening, nullptr, nullptr));
  const int stamps = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY;
  CHECK_EQUAL(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps), 0);
  const uint32_t slot = scene.adopt(fd);
  scene.start(slot);
  for (int i = 0; i < 10; i++) {
    scene.write(slot, "stamped");
    scene.reactor.flush();
  }
  CHECK(scene.settle() <= 12);
  put(peer, "input");
  scene.settle();
  CHECK_STORY(scene, slot, "Data:input");
  scene.order(CommandKind::Discard, slot);
  scene.write(slot, "stamped");
  scene.reactor.flush();
  CHECK(scene.settle() <= 3);
}
#endif

TEST("a closed descriptor with a living duplicate is reported no more") {
  Scene scene;
  const auto [slot, peer] = scene.pair();
  scene.keep(dup(scene.reactor.fd_of(slot)));
  scene.close(slot);
  scene.reactor.flush();
  put(peer, "to the duplicate");
  CHECK_EQUAL(scene.settle(), 0);
}

TEST("an adopted descriptor that hangs up before Start is no spin, and tells its end after it") {
  Scene scene;
  int ends[2];
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const uint32_t slot = scene.adopt(ends[0]);
  ::close(ends[1]);
  scene.reactor.flush();
  CHECK(scene.settle() <= 1);
  CHECK(scene.seen.empty());
  scene.start(slot);
  scene.settle();
  CHECK_STORY(scene, slot, "Eof:0");
}

TEST("a released listener's clients stay in its queue") {
  Scene scene;
  const uint32_t slot = scene.listener();
  const uint16_t port = scene.port_of(slot);
  const int fd = scene.keep(scene.reactor.release(slot));
  scene.dial(port);
  CHECK_EQUAL(scene.settle(), 0);
  CHECK(scene.keep(::accept(fd, nullptr, nullptr)) >= 0);
}
