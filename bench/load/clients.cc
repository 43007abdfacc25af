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
constexpr uint64_t kUnlimited = UINT64_MAX;

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
  stopping_ = false;
  while (static_cast<int>(clients_.size()) < total || opening_ > 0) {
    while (opening_ < kMostOpening && static_cast<int>(clients_.size()) < total) {
      if (!Connect(static_cast<uint32_t>(clients_.size()))) return false;
    }
    if (!Step()) return Fail("the server does not answer new connections", 0);
    if (!error_.empty()) return false;
  }
  return true;
}

bool Clients::Connect(uint32_t number) {
  const std::string name = "connection " + std::to_string(number);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Fail(name, errno);
  clients_.emplace_back();
  Client& client = clients_.back();
  client.fd = fd;

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
    source.sin_addr.s_addr = htonl(kFirstSource + number % kSourceAddresses);
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
  client.allowance = 1;
  StartMessages(number, Now());
  Send(number);
}

void Clients::ExchangeUntil(int64_t until) {
  stopping_ = false;
  for (Client& client : clients_) client.allowance = kUnlimited;
  Wait(until);
}

void Clients::ExchangeOnce() {
  stopping_ = false;
  for (Client& client : clients_) client.allowance = 1;
  Wait(INT64_MAX);
}

void Clients::Wait(int64_t until) {
  for (uint32_t number = 0; number < clients_.size(); number++) {
    if (clients_[number].fd < 0) continue;
    StartMessages(number, Now());
    Send(number);
  }
  while (outstanding_ > 0 && !stalled_) {
    if (!Step()) {
      stalled_ = true;
      tally_.missing += outstanding_;
      return;
    }
    if (Now() >= until) stopping_ = true;
  }
}

bool Clients::Step() {
  const int64_t give_up = Now() + options_.stall_ms * kNsPerMs;
  for (;;) {
    const int count = epoll_wait(epoll_, events_.data(), kEventsAtOnce, options_.stall_ms);
    if (count > 0) {
      for (int i = 0; i < count; i++) OnEvent(events_[i].data.u32, events_[i].events);
      return true;
    }
    if (Now() >= give_up) return false;
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
  const uint64_t expected = client.started * pattern_.reply_bytes() - client.received_bytes;
  const uint64_t usable = std::min(expected, static_cast<uint64_t>(received));
  tally_.extra_bytes += static_cast<uint64_t>(received) - usable;
  tally_.bytes += usable;
  const char* wanted = pattern_.Reply(number, client.received_bytes);
  if (std::memcmp(buffer_.data(), wanted, usable) != 0) {
    for (uint64_t i = 0; i < usable; i++) tally_.wrong_bytes += buffer_[i] != wanted[i];
  }
  client.received_bytes += usable;
  const uint64_t finished = client.received_bytes / pattern_.reply_bytes() - client.finished;
  if (finished == 0) return;
  const int64_t now = Now();
  Finish(number, finished, now);
  if (stopping_) return;
  StartMessages(number, now);
  Send(number);
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

void Clients::StartMessages(uint32_t number, int64_t now) {
  Client& client = clients_[number];
  const uint64_t room = static_cast<uint64_t>(options_.in_flight) - (client.started - client.finished);
  const uint64_t count = std::min(room, client.allowance);
  for (uint64_t i = 0; i < count; i++) StartTime(number, client.started + i) = now;
  client.started += count;
  outstanding_ += count;
  if (client.allowance != kUnlimited) client.allowance -= count;
}

void Clients::Send(uint32_t number) {
  Client& client = clients_[number];
  const uint64_t end = client.started * pattern_.request_bytes();
  while (client.sent_bytes < end) {
    const uint64_t length = std::min<uint64_t>(end - client.sent_bytes, Pattern::kContiguousBytes);
    const ssize_t taken = send(client.fd, pattern_.Request(number, client.sent_bytes), length, MSG_NOSIGNAL);
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
  close(client.fd);
  client.fd = -1;
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
