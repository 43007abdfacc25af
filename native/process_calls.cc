#include "process_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <new>

#include "socket_ops.h"
#include "sys_table.h"

namespace netmux {

namespace {

int or_errno(int result) { return result < 0 ? -errno : result; }

// What a signal does that arrives between the decision to exec and the first handler of the new program. A handler of
// the old one would note it in memory that is about to vanish.
struct Disposition {
  int signal;
  void (*handler)(int);
};
const Disposition kDuringExec[] = {
    // Ask for what is being done anyway; by default they would end the process. An ignored signal stays ignored across
    // exec.
    {SIGHUP, SIG_IGN},
    {SIGUSR1, SIG_IGN},
    // Must not get lost: whoever sent them waits for the process to go.
    {SIGINT, SIG_DFL},
    {SIGQUIT, SIG_DFL},
    {SIGTERM, SIG_DFL},
};
constexpr size_t kDispositions = sizeof kDuringExec / sizeof kDuringExec[0];

// The entries of the user and group data bases carry lists: a group of thousands of members needs this much and more.
constexpr size_t kFirstEntryBytes = 16 * 1024;
constexpr size_t kMostEntryBytes = 16 * 1024 * 1024;

// Calls a …_r function of the data bases with growing memory until its entry fits. What it found, or −errno.
template <typename Entry, typename Use>
int find_entry(int (*look_up)(const char*, Entry*, char*, size_t, Entry**), const char* name, Use use) {
  for (size_t bytes = kFirstEntryBytes; bytes <= kMostEntryBytes; bytes *= 4) {
    const std::unique_ptr<char[]> memory(new (std::nothrow) char[bytes]);
    if (memory == nullptr) return -ENOMEM;
    Entry entry;
    Entry* found = nullptr;
    const int error = look_up(name, &entry, memory.get(), bytes, &found);
    if (error == ERANGE) continue;
    if (found != nullptr) {
      use(entry);
      return 0;
    }
    // "Not found" has many names, among them 0, ESRCH, EBADF and EPERM: see getpwnam(3).
    return error == EIO || error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR ? -error : -ENOENT;
  }
  return -ERANGE;
}

}  // namespace

int change_root(const char* path) { return or_errno(chroot(path)); }

int replace_process(const char* file, char* const* arguments, char* const* environment) {
  struct sigaction before[kDispositions];
  for (size_t i = 0; i < kDispositions; i += 1) {
    struct sigaction during = {};
    during.sa_handler = kDuringExec[i].handler;
    sigemptyset(&during.sa_mask);
    sigaction(kDuringExec[i].signal, &during, &before[i]);
  }
  // The mask survives an exec, and nobody in the new program knows what this thread had blocked.
  sigset_t none;
  sigset_t mask;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, &mask);
  int descriptor_flags[3];
  for (int fd = 0; fd < 3; fd += 1) {
    descriptor_flags[fd] = fcntl(fd, F_GETFD);
    if (descriptor_flags[fd] >= 0) fcntl(fd, F_SETFD, descriptor_flags[fd] & ~FD_CLOEXEC);
  }

  execve(file, arguments, environment);

  const int error = errno;
  for (int fd = 0; fd < 3; fd += 1) {
    if (descriptor_flags[fd] >= 0) fcntl(fd, F_SETFD, descriptor_flags[fd]);
  }
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  for (size_t i = 0; i < kDispositions; i += 1) sigaction(kDuringExec[i].signal, &before[i], nullptr);
  return -error;
}

int lock_file(int fd) { return or_errno(flock(fd, LOCK_EX | LOCK_NB)); }

int set_close_on_exec(int fd, bool on) {
  const int flags = fcntl(fd, F_GETFD);
  if (flags < 0) return -errno;
  return or_errno(fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC));
}

int duplicate(int fd) { return or_errno(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)); }

int redirect(int fd, int target) {
  if (fd == target) return set_close_on_exec(fd, false);
  return dup2(fd, target) < 0 ? -errno : 0;
}

int open_datagram(const uint8_t* block, size_t length) {
  const SysTable& sys = system_calls();
  sockaddr_storage address;
  const int address_length = to_sockaddr(block, length, &address);
  if (address_length <= 0) return address_length < 0 ? address_length : -EINVAL;
  const int fd = sys.socket(address.ss_family, SOCK_DGRAM, 0);
  if (fd < 0) return -errno;
  if (sys.connect(fd, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(address_length)) == 0)
    return fd;
  const int error = errno;
  sys.close(fd);
  return -error;
}

int find_user(const char* name, uid_t* user, gid_t* group) {
  return find_entry<passwd>(getpwnam_r, name, [&](const passwd& entry) {
    *user = entry.pw_uid;
    *group = entry.pw_gid;
  });
}

int find_group(const char* name, gid_t* group) {
  return find_entry<::group>(getgrnam_r, name, [&](const ::group& entry) { *group = entry.gr_gid; });
}

}  // namespace netmux
