#include "outbox.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

namespace netmux {
namespace {

// A block is a multiple of this: small enough that a rest of a few hundred bytes costs little, large enough that
// writes of a few bytes each do not all allocate.
constexpr size_t kBlockMinBytes = 512;

// The largest block. A long queue costs one allocation per 64 KiB, gives memory back in pieces of this size, and stays
// below the size from which malloc maps and unmaps each block on its own (128 KiB with glibc).
constexpr size_t kBlockMaxBytes = 64 * 1024;

}  // namespace

Outbox* Outbox::create(OutboxMemory* memory, ReferenceSource* references) {
  void* place = memory->allocate(sizeof(Outbox));
  return place == nullptr ? nullptr : new (place) Outbox(memory, references);
}

void Outbox::destroy(Outbox* outbox) {
  if (outbox == nullptr) return;
  outbox->consume(outbox->size_);
  OutboxMemory* memory = outbox->memory_;
  outbox->~Outbox();
  memory->release(outbox, sizeof(Outbox));
}

bool Outbox::append(const uint8_t* bytes, size_t length) {
  const size_t in_place = std::min(length, free_bytes());
  // All blocks first, so that nothing was appended if one of them cannot be had.
  Chunk* first = nullptr;
  Chunk* last = nullptr;
  for (size_t wanted = length - in_place; wanted > 0;) {
    // As large as all that is queued: the number of blocks grows with the logarithm of a queue up to 64 KiB.
    Chunk* block = new_block(wanted, last_ == nullptr || last_->capacity == 0 ? 0 : size_);
    if (block == nullptr) {
      while (first != nullptr) {
        Chunk* next = first->next;
        free_chunk(first);
        first = next;
      }
      return false;
    }
    block->end = std::min(wanted, size_t{block->capacity});
    wanted -= block->end;
    (first == nullptr ? first : last->next) = block;
    last = block;
  }

  if (in_place > 0) {
    std::memcpy(reinterpret_cast<uint8_t*>(last_ + 1) + last_->end, bytes, in_place);
    last_->end += in_place;
  }
  const uint8_t* from = bytes + in_place;
  for (Chunk* block = first; block != nullptr; block = block->next) {
    std::memcpy(block + 1, from, block->end);
    from += block->end;
  }
  if (first != nullptr) link(first, last);
  size_ += length;
  return true;
}

bool Outbox::append_reference(uint32_t reference, size_t offset, size_t length) {
  assert(offset <= length);
  if (offset == length) {
    references_->release(reference);
    return true;
  }
  void* place = memory_->allocate(sizeof(Chunk));
  if (place == nullptr) return false;
  Chunk* chunk = new (place) Chunk{nullptr, offset, length, 0, reference};
  link(chunk, chunk);
  size_ += length - offset;
  return true;
}

int Outbox::gather(iovec* parts, int capacity) const {
  int count = 0;
  for (const Chunk* chunk = first_; chunk != nullptr && count < capacity; chunk = chunk->next) {
    const uint8_t* bytes;
    size_t length;
    if (!unsent_of(chunk, &bytes, &length)) return -1;
    // The system calls that take these parts only read them; iovec serves both directions.
    parts[count++] = {const_cast<uint8_t*>(bytes), length};
  }
  return count;
}

void Outbox::consume(size_t bytes) {
  assert(bytes <= size_);
  size_ -= bytes;
  while (bytes > 0) {
    Chunk* chunk = first_;
    const size_t length = chunk->end - chunk->start;
    if (bytes < length) {
      chunk->start += bytes;
      return;
    }
    bytes -= length;
    first_ = chunk->next;
    if (first_ == nullptr) last_ = nullptr;
    free_chunk(chunk);
  }
}

bool Outbox::copy_to(uint8_t* to) const {
  for (const Chunk* chunk = first_; chunk != nullptr; chunk = chunk->next) {
    const uint8_t* bytes;
    size_t length;
    if (!unsent_of(chunk, &bytes, &length)) return false;
    std::memcpy(to, bytes, length);
    to += length;
  }
  return true;
}

// Room behind the last byte, without a new block.
size_t Outbox::free_bytes() const {
  return last_ == nullptr || last_->capacity == 0 ? 0 : last_->capacity - last_->end;
}

// An unlinked block for `wanted` bytes or a part of them, and not smaller than `least`, within the limits of a block.
Outbox::Chunk* Outbox::new_block(size_t wanted, size_t least) const {
  const size_t content = std::min(std::max(wanted, least), kBlockMaxBytes);
  const size_t rounded = (content + sizeof(Chunk) + kBlockMinBytes - 1) / kBlockMinBytes * kBlockMinBytes;
  const size_t bytes = std::min(rounded, kBlockMaxBytes);
  void* place = memory_->allocate(bytes);
  if (place == nullptr) return nullptr;
  return new (place) Chunk{nullptr, 0, 0, static_cast<uint32_t>(bytes - sizeof(Chunk)), 0};
}

void Outbox::link(Chunk* first, Chunk* last) {
  (last_ == nullptr ? first_ : last_->next) = first;
  last_ = last;
}

void Outbox::free_chunk(Chunk* chunk) {
  if (chunk->capacity == 0) references_->release(chunk->reference);
  memory_->release(chunk, sizeof(Chunk) + chunk->capacity);
}

bool Outbox::unsent_of(const Chunk* chunk, const uint8_t** bytes, size_t* length) const {
  *length = chunk->end - chunk->start;
  if (chunk->capacity != 0) {
    *bytes = reinterpret_cast<const uint8_t*>(chunk + 1) + chunk->start;
    return true;
  }
  const uint8_t* buffer;
  size_t buffer_length;
  if (!references_->resolve(chunk->reference, &buffer, &buffer_length) || buffer_length != chunk->end) return false;
  *bytes = buffer + chunk->start;
  return true;
}

}  // namespace netmux
