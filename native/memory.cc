#include "memory.h"

#include <cstdlib>

namespace netmux {
namespace {

// calloc rather than malloc and memset: large blocks come from the kernel as zero pages and stay untouched.
void* allocate_zeroed(size_t bytes) { return std::calloc(1, bytes); }

constexpr Allocator kHeap = {std::malloc, allocate_zeroed, std::free};

}  // namespace

const Allocator& heap() { return kHeap; }

}  // namespace netmux
