// How waits grow, and how they differ.

#include "agent/back_off.h"

#include <gtest/gtest.h>

#include <set>

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(BackOffTest, EachWaitIsBetweenHalfOfItsStepAndAllOfIt) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    BackOff back_off(milliseconds(500), seconds(5), seed);
    for (const Duration step :
         {milliseconds(500), milliseconds(1000), milliseconds(2000),
          milliseconds(4000), milliseconds(5000), milliseconds(5000)}) {
      const Duration wait = back_off.Next();
      EXPECT_GE(wait, step / 2);
      EXPECT_LE(wait, step);
    }
  }
}

TEST(BackOffTest, AfterAResetTheFirstStepIsDueAgain) {
  BackOff back_off(milliseconds(500), seconds(5), 1);
  back_off.Next();
  back_off.Next();
  back_off.Reset();
  EXPECT_LE(back_off.Next(), milliseconds(500));
  EXPECT_GE(back_off.Next(), milliseconds(500));
}

TEST(BackOffTest, AFirstStepOverTheMostIsCutFromTheSecondOn) {
  BackOff back_off(seconds(10), seconds(5), 1);
  back_off.Next();
  EXPECT_LE(back_off.Next(), seconds(5));
}

TEST(BackOffTest, ASeedGivesTheSameWaitsEveryTime) {
  BackOff one(milliseconds(500), seconds(5), 7);
  BackOff other(milliseconds(500), seconds(5), 7);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(one.Next(), other.Next());
  }
}

// A fleet that lost its coordinator must not come back in one instant.
TEST(BackOffTest, SeedsDiffer) {
  std::set<Duration> waits;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    waits.insert(BackOff(milliseconds(500), seconds(5), seed).Next());
  }
  EXPECT_GT(waits.size(), 95U);
  EXPECT_LT(*waits.begin(), milliseconds(275));
  EXPECT_GT(*waits.rbegin(), milliseconds(475));
}

}  // namespace
}  // namespace paceline
