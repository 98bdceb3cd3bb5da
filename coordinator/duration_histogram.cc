#include "coordinator/duration_histogram.h"

#include <algorithm>
#include <cmath>

namespace paceline {

void DurationHistogram::Add(Duration duration) {
  const double micros = std::max(1.0, ToSeconds(duration) * 1e6);
  const int bucket =
      std::min(kBuckets - 1, static_cast<int>(std::log2(micros) * 4));
  ++buckets_[static_cast<std::size_t>(bucket)];
  ++count_;
}

std::optional<Duration> DurationHistogram::Median() const {
  if (count_ == 0) {
    return std::nullopt;
  }
  std::uint64_t below = 0;
  int bucket = 0;
  while (true) {
    below += buckets_[static_cast<std::size_t>(bucket)];
    if (2 * below >= count_ || bucket == kBuckets - 1) {
      break;
    }
    ++bucket;
  }
  return FromSeconds(std::exp2((bucket + 0.5) / 4) * 1e-6);
}

}  // namespace paceline
