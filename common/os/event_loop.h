// The loop of a thread that owns descriptors but no ZeroMQ socket.
//
// epoll underneath. Input before timers: every ready descriptor is served
// before the deadline that RunOnce returns for is looked at. One thread owns a
// loop; Wake alone may be called from another.

#ifndef PACELINE_COMMON_OS_EVENT_LOOP_H_
#define PACELINE_COMMON_OS_EVENT_LOOP_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/base/waker.h"

namespace paceline {

class EventLoop {
 public:
  // `events` are epoll's.
  using Callback = std::function<void(std::uint32_t events)>;

  // Returns kResourceExhausted when no descriptors are left.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();

  // Calls `callback` whenever `fd` is ready for `events` (EPOLLIN, …; level
  // triggered). The loop does not own `fd`. A callback may add and remove
  // descriptors, its own among them. Returns the error of epoll_ctl: `fd` is
  // watched already (kAlreadyExists), cannot be watched, as a file
  // (kPermissionDenied), or is closed.
  absl::Status Add(int fd, std::uint32_t events, Callback callback);
  // Changes what `fd` is watched for. Returns kNotFound if it is not.
  absl::Status Modify(int fd, std::uint32_t events);
  // Nothing happens where `fd` is not watched. To be called before it is
  // closed.
  void Remove(int fd);

  // Waits until something is ready, Wake is called, or `deadline` has passed,
  // then runs the callbacks of what is ready. No deadline: waits for ever.
  void RunOnce(const Clock& clock, std::optional<Instant> deadline);

  // Makes the current or next RunOnce return. Safe from any thread and from
  // signal handlers.
  void Wake();

 private:
  EventLoop() = default;

  struct Watch {
    Callback callback;
    std::uint64_t generation = 0;
  };

  Fd epoll_;
  Waker waker_;
  std::uint64_t next_generation_ = 1;
  absl::flat_hash_map<int, std::shared_ptr<Watch>> watches_;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_OS_EVENT_LOOP_H_
