// Calls RUN_ALL_TESTS twice, which GoogleTest's result stream does not
// survive. With the argument "second=fail" a case fails the second time only.

#include <gtest/gtest.h>

#include <cstring>

namespace {

int run = 0;
bool second_fails = false;

TEST(RunsTwice, Passes) {}
TEST(RunsTwice, DependsOnTheRun) { EXPECT_FALSE(second_fails && run == 2); }
TEST(RunsTwice, PassesToo) {}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  second_fails = argc > 1 && std::strcmp(argv[1], "second=fail") == 0;
  run = 1;
  const int first = RUN_ALL_TESTS();
  run = 2;
  return RUN_ALL_TESTS() | first;
}
