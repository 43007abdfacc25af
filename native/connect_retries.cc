#include "connect_retries.h"

#include <new>

namespace netmux {

ConnectRetries::~ConnectRetries() {
  while (!empty()) remove(&first_);
}

bool ConnectRetries::add(uint32_t slot, int32_t generation, const sockaddr_storage& address, socklen_t length) {
  void* memory = allocator_.allocate(sizeof(Knock));
  if (memory == nullptr) return false;
  first_ = new (memory) Knock{first_, slot, generation, length, address};
  return true;
}

void ConnectRetries::remove(Knock** link) {
  Knock* knock = *link;
  *link = knock->next;
  allocator_.release(knock);
}

}  // namespace netmux
