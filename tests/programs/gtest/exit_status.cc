// Every case passes and main returns 9.

#include <gtest/gtest.h>

TEST(ExitStatus, Passes) {}
TEST(ExitStatus, PassesToo) {}

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS() == 0 ? 9 : 1;
}
