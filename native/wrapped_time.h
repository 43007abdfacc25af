// Times are 32 bits of milliseconds that wrap around. Exact while they are less than 2^31 ms, 24 days, apart.
#pragma once

#include <cstdint>

namespace netmux {

// How far `later` lies after `earlier`; negative if before.
inline int32_t elapsed(int32_t earlier, int32_t later) {
  return static_cast<int32_t>(static_cast<uint32_t>(later) - static_cast<uint32_t>(earlier));
}

inline int32_t after(int32_t time, int32_t ms) {
  return static_cast<int32_t>(static_cast<uint32_t>(time) + static_cast<uint32_t>(ms));
}

}  // namespace netmux
