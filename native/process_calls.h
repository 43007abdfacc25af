// Calls of a daemon's life that Node has no name for. Stateless; all answers are a value, 0 or −errno.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace netmux {

// The root directory; the working directory stays where it was, outside.
int change_root(const char* path);

// Replaces the program of this process. Returns only if that failed, with −errno, and then everything is as it was.
// `arguments` and `environment` end with a null pointer.
int replace_process(const char* file, char* const* arguments, char* const* environment);

// An exclusive lock on the open file, without waiting: −EWOULDBLOCK if somebody else has it. It ends with the last
// descriptor.
int lock_file(int fd);

int set_close_on_exec(int fd, bool on);

// A second descriptor of the same open file, close-on-exec, and none of the standard ones.
int duplicate(int fd);

// Makes `target` another name of what `fd` is; what `target` was is closed. Unlike `fd`, it stays open across an exec.
int redirect(int fd, int target);

// A datagram socket whose peer is the address of an address block (contract.h). Non-blocking, close-on-exec.
int open_datagram(const uint8_t* block, size_t length);

// 0, −ENOENT if there is no such name, or what the name service says.
int find_user(const char* name, uid_t* user, gid_t* group);
int find_group(const char* name, gid_t* group);

}  // namespace netmux
