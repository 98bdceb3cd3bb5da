// Workers that break the worker protocol, each in one of the usual ways
// (tests/programs/worker/breaks.cc): the error is named, the run is never
// green, every test still has exactly one verdict, and a sound suite in the
// same run does not notice.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/fleet.h"
#include "tests/support/program.h"
#include "tests/support/run_events.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

using Settled = std::map<std::string, RunEvents::Attempt>;

const std::vector<std::string>& Tests() {
  static const auto* tests =
      new std::vector<std::string>{"s0.before", "s0.breaks", "s0.after",
                                   "s1.before", "s1.breaks", "s1.after"};
  return *tests;
}

bool Breaks(const std::string& test) { return absl::EndsWith(test, ".breaks"); }

class BadWorkerTest : public testing::Test {
 protected:
  static std::string Suite(const std::string& name) {
    return TestProgramPath("worker/" + name);
  }

  // Runs the workers `names` and the sound one in one run.
  void Run(std::vector<std::string> names,
           const std::vector<std::string>& flags = {"--workers", "2"}) {
    names.emplace_back("sound");
    RunAlone(names, flags);
    EXPECT_THAT(Of("sound"), SizeIs(Tests().size()));
    for (const auto& [test, attempt] : Of("sound")) {
      EXPECT_EQ(attempt.verdict, "passed") << test << ": " << attempt.message;
    }
  }

  void RunAlone(const std::vector<std::string>& names,
                const std::vector<std::string>& flags) {
    std::vector<std::string> argv = {PacelinePath(), "run",    "--runner",
                                     "worker",       "--json", JsonPath()};
    for (const std::string& name : names) {
      argv.push_back(Suite(name));
    }
    argv.insert(argv.end(), flags.begin(), flags.end());
    run_ = RunProgram(std::move(argv));
    events_ = ReadEvents(JsonPath());
    EXPECT_EQ(events_.without_verdict, 0U);
  }

  void ExpectNotGreen(int exit_code) const {
    EXPECT_EQ(run_->exit_code(), exit_code) << run_->out() << run_->err();
    EXPECT_EQ(events_.green, false);
  }

  // The verdicts of a suite: of its tests, and of what else failed in it.
  Settled Of(const std::string& name) const {
    Settled settled = events_.Settled(Suite(name));
    for (const std::string& test : Tests()) {
      EXPECT_TRUE(settled.contains(test)) << name << ": " << test;
    }
    return settled;
  }

  static std::string Breach(const std::string& name, const std::string& what) {
    return absl::StrCat("the worker of suite ", Suite(name),
                        " broke the worker protocol: it ", what);
  }

  // The test that ran is an error that says `what`; all others pass.
  void ExpectOnlyTheRunningTestIsAnError(const std::string& name,
                                         const std::string& what) const {
    const Settled settled = Of(name);
    EXPECT_THAT(settled, SizeIs(Tests().size()));
    for (const auto& [test, attempt] : settled) {
      if (Breaks(test)) {
        EXPECT_EQ(attempt.verdict, "error") << name << ": " << test;
        EXPECT_THAT(attempt.message, StartsWith(Breach(name, what)));
      } else {
        EXPECT_EQ(attempt.verdict, "passed") << name << ": " << test;
      }
    }
  }

  std::string JsonPath() const { return scratch_.path() + "/events.json"; }

  ScratchDir scratch_;
  std::unique_ptr<Program> run_;
  RunEvents events_;
};

TEST_F(BadWorkerTest, AFrameOfGarbageIsAnErrorOfTheRunningTest) {
  Run({"garbage_frame"});
  ExpectNotGreen(3);
  ExpectOnlyTheRunningTestIsAnError("garbage_frame",
                                    "sent bytes that are no message: ");
  EXPECT_THAT(run_->out(), HasSubstr("sent bytes that are no message"));
}

TEST_F(BadWorkerTest, AFrameThatIsTooLargeIsAnErrorOfTheRunningTest) {
  Run({"huge_frame"});
  ExpectNotGreen(3);
  ExpectOnlyTheRunningTestIsAnError(
      "huge_frame",
      "sent bytes that are no message: frame: length 4294967295, from 1 to "
      "8388608");
}

TEST_F(BadWorkerTest, AnUnknownMessageIsAnErrorOfTheRunningTest) {
  Run({"unknown_type"});
  ExpectNotGreen(3);
  ExpectOnlyTheRunningTestIsAnError(
      "unknown_type",
      "sent bytes that are no message: message.type: \"test_succeeded\" is not "
      "known to version 1");
}

TEST_F(BadWorkerTest, AnUnknownOutcomeIsAnErrorOfTheRunningTest) {
  Run({"unknown_outcome"});
  ExpectNotGreen(3);
  ExpectOnlyTheRunningTestIsAnError(
      "unknown_outcome",
      "sent bytes that are no message: test_finished.outcome: is \"splendid\", "
      "which is no outcome");
}

TEST_F(BadWorkerTest, AResultOfAnotherRequestIsNotTaken) {
  Run({"wrong_request"});
  ExpectNotGreen(3);
  ExpectOnlyTheRunningTestIsAnError("wrong_request",
                                    "finished a test of request ");
}

TEST_F(BadWorkerTest, AResultOfATestThatItWasNotGivenIsNotTaken) {
  Run({"unasked_test"});
  ExpectNotGreen(3);
  ExpectOnlyTheRunningTestIsAnError("unasked_test",
                                    "finished test 99 of a unit of 3 tests");
}

TEST_F(BadWorkerTest, ASecondResultOfATestIsNotTaken) {
  Run({"finishes_twice"});
  ExpectNotGreen(3);
  // And the first one stands.
  ExpectOnlyTheRunningTestIsAnError("finishes_twice", "finished \"s");
}

TEST_F(BadWorkerTest, AnEndInTheMiddleOfAFrameIsACrashOfTheRunningTest) {
  Run({"half_frame"});
  ExpectNotGreen(1);
  const Settled settled = Of("half_frame");
  EXPECT_THAT(settled, SizeIs(Tests().size()));
  for (const auto& [test, attempt] : settled) {
    EXPECT_EQ(attempt.verdict, Breaks(test) ? "crashed" : "passed") << test;
    if (Breaks(test)) {
      EXPECT_EQ(attempt.message, "its worker died: left with exit status 0");
    }
  }
}

TEST_F(BadWorkerTest, WorkersThatDoNotBeginWithHelloAreGivenUp) {
  Run({"no_hello"});
  ExpectNotGreen(3);
  const Settled settled = Of("no_hello");
  EXPECT_THAT(settled, SizeIs(Tests().size()));
  for (const auto& [test, attempt] : settled) {
    EXPECT_EQ(attempt.verdict, "error") << test;
    EXPECT_THAT(attempt.message, AllOf(HasSubstr("3 times in a row"),
                                       HasSubstr(Breach("no_hello",
                                                        "did not begin with "
                                                        "hello"))));
  }
}

TEST_F(BadWorkerTest, TestsThatAreLeftOutInSilenceAreErrors) {
  Run({"skips_tests"});
  ExpectNotGreen(3);
  const Settled settled = Of("skips_tests");
  EXPECT_THAT(settled, SizeIs(Tests().size()));
  for (const auto& [test, attempt] : settled) {
    const bool ran = absl::EndsWith(test, ".before");
    EXPECT_EQ(attempt.verdict, ran ? "passed" : "error") << test;
    if (!ran) {
      EXPECT_EQ(attempt.message,
                absl::StrCat("the worker of suite ", Suite("skips_tests"),
                             " ended the unit without running this test and "
                             "without saying why"));
    }
  }
}

TEST_F(BadWorkerTest, ADeathInTheTearDownOfAUnitIsAFailureOfItsOwn) {
  Run({"dies_in_tear_down"});
  ExpectNotGreen(3);
  Settled settled = Of("dies_in_tear_down");
  for (const std::string& test : Tests()) {
    EXPECT_EQ(settled[test].verdict, "passed") << test;
    settled.erase(test);
  }
  // A failure of its own for each unit.
  EXPECT_THAT(settled, SizeIs(2));
  for (const auto& [name, attempt] : settled) {
    EXPECT_THAT(name, StartsWith(Suite("dies_in_tear_down") + ": tear-down"));
    EXPECT_EQ(attempt.verdict, "error");
    EXPECT_THAT(attempt.message,
                AllOf(HasSubstr("after its last test"), HasSubstr("SIGABRT")));
  }
}

TEST_F(BadWorkerTest, WordsBetweenTwoUnitsCostTheWorkerAndNoTest) {
  // Alone on one worker, so that the second unit meets what the first left.
  RunAlone({"chatters"}, {"--workers", "1"});
  EXPECT_EQ(run_->exit_code(), 0) << run_->out() << run_->err();
  // A note, or a line of the log where the next unit was on its way by then.
  EXPECT_THAT(run_->out() + run_->err(), HasSubstr(Breach("chatters", "")));
  const Settled settled = Of("chatters");
  EXPECT_THAT(settled, SizeIs(Tests().size()));
  for (const auto& [test, attempt] : settled) {
    EXPECT_EQ(attempt.verdict, "passed") << test << ": " << attempt.message;
  }
  EXPECT_NE(settled.at("s0.before").worker, settled.at("s1.before").worker);
}

TEST_F(BadWorkerTest, AllOfThemAtOnceOnAFleetDoNotMix) {
  Fleet fleet({.agents = 2,
               .workers = 2,
               // For the one that closes its socket and stays.
               .agent_arguments = {"--kill-grace", "200ms"}});
  Run({"garbage_frame", "huge_frame", "unknown_type", "unknown_outcome",
       "wrong_request", "unasked_test", "finishes_twice", "half_frame",
       "no_hello", "skips_tests", "dies_in_tear_down", "hangs_up"},
      {"--coordinator", fleet.endpoint()});
  ExpectNotGreen(1);
  for (const char* name :
       {"garbage_frame", "huge_frame", "unknown_type", "unknown_outcome",
        "wrong_request", "unasked_test", "finishes_twice"}) {
    ExpectOnlyTheRunningTestIsAnError(name, "");
  }
  for (const auto& [test, attempt] : Of("hangs_up")) {
    EXPECT_EQ(attempt.verdict, Breaks(test) ? "error" : "passed") << test;
    if (Breaks(test)) {
      EXPECT_EQ(attempt.message,
                absl::StrCat("the worker of suite ", Suite("hangs_up"),
                             " closed its socket and stayed"));
    }
  }
  EXPECT_EQ(Of("half_frame")["s0.breaks"].verdict, "crashed");
  EXPECT_EQ(Of("no_hello")["s0.before"].verdict, "error");
  EXPECT_EQ(Of("skips_tests")["s0.breaks"].verdict, "error");
  EXPECT_THAT(Of("dies_in_tear_down"), SizeIs(Tests().size() + 2));
}

}  // namespace
}  // namespace paceline
