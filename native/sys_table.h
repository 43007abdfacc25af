// Every system call of the core on a socket goes through one of these pointers, so that a test can put a kernel of its own behind it.
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>

namespace netmux {

struct SysTable {
  // A non-blocking, close-on-exec descriptor, or −1 and errno. The peer's address may be null.
  int (*accept_nonblocking)(int fd, sockaddr* peer, socklen_t* length);
  ssize_t (*recv)(int fd, void* buffer, size_t length, int flags);
  ssize_t (*recvfrom)(int fd, void* buffer, size_t length, int flags, sockaddr* from, socklen_t* from_length);
  ssize_t (*read)(int fd, void* buffer, size_t length);
  ssize_t (*send)(int fd, const void* buffer, size_t length, int flags);
  ssize_t (*sendmsg)(int fd, const msghdr* message, int flags);
  ssize_t (*writev)(int fd, const iovec* parts, int count);
  int (*socket)(int domain, int type, int protocol);  // non-blocking, close-on-exec
  int (*bind)(int fd, const sockaddr* address, socklen_t length);
  int (*listen)(int fd, int backlog);
  int (*connect)(int fd, const sockaddr* address, socklen_t length);
  int (*shutdown)(int fd, int how);
  int (*close)(int fd);
  int (*getsockopt)(int fd, int level, int name, void* value, socklen_t* length);
  int (*setsockopt)(int fd, int level, int name, const void* value, socklen_t length);
  int (*getsockname)(int fd, sockaddr* address, socklen_t* length);
  int (*getpeername)(int fd, sockaddr* address, socklen_t* length);
  int (*fstat)(int fd, struct stat* result);
  int (*get_flags)(int fd);             // fcntl F_GETFL
  int (*set_flags)(int fd, int flags);  // fcntl F_SETFL
  int64_t (*monotonic_ns)();
};

// The kernel's own calls.
const SysTable& system_calls();

}  // namespace netmux
