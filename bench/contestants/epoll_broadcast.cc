// C on epoll: sends back each line; one that begins with a blank goes to everybody, by a loop of `send`.
#include <cstring>
#include <vector>

#include "epoll_server.h"

namespace {

class Broadcast {
 public:
  using Server = netmux::bench::EpollServer<Broadcast>;

  void OnInput(int fd, char* data, size_t length, Server& server) {
    // Both kinds of lines are short, and nobody sends the next one before it has the last: they come whole.
    if (data[0] != ' ') {
      server.Write(fd, data, length);
      return;
    }
    for (const int receiver : connections_) server.Write(receiver, data, length);
  }

  void OnBatchEnd(Server&) {}
  void OnOpen(int fd) { connections_.push_back(fd); }
  void OnClose(int fd) {
    for (int& connection : connections_) {
      if (connection != fd) continue;
      connection = connections_.back();
      connections_.pop_back();
      return;
    }
  }

 private:
  std::vector<int> connections_;
};

}  // namespace

int main() {
  Broadcast broadcast;
  netmux::bench::EpollServer<Broadcast> server(&broadcast);
  return server.Run();
}
