// All memory of the core comes through one allocator that may return null, so that a test can fail the n-th request.
#pragma once

#include <cstddef>

namespace netmux {

struct Allocator {
  void* (*allocate)(size_t bytes);         // like malloc
  void* (*allocate_zeroed)(size_t bytes);  // like calloc; large blocks stay untouched until used
  void (*release)(void* block);            // like free; null is allowed
  void (*trim)();                          // gives what is free back to the system, as far as it is kept
};

// malloc, calloc, free and malloc_trim.
const Allocator& heap();

}  // namespace netmux
