#include "common/base/fd.h"

#include <unistd.h>

namespace paceline {

void Fd::Reset(int fd) {
  if (fd_ >= 0) {
    // Linux frees the descriptor even when close() says EINTR: never retry.
    ::close(fd_);
  }
  fd_ = fd;
}

}  // namespace paceline
