// What the kernel did not take of a connection's output, in order: copied bytes in blocks of the outbox's own, and
// references to buffers of the caller. It exists only while something is unsent.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "outbox_memory.h"

namespace netmux {

// Knows the caller's buffers by number. The memory behind one may vanish (a detached buffer), so it is asked before
// every use; the core never keeps a pointer across turns.
class ReferenceSource {
 public:
  // False if the buffer is not what it was: moved or of another length.
  virtual bool resolve(uint32_t reference, const uint8_t** bytes, size_t* length) = 0;
  virtual void release(uint32_t reference) = 0;

 protected:
  ~ReferenceSource() = default;
};

class Outbox {
 public:
  // Null if there is no memory. Both arguments must outlive the outbox.
  static Outbox* create(OutboxMemory* memory, ReferenceSource* references);
  // Releases everything that is queued, and the outbox. Null is allowed.
  static void destroy(Outbox* outbox);

  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Appends a copy; false (and nothing appended) if there is no memory.
  bool append(const uint8_t* bytes, size_t length);
  // Appends the bytes [offset, length) of a referenced buffer of `length` bytes and takes over the reference, which is
  // released once they are through (at once if there are none); false if there is no memory (the reference stays the
  // caller's).
  bool append_reference(uint32_t reference, size_t offset, size_t length);

  // The first parts, at most `capacity`. Their number, or −1 if one of their referenced buffers has vanished.
  int gather(iovec* parts, int capacity) const;
  // The kernel took `bytes`: frees what is through. At most size().
  void consume(size_t bytes);

  size_t size() const { return size_; }
  // Copies all that is queued to `to`, which has size() bytes. False if a referenced buffer has vanished.
  bool copy_to(uint8_t* to) const;

 private:
  // A block, whose bytes follow it in memory, or a reference. What is unsent of it is [start, end), never empty.
  struct Chunk {
    Chunk* next;
    size_t start;
    size_t end;         // of a reference: the length of the whole buffer
    uint32_t capacity;  // bytes of a block; 0 says that this is a reference
    uint32_t reference;
  };

  Outbox(OutboxMemory* memory, ReferenceSource* references) : memory_(memory), references_(references) {}
  ~Outbox() = default;

  size_t free_bytes() const;
  Chunk* new_block(size_t wanted, size_t least) const;
  void link(Chunk* first, Chunk* last);
  void free_chunk(Chunk* chunk);
  bool unsent_of(const Chunk* chunk, const uint8_t** bytes, size_t* length) const;

  OutboxMemory* memory_;
  ReferenceSource* references_;
  Chunk* first_ = nullptr;
  Chunk* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace netmux
