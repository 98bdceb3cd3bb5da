// Ends a wait for descriptors from another thread: an eventfd.

#ifndef PACELINE_COMMON_BASE_WAKER_H_
#define PACELINE_COMMON_BASE_WAKER_H_

#include "common/base/fd.h"

namespace paceline {

class Waker {
 public:
  Waker();

  // False when no descriptors were left.
  bool valid() const { return fd_.valid(); }
  // Readable from Wake to Clear.
  int fd() const { return fd_.get(); }

  // Safe from any thread and from signal handlers.
  void Wake() const;
  // A Wake from now on is for the next wait.
  void Clear() const;

 private:
  Fd fd_;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_BASE_WAKER_H_
