// The slots of the reactor: one per descriptor it owns, identified by (slot number, generation). Slots live in chunks
// that never move and are made when first needed; freed numbers are reused in first-in-first-out order, so that a number
// rests as long as possible before it names somebody else.
#pragma once

#include <cstdint>

#include "contract.h"
#include "memory.h"
#include "outbox.h"

namespace netmux {

enum class SlotKind : uint8_t {
  Free,
  Listener,
  Stream,   // a connected or connecting stream socket
  Channel,  // a pipe, terminal or other descriptor served by read and write
  Datagram,
  Closing,  // its owner is gone; the descriptor is given back after the present array of events
};

enum class Reading : uint8_t { Open, Paused, Discarding, Ended };
enum class Writing : uint8_t { Open, Flushing, Shut, Failed };

// Results of commands that wait to become records, in the order in which they are reported.
enum Result : uint8_t {
  kResultConnected = 1,
  kResultConnectFailed = 2,
  kResultEof = 4,
  kResultDrained = 8,
  kResultFlushed = 16,
  kResultWriteFailed = 32,
  kResultSendFailed = 64,
  kResultListed = 128,  // not a result: the slot is on the list, which a result that is taken back does not change
};

struct Slot {
  static constexpr uint32_t kNone = 0xffffffff;

  int fd = -1;
  SlotKind kind = SlotKind::Free;
  Reading reading = Reading::Open;
  Writing writing = Writing::Open;
  uint8_t watched = 0;  // interest that the poller has
  bool registered : 1;  // the poller knows the descriptor
  bool started : 1;     // may be watched
  bool connecting : 1;
  bool knocking : 1;           // connecting to a UNIX socket whose queue is full: see ConnectRetries
  bool owes_drained : 1;       // an empty write waits for the connection
  bool lingering : 1;          // its owner is gone; waits for the peer's FIN
  bool dormant : 1;            // hung up while nobody reads: out of the poller until something changes
  bool parked : 1;             // a listener without resources
  bool aborting : 1;           // the ring holds a Close that drops output
  bool stale_interest : 1;     // is on the list of slots whose interest changed
  bool local_path : 1;         // a UNIX socket
  bool guarded : 1;            // a listener with limits, or a connection that counts against them
  bool timed : 1;              // a connection with limits of time
  uint8_t results = 0;         // Result bits
  int16_t first_command = -1;  // this slot's writes in the present ring
  int16_t last_command = -1;
  uint32_t read_size = 0;
  Outbox* outbox = nullptr;
  uint32_t next = kNone;           // free list, or list of closing slots
  uint32_t next_result = kNone;    // list of slots with results
  uint32_t next_interest = kNone;  // list of slots whose interest changed
  int32_t result_errno = 0;
  union {
    uint32_t linger_bytes = 0;  // how much more is discarded before patience ends
    uint32_t door;              // of a guarded listener: see Admission
  };
  int32_t original_flags = -1;  // O_NONBLOCK as it was found, to be restored; −1 for a descriptor of our own

  Slot()
      : registered(false),
        started(false),
        connecting(false),
        knocking(false),
        owes_drained(false),
        lingering(false),
        dormant(false),
        parked(false),
        aborting(false),
        stale_interest(false),
        local_path(false),
        guarded(false),
        timed(false) {}
};

class SlotTable {
 public:
  static constexpr uint32_t kChunkSlots = 1024;

  SlotTable() = default;
  SlotTable(const SlotTable&) = delete;
  SlotTable& operator=(const SlotTable&) = delete;
  ~SlotTable();

  // Room for `capacity` slots; `generation` is the shared word of each. False if there is no memory.
  bool init(uint32_t capacity, int32_t* generation, const Allocator& allocator);

  // A fresh slot, or Slot::kNone if the table is full or there is no memory. Its generation is set.
  uint32_t acquire();
  // Ends the slot's generation; the number goes to the end of the free list.
  void release(uint32_t number);

  Slot& at(uint32_t number) { return chunks_[number / kChunkSlots][number % kChunkSlots]; }
  // Null unless the slot is in use by exactly this generation.
  Slot* find(uint32_t number, int32_t generation) {
    if (number >= made_ || generation_[number] != generation) return nullptr;
    Slot& slot = at(number);
    return slot.kind == SlotKind::Free ? nullptr : &slot;
  }
  // Null unless the slot is in use.
  Slot* find(uint32_t number) {
    if (number >= made_) return nullptr;
    Slot& slot = at(number);
    return slot.kind == SlotKind::Free ? nullptr : &slot;
  }

  uint32_t used() const { return used_; }
  uint32_t made() const { return made_; }

 private:
  const Allocator* allocator_ = nullptr;
  Slot** chunks_ = nullptr;
  int32_t* generation_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t made_ = 0;  // slots 0 … made_ − 1 have been in use at some time
  uint32_t used_ = 0;
  uint32_t first_free_ = Slot::kNone;
  uint32_t last_free_ = Slot::kNone;
};

}  // namespace netmux
