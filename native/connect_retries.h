// Connections to UNIX sockets whose queue of clients is full. The kernel refuses such a connect with EAGAIN, which is not
// "in progress": it does not tell when there is room, so it is asked again from time to time.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "memory.h"

namespace netmux {

class ConnectRetries {
 public:
  // Where one of them wants to go. Its slot may be gone or named by somebody else by now: the generation tells.
  struct Knock {
    Knock* next;
    uint32_t slot;
    int32_t generation;
    socklen_t length;
    sockaddr_storage address;
  };

  // The allocator must outlive the list.
  explicit ConnectRetries(const Allocator& allocator) : allocator_(allocator) {}
  ConnectRetries(const ConnectRetries&) = delete;
  ConnectRetries& operator=(const ConnectRetries&) = delete;
  ~ConnectRetries();

  // False if there is no memory.
  bool add(uint32_t slot, int32_t generation, const sockaddr_storage& address, socklen_t length);
  // The list, in no order. Each link may be given to remove().
  Knock** first() { return &first_; }
  // Takes out and frees what the link points to; the link points to the next one then.
  void remove(Knock** link);
  bool empty() const { return first_ == nullptr; }

 private:
  const Allocator& allocator_;
  Knock* first_ = nullptr;
};

}  // namespace netmux
