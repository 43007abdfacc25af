// Options of TCP sockets that are set before they listen or connect; accepted sockets inherit them. 0 = as the machine
// has it.
#pragma once

#include <cstdint>

#include "contract.h"

namespace netmux {

struct SocketTuning {
  int32_t keep_alive_delay_s = 0;
  int32_t keep_alive_interval_s = 0;
  int32_t keep_alive_count = 0;
  int32_t user_timeout_ms = 0;
  int32_t send_buffer_bytes = 0;
  int32_t receive_buffer_bytes = 0;
  int32_t defer_accept_s = 0;
};

// From kTuningWords words.
inline SocketTuning tuning_of(const int32_t* words) {
  const auto word = [&](TuningWord which) { return words[static_cast<int32_t>(which)]; };
  return {word(TuningWord::KeepAliveDelay), word(TuningWord::KeepAliveInterval), word(TuningWord::KeepAliveCount),
          word(TuningWord::UserTimeoutMs),  word(TuningWord::SendBuffer),        word(TuningWord::ReceiveBuffer),
          word(TuningWord::DeferAccept)};
}

}  // namespace netmux
