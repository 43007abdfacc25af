// C on epoll, in batches: reads everything that is ready before it answers anything. Sends back what it gets.
#include <vector>

#include "epoll_server.h"

namespace {

class Batch {
 public:
  using Server = netmux::bench::EpollServer<Batch>;

  void OnInput(int fd, char* data, size_t length, Server&) {
    inputs_.push_back({fd, bytes_.size(), length});
    bytes_.append(data, length);
  }

  void OnBatchEnd(Server& server) {
    for (const Input& input : inputs_) server.Write(input.fd, bytes_.data() + input.begin, input.length);
    inputs_.clear();
    bytes_.clear();
  }

  void OnOpen(int) {}
  void OnClose(int) {}

 private:
  struct Input {
    int fd;
    size_t begin;
    size_t length;
  };

  std::vector<Input> inputs_;
  std::string bytes_;
};

}  // namespace

int main() {
  Batch batch;
  netmux::bench::EpollServer<Batch> server(&batch);
  return server.Run();
}
