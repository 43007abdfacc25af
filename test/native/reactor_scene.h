// A reactor in a loop of its own: what the tests of its behaviour share. The scene plays the part of Node and of the
// dispatcher: it owns the memory of the contract, notes every record, and appends commands. Sockets are real.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "contract_memory.h"
#include "guarantees.h"
#include "reactor.h"
#include "socket_ops.h"

namespace netmux_test {

using netmux::CloseMode;
using netmux::CommandKind;
using netmux::Control;
using netmux::HandleKind;

// How long anything may take that must happen at all. Generous: the machine may be busy.
constexpr int64_t kPatienceMs = 20'000;

constexpr int32_t kLingerMs = 2000;

// A clock that stands still unless it is moved; now_ns is for SysTable::monotonic_ns.
struct Clock {
  static int64_t& ns() {
    static int64_t time = 1'000'000'000'000;
    return time;
  }
  static int64_t now_ns() { return ns(); }
  static void forward(int64_t ms) { ns() += ms * 1'000'000; }
};

// Raises the process's limit of open descriptors to what the machine allows, up to `count`.
inline bool allow_descriptors(rlim_t count) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  if (limit.rlim_cur >= count) return true;
  limit.rlim_cur = count;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

class Scene : public netmux::Host {
 public:
  explicit Scene(const netmux::SysTable& sys = netmux::system_calls(),
                 const netmux::Allocator& allocator = netmux::heap(), uint32_t max_handles = 4096)
      : sys_(sys), arrays_(max_handles), memory(arrays_.shared()), reactor(memory, *this, sys, allocator) {
    // As in Node: a write to a pipe that nobody reads is an error, not the end of the process.
    signal(SIGPIPE, SIG_IGN);
    opened = reactor.open();
  }
  ~Scene() {
    for (const int fd : peers_) ::close(fd);
  }

 private:
  const netmux::SysTable& sys_;
  ContractMemory arrays_;
  Guarantees guarantees_;
  std::vector<int> peers_;
  uint32_t last_buffer_ = 0;
  bool in_batch_ = false;

 public:
  const netmux::SharedMemory memory;
  // What callbacks would do, for each record while its batch is delivered.
  std::function<void(const Seen&)> on_record;
  // Whether the guarantees are checked; a test that breaks the rules itself turns it off.
  bool judging = true;
  bool dying = false;  // the environment goes away with the next batch

  int opened = 0;  // what Reactor::open said
  std::vector<Seen> seen;
  int batches = 0;
  bool lingering = false;
  int64_t timer = kNever;
  std::map<uint32_t, std::string> buffers;  // referenced by number
  netmux::Reactor reactor;

  // Host
  bool deliver(int32_t count) override {
    batches++;
    CHECK(count > 0 && count <= netmux::kRecordCapacity);
    CHECK_EQUAL(memory.control[Control::InTurn], 1);
    in_batch_ = true;
    for (int32_t i = 0; i < count; i++) {
      seen.push_back(read_record(memory, i));
      // A copy, because what a callback brings about may make the list grow.
      const Seen record = seen.back();
      if (judging) guarantees_.judge(record, memory);
      if (on_record) on_record(record);
    }
    in_batch_ = false;
    guarantees_.batch_ended();
    return !dying;
  }
  void set_timer(int64_t due_ms) override { timer = due_ms; }
  void set_lingering(bool any) override { lingering = any; }
  bool resolve(uint32_t reference, const uint8_t** bytes, size_t* length) override {
    const auto found = buffers.find(reference);
    if (found == buffers.end() || found->second.empty()) return false;
    *bytes = bytes_of(found->second);
    *length = found->second.size();
    return true;
  }
  void release(uint32_t reference) override { CHECK(buffers.erase(reference) == 1 || !judging); }

  // Commands, as the dispatcher appends them.
  void order_as(int32_t generation, CommandKind kind, uint32_t slot, int32_t a = 0, int32_t b = 0) {
    int32_t& count = memory.control[Control::CommandCount];
    int32_t* words = memory.commands + count * netmux::kWords;
    words[0] = static_cast<int32_t>(static_cast<uint32_t>(kind) | slot << 8);
    words[1] = generation;
    words[2] = a;
    words[3] = b;
    count += 1;
    if (kind == CommandKind::Close) guarantees_.close_ordered(slot, generation, in_batch_);
    if (count == netmux::kCommandCapacity) reactor.drain();
  }
  void order(CommandKind kind, uint32_t slot, int32_t a = 0, int32_t b = 0) {
    order_as(memory.generation[slot], kind, slot, a, b);
  }
  void close(uint32_t slot, CloseMode mode = CloseMode::Abort) {
    order(CommandKind::Close, slot, static_cast<int32_t>(mode), kLingerMs);
  }
  void write(uint32_t slot, const std::string& bytes) {
    const int32_t offset = place(bytes);
    memory.unsent[slot] += static_cast<int32_t>(bytes.size());
    order(CommandKind::Write, slot, offset, static_cast<int32_t>(bytes.size()));
  }
  uint32_t write_reference(uint32_t slot, const std::string& bytes) {
    buffers[++last_buffer_] = bytes;
    memory.unsent[slot] += static_cast<int32_t>(bytes.size());
    order(CommandKind::WriteReference, slot, static_cast<int32_t>(last_buffer_), static_cast<int32_t>(bytes.size()));
    return last_buffer_;
  }
  void send(uint32_t slot, const std::string& block, const std::string& payload) {
    const int32_t offset = place(block + std::string(-block.size() & 3, '\0') + payload);
    order(CommandKind::Send, slot, offset, static_cast<int32_t>(payload.size()));
  }
  void drained_wanted(uint32_t slot) { memory.interest[slot] = netmux::Interest::Drained; }
  void set_deadline(uint32_t slot, int64_t in_ms) {
    memory.deadline[slot] = in_ms == 0 ? 0 : static_cast<int32_t>(now_ms() + in_ms);
  }

  // Sockets. What is at the other end is closed with the scene.
  int keep(int fd) {
    CHECK(fd >= 0);
    peers_.push_back(fd);
    return fd;
  }
  void close_peer(int fd) {
    size_t at = 0;
    while (at < peers_.size() && peers_[at] != fd) at++;
    if (!CHECK(at < peers_.size())) return;
    peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(at));
    ::close(fd);
  }
  // The peer closes with a reset.
  void reset_peer(int fd) {
    const linger now = {1, 0};
    CHECK_EQUAL(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close_peer(fd);
  }
  uint32_t adopt(int fd, uint32_t read_size = 65536) {
    HandleKind kind;
    const int64_t slot = reactor.adopt(fd, read_size, &kind);
    CHECK(slot >= 0);
    return static_cast<uint32_t>(slot);
  }
  void start(uint32_t slot) {
    order(CommandKind::Start, slot);
    reactor.flush();
  }
  // A started UNIX connection: the slot, and the other end.
  std::pair<uint32_t, int> pair(int type = SOCK_STREAM, uint32_t read_size = 65536) {
    int ends[2];
    CHECK_EQUAL(socketpair(AF_UNIX, type, 0, ends), 0);
    const uint32_t slot = adopt(ends[0], read_size);
    start(slot);
    return {slot, keep(ends[1])};
  }
  int64_t listen(const std::string& block, uint32_t flags = 0, int mode = -1) {
    return reactor.listen(bytes_of(block), block.size(), 4096, flags, 65536, mode);
  }
  // A started listener, or with SocketFlag::Datagram a socket, on the loopback.
  uint32_t listener(uint32_t flags = 0) {
    const int64_t slot = listen(ipv4(0), flags);
    CHECK(slot >= 0);
    start(static_cast<uint32_t>(slot));
    return static_cast<uint32_t>(slot);
  }
  int64_t connect(const std::string& block) { return reactor.connect(bytes_of(block), block.size(), 0, 65536); }
  uint16_t port_of(uint32_t slot) {
    uint8_t block[netmux::kAddressRoom];
    CHECK(reactor.address(slot, false, block) > 0);
    return static_cast<uint16_t>(block[2] | block[3] << 8);
  }
  int dial(uint16_t port) {
    const int fd = keep(::socket(AF_INET, SOCK_STREAM, 0));
    const sockaddr_in to = loopback(port);
    CHECK_EQUAL(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    return fd;
  }
  // An accepted TCP connection: the slot, and the client.
  std::pair<uint32_t, int> tcp(uint32_t listening) {
    const size_t before = of(RecordKind::Accept).size();
    const int client = dial(port_of(listening));
    CHECK(until([&] { return of(RecordKind::Accept).size() > before; }));
    return {of(RecordKind::Accept).back().slot, client};
  }
  std::pair<uint32_t, int> tcp() { return tcp(listener()); }

  static const uint8_t* bytes_of(const std::string& text) { return reinterpret_cast<const uint8_t*>(text.data()); }
  static sockaddr_in loopback(uint16_t port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  // Address blocks.
  static std::string ipv4(uint16_t port) {
    std::string block(netmux::kAddressBytes, '\0');
    block[0] = netmux::AddressFamily::IPv4;
    block[2] = static_cast<char>(port & 0xff);
    block[3] = static_cast<char>(port >> 8);
    block[8] = 127;
    block[11] = 1;
    return block;
  }
  static std::string local(const std::string& path) {
    std::string block(netmux::kAddressBytes, '\0');
    block[0] = netmux::AddressFamily::Unix;
    block[1] = static_cast<char>(path.size());
    return block + path;
  }

  // The loop.
  int64_t now_ms() const { return (sys_.monotonic_ns() - reactor.origin_ns()) / 1'000'000; }
  bool readable(int timeout_ms = 0) const {
    pollfd watched = {reactor.descriptor(), POLLIN, 0};
    return ::poll(&watched, 1, timeout_ms) > 0;
  }
  // One round as Node's loop makes it: a timer that is due, else what is ready within the time. Whether there was any.
  bool round(int timeout_ms = 0) {
    if (timer <= now_ms()) {
      timer = kNever;
      reactor.timer_due();
      return true;
    }
    if (!readable(timeout_ms)) return false;
    reactor.turn();
    return true;
  }
  bool until(const std::function<bool()>& done) {
    constexpr int kStepMs = 2;
    for (int64_t waited = 0; waited < kPatienceMs;) {
      if (done()) return true;
      if (!round(kStepMs)) waited += kStepMs;
    }
    return done();
  }
  // Runs until nothing is left to do for a while; how many rounds that took. A spin never ends: that is a failure.
  int settle() {
    constexpr int kQuietMs = 20;
    constexpr int kMostRounds = 400;
    int rounds = 0;
    while (rounds < kMostRounds && round(kQuietMs)) rounds++;
    CHECK(rounds < kMostRounds);
    return rounds;
  }

  // What was seen.
  std::vector<Seen> of(RecordKind kind) const {
    std::vector<Seen> found;
    for (const Seen& record : seen) {
      if (record.kind == kind) found.push_back(record);
    }
    return found;
  }
  // All records of the slot's present owner: "Accept Data:hello Eof:0".
  std::string story(uint32_t slot) const {
    std::string text;
    for (const Seen& record : seen) {
      if (record.slot != slot || record.generation != memory.generation[slot]) continue;
      text += (text.empty() ? "" : " ") + describe(record);
    }
    return text;
  }
  std::string received(uint32_t slot) const {
    std::string bytes;
    for (const Seen& record : seen) {
      if (record.slot == slot && record.kind == RecordKind::Data) bytes += record.bytes;
    }
    return bytes;
  }

 private:
  // Copies bytes into the output slab, at a multiple of four. Their offset.
  int32_t place(const std::string& bytes) {
    int32_t& used = memory.control[Control::OutputUsed];
    if (((static_cast<size_t>(used) + 3) & ~size_t{3}) + bytes.size() > netmux::kOutputSlabBytes) reactor.drain();
    const int32_t offset = (used + 3) & ~3;
    if (!bytes.empty()) std::memcpy(memory.output_slab + offset, bytes.data(), bytes.size());
    used = offset + static_cast<int32_t>(bytes.size());
    return offset;
  }
};

inline bool check_story(const Scene& scene, uint32_t slot, const std::string& expected, const char* file, int line) {
  const std::string story = scene.story(slot);
  return check(story == expected, ("\"" + expected + "\"").c_str(), file, line, ("it was \"" + story + "\"").c_str());
}

#define CHECK_STORY(scene, slot, expected) netmux_test::check_story((scene), (slot), (expected), __FILE__, __LINE__)

// What has arrived at a peer's descriptor, without waiting; `ended` says whether its FIN has, too.
inline std::string arrived(int fd, bool* ended = nullptr) {
  std::string bytes;
  char block[65536];
  for (;;) {
    const ssize_t count = ::recv(fd, block, sizeof block, MSG_DONTWAIT);
    if (ended != nullptr) *ended = count == 0;
    if (count <= 0) return bytes;
    bytes.append(block, static_cast<size_t>(count));
  }
}

inline void put(int fd, const std::string& bytes) {
  CHECK_EQUAL(::send(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
}

}  // namespace netmux_test
