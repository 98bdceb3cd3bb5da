// The file of an ipc:// endpoint that is listened on.
//
// libzmq removes whatever is at the path before it binds there, a living
// coordinator's socket and a file of the user's alike, and leaves its own
// behind when it is done. This looks first, and removes afterwards.

#ifndef PACELINE_COMMON_NET_IPC_PATH_H_
#define PACELINE_COMMON_NET_IPC_PATH_H_

#include <sys/types.h>

#include <string>

namespace paceline {

// Whether a socket may be bound at `path`: 0 if nothing is there, or a socket
// that nobody listens on any more. EADDRINUSE if somebody does, ENOTSOCK for
// anything that is no socket, else the errno of looking.
int LookAtIpcPath(const std::string& path);

// The socket that this process has bound at a path.
class IpcFile {
 public:
  // `path` has just been bound. (One that begins with @ has no file.)
  explicit IpcFile(std::string path);
  // Removes it unless something else is there by now.
  ~IpcFile();
  IpcFile(IpcFile&& other) noexcept;
  IpcFile& operator=(IpcFile&&) = delete;

 private:
  std::string path_;  // empty: nothing to remove
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_NET_IPC_PATH_H_
