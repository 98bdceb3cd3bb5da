// WorkerHealth: a worker's reading of itself (or of its process tree).

#ifndef PACELINE_COMMON_MODEL_WORKER_HEALTH_H_
#define PACELINE_COMMON_MODEL_WORKER_HEALTH_H_

#include <cstdint>
#include <optional>

namespace paceline {

// Each reading is absent where the platform cannot tell; it is never guessed.
struct WorkerHealth {
  // Current resident memory, in bytes. Not ru_maxrss: that is a peak, and it
  // is inherited through exec on Linux.
  std::optional<std::uint64_t> rss_bytes;
  // Peak resident memory since the last reset, in bytes (VmHWM), where the
  // kernel lets it be reset between tests.
  std::optional<std::uint64_t> peak_rss_bytes;
  // Open descriptors, the reading's own handle not among them.
  std::optional<std::uint32_t> open_fds;
  std::optional<std::uint32_t> threads;

  friend bool operator==(const WorkerHealth&, const WorkerHealth&) = default;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_MODEL_WORKER_HEALTH_H_
