// A kernel in memory that is as hostile as the real one may be, and the same for the same seed: sockets, listeners and
// readiness behind SysTable and Poller (fault_poller.cc takes the place of poller_epoll.cc where a test is linked).
// Calls are interrupted, move a few bytes, or fail; readiness is late, out of order, or about nothing; a descriptor number
// is given to the next socket as soon as it is closed.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "poller.h"
#include "sys_table.h"

namespace netmux_test {

// How often, in calls of a thousand, and how.
struct Faults {
  uint32_t interrupted = 0;   // EINTR
  uint32_t would_block = 0;   // EAGAIN although there is something
  uint32_t most_bytes = 0;    // of one call: 1 … this; 0 = all there are
  uint32_t accept_fails = 0;  // with one of the errors that accept knows
  uint32_t breaks = 0;        // ECONNRESET, EPIPE or ETIMEDOUT on a connection
  uint32_t late = 0;          // readiness that is told in a later wait, merged with what comes then
  uint32_t spurious = 0;      // readiness of what is not ready
  uint32_t doubled = 0;       // an entry that comes twice in one result
  bool shuffled = false;      // entries in any order
};

// How often each of them came about.
struct Injected {
  static constexpr int kErrors = 256;
  uint64_t errors[kErrors] = {};  // by errno
  uint64_t short_reads = 0;
  uint64_t short_writes = 0;
  uint64_t late = 0;
  uint64_t merged = 0;  // readiness that was late and came with more
  uint64_t spurious = 0;
  uint64_t doubled = 0;
  uint64_t reordered = 0;  // results with entries in another order
  uint64_t numbers_reused = 0;
};

class FaultKernel {
 public:
  using Id = uint32_t;  // names an end of a connection for good, unlike its descriptor
  static constexpr Id kNobody = 0;

  explicit FaultKernel(uint64_t seed);
  ~FaultKernel();
  FaultKernel(const FaultKernel&) = delete;
  FaultKernel& operator=(const FaultKernel&) = delete;

  // The one that SysTable and Poller act on now.
  static FaultKernel& present();
  const netmux::SysTable& table() const { return table_; }

  Faults faults;
  Injected injected;
  int64_t now_ns = 1'000'000'000'000;
  uint64_t calls = 0;      // of the reactor
  uint64_t delivered = 0;  // entries of poll()

  uint64_t below(uint64_t limit);
  bool happens(uint32_t permille) { return permille > 0 && below(1000) < permille; }

  // The other ends, which have no descriptors. A client of the only listener:
  Id dial();
  // How many of the bytes fit.
  size_t put(Id peer, const std::string& bytes);
  // What has arrived, at most so much.
  std::string get(Id peer, size_t most = SIZE_MAX);
  void finish(Id peer);  // its FIN
  void reset(Id peer);
  bool ended(Id peer) const;  // the FIN or a reset has arrived, and all before it was taken
  bool was_reset(Id peer) const;
  // Who is at the other end of a descriptor of the reactor; kNobody if it has none such.
  Id peer_of(int fd) const;
  size_t open_descriptors() const;

  // SysTable
  int accept(int fd);
  ssize_t receive(int fd, void* buffer, size_t length, int flags);
  ssize_t send(int fd, const iovec* parts, size_t count);
  int open();
  int listen(int fd);
  int shutdown(int fd, int how);
  int close(int fd);
  int option(int fd, int name, void* value);
  void reset_on_close(int fd);

  // Poller
  void watch(int fd, uint32_t slot, uint32_t generation, uint8_t interest);
  bool is_watched(int fd) const { return watched_.count(fd) > 0; }
  bool is_open(int fd) const { return end_at(fd) != nullptr; }
  void unwatch(int fd) { watched_.erase(fd); }
  int poll(netmux::Ready* ready);

 private:
  // One end of a connection, or a listener.
  struct End {
    Id other = kNobody;
    std::deque<char> arrived;
    bool finished = false;  // the other end sends no more
    bool shut = false;      // this one sends no more
    bool broken = false;    // reset
    int error = 0;          // SO_ERROR
    bool gone = false;      // closed
    bool reset_on_close = false;
    bool listening = false;
    std::deque<Id> queue;  // of a listener: ends of those who knock
  };
  struct Watch {
    uint32_t slot;
    uint32_t generation;
    uint8_t interest;
    uint8_t held = 0;  // readiness that was not told yet
  };

  End* end_at(int fd);
  const End* end_at(int fd) const;
  Id make(Id other);
  int number_for(Id id);
  int fail(int error);
  int inject(int error);
  void break_off(Id id, int error);
  void leave(Id id, bool with_reset);
  uint8_t readiness(const End& end) const;
  size_t portion(size_t bytes, uint64_t* shortened);

  uint64_t state_;
  netmux::SysTable table_;
  std::map<Id, End> ends_;
  std::vector<Id> descriptors_;  // by number; kNobody = free
  std::vector<int> free_numbers_;
  std::map<int, Watch> watched_;
  Id last_ = kNobody;
  Id listener_ = kNobody;
};

}  // namespace netmux_test
