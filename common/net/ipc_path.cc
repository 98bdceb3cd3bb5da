#include "common/net/ipc_path.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/fd.h"

namespace paceline {
namespace {

// An address in the kernel's own namespace: no file.
bool IsAbstract(const std::string& path) {
  return !path.empty() && path[0] == '@';
}

}  // namespace

int LookAtIpcPath(const std::string& path) {
  struct stat info {};
  if (IsAbstract(path)) {
    return 0;
  }
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? 0 : errno;
  }
  if (!S_ISSOCK(info.st_mode)) {
    return ENOTSOCK;
  }
  const Fd probe(
      socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) {
    return errno;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(),
              std::min(path.size(), sizeof address.sun_path - 1));
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address),
              sizeof address) == 0) {
    return EADDRINUSE;
  }
  switch (errno) {
    case ECONNREFUSED:
    case ENOENT:  // it has gone meanwhile
      return 0;
    case EAGAIN:      // so many wait to be taken
    case EPROTOTYPE:  // no stream
      return EADDRINUSE;
    default:
      return errno;
  }
}

IpcFile::IpcFile(std::string path) {
  struct stat info {};
  if (!IsAbstract(path) && lstat(path.c_str(), &info) == 0) {
    path_ = std::move(path);
    device_ = info.st_dev;
    inode_ = info.st_ino;
  }
}

IpcFile::IpcFile(IpcFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

IpcFile::~IpcFile() {
  struct stat info {};
  if (!path_.empty() && lstat(path_.c_str(), &info) == 0 &&
      info.st_dev == device_ && info.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

}  // namespace paceline
