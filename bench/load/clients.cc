#include "clients.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace netmux::load {
namespace {

// Source addresses 127.0.0.2 and up: each has ports of its own, so one server can be reached by a million clients.
constexpr uint32_t kSourceAddresses = 64;
constexpr uint32_t kFirstSource = 0x7f000002;

// Connections that were begun but not yet answered; well below the backlog of 511 that Node takes by default.
constexpr int kMostOpening = 64;

constexpr int kEventsAtOnce = 1024;

// Long enough for a reply sent twice to arrive on the loopback device.
constexpr long kQuietNs = 20 * 1000 * 1000;

constexpr int64_t kNsPerMs = 1000 * 1000;

}  // namespace

int64_t Now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<int64_t>(time.tv_sec) * 1000000000 + time.tv_nsec;
}

Clients::Clients(const Options& options)
    : options_(options),
      pattern_(options),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      events_(kEventsAtOnce),
      buffer_(Pattern::kContiguousBytes) {
  server_.sin_family = AF_INET;
  server_.sin_port = htons(options.port);
  // Connections are named by reference while others are added.
  clients_.reserve(static_cast<size_t>(options.connections));
  start_times_.resize(static_cast<size_t>(options.connections) * static_cast<size_t>(options.in_flight));
}

Clients::~Clients() {
  for (const Client& client : clients_) {
    if (client.fd >= 0) close(client.fd);
  }
  if (epoll_ >= 0) close(epoll_);
}

bool Clients::Fail(const std::string& what, int error) {
  if (error_.empty()) error_ = error == 0 ? what : what + ": " + std::strerror(error);
  return false;
}

bool Clients::Open(int total) {
  if (inet_pton(AF_INET, options_.host.c_str(), &server_.sin_addr) != 1) return Fail("not an IPv4 address", 0);
  open_ = false;
  while (static_cast<int>(clients_.size()) < total || opening_ > 0) {
    while (opening_ < kMostOpening && static_cast<int>(clients_.size()) < total) {
      clients_.emplace_back();
      if (!Connect(static_cast<uint32_t>(clients_.size() - 1))) return false;
    }
    if (!Step()) return Fail("the server does not answer new connections", 0);
    if (!error_.empty()) return false;
  }
  open_ = true;
  return true;
}

bool Clients::Connect(uint32_t number) {
  const std::string name = "connection " + std::to_string(number);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Fail(name, errno);
  Client& client = clients_[number];
  client = Client();
  client.fd = fd;
  // A voice of its own for every connection there ever was: an answer to an earlier one must not pass for its own.
  client.voice = connects_++;

  const int on = 1;
  // More than one message in flight would otherwise wait for the acknowledgement of the one before.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const linger reset{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  const uint32_t server_address = ntohl(server_.sin_addr.s_addr);
  if (server_address >> 24 == 127) {
    // The port is chosen at connect, when the whole four-tuple is known: it may be the same for many addresses.
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(kFirstSource + client.voice % kSourceAddresses);
    if (bind(fd, reinterpret_cast<sockaddr*>(&source), sizeof source) != 0) return Fail(name, errno);
  }
  if (connect(fd, reinterpret_cast<sockaddr*>(&server_), sizeof server_) != 0 && errno != EINPROGRESS) {
    return Fail(name, errno);
  }
  client.connecting = true;
  client.opening = true;
  client.wants_write = true;
  opening_++;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.u32 = number;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return Fail(name, errno);
  return true;
}

void Clients::FinishConnect(uint32_t number) {
  Client& client = clients_[number];
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(client.fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) {
    Fail("connection " + std::to_string(number), error);
    return;
  }
  client.connecting = false;
  StartMessages(number, 1, Now());
  Send(number);
}

bool Clients::Poll(int timeout_ms) {
  const int count = epoll_wait(epoll_, events_.data(), kEventsAtOnce, timeout_ms);
  for (int i = 0; i < count; i++) OnEvent(events_[i].data.u32, events_[i].events);
  return count > 0;
}

bool Clients::Step() {
  const int64_t give_up = Now() + options_.stall_ms * kNsPerMs;
  do {
    if (Poll(options_.stall_ms)) return true;
  } while (Now() < give_up);
  return false;
}

void Clients::Drain() {
  while ((outstanding_ > 0 || opening_ > 0) && !stalled_ && error_.empty()) {
    if (Step()) continue;
    stalled_ = true;
    tally_.missing += outstanding_;
    for (const Client& client : clients_) tally_.lost += client.connecting;
  }
}

void Clients::OnEvent(uint32_t number, uint32_t events) {
  if (clients_[number].fd < 0) return;
  if (clients_[number].connecting) {
    FinishConnect(number);
    return;
  }
  if ((events & EPOLLOUT) != 0) Send(number);
  if (clients_[number].fd >= 0 && (events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) Receive(number);
}

void Clients::Receive(uint32_t number) {
  Client& client = clients_[number];
  const ssize_t received = recv(client.fd, buffer_.data(), buffer_.size(), 0);
  if (received <= 0) {
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
    Lose(number);
    return;
  }
  Take(number, buffer_.data(), static_cast<size_t>(received));
}

void Clients::Take(uint32_t number, const char* data, size_t length) {
  Client& client = clients_[number];
  const uint64_t expected = client.started * pattern_.reply_bytes() - client.received_bytes;
  const uint64_t usable = std::min<uint64_t>(expected, length);
  tally_.extra_bytes += length - usable;
  Compare(data, pattern_.Reply(client.voice, client.received_bytes), usable);
  client.received_bytes += usable;
  const uint64_t finished = client.received_bytes / pattern_.reply_bytes() - client.finished;
  if (finished == 0) return;
  const int64_t now = Now();
  Finish(number, finished, now);
  if (open_) Answered(number, now);
}

void Clients::Compare(const char* data, const char* wanted, uint64_t length) {
  tally_.bytes += length;
  if (std::memcmp(data, wanted, length) == 0) return;
  for (uint64_t i = 0; i < length; i++) tally_.wrong_bytes += data[i] != wanted[i];
}

void Clients::Finish(uint32_t number, uint64_t count, int64_t now) {
  Client& client = clients_[number];
  for (uint64_t i = 0; i < count; i++) {
    latencies_.Record(static_cast<uint64_t>(now - StartTime(number, client.finished + i)));
  }
  client.finished += count;
  outstanding_ -= count;
  tally_.messages += count;
  if (client.opening) {
    client.opening = false;
    opening_--;
  }
}

int64_t Clients::StartTime(uint32_t number, uint64_t message) const { return start_times_[PlaceOf(number, message)]; }

void Clients::StartMessages(uint32_t number, uint64_t count, int64_t now) {
  Client& client = clients_[number];
  for (uint64_t i = 0; i < count; i++) start_times_[PlaceOf(number, client.started + i)] = now;
  client.started += count;
  outstanding_ += count;
}

const char* Clients::Unsent(uint32_t number, uint64_t position) const {
  return pattern_.Request(clients_[number].voice, position);
}

void Clients::Send(uint32_t number) {
  Client& client = clients_[number];
  const uint64_t end = client.started * pattern_.request_bytes();
  while (client.sent_bytes < end) {
    const uint64_t length = std::min<uint64_t>(end - client.sent_bytes, Pattern::kContiguousBytes);
    const ssize_t taken = send(client.fd, Unsent(number, client.sent_bytes), length, MSG_NOSIGNAL);
    if (taken < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        WatchWrite(number, true);
      } else {
        Lose(number);
      }
      return;
    }
    client.sent_bytes += static_cast<uint64_t>(taken);
  }
  WatchWrite(number, false);
}

void Clients::WatchWrite(uint32_t number, bool on) {
  Client& client = clients_[number];
  if (client.wants_write == on) return;
  client.wants_write = on;
  epoll_event event{};
  event.events = on ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u32 = number;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event);
}

void Clients::Lose(uint32_t number) {
  Client& client = clients_[number];
  const uint64_t under_way = client.started - client.finished;
  tally_.lost++;
  tally_.missing += under_way;
  outstanding_ -= under_way;
  if (client.opening) {
    client.opening = false;
    opening_--;
    Fail("connection " + std::to_string(number) + " was closed by the server", 0);
  }
  Reset(number);
}

void Clients::Reset(uint32_t number) {
  close(clients_[number].fd);
  clients_[number].fd = -1;
}

void Clients::CheckQuiet() {
  const timespec pause{0, kQuietNs};
  nanosleep(&pause, nullptr);
  for (uint32_t number = 0; number < clients_.size(); number++) {
    Client& client = clients_[number];
    if (client.fd < 0) continue;
    const ssize_t received = recv(client.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (received > 0) tally_.extra_bytes += static_cast<uint64_t>(received);
    if (received == 0 || (received < 0 && errno != EAGAIN)) Lose(number);
  }
}

}  // namespace netmux::load
