// Repeats its cases by a flag that main sets; one fails the second time.

#include <gtest/gtest.h>

namespace {

TEST(Repeats, Passes) {}
TEST(Repeats, FailsTheSecondTime) {
  static int times = 0;
  EXPECT_NE(++times, 2);
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  GTEST_FLAG_SET(repeat, 3);
  return RUN_ALL_TESTS();
}
