#include "worker/ctest/build_directory.h"

#include <gtest/gtest.h>

#include "tests/support/program.h"

namespace paceline {
namespace {

TEST(BuildDirectoryTest, IsKnownByItsTestFile) {
  const ScratchDir dir;
  EXPECT_FALSE(IsCtestDirectory(dir.path()));
  const std::string file = dir.Write("CTestTestfile.cmake", "");
  EXPECT_TRUE(IsCtestDirectory(dir.path()));
  EXPECT_FALSE(IsCtestDirectory(file));
  EXPECT_FALSE(IsCtestDirectory(dir.path() + "/none"));
}

TEST(BuildDirectoryTest, DefaultTimeoutIsThatOfTheConfiguration) {
  const ScratchDir dir;
  EXPECT_EQ(DefaultCtestTimeout(dir.path()), std::nullopt);
  dir.Write("DartConfiguration.tcl", "Site: here\nTimeOut: 1500\n");
  EXPECT_EQ(DefaultCtestTimeout(dir.path()), std::chrono::seconds(1500));
}

TEST(BuildDirectoryTest, AnEmptyTimeoutIsNone) {
  const ScratchDir dir;
  dir.Write("DartConfiguration.tcl", "TimeOut: \n");
  EXPECT_EQ(DefaultCtestTimeout(dir.path()), std::nullopt);
}

TEST(BuildDirectoryTest, UnavailableTestsAreFoundInDirectoriesBelow) {
  const ScratchDir dir;
  dir.Write("CTestTestfile.cmake", "subdirs(\"a\")\nsubdirs(\"b c\")\n");
  dir.Write("a/CTestTestfile.cmake", "add_test(x /bin/true)\n");
  dir.Write("b c/CTestTestfile.cmake", "subdirs(\"d\")\n");
  dir.Write("b c/d/CTestTestfile.cmake", "add_test(y /bin/true)\n");
  EXPECT_FALSE(MayHoldUnavailableTests(dir.path()));
  dir.Write("b c/d/CTestTestfile.cmake", "  add_test(y NOT_AVAILABLE)\n");
  EXPECT_TRUE(MayHoldUnavailableTests(dir.path()));
}

TEST(BuildDirectoryTest, ADirectoryThatIncludesItselfIsReadOnce) {
  const ScratchDir dir;
  dir.Write("CTestTestfile.cmake", "subdirs(\"" + dir.path() + "\")\n");
  EXPECT_FALSE(MayHoldUnavailableTests(dir.path()));
}

}  // namespace
}  // namespace paceline
