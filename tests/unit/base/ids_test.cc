#include "common/base/ids.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

TEST(IdsTest, RunIdReadsBackFromItsText) {
  const RunId id = RandomId<RunId>();
  EXPECT_THAT(ParseId<RunId>(ToString(id)), IsOkAndHolds(id));
  EXPECT_NE(id, RandomId<RunId>());
}

TEST(IdsTest, TextThatIsNoIdIsRefusedWithAReason) {
  EXPECT_THAT(ParseId<RunId>("12"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseId<RunId>("zz000000000000000000000000000000"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(IdsTest, ALaterEpochsTokensAreGreater) {
  EXPECT_LT((Token{1, 900}), (Token{2, 1}));
  EXPECT_EQ(ToString(Token{3, 1042}), "3.1042");
}

}  // namespace
}  // namespace paceline
