// Against recorded listings: a script stands in for ctest.

#include "worker/ctest/ctest_discoverer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/fd.h"
#include "common/os/subprocess.h"
#include "tests/support/program.h"
#include "tests/support/worker_fakes.h"
#include "worker/ctest/ctest_test.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// As ctest 3.25 writes it.
constexpr char kWhole[] = R"({
  "backtraceGraph" : 
  {
    "commands" : [ "add_test", "include" ],
    "files" : [ "/src/CMakeLists.txt", "/src/sub/CMakeLists.txt" ],
    "nodes" : 
    [
      { "file" : 0 },
      { "command" : 0, "file" : 1, "line" : 5, "parent" : 0 }
    ]
  },
  "kind" : "ctestInfo",
  "tests" : 
  [
    {
      "backtrace" : 1,
      "command" : [ "/bin/prog", "a b", "" ],
      "config" : "Debug",
      "name" : "full",
      "properties" : 
      [
        { "name" : "COST", "value" : 3.0 },
        { "name" : "DEPENDS", "value" : [ "plain", "zzz", "setup" ] },
        { "name" : "ENVIRONMENT", "value" : [ "A=1", "B" ] },
        { "name" : "ENVIRONMENT_MODIFICATION", "value" : [ "P=set:/x" ] },
        { "name" : "FAIL_REGULAR_EXPRESSION", "value" : [ "f" ] },
        { "name" : "FIXTURES_REQUIRED", "value" : [ "F" ] },
        { "name" : "LABELS", "value" : [ "a", "b" ] },
        { "name" : "PASS_REGULAR_EXPRESSION", "value" : [ "x", "y" ] },
        { "name" : "PROCESSORS", "value" : 2 },
        { "name" : "REQUIRED_FILES", "value" : [ "/etc/passwd" ] },
        { "name" : "RESOURCE_GROUPS", "value" : 
          [
            { "requirements" : [ { ".type" : "gpus", "slots" : 2 },
                                 { ".type" : "cpus", "slots" : 1 } ] },
            { "requirements" : [ { ".type" : "gpus", "slots" : 1 } ] }
          ] },
        { "name" : "RESOURCE_LOCK", "value" : [ "l1", "l2" ] },
        { "name" : "RUN_SERIAL", "value" : true },
        { "name" : "SKIP_REGULAR_EXPRESSION", "value" : [ "s" ] },
        { "name" : "SKIP_RETURN_CODE", "value" : 77 },
        { "name" : "TIMEOUT", "value" : 2.5 },
        { "name" : "TIMEOUT_AFTER_MATCH",
          "value" : { "regex" : [ "r" ], "timeout" : 7.0 } },
        { "name" : "WILL_FAIL", "value" : true },
        { "name" : "WORKING_DIRECTORY", "value" : "/build/sub" }
      ]
    },
    {
      "command" : [ "/bin/true" ],
      "name" : "plain",
      "properties" : [ { "name" : "WORKING_DIRECTORY", "value" : "/build" } ]
    },
    {
      "command" : [ "/bin/true" ],
      "name" : "setup",
      "properties" : 
      [
        { "name" : "DISABLED", "value" : true },
        { "name" : "FIXTURES_SETUP", "value" : [ "F" ] },
        { "name" : "TIMEOUT", "value" : 0.0 }
      ]
    },
    {
      "command" : [ "/bin/false" ],
      "name" : "plain",
      "properties" : []
    },
    {
      "name" : "foo_NOT_BUILT",
      "properties" : []
    }
  ],
  "version" : { "major" : 1, "minor" : 0 }
}
)";

// A build directory and the ctest that is asked about it.
class CtestDiscovererTest : public testing::Test {
 protected:
  CtestDiscovererTest() {
    dir_.Write("CTestTestfile.cmake", "");
    options_.env = CurrentEnvironment();
    CtestIs("cat listing.json");
  }

  // Sets what runs in place of ctest, in the build directory.
  void CtestIs(absl::string_view script) {
    options_.ctest_program = dir_.Write(
        "fake-ctest",
        absl::StrCat("#!/bin/sh\necho \"$@\" >> asked\n", script, "\n"));
    std::filesystem::permissions(options_.ctest_program,
                                 std::filesystem::perms::owner_all);
  }
  void ListingIs(absl::string_view text) { dir_.Write("listing.json", text); }
  // A listing of `tests`, "{...}, {...}".
  void TestsAre(absl::string_view tests) {
    ListingIs(absl::StrCat("{\n\"kind\": \"ctestInfo\", \"tests\": [", tests,
                           "], \"version\": {\"major\": 1, \"minor\": 0}}\n"));
  }

  void Discover(std::vector<std::string> arguments = {}) {
    CtestDiscoverer().Discover({dir_.path(), std::move(arguments)}, options_,
                               sink_);
  }
  CtestTest Decoded(const std::string& name) {
    const auto options = DecodeCtestOptions(sink_.suites.at(0).options);
    EXPECT_TRUE(options.ok());
    const auto test = DecodeCtestTest(sink_.Test(name).payload, *options);
    EXPECT_TRUE(test.ok());
    return *test;
  }
  // The one error, which must name the directory.
  std::string OnlyError() {
    EXPECT_THAT(sink_.errors, SizeIs(1));
    if (sink_.errors.empty()) {
      return "";
    }
    EXPECT_EQ(sink_.errors[0].target, dir_.path());
    EXPECT_THAT(sink_.errors[0].message, HasSubstr(dir_.path()));
    return sink_.errors[0].message;
  }

  const ScratchDir dir_;
  DiscoveryOptions options_;
  RecordingSink sink_;
};

TEST_F(CtestDiscovererTest, RecognisesABuildDirectory) {
  EXPECT_TRUE(CtestDiscoverer().Recognises(dir_.path()));
  EXPECT_FALSE(CtestDiscoverer().Recognises(dir_.path() + "/fake-ctest"));
}

TEST_F(CtestDiscovererTest, ADirectoryIsOneSuite) {
  ListingIs(kWhole);
  options_.ctest_config = "Debug";
  Discover();
  ASSERT_THAT(sink_.suites, SizeIs(1));
  const SuiteSpec& suite = sink_.suites[0];
  EXPECT_EQ(suite.name, dir_.path());
  EXPECT_EQ(suite.runner, "ctest");
  EXPECT_EQ(suite.program, dir_.path());
  EXPECT_EQ(suite.working_directory, dir_.path());
  EXPECT_THAT(suite.env,
              ElementsAre(EnvEdit{"CTEST_INTERACTIVE_DEBUG_MODE", "1"},
                          EnvEdit{"CTEST_RESOURCE_GROUP_COUNT", std::nullopt},
                          EnvEdit{"CMAKE_CONFIG_TYPE", "Debug"}));
  EXPECT_THAT(sink_.errors, IsEmpty());
}

TEST_F(CtestDiscovererTest, EveryPropertyIsTaken) {
  ListingIs(kWhole);
  Discover();
  const TestSpec& full = sink_.Test("full");
  EXPECT_EQ(full.file, "/src/sub/CMakeLists.txt");
  EXPECT_EQ(full.line, 5U);
  EXPECT_EQ(full.timeout, std::chrono::milliseconds(2500));
  EXPECT_THAT(full.labels, ElementsAre("a", "b"));
  ASSERT_TRUE(full.constraints.has_value());
  EXPECT_EQ(full.constraints->slots, 2U);
  EXPECT_TRUE(full.constraints->serial);
  EXPECT_THAT(full.constraints->locks, ElementsAre("l1", "l2"));
  EXPECT_THAT(full.constraints->fixtures_required, ElementsAre("F"));
  EXPECT_THAT(
      full.constraints->resource_groups,
      ElementsAre(ElementsAre(ResourceNeed{"gpus", 2}, ResourceNeed{"cpus", 1}),
                  ElementsAre(ResourceNeed{"gpus", 1})));

  CtestTest expected;
  expected.command = {"/bin/prog", "a b", ""};
  expected.working_directory = "/build/sub";
  expected.environment = {"A=1", "B"};
  expected.environment_modification = {"P=set:/x"};
  expected.pass_expressions = {"x", "y"};
  expected.fail_expressions = {"f"};
  expected.skip_expressions = {"s"};
  expected.required_files = {"/etc/passwd"};
  expected.timeout_after_match =
      CtestTimeoutAfterMatch{std::chrono::seconds(7), {"r"}};
  expected.skip_return_code = 77;
  expected.will_fail = true;
  EXPECT_EQ(Decoded("full"), expected);
}

TEST_F(CtestDiscovererTest, DependsIsAboutListedTestsThatNoFixtureExplains) {
  ListingIs(kWhole);
  Discover();
  EXPECT_THAT(sink_.Test("full").constraints->after, ElementsAre("plain"));
}

TEST_F(CtestDiscovererTest, TestsOfOneNameAreKeptApart) {
  ListingIs(kWhole);
  Discover();
  EXPECT_THAT(Decoded("plain").command, ElementsAre("/bin/true"));
  EXPECT_THAT(Decoded("plain#2").command, ElementsAre("/bin/false"));
}

TEST_F(CtestDiscovererTest, ATestThatAsksForNothingHasNoConstraints) {
  ListingIs(kWhole);
  Discover();
  EXPECT_EQ(sink_.Test("plain").constraints, std::nullopt);
  EXPECT_EQ(sink_.Test("plain").skip_reason, std::nullopt);
}

TEST_F(CtestDiscovererTest, DisabledAndFixtures) {
  ListingIs(kWhole);
  Discover();
  const TestSpec& setup = sink_.Test("setup");
  EXPECT_EQ(setup.skip_reason, "disabled");
  EXPECT_THAT(setup.constraints->fixtures_setup, ElementsAre("F"));
  EXPECT_TRUE(Decoded("setup").leaves_processes);
}

TEST_F(CtestDiscovererTest, TheDirectorysTimeoutIsForTestsWithoutTheirOwn) {
  ListingIs(kWhole);
  dir_.Write("DartConfiguration.tcl", "TimeOut: 1500\n");
  Discover();
  EXPECT_EQ(sink_.Test("plain").timeout, std::chrono::seconds(1500));
  EXPECT_EQ(sink_.Test("full").timeout, std::chrono::milliseconds(2500));
}

TEST_F(CtestDiscovererTest, TimeoutZeroIsNoLimit) {
  ListingIs(kWhole);
  dir_.Write("DartConfiguration.tcl", "TimeOut: 1500\n");
  Discover();
  EXPECT_GT(sink_.Test("setup").timeout, std::chrono::hours(24));
}

TEST_F(CtestDiscovererTest, WithoutAnyTimeoutTheRunDecides) {
  ListingIs(kWhole);
  Discover();
  EXPECT_EQ(sink_.Test("plain").timeout, std::nullopt);
}

TEST_F(CtestDiscovererTest, APlaceholderSaysWhatIsNotBuilt) {
  ListingIs(kWhole);
  Discover();
  EXPECT_THAT(Decoded("foo_NOT_BUILT").not_available,
              HasSubstr("foo are not known"));
}

TEST_F(CtestDiscovererTest, SelectionIsPassedOn) {
  ListingIs(kWhole);
  options_.ctest_config = "Debug";
  options_.ctest_selection = {"-R", "foo", "-LE", "slow"};
  options_.ctest_rerun_failed = true;
  Discover({"-E", "bar"});
  EXPECT_EQ(ReadFile(dir_.path() + "/asked"),
            "--show-only=json-v1 -C Debug -R foo -LE slow --rerun-failed "
            "-E bar\n");
}

TEST_F(CtestDiscovererTest, TestsOfAnotherConfigurationAreNotForgotten) {
  ListingIs(kWhole);
  dir_.Write("CTestTestfile.cmake", "add_test(b: NOT_AVAILABLE)\n");
  CtestIs(
      "case $1 in -N) printf '  Test #1: full\\n  Test #2: b: c\\n"
      "  Test #3: plain\\n  Test #4: setup (Disabled)\\n  Test #5: plain\\n"
      "  Test #6: foo_NOT_BUILT\\n\\nTotal Tests: 6\\n';; "
      "*) cat listing.json;; esac");
  Discover();
  EXPECT_THAT(sink_.errors, IsEmpty());
  EXPECT_THAT(sink_.tests, SizeIs(6));
  EXPECT_THAT(Decoded("b: c").not_available,
              HasSubstr("not available without a configuration"));
}

TEST_F(CtestDiscovererTest, ACycleIsAnErrorThatNamesIt) {
  TestsAre(
      R"({"name": "a", "command": ["/bin/true"],
          "properties": [{"name": "DEPENDS", "value": ["b"]}]},
         {"name": "b", "command": ["/bin/true"],
          "properties": [{"name": "DEPENDS", "value": ["a"]}]})");
  Discover();
  EXPECT_THAT(OnlyError(), HasSubstr("a after b after a"));
  EXPECT_THAT(sink_.tests, IsEmpty());
}

TEST_F(CtestDiscovererTest, WhatWasPrintedBeforeTheListingIsPassedOver) {
  ListingIs(absl::StrCat("a hook says {\n", kWhole));
  Discover();
  EXPECT_THAT(sink_.errors, IsEmpty());
  EXPECT_THAT(sink_.tests, SizeIs(5));
}

TEST_F(CtestDiscovererTest, WhatIsPrintedAfterTheListingIsPassedOver) {
  ListingIs(absl::StrCat(kWhole, "a hook says } and \xff\n"));
  Discover();
  EXPECT_THAT(sink_.errors, IsEmpty());
  EXPECT_THAT(sink_.tests, SizeIs(5));
}

// One such byte failed the whole directory.
TEST_F(CtestDiscovererTest, BytesThatAreNoTextAreOneTestsMisfortune) {
  dir_.Write("CTestTestfile.cmake",
             "add_test(written /bin/echo \"caf\xe9 au\")\n");
  ListingIs(
      "{\n"
      "\"tests\": [\n"
      "{\"name\": \"n\xff\", \"command\": [\"/bin/true\"]},\n"
      "{\"name\": \"raw\", \"command\": [\"/bin/echo\", \"a\xff\"]},\n"
      "{\"name\": \"escaped\", \"command\": [\"e\", \"\\ufffd\"]},\n"
      "{\"name\": \"written\", \"command\": [\"e\", \"caf\\u9821u\"]},\n"
      "{\"name\": \"whole\", \"command\": [\"/bin/true\"]}],\n"
      "\"version\": {\"major\": 1}\n"
      "}\n");
  Discover();
  EXPECT_THAT(sink_.errors, IsEmpty());
  ASSERT_THAT(sink_.tests, SizeIs(5));
  EXPECT_EQ(Decoded("n\xef\xbf\xbd").not_available, "");
  EXPECT_EQ(Decoded("whole").not_available, "");
  for (const char* name : {"raw", "escaped", "written"}) {
    EXPECT_THAT(Decoded(name).not_available, HasSubstr("no UTF-8")) << name;
  }
}

TEST_F(CtestDiscovererTest, BytesThatAreNoTextInALineOfNoTestAreAnError) {
  const std::string file = dir_.Write("CTestTestfile.cmake", "\n\"\xe9\"\n");
  ListingIs(kWhole);
  Discover();
  EXPECT_THAT(sink_.errors, SizeIs(1));
  EXPECT_THAT(sink_.errors.at(0).message, HasSubstr(file + ":2"));
  EXPECT_THAT(sink_.tests, SizeIs(5));
}

// A server that CTEST_CUSTOM_PRE_TEST had started was gone before any test.
TEST_F(CtestDiscovererTest, WhatAPreTestHookStartedStaysUntilTheRunIsOver) {
  ListingIs(kWhole);
  dir_.Write("CTestCustom.cmake",
             "set(CTEST_CUSTOM_PRE_TEST \"./start\")\n"
             "set(CTEST_CUSTOM_POST_TEST \"./stop\")\n");
  CtestIs("sleep 1000 > /dev/null 2>&1 & echo $! > pid; cat listing.json");
  options_.keep_listeners = true;
  Discover();
  EXPECT_THAT(sink_.errors, IsEmpty());
  ASSERT_THAT(sink_.notes, SizeIs(1));
  EXPECT_THAT(sink_.notes[0], HasSubstr("CTEST_CUSTOM_POST_TEST is not run"));
  const pid_t server = std::stoi(ReadFile(dir_.path() + "/pid"));
  EXPECT_EQ(kill(server, 0), 0);
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, server, 0)));
  ASSERT_THAT(sink_.listeners, SizeIs(1));
  sink_.listeners[0]->Finish(/*interrupted=*/false, [] { return false; });
  pollfd ended{pidfd.get(), POLLIN, 0};
  EXPECT_EQ(poll(&ended, 1, 5000), 1);
}

TEST_F(CtestDiscovererTest, WhatAListingWithoutHookLeavesIsEnded) {
  ListingIs(kWhole);
  CtestIs("sleep 1000 > /dev/null 2>&1 & echo $! > pid; cat listing.json");
  options_.keep_listeners = true;
  Discover();
  EXPECT_THAT(sink_.listeners, IsEmpty());
  const pid_t left = std::stoi(ReadFile(dir_.path() + "/pid"));
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, left, 0)));
  pollfd ended{pidfd.get(), POLLIN, 0};
  EXPECT_TRUE(!pidfd.valid() || poll(&ended, 1, 5000) == 1);
}

TEST_F(CtestDiscovererTest, NoTestsAreNoError) {
  TestsAre("");
  Discover();
  EXPECT_THAT(sink_.errors, IsEmpty());
  EXPECT_THAT(sink_.suites, IsEmpty());
}

TEST_F(CtestDiscovererTest, ATestTooLongToTravelIsAnError) {
  TestsAre(absl::StrCat(R"({"name": "long", "command": [")",
                        std::string(kMaxPayloadBytes, 'x'),
                        R"("]}, {"name": "short", "command": ["x"]})"));
  Discover();
  EXPECT_THAT(OnlyError(), HasSubstr("The test long"));
  EXPECT_THAT(sink_.tests, SizeIs(1));
}

TEST_F(CtestDiscovererTest, NoBuildDirectory) {
  const ScratchDir empty;
  CtestDiscoverer().Discover({empty.path(), {}}, options_, sink_);
  ASSERT_THAT(sink_.errors, SizeIs(1));
  EXPECT_THAT(sink_.errors[0].message, HasSubstr("no CTest build directory"));
}

TEST_F(CtestDiscovererTest, NoCtest) {
  options_.ctest_program = "no-such-ctest";
  Discover();
  EXPECT_THAT(OnlyError(), HasSubstr("there is no no-such-ctest"));
}

TEST_F(CtestDiscovererTest, ACtestThatFailsIsQuoted) {
  CtestIs("echo 'RegularExpression::compile(): Nested *?+.' >&2; exit 8");
  Discover();
  const std::string error = OnlyError();
  EXPECT_THAT(error, HasSubstr("exit status 8"));
  EXPECT_THAT(error, HasSubstr("Nested"));
}

TEST_F(CtestDiscovererTest, ACtestThatHangsIsStopped) {
  CtestIs("exec sleep 600");
  options_.timeout = std::chrono::milliseconds(50);
  Discover();
  EXPECT_THAT(OnlyError(), HasSubstr("was stopped"));
}

TEST_F(CtestDiscovererTest, AListingCutShortIsAnError) {
  const absl::string_view whole = kWhole;
  // Before the version, and inside of a test.
  for (const std::size_t size : {whole.size() - 40, whole.size() / 2}) {
    sink_ = RecordingSink();
    ListingIs(whole.substr(0, size));
    Discover();
    EXPECT_THAT(OnlyError(), HasSubstr("not whole"));
    EXPECT_THAT(sink_.tests, IsEmpty());
  }
}

TEST_F(CtestDiscovererTest, GarbageIsAnError) {
  for (const absl::string_view text :
       {"", "hello\n", "{\n", "{\n}\n", "{\n\"tests\": 1}\n",
        "{\n\"version\": {\"major\": 2, \"minor\": 0}}\n"}) {
    sink_ = RecordingSink();
    ListingIs(text);
    Discover();
    EXPECT_THAT(OnlyError(), HasSubstr("Nothing can be made of")) << text;
  }
}

TEST_F(CtestDiscovererTest, ValuesOfOtherTypesDoNoHarm) {
  TestsAre(
      R"({"name": "a", "command": {"x": 1}, "backtrace": -1, "properties": [
          7, {"name": 1}, {"name": "TIMEOUT", "value": "soon"},
          {"name": "PROCESSORS", "value": -5},
          {"name": "PROCESSORS", "value": 99999999999},
          {"name": "SKIP_RETURN_CODE", "value": 1e300},
          {"name": "RESOURCE_GROUPS", "value": "gpus"},
          {"name": "RESOURCE_GROUPS", "value": [1, {"requirements": [2]}]},
          {"name": "TIMEOUT_AFTER_MATCH", "value": []},
          {"name": "LABELS", "value": [[], 1, "ok"]},
          {"name": "WILL_FAIL", "value": "yes"}]},
         6, [], {"name": "b", "properties": 3})");
  Discover();
  EXPECT_THAT(sink_.errors, IsEmpty());
  EXPECT_THAT(sink_.tests, SizeIs(2));
  EXPECT_THAT(sink_.Test("a").labels, ElementsAre("ok"));
}

// ctest runs them: without a word a run could be green where ctest fails.
TEST_F(CtestDiscovererTest, TestsWithoutANameAreAnError) {
  TestsAre(
      R"({"name": "", "command": ["/bin/false"]},
         {"name": "a", "command": ["/bin/true"]}, {"name": 5}, {})");
  Discover();
  EXPECT_THAT(sink_.tests, SizeIs(1));
  ASSERT_THAT(sink_.errors, SizeIs(1));
  EXPECT_EQ(sink_.errors[0].message,
            absl::StrCat("3 tests of ", dir_.path(),
                         " have no name; ctest runs such tests, and here they "
                         "cannot be named. Give them one in add_test."));
}

TEST_F(CtestDiscovererTest, ANeedOfNothingIsNone) {
  TestsAre(
      R"({"name": "a", "properties": [{"name": "RESOURCE_GROUPS", "value": [
          {"requirements": [{".type": "gpus", "slots": 0},
                            {".type": "cpus", "slots": 2}]},
          {"requirements": [{".type": "gpus", "slots": 0}]}]}]})");
  Discover();
  ASSERT_TRUE(sink_.Test("a").constraints.has_value());
  const auto& groups = sink_.Test("a").constraints->resource_groups;
  ASSERT_THAT(groups, SizeIs(2));
  ASSERT_THAT(groups[0], SizeIs(1));
  EXPECT_EQ(groups[0][0].slots, 2U);
  EXPECT_THAT(groups[1], IsEmpty());
}

}  // namespace
}  // namespace paceline
