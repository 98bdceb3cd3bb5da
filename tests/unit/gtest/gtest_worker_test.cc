// What a worker tells its agent of real programs, beyond their verdicts: those
// are the subject of tests/integration/misbehaving_gtest_test.cc.

#include "worker/gtest/gtest_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/os/process_tree.h"
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
  void Run(Duration least_outside_bound = std::chrono::seconds(10)) {
    GtestRunner runner(least_outside_bound);
    ASSERT_THAT(runner.Open(suite_), IsOk());
    ASSERT_THAT(runner.RunUnit(unit_, reporter_), IsOk());
  }
  // As an agent does, which signals every process below it: when the running
  // case has said what SIGTERM is to it.
  void TerminateWhenItWaits() {
    reporter_.grace = std::chrono::milliseconds(500);
    reporter_.on_wait = [this](bool) {
      for (const pid_t pid : Children(getpid())) {
        if (!terminated_ && CaresForSigterm(pid)) {
          terminated_ = true;
          kill(pid, SIGTERM);
          reporter_.Terminate();
        }
      }
    };
  }
  static bool CaresForSigterm(pid_t pid) {
    std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
    std::string line;
    while (std::getline(status, line)) {
      if (absl::StartsWith(line, "SigIgn:") ||
          absl::StartsWith(line, "SigCgt:")) {
        const auto mask = std::stoull(line.substr(7), nullptr, 16);
        if ((mask >> (SIGTERM - 1) & 1U) != 0) {
          return true;
        }
      }
    }
    return false;
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
  bool terminated_ = false;
};

TEST_F(GtestWorkerTest, AFailureSaysWhereAndWhy) {
  Ask("gtest_outcomes");
  Run();
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

// The summary of the program was taken for the end of its last case.
TEST_F(GtestWorkerTest, TheSummaryIsNoOutputOfTheLastCase) {
  Ask("gtest_outcomes");
  Only({"Outcomes.Skips"});
  Run();
  EXPECT_THAT(Result("Outcomes.Skips").output.head, Not(HasSubstr("[")));
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

TEST_F(GtestWorkerTest, OutputIsBytes) {
  Ask("gtest_output");
  Only({"Output.IsBinary"});
  Run();
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes.push_back(static_cast<char>(i));
  }
  EXPECT_EQ(Result("Output.IsBinary").output.head, bytes);
}

TEST_F(GtestWorkerTest, RepeatingByAnArgumentIsOneVerdictToo) {
  Ask("gtest_outcomes", {"--gtest_repeat=3"});
  Run();
  EXPECT_EQ(Result("Outcomes.Passes").outcome, Outcome::kPassed);
  EXPECT_EQ(Result("Outcomes.Fails").outcome, Outcome::kFailed);
  EXPECT_EQ(Result("Outcomes.Skips").outcome, Outcome::kSkipped);
  EXPECT_THAT(Extras(), IsEmpty());
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

TEST_F(GtestWorkerTest, VariablesThatAreLetThroughDoNotEither) {
  Ask("gtest_outcomes");
  suite_.spec.env.push_back({"GTEST_TOTAL_SHARDS", "4"});
  suite_.spec.env.push_back({"GTEST_SHARD_INDEX", "1"});
  Run();
  EXPECT_EQ(Result("Outcomes.Passes").outcome, Outcome::kPassed);
  EXPECT_EQ(Result("Outcomes.Succeeds").outcome, Outcome::kPassed);
  EXPECT_THAT(reporter_.results, SizeIs(unit_.tests.size()));
}

TEST_F(GtestWorkerTest, PropertiesOfAnEarlierCaseComeLate) {
  Ask("gtest_outcomes");
  Only({"Outcomes.RecordsProperties", "Outcomes.Succeeds"});
  std::swap(unit_.tests[0], unit_.tests[1]);
  Run();
  std::map<std::string, TestProperties> properties;
  for (const auto& [test, late] : reporter_.late_properties) {
    properties[unit_.tests[test].name] = late;
  }
  properties["Outcomes.Succeeds"] = Result("Outcomes.Succeeds").properties;
  if (const auto& own = Result("Outcomes.RecordsProperties").properties;
      !own.empty()) {
    properties["Outcomes.RecordsProperties"] = own;
  }
  EXPECT_THAT(
      properties["Outcomes.RecordsProperties"],
      ElementsAre(Pair("build", "42"), Pair("flavour", "plain & <simple>")));
  EXPECT_THAT(properties["Outcomes.Succeeds"], IsEmpty());
}

// A limit for cases is none for what they share.
TEST_F(GtestWorkerTest, WhatIsSlowOutsideOfCasesIsNoCasesTime) {
  for (const char* phase : {"static", "set-up", "suite-set-up",
                            "suite-tear-down", "tear-down", "exit"}) {
    unit_ = {};
    reporter_.results.clear();
    reporter_.extras.clear();
    reporter_.deadlines.clear();
    Ask("gtest_hangs", {absl::StrCat(phase, "=600")});
    for (WorkerTest& test : unit_.tests) {
      test.timeout = std::chrono::milliseconds(200);
    }
    Run();
    EXPECT_THAT(Words(), UnorderedElementsAre(Pair("Slow.First", "passed"),
                                              Pair("Slow.Second", "passed"),
                                              Pair("Slow.Third", "passed"),
                                              Pair("OnTerm.Waits", "passed")))
        << phase;
    EXPECT_THAT(Extras(), IsEmpty()) << phase;
    // Until it runs the first has longer.
    const auto& deadlines = reporter_.deadlines[Position("Slow.First")];
    ASSERT_FALSE(deadlines.empty()) << phase;
    EXPECT_GE(deadlines[0], std::chrono::seconds(10));
  }
}

TEST_F(GtestWorkerTest, AHangOutsideOfCasesCostsItsPhaseOnce) {
  struct {
    const char* phase;
    const char* first;
    const char* other;
    const char* extra;
  } const cases[] = {
      {"static", "error", "error", ""},
      {"set-up", "error", "error", ""},
      {"suite-set-up", "error", "passed", "prog: set-up of Slow: timed_out"},
      {"suite-tear-down", "passed", "passed",
       "prog: tear-down of Slow: timed_out"},
      {"tear-down", "passed", "passed",
       "prog: environment tear-down: timed_out"},
      {"exit", "passed", "passed", "prog: after its tests: timed_out"},
  };
  for (const auto& test : cases) {
    unit_ = {};
    reporter_.results.clear();
    reporter_.extras.clear();
    Ask("gtest_hangs", {absl::StrCat(test.phase, "=hang")});
    for (WorkerTest& asked : unit_.tests) {
      asked.timeout = std::chrono::milliseconds(400);
    }
    const auto begin = std::chrono::steady_clock::now();
    Run(std::chrono::milliseconds(400));
    EXPECT_LT(std::chrono::steady_clock::now() - begin,
              std::chrono::seconds(30));
    EXPECT_EQ(Words()["Slow.First"], test.first) << test.phase;
    EXPECT_EQ(Words()["Slow.Third"], test.first) << test.phase;
    EXPECT_EQ(Words()["OnTerm.Waits"], test.other) << test.phase;
    if (*test.extra == '\0') {
      EXPECT_THAT(Extras(), IsEmpty()) << test.phase;
    } else {
      EXPECT_THAT(Extras(), ElementsAre(test.extra)) << test.phase;
    }
  }
}

// The agent's signal goes to every process below it, so the test sends it too.
TEST_F(GtestWorkerTest, ACaseHasTimeToPutItsThingsAway) {
  Ask("gtest_hangs", {"case=cleans-up"});
  Only({"OnTerm.Waits"});
  TerminateWhenItWaits();
  Run();
  EXPECT_EQ(Result("OnTerm.Waits").output.head, "waiting\nput away\n");
  EXPECT_EQ(Result("OnTerm.Waits").message, "ended by SIGTERM to its worker");
}

TEST_F(GtestWorkerTest, ACaseThatIgnoresSigtermIsKilled) {
  Ask("gtest_hangs", {"case=ignores"});
  Only({"OnTerm.Waits"});
  TerminateWhenItWaits();
  const auto begin = std::chrono::steady_clock::now();
  Run();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, reporter_.grace);
  EXPECT_EQ(Result("OnTerm.Waits").output.head, "waiting\n");
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
