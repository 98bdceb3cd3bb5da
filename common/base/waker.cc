#include "common/base/waker.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace paceline {

Waker::Waker() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Waker::Wake() const {
  const int saved_errno = errno;
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the wait ends anyway.
  static_cast<void>(!write(fd_.get(), &one, sizeof one));
  errno = saved_errno;
}

void Waker::Clear() const {
  std::uint64_t count = 0;
  static_cast<void>(!read(fd_.get(), &count, sizeof count));
}

}  // namespace paceline
