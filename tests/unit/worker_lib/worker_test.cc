// A worker in a process of its own, and its agent's end of the socket.

#include "worker/lib/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "common/os/subprocess.h"
#include "tests/support/status_matchers.h"
#include "worker/protocol/codec.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FakeRunner final : public Runner {
 public:
  absl::string_view name() const override { return "fake"; }
  bool tests_in_children() const override { return in_children; }
  absl::Status Open(const WorkerSuite& /*suite*/) override { return opens; }
  absl::Status RunUnit(const WorkerRunUnit& unit,
                       UnitReporter& reporter) override {
    if (run) {
      run(unit, reporter);
      return absl::OkStatus();
    }
    for (std::uint32_t i = 0;
         i < unit.tests.size() && !reporter.StopRequested(); ++i) {
      reporter.TestStarted(i);
      TestResult result;
      result.outcome = Outcome::kPassed;
      reporter.TestFinished(i, std::move(result));
    }
    return tear_down;
  }

  bool in_children = true;
  absl::Status opens;
  absl::Status tear_down;
  std::function<void(const WorkerRunUnit&, UnitReporter&)> run;
};

class WorkerTest : public testing::Test {
 protected:
  ~WorkerTest() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      ExitStatus();
    }
  }

  void Start() {
    auto pair = MakeSocketPair();
    ASSERT_THAT(pair, IsOk());
    pid_ = fork();
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) {
      pair->first.Reset();
      setenv(kWorkerFdVariable, absl::StrCat(pair->second.Release()).c_str(),
             1);
      _exit(RunWorker(runner_));
    }
    socket_ = std::move(pair->first);
    EXPECT_TRUE(std::holds_alternative<WorkerHello>(Next()));
  }

  // All in one write, so that the worker has all when it looks.
  void Send(const std::vector<ToWorker>& messages) {
    std::string frames;
    for (const ToWorker& message : messages) {
      AppendFrame(message, frames);
    }
    ASSERT_EQ(send(socket_.get(), frames.data(), frames.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(frames.size()));
  }

  FromWorker Next() {
    for (;;) {
      const auto map = reader_.Next();
      if (map.ok() && map->has_value()) {
        auto message = DecodeFromWorker(**map);
        EXPECT_THAT(message, IsOk());
        return message.ok() ? *std::move(message) : FromWorker();
      }
      pollfd input{socket_.get(), POLLIN, 0};
      char buffer[4096];
      const ssize_t n = poll(&input, 1, 30'000) == 1
                            ? recv(socket_.get(), buffer, sizeof buffer, 0)
                            : -1;
      if (n <= 0) {
        ADD_FAILURE() << "the worker said nothing";
        return WorkerUnitFinished{};
      }
      reader_.Append({buffer, static_cast<std::size_t>(n)});
    }
  }

  // The tests that finish until their unit does.
  std::vector<std::uint32_t> Finished() {
    std::vector<std::uint32_t> tests;
    for (;;) {
      const FromWorker message = Next();
      if (const auto* test = std::get_if<WorkerTestFinished>(&message)) {
        tests.push_back(test->test);
      } else if (const auto* unit = std::get_if<WorkerUnitFinished>(&message)) {
        unit_finished_ = *unit;
        return tests;
      }
    }
  }

  int ExitStatus() {
    int status = 0;
    EXPECT_EQ(waitpid(std::exchange(pid_, -1), &status, 0) > 0, true);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  static WorkerSuite Suite() {
    WorkerSuite suite;
    suite.request = 1;
    suite.spec.name = "suite";
    suite.spec.runner = "fake";
    return suite;
  }
  static WorkerRunUnit Unit(std::uint64_t request) {
    WorkerRunUnit unit;
    unit.request = request;
    unit.tests.resize(2);
    unit.tests[0].name = "a";
    unit.tests[1].name = "b";
    return unit;
  }

  FakeRunner runner_;
  Fd socket_;
  FrameReader reader_;
  pid_t pid_ = -1;
  WorkerUnitFinished unit_finished_;
};

TEST_F(WorkerTest, RunsUnitsUntilItIsToldToLeave) {
  runner_.tear_down = absl::InternalError("it broke");
  Start();
  Send({Suite(), Unit(2)});
  EXPECT_THAT(Finished(), ElementsAre(0, 1));
  EXPECT_EQ(unit_finished_.request, 2U);
  EXPECT_EQ(unit_finished_.finalize, Outcome::kError);
  EXPECT_EQ(unit_finished_.message, "it broke");
  Send({WorkerShutdown{}});
  EXPECT_EQ(ExitStatus(), 0);
}

TEST_F(WorkerTest, AStopOfTheUnitStopsIt) {
  Start();
  Send({Suite(), Unit(5), WorkerStop{5}});
  EXPECT_THAT(Finished(), IsEmpty());
  Send({WorkerShutdown{}});
  EXPECT_EQ(ExitStatus(), 0);
}

TEST_F(WorkerTest, AStopOfAnOlderUnitStopsNothing) {
  Start();
  Send({Suite(), Unit(5), WorkerStop{4}});
  EXPECT_THAT(Finished(), ElementsAre(0, 1));
  Send({Unit(6)});
  EXPECT_THAT(Finished(), ElementsAre(0, 1));
}

TEST_F(WorkerTest, ASecondSuiteEndsIt) {
  Start();
  Send({Suite(), Suite()});
  EXPECT_EQ(ExitStatus(), 1);
}

TEST_F(WorkerTest, AUnitWithoutASuiteEndsIt) {
  Start();
  Send({Unit(2)});
  EXPECT_EQ(ExitStatus(), 1);
}

TEST_F(WorkerTest, ASuiteThatDoesNotOpenIsRefused) {
  runner_.opens = absl::NotFoundError("no such program");
  Start();
  Send({Suite()});
  EXPECT_EQ(std::get<WorkerSuiteRefused>(Next()).message, "no such program");
}

TEST_F(WorkerTest, SigtermIsItsExitStatusWhereItIsCaught) {
  Start();
  kill(pid_, SIGTERM);
  EXPECT_EQ(ExitStatus(), 128 + SIGTERM);
}

TEST_F(WorkerTest, SigtermEndsAWorkerWhoseTestsAreInItself) {
  runner_.in_children = false;
  Start();
  kill(pid_, SIGTERM);
  EXPECT_EQ(ExitStatus(), -SIGTERM);
}

TEST_F(WorkerTest, SigtermInAUnitLeavesItWithoutAnEnd) {
  runner_.run = [](const WorkerRunUnit&, UnitReporter& reporter) {
    reporter.TestStarted(0);
    while (!reporter.Terminating()) {
      pollfd wake{reporter.wake_fd(), POLLIN, 0};
      poll(&wake, 1, -1);
    }
    TestResult result;
    result.outcome = Outcome::kCrashed;
    reporter.TestFinished(0, std::move(result));
  };
  Start();
  Send({Suite(), Unit(2)});
  EXPECT_TRUE(std::holds_alternative<WorkerTestStarted>(Next()));
  kill(pid_, SIGTERM);
  EXPECT_TRUE(std::holds_alternative<WorkerTestFinished>(Next()));
  EXPECT_EQ(ExitStatus(), 128 + SIGTERM);
}

TEST_F(WorkerTest, AnAgentThatIsGoneGivesTheRunningTestNoTime) {
  runner_.run = [](const WorkerRunUnit&, UnitReporter& reporter) {
    reporter.TestStarted(0);
    while (!reporter.Terminating()) {
      pollfd wake{reporter.wake_fd(), POLLIN, 0};
      poll(&wake, 1, -1);
    }
    _exit(reporter.term_grace() == Duration::zero() ? 42 : 43);
  };
  Start();
  Send({Suite(), Unit(2)});
  EXPECT_TRUE(std::holds_alternative<WorkerTestStarted>(Next()));
  socket_.Reset();
  EXPECT_EQ(ExitStatus(), 42);
}

TEST_F(WorkerTest, ManyKeptProcessesAreToldInSeveralMessages) {
  runner_.run = [](const WorkerRunUnit&, UnitReporter& reporter) {
    reporter.Kept(std::vector<pid_t>(300, 17));
  };
  Start();
  Send({Suite(), Unit(2)});
  EXPECT_EQ(std::get<WorkerProcessesKept>(Next()).pids.size(), 256U);
  EXPECT_EQ(std::get<WorkerProcessesKept>(Next()).pids.size(), 44U);
}

}  // namespace
}  // namespace paceline
