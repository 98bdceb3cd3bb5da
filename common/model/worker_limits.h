// WorkerLimits: a host's ceilings for one worker, each optional.
//
// These are the soft ceilings at which a worker is replaced between units.
// What a reading over one of them means is decided in agent/recycle.h.

#ifndef PACELINE_COMMON_MODEL_WORKER_LIMITS_H_
#define PACELINE_COMMON_MODEL_WORKER_LIMITS_H_

#include <cstdint>
#include <optional>

#include "common/base/clock.h"

namespace paceline {

// An absent ceiling is not looked at.
struct WorkerLimits {
  std::optional<std::uint64_t> max_rss_bytes = std::uint64_t{1} << 30;
  std::optional<std::uint32_t> max_open_fds = 200;
  std::optional<Duration> max_age = std::chrono::minutes(10);

  // No ceiling at all; for tests of one signal alone.
  static WorkerLimits Unlimited() {
    return WorkerLimits{std::nullopt, std::nullopt, std::nullopt};
  }

  friend bool operator==(const WorkerLimits&, const WorkerLimits&) = default;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_MODEL_WORKER_LIMITS_H_
