#include "common/base/poll_timeout.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

// A deadline is never looked at too early, and never spun for.
TEST(PollTimeoutTest, WhatIsLeftIsRoundedUp) {
  class FixedClock : public Clock {
   public:
    Instant Now() const override { return Instant(std::chrono::hours(1)); }
  };
  const FixedClock clock;
  const Instant now = clock.Now();
  EXPECT_EQ(PollTimeout(clock, std::nullopt), -1);
  EXPECT_EQ(PollTimeout(clock, now), 0);
  EXPECT_EQ(PollTimeout(clock, now - std::chrono::seconds(1)), 0);
  EXPECT_EQ(PollTimeout(clock, now + std::chrono::nanoseconds(1)), 1);
  EXPECT_EQ(PollTimeout(clock, now + std::chrono::milliseconds(20)), 20);
  EXPECT_EQ(PollTimeout(clock, now + std::chrono::hours(900)), 3'600'000);
}

}  // namespace
}  // namespace paceline
