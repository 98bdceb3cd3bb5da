#include "common/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    SetLogSink([this](LogLevel level, absl::string_view message) {
      lines_.emplace_back(level, std::string(message));
    });
  }
  void TearDown() override {
    SetLogSink(nullptr);
    SetLogLevel(LogLevel::kWarning);
  }

  std::vector<std::pair<LogLevel, std::string>> lines_;
};

TEST_F(LogTest, WarningsAndWorseAreWrittenByDefault) {
  Log(LogLevel::kDebug, "a");
  Log(LogLevel::kInfo, "b");
  Log(LogLevel::kWarning, "c");
  Log(LogLevel::kError, "d");
  EXPECT_THAT(lines_, ElementsAre(Pair(LogLevel::kWarning, "c"),
                                  Pair(LogLevel::kError, "d")));
}

TEST_F(LogTest, ALevelIsSetByItsName) {
  ASSERT_THAT(SetLogLevel("debug"), IsOk());
  EXPECT_TRUE(LogEnabled(LogLevel::kDebug));
  ASSERT_THAT(SetLogLevel("error"), IsOk());
  EXPECT_FALSE(LogEnabled(LogLevel::kWarning));
  EXPECT_TRUE(LogEnabled(LogLevel::kError));
}

TEST_F(LogTest, AnUnknownLevelChangesNothing) {
  EXPECT_THAT(SetLogLevel("loud"), StatusIs(absl::StatusCode::kInvalidArgument,
                                            HasSubstr("\"loud\"")));
  EXPECT_TRUE(LogEnabled(LogLevel::kWarning));
  EXPECT_FALSE(LogEnabled(LogLevel::kInfo));
}

TEST_F(LogTest, WithoutASinkLinesGoToStandardError) {
  SetLogSink(nullptr);
  testing::internal::CaptureStderr();
  Log(LogLevel::kError, "to {} people");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("error"));
  EXPECT_THAT(text, HasSubstr("to {} people\n"));
  EXPECT_THAT(lines_, IsEmpty());
}

}  // namespace
}  // namespace paceline
