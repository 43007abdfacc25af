// The contract between the reactor core and TypeScript. src/native/contract.ts is the same page with the
// explanations; a test compares the two, name by name.
#pragma once

#include <cstddef>
#include <cstdint>

namespace netmux {

constexpr int32_t kWords = 4;
constexpr int32_t kRecordCapacity = 1024;
constexpr int32_t kCommandCapacity = 4096;
constexpr size_t kReadSlabBytes = 128 * 1024;
constexpr size_t kOutputSlabBytes = 256 * 1024;
constexpr size_t kReferenceMinBytes = 16 * 1024;
constexpr uint32_t kMaxHandlesLimit = 1u << 24;
constexpr size_t kAddressBytes = 24;
constexpr int32_t kControlWords = 4;
constexpr int32_t kRefusals = 7;
constexpr int32_t kLimitWords = 13;
constexpr size_t kBlockBytes = 17;
constexpr int32_t kTuningWords = 7;
constexpr int32_t kCounters = 6;

enum class RecordKind : int32_t {
  Accept = 1,
  Data = 2,
  Datagram = 3,
  Eof = 4,
  Drained = 5,
  Flushed = 6,
  WriteFailed = 7,
  Timer = 8,
  Connected = 9,
  ConnectFailed = 10,
  ListenerError = 11,
  SendFailed = 12,
  Refused = 13,
  Expired = 14,
};

enum class Refusal : int32_t {
  None = 0,
  Address = 1,
  Network = 2,
  Listener = 3,
  Connections = 4,
  ListenerRate = 5,
  Rate = 6,
};

enum class Expiry : int32_t {
  None = 0,
  FirstByte = 1,
  Idle = 2,
  Lifetime = 3,
  Slow = 4,
};

enum class LimitWord : int32_t {
  Owner = 0,
  Connections = 1,
  PerAddress = 2,
  PerNetwork = 3,
  Rate = 4,
  Burst = 5,
  ListenerConnections = 6,
  ListenerRate = 7,
  ListenerBurst = 8,
  FirstByteMs = 9,
  IdleMs = 10,
  LifetimeMs = 11,
  MinByteRate = 12,
};

enum class TuningWord : int32_t {
  KeepAliveDelay = 0,
  KeepAliveInterval = 1,
  KeepAliveCount = 2,
  UserTimeoutMs = 3,
  SendBuffer = 4,
  ReceiveBuffer = 5,
  DeferAccept = 6,
};

enum class CommandKind : int32_t {
  Write = 1,
  Forward = 2,
  WriteReference = 3,
  Send = 4,
  KillOutput = 5,
  ShutWrite = 6,
  Discard = 7,
  Close = 8,
  Pause = 9,
  Resume = 10,
  Arm = 11,
  Start = 12,
};

enum class CloseMode : int32_t {
  Abort = 0,
  Linger = 1,
  Reset = 2,
};

enum Control : int32_t {
  CommandCount = 0,
  OutputUsed = 1,
  InTurn = 2,
  BusyPollMicros = 3,
};

enum class Counter : int32_t {
  Turns = 0,
  Batches = 1,
  Records = 2,
  AcceptPauses = 3,
  Timers = 4,
  DatagramsTooLong = 5,
};

enum Interest : uint8_t {
  Drained = 1,
  Unfinished = 2,
};

enum class HandleKind : int32_t {
  Listener = 1,
  Stream = 2,
  Datagram = 3,
};

enum AddressFamily : uint8_t {
  None = 0,
  IPv4 = 4,
  IPv6 = 6,
  Unix = 1,
};

enum SocketFlag : uint32_t {
  V6Only = 1,
  ReusePort = 2,
  NoDelay = 4,
  KeepAlive = 8,
  Broadcast = 16,
  Datagram = 32,
};

// The memory that both sides see. All of it is owned by JavaScript ArrayBuffers that live as long as the
// reactor does; the core never frees it. Arrays by slot have max_handles entries (traffic: two per slot,
// received and sent). Untouched pages of them cost nothing.
struct SharedMemory {
  uint32_t max_handles = 0;
  int32_t* control = nullptr;
  double* clock = nullptr;  // [0] = milliseconds since the origin, set before each call into JS
  int32_t* records = nullptr;
  int32_t* commands = nullptr;
  uint8_t* read_slab = nullptr;
  uint8_t* output_slab = nullptr;
  int32_t* generation = nullptr;
  int32_t* unsent = nullptr;
  int32_t* deadline = nullptr;
  int32_t* wheel_due = nullptr;
  uint8_t* interest = nullptr;
  double* traffic = nullptr;
  double* counters = nullptr;

  void count(Counter counter, double by = 1) const { counters[static_cast<int32_t>(counter)] += by; }
};

}  // namespace netmux
