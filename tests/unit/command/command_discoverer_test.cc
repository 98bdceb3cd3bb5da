// Commands as tests: one on the command line, or one a line of a file.

#include "worker/command/command_discoverer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/support/program.h"
#include "tests/support/worker_fakes.h"

namespace paceline {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CommandDiscovererTest : public testing::Test {
 protected:
  void Discover(const std::string& path,
                std::vector<std::string> arguments = {}) {
    CommandDiscoverer().Discover({path, std::move(arguments)}, {}, sink_);
  }
  // A file with `text` in it; returns its path.
  std::string DiscoverFile(absl::string_view text,
                           std::vector<std::string> arguments = {}) {
    std::string path = dir_.Write("commands.txt", text);
    Discover(path, std::move(arguments));
    return path;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const TestSpec& test : sink_.tests) {
      names.push_back(test.name);
    }
    return names;
  }

  const ScratchDir dir_;
  RecordingSink sink_;
};

TEST_F(CommandDiscovererTest, ArgumentsWithoutATargetAreOneCommandAsTheyAre) {
  Discover("", {"./check.sh", "a b", "", "$HOME; exit 3"});
  ASSERT_THAT(sink_.suites, SizeIs(1));
  EXPECT_EQ(sink_.suites[0].name, "command");
  EXPECT_EQ(sink_.suites[0].runner, "command");
  EXPECT_EQ(sink_.suites[0].working_directory,
            std::filesystem::current_path().string());
  ASSERT_THAT(sink_.tests, SizeIs(1));
  EXPECT_EQ(sink_.tests[0].name, "./check.sh a b  $HOME; exit 3");
  EXPECT_EQ(sink_.tests[0].file, "");
  EXPECT_THAT(DecodeCommand(sink_.tests[0].payload),
              ElementsAre("./check.sh", "a b", "", "$HOME; exit 3"));
}

TEST_F(CommandDiscovererTest, EachLineIsATestOfTheShell) {
  const std::string path = DiscoverFile("true\necho \"a b\" 'c  d' | wc -c\n");
  ASSERT_THAT(sink_.suites, SizeIs(1));
  EXPECT_EQ(sink_.suites[0].name, path);
  EXPECT_THAT(Names(), ElementsAre("true", "echo \"a b\" 'c  d' | wc -c"));
  // Quotes are the shell's business.
  EXPECT_THAT(
      DecodeCommand(sink_.tests[1].payload),
      ElementsAre("/bin/sh", "-c", "echo \"a b\" 'c  d' | wc -c", "sh"));
  EXPECT_EQ(sink_.tests[1].file, path);
  EXPECT_EQ(sink_.tests[1].line, 2U);
  EXPECT_THAT(sink_.errors, IsEmpty());
}

TEST_F(CommandDiscovererTest, TheTargetsArgumentsFollow) {
  DiscoverFile("echo $1 \"$2\"\n", {"one", "two words"});
  EXPECT_THAT(
      DecodeCommand(sink_.tests[0].payload),
      ElementsAre("/bin/sh", "-c", "echo $1 \"$2\"", "sh", "one", "two words"));
}

TEST_F(CommandDiscovererTest, BlankLinesAndCommentsAreNoTests) {
  DiscoverFile(
      "# first\n\n   \n\t\n  # indented\n#\ntrue # not a comment line\n\n");
  EXPECT_THAT(Names(), ElementsAre("true # not a comment line"));
  EXPECT_EQ(sink_.tests[0].line, 7U);
}

TEST_F(CommandDiscovererTest, SpaceAroundACommandGoes) {
  DiscoverFile("  true \t \n\techo  a  b\n");
  EXPECT_THAT(Names(), ElementsAre("true", "echo  a  b"));
}

TEST_F(CommandDiscovererTest, LinesMayEndAsWindowsEndsThem) {
  DiscoverFile("true\r\n\r\n# none\r\nfalse\r\n");
  EXPECT_THAT(Names(), ElementsAre("true", "false"));
  EXPECT_EQ(sink_.tests[1].line, 4U);
}

TEST_F(CommandDiscovererTest, TheLastLineNeedsNoEnd) {
  DiscoverFile("true\nfalse");
  EXPECT_THAT(Names(), ElementsAre("true", "false"));
}

TEST_F(CommandDiscovererTest, TheSameCommandAgainIsAnotherTest) {
  DiscoverFile("true\nfalse\ntrue\ntrue\n");
  EXPECT_THAT(Names(), ElementsAre("true", "false", "true #2", "true #3"));
  EXPECT_EQ(sink_.tests[0].payload, sink_.tests[3].payload);
}

// A command may look like the mark that tells equal ones apart.
TEST_F(CommandDiscovererTest, NoTwoTestsHaveOneName) {
  DiscoverFile(
      "true\ntrue\ntrue #2\ntrue #2\ntrue #3\ntrue\ntrue #2 #2\ntrue\n");
  const std::vector<std::string> names = Names();
  EXPECT_THAT(std::set<std::string>(names.begin(), names.end()), SizeIs(8));
}

TEST_F(CommandDiscovererTest, LongCommandsThatBeginAlikeHaveNamesOfTheirOwn) {
  const std::string begin = "echo " + std::string(5000, 'x');
  DiscoverFile(absl::StrCat(begin, "1\n", begin, "2\n"));
  ASSERT_THAT(sink_.tests, SizeIs(2));
  EXPECT_LT(sink_.tests[0].name.size(), 4200U);
  EXPECT_NE(sink_.tests[0].name, sink_.tests[1].name);
  EXPECT_EQ(DecodeCommand(sink_.tests[1].payload)[2], begin + "2");
}

TEST_F(CommandDiscovererTest, ACommandThatIsTooLongIsAnErrorOfItsLine) {
  const std::string path = DiscoverFile(absl::StrCat(
      "true\necho ", std::string(kMaxPayloadBytes, 'x'), "\nfalse\n"));
  EXPECT_THAT(Names(), ElementsAre("true", "false"));
  ASSERT_THAT(sink_.errors, SizeIs(1));
  EXPECT_EQ(sink_.errors[0].target, path);
  EXPECT_THAT(sink_.errors[0].message,
              AllOf(HasSubstr("line 2"), HasSubstr("script")));
}

TEST_F(CommandDiscovererTest, OnTheCommandLineTheErrorDoesNotRepeatIt) {
  Discover("", {"echo", std::string(kMaxPayloadBytes, 'x')});
  EXPECT_THAT(sink_.tests, IsEmpty());
  ASSERT_THAT(sink_.errors, SizeIs(1));
  EXPECT_LT(sink_.errors[0].target.size(), 100U);
  EXPECT_LT(sink_.errors[0].message.size(), 200U);
}

TEST_F(CommandDiscovererTest, ALineWithANulByteIsAnError) {
  // Far from the beginning, which tells programs from lists.
  DiscoverFile(absl::StrCat("#", std::string(5000, ' '),
                            absl::string_view("\nec\0ho\nfalse\n", 13)));
  EXPECT_THAT(Names(), ElementsAre("false"));
  ASSERT_THAT(sink_.errors, SizeIs(1));
  EXPECT_THAT(sink_.errors[0].message, HasSubstr("Line 2"));
}

// Each of its lines went to the shell.
TEST_F(CommandDiscovererTest, AProgramIsNoListOfCommands) {
  const std::string program = dir_.Write("list", "true\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  for (const std::string& path :
       {std::string("/bin/true"),
        dir_.Write("elf",
                   "\x7f"
                   "ELF\n"),
        dir_.Write("script", "#!/bin/sh\nrm -rf build\n"),
        dir_.Write("bytes", absl::string_view("true\n\0\n", 7)), program}) {
    sink_ = RecordingSink();
    Discover(path);
    EXPECT_THAT(sink_.tests, IsEmpty()) << path;
    ASSERT_THAT(sink_.errors, SizeIs(1)) << path;
    EXPECT_THAT(sink_.errors[0].message, HasSubstr("paceline run -- " + path));
  }
}

TEST_F(CommandDiscovererTest, ANameIsCutBetweenCharacters) {
  std::string long_name = "x";
  for (int i = 0; i < 3000; ++i) {
    long_name += "\xc3\xa9";
  }
  DiscoverFile(long_name);
  EXPECT_EQ(sink_.tests.at(0).name, long_name.substr(0, 4095));
  sink_ = RecordingSink();
  DiscoverFile(std::string(5000, '\x80'));
  EXPECT_EQ(sink_.tests.at(0).name.size(), 4096U);
}

TEST_F(CommandDiscovererTest, AnyOtherBytesAreTheShellsBusiness) {
  DiscoverFile("echo caf\xe9\necho \x1b[31m\n");
  EXPECT_THAT(sink_.tests, SizeIs(2));
  EXPECT_EQ(DecodeCommand(sink_.tests[0].payload)[2], "echo caf\xe9");
}

TEST_F(CommandDiscovererTest, AFileThatCannotBeReadIsAnError) {
  Discover(dir_.path() + "/none");
  ASSERT_THAT(sink_.errors, SizeIs(1));
  EXPECT_THAT(sink_.errors[0].message,
              AllOf(HasSubstr("cannot be read"), HasSubstr("No such file")));
  EXPECT_THAT(sink_.suites, IsEmpty());
}

TEST_F(CommandDiscovererTest, ADirectoryIsAnError) {
  Discover(dir_.path());
  ASSERT_THAT(sink_.errors, SizeIs(1));
  EXPECT_THAT(sink_.errors[0].message, HasSubstr("is a directory"));
  EXPECT_THAT(sink_.tests, IsEmpty());
}

// The caller says that a target yielded nothing.
TEST_F(CommandDiscovererTest, AnEmptyFileYieldsNothing) {
  DiscoverFile("");
  DiscoverFile("# only this\n");
  EXPECT_THAT(sink_.tests, IsEmpty());
  EXPECT_THAT(sink_.errors, IsEmpty());
}

TEST_F(CommandDiscovererTest, NothingIsRecognisedByLooking) {
  EXPECT_FALSE(CommandDiscoverer().Recognises(dir_.Write("a.txt", "true\n")));
  EXPECT_FALSE(CommandDiscoverer().Recognises("/bin/sh"));
}

TEST_F(CommandDiscovererTest, AUserWhoHasHadEnoughGetsNoMore) {
  sink_.is_cancelled = true;
  DiscoverFile("true\nfalse\n");
  EXPECT_THAT(sink_.tests, IsEmpty());
}

TEST(CommandPayloadTest, ComesBackAsItWent) {
  for (const std::vector<std::string>& argv : {std::vector<std::string>{},
                                               {""},
                                               {"a"},
                                               {"a", ""},
                                               {"", "a"},
                                               {"a b", "\n", "\xff"}}) {
    EXPECT_EQ(DecodeCommand(EncodeCommand(argv)), argv);
  }
}

TEST(CommandPayloadTest, WhatIsNotEndedIsDropped) {
  EXPECT_THAT(DecodeCommand("abc"), IsEmpty());
  EXPECT_THAT(DecodeCommand(absl::string_view("a\0bc", 4)), ElementsAre("a"));
}

}  // namespace
}  // namespace paceline
