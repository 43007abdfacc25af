// Making, naming and inspecting sockets. Stateless; all answers are a value or −errno.
#pragma once

#include <errno.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "contract.h"
#include "slot_table.h"
#include "socket_tuning.h"
#include "sys_table.h"

namespace netmux {

inline bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// Room for the address block of any socket: the block and the longest UNIX path, padded to four bytes.
constexpr size_t kAddressRoom = kAddressBytes + 108;

// An address block as the kernel wants it. The length, 0 for family None, or −EINVAL.
int to_sockaddr(const uint8_t* block, size_t length, sockaddr_storage* out);
// The other way round; writes at most kAddressRoom bytes and returns how many (a multiple of four).
size_t from_sockaddr(const sockaddr* address, socklen_t length, uint8_t* block);

// A bound socket that listens (or, with SocketFlag::Datagram, receives). `mode` ≥ 0 is that of a UNIX socket file.
// A UNIX path where a socket lies that nobody serves is taken over; any other file there is −ENOTSOCK.
int open_bound(const SysTable& sys, const uint8_t* block, size_t length, int backlog, uint32_t flags, int mode,
               const SocketTuning& tuning);

// The same options for a listener that somebody else has made. They are switched on and set, never off. 0 or −errno.
int tune_listener(const SysTable& sys, int fd, uint32_t flags, const SocketTuning& tuning);

struct ConnectStart {
  int fd;      // or −errno: no socket could be had
  int status;  // 0 = connected already, EINPROGRESS, EAGAIN where a UNIX peer's queue is full, or the errno of a refusal
};
ConnectStart open_connecting(const SysTable& sys, const uint8_t* block, size_t length, uint32_t flags,
                             const SocketTuning& tuning);

struct Adopted {
  SlotKind kind;
  bool local_path;
  bool readable;
  int original_flags;
};
// Looks at a foreign descriptor and makes it non-blocking. 0, −EBADF, or −EPERM for a regular file or directory.
int adopt(const SysTable& sys, int fd, Adopted* out);

}  // namespace netmux
