// Real commands, and what becomes of them.

#include "worker/command/command_worker.h"

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

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"
#include "tests/support/worker_fakes.h"
#include "worker/command/command_discoverer.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CommandWorkerTest : public testing::Test {
 protected:
  CommandWorkerTest() {
    // As a worker is: what tests leave behind is its own.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    suite_.spec.working_directory = dir_.path();
  }

  WorkerTest& Add(const std::vector<std::string>& argv) {
    WorkerTest& test = unit_.tests.emplace_back();
    test.name = absl::StrCat("test", unit_.tests.size());
    test.payload = EncodeCommand(argv);
    return test;
  }
  WorkerTest& AddScript(const std::string& script) {
    return Add({"/bin/sh", "-c", script, "sh"});
  }
  void Run() {
    CommandRunner runner;
    ASSERT_THAT(runner.Open(suite_), IsOk());
    ASSERT_THAT(runner.RunUnit(unit_, reporter_), IsOk());
  }
  const TestResult& RunScript(const std::string& script) {
    AddScript(script);
    Run();
    return reporter_
        .results[static_cast<std::uint32_t>(unit_.tests.size() - 1)];
  }

  const ScratchDir dir_;
  WorkerSuite suite_;
  WorkerRunUnit unit_;
  RecordingReporter reporter_;
};

TEST_F(CommandWorkerTest, TheExitStatusDecides) {
  AddScript("exit 0");
  AddScript("exit 1");
  AddScript("exit 77");
  AddScript("kill -SEGV $$");
  AddScript("kill -TERM $$");
  Run();
  EXPECT_THAT(reporter_.started, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(reporter_.results[0].outcome, Outcome::kPassed);
  EXPECT_EQ(reporter_.results[0].message, "");
  EXPECT_EQ(reporter_.results[1].outcome, Outcome::kFailed);
  EXPECT_EQ(reporter_.results[1].message, "exit status 1");
  EXPECT_EQ(reporter_.results[2].outcome, Outcome::kFailed);
  EXPECT_EQ(reporter_.results[3].outcome, Outcome::kCrashed);
  EXPECT_THAT(reporter_.results[3].message, HasSubstr("SIGSEGV"));
  EXPECT_EQ(reporter_.results[4].outcome, Outcome::kCrashed);
  EXPECT_THAT(reporter_.extras, IsEmpty());
}

TEST_F(CommandWorkerTest, NothingIsReadFromTheOutput) {
  const TestResult& result = RunScript(
      "echo '[  FAILED  ] A.B'; echo 'not ok 1'; echo FAILED >&2; exit 0");
  EXPECT_EQ(result.outcome, Outcome::kPassed);
}

TEST_F(CommandWorkerTest, BothStreamsAreKeptInOrder) {
  const TestResult& result =
      RunScript("echo out; echo err >&2; printf '\\377\\000end'");
  EXPECT_EQ(result.output.head, std::string("out\nerr\n\xff\0end", 13));
  EXPECT_GT(result.duration, Duration::zero());
  EXPECT_NE(result.started_unix_ns, 0);
}

TEST_F(CommandWorkerTest, OutputBelongsToItsTest) {
  AddScript("echo one");
  AddScript("true");
  AddScript("echo three");
  Run();
  EXPECT_EQ(reporter_.results[0].output.head, "one\n");
  EXPECT_TRUE(reporter_.results[1].output.empty());
  EXPECT_EQ(reporter_.results[2].output.head, "three\n");
}

TEST_F(CommandWorkerTest, AFloodIsCut) {
  suite_.output_limit = 1000;
  const TestResult& result =
      RunScript("echo begin; head -c 3000000 /dev/zero; echo; echo end");
  EXPECT_EQ(result.outcome, Outcome::kPassed);
  EXPECT_EQ(result.output.head.substr(0, 6), "begin\n");
  EXPECT_EQ(result.output.tail.substr(result.output.tail.size() - 5),
            "\nend\n");
  EXPECT_EQ(result.output.cut_bytes, 3'000'000U + 11 - 1000);
}

TEST_F(CommandWorkerTest, ArgumentsAreTheCommandsOwn) {
  Add({"/usr/bin/printf", "[%s]", "a b", "", "$HOME", "*"});
  Run();
  EXPECT_EQ(reporter_.results[0].output.head, "[a b][][$HOME][*]");
}

TEST_F(CommandWorkerTest, StandardInputIsEmpty) {
  EXPECT_EQ(RunScript("cat; echo end").output.head, "end\n");
}

TEST_F(CommandWorkerTest, ItRunsInTheSuitesDirectory) {
  EXPECT_EQ(RunScript("pwd").output.head, dir_.path() + "\n");
}

TEST_F(CommandWorkerTest, TheEnvironmentIsTheSuitesAndThenTheTests) {
  suite_.spec.env = {{"MINE", "suite"}, {"OTHER", "suite"}, {"HOME", {}}};
  AddScript("echo $MINE $OTHER ${HOME-unset}").env = {{"OTHER", "test"}};
  AddScript("echo $MINE $OTHER");
  Run();
  EXPECT_EQ(reporter_.results[0].output.head, "suite test unset\n");
  EXPECT_EQ(reporter_.results[1].output.head, "suite suite\n");
}

TEST_F(CommandWorkerTest, WhatCannotBeStartedIsAnErrorAndTheRestRuns) {
  Add({"/nowhere/program"});
  Add({dir_.Write("text", "hello")});
  Add({dir_.path()});
  Add({"paceline-has-no-such-program"});
  AddScript("true");
  Run();
  ASSERT_THAT(reporter_.results, SizeIs(5));
  for (std::uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(reporter_.results[i].outcome, Outcome::kError) << i;
    EXPECT_THAT(reporter_.results[i].message, HasSubstr("cannot be started"));
  }
  EXPECT_EQ(reporter_.results[4].outcome, Outcome::kPassed);
}

TEST_F(CommandWorkerTest, ADirectoryThatIsGoneIsAnError) {
  suite_.spec.working_directory = dir_.path() + "/gone";
  EXPECT_EQ(RunScript("true").outcome, Outcome::kError);
}

TEST_F(CommandWorkerTest, AManifestWithoutACommandIsAnError) {
  Add({}).payload = "";
  Add({}).payload = "no end";
  AddScript("true");
  Run();
  EXPECT_EQ(reporter_.results[0].outcome, Outcome::kError);
  EXPECT_EQ(reporter_.results[1].outcome, Outcome::kError);
  EXPECT_EQ(reporter_.results[2].outcome, Outcome::kPassed);
}

TEST_F(CommandWorkerTest, AProgramIsFoundInThePathOfTheTest) {
  dir_.Write("bin/mine", "#!/bin/sh\necho found\n");
  ASSERT_EQ(chmod((dir_.path() + "/bin/mine").c_str(), 0755), 0);
  Add({"mine"}).env = {{"PATH", dir_.path() + "/bin:/bin:/usr/bin"}};
  Run();
  EXPECT_EQ(reporter_.results[0].output.head, "found\n");
}

TEST_F(CommandWorkerTest, WhatHoldsTheOutputIsLeftBehind) {
  const TestResult& result = RunScript("tail -f /dev/null & echo started");
  EXPECT_EQ(result.outcome, Outcome::kPassed);
  EXPECT_TRUE(result.leaked);
  EXPECT_EQ(result.output.head, "started\n");
}

TEST_F(CommandWorkerTest, WhatIsSilentInTheBackgroundIsNoLeakAndEnded) {
  const TestResult& result =
      RunScript("tail -f /dev/null > /dev/null 2>&1 & echo $!");
  EXPECT_FALSE(result.leaked);
  // But thousands of tests that leave something would fill a host.
  const pid_t pid = std::atoi(result.output.head.c_str());
  ASSERT_GT(pid, 0);
  const Fd left(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{left.get(), POLLIN, 0};
  EXPECT_TRUE(!left.valid() || poll(&ended, 1, 10'000) == 1);
}

TEST_F(CommandWorkerTest, AStopEndsTheUnitAfterTheRunningTest) {
  AddScript("echo one");
  AddScript("echo two");
  reporter_.on_started = [this](std::uint32_t) { reporter_.RequestStop(); };
  Run();
  EXPECT_THAT(reporter_.started, ElementsAre(0));
  EXPECT_EQ(reporter_.results[0].outcome, Outcome::kPassed);
}

TEST_F(CommandWorkerTest, AStopBeforeTheFirstTestRunsNone) {
  AddScript("echo one");
  reporter_.RequestStop();
  Run();
  EXPECT_THAT(reporter_.started, IsEmpty());
}

TEST_F(CommandWorkerTest, SigtermEndsTheRunningTest) {
  AddScript("echo begin; exec tail -f /dev/null");
  AddScript("echo two");
  reporter_.on_started = [this](std::uint32_t) { reporter_.Terminate(); };
  Run();
  EXPECT_THAT(reporter_.started, ElementsAre(0));
  EXPECT_EQ(reporter_.results[0].outcome, Outcome::kCrashed);
  EXPECT_FALSE(reporter_.results[0].leaked);
}

TEST_F(CommandWorkerTest, AnEmptyUnitIsNoHarm) {
  Run();
  EXPECT_THAT(reporter_.started, IsEmpty());
}

}  // namespace
}  // namespace paceline
