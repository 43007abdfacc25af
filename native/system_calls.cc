// The kernel's own calls behind SysTable.
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "sys_table.h"

namespace netmux {

namespace {

#ifdef SOCK_NONBLOCK
int accept_nonblocking(int fd, sockaddr* peer, socklen_t* length) {
  return ::accept4(fd, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int open_socket(int domain, int type, int protocol) {
  return ::socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}
#else
// Systems without the flags set them one by one, and SO_NOSIGPIPE where there is no MSG_NOSIGNAL.
int prepared(int fd) {
  if (fd < 0) return fd;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

int accept_nonblocking(int fd, sockaddr* peer, socklen_t* length) { return prepared(::accept(fd, peer, length)); }

int open_socket(int domain, int type, int protocol) { return prepared(::socket(domain, type, protocol)); }
#endif

int get_flags(int fd) { return ::fcntl(fd, F_GETFL); }

int set_flags(int fd, int flags) { return ::fcntl(fd, F_SETFL, flags); }

int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

}  // namespace

const SysTable& system_calls() {
  static const SysTable table = {
      accept_nonblocking, ::recv,        ::recvfrom,    ::read,    ::send,     ::sendmsg, ::writev,
      open_socket,        ::bind,        ::listen,      ::connect, ::shutdown, ::close,   ::getsockopt,
      ::setsockopt,       ::getsockname, ::getpeername, ::fstat,   get_flags,  set_flags, monotonic_ns,
  };
  return table;
}

}  // namespace netmux
