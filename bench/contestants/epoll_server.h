// What the C contestants share: a level-triggered epoll loop in one thread, with nothing in it that could be left out.
#ifndef NETMUX_BENCH_CONTESTANTS_EPOLL_SERVER_H_
#define NETMUX_BENCH_CONTESTANTS_EPOLL_SERVER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <unordered_map>

namespace netmux::bench {

constexpr int kBacklog = 4096;
constexpr int kEventsAtOnce = 1024;
constexpr size_t kReadBytes = 64 * 1024;

// Protocol: `void OnInput(int fd, char* data, size_t length, Server& server)`, `void OnOpen(int fd)`,
// `void OnClose(int fd)` and `void OnBatchEnd(Server& server)`, which comes when everything that was ready has been read.
template <typename Protocol>
class EpollServer {
 public:
  explicit EpollServer(Protocol* protocol) : protocol_(protocol) {}

  // Prints the address and serves until the process is killed. Returns only when it cannot listen.
  int Run() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener_, kBacklog) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      std::perror("listen");
      return 1;
    }
    Watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
    std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    for (;;) {
      const int count = epoll_wait(epoll_, events_, kEventsAtOnce, -1);
      for (int i = 0; i < count; i++) {
        const int fd = events_[i].data.fd;
        if (fd == listener_) {
          Accept();
        } else if ((events_[i].events & EPOLLOUT) != 0) {
          Flush(fd);
        } else {
          Read(fd);
        }
      }
      protocol_->OnBatchEnd(*this);
    }
  }

  // Sends at once; what the kernel does not take is kept, and then nothing more is read before it is gone.
  void Write(int fd, const char* data, size_t length) {
    const auto waiting = rest_.find(fd);
    if (waiting != rest_.end()) {
      waiting->second.append(data, length);
      return;
    }
    const ssize_t taken = send(fd, data, length, MSG_NOSIGNAL);
    if (taken == static_cast<ssize_t>(length)) return;
    if (taken < 0 && errno != EAGAIN) return;  // the next read tells
    const size_t done = taken < 0 ? 0 : static_cast<size_t>(taken);
    rest_.emplace(fd, std::string(data + done, length - done));
    Watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
  }

 private:
  void Watch(int operation, int fd, uint32_t interest) {
    epoll_event event{};
    event.events = interest;
    event.data.fd = fd;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void Accept() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      Watch(EPOLL_CTL_ADD, fd, EPOLLIN);
      protocol_->OnOpen(fd);
    }
  }

  void Read(int fd) {
    const ssize_t received = recv(fd, buffer_, sizeof buffer_, 0);
    if (received > 0) {
      protocol_->OnInput(fd, buffer_, static_cast<size_t>(received), *this);
    } else if (received == 0 || errno != EAGAIN) {
      Close(fd);
    }
  }

  void Flush(int fd) {
    std::string& rest = rest_[fd];
    const ssize_t taken = send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (taken < 0) {
      if (errno != EAGAIN) Close(fd);
      return;
    }
    rest.erase(0, static_cast<size_t>(taken));
    if (!rest.empty()) return;
    rest_.erase(fd);
    Watch(EPOLL_CTL_MOD, fd, EPOLLIN);
  }

  void Close(int fd) {
    rest_.erase(fd);
    protocol_->OnClose(fd);
    close(fd);
  }

  Protocol* const protocol_;  // outlives the server
  int listener_ = -1;
  int epoll_ = -1;
  epoll_event events_[kEventsAtOnce];
  char buffer_[kReadBytes];
  std::unordered_map<int, std::string> rest_;
};

}  // namespace netmux::bench

#endif  // NETMUX_BENCH_CONTESTANTS_EPOLL_SERVER_H_
