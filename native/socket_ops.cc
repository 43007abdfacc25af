#include "socket_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

namespace netmux {

namespace {

int enable(const SysTable& sys, int fd, int level, int name, int value) {
  return sys.setsockopt(fd, level, name, &value, sizeof value);
}

uint8_t family_of(const uint8_t* block) { return block[0]; }

bool is_stream(uint32_t flags) { return (flags & SocketFlag::Datagram) == 0; }

int open_socket(const SysTable& sys, const uint8_t* block, uint32_t flags) {
  int domain = AF_UNIX;
  if (family_of(block) == AddressFamily::IPv4) domain = AF_INET;
  if (family_of(block) == AddressFamily::IPv6) domain = AF_INET6;
  const int fd = sys.socket(domain, is_stream(flags) ? SOCK_STREAM : SOCK_DGRAM, 0);
  return fd < 0 ? -errno : fd;
}

// Options that accepted sockets inherit from their listener, set once instead of once per connection.
void set_stream_options(const SysTable& sys, int fd, uint8_t family, uint32_t flags) {
  if (family == AddressFamily::Unix || !is_stream(flags)) return;
  if (flags & SocketFlag::NoDelay) enable(sys, fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (flags & SocketFlag::KeepAlive) enable(sys, fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

// What accepted sockets inherit, too; and what only a listener has. 0 or −errno.
int tune(const SysTable& sys, int fd, uint8_t family, uint32_t flags, const SocketTuning& tuning, bool listening) {
  if (family == AddressFamily::Unix || !is_stream(flags)) return 0;
  const struct {
    int level;
    int name;
    int value;
  } options[] = {
#ifdef TCP_KEEPIDLE
      {IPPROTO_TCP, TCP_KEEPIDLE, tuning.keep_alive_delay_s},
#else
      {IPPROTO_TCP, TCP_KEEPALIVE, tuning.keep_alive_delay_s},
#endif
      {IPPROTO_TCP, TCP_KEEPINTVL, tuning.keep_alive_interval_s},
      {IPPROTO_TCP, TCP_KEEPCNT, tuning.keep_alive_count},
      {SOL_SOCKET, SO_SNDBUF, tuning.send_buffer_bytes},
      {SOL_SOCKET, SO_RCVBUF, tuning.receive_buffer_bytes},
#ifdef TCP_USER_TIMEOUT
      {IPPROTO_TCP, TCP_USER_TIMEOUT, tuning.user_timeout_ms},
#endif
#ifdef TCP_DEFER_ACCEPT
      {IPPROTO_TCP, TCP_DEFER_ACCEPT, listening ? tuning.defer_accept_s : 0},
#endif
  };
  (void)listening;
  for (const auto& option : options) {
    if (option.value > 0 && enable(sys, fd, option.level, option.name, option.value) != 0) return -errno;
  }
  return 0;
}

// Addresses are copied from type to type, never looked at through another one: a compiler may assume that nobody does.
template <typename Address>
int put(const Address& address, size_t length, sockaddr_storage* out) {
  memcpy(out, &address, sizeof address);
  return static_cast<int>(length);
}

void put_port(in_port_t in_network_order, uint8_t* block) {
  const uint16_t port = ntohs(in_network_order);
  block[2] = static_cast<uint8_t>(port & 0xff);
  block[3] = static_cast<uint8_t>(port >> 8);
}

// The path of a UNIX address; null for another family and for an abstract or missing name.
const char* path_of(const sockaddr_storage& address, sockaddr_un* local) {
  memcpy(local, &address, sizeof *local);
  return local->sun_family == AF_UNIX && local->sun_path[0] != '\0' ? local->sun_path : nullptr;
}

// Whether a socket file lies at the path and nobody serves it. 1, 0 (somebody does), or −ENOTSOCK for another file.
int is_stale(const SysTable& sys, const char* path, const sockaddr* address, socklen_t length, int type) {
  struct stat file;
  if (lstat(path, &file) != 0) return 0;
  if (!S_ISSOCK(file.st_mode)) return -ENOTSOCK;
  const int probe = sys.socket(AF_UNIX, type, 0);
  if (probe < 0) return 0;
  const bool refused = sys.connect(probe, address, length) != 0 && errno == ECONNREFUSED;
  sys.close(probe);
  return refused ? 1 : 0;
}

int bind_socket(const SysTable& sys, int fd, const sockaddr_storage& address, socklen_t length, uint32_t flags) {
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (sys.bind(fd, generic, length) == 0) return 0;
  const int error = errno;
  sockaddr_un local;
  const char* path = path_of(address, &local);
  if (error != EADDRINUSE || path == nullptr) return -error;
  const int stale = is_stale(sys, path, generic, length, is_stream(flags) ? SOCK_STREAM : SOCK_DGRAM);
  if (stale < 0) return stale;
  if (stale == 0) return -error;
  unlink(path);
  return sys.bind(fd, generic, length) == 0 ? 0 : -errno;
}

}  // namespace

int to_sockaddr(const uint8_t* block, size_t length, sockaddr_storage* out) {
  memset(out, 0, sizeof *out);
  if (length < kAddressBytes) return -EINVAL;
  const uint16_t port = static_cast<uint16_t>(block[2] | block[3] << 8);
  switch (family_of(block)) {
    case AddressFamily::None:
      return 0;
    case AddressFamily::IPv4: {
      sockaddr_in address = {};
      address.sin_family = AF_INET;
      address.sin_port = htons(port);
      memcpy(&address.sin_addr, block + 8, 4);
      return put(address, sizeof address, out);
    }
    case AddressFamily::IPv6: {
      sockaddr_in6 address = {};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(port);
      memcpy(&address.sin6_scope_id, block + 4, 4);
      memcpy(&address.sin6_addr, block + 8, 16);
      return put(address, sizeof address, out);
    }
    case AddressFamily::Unix: {
      sockaddr_un address = {};
      const size_t path = block[1];
      if (path >= sizeof address.sun_path || kAddressBytes + path > length) return -EINVAL;
      address.sun_family = AF_UNIX;
      memcpy(address.sun_path, block + kAddressBytes, path);
      // An abstract name has no final NUL: its length says where it ends.
      const bool abstract = path > 0 && block[kAddressBytes] == 0;
      return put(address, offsetof(sockaddr_un, sun_path) + path + (abstract || path == 0 ? 0 : 1), out);
    }
    default:
      return -EINVAL;
  }
}

size_t from_sockaddr(const sockaddr* address, socklen_t length, uint8_t* block) {
  memset(block, 0, kAddressRoom);
  sa_family_t family = AF_UNSPEC;
  if (length >= offsetof(sockaddr, sa_family) + sizeof family) family = address->sa_family;
  if (family == AF_INET) {
    sockaddr_in ipv4;
    memcpy(&ipv4, address, sizeof ipv4);
    block[0] = AddressFamily::IPv4;
    put_port(ipv4.sin_port, block);
    memcpy(block + 8, &ipv4.sin_addr, 4);
  } else if (family == AF_INET6) {
    sockaddr_in6 ipv6;
    memcpy(&ipv6, address, sizeof ipv6);
    block[0] = AddressFamily::IPv6;
    put_port(ipv6.sin6_port, block);
    memcpy(block + 4, &ipv6.sin6_scope_id, 4);
    memcpy(block + 8, &ipv6.sin6_addr, 16);
  } else if (family == AF_UNIX) {
    const auto* path = reinterpret_cast<const char*>(address) + offsetof(sockaddr_un, sun_path);
    size_t bytes = length > offsetof(sockaddr_un, sun_path) ? length - offsetof(sockaddr_un, sun_path) : 0;
    if (bytes > kAddressRoom - kAddressBytes) bytes = kAddressRoom - kAddressBytes;
    if (bytes > 0 && path[0] != '\0') bytes = strnlen(path, bytes);
    block[0] = AddressFamily::Unix;
    block[1] = static_cast<uint8_t>(bytes);
    memcpy(block + kAddressBytes, path, bytes);
    return (kAddressBytes + bytes + 3) & ~size_t{3};
  }
  return kAddressBytes;
}

int open_bound(const SysTable& sys, const uint8_t* block, size_t length, int backlog, uint32_t flags, int mode,
               const SocketTuning& tuning) {
  sockaddr_storage address;
  const int size = to_sockaddr(block, length, &address);
  if (size <= 0) return -EINVAL;
  const int fd = open_socket(sys, block, flags);
  if (fd < 0) return fd;
  const uint8_t family = family_of(block);
  if (family != AddressFamily::Unix && is_stream(flags)) enable(sys, fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (flags & SocketFlag::ReusePort) enable(sys, fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (flags & SocketFlag::Broadcast) enable(sys, fd, SOL_SOCKET, SO_BROADCAST, 1);
  // Said explicitly, because the default is a setting of the machine.
  if (family == AddressFamily::IPv6) enable(sys, fd, IPPROTO_IPV6, IPV6_V6ONLY, (flags & SocketFlag::V6Only) ? 1 : 0);
  set_stream_options(sys, fd, family, flags);
  sockaddr_un local;
  const char* path = path_of(address, &local);
  const bool has_mode = mode >= 0 && path != nullptr;
  // Before bind, so that there is no moment at which the file is wider open than asked for.
  if (has_mode) fchmod(fd, static_cast<mode_t>(mode));
  // Before listen: the window that a client is offered depends on the buffer.
  int result = tune(sys, fd, family, flags, tuning, true);
  if (result == 0) result = bind_socket(sys, fd, address, static_cast<socklen_t>(size), flags);
  const bool bound = result == 0;
  if (bound && has_mode && chmod(path, static_cast<mode_t>(mode)) != 0) result = -errno;
  if (result == 0 && is_stream(flags) && sys.listen(fd, backlog) != 0) result = -errno;
  if (result == 0) return fd;
  sys.close(fd);
  if (bound && path != nullptr) unlink(path);
  return result;
}

int tune_listener(const SysTable& sys, int fd, uint32_t flags, const SocketTuning& tuning) {
  set_stream_options(sys, fd, AddressFamily::IPv4, flags);
  return tune(sys, fd, AddressFamily::IPv4, flags, tuning, true);
}

ConnectStart open_connecting(const SysTable& sys, const uint8_t* block, size_t length, uint32_t flags,
                             const SocketTuning& tuning) {
  sockaddr_storage address;
  const int size = to_sockaddr(block, length, &address);
  if (size <= 0) return {-EINVAL, 0};
  const int fd = open_socket(sys, block, flags);
  if (fd < 0) return {fd, 0};
  set_stream_options(sys, fd, family_of(block), flags);
  const int tuned = tune(sys, fd, family_of(block), flags, tuning, false);
  if (tuned != 0) {
    sys.close(fd);
    return {tuned, 0};
  }
  if (sys.connect(fd, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)) == 0) return {fd, 0};
  // An interrupted connect goes on by itself, like one in progress.
  return {fd, errno == EINTR ? EINPROGRESS : errno};
}

int adopt(const SysTable& sys, int fd, Adopted* out) {
  struct stat file;
  if (sys.fstat(fd, &file) != 0) return -errno;
  if (S_ISREG(file.st_mode) || S_ISDIR(file.st_mode)) return -EPERM;
  const int flags = sys.get_flags(fd);
  if (flags < 0) return -errno;
  const int access = flags & O_ACCMODE;
  *out = {SlotKind::Channel, false, access != O_WRONLY, flags};
  if (S_ISSOCK(file.st_mode)) {
    int type = 0;
    socklen_t size = sizeof type;
    if (sys.getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return -errno;
    int listening = 0;
    size = sizeof listening;
    if (sys.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) listening = 0;
    sockaddr_storage address;
    socklen_t length = sizeof address;
    if (sys.getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0)
      out->local_path = address.ss_family == AF_UNIX;
    out->kind = type == SOCK_DGRAM ? SlotKind::Datagram : listening ? SlotKind::Listener : SlotKind::Stream;
  }
  return sys.set_flags(fd, flags | O_NONBLOCK) == 0 ? 0 : -errno;
}

}  // namespace netmux
