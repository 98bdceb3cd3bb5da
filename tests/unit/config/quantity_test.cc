#include "common/config/quantity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(ParseBytesTest, TakesBinaryAndDecimalUnits) {
  EXPECT_THAT(ParseBytes("4096"), IsOkAndHolds(4096u));
  EXPECT_THAT(ParseBytes("1GiB"), IsOkAndHolds(std::uint64_t{1} << 30));
  EXPECT_THAT(ParseBytes("512M"), IsOkAndHolds(std::uint64_t{512} << 20));
  EXPECT_THAT(ParseBytes(" 1.5 gb "), IsOkAndHolds(1500000000u));
  EXPECT_THAT(ParseBytes("2kib"), IsOkAndHolds(2048u));
}

TEST(ParseBytesTest, SaysWhatItTakes) {
  for (const char* text : {"", "GiB", "-1", "1XB", "1.2.3", "1e30G", "nan"}) {
    EXPECT_THAT(ParseBytes(text), StatusIs(kInvalid, HasSubstr("1GiB")))
        << text;
  }
}

TEST(ParseDurationTest, AddsUpItsParts) {
  EXPECT_THAT(ParseDuration("10m"), IsOkAndHolds(minutes(10)));
  EXPECT_THAT(ParseDuration("1h30m"), IsOkAndHolds(minutes(90)));
  EXPECT_THAT(ParseDuration("1 h 2 s"), IsOkAndHolds(hours(1) + seconds(2)));
  EXPECT_THAT(ParseDuration("250ms"), IsOkAndHolds(milliseconds(250)));
  EXPECT_THAT(ParseDuration("7us"), IsOkAndHolds(microseconds(7)));
  EXPECT_THAT(ParseDuration("1.5"), IsOkAndHolds(milliseconds(1500)));
}

TEST(ParseDurationTest, SaysWhatItTakes) {
  for (const char* text : {"", "m", "-3s", "5 parsecs", "1h30", "900000d"}) {
    EXPECT_THAT(ParseDuration(text), StatusIs(kInvalid, HasSubstr("1h30m")))
        << text;
  }
}

TEST(ParseCountTest, TakesWholeNumbersOnly) {
  EXPECT_THAT(ParseCount("0"), IsOkAndHolds(0u));
  EXPECT_THAT(ParseCount("4294967295"), IsOkAndHolds(4294967295u));
  for (const char* text : {"", "-1", "+1", "1.5", "4294967296", "two"}) {
    EXPECT_THAT(ParseCount(text), StatusIs(kInvalid, HasSubstr("whole")))
        << text;
  }
}

TEST(ParseBoolTest, TakesTheUsualWords) {
  EXPECT_THAT(ParseBool("on"), IsOkAndHolds(true));
  EXPECT_THAT(ParseBool("Off"), IsOkAndHolds(false));
  EXPECT_THAT(ParseBool("yes"), IsOkAndHolds(true));
  EXPECT_THAT(ParseBool("maybe"), StatusIs(kInvalid));
}

TEST(ParseLimitTest, NoneIsNoCeiling) {
  EXPECT_THAT(ParseByteLimit("none"), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(ParseCountLimit("None"), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(ParseDurationLimit(" none "), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(ParseCountLimit("200"), IsOkAndHolds(200u));
}

TEST(ParseLimitTest, ZeroIsRefused) {
  EXPECT_THAT(ParseByteLimit("0"), StatusIs(kInvalid, HasSubstr("none")));
  EXPECT_THAT(ParseCountLimit("0"), StatusIs(kInvalid, HasSubstr("none")));
  EXPECT_THAT(ParseDurationLimit("0s"), StatusIs(kInvalid, HasSubstr("none")));
}

TEST(ParseLimitTest, SaysThatNoneIsPossible) {
  EXPECT_THAT(ParseByteLimit("lots"), StatusIs(kInvalid, HasSubstr("or none")));
}

}  // namespace
}  // namespace paceline
