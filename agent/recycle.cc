#include "agent/recycle.h"

#include <cstdint>

namespace paceline {

std::optional<RecycleReason> EvaluateRecycle(const WorkerHealth& health,
                                             Duration age,
                                             const WorkerLimits& limits) {
  if (limits.max_rss_bytes.has_value() && health.rss_bytes.has_value() &&
      *health.rss_bytes >= *limits.max_rss_bytes) {
    return RecycleReason{RecycleSignal::kMemory, *health.rss_bytes,
                         *limits.max_rss_bytes};
  }
  if (limits.max_open_fds.has_value() && health.open_fds.has_value() &&
      *health.open_fds >= *limits.max_open_fds) {
    return RecycleReason{RecycleSignal::kDescriptors, *health.open_fds,
                         *limits.max_open_fds};
  }
  if (limits.max_age.has_value() && age >= *limits.max_age) {
    return RecycleReason{RecycleSignal::kAge,
                         static_cast<std::uint64_t>(age.count()),
                         static_cast<std::uint64_t>(limits.max_age->count())};
  }
  return std::nullopt;
}

}  // namespace paceline
