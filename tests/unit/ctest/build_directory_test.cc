#include "worker/ctest/build_directory.h"

#include <gmock/gmock.h>
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
  EXPECT_FALSE(ScanTestFiles(dir.path()).unavailable);
  dir.Write("b c/d/CTestTestfile.cmake", "  add_test(y NOT_AVAILABLE)\n");
  EXPECT_TRUE(ScanTestFiles(dir.path()).unavailable);
}

TEST(BuildDirectoryTest, ADirectoryThatIncludesItselfIsReadOnce) {
  const ScratchDir dir;
  dir.Write("CTestTestfile.cmake", "subdirs(\"" + dir.path() + "\")\n");
  EXPECT_FALSE(ScanTestFiles(dir.path()).unavailable);
}

TEST(BuildDirectoryTest, TestsSaidInBytesThatAreNoTextAreFound) {
  const ScratchDir dir;
  const std::string file = dir.Write(
      "CTestTestfile.cmake",
      "# caf\xe9\n"
      "add_test([=[plain]=] \"/bin/echo\" \"caf\xc3\xa9\")\n"
      "add_test([=[name caf\xe9]=] \"/bin/echo\")\n"
      "add_test([==[two words]==] \"/bin/echo\" \"caf\xe9(\")\n"
      "set_tests_properties(\"quoted\" PROPERTIES ENVIRONMENT \"A=\xff\")\n"
      "add_test(bare caf\xe9)\n"
      "add_test([=[both \xe9]=] \"/bin/echo\" \"\xe9\")\n"
      "  \"\xff\")\n");
  const TestFileScan scan = ScanTestFiles(dir.path());
  EXPECT_THAT(scan.garbled,
              testing::UnorderedElementsAre("two words", "quoted", "bare"));
  EXPECT_THAT(scan.garbled_places,
              testing::ElementsAre(file + ":7", file + ":8"));
}

TEST(BuildDirectoryTest, HooksOfCtestAreSeen) {
  const ScratchDir dir;
  EXPECT_FALSE(FindCustomHooks(dir.path()).pre_test);
  dir.Write("CTestCustom.cmake",
            "# set(CTEST_CUSTOM_POST_TEST x)\n"
            "set(CTEST_CUSTOM_PRE_TEST \"./start\")\n");
  EXPECT_TRUE(FindCustomHooks(dir.path()).pre_test);
  EXPECT_FALSE(FindCustomHooks(dir.path()).post_test);
  dir.Write("CTestCustom.cmake", "  set(CTEST_CUSTOM_POST_TEST \"./stop\")\n");
  EXPECT_TRUE(FindCustomHooks(dir.path()).post_test);
}

}  // namespace
}  // namespace paceline
