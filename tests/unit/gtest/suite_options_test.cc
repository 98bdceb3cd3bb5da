// What discovery tells its worker, there and back.

#include "worker/gtest/suite_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>

#include "absl/status/status.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;

TEST(GtestSuiteOptionsTest, ComeBackAsTheyWent) {
  for (const bool disabled : {false, true}) {
    for (const std::optional<std::uint32_t> seed :
         {std::optional<std::uint32_t>(), std::optional<std::uint32_t>(0),
          std::optional<std::uint32_t>(17),
          std::optional<std::uint32_t>(
              std::numeric_limits<std::uint32_t>::max())}) {
      const GtestSuiteOptions options{disabled, seed};
      EXPECT_THAT(ParseGtestSuiteOptions(ToString(options)),
                  IsOkAndHolds(options));
    }
  }
}

TEST(GtestSuiteOptionsTest, AreWordsForPeople) {
  EXPECT_EQ(ToString({}), "");
  EXPECT_EQ(ToString({true, 17}), "also_run_disabled shuffle=17");
}

TEST(GtestSuiteOptionsTest, AnUnknownWordIsNamed) {
  for (const char* text : {"faster", "also_run_disabled faster", "shuffle",
                           "shuffle=", "shuffle=-1", "shuffle=4294967296",
                           "also_run_disabled=1"}) {
    EXPECT_THAT(ParseGtestSuiteOptions(text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("is nothing that the gtest runner knows")))
        << text;
  }
}

}  // namespace
}  // namespace paceline
