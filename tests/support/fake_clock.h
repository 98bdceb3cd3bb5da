// A clock that a test moves.

#ifndef PACELINE_TESTS_SUPPORT_FAKE_CLOCK_H_
#define PACELINE_TESTS_SUPPORT_FAKE_CLOCK_H_

#include "common/base/clock.h"

namespace paceline {

class FakeClock final : public Clock {
 public:
  Instant Now() const override { return now_; }
  void Advance(Duration duration) { now_ += duration; }
  void Set(Instant now) { now_ = now; }

 private:
  Instant now_{std::chrono::hours(1)};
};

}  // namespace paceline

#endif  // PACELINE_TESTS_SUPPORT_FAKE_CLOCK_H_
