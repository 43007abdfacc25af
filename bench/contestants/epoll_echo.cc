// C on epoll, answering at once: what the kernel allows. Sends back what it gets.
#include "epoll_server.h"

namespace {

class Echo {
 public:
  void OnInput(int fd, char* data, size_t length, netmux::bench::EpollServer<Echo>& server) {
    server.Write(fd, data, length);
  }
  void OnBatchEnd(netmux::bench::EpollServer<Echo>&) {}
  void OnOpen(int) {}
  void OnClose(int) {}
};

}  // namespace

int main() {
  Echo echo;
  // 76 KiB of buffers: fits on any stack, and nothing of it moves.
  netmux::bench::EpollServer<Echo> server(&echo);
  return server.Run();
}
