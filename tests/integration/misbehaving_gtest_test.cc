// Every program of tests/programs/gtest, run as people run one: each case gets
// the verdict that it deserves, with a sentence that says why, whatever its
// process did. On a fleet the tables are the same.
//
// The tables were written from what the programs do and what GoogleTest makes
// of it, not from what paceline printed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/fleet.h"
#include "tests/support/marked_processes.h"
#include "tests/support/program.h"
#include "tests/support/verdict_table.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

// A failure of `program` that belongs to no case. It comes once for each unit,
// and into how many units a program is cut is not our subject.
std::string Extra(absl::string_view program, absl::string_view what) {
  return absl::StrCat(program, ".", program, ": ", what);
}

struct Finished {
  int exit_code = 0;
  std::string text;  // all that it printed
  std::multimap<std::string, JunitTest> tests;
};

class MisbehavingGtestTest : public testing::Test {
 protected:
  ~MisbehavingGtestTest() override {
    // The warden outlives a run only to end what it left.
    EXPECT_EQ(LeftAfter(mark_.Find(), std::chrono::seconds(2)), 0);
  }

  // Runs `program` with `arguments` of its own. It is called by its name alone,
  // so that names of failures are the same wherever it was built.
  Finished RunPaceline(const std::string& program,
                       std::vector<std::string> flags = {},
                       const std::vector<std::string>& arguments = {}) {
    std::error_code there_already;
    fs::create_symlink(TestProgramPath(absl::StrCat("gtest/", program)),
                       absl::StrCat(scratch_.path(), "/", program),
                       there_already);
    std::vector<std::string> argv = {
        PacelinePath(), "run", "--workers", "2", "--junit", JunitPath()};
    if (!endpoint_.empty()) {
      argv[2] = "--coordinator";
      argv[3] = endpoint_;
    }
    argv.insert(argv.end(), flags.begin(), flags.end());
    // For those that agents run: what runs here has it from this program.
    const EnvEdit mark = mark_.env();
    argv.insert(argv.end(),
                {"--env", absl::StrCat(mark.name, "=", *mark.value), program});
    if (!arguments.empty()) {
      argv.emplace_back("--");
      argv.insert(argv.end(), arguments.begin(), arguments.end());
    }
    const auto done =
        RunProgram(std::move(argv), {.env = {mark},
                                     .working_directory = scratch_.path(),
                                     .limit = std::chrono::minutes(2)});
    return {done->exit_code(), done->out() + done->err(),
            ReadJunitTests(JunitPath())};
  }

  std::string JunitPath() const { return scratch_.path() + "/junit.xml"; }

  // Lets what follows run on the agents of this coordinator.
  void UseFleet(const Fleet& fleet) { endpoint_ = fleet.endpoint(); }

  ScratchDir scratch_;
  ProcessMark mark_;
  std::string endpoint_;
};

TEST_F(MisbehavingGtestTest, CommonEndingsAreToldApart) {
  const Finished run = RunPaceline("gtest_outcomes");
  EXPECT_EQ(run.exit_code, 1);
  ExpectVerdicts(run.tests,
                 {
                     {"Outcomes.Passes", "passed"},
                     {"Outcomes.Fails", "failed", "arithmetic"},
                     {"Outcomes.FailsTwice", "failed", "second"},
                     {"Outcomes.FailsFatally", "failed", "no way on"},
                     {"Outcomes.Throws", "failed", "thrown in a test"},
                     {"Outcomes.Skips", "skipped", "not on this host"},
                     {"Outcomes.SkipsAndFails", "failed", "before the skip"},
                     {"Outcomes.Succeeds", "passed"},
                     {"Outcomes.RecordsProperties", "passed"},
                     {"Outcomes.DISABLED_Fails", "skipped", "disabled"},
                     {"DISABLED_Outcomes.Fails", "skipped", "disabled"},
                 });
  // GoogleTest's own lines are none of the output.
  for (const auto& [name, test] : run.tests) {
    EXPECT_THAT(test.output, Not(HasSubstr("[ "))) << name;
  }
  const JunitTest recorded = OnlyTest(run.tests, "Outcomes.RecordsProperties");
  EXPECT_THAT(recorded.properties,
              testing::IsSupersetOf(std::map<std::string, std::string>{
                  {"build", "42"}, {"flavour", "plain & <simple>"}}));
}

const VerdictTable& CrashTable() {
  static const VerdictTable* const table = new VerdictTable{
      {"Crash.BeforePasses", "passed"},
      {"Crash.Segv", "crashed", "SIGSEGV"},
      {"Crash.BetweenFails", "failed", "between crashes"},
      {"Crash.Bus", "crashed", "SIGBUS"},
      {"Crash.Fpe", "crashed", "SIGFPE"},
      {"Crash.Ill", "crashed", "SIGILL"},
      {"Crash.Abort", "crashed", "SIGABRT"},
      {"Crash.BetweenSkips", "skipped", "between crashes"},
      {"Crash.Kill", "crashed", "SIGKILL"},
      {"Crash.Term", "crashed", "SIGTERM"},
      {"Crash.Pipe", "crashed", "SIGPIPE"},
      {"Crash.ExitsWith0", "crashed", "status 0 before the case ended"},
      {"Crash.LeavesWith0", "crashed", "status 0 before the case ended"},
      {"Crash.ExitsWith3", "crashed", "status 3 before the case ended"},
      {"Crash.FailsThenCrashes", "crashed", "a failure before the crash"},
      {"Crash.AfterPasses", "passed"},
  };
  return *table;
}

TEST_F(MisbehavingGtestTest, ACrashIsChargedToTheCaseThatRan) {
  const Finished run = RunPaceline("gtest_crash");
  EXPECT_EQ(run.exit_code, 1);
  ExpectVerdicts(run.tests, CrashTable());
  EXPECT_EQ(OnlyTest(run.tests, "Crash.Segv").output, "about to crash\n");
  EXPECT_THAT(OnlyTest(run.tests, "Crash.FailsThenCrashes").message,
              HasSubstr("SIGSEGV"));
}

TEST_F(MisbehavingGtestTest, ThreadsafeDeathTestsDoNotDisturbTheStream) {
  const Finished run = RunPaceline("gtest_death");
  EXPECT_EQ(run.exit_code, 1);
  VerdictTable table = {
      {"PlainDeathTest.DoesNotDie", "failed", "failed to die"}};
  for (int i = 0; i < 12; ++i) {
    table.push_back({absl::StrCat("Many/DeathTest.Dies/", i), "passed"});
  }
  ExpectVerdicts(run.tests, table);
}

TEST_F(MisbehavingGtestTest, ClosedDescriptorsHideNoVerdict) {
  const Finished run = RunPaceline("gtest_descriptors");
  EXPECT_EQ(run.exit_code, 1);
  ExpectVerdicts(run.tests,
                 {
                     {"Descriptors.StandardInputIsEmpty", "passed"},
                     {"Descriptors.NothingIsInherited", "passed"},
                     {"Descriptors.ChangesDirectory", "passed"},
                     {"Descriptors.PassesInAnotherDirectory", "passed"},
                     {"Descriptors.ClosesOutput", "passed"},
                     {"Descriptors.PassesWithoutOutput", "passed"},
                     {"Descriptors.FailsWithoutOutput", "failed", "unseen"},
                     {"Descriptors.SkipsWithoutOutput", "skipped", "too"},
                     {"Descriptors.ClosesAll", "passed"},
                     {"Descriptors.PassesWithoutStream", "passed"},
                     {"Descriptors.FailsWithoutStream", "failed", "unheard"},
                 });
  EXPECT_EQ(OnlyTest(run.tests, "Descriptors.ClosesOutput").output,
            "still open\n");
}

// The cases of gtest_environment, all with one verdict.
VerdictTable EnvironmentTable(const std::string& verdict,
                              const std::string& says) {
  return {{"First.Passes", verdict, says},
          {"First.PassesToo", verdict, says},
          {"Second.Passes", verdict, says}};
}

TEST_F(MisbehavingGtestTest, ASoundEnvironmentIsNotMentioned) {
  // A tear-down may skip itself.
  for (const char* mode : {"nothing", "tear-down=skip"}) {
    const Finished run = RunPaceline("gtest_environment", {}, {mode});
    EXPECT_EQ(run.exit_code, 0) << run.text;
    ExpectVerdicts(run.tests, EnvironmentTable("passed", ""));
  }
}

TEST_F(MisbehavingGtestTest, AFailingEnvironmentSetUpIsNamed) {
  const Finished run = RunPaceline("gtest_environment", {}, {"set-up=fail"});
  EXPECT_EQ(run.exit_code, 3);
  VerdictTable table = EnvironmentTable("error", "set-up of the environment");
  table.push_back({Extra("gtest_environment", "environment set-up"), "error",
                   "set-up of the environment"});
  ExpectVerdicts(run.tests, table);
}

TEST_F(MisbehavingGtestTest, ASkippingEnvironmentSkipsAllCases) {
  const Finished run = RunPaceline("gtest_environment", {}, {"set-up=skip"});
  EXPECT_EQ(run.exit_code, 0);
  ExpectVerdicts(run.tests,
                 EnvironmentTable("skipped", "nothing to test here"));
}

TEST_F(MisbehavingGtestTest, ACrashingEnvironmentSetUpIsNamedByEachCase) {
  const Finished run = RunPaceline("gtest_environment", {}, {"set-up=crash"});
  EXPECT_EQ(run.exit_code, 3);
  ExpectVerdicts(
      run.tests,
      EnvironmentTable("error",
                       "SIGABRT (aborted) in the set-up of its environment"));
}

TEST_F(MisbehavingGtestTest, AFailingEnvironmentTearDownIsNamed) {
  const Finished run = RunPaceline("gtest_environment", {}, {"tear-down=fail"});
  EXPECT_EQ(run.exit_code, 3);
  VerdictTable table = EnvironmentTable("passed", "");
  table.push_back({Extra("gtest_environment", "environment tear-down"), "error",
                   "tear-down of the environment"});
  ExpectVerdicts(run.tests, table);
}

TEST_F(MisbehavingGtestTest, ACrashingEnvironmentTearDownIsNamed) {
  const Finished run =
      RunPaceline("gtest_environment", {}, {"tear-down=crash"});
  EXPECT_EQ(run.exit_code, 1);
  VerdictTable table = EnvironmentTable("passed", "");
  table.push_back({Extra("gtest_environment", "environment tear-down"),
                   "crashed", "SIGABRT"});
  ExpectVerdicts(run.tests, table);
}

TEST_F(MisbehavingGtestTest, AFailureInMainIsNamed) {
  const Finished run = RunPaceline("gtest_environment", {}, {"main=fail"});
  EXPECT_EQ(run.exit_code, 3);
  VerdictTable table = EnvironmentTable("passed", "");
  table.push_back({Extra("gtest_environment", "outside of its tests"), "error",
                   "in main, outside of any test"});
  ExpectVerdicts(run.tests, table);
}

TEST_F(MisbehavingGtestTest, AnExitStatusThatNoCaseExplainsIsNamed) {
  const Finished run = RunPaceline("gtest_exit_status");
  EXPECT_EQ(run.exit_code, 1);
  ExpectVerdicts(run.tests, {
                                {"ExitStatus.Passes", "passed"},
                                {"ExitStatus.PassesToo", "passed"},
                                {Extra("gtest_exit_status", "exit status 9"),
                                 "failed", "exit status 9"},
                            });
}

TEST_F(MisbehavingGtestTest, TenThousandCasesPass) {
  const Finished run = RunPaceline("gtest_many_cases");
  EXPECT_EQ(run.exit_code, 0) << run.text;
  VerdictTable table;
  for (int suite = 0; suite < 200; ++suite) {
    for (int test = 0; test < 50; ++test) {
      table.push_back({absl::StrCat("Suite", suite, ".Case", test), "passed"});
    }
  }
  ExpectVerdicts(run.tests, table);
}

TEST_F(MisbehavingGtestTest, OddNamesSelectTheirOwnCases) {
  const Finished run = RunPaceline("gtest_names");
  EXPECT_EQ(run.exit_code, 1);
  VerdictTable table = {
      {"In/ValueTest.IsNotB/0", "passed"},
      {"In/ValueTest.IsNotB/1", "failed", "GetParam()"},
      {"In/ValueTest.IsNotB/2", "passed"},
      {"In/ValueTest.IsNotB/3", "passed"},
      {"Named/ValueTest.IsNotB/letter_c", "passed"},
      {"Named/ValueTest.IsNotB/letter_d", "passed"},
      // One of each namespace; no filter tells them apart, so the worst.
      {"SameName.Passes", "failed", "the second of its name"},
  };
  for (const char* type : {"std::string", "a-b", "vec*tor?", "x=y&z"}) {
    const bool is_int = absl::string_view(type) == "a-b";
    table.push_back(
        {absl::StrCat("TypedTest/", type, ".HasADefault"), "passed"});
    table.push_back({absl::StrCat("TypedTest/", type, ".FailsForInt"),
                     is_int ? "failed" : "passed"});
  }
  for (int i = 0; i < 4; ++i) {
    table.push_back(
        {absl::StrCat("My/TypeParameterisedTest/", i, ".Works"), "passed"});
  }
  ExpectVerdicts(run.tests, table);
}

TEST_F(MisbehavingGtestTest, AProgramThatDoesNotListIsANamedFailure) {
  struct {
    const char* program;
    const char* says;
  } const rows[] = {
      {"runs_instead", "ignores --gtest_list_tests"},
      {"hangs_instead", "did not list its tests within 1 s"},
      {"crashes_instead", "SIGSEGV"},
      {"fails_instead", "exit status 5"},
      {"fails_instead", "cannot find my data"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.program);
    const Finished run =
        RunPaceline(row.program, {"--discovery-timeout", "1s"});
    EXPECT_EQ(run.exit_code, 3);
    ASSERT_THAT(run.tests, SizeIs(1)) << run.text;
    EXPECT_EQ(run.tests.begin()->first,
              absl::StrCat("discovery.", row.program));
    EXPECT_THAT(run.tests.begin()->second.message, HasSubstr(row.says));
  }
}

TEST_F(MisbehavingGtestTest, AWholeListingCountsThoughTheProgramDiedOfIt) {
  const Finished run = RunPaceline("lists_and_dies");
  EXPECT_EQ(run.exit_code, 1);
  ExpectVerdicts(run.tests, {
                                {"NoListing.Passes", "passed"},
                                {Extra("lists_and_dies", "after its tests"),
                                 "crashed", "SIGABRT"},
                            });
}

TEST_F(MisbehavingGtestTest, OutputIsNeverTakenForAResult) {
  const Finished run =
      RunPaceline("gtest_output", {"--env", "PACELINE_FLOOD_MB=4"});
  EXPECT_EQ(run.exit_code, 1);
  ExpectVerdicts(run.tests,
                 {
                     {"Output.LooksLikeGoogleTests", "passed"},
                     {"Output.PretendsToPass", "failed", "false"},
                     {"Output.PretendsToSkip", "failed", "false"},
                     {"Output.PretendsToFail", "skipped", "after all"},
                     {"Output.Floods", "passed"},
                     {"Output.IsBinary", "passed"},
                     {"Output.GoesToBothStreamsInOrder", "passed"},
                     {"Output.LacksTheLastNewline", "passed"},
                     {"Output.Nothing", "passed"},
                 });
  EXPECT_EQ(OnlyTest(run.tests, "Output.GoesToBothStreamsInOrder").output,
            "out 0\nerr 0\nout 1\nerr 1\nout 2\nerr 2\n");
  EXPECT_EQ(OnlyTest(run.tests, "Output.LacksTheLastNewline").output,
            "no newline");
  EXPECT_EQ(OnlyTest(run.tests, "Output.Nothing").output, "");
  for (const auto& [name, test] : run.tests) {
    EXPECT_THAT(test.output, Not(HasSubstr("Global test environment"))) << name;
  }
}

TEST_F(MisbehavingGtestTest, OfAFloodTheEndsAreKeptAndTheRestIsCounted) {
  const Finished run =
      RunPaceline("gtest_output", {"--filter", "Output.Floods"});
  EXPECT_EQ(run.exit_code, 0) << run.text;
  const std::string output = OnlyTest(run.tests, "Output.Floods").output;
  EXPECT_THAT(output, StartsWith("flood begins\nxxx"));
  EXPECT_THAT(output.substr(output.size() - 20), HasSubstr("x\nflood ends\n"));
  // 1 GiB and the two lines, less the 1 MiB that is kept.
  EXPECT_THAT(output, HasSubstr("[1023.0 MiB of output cut here]"));
  EXPECT_THAT(output.size(), AllOf(Ge(1U << 20), Le((1U << 20) + 100)));
}

const VerdictTable& ProcessesTable() {
  static const VerdictTable* const table = new VerdictTable{
      {"Processes.BeforePasses", "passed"},
      {"Processes.LeavesAGrandchildWithItsOutput", "passed"},
      {"Processes.LeavesASilentGrandchild", "passed"},
      {"Processes.KillsItsGroup", "crashed", "SIGKILL"},
      {"Processes.KillsItsParent", "crashed", "SIGKILL"},
      {"Processes.Hangs", "timed_out", "timed out after 2.00 s"},
      {"Processes.IgnoresTerm", "timed_out", "timed out after 2.00 s"},
      {"Processes.ForkedChildReturnsIntoGoogleTest", "passed"},
      {"Processes.AfterPasses", "passed"},
  };
  return *table;
}

TEST_F(MisbehavingGtestTest, FightsWithOtherProcessesHarmOneCaseEach) {
  const Finished run = RunPaceline("gtest_processes", {"--timeout", "2s"});
  EXPECT_EQ(run.exit_code, 1);
  ExpectVerdicts(run.tests, ProcessesTable());
  EXPECT_EQ(OnlyTest(run.tests, "Processes.Hangs").output, "about to hang\n");
  EXPECT_EQ(OnlyTest(run.tests, "Processes.IgnoresTerm").output,
            "about to hang\n");
}

TEST_F(MisbehavingGtestTest, WhatIsLeftBehindIsAWarningUnlessItIsSaidToBeBad) {
  const std::vector<std::string> filter = {
      "--filter", "Processes.LeavesAGrandchildWithItsOutput"};
  const Finished mild = RunPaceline("gtest_processes", filter);
  EXPECT_EQ(mild.exit_code, 0);
  EXPECT_THAT(mild.text, HasSubstr("leaked"));
  const JunitTest test = OnlyTest(mild.tests, filter[1]);
  EXPECT_EQ(test.verdict, "passed");
  EXPECT_EQ(test.properties.count("paceline.leaked"), 1U);

  const Finished strict =
      RunPaceline("gtest_processes", {"--fail-on-leak", filter[0], filter[1]});
  EXPECT_EQ(strict.exit_code, 1);
}

TEST_F(MisbehavingGtestTest, WhatHoldsNoOutputIsNotCalledLeaked) {
  const Finished run = RunPaceline(
      "gtest_processes",
      {"--fail-on-leak", "--filter", "Processes.LeavesASilentGrandchild"});
  EXPECT_EQ(run.exit_code, 0) << run.text;
  EXPECT_THAT(run.text, Not(HasSubstr("leaked")));
}

TEST_F(MisbehavingGtestTest, ACaseThatStartsAgainHasItsWorstVerdict) {
  const Finished run = RunPaceline("gtest_repeats");
  EXPECT_EQ(run.exit_code, 1);
  ExpectVerdicts(run.tests,
                 {
                     {"Repeats.Passes", "passed"},
                     {"Repeats.FailsTheSecondTime", "failed", "++times"},
                 });
}

TEST_F(MisbehavingGtestTest, AProgramMayRunAllTestsTwice) {
  const Finished run = RunPaceline("gtest_runs_twice");
  EXPECT_EQ(run.exit_code, 0) << run.text;
  ExpectVerdicts(run.tests, {
                                {"RunsTwice.Passes", "passed"},
                                {"RunsTwice.DependsOnTheRun", "passed"},
                                {"RunsTwice.PassesToo", "passed"},
                            });
}

TEST_F(MisbehavingGtestTest, AFailureInTheSecondOfTwoRunsCounts) {
  const Finished run = RunPaceline("gtest_runs_twice", {}, {"second=fail"});
  EXPECT_EQ(run.exit_code, 1);
  ExpectVerdicts(run.tests,
                 {
                     {"RunsTwice.Passes", "passed"},
                     {"RunsTwice.DependsOnTheRun", "failed", "second_fails"},
                     {"RunsTwice.PassesToo", "passed"},
                 });
}

const VerdictTable& SuiteSetUpTable() {
  static const VerdictTable* const table = new VerdictTable{
      {"Sound.Passes", "passed"},
      {"FailingSetUp.First", "error", "the suite's set-up"},
      {"FailingSetUp.Second", "error", "the suite's set-up"},
      {Extra("gtest_suite_setup", "set-up of FailingSetUp"), "error",
       "the suite's set-up"},
      {"FailingTearDown.First", "passed"},
      {"FailingTearDown.Second", "passed"},
      {Extra("gtest_suite_setup", "tear-down of FailingTearDown"), "error",
       "the suite's tear-down"},
      {"CrashingSetUp.First", "error", "SIGABRT"},
      {"CrashingSetUp.Second", "error", "SIGABRT"},
      {Extra("gtest_suite_setup", "set-up of CrashingSetUp"), "crashed",
       "SIGABRT"},
      {"CrashingTearDown.First", "passed"},
      {"CrashingTearDown.Second", "passed"},
      {Extra("gtest_suite_setup", "tear-down of CrashingTearDown"), "crashed",
       "SIGABRT"},
      // A skip in a suite's set-up skips nothing but itself in GoogleTest 1.12.
      {"SkippingSetUp.Passes", "passed"},
      {"SkippingSetUp.Skips", "skipped"},
      {"SucceedingSetUp.Fails", "failed", "the only failure here"},
      {"SoundAgain.Passes", "passed"},
  };
  return *table;
}

TEST_F(MisbehavingGtestTest, FailuresAroundASuiteAreNamed) {
  const Finished run = RunPaceline("gtest_suite_setup");
  EXPECT_EQ(run.exit_code, 1);
  ExpectVerdicts(run.tests, SuiteSetUpTable());
  // All of it ends within a moment, and still each case has its own output.
  EXPECT_THAT(OnlyTest(run.tests, "SkippingSetUp.Skips").output,
              Not(HasSubstr("the only failure here")));
  EXPECT_THAT(OnlyTest(run.tests, "SucceedingSetUp.Fails").output,
              HasSubstr("the only failure here"));
}

// The limit is of a case; what hangs between cases is ended too, and named
// once.
TEST_F(MisbehavingGtestTest, AHangOutsideOfCasesIsNamedOnce) {
  const Finished set_up =
      RunPaceline("gtest_hangs", {"--timeout", "1s"}, {"suite-set-up=hang"});
  EXPECT_EQ(set_up.exit_code, 1);
  ExpectVerdicts(set_up.tests, {
                                   {"Slow.First", "error", "hung for 10.00 s"},
                                   {"Slow.Second", "error", "hung for 10.00 s"},
                                   {"Slow.Third", "error", "hung for 10.00 s"},
                                   {Extra("gtest_hangs", "set-up of Slow"),
                                    "timed_out", "hung for 10.00 s"},
                                   {"OnTerm.Waits", "passed"},
                               });
  const Finished tear_down =
      RunPaceline("gtest_hangs", {"--timeout", "1s"}, {"suite-tear-down=hang"});
  EXPECT_EQ(tear_down.exit_code, 1);
  ExpectVerdicts(tear_down.tests,
                 {
                     {"Slow.First", "passed"},
                     {"Slow.Second", "passed"},
                     {"Slow.Third", "passed"},
                     {Extra("gtest_hangs", "tear-down of Slow"), "timed_out",
                      "hung for 10.00 s"},
                     {"OnTerm.Waits", "passed"},
                 });
}

TEST_F(MisbehavingGtestTest, WhatIsSlowOutsideOfCasesIsNoCasesTime) {
  for (const char* phase : {"static", "suite-set-up", "tear-down"}) {
    const Finished run = RunPaceline("gtest_hangs", {"--timeout", "1s"},
                                     {absl::StrCat(phase, "=2500")});
    EXPECT_EQ(run.exit_code, 0) << phase << run.text;
  }
}

TEST_F(MisbehavingGtestTest, ACaseOverItsTimeMayPutItsThingsAway) {
  const Finished run = RunPaceline(
      "gtest_hangs", {"--timeout", "1s", "--filter", "OnTerm.Waits"},
      {"case=cleans-up"});
  EXPECT_EQ(run.exit_code, 1);
  ExpectVerdicts(run.tests,
                 {{"OnTerm.Waits", "timed_out", "timed out after 1.00 s"}});
  EXPECT_EQ(OnlyTest(run.tests, "OnTerm.Waits").output, "waiting\nput away\n");
}

TEST_F(MisbehavingGtestTest, TheTablesAreTheSameOnAFleet) {
  Fleet fleet({.agents = 2, .workers = 1});
  UseFleet(fleet);
  const Finished crash = RunPaceline("gtest_crash");
  EXPECT_EQ(crash.exit_code, 1);
  ExpectVerdicts(crash.tests, CrashTable());
  const Finished suites = RunPaceline("gtest_suite_setup");
  EXPECT_EQ(suites.exit_code, 1);
  ExpectVerdicts(suites.tests, SuiteSetUpTable());
  const Finished processes =
      RunPaceline("gtest_processes", {"--timeout", "2s"});
  EXPECT_EQ(processes.exit_code, 1);
  ExpectVerdicts(processes.tests, ProcessesTable());
  // The agents live on, and what their tests left behind does not.
  EXPECT_EQ(LeftAfter(mark_.Find(), std::chrono::seconds(2)), 0);
}

}  // namespace
}  // namespace paceline
