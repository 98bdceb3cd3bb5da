#include "worker/ctest/ctest_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "common/os/process_tree.h"
#include "tests/support/program.h"
#include "tests/support/worker_fakes.h"
#include "worker/ctest/ctest_test.h"

namespace paceline {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A unit and the agent that asks for it.
class CtestWorkerTest : public testing::Test {
 protected:
  CtestWorkerTest() {
    // As a worker program is: what tests leave behind is ours to wait for.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    suite_.spec.program = dir_.path();
    suite_.spec.working_directory = dir_.path();
    suite_.spec.options = EncodeCtestOptions(options_);
  }

  // The test to be changed before it is added.
  static CtestTest Script(std::string script) {
    CtestTest test;
    test.command = {"/bin/sh", "-c", std::move(script)};
    return test;
  }
  // A test whose on_deadline comes when it has printed `text`.
  static CtestTest ScriptWatchedFor(std::string text, std::string script) {
    CtestTest test = Script(std::move(script));
    test.timeout_after_match =
        CtestTimeoutAfterMatch{std::chrono::minutes(1), {std::move(text)}};
    return test;
  }
  WorkerTest& Add(const CtestTest& test) {
    WorkerTest& asked = unit_.tests.emplace_back();
    asked.name = absl::StrCat("test", unit_.tests.size());
    asked.payload = EncodeCtestTest(test, options_);
    return asked;
  }
  void Run() {
    CtestRunner runner;
    ASSERT_TRUE(runner.Open(suite_).ok());
    ASSERT_TRUE(runner.RunUnit(unit_, reporter_).ok());
  }
  const TestResult& RunOne(const CtestTest& test) {
    Add(test);
    Run();
    return reporter_.results[0];
  }

  // Waits for the end of a process that a test left to us; the signal that
  // ended it, 0 if it went by itself.
  static int SignalThatEnded(pid_t pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
  // Neither living nor left to be reaped.
  static bool IsThere(pid_t pid) { return kill(pid, 0) == 0; }
  // A kill is on its way for a moment.
  static bool EndsSoon(pid_t pid) {
    const Fd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    pollfd ended{fd.get(), POLLIN, 0};
    return !fd.valid() || poll(&ended, 1, 10'000) == 1;
  }
  // What `result` printed after "pid ".
  static pid_t PrintedPid(const TestResult& result) {
    const std::size_t at = result.output.head.find("pid ");
    EXPECT_NE(at, std::string::npos) << result.output.head;
    return at == std::string::npos
               ? -1
               : std::atoi(result.output.head.c_str() + at + 4);
  }

  const ScratchDir dir_;
  CtestSuiteOptions options_;
  WorkerSuite suite_;
  WorkerRunUnit unit_;
  RecordingReporter reporter_;
};

TEST_F(CtestWorkerTest, RunsAllTestsInOrder) {
  Add(Script("echo one"));
  Add(Script("echo two >&2; exit 3"));
  Add(Script("echo three"));
  Run();
  EXPECT_THAT(reporter_.started, ElementsAre(0, 1, 2));
  EXPECT_EQ(reporter_.results[0].outcome, Outcome::kPassed);
  EXPECT_EQ(reporter_.results[0].output.head, "one\n");
  EXPECT_EQ(reporter_.results[1].outcome, Outcome::kFailed);
  EXPECT_EQ(reporter_.results[1].output.head, "two\n");
  EXPECT_EQ(reporter_.results[2].output.head, "three\n");
  EXPECT_GT(reporter_.results[0].duration, Duration::zero());
  EXPECT_NE(reporter_.results[0].started_unix_ns, 0);
  EXPECT_TRUE(reporter_.results[0].health.has_value());
}

TEST_F(CtestWorkerTest, NoBuildDirectoryIsRefused) {
  suite_.spec.program = dir_.path() + "/none";
  EXPECT_THAT(std::string(CtestRunner().Open(suite_).message()),
              HasSubstr(suite_.spec.program));
}

TEST_F(CtestWorkerTest, OptionsOfAnotherVersionAreRefused) {
  suite_.spec.options = "?";
  EXPECT_TRUE(absl::IsInvalidArgument(CtestRunner().Open(suite_)));
}

TEST_F(CtestWorkerTest, AnUnreadableTestIsAnErrorOfItsOwn) {
  Add(Script("exit 0")).payload = "?";
  Add(Script("exit 0"));
  Run();
  EXPECT_EQ(reporter_.results[0].outcome, Outcome::kError);
  EXPECT_EQ(reporter_.results[1].outcome, Outcome::kPassed);
}

TEST_F(CtestWorkerTest, WhatIsNotThereIsNotRun) {
  CtestTest test;
  Add(test);
  test.command = {"/nonexistent/program"};
  Add(test);
  test.command = {"/etc/passwd"};
  Add(test);
  test = Script("exit 0");
  test.working_directory = "/nonexistent/directory";
  Add(test);
  test.not_available = "not available in the configuration Debug";
  Add(test);
  Run();
  ASSERT_THAT(reporter_.results, SizeIs(5));
  for (const auto& [index, result] : reporter_.results) {
    EXPECT_EQ(result.outcome, Outcome::kNotRun) << index;
  }
  EXPECT_THAT(reporter_.results[0].message, HasSubstr("test1; is it built?"));
  EXPECT_THAT(reporter_.results[1].message, HasSubstr("/nonexistent/program"));
  EXPECT_THAT(reporter_.results[2].message, HasSubstr("/etc/passwd"));
  EXPECT_THAT(reporter_.results[3].message,
              HasSubstr("/nonexistent/directory"));
  EXPECT_EQ(reporter_.results[4].message, test.not_available);
}

TEST_F(CtestWorkerTest, VariablesOfTheSuiteAndOfTheAttemptAreSet) {
  suite_.spec.env = {{"FROM_SUITE", "1"}};
  CtestTest test = Script("echo $FROM_SUITE $FROM_TEST $FROM_ATTEMPT");
  test.environment = {"FROM_TEST=2"};
  Add(test).env = {{"FROM_ATTEMPT", "3"}};
  // The next test has nothing of it.
  Add(Script("echo $FROM_SUITE $FROM_TEST $FROM_ATTEMPT"));
  Run();
  EXPECT_EQ(reporter_.results[0].output.head, "1 2 3\n");
  EXPECT_EQ(reporter_.results[1].output.head, "1\n");
}

TEST_F(CtestWorkerTest, InputIsEmpty) {
  EXPECT_EQ(RunOne(Script("if read line; then echo some; else echo none; fi"))
                .output.head,
            "none\n");
}

TEST_F(CtestWorkerTest, OfAFloodTheEndsAreKeptAndTheWholeIsMatched) {
  suite_.output_limit = 1000;
  CtestTest test = Script(
      "head -c 1000000 /dev/zero | tr '\\0' x; echo needle; "
      "head -c 1000000 /dev/zero | tr '\\0' y");
  test.pass_expressions = {"needle"};
  const TestResult& result = RunOne(test);
  EXPECT_EQ(result.outcome, Outcome::kPassed) << result.message;
  EXPECT_EQ(result.output.head, std::string(500, 'x'));
  EXPECT_EQ(result.output.tail, std::string(500, 'y'));
  EXPECT_EQ(result.output.cut_bytes, 2'000'007U - 1000);
}

TEST_F(CtestWorkerTest, AMatchMovesTheDeadlineOnce) {
  RunOne(ScriptWatchedFor("ready", "echo ready; echo ready"));
  EXPECT_THAT(reporter_.deadlines[0], ElementsAre(std::chrono::minutes(1)));
}

TEST_F(CtestWorkerTest, WhatHoldsTheOutputIsALeakAndIsEnded) {
  const TestResult& result = RunOne(Script("sleep 600 & echo pid $!"));
  EXPECT_EQ(result.outcome, Outcome::kPassed) << result.message;
  EXPECT_TRUE(result.leaked);
  EXPECT_TRUE(EndsSoon(PrintedPid(result)));
}

TEST_F(CtestWorkerTest, WhatAFixtureLeavesRunningStays) {
  CtestTest test = Script("sleep 600 & echo pid $!");
  test.leaves_processes = true;
  const TestResult& result = RunOne(test);
  EXPECT_TRUE(result.leaked);
  const pid_t pid = PrintedPid(result);
  EXPECT_THAT(reporter_.kept, ElementsAre(pid));
  ASSERT_EQ(kill(pid, SIGTERM), 0);
  EXPECT_EQ(SignalThatEnded(pid), SIGTERM);
}

TEST_F(CtestWorkerTest, WhatAFixtureLeavesOutlivesTheTestsAfterIt) {
  CtestTest fixture = Script("setsid sleep 600 >/dev/null 2>&1 & echo pid $!");
  fixture.leaves_processes = true;
  Add(fixture);
  Add(Script("setsid sleep 600 >/dev/null 2>&1 & echo pid $!"));
  Run();
  const pid_t kept = PrintedPid(reporter_.results[0]);
  EXPECT_TRUE(IsThere(kept));
  EXPECT_TRUE(EndsSoon(PrintedPid(reporter_.results[1])));
  ASSERT_EQ(kill(kept, SIGKILL), 0);
  EXPECT_EQ(SignalThatEnded(kept), SIGKILL);
}

// The server came to the worker under a pid that nobody had kept, and was ended
// with the next test.
TEST_F(CtestWorkerTest, WhatAFixtureStartsLaterStaysToo) {
  ASSERT_EQ(mkfifo((dir_.path() + "/go").c_str(), 0600), 0);
  CtestTest fixture = Script(
      "(read _ < go; setsid sleep 600 & echo pid $! > server) "
      ">/dev/null 2>&1 & exit 0");
  fixture.leaves_processes = true;
  Add(fixture);
  // Until the one that started it is gone.
  Add(
      Script("echo > go; until grep -q pid server; do sleep 0.01; done; "
             "read _ pid < server; until grep -q \"^PPid:[^0-9]*$PPID$\" "
             "/proc/$pid/status; do sleep 0.01; done; echo pid $pid"));
  Add(Script("exit 0"));
  Run();
  const pid_t server = PrintedPid(reporter_.results[1]);
  EXPECT_TRUE(IsThere(server));
  EXPECT_THAT(reporter_.kept, Contains(server));
  ASSERT_EQ(kill(server, SIGKILL), 0);
  EXPECT_EQ(SignalThatEnded(server), SIGKILL);
}

TEST_F(CtestWorkerTest, OnlyTheProcessesOfAFixtureHaveItsMark) {
  CtestTest fixture = Script("test -n \"$PACELINE_FIXTURE\"");
  fixture.leaves_processes = true;
  Add(fixture);
  Add(Script("test -z \"$PACELINE_FIXTURE\""));
  Run();
  EXPECT_EQ(reporter_.results[0].outcome, Outcome::kPassed);
  EXPECT_EQ(reporter_.results[1].outcome, Outcome::kPassed);
}

TEST_F(CtestWorkerTest, WhatLetsGoOfTheOutputIsNoLeakAndIsEndedToo) {
  const TestResult& result =
      RunOne(Script("env -i setsid sleep 600 >/dev/null 2>&1 & echo pid $!"));
  EXPECT_FALSE(result.leaked);
  EXPECT_TRUE(EndsSoon(PrintedPid(result)));
}

TEST_F(CtestWorkerTest, ATestHasTimeToPutThingsAwayAfterSigterm) {
  reporter_.grace = std::chrono::minutes(1);
  reporter_.on_deadline = [this] {
    reporter_.Terminate();
    // As the warden does: to all below the worker.
    SignalTree(getpid(), SIGTERM, /*including_root=*/false);
  };
  const TestResult& result =
      RunOne(ScriptWatchedFor("ready",
                              "trap 'echo put away; exit 0' TERM; echo ready; "
                              "sleep 600 > /dev/null 2>&1 & wait"));
  EXPECT_EQ(result.outcome, Outcome::kCrashed);
  EXPECT_EQ(result.output.head, "ready\nput away\n");
}

TEST_F(CtestWorkerTest, SigtermEndsTheTestAndTellsItsOutput) {
  reporter_.on_deadline = [this] { reporter_.Terminate(); };
  Add(ScriptWatchedFor("pid", "echo pid $$; sleep 600"));
  Add(Script("exit 0"));
  Run();
  ASSERT_THAT(reporter_.results, SizeIs(1));
  EXPECT_EQ(reporter_.results[0].outcome, Outcome::kCrashed);
  EXPECT_THAT(reporter_.results[0].output.head, HasSubstr("pid "));
}

TEST_F(CtestWorkerTest, SigtermEndsWhatLeftTheProcessGroupToo) {
  reporter_.on_deadline = [this] { reporter_.Terminate(); };
  const TestResult& result = RunOne(ScriptWatchedFor(
      "pid", "setsid sh -c 'echo pid $$; exec sleep 600' & wait"));
  EXPECT_TRUE(EndsSoon(PrintedPid(result)));
}

TEST_F(CtestWorkerTest, StopLetsTheCurrentTestFinish) {
  reporter_.on_started = [this](std::uint32_t) { reporter_.RequestStop(); };
  Add(Script("echo done"));
  Add(Script("exit 0"));
  Run();
  ASSERT_THAT(reporter_.results, SizeIs(1));
  EXPECT_EQ(reporter_.results[0].outcome, Outcome::kPassed);
  EXPECT_EQ(reporter_.results[0].output.head, "done\n");
}

TEST_F(CtestWorkerTest, StopBeforeTheFirstTestRunsNone) {
  reporter_.RequestStop();
  Add(Script("exit 0"));
  Run();
  EXPECT_THAT(reporter_.started, SizeIs(0));
}

}  // namespace
}  // namespace paceline
