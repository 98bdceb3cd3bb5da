// Whatever kills an agent, a local run or a warden, no process that a test
// started is left two seconds later: not even one in a session of its own.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/process_tree.h"
#include "tests/support/debian_python.h"
#include "tests/support/fleet.h"
#include "tests/support/marked_processes.h"
#include "tests/support/program.h"

namespace paceline {
namespace {

constexpr int kWorkers = 20;

class OrphansTest : public testing::Test {
 protected:
  // Commands that each start a grandchild in a session of its own, say so
  // through a FIFO, and hang.
  void SetUp() override {
    ready_path_ = absl::StrCat(scratch_.path(), "/ready");
    ASSERT_EQ(mkfifo(ready_path_.c_str(), 0600), 0);
    // Read and write, so that neither end ever waits for the other.
    ready_.Reset(open(ready_path_.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(ready_.valid());
    std::string commands;
    for (int i = 0; i < kWorkers; ++i) {
      absl::StrAppend(&commands,
                      "trap '' TERM; setsid sleep 1000 & sleep 1000 "
                      "& echo ",
                      i, " > ", ready_path_, "; wait\n");
    }
    commands_ = scratch_.Write("commands", commands);
  }

  ProgramOptions Options() const {
    return {.env = {mark_.env()},
            .working_directory = scratch_.path(),
            .limit = std::chrono::minutes(2)};
  }

  // Waits until all commands hang.
  void AwaitBusy() {
    int lines = 0;
    const SystemClock clock;
    const Instant deadline = clock.Now() + std::chrono::seconds(30);
    while (lines < kWorkers && clock.Now() < deadline) {
      pollfd input{ready_.get(), POLLIN, 0};
      if (poll(&input, 1, 1000) == 1) {
        char buffer[256];
        const ssize_t n = read(ready_.get(), buffer, sizeof buffer);
        lines += static_cast<int>(std::count(buffer, buffer + n, '\n'));
      }
    }
    ASSERT_EQ(lines, kWorkers) << "not all commands started";
  }

  // The warden removed what the tests of a killed agent had for temporary
  // files.
  static void ExpectNothingIn(const std::string& directory) {
    EXPECT_TRUE(std::filesystem::is_empty(directory)) << directory;
  }

  ScratchDir scratch_;
  ProcessMark mark_;
  std::string ready_path_;
  Fd ready_;
  std::string commands_;
};

TEST_F(OrphansTest, AKilledAgentLeavesNoProcessFiftyTimesOutOfFifty) {
  for (int round = 0; round < 50; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    const CoordinatorProgram coordinator;
    const std::string& endpoint = coordinator.endpoint();
    Program run({PacelinePath(), "run", "--coordinator", endpoint, "--runner",
                 "command", commands_},
                {.env = {}, .working_directory = scratch_.path()});
    Program agent(
        {PacelinePath(), "agent", "--connect", endpoint, "--name",
         absl::StrCat("agent-", round), "--workers", absl::StrCat(kWorkers)},
        Options());
    ASSERT_NO_FATAL_FAILURE(AwaitBusy()) << agent.err() << run.err();
    const std::vector<MarkedProcess> before = mark_.Find();
    ASSERT_GE(before.size(), 2U * kWorkers);
    agent.Signal(SIGKILL);
    ASSERT_EQ(LeftAfter(before, std::chrono::seconds(2)), 0);
    ASSERT_EQ(mark_.Find().size(), 0U);
    ExpectNothingIn(agent.temp_dir());
  }
}

TEST_F(OrphansTest, AKilledLocalRunLeavesNoProcess) {
  for (int round = 0; round < 5; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    Program run({PacelinePath(), "run", "--workers", absl::StrCat(kWorkers),
                 "--runner", "command", commands_},
                Options());
    ASSERT_NO_FATAL_FAILURE(AwaitBusy()) << run.err();
    const std::vector<MarkedProcess> before = mark_.Find();
    ASSERT_GE(before.size(), 2U * kWorkers);
    run.Signal(SIGKILL);
    ASSERT_EQ(LeftAfter(before, std::chrono::seconds(2)), 0);
    ASSERT_EQ(mark_.Find().size(), 0U);
    ExpectNothingIn(run.temp_dir());
  }
}

TEST_F(OrphansTest, AnInterruptedLocalRunExitsWith130AndLeavesNoProcess) {
  Program run({PacelinePath(), "run", "--workers", absl::StrCat(kWorkers),
               "--runner", "command", commands_},
              Options());
  ASSERT_NO_FATAL_FAILURE(AwaitBusy()) << run.err();
  const std::vector<MarkedProcess> before = mark_.Find();
  run.Signal(SIGINT);
  ASSERT_TRUE(run.WaitForExit()) << run.err();
  EXPECT_EQ(run.exit_code(), 130);
  EXPECT_EQ(LeftAfter(before, std::chrono::seconds(2)), 0);
}

TEST_F(OrphansTest, AKilledWardenIsReplacedAndLeavesNoTestProcess) {
  // One more than there are workers: it passes only where it is run after the
  // warden was killed, and so by another.
  const std::string killed = absl::StrCat(scratch_.path(), "/killed");
  const std::string junit = absl::StrCat(scratch_.path(), "/junit.xml");
  commands_ = scratch_.Write(
      "commands", absl::StrCat(ReadFile(commands_), "test -e ", killed, "\n"));
  Program run({PacelinePath(), "run", "--workers", absl::StrCat(kWorkers),
               "--junit", junit, "--runner", "command", commands_},
              Options());
  ASSERT_NO_FATAL_FAILURE(AwaitBusy()) << run.err();
  // All that the commands are, whatever of it has come to its exec by now.
  std::vector<MarkedProcess> tests;
  for (MarkedProcess& process : mark_.Find()) {
    const std::string name =
        ReadFile(absl::StrCat("/proc/", process.pid, "/comm"));
    if (name.rfind("paceline", 0) != 0) {
      tests.push_back(std::move(process));
    }
  }
  ASSERT_GE(tests.size(), 2U * kWorkers);
  const std::vector<pid_t> below = Children(run.pid());
  ASSERT_EQ(below.size(), 1U) << "the warden is the run's only child";
  scratch_.Write("killed", "");
  kill(below[0], SIGKILL);
  EXPECT_EQ(LeftAfter(tests, std::chrono::seconds(2)), 0);
  ASSERT_TRUE(run.WaitForExit()) << run.err();
  int passed = 0;
  for (const auto& [name, outcome] : ReadJunit(junit)) {
    passed += outcome == "passed" ? 1 : 0;
  }
  EXPECT_EQ(passed, 1) << run.out() << run.err();
}

using OrphansOfPythonTest = DebianPythonTest;

// It was taken for the template's own, and lived as long as that did.
TEST_F(OrphansOfPythonTest, WhatAKilledWorkerForkedIsGoneForTheNextTest) {
  const ScratchDir scratch;
  scratch.Write("test_forks.py", R"(
import os, signal, time

def test_a_forks_and_is_killed():
    left = os.fork()
    if left == 0:
        os.setsid()
        os.closerange(0, 64)
        time.sleep(1000)
    with open("left", "w") as file:
        file.write(str(left))
    os.kill(os.getpid(), signal.SIGKILL)

def test_b_finds_nothing():
    left = int(open("left").read())
    until = time.monotonic() + 10
    while os.path.exists(f"/proc/{left}"):
        assert time.monotonic() < until, "it is still there"
        time.sleep(0.01)
)");
  const std::string junit = absl::StrCat(scratch.path(), "/junit.xml");
  const auto run =
      RunProgram({PacelinePath(), "run", "--python", kDebianPython, "--workers",
                  "1", "--junit", junit, "test_forks.py"},
                 {.env = {{"XDG_CACHE_HOME", scratch.path()}},
                  .working_directory = scratch.path()});
  std::map<bool, std::string> outcomes;  // of the first test, and the second
  for (const auto& [name, outcome] : ReadJunit(junit)) {
    outcomes[absl::StrContains(name, "test_b")] = outcome;
  }
  EXPECT_THAT(outcomes, testing::ElementsAre(testing::Pair(false, "failure"),
                                             testing::Pair(true, "passed")))
      << run->out() << run->err();
}

// A pytest suite whose conftest starts something, in the collector alone, and
// whose test says so through a FIFO and hangs if it is asked to.
class PythonOrphansTest : public DebianPythonTest {
 protected:
  void SetUp() override {
    DebianPythonTest::SetUp();
    ready_path_ = scratch_.path() + "/ready";
    ASSERT_EQ(mkfifo(ready_path_.c_str(), 0600), 0);
    ready_.Reset(open(ready_path_.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(ready_.valid());
    scratch_.Write("conftest.py",
                   "import subprocess\n"
                   "def pytest_configure(config):\n"
                   "    if not hasattr(config, 'workerinput'):\n"
                   "        subprocess.Popen(['sleep', '1000'])\n");
    scratch_.Write("test_a.py",
                   "import os, time\n"
                   "def test_a():\n"
                   "    with open('ready', 'w') as ready:\n"
                   "        ready.write('x')\n"
                   "    time.sleep(1000 if 'HANG' in os.environ else 0)\n");
  }

  std::vector<std::string> Command() const {
    return {PacelinePath(), "run", "--python", kDebianPython, "test_a.py"};
  }
  ProgramOptions Options() const {
    return {.env = {mark_.env(), {"XDG_CACHE_HOME", scratch_.path()}},
            .working_directory = scratch_.path(),
            .limit = std::chrono::minutes(2)};
  }

  ScratchDir scratch_;
  ProcessMark mark_;
  std::string ready_path_;
  Fd ready_;
};

TEST_F(PythonOrphansTest, AKilledLocalRunLeavesNoCollector) {
  ProgramOptions options = Options();
  options.env.push_back({"HANG", "1"});
  Program run(Command(), std::move(options));
  pollfd input{ready_.get(), POLLIN, 0};
  ASSERT_EQ(poll(&input, 1, 60'000), 1) << run.err();
  const std::vector<MarkedProcess> before = mark_.Find();
  run.Signal(SIGKILL);
  EXPECT_EQ(LeftAfter(before, std::chrono::seconds(2)), 0);
  EXPECT_EQ(mark_.Find().size(), 0U);
}

TEST_F(PythonOrphansTest, WhatAConftestStartsEndsWithTheRun) {
  const auto run = RunProgram(Command(), Options());
  EXPECT_EQ(run->exit_code(), 0) << run->err();
  EXPECT_EQ(LeftAfter(mark_.Find(), std::chrono::seconds(2)), 0);
}

}  // namespace
}  // namespace paceline
