#include "common/model/outcome.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace paceline {
namespace {

TEST(OutcomeTest, EveryOutcomeHasAWordOfItsOwnThatReadsBack) {
  std::set<std::string> words;
  for (int i = 0; i < kOutcomeCount; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    words.insert(std::string(ToString(outcome)));
    EXPECT_EQ(OutcomeFromString(ToString(outcome)), outcome);
  }
  EXPECT_EQ(words.size(), static_cast<std::size_t>(kOutcomeCount));
  EXPECT_EQ(OutcomeFromString("flaky"), std::nullopt);
}

TEST(OutcomeTest, OnlyPassedSkippedAndTheExpectedAreGood) {
  std::set<std::string> good;
  for (int i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    if (IsGood(verdict, /*fail_on_flaky=*/true)) {
      good.insert(std::string(ToString(verdict)));
    }
  }
  EXPECT_EQ(good,
            (std::set<std::string>{"passed", "skipped", "xfailed", "xpassed"}));
  EXPECT_TRUE(IsGood(Verdict::kFlaky, /*fail_on_flaky=*/false));
}

TEST(OutcomeTest, LostErrorAndNotRunAreNotTheTestsOwnFailures) {
  EXPECT_TRUE(IsTestFailure(Verdict::kCrashed));
  EXPECT_TRUE(IsTestFailure(Verdict::kTimedOut));
  EXPECT_FALSE(IsTestFailure(Verdict::kLost));
  EXPECT_FALSE(IsTestFailure(Verdict::kError));
  EXPECT_FALSE(IsTestFailure(Verdict::kNotRun));
}

}  // namespace
}  // namespace paceline
