// C on epoll: sends back each line it gets. The answers to one read leave in one send.
#include <cstring>

#include "epoll_server.h"

namespace {

class Lines {
 public:
  void OnInput(int fd, char* data, size_t length, netmux::bench::EpollServer<Lines>& server) {
    answers_.clear();
    const char* at = data;
    const char* const end = data + length;
    while (at < end) {
      const char* const newline = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
      if (newline == nullptr) {
        partial_[fd].append(at, end);
        break;
      }
      Answer(fd, at, newline + 1);
      at = newline + 1;
    }
    if (!answers_.empty()) server.Write(fd, answers_.data(), answers_.size());
  }

  void OnBatchEnd(netmux::bench::EpollServer<Lines>&) {}
  void OnOpen(int) {}
  void OnClose(int fd) { partial_.erase(fd); }

 private:
  void Answer(int fd, const char* begin, const char* end) {
    if (!partial_.empty()) {
      const auto partial = partial_.find(fd);
      if (partial != partial_.end()) {
        answers_.append(partial->second);
        partial_.erase(partial);
      }
    }
    answers_.append(begin, end);
  }

  std::string answers_;
  std::unordered_map<int, std::string> partial_;
};

}  // namespace

int main() {
  Lines lines;
  netmux::bench::EpollServer<Lines> server(&lines);
  return server.Run();
}
