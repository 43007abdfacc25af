#include "fault_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

namespace netmux_test {

namespace {

// Far from 0, 1 and 2, which belong to the test itself.
constexpr int kFirstDescriptor = 100;

// Bytes that wait in one direction of a connection.
constexpr size_t kBufferBytes = 16 * 1024;

FaultKernel* present_kernel = nullptr;

FaultKernel& kernel() { return FaultKernel::present(); }

ssize_t send_message(int fd, const msghdr* message, int) {
  return kernel().send(fd, message->msg_iov, message->msg_iovlen);
}

ssize_t send_bytes(int fd, const void* buffer, size_t length, int) {
  const iovec part = {const_cast<void*>(buffer), length};
  return kernel().send(fd, &part, 1);
}

int unsupported() {
  errno = ENOTSUP;
  return -1;
}

netmux::SysTable make_table() {
  netmux::SysTable table;
  table.accept_nonblocking = [](int fd, sockaddr* peer, socklen_t* length) {
    if (peer != nullptr) {
      sockaddr_in address = {};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      std::memcpy(peer, &address, sizeof address);
      *length = sizeof address;
    }
    return kernel().accept(fd);
  };
  table.recv = [](int fd, void* buffer, size_t length, int flags) {
    return kernel().receive(fd, buffer, length, flags);
  };
  table.recvfrom = [](int, void*, size_t, int, sockaddr*, socklen_t*) { return static_cast<ssize_t>(unsupported()); };
  table.read = [](int fd, void* buffer, size_t length) { return kernel().receive(fd, buffer, length, 0); };
  table.send = send_bytes;
  table.sendmsg = send_message;
  table.writev = [](int fd, const iovec* parts, int count) {
    return kernel().send(fd, parts, static_cast<size_t>(count));
  };
  table.socket = [](int, int, int) { return kernel().open(); };
  table.bind = [](int, const sockaddr*, socklen_t) { return 0; };
  table.listen = [](int fd, int) { return kernel().listen(fd); };
  table.connect = [](int, const sockaddr*, socklen_t) { return unsupported(); };
  table.shutdown = [](int fd, int how) { return kernel().shutdown(fd, how); };
  table.close = [](int fd) { return kernel().close(fd); };
  table.getsockopt = [](int fd, int, int name, void* value, socklen_t*) { return kernel().option(fd, name, value); };
  table.setsockopt = [](int fd, int, int name, const void*, socklen_t) {
    if (name == SO_LINGER) kernel().reset_on_close(fd);
    return 0;
  };
  table.getsockname = [](int, sockaddr* address, socklen_t* length) {
    std::memset(address, 0, sizeof(sockaddr_in));
    address->sa_family = AF_INET;
    *length = sizeof(sockaddr_in);
    return 0;
  };
  table.getpeername = table.getsockname;
  table.fstat = [](int, struct stat*) { return unsupported(); };
  table.get_flags = [](int) { return O_RDWR | O_NONBLOCK; };
  table.set_flags = [](int, int) { return 0; };
  table.monotonic_ns = [] { return kernel().now_ns; };
  return table;
}

}  // namespace

FaultKernel::FaultKernel(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1), table_(make_table()) {
  descriptors_.assign(kFirstDescriptor, kNobody);
  present_kernel = this;
}

FaultKernel::~FaultKernel() { present_kernel = nullptr; }

FaultKernel& FaultKernel::present() { return *present_kernel; }

// xorshift64*: a million rounds spend most of their time here.
uint64_t FaultKernel::below(uint64_t limit) {
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return (state_ * 0x2545f4914f6cdd1du >> 16) % limit;
}

FaultKernel::End* FaultKernel::end_at(int fd) {
  const auto number = static_cast<size_t>(fd);
  if (fd < 0 || number >= descriptors_.size() || descriptors_[number] == kNobody) return nullptr;
  return &ends_[descriptors_[number]];
}

const FaultKernel::End* FaultKernel::end_at(int fd) const { return const_cast<FaultKernel*>(this)->end_at(fd); }

FaultKernel::Id FaultKernel::make(Id other) {
  ends_[++last_].other = other;
  return last_;
}

// The number that was closed last comes first: whoever still thinks of its former owner is found out.
int FaultKernel::number_for(Id id) {
  if (free_numbers_.empty()) {
    descriptors_.push_back(id);
    return static_cast<int>(descriptors_.size()) - 1;
  }
  const int fd = free_numbers_.back();
  free_numbers_.pop_back();
  injected.numbers_reused++;
  descriptors_[static_cast<size_t>(fd)] = id;
  return fd;
}

int FaultKernel::fail(int error) {
  errno = error;
  return -1;
}

// The same, for what is no answer to what was asked but a fault.
int FaultKernel::inject(int error) {
  injected.errors[error]++;
  return fail(error);
}

size_t FaultKernel::portion(size_t bytes, uint64_t* shortened) {
  const size_t most = faults.most_bytes == 0 ? bytes : 1 + below(faults.most_bytes);
  if (most < bytes) ++*shortened;
  return std::min(bytes, most);
}

FaultKernel::Id FaultKernel::dial() {
  const Id client = make(kNobody);
  const Id server = make(client);
  ends_[client].other = server;
  ends_[listener_].queue.push_back(server);
  return client;
}

size_t FaultKernel::put(Id peer, const std::string& bytes) {
  const End& end = ends_[peer];
  if (end.broken || end.shut || end.other == kNobody) return 0;
  End& other = ends_[end.other];
  const size_t count = std::min(bytes.size(), kBufferBytes - std::min(kBufferBytes, other.arrived.size()));
  other.arrived.insert(other.arrived.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

std::string FaultKernel::get(Id peer, size_t most) {
  std::deque<char>& arrived = ends_[peer].arrived;
  const auto count = static_cast<std::ptrdiff_t>(std::min(most, arrived.size()));
  std::string bytes(arrived.begin(), arrived.begin() + count);
  arrived.erase(arrived.begin(), arrived.begin() + count);
  return bytes;
}

void FaultKernel::finish(Id peer) {
  End& end = ends_[peer];
  end.shut = true;
  if (end.other != kNobody) ends_[end.other].finished = true;
}

void FaultKernel::reset(Id peer) { leave(peer, true); }

bool FaultKernel::ended(Id peer) const {
  const End& end = ends_.at(peer);
  return end.broken || (end.finished && end.arrived.empty());
}

bool FaultKernel::was_reset(Id peer) const { return ends_.at(peer).broken; }

FaultKernel::Id FaultKernel::peer_of(int fd) const {
  const End* end = end_at(fd);
  return end == nullptr ? kNobody : end->other;
}

size_t FaultKernel::open_descriptors() const { return descriptors_.size() - kFirstDescriptor - free_numbers_.size(); }

void FaultKernel::break_off(Id id, int error) {
  End& end = ends_[id];
  end.broken = true;
  end.error = error;
  end.arrived.clear();
}

void FaultKernel::leave(Id id, bool with_reset) {
  End& end = ends_[id];
  end.gone = true;
  const Id other = end.other;
  // Unread input turns an ordinary close into a reset, as with TCP.
  const bool breaks = with_reset || !end.arrived.empty();
  if (other != kNobody && ends_.count(other) > 0) {
    if (breaks && !ends_[other].broken) {
      break_off(other, ECONNRESET);
    } else {
      ends_[other].finished = true;
    }
    if (ends_[other].gone) {
      ends_.erase(other);
      ends_.erase(id);
      return;
    }
  }
  end.broken = true;
}

int FaultKernel::accept(int fd) {
  calls++;
  End* listener = end_at(fd);
  if (listener == nullptr) return fail(EBADF);
  if (happens(faults.interrupted)) return inject(EINTR);
  if (happens(faults.accept_fails)) {
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EPROTO, EPERM, ENETDOWN, EHOSTUNREACH};
    return inject(errors[below(sizeof errors / sizeof *errors)]);
  }
  if (listener->queue.empty()) return fail(EAGAIN);
  if (happens(faults.would_block)) return inject(EAGAIN);
  const Id id = listener->queue.front();
  listener->queue.pop_front();
  return number_for(id);
}

ssize_t FaultKernel::receive(int fd, void* buffer, size_t length, int flags) {
  calls++;
  End* end = end_at(fd);
  if (end == nullptr) return fail(EBADF);
  if (happens(faults.interrupted)) return inject(EINTR);
  if (happens(faults.would_block)) return inject(EAGAIN);
  if (!end->broken && happens(faults.breaks)) {
    break_off(descriptors_[static_cast<size_t>(fd)], 0);
    return inject(below(2) == 0 ? ECONNRESET : ETIMEDOUT);
  }
  if (end->error != 0) {
    const int error = end->error;
    end->error = 0;
    return fail(error);
  }
  if (!end->arrived.empty()) {
    const auto count =
        static_cast<std::ptrdiff_t>(portion(std::min(length, end->arrived.size()), &injected.short_reads));
    std::copy(end->arrived.begin(), end->arrived.begin() + count, static_cast<char*>(buffer));
    if ((flags & MSG_PEEK) == 0) end->arrived.erase(end->arrived.begin(), end->arrived.begin() + count);
    return count;
  }
  return end->finished || end->broken ? 0 : fail(EAGAIN);
}

ssize_t FaultKernel::send(int fd, const iovec* parts, size_t count) {
  calls++;
  End* end = end_at(fd);
  if (end == nullptr) return fail(EBADF);
  if (happens(faults.interrupted)) return inject(EINTR);
  if (end->broken || end->shut) return fail(EPIPE);
  if (happens(faults.breaks)) {
    static const int errors[] = {EPIPE, ECONNRESET, ETIMEDOUT};
    break_off(descriptors_[static_cast<size_t>(fd)], 0);
    return inject(errors[below(3)]);
  }
  if (happens(faults.would_block)) return inject(EAGAIN);
  End& other = ends_[end->other];
  if (other.gone) {
    break_off(descriptors_[static_cast<size_t>(fd)], 0);
    return fail(EPIPE);
  }
  size_t total = 0;
  for (size_t i = 0; i < count; i++) total += parts[i].iov_len;
  const size_t room = kBufferBytes - std::min(kBufferBytes, other.arrived.size());
  size_t left = portion(std::min(total, room), &injected.short_writes);
  if (left == 0) return total == 0 ? 0 : fail(EAGAIN);
  const size_t sent = left;
  for (size_t i = 0; i < count && left > 0; i++) {
    const auto* bytes = static_cast<const char*>(parts[i].iov_base);
    const size_t piece = std::min(left, parts[i].iov_len);
    other.arrived.insert(other.arrived.end(), bytes, bytes + piece);
    left -= piece;
  }
  return static_cast<ssize_t>(sent);
}

int FaultKernel::open() { return number_for(make(kNobody)); }

int FaultKernel::listen(int fd) {
  End* end = end_at(fd);
  if (end == nullptr) return fail(EBADF);
  end->listening = true;
  listener_ = descriptors_[static_cast<size_t>(fd)];
  return 0;
}

int FaultKernel::shutdown(int fd, int how) {
  calls++;
  End* end = end_at(fd);
  if (end == nullptr) return fail(EBADF);
  if (how == SHUT_RD) return 0;
  end->shut = true;
  if (ends_.count(end->other) > 0) ends_[end->other].finished = true;
  return 0;
}

int FaultKernel::close(int fd) {
  calls++;
  End* end = end_at(fd);
  if (end == nullptr) return fail(EBADF);
  const Id id = descriptors_[static_cast<size_t>(fd)];
  descriptors_[static_cast<size_t>(fd)] = kNobody;
  free_numbers_.push_back(fd);
  for (const Id waiting : end->queue) leave(waiting, true);
  if (end->listening) listener_ = kNobody;
  leave(id, end->reset_on_close);
  return 0;
}

int FaultKernel::option(int fd, int name, void* value) {
  End* end = end_at(fd);
  if (end == nullptr) return fail(EBADF);
  int result = 0;
  if (name == SO_ERROR) std::swap(result, end->error);
  std::memcpy(value, &result, sizeof result);
  return 0;
}

void FaultKernel::reset_on_close(int fd) {
  End* end = end_at(fd);
  if (end != nullptr) end->reset_on_close = true;
}

void FaultKernel::watch(int fd, uint32_t slot, uint32_t generation, uint8_t interest) {
  watched_[fd] = {slot, generation, interest};
}

uint8_t FaultKernel::readiness(const End& end) const {
  using namespace netmux;
  if (end.listening) return end.queue.empty() ? 0 : kReadable;
  uint8_t bits = 0;
  if (!end.arrived.empty()) bits |= kReadable;
  if (end.finished) bits |= kReadable | kReadEnd;
  if (end.broken) bits |= kReadable | kReadEnd | kWritable | kHangup;
  if (end.error != 0) bits |= kFailed;
  if (end.finished && end.shut) bits |= kHangup;
  const auto other = ends_.find(end.other);
  if (!end.shut && (other == ends_.end() || other->second.arrived.size() < kBufferBytes)) bits |= kWritable;
  return bits;
}

int FaultKernel::poll(netmux::Ready* ready) {
  using namespace netmux;
  int count = 0;
  for (auto& [fd, watch] : watched_) {
    const End* end = end_at(fd);
    uint8_t bits = end == nullptr ? 0 : readiness(*end);
    const uint8_t asked =
        static_cast<uint8_t>(watch.interest | ((watch.interest & kReadable) ? kReadEnd : 0) | kHangup | kFailed);
    bits &= asked;
    if (bits == 0 && happens(faults.spurious)) {
      bits = watch.interest;
      injected.spurious++;
    }
    if (bits == 0) continue;
    if (count + 2 > kReadyCapacity) break;
    if (happens(faults.late)) {
      watch.held |= bits;
      injected.late++;
      continue;
    }
    if (watch.held != 0 && (bits & ~watch.held) != 0) injected.merged++;
    watch.held = 0;
    ready[count++] = {watch.slot, watch.generation, bits};
    if (!happens(faults.doubled)) continue;
    ready[count++] = {watch.slot, watch.generation, bits};
    injected.doubled++;
  }
  bool reordered = false;
  for (int i = faults.shuffled ? count - 1 : 0; i > 0; i--) {
    const auto other = static_cast<int>(below(static_cast<uint64_t>(i) + 1));
    reordered = reordered || other != i;
    std::swap(ready[i], ready[other]);
  }
  if (reordered) injected.reordered++;
  delivered += static_cast<uint64_t>(count);
  return count;
}

}  // namespace netmux_test
