// The median of many durations, to about a tenth.

#include "coordinator/duration_histogram.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

void ExpectNear(const DurationHistogram& histogram, Duration expected) {
  ASSERT_TRUE(histogram.Median().has_value());
  EXPECT_GE(*histogram.Median(), expected * 90 / 100);
  EXPECT_LE(*histogram.Median(), expected * 110 / 100);
}

TEST(DurationHistogramTest, ThereIsNoMedianOfNothing) {
  EXPECT_EQ(DurationHistogram().Median(), std::nullopt);
}

TEST(DurationHistogramTest, TheMedianOfEqualOnesIsThatOne) {
  for (const Duration duration :
       {Duration(microseconds(7)), Duration(milliseconds(1)),
        Duration(milliseconds(333)), Duration(seconds(17)),
        Duration(hours(20))}) {
    DurationHistogram histogram;
    for (int i = 0; i < 5; ++i) {
      histogram.Add(duration);
    }
    ExpectNear(histogram, duration);
  }
}

TEST(DurationHistogramTest, HalfAreBelowTheMedian) {
  DurationHistogram histogram;
  for (int i = 1; i <= 1001; ++i) {
    histogram.Add(milliseconds(i));
  }
  ExpectNear(histogram, milliseconds(501));
}

TEST(DurationHistogramTest, AFewVeryLongOnesDoNotMoveIt) {
  DurationHistogram histogram;
  for (int i = 0; i < 90; ++i) {
    histogram.Add(milliseconds(10));
  }
  for (int i = 0; i < 10; ++i) {
    histogram.Add(hours(1));
  }
  ExpectNear(histogram, milliseconds(10));
}

TEST(DurationHistogramTest, WhatIsOutOfRangeCountsAsItsEnd) {
  DurationHistogram histogram;
  histogram.Add(Duration::zero());
  histogram.Add(-seconds(5));
  EXPECT_LE(*histogram.Median(), microseconds(2));
  for (int i = 0; i < 10; ++i) {
    histogram.Add(Duration::max());
  }
  EXPECT_GE(*histogram.Median(), hours(24 * 7));
}

}  // namespace
}  // namespace paceline
