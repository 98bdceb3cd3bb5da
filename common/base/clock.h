// Time as every decision of this program sees it.
//
// An `Instant` is a point on CLOCK_BOOTTIME: it never steps and it goes on
// while the host is suspended, so that an agent that slept knows it slept
// (CLOCK_MONOTONIC stops there). Wall time is not here: it belongs to reports.
//
// State machines take an Instant as a parameter and never own a Clock; only
// the shells around them read one, once per event.

#ifndef PACELINE_COMMON_BASE_CLOCK_H_
#define PACELINE_COMMON_BASE_CLOCK_H_

#include <chrono>
#include <cstdint>
#include <string>

namespace paceline {

using Duration = std::chrono::nanoseconds;

// The clock that `Instant`s are points of. It has no now(): a time comes in
// through a parameter or from a `Clock`.
struct BootTime {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  static constexpr bool is_steady = true;
};

using Instant = std::chrono::time_point<BootTime, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant Now() const = 0;
};

// CLOCK_BOOTTIME. Safe from any thread.
class SystemClock final : public Clock {
 public:
  Instant Now() const override;
};

// Prints as people read it: "350 us", "12.4 ms", "3.21 s", "4 min 05 s",
// "2 h 03 min".
std::string FormatDuration(Duration duration);

// Seconds as a double, for reports and for users' numbers.
constexpr double ToSeconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Whole nanoseconds nearest to `seconds`; values out of range are clamped.
Duration FromSeconds(double seconds);

}  // namespace paceline

#endif  // PACELINE_COMMON_BASE_CLOCK_H_
