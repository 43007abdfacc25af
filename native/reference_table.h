// Buffers of JavaScript that wait to be sent, by number. A reference keeps the object alive, not its memory: that may be
// detached at any time, so its address and length are asked again before every use.
#pragma once

#include <napi.h>

#include <cstdint>

#include "memory.h"

namespace netmux {

class ReferenceTable {
 public:
  explicit ReferenceTable(const Allocator& allocator) : allocator_(allocator) {}
  ReferenceTable(const ReferenceTable&) = delete;
  ReferenceTable& operator=(const ReferenceTable&) = delete;
  // Entries still in use are given back by clear(), which needs a living environment.
  ~ReferenceTable() { allocator_.release(entries_); }

  // The number of a Uint8Array, or −1 if there is no memory.
  int64_t add(napi_env env, napi_value buffer);
  // Null if the number is not in use.
  napi_value get(napi_env env, uint32_t number) const;
  // False if the memory is not what it was when it was added.
  bool resolve(napi_env env, uint32_t number, const uint8_t** bytes, size_t* length) const;
  void remove(napi_env env, uint32_t number);
  void clear(napi_env env);

 private:
  static constexpr uint32_t kNone = 0xffffffff;

  struct Entry {
    napi_ref reference;  // null = free
    const uint8_t* bytes;
    size_t length;
    uint32_t next_free;
  };

  bool grow();

  const Allocator& allocator_;
  Entry* entries_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t first_free_ = kNone;
};

}  // namespace netmux
