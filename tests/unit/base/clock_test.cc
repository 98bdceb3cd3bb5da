#include "common/base/clock.h"

#include <gtest/gtest.h>

#include <limits>

namespace paceline {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(FormatDurationTest, ReadsAsPeopleSayIt) {
  EXPECT_EQ(FormatDuration(microseconds(350)), "350 us");
  EXPECT_EQ(FormatDuration(microseconds(12400)), "12.4 ms");
  EXPECT_EQ(FormatDuration(milliseconds(3210)), "3.21 s");
  EXPECT_EQ(FormatDuration(minutes(4) + seconds(5)), "4 min 05 s");
  EXPECT_EQ(FormatDuration(hours(2) + minutes(3)), "2 h 03 min");
  EXPECT_EQ(FormatDuration(-milliseconds(5)), "-5 ms");
}

TEST(FormatDurationTest, NeverRoundsUpToAThousandOfAUnit) {
  EXPECT_EQ(FormatDuration(std::chrono::nanoseconds(999'499)), "999 us");
  EXPECT_EQ(FormatDuration(std::chrono::nanoseconds(999'600)), "1 ms");
  EXPECT_EQ(FormatDuration(microseconds(999'499)), "999 ms");
  EXPECT_EQ(FormatDuration(microseconds(999'600)), "1 s");
}

TEST(FromSecondsTest, ClampsWhatAnInstantCannotHold) {
  EXPECT_EQ(FromSeconds(1.5), milliseconds(1500));
  EXPECT_EQ(FromSeconds(1e300), Duration::max());
  EXPECT_EQ(FromSeconds(std::numeric_limits<double>::quiet_NaN()),
            Duration::zero());
}

}  // namespace
}  // namespace paceline
