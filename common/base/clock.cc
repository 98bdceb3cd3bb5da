#include "common/base/clock.h"

#include <time.h>

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace paceline {

Instant SystemClock::Now() const {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return Instant(std::chrono::seconds(now.tv_sec) +
                 std::chrono::nanoseconds(now.tv_nsec));
}

std::string FormatDuration(Duration duration) {
  if (duration < Duration::zero()) {
    return absl::StrCat("-", FormatDuration(-duration));
  }
  const double seconds = ToSeconds(duration);
  // Each unit ends where its last number would round to a thousand.
  if (seconds < 0.9995e-3) {
    return absl::StrFormat("%.0f us", seconds * 1e6);
  }
  if (seconds < 0.9995) {
    return absl::StrFormat("%.3g ms", seconds * 1e3);
  }
  if (seconds < 99.5) {
    return absl::StrFormat("%.3g s", seconds);
  }
  const std::int64_t whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) {
    return absl::StrFormat("%d min %02d s", whole / 60, whole % 60);
  }
  return absl::StrFormat("%d h %02d min", whole / 3600, whole % 3600 / 60);
}

Duration FromSeconds(double seconds) {
  constexpr double kMost = 9.2e9;  // just under what an int64 of ns holds
  if (std::isnan(seconds)) {
    return Duration::zero();
  }
  if (seconds > kMost) {
    return Duration::max();
  }
  if (seconds < -kMost) {
    return Duration::min();
  }
  return Duration(static_cast<std::int64_t>(std::llround(seconds * 1e9)));
}

}  // namespace paceline
