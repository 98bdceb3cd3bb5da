// One case of each common ending: what a runner must tell apart first.

#include <gtest/gtest.h>

namespace {

TEST(Outcomes, Passes) { EXPECT_EQ(1 + 1, 2); }

TEST(Outcomes, Fails) { EXPECT_EQ(1 + 1, 3) << "arithmetic"; }

TEST(Outcomes, FailsTwice) {
  EXPECT_TRUE(false) << "first";
  EXPECT_TRUE(false) << "second";
}

TEST(Outcomes, FailsFatally) { FAIL() << "no way on"; }

TEST(Outcomes, Throws) { throw std::runtime_error("thrown in a test"); }

TEST(Outcomes, Skips) { GTEST_SKIP() << "not on this host"; }

TEST(Outcomes, SkipsAndFails) {
  EXPECT_TRUE(false) << "before the skip";
  GTEST_SKIP() << "after a failure";
}

TEST(Outcomes, Succeeds) { SUCCEED() << "said so"; }

TEST(Outcomes, RecordsProperties) {
  RecordProperty("build", "42");
  RecordProperty("flavour", "plain & <simple>");
}

TEST(Outcomes, DISABLED_Fails) { FAIL() << "disabled"; }

TEST(DISABLED_Outcomes, Fails) { FAIL() << "disabled with its suite"; }

}  // namespace
