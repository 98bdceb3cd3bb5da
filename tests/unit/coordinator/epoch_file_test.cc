// An epoch that never repeats, whatever the clock says.

#include "coordinator/epoch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/support/program.h"

namespace paceline {
namespace {

class EpochFileTest : public testing::Test {
 protected:
  const ScratchDir scratch_;
  const std::string path_ = scratch_.path() + "/folder/epoch";
};

// Two starts in one second, or a clock that was set back, gave the same tokens
// twice.
TEST_F(EpochFileTest, ItIsGreaterEachTimeWhateverTheClockSays) {
  EXPECT_EQ(RaiseEpoch(path_, 1'700'000'000).value(), 1'700'000'000U);
  EXPECT_EQ(RaiseEpoch(path_, 1'700'000'000).value(), 1'700'000'001U);
  EXPECT_EQ(RaiseEpoch(path_, 5).value(), 1'700'000'002U);
  EXPECT_EQ(RaiseEpoch(path_, 1'800'000'000).value(), 1'800'000'000U);
}

TEST_F(EpochFileTest, WhatIsNoNumberIsWrittenOver) {
  EXPECT_EQ(RaiseEpoch(path_, 7).value(), 7U);
  std::ofstream(path_) << "what somebody wrote there, which is rather long";
  EXPECT_EQ(RaiseEpoch(path_, 9).value(), 9U);
  std::ofstream(path_) << "4294967295";
  EXPECT_EQ(RaiseEpoch(path_, 11).value(), 11U);
}

TEST_F(EpochFileTest, WhereItCannotBeKeptThatIsSaid) {
  const auto raised = RaiseEpoch("/proc/no/epoch", 7);
  ASSERT_FALSE(raised.ok());
  EXPECT_THAT(std::string(raised.status().message()),
              testing::HasSubstr("/proc/no/epoch"));
}

}  // namespace
}  // namespace paceline
