// What an engine guarantees of its records (docs/architecture.md), checked on every record of every test of the reactor,
// whatever else the test is about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "check.h"
#include "contract.h"

namespace netmux_test {

using netmux::RecordKind;

// A record as it was when it was delivered, with its bytes.
struct Seen {
  RecordKind kind;
  uint32_t slot;
  int32_t generation;
  int32_t a;
  int32_t b;
  std::string bytes;  // of Data and Datagram: the payload
  std::string block;  // of Datagram: the sender's address block
};

inline Seen read_record(const netmux::SharedMemory& memory, int32_t index) {
  const int32_t* words = memory.records + index * netmux::kWords;
  const auto head = static_cast<uint32_t>(words[0]);
  Seen record = {static_cast<RecordKind>(head & 0xff), head >> 8, words[1], words[2], words[3], {}, {}};
  const auto* slab = reinterpret_cast<const char*>(memory.read_slab);
  if (record.kind == RecordKind::Data) record.bytes.assign(slab + record.a, static_cast<size_t>(record.b));
  if (record.kind == RecordKind::Datagram) {
    const size_t path = static_cast<uint8_t>(slab[record.a + 1]);
    const size_t padded = (netmux::kAddressBytes + path + 3) & ~size_t{3};
    record.block.assign(slab + record.a, netmux::kAddressBytes + path);
    record.bytes.assign(slab + record.a + padded, static_cast<size_t>(record.b));
  }
  return record;
}

// "Data:hello", "Eof:0", "Drained" …
inline std::string describe(const Seen& record) {
  static const char* const names[] = {
      "?",     "Accept",    "Data",          "Datagram",      "Eof",        "Drained", "Flushed", "WriteFailed",
      "Timer", "Connected", "ConnectFailed", "ListenerError", "SendFailed", "Refused", "Expired"};
  const auto kind = static_cast<size_t>(record.kind);
  std::string text = kind < sizeof names / sizeof *names ? names[kind] : "?";
  switch (record.kind) {
    case RecordKind::Data:
    case RecordKind::Datagram:
      return text + ':' + record.bytes;
    case RecordKind::Eof:
    case RecordKind::WriteFailed:
    case RecordKind::ConnectFailed:
    case RecordKind::ListenerError:
    case RecordKind::SendFailed:
    case RecordKind::Expired:
      return text + ':' + std::to_string(record.a);
    case RecordKind::Refused:
      return text + ':' + std::to_string(record.a) + 'x' + std::to_string(record.b);
    default:
      return text;
  }
}

class Guarantees {
 public:
  // A Close was put into the ring: what is reported from the next batch on is too much.
  void close_ordered(uint32_t slot, int32_t generation, bool in_batch) {
    if (in_batch) {
      closing_.push_back(&owners_[{slot, generation}]);
    } else {
      owners_[{slot, generation}].closed = true;
    }
  }
  void batch_ended() {
    for (Owner* owner : closing_) owner->closed = true;
    closing_.clear();
  }

  // `Eof` may follow `Eof`, because Discard asks for one of its own.
  void judge(const Seen& record, const netmux::SharedMemory& memory) {
    if (!CHECK(record.slot < memory.max_handles)) return;
    Owner& owner = owners_[{record.slot, record.generation}];
    // A listener's trouble may be noted outside a turn; it may be closed before the batch.
    const bool own_time = record.kind != RecordKind::ListenerError;
    if (own_time) CHECK_EQUAL(record.generation, memory.generation[record.slot]);
    CHECK(!owner.closed || !own_time);
    switch (record.kind) {
      case RecordKind::Data:
        CHECK(!owner.ended && !owner.connect_failed && record.b > 0);
        owner.heard_of = true;
        break;
      case RecordKind::Eof:
        CHECK(!owner.connect_failed);
        owner.ended = owner.heard_of = true;
        break;
      case RecordKind::Drained:
        CHECK((memory.interest[record.slot] & netmux::Interest::Drained) != 0);
        CHECK(!owner.write_over && !owner.connect_failed);
        owner.heard_of = true;
        break;
      case RecordKind::Flushed:
      case RecordKind::WriteFailed:
        CHECK(!owner.write_over && !owner.connect_failed);
        owner.write_over = owner.heard_of = true;
        break;
      case RecordKind::Connected:
        CHECK(!owner.heard_of);
        owner.heard_of = true;
        break;
      case RecordKind::ConnectFailed:
        CHECK(!owner.heard_of);
        owner.connect_failed = true;
        break;
      default:
        break;
    }
  }

 private:
  struct Key {
    uint32_t slot;
    int32_t generation;
    bool operator<(const Key& other) const {
      return slot != other.slot ? slot < other.slot : generation < other.generation;
    }
  };
  struct Owner {
    bool closed = false;
    bool ended = false;
    bool write_over = false;  // Flushed or WriteFailed was reported
    bool heard_of = false;    // something that a connection must not report before Connected
    bool connect_failed = false;
  };

  std::map<Key, Owner> owners_;
  std::vector<Owner*> closing_;
};

}  // namespace netmux_test
