// The little of the C++ library that the addon calls, for the binaries of scripts/prebuild-cross.mjs. They are compiled against
// zig's libc++, which no machine has; linked statically, it brings the unwinder and the demangler along and triples their size.
#include <cstdlib>
#include <new>
#include <string>

// musl's start-up code says nothing of its alignment, and the linker puts it wherever the constants end: an arm64 processor does not jump
// to an odd address. These parts are empty; their alignment is that of the whole.
#ifdef __aarch64__
__asm__(
    ".pushsection .init,\"ax\",%progbits\n.balign 4\n.popsection\n"
    ".pushsection .fini,\"ax\",%progbits\n.balign 4\n.popsection\n");
#endif

// All of it, where every other file has only seen a declaration; what nobody calls is dropped by the linker.
template class std::basic_string<char>;

const std::nothrow_t std::nothrow{};

namespace {

// Exceptions are off everywhere: whoever can do without the memory asks with `nothrow`.
void* allocate_or_abort(size_t bytes) {
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(size_t bytes) { return allocate_or_abort(bytes); }
void* operator new[](size_t bytes) { return allocate_or_abort(bytes); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes == 0 ? 1 : bytes); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes == 0 ? 1 : bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
