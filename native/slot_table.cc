#include "slot_table.h"

#include <new>

namespace netmux {

SlotTable::~SlotTable() {
  if (chunks_ == nullptr) return;
  for (uint32_t chunk = 0; chunk * kChunkSlots < made_; chunk += 1) allocator_->release(chunks_[chunk]);
  allocator_->release(chunks_);
}

bool SlotTable::init(uint32_t capacity, int32_t* generation, const Allocator& allocator) {
  allocator_ = &allocator;
  capacity_ = capacity;
  generation_ = generation;
  const size_t chunks = (capacity + kChunkSlots - 1) / kChunkSlots;
  chunks_ = static_cast<Slot**>(allocator.allocate_zeroed(chunks * sizeof(Slot*)));
  return chunks_ != nullptr;
}

uint32_t SlotTable::acquire() {
  uint32_t number = first_free_;
  if (number != Slot::kNone) {
    first_free_ = at(number).next;
    if (first_free_ == Slot::kNone) last_free_ = Slot::kNone;
  } else {
    if (made_ == capacity_) return Slot::kNone;
    Slot*& chunk = chunks_[made_ / kChunkSlots];
    if (chunk == nullptr) chunk = static_cast<Slot*>(allocator_->allocate(kChunkSlots * sizeof(Slot)));
    if (chunk == nullptr) return Slot::kNone;
    number = made_;
    made_ += 1;
    generation_[number] = 1;
  }
  new (&at(number)) Slot();
  used_ += 1;
  return number;
}

void SlotTable::release(uint32_t number) {
  Slot& slot = at(number);
  slot.kind = SlotKind::Free;
  slot.next = Slot::kNone;
  // Unsigned, because the generation may wrap: it is only ever compared for equality.
  generation_[number] = static_cast<int32_t>(static_cast<uint32_t>(generation_[number]) + 1);
  if (last_free_ == Slot::kNone) {
    first_free_ = number;
  } else {
    at(last_free_).next = number;
  }
  last_free_ = number;
  used_ -= 1;
}

}  // namespace netmux
