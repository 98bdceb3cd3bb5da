// The time until a deadline, as poll(2) and epoll_wait(2) take it.

#ifndef PACELINE_COMMON_BASE_POLL_TIMEOUT_H_
#define PACELINE_COMMON_BASE_POLL_TIMEOUT_H_

#include <algorithm>
#include <chrono>
#include <optional>

#include "common/base/clock.h"

namespace paceline {

// In milliseconds, rounded up, so that a deadline is never looked at too early
// and never spun for. From 0 to an hour; -1 without a deadline.
inline int PollTimeout(const Clock& clock, std::optional<Instant> deadline) {
  if (!deadline.has_value()) {
    return -1;
  }
  return static_cast<int>(
      std::chrono::ceil<std::chrono::milliseconds>(
          std::clamp<Duration>(*deadline - clock.Now(), Duration::zero(),
                               std::chrono::hours(1)))
          .count());
}

}  // namespace paceline

#endif  // PACELINE_COMMON_BASE_POLL_TIMEOUT_H_
