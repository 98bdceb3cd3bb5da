// Threadsafe death tests: each runs the program again, which connects again.

#include <gtest/gtest.h>
#include <stdlib.h>

namespace {

class DeathTest : public testing::TestWithParam<int> {
 protected:
  DeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_P(DeathTest, Dies) {
  EXPECT_EXIT(exit(GetParam()), testing::ExitedWithCode(GetParam()), "");
}
INSTANTIATE_TEST_SUITE_P(Many, DeathTest, testing::Range(0, 12));

TEST(PlainDeathTest, DoesNotDie) { EXPECT_DEATH((void)0, ""); }

}  // namespace
