// How records of kqueue become entries of the reactor. That a kernel sends such records is not tested here.
#include "kqueue_merge.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "check.h"

using namespace netmux;
using netmux_test::Random;

namespace {

constexpr FilterEvent readable(uint32_t slot, bool end = false, bool error = false) {
  return {slot, 1, kReadable, end, error};
}
constexpr FilterEvent writable(uint32_t slot, bool end = false, bool error = false) {
  return {slot, 1, kWritable, end, error};
}

std::vector<Ready> merge(const std::vector<FilterEvent>& events) {
  std::vector<Ready> ready(kReadyCapacity);
  ready.resize(static_cast<size_t>(merge_filter_events(events.data(), static_cast<int>(events.size()), ready.data())));
  return ready;
}

// The bits of the one entry that `events` make.
int bits(const std::vector<FilterEvent>& events) {
  const std::vector<Ready> ready = merge(events);
  return CHECK_EQUAL(ready.size(), 1) ? ready[0].events : -1;
}

}  // namespace

TEST("no events make no entries") { CHECK(merge({}).empty()); }

TEST("one filter makes one bit") {
  CHECK_EQUAL(bits({readable(5)}), kReadable);
  CHECK_EQUAL(bits({writable(5)}), kWritable);
}

TEST("two filters of one descriptor make one entry, in either order and from any distance") {
  CHECK_EQUAL(bits({readable(5), writable(5)}), kReadable | kWritable);
  CHECK_EQUAL(bits({writable(5), readable(5)}), kReadable | kWritable);

  const std::vector<Ready> ready = merge({readable(5), readable(9), writable(2), writable(9), writable(5)});
  CHECK_EQUAL(ready.size(), 3);
  CHECK(ready[0].slot == 5 && ready[0].events == (kReadable | kWritable));
  CHECK(ready[1].slot == 9 && ready[1].events == (kReadable | kWritable));
  CHECK(ready[2].slot == 2 && ready[2].events == kWritable);
}

TEST("the end of reading leaves the bytes before it readable") {
  CHECK_EQUAL(bits({readable(5, true)}), kReadable | kReadEnd);
  CHECK_EQUAL(bits({readable(5, true), writable(5)}), kReadable | kReadEnd | kWritable);
}

TEST("the end of writing alone is for the next write to find out") {
  CHECK_EQUAL(bits({writable(5, true)}), kWritable);
  CHECK_EQUAL(bits({writable(5, true), readable(5)}), kReadable | kWritable);
}

TEST("both ends are a hang-up, in either order") {
  const int hangup = kReadable | kWritable | kReadEnd | kHangup;
  CHECK_EQUAL(bits({readable(5, true), writable(5, true)}), hangup);
  CHECK_EQUAL(bits({writable(5, true), readable(5, true)}), hangup);
}

TEST("an error of either filter is a failure") {
  CHECK_EQUAL(bits({readable(5, true, true)}), kReadable | kReadEnd | kFailed);
  // A refused connection: nobody reads yet.
  CHECK_EQUAL(bits({writable(5, true, true)}), kWritable | kFailed);
  CHECK_EQUAL(bits({readable(5), writable(5, false, true)}), kReadable | kWritable | kFailed);
}

TEST("the ends of two owners of a slot are not added up") {
  FilterEvent later = writable(5, true);
  later.generation = 2;
  const std::vector<Ready> ready = merge({readable(5, true), later});
  CHECK_EQUAL(ready.size(), 2);
  CHECK(ready[0].generation == 1 && ready[0].events == (kReadable | kReadEnd));
  CHECK(ready[1].generation == 2 && ready[1].events == kWritable);
}

TEST("full results of slots that share a place of the index, its last one, are merged, too") {
  std::vector<FilterEvent> events;
  for (uint32_t i = 0; i < kReadyCapacity / 2; i++) events.push_back(readable(i << 14 | 2047));
  for (uint32_t i = 0; i < kReadyCapacity / 2; i++) events.push_back(writable(i << 14 | 2047));
  const std::vector<Ready> ready = merge(events);
  CHECK_EQUAL(ready.size(), kReadyCapacity / 2);
  for (const Ready& entry : ready) CHECK_EQUAL(entry.events, kReadable | kWritable);
}

TEST("random results are what a map makes of them") {
  Random random;
  for (int round = 0; round < 500; round++) {
    const uint64_t slots = 1 + random.below(2'000);
    std::vector<FilterEvent> events(random.below(kReadyCapacity + 1));
    struct Expected {
      int bits = 0;
      bool write_end = false;
    };
    std::map<std::pair<uint32_t, uint32_t>, Expected> expected;
    for (FilterEvent& event : events) {
      event = {static_cast<uint32_t>(random.below(slots) * 512), static_cast<uint32_t>(random.below(2)),
               random.below(2) == 0 ? kReadable : kWritable, random.below(4) == 0, random.below(8) == 0};
      Expected& entry = expected[{event.slot, event.generation}];
      entry.bits |= event.filter | (event.error ? kFailed : 0);
      if (event.end && event.filter == kReadable) entry.bits |= kReadEnd;
      if (event.end && event.filter == kWritable) entry.write_end = true;
    }
    const std::vector<Ready> ready = merge(events);
    if (!CHECK_EQUAL(ready.size(), expected.size())) return;
    for (const Ready& entry : ready) {
      const Expected& wanted = expected[{entry.slot, entry.generation}];
      const int hangup = wanted.write_end && (wanted.bits & kReadEnd) ? kHangup : 0;
      if (!CHECK_EQUAL(entry.events, wanted.bits | hangup)) return;
    }
  }
}
