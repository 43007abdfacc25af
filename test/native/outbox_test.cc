// The outbox against a std::string that holds the same bytes, and against a heap that has no memory.
#include "outbox.h"

#include <cstdint>
#include <map>
#include <string>

#include "check.h"
#include "failing_allocator.h"

using netmux::Outbox;
using netmux::OutboxMemory;
using netmux::ReferenceSource;
using netmux_test::kFailingAllocator;
using netmux_test::lending;
using netmux_test::Random;
using netmux_test::reset_lending;

namespace {

class Buffers : public ReferenceSource {
 public:
  bool resolve(uint32_t reference, const uint8_t** bytes, size_t* length) override {
    resolved++;
    const auto found = buffers_.find(reference);
    if (found == buffers_.end() || vanished == reference) return false;
    *bytes = reinterpret_cast<const uint8_t*>(found->second.data());
    *length = found->second.size();
    return true;
  }
  void release(uint32_t reference) override { CHECK_EQUAL(buffers_.erase(reference), 1); }

  uint32_t add(const std::string& bytes) {
    buffers_[++last_] = bytes;
    return last_;
  }
  void resize(uint32_t reference, size_t length) { buffers_[reference].resize(length); }
  size_t held() const { return buffers_.size(); }

  uint32_t vanished = 0;
  int resolved = 0;

 private:
  std::map<uint32_t, std::string> buffers_;
  uint32_t last_ = 0;
};

// An outbox whose memory is counted; all of it, and all references, must be back at the end.
struct Box {
  Box() : outbox(Outbox::create(&memory, &buffers)) { CHECK(outbox != nullptr); }
  ~Box() {
    Outbox::destroy(outbox);
    CHECK_EQUAL(lending().blocks, 0);
    CHECK_EQUAL(buffers.held(), 0);
  }
  bool append(const std::string& bytes) {
    return outbox->append(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  std::string copy() {
    std::string bytes(outbox->size(), '?');
    CHECK(outbox->copy_to(reinterpret_cast<uint8_t*>(bytes.data())));
    return bytes;
  }
  std::string gathered(int capacity) {
    iovec parts[1024];
    const int count = outbox->gather(parts, capacity);
    CHECK(count >= 0 && count <= capacity);
    std::string bytes;
    for (int i = 0; i < count; i++) {
      // writev ends at an empty part on no system, but it would be one system call for nothing.
      CHECK(parts[i].iov_len > 0);
      bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    }
    return bytes;
  }

  Buffers buffers;
  OutboxMemory memory{kFailingAllocator};
  Outbox* outbox;
};

std::string random_bytes(Random& random, size_t length) {
  std::string bytes(length, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.bits());
  return bytes;
}

// All sizes equally often, up to some 250 KB, the size of a full output slab.
size_t random_size(Random& random) { return random.below(uint64_t{1} << random.below(19)); }

}  // namespace

TEST("an empty outbox has nothing to give") {
  Box box;
  iovec part;
  CHECK_EQUAL(box.outbox->size(), 0);
  CHECK_EQUAL(box.outbox->gather(&part, 1), 0);
  CHECK(box.copy().empty());
  CHECK(box.append(""));
  CHECK_EQUAL(box.outbox->gather(&part, 1), 0);
  box.outbox->consume(0);
}

TEST("bytes and references leave in the order in which they came") {
  Box box;
  CHECK(box.append("one "));
  CHECK(box.outbox->append_reference(box.buffers.add("xxtwo "), 2, 6));
  CHECK(box.append("three "));
  CHECK(box.append("four"));
  CHECK_EQUAL(box.outbox->size(), 18);
  CHECK(box.copy() == "one two three four");
  CHECK(box.gathered(1) == "one ");
  CHECK(box.gathered(8) == "one two three four");
  box.outbox->consume(6);
  CHECK(box.copy() == "o three four");
  CHECK(box.gathered(1) == "o ");
}

TEST("copied bytes are a copy") {
  Box box;
  std::string mine = "before";
  CHECK(box.append(mine));
  mine.assign("after!");
  CHECK(box.copy() == "before");
}

TEST("a reference is released when its last byte is through, and not before") {
  Box box;
  CHECK(box.outbox->append_reference(box.buffers.add("abcdef"), 0, 6));
  CHECK(box.append("g"));
  box.outbox->consume(5);
  CHECK_EQUAL(box.buffers.held(), 1);
  box.outbox->consume(1);
  CHECK_EQUAL(box.buffers.held(), 0);
  CHECK(box.copy() == "g");
}

TEST("a reference of which nothing is left is released at once") {
  Box box;
  CHECK(box.outbox->append_reference(box.buffers.add("sent"), 4, 4));
  CHECK_EQUAL(box.buffers.held(), 0);
  CHECK_EQUAL(box.outbox->size(), 0);
}

TEST("the source is asked before every use") {
  Box box;
  CHECK(box.outbox->append_reference(box.buffers.add("abc"), 0, 3));
  box.gathered(1);
  box.gathered(1);
  box.copy();
  CHECK_EQUAL(box.buffers.resolved, 3);
}

TEST("a buffer that has vanished or has another length is an answer, and is released all the same") {
  for (const bool resized : {false, true}) {
    Box box;
    CHECK(box.append("first"));
    const uint32_t reference = box.buffers.add("second");
    CHECK(box.outbox->append_reference(reference, 0, 6));
    if (resized) {
      box.buffers.resize(reference, 5);
    } else {
      box.buffers.vanished = reference;
    }
    iovec parts[4];
    uint8_t bytes[16];
    CHECK_EQUAL(box.outbox->gather(parts, 4), -1);
    CHECK(!box.outbox->copy_to(bytes));
    // What lies before it can still be asked for alone.
    CHECK(box.gathered(1) == "first");
    CHECK_EQUAL(box.outbox->size(), 11);
  }
}

TEST("appends that fill a block to the byte, or miss it by one, lose nothing") {
  Random random;
  // The content of the smallest and of the largest block, with a header of 32 bytes.
  for (const size_t content : {480, 65'504}) {
    for (size_t length = content - 2; length <= content + 2; length++) {
      for (size_t following = 1; following <= 3; following++) {
        Box box;
        const std::string first = random_bytes(random, length);
        const std::string second = random_bytes(random, following);
        CHECK(box.append(first) && box.append(second) && box.append(first));
        CHECK(box.copy() == first + second + first);
      }
    }
  }
}

TEST("random appends, references and partial sends keep every byte in order") {
  Random random;
  for (int round = 0; round < 20; round++) {
    Box box;
    std::string expected;
    for (int step = 0; step < 500; step++) {
      const uint64_t what = random.below(8);
      if (what < 3) {
        const std::string bytes = random_bytes(random, random_size(random));
        if (!CHECK(box.append(bytes))) return;
        expected += bytes;
      } else if (what == 3) {
        const std::string bytes = random_bytes(random, random_size(random));
        const size_t offset = random.below(bytes.size() + 1);
        if (!CHECK(box.outbox->append_reference(box.buffers.add(bytes), offset, bytes.size()))) return;
        expected.append(bytes, offset);
      } else if (what < 7) {
        const std::string head = box.gathered(static_cast<int>(1 + random.below(64)));
        if (!CHECK(head == expected.substr(0, head.size())) || !CHECK(head.empty() == expected.empty())) return;
        const size_t taken = random.below(head.size() + 1);
        box.outbox->consume(taken);
        expected.erase(0, taken);
      } else if (random.below(8) == 0) {
        box.outbox->consume(expected.size());
        expected.clear();
      }
      if (!CHECK_EQUAL(box.outbox->size(), expected.size())) return;
    }
    CHECK(box.copy() == expected);
  }
}

TEST("whichever request for memory fails, nothing is appended, nothing leaks, and the rest can be sent") {
  Random random;
  const std::string small = random_bytes(random, 700);
  const std::string large = random_bytes(random, 300'000);
  bool failed = true;
  for (int nth = 2; failed; nth++) {
    reset_lending(nth);
    Box box;
    std::string expected;
    failed = false;
    for (const std::string* bytes : {&small, &large, &small, &large}) {
      if (box.append(*bytes)) {
        expected += *bytes;
      } else {
        failed = true;
      }
      const uint32_t reference = box.buffers.add(*bytes);
      if (box.outbox->append_reference(reference, 100, bytes->size())) {
        expected.append(*bytes, 100);
      } else {
        failed = true;
        // It stayed ours.
        box.buffers.release(reference);
      }
    }
    CHECK_EQUAL(box.outbox->size(), expected.size());
    CHECK(box.copy() == expected);
    if (!failed) CHECK(nth > 10);
  }
  CHECK_EQUAL(lending().blocks, 0);
}

TEST("no memory for the outbox itself is null, which may be destroyed") {
  Buffers buffers;
  OutboxMemory memory(kFailingAllocator);
  reset_lending(1);
  Outbox* outbox = Outbox::create(&memory, &buffers);
  CHECK(outbox == nullptr);
  Outbox::destroy(outbox);
  CHECK_EQUAL(lending().blocks, 0);
}

TEST("a small rest costs at most half a kilobyte more than itself") {
  for (const size_t length : {1, 100, 400, 600, 2'000, 10'000}) {
    reset_lending();
    Box box;
    CHECK(box.append(std::string(length, 'x')));
    CHECK(lending().total <= length + 512 + sizeof(Outbox) + 32);
  }
}

TEST("a queue of megabytes made of small writes is linear work in blocks of 64 KiB") {
  reset_lending();
  Box box;
  const std::string line(100, 'x');
  for (int i = 0; i < 80'000; i++) CHECK(box.append(line));
  CHECK_EQUAL(box.outbox->size(), 8'000'000);
  CHECK(lending().largest <= 64 * 1024);
  CHECK(lending().requests < 8'000'000 / 65'000 + 20);
  CHECK(lending().total < 8'000'000 + 2 * 65'536);
}

TEST("blocks go back to the heap as the kernel takes their bytes") {
  reset_lending();
  Box box;
  CHECK(box.append(std::string(1'000'000, 'x')));
  const int full = lending().blocks;
  box.outbox->consume(500'000);
  CHECK(lending().blocks <= full / 2 + 2);
  box.outbox->consume(500'000);
  CHECK_EQUAL(lending().blocks, 1);
}
