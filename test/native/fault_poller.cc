// Poller on the kernel of a test: linked in place of poller_epoll.cc.
#include <errno.h>

#include "fault_kernel.h"
#include "poller.h"

namespace netmux {

using netmux_test::FaultKernel;

int Poller::open() { return 0; }

void Poller::close() {}

int Poller::add(int fd, uint32_t slot, uint32_t generation, uint8_t interest) {
  FaultKernel& kernel = FaultKernel::present();
  if (!kernel.is_open(fd)) return -EBADF;
  if (kernel.is_watched(fd)) return -EEXIST;
  kernel.watch(fd, slot, generation, interest);
  return 0;
}

int Poller::change(int fd, uint32_t slot, uint32_t generation, uint8_t, uint8_t interest) {
  FaultKernel& kernel = FaultKernel::present();
  if (!kernel.is_watched(fd)) return -ENOENT;
  kernel.watch(fd, slot, generation, interest);
  return 0;
}

int Poller::remove(int fd, uint8_t) {
  FaultKernel::present().unwatch(fd);
  return 0;
}

int Poller::poll(Ready* ready) { return FaultKernel::present().poll(ready); }

}  // namespace netmux
