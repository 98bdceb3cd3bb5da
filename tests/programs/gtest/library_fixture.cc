// The library of gtest_library: a fixture whose set-up its cases share.

#include <gtest/gtest.h>

int CasesInTheLibrary();

namespace {

int set_up = 0;

class InLibrary : public testing::Test {
 protected:
  static void SetUpTestSuite() { ++set_up; }
};
TEST_F(InLibrary, First) { EXPECT_EQ(set_up, 1); }
TEST_F(InLibrary, Second) { EXPECT_EQ(set_up, 1); }

}  // namespace

int CasesInTheLibrary() { return 2; }
