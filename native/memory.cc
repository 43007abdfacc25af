#include "memory.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace netmux {
namespace {

// calloc rather than malloc and memset: large blocks come from the kernel as zero pages and stay untouched.
void* allocate_zeroed(size_t bytes) { return std::calloc(1, bytes); }

// Other C libraries give free pages back by themselves, or have no call for it.
void trim() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

constexpr Allocator kHeap = {std::malloc, allocate_zeroed, std::free, trim};

}  // namespace

const Allocator& heap() { return kHeap; }

}  // namespace netmux
