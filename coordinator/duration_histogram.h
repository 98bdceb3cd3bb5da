// The median of very many durations in a kilobyte: what an unknown test of a
// run is taken to last.

#ifndef PACELINE_COORDINATOR_DURATION_HISTOGRAM_H_
#define PACELINE_COORDINATOR_DURATION_HISTOGRAM_H_

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/clock.h"

namespace paceline {

// Buckets grow by a quarter of a power of two, from a microsecond up, so that
// a reading is right to about a tenth.
class DurationHistogram {
 public:
  void Add(Duration duration);
  // Nothing while there is none.
  std::optional<Duration> Median() const;

 private:
  static constexpr int kBuckets = 160;

  std::uint64_t count_ = 0;
  std::array<std::uint32_t, kBuckets> buckets_{};
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_DURATION_HISTOGRAM_H_
