// Verdicts of real programs, each of which misbehaves in its own way: what the
// tests with made-up programs take for GoogleTest's behaviour is its behaviour.

#include "worker/gtest/gtest_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"
#include "tests/support/worker_fakes.h"
#include "worker/gtest/gtest_discoverer.h"

namespace paceline {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// A unit of a real program, and the agent that asks for it.
class GtestWorkerTest : public testing::Test {
 protected:
  GtestWorkerTest() {
    // As a worker is: what tests leave behind is its own.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
  }

  // A unit of all cases of the program that are not disabled.
  void Ask(absl::string_view program, std::vector<std::string> arguments = {},
           bool also_run_disabled = false) {
    const std::string path = TestProgramPath(absl::StrCat("gtest/", program));
    DiscoveryOptions options;
    options.env = CurrentEnvironment();
    options.also_run_disabled = also_run_disabled;
    RecordingSink sink;
    GtestDiscoverer().Discover({path, std::move(arguments)}, options, sink);
    ASSERT_THAT(sink.errors, IsEmpty());
    ASSERT_THAT(sink.suites, SizeIs(1));
    suite_.spec = sink.suites[0];
    suite_.spec.name = "prog";
    for (const TestSpec& test : sink.tests) {
      if (!test.skip_reason.has_value()) {
        WorkerTest& asked = unit_.tests.emplace_back();
        asked.name = test.name;
        asked.payload = test.payload;
        asked.timeout = std::chrono::seconds(60);
      }
    }
  }
  // Leaves only these of the cases in the unit.
  void Only(const std::vector<std::string>& names) {
    std::vector<WorkerTest>& tests = unit_.tests;
    tests.erase(std::remove_if(tests.begin(), tests.end(),
                               [&names](const WorkerTest& test) {
                                 return std::find(names.begin(), names.end(),
                                                  test.name) == names.end();
                               }),
                tests.end());
    ASSERT_THAT(tests, SizeIs(names.size()));
  }
  void Run() {
    GtestRunner runner;
    ASSERT_THAT(runner.Open(suite_), IsOk());
    ASSERT_THAT(runner.RunUnit(unit_, reporter_), IsOk());
  }
  // "Suite.Case" and its outcome, for all that have one.
  std::map<std::string, std::string> Words() const {
    std::map<std::string, std::string> words;
    for (const auto& [test, result] : reporter_.results) {
      words[unit_.tests[test].name] = std::string(ToString(result.outcome));
    }
    return words;
  }
  const TestResult& Result(absl::string_view name) const {
    for (const auto& [test, result] : reporter_.results) {
      if (unit_.tests[test].name == name) {
        return result;
      }
    }
    ADD_FAILURE() << "no result of " << name;
    static const TestResult* const none = new TestResult();
    return *none;
  }
  std::vector<std::string> Extras() const {
    std::vector<std::string> words;
    for (const ExtraResult& extra : reporter_.extras) {
      words.push_back(
          absl::StrCat(extra.name, ": ", ToString(extra.result.outcome)));
    }
    return words;
  }
  std::uint32_t Position(absl::string_view name) const {
    for (std::uint32_t i = 0; i < unit_.tests.size(); ++i) {
      if (unit_.tests[i].name == name) {
        return i;
      }
    }
    return static_cast<std::uint32_t>(unit_.tests.size());
  }

  WorkerSuite suite_;
  WorkerRunUnit unit_;
  RecordingReporter reporter_;
};

TEST_F(GtestWorkerTest, EachCommonEndingHasItsOutcome) {
  Ask("gtest_outcomes");
  Run();
  EXPECT_THAT(
      Words(),
      UnorderedElementsAre(
          Pair("Outcomes.Passes", "passed"), Pair("Outcomes.Fails", "failed"),
          Pair("Outcomes.FailsTwice", "failed"),
          Pair("Outcomes.FailsFatally", "failed"),
          Pair("Outcomes.Throws", "failed"), Pair("Outcomes.Skips", "skipped"),
          Pair("Outcomes.SkipsAndFails", "failed"),
          Pair("Outcomes.Succeeds", "passed"),
          Pair("Outcomes.RecordsProperties", "passed")));
  EXPECT_THAT(Extras(), IsEmpty());
  EXPECT_THAT(Result("Outcomes.Fails").message, HasSubstr("arithmetic"));
  EXPECT_THAT(Result("Outcomes.Fails").file, HasSubstr("outcomes.cc"));
  EXPECT_EQ(Result("Outcomes.Fails").line, 9U);
  EXPECT_THAT(Result("Outcomes.FailsTwice").details,
              AllOf(HasSubstr("first"), HasSubstr("second")));
  EXPECT_THAT(Result("Outcomes.Throws").message, HasSubstr("thrown in a test"));
  EXPECT_EQ(Result("Outcomes.Skips").message, "not on this host");
  // GoogleTest's own lines are none of the output.
  for (const auto& [test, result] : reporter_.results) {
    EXPECT_THAT(result.output.head, Not(HasSubstr("[ "))) << test;
  }
}

TEST_F(GtestWorkerTest, DisabledCasesRunWhenAsked) {
  Ask("gtest_outcomes", {}, /*also_run_disabled=*/true);
  Only({"Outcomes.DISABLED_Fails", "DISABLED_Outcomes.Fails"});
  Run();
  EXPECT_THAT(Words(),
              UnorderedElementsAre(Pair("Outcomes.DISABLED_Fails", "failed"),
                                   Pair("DISABLED_Outcomes.Fails", "failed")));
}

TEST_F(GtestWorkerTest, PropertiesOfTheLastCaseAreReported) {
  Ask("gtest_outcomes");
  Only({"Outcomes.RecordsProperties"});
  Run();
  EXPECT_THAT(
      Result("Outcomes.RecordsProperties").properties,
      ElementsAre(Pair("build", "42"), Pair("flavour", "plain & <simple>")));
}

TEST_F(GtestWorkerTest, EachCrashIsChargedToItsCaseAndTheRestRuns) {
  Ask("gtest_crash");
  Run();
  EXPECT_THAT(
      Words(),
      UnorderedElementsAre(
          Pair("Crash.BeforePasses", "passed"), Pair("Crash.Segv", "crashed"),
          Pair("Crash.BetweenFails", "failed"), Pair("Crash.Bus", "crashed"),
          Pair("Crash.Fpe", "crashed"), Pair("Crash.Ill", "crashed"),
          Pair("Crash.Abort", "crashed"), Pair("Crash.BetweenSkips", "skipped"),
          Pair("Crash.Kill", "crashed"), Pair("Crash.Term", "crashed"),
          Pair("Crash.Pipe", "crashed"), Pair("Crash.ExitsWith0", "crashed"),
          Pair("Crash.LeavesWith0", "crashed"),
          Pair("Crash.ExitsWith3", "crashed"),
          Pair("Crash.FailsThenCrashes", "crashed"),
          Pair("Crash.AfterPasses", "passed")));
  EXPECT_THAT(Extras(), IsEmpty());
  EXPECT_THAT(Result("Crash.Segv").message, HasSubstr("SIGSEGV"));
  EXPECT_EQ(Result("Crash.Segv").output.head, "about to crash\n");
  EXPECT_THAT(Result("Crash.LeavesWith0").message, HasSubstr("status 0"));
  EXPECT_THAT(Result("Crash.FailsThenCrashes").details,
              HasSubstr("a failure before the crash"));
}

TEST_F(GtestWorkerTest, ThreadsafeDeathTestsDoNotDisturbTheStream) {
  Ask("gtest_death");
  Run();
  std::map<std::string, std::string> words = Words();
  EXPECT_EQ(words["PlainDeathTest.DoesNotDie"], "failed");
  words.erase("PlainDeathTest.DoesNotDie");
  EXPECT_THAT(words, SizeIs(12));
  for (const auto& [name, word] : words) {
    EXPECT_EQ(word, "passed") << name;
  }
  EXPECT_THAT(Extras(), IsEmpty());
}

TEST_F(GtestWorkerTest, CasesThatCloseDescriptorsHaveTheirOwnVerdicts) {
  Ask("gtest_descriptors");
  Run();
  EXPECT_THAT(Words(),
              UnorderedElementsAre(
                  Pair("Descriptors.StandardInputIsEmpty", "passed"),
                  Pair("Descriptors.NothingIsInherited", "passed"),
                  Pair("Descriptors.ChangesDirectory", "passed"),
                  Pair("Descriptors.PassesInAnotherDirectory", "passed"),
                  Pair("Descriptors.ClosesOutput", "passed"),
                  Pair("Descriptors.PassesWithoutOutput", "passed"),
                  Pair("Descriptors.FailsWithoutOutput", "failed"),
                  Pair("Descriptors.SkipsWithoutOutput", "skipped"),
                  Pair("Descriptors.ClosesAll", "passed"),
                  Pair("Descriptors.PassesWithoutStream", "passed"),
                  Pair("Descriptors.FailsWithoutStream", "failed")));
}

TEST_F(GtestWorkerTest, AnEnvironmentThatGoesWrongIsNamed) {
  struct {
    const char* mode;
    const char* word;
    const char* extra;  // empty: none
  } constexpr kCases[] = {
      {"set-up=fail", "error", "prog: environment set-up: error"},
      {"set-up=skip", "skipped", ""},
      {"set-up=crash", "error", ""},
      {"tear-down=fail", "passed", "prog: environment tear-down: error"},
      {"tear-down=skip", "passed", ""},
      {"tear-down=crash", "passed", "prog: environment tear-down: crashed"},
      {"main=fail", "passed", "prog: outside of its tests: error"},
      {"nothing", "passed", ""},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.mode);
    unit_.tests.clear();
    reporter_.results.clear();
    reporter_.extras.clear();
    Ask("gtest_environment", {test.mode});
    Run();
    EXPECT_THAT(Words(),
                UnorderedElementsAre(Pair("First.Passes", test.word),
                                     Pair("First.PassesToo", test.word),
                                     Pair("Second.Passes", test.word)));
    if (*test.extra == '\0') {
      EXPECT_THAT(Extras(), IsEmpty());
    } else {
      EXPECT_THAT(Extras(), ElementsAre(test.extra));
    }
  }
}

TEST_F(GtestWorkerTest, SetUpAndTearDownOfSuitesAreNamed) {
  Ask("gtest_suite_setup");
  Run();
  EXPECT_THAT(Words(),
              UnorderedElementsAre(Pair("Sound.Passes", "passed"),
                                   Pair("FailingSetUp.First", "error"),
                                   Pair("FailingSetUp.Second", "error"),
                                   Pair("FailingTearDown.First", "passed"),
                                   Pair("FailingTearDown.Second", "passed"),
                                   Pair("CrashingSetUp.First", "error"),
                                   Pair("CrashingSetUp.Second", "error"),
                                   Pair("CrashingTearDown.First", "passed"),
                                   Pair("CrashingTearDown.Second", "passed"),
                                   Pair("SkippingSetUp.Passes", "passed"),
                                   Pair("SkippingSetUp.Skips", "skipped"),
                                   Pair("SucceedingSetUp.Fails", "failed"),
                                   Pair("SoundAgain.Passes", "passed")));
  EXPECT_THAT(Extras(), ElementsAre("prog: set-up of FailingSetUp: error",
                                    "prog: tear-down of FailingTearDown: error",
                                    "prog: set-up of CrashingSetUp: crashed",
                                    "prog: tear-down of CrashingTearDown: "
                                    "crashed"));
  EXPECT_THAT(Result("FailingSetUp.First").message,
              HasSubstr("the suite's set-up"));
}

// The summary of the program was taken for the end of its last case.
TEST_F(GtestWorkerTest, TheSummaryIsNoOutputOfTheLastCase) {
  Ask("gtest_outcomes");
  Only({"Outcomes.Skips"});
  Run();
  EXPECT_THAT(Result("Outcomes.Skips").output.head, Not(HasSubstr("[")));
}

TEST_F(GtestWorkerTest, ABadExitStatusAfterAllPassedIsNamed) {
  Ask("gtest_exit_status");
  Run();
  EXPECT_THAT(Words(),
              UnorderedElementsAre(Pair("ExitStatus.Passes", "passed"),
                                   Pair("ExitStatus.PassesToo", "passed")));
  EXPECT_THAT(Extras(), ElementsAre("prog: exit status 9: failed"));
}

// Their names are too long for an argument.
TEST_F(GtestWorkerTest, TenThousandCasesAreOneProcess) {
  Ask("gtest_many_cases");
  Run();
  ASSERT_THAT(reporter_.results, SizeIs(10'000));
  for (const auto& [test, result] : reporter_.results) {
    ASSERT_EQ(result.outcome, Outcome::kPassed) << unit_.tests[test].name;
  }
  EXPECT_THAT(Extras(), IsEmpty());
}

TEST_F(GtestWorkerTest, CasesOfAnyNameAreSelected) {
  Ask("gtest_names");
  Run();
  ASSERT_THAT(reporter_.results, SizeIs(unit_.tests.size()));
  for (const auto& [name, word] : Words()) {
    const bool fails = name == "SameName.Passes" ||
                       name == "TypedTest/a-b.FailsForInt" ||
                       name == "In/ValueTest.IsNotB/1";
    EXPECT_EQ(word, fails ? "failed" : "passed") << name;
  }
  EXPECT_THAT(Extras(), IsEmpty());
}

TEST_F(GtestWorkerTest, ACaseOfAnyNameIsSelectedAlone) {
  Ask("gtest_names");
  const std::vector<WorkerTest> all = unit_.tests;
  for (const WorkerTest& test : all) {
    unit_.tests = {test};
    reporter_.results.clear();
    Run();
    EXPECT_THAT(reporter_.results, SizeIs(1)) << test.name;
    EXPECT_THAT(Extras(), IsEmpty()) << test.name;
  }
}

TEST_F(GtestWorkerTest, TextThatLooksLikeGoogleTestsDecidesNothing) {
  Ask("gtest_output");
  for (WorkerTest& test : unit_.tests) {
    test.env = {{"PACELINE_FLOOD_MB", "8"}};
  }
  suite_.output_limit = 1'000'000;
  Run();
  EXPECT_THAT(Words(), UnorderedElementsAre(
                           Pair("Output.LooksLikeGoogleTests", "passed"),
                           Pair("Output.PretendsToPass", "failed"),
                           Pair("Output.PretendsToSkip", "failed"),
                           Pair("Output.PretendsToFail", "skipped"),
                           Pair("Output.Floods", "passed"),
                           Pair("Output.IsBinary", "passed"),
                           Pair("Output.GoesToBothStreamsInOrder", "passed"),
                           Pair("Output.LacksTheLastNewline", "passed"),
                           Pair("Output.Nothing", "passed")));
  EXPECT_THAT(Extras(), IsEmpty());
  const CapturedOutput& flood = Result("Output.Floods").output;
  EXPECT_TRUE(absl::StartsWith(flood.head, "flood begins\n"));
  EXPECT_TRUE(absl::EndsWith(flood.tail, "\nflood ends\n"));
  EXPECT_GT(flood.cut_bytes, 7'000'000U);
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes.push_back(static_cast<char>(i));
  }
  EXPECT_EQ(Result("Output.IsBinary").output.head, bytes);
  EXPECT_EQ(Result("Output.GoesToBothStreamsInOrder").output.head,
            "out 0\nerr 0\nout 1\nerr 1\nout 2\nerr 2\n");
  EXPECT_EQ(Result("Output.LacksTheLastNewline").output.head, "no newline");
  EXPECT_TRUE(Result("Output.Nothing").output.empty());
}

TEST_F(GtestWorkerTest, WhatCasesLeaveBehindIsEndedAndNamed) {
  Ask("gtest_processes");
  Only({"Processes.LeavesAGrandchildWithItsOutput"});
  Run();
  EXPECT_EQ(reporter_.results[0].outcome, Outcome::kPassed);
  EXPECT_TRUE(reporter_.results[0].leaked);
}

TEST_F(GtestWorkerTest, CasesThatFightTheProcessesAroundThemAreCharged) {
  Ask("gtest_processes");
  Only({"Processes.BeforePasses", "Processes.LeavesASilentGrandchild",
        "Processes.KillsItsGroup", "Processes.ForkedChildReturnsIntoGoogleTest",
        "Processes.AfterPasses"});
  Run();
  EXPECT_THAT(Words(),
              UnorderedElementsAre(
                  Pair("Processes.BeforePasses", "passed"),
                  Pair("Processes.LeavesASilentGrandchild", "passed"),
                  Pair("Processes.KillsItsGroup", "crashed"),
                  Pair("Processes.ForkedChildReturnsIntoGoogleTest", "passed"),
                  Pair("Processes.AfterPasses", "passed")));
}

TEST_F(GtestWorkerTest, ARepeatedCaseHasItsWorstVerdict) {
  Ask("gtest_repeats");
  Run();
  EXPECT_THAT(Words(), UnorderedElementsAre(
                           Pair("Repeats.Passes", "passed"),
                           Pair("Repeats.FailsTheSecondTime", "failed")));
  EXPECT_THAT(Extras(), IsEmpty());
}

TEST_F(GtestWorkerTest, RepeatingByAnArgumentIsOneVerdictToo) {
  Ask("gtest_outcomes", {"--gtest_repeat=3"});
  Run();
  EXPECT_EQ(Result("Outcomes.Passes").outcome, Outcome::kPassed);
  EXPECT_EQ(Result("Outcomes.Fails").outcome, Outcome::kFailed);
  EXPECT_EQ(Result("Outcomes.Skips").outcome, Outcome::kSkipped);
  EXPECT_THAT(Extras(), IsEmpty());
}

TEST_F(GtestWorkerTest, AProgramThatRunsItsTestsTwiceIsRunWithoutTheStream) {
  Ask("gtest_runs_twice");
  Run();
  EXPECT_THAT(Words(),
              UnorderedElementsAre(Pair("RunsTwice.Passes", "passed"),
                                   Pair("RunsTwice.DependsOnTheRun", "passed"),
                                   Pair("RunsTwice.PassesToo", "passed")));
  EXPECT_THAT(Extras(), IsEmpty());
}

TEST_F(GtestWorkerTest, AFailureInTheSecondRunIsNotLost) {
  Ask("gtest_runs_twice", {"second=fail"});
  Run();
  const bool in_case =
      Result("RunsTwice.DependsOnTheRun").outcome == Outcome::kFailed;
  const bool named =
      Extras() == std::vector<std::string>{
                      "prog: RunsTwice.DependsOnTheRun, by the program's own "
                      "report: failed"};
  EXPECT_NE(in_case, named);
}

// A GTEST_TOTAL_SHARDS of 4 ran 13 of 50 cases.
TEST_F(GtestWorkerTest, VariablesOfTheAgentDoNotChangeWhatRuns) {
  Ask("gtest_outcomes");
  setenv("GTEST_TOTAL_SHARDS", "4", 1);
  setenv("GTEST_SHARD_INDEX", "1", 1);
  setenv("XML_OUTPUT_FILE", "/nowhere/x.xml", 1);
  Run();
  unsetenv("GTEST_TOTAL_SHARDS");
  unsetenv("GTEST_SHARD_INDEX");
  unsetenv("XML_OUTPUT_FILE");
  EXPECT_THAT(reporter_.results, SizeIs(unit_.tests.size()));
  EXPECT_EQ(Result("Outcomes.Passes").outcome, Outcome::kPassed);
}

TEST_F(GtestWorkerTest, TheUsersArgumentsDoNotHideWhatIsRead) {
  Ask("gtest_outcomes",
      {"--gtest_brief=1", "--gtest_color=yes", "--gtest_print_time=0",
       "--gtest_output=json:/nowhere/x.json"});
  Run();
  EXPECT_EQ(Result("Outcomes.Passes").outcome, Outcome::kPassed);
  EXPECT_EQ(Result("Outcomes.Skips").outcome, Outcome::kSkipped);
  EXPECT_EQ(Result("Outcomes.Fails").outcome, Outcome::kFailed);
}

TEST_F(GtestWorkerTest, CasesThatFailFastSkipsAreSkipped) {
  Ask("gtest_outcomes", {"--gtest_fail_fast"});
  Run();
  EXPECT_EQ(Result("Outcomes.Passes").outcome, Outcome::kPassed);
  EXPECT_EQ(Result("Outcomes.Fails").outcome, Outcome::kFailed);
  EXPECT_EQ(Result("Outcomes.Succeeds").outcome, Outcome::kSkipped);
  EXPECT_THAT(Extras(), IsEmpty());
}

TEST_F(GtestWorkerTest, SigtermEndsTheRunningCase) {
  Ask("gtest_processes");
  Only({"Processes.BeforePasses", "Processes.Hangs", "Processes.AfterPasses"});
  reporter_.on_started = [this](std::uint32_t test) {
    if (test == Position("Processes.Hangs")) {
      reporter_.Terminate();
    }
  };
  Run();
  EXPECT_THAT(Words(),
              UnorderedElementsAre(Pair("Processes.BeforePasses", "passed"),
                                   Pair("Processes.Hangs", "crashed")));
  EXPECT_EQ(Result("Processes.Hangs").message,
            "ended by SIGTERM to its worker");
}

TEST_F(GtestWorkerTest, AStopIsObeyedBetweenCases) {
  Ask("gtest_crash");
  Only({"Crash.BeforePasses", "Crash.Segv", "Crash.AfterPasses"});
  reporter_.on_started = [this](std::uint32_t test) {
    if (test == Position("Crash.Segv")) {
      reporter_.RequestStop();
    }
  };
  Run();
  EXPECT_EQ(Result("Crash.BeforePasses").outcome, Outcome::kPassed);
  EXPECT_EQ(Words().count("Crash.AfterPasses"), 0U);
}

// Not asked for, a stop kept its descriptor readable: the worker took a whole
// CPU until the running case ended.
TEST_F(GtestWorkerTest, AStopDuringACaseIsTakenNoteOfAtOnce) {
  Ask("gtest_processes");
  Only({"Processes.BeforePasses", "Processes.Hangs"});
  bool stopping = false;
  int waits = 0;
  reporter_.on_wait = [&](bool asked) {
    // The wait in which the stop comes does not know of it.
    if (stopping && ++waits == 2) {
      EXPECT_TRUE(asked);
      reporter_.Terminate();
    }
  };
  reporter_.on_started = [&](std::uint32_t test) {
    if (test == Position("Processes.Hangs")) {
      stopping = true;
      reporter_.RequestStop();
    }
  };
  Run();
  EXPECT_GE(waits, 2);
}

// Nobody knows which case a shuffled program runs first: one that was said to
// run was charged with what another one did.
TEST_F(GtestWorkerTest, InAShuffledProgramOnlyWhatRunsIsSaidToRun) {
  for (int seed = 1; seed <= 8; ++seed) {
    unit_.tests.clear();
    Ask("gtest_processes",
        {"--gtest_shuffle", absl::StrCat("--gtest_random_seed=", seed)});
    Only(
        {"Processes.BeforePasses", "Processes.Hangs", "Processes.AfterPasses"});
    RecordingReporter reporter;
    reporter.on_started = [&](std::uint32_t test) {
      if (test == Position("Processes.Hangs")) {
        reporter.Terminate();
      }
    };
    reporter.on_deadline = [&] {
      ADD_FAILURE() << "another case was said to run, seed " << seed;
      reporter.Terminate();
    };
    GtestRunner runner;
    ASSERT_THAT(runner.Open(suite_), IsOk());
    ASSERT_THAT(runner.RunUnit(unit_, reporter), IsOk());
    EXPECT_EQ(reporter.started.back(), Position("Processes.Hangs"));
  }
}

TEST_F(GtestWorkerTest, AProgramThatIsNotHereIsRefused) {
  Ask("gtest_outcomes");
  suite_.spec.program = "/nowhere/program";
  const absl::Status status = GtestRunner().Open(suite_);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nowhere/program"));
}

TEST_F(GtestWorkerTest, OptionsOfAnotherVersionAreRefused) {
  Ask("gtest_outcomes");
  suite_.spec.options = "faster";
  EXPECT_THAT(GtestRunner().Open(suite_),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace paceline
