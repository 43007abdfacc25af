// The heap with a memory of what is lent out, whose n-th request can be made to fail. Allocator has no room for a state
// of its own, so there is one of these per program.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <set>

#include "memory.h"

namespace netmux_test {

struct Lending {
  int requests = 0;    // since reset()
  int fail_at = 0;     // number of the request that fails; 0 = none
  int blocks = 0;      // lent out now
  size_t largest = 0;  // bytes of the largest request
  size_t total = 0;    // bytes of all requests together
  int trims = 0;
};

inline Lending& lending() {
  static Lending instance;
  return instance;
}

// Forgets the counts but not the blocks that are out. The `fail_at`-th request from now on fails.
inline void reset_lending(int fail_at = 0) { lending() = {0, fail_at, lending().blocks, 0, 0, 0}; }

// Where in the core memory was ever asked for: the addresses that the requests return to.
inline std::set<const void*>& asking_places() {
  static std::set<const void*> places;
  return places;
}

inline bool grant(size_t bytes) {
  Lending& state = lending();
  if (++state.requests == state.fail_at) return false;
  state.blocks++;
  state.total += bytes;
  if (bytes > state.largest) state.largest = bytes;
  return true;
}

inline void* allocate(size_t bytes) {
  asking_places().insert(__builtin_return_address(0));
  return grant(bytes) ? netmux::heap().allocate(bytes) : nullptr;
}
inline void* allocate_zeroed(size_t bytes) {
  asking_places().insert(__builtin_return_address(0));
  return grant(bytes) ? netmux::heap().allocate_zeroed(bytes) : nullptr;
}
inline void release(void* block) {
  if (block != nullptr) lending().blocks--;
  netmux::heap().release(block);
}

inline void trim() { lending().trims++; }

constexpr netmux::Allocator kFailingAllocator = {allocate, allocate_zeroed, release, trim};

}  // namespace netmux_test
