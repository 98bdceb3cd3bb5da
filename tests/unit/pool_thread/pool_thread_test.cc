// The pool thread and the warden with real workers.

#include "agent/pool_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/agent.h"
#include "common/base/fd.h"
#include "common/os/process_tree.h"
#include "common/os/subprocess.h"
#include "tests/support/program.h"
#include "worker/command/command_discoverer.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr char kMark[] = "PACELINE_POOL_THREAD_TEST";

class PoolThreadTest : public testing::Test {
 protected:
  PoolThreadTest() : wake_(eventfd(0, EFD_CLOEXEC)) {
    options_.slots = 2;
    options_.env = CurrentEnvironment();
    options_.env.push_back(absl::StrCat(kMark, "=", mark_));
    options_.temp_root = scratch_.path();
    options_.kill_grace = std::chrono::milliseconds(300);
    auto suite = std::make_shared<SuiteSpec>();
    suite->name = "commands";
    suite->runner = kCommandRunner;
    suite->program = "commands";
    suite_ = suite;
  }

  void Begin() {
    auto pool = PoolThread::Start(options_, [this] {
      const std::uint64_t one = 1;
      ASSERT_EQ(write(wake_.get(), &one, sizeof one),
                static_cast<ssize_t>(sizeof one));
    });
    ASSERT_TRUE(pool.ok()) << pool.status();
    pool_ = *std::move(pool);
  }

  // A unit of shell commands.
  Token Start(const std::vector<std::string>& commands,
              Duration timeout = std::chrono::minutes(1)) {
    Lease lease;
    lease.token = Token{1, ++leases_};
    lease.run = run_;
    lease.unit = UnitId{leases_};
    for (const std::string& command : commands) {
      LeasedTest test;
      test.test = TestIndex{tests_++};
      test.name = command;
      test.timeout = timeout;
      test.payload = EncodeCommand({"/bin/sh", "-c", command});
      lease.tests.push_back(std::move(test));
    }
    const Token token = lease.token;
    pool_->Push(PoolStart{std::move(lease), suite_});
    return token;
  }

  // Takes events until the unit has ended.
  void AwaitEnd(Token token) {
    while (!ends_.contains(token)) {
      ASSERT_TRUE(TakeEvents()) << "no event within a minute";
    }
  }

  void AwaitStart(Token token) {
    while (!running_.contains(token)) {
      ASSERT_TRUE(TakeEvents()) << "no event within a minute";
    }
  }

  bool TakeEvents() {
    pollfd ready{wake_.get(), POLLIN, 0};
    if (poll(&ready, 1, 60'000) != 1) {
      return false;
    }
    std::uint64_t count = 0;
    if (read(wake_.get(), &count, sizeof count) < 0) {
      return false;
    }
    while (std::optional<PoolEvent> event = pool_->Pop()) {
      if (auto* result = std::get_if<PoolResult>(&*event)) {
        if (auto* attempt = std::get_if<AttemptItem>(&result->item)) {
          results_.push_back(std::move(attempt->result));
        } else if (auto* end = std::get_if<UnitEndItem>(&result->item)) {
          ends_[end->token] = end->end;
        } else if (auto* extra = std::get_if<ExtraItem>(&result->item)) {
          extras_.push_back(extra->extra);
        }
      } else if (auto* started = std::get_if<PoolTestStarted>(&*event)) {
        running_[started->token] = started->test;
      }
    }
    return true;
  }

  // Living processes of this test's workers, each held by a descriptor.
  std::vector<Fd> Marked() const {
    std::vector<Fd> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      pid_t pid = 0;
      if (absl::SimpleAtoi(entry.path().filename().string(), &pid) &&
          InitialEnvironmentValue(pid, kMark) == mark_) {
        Fd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
        if (fd.valid()) {
          found.push_back(std::move(fd));
        }
      }
    }
    return found;
  }

  static void ExpectEnded(const std::vector<Fd>& processes) {
    for (const Fd& process : processes) {
      pollfd ended{process.get(), POLLIN, 0};
      EXPECT_EQ(poll(&ended, 1, 10'000), 1) << "a process is left";
    }
  }

  const std::string mark_ = ToString(RandomId<InstanceId>());
  ScratchDir scratch_;
  AgentOptions options_;
  std::shared_ptr<const SuiteSpec> suite_;
  RunId run_ = RandomId<RunId>();
  std::uint64_t leases_ = 0;
  std::uint32_t tests_ = 0;
  Fd wake_;
  std::vector<TestResult> results_;
  std::vector<ExtraResult> extras_;
  std::map<Token, UnitEnd> ends_;
  std::map<Token, TestIndex> running_;
  std::unique_ptr<PoolThread> pool_;
};

TEST_F(PoolThreadTest, RunsUnitsOnAWarmWorker) {
  Begin();
  AwaitEnd(Start({"echo out; echo err >&2", "exit 3", "kill -SEGV $$"}));
  AwaitEnd(Start({"true"}));
  ASSERT_THAT(results_, SizeIs(4));
  EXPECT_EQ(results_[0].outcome, Outcome::kPassed);
  EXPECT_EQ(results_[0].output.head, "out\nerr\n");
  EXPECT_EQ(results_[1].outcome, Outcome::kFailed);
  EXPECT_EQ(results_[1].message, "exit status 3");
  EXPECT_EQ(results_[2].outcome, Outcome::kCrashed);
  EXPECT_THAT(results_[2].message, HasSubstr("SIGSEGV"));
  EXPECT_EQ(results_[3].outcome, Outcome::kPassed);
  EXPECT_TRUE(ends_.begin()->second.health.has_value());
}

TEST_F(PoolThreadTest, ATestOverItsTimeIsEndedAndTheRestGoesOn) {
  Begin();
  AwaitEnd(Start(
      {"echo before; trap '' TERM; sleep 1000 & sleep 1000", "echo after"},
      std::chrono::milliseconds(200)));
  ASSERT_THAT(results_, SizeIs(2));
  EXPECT_EQ(results_[0].outcome, Outcome::kTimedOut);
  EXPECT_EQ(results_[0].output.head, "before\n");
  EXPECT_THAT(results_[0].details, HasSubstr("sleep"));
  EXPECT_EQ(results_[1].outcome, Outcome::kPassed);
}

TEST_F(PoolThreadTest, ATestThatKillsItsWorkerIsChargedAlone) {
  Begin();
  AwaitEnd(Start({"true", "kill -KILL $PPID; sleep 1000", "true"}));
  ASSERT_THAT(results_, SizeIs(3));
  EXPECT_EQ(results_[0].outcome, Outcome::kPassed);
  EXPECT_EQ(results_[1].outcome, Outcome::kCrashed);
  EXPECT_THAT(results_[1].message, HasSubstr("SIGKILL"));
  EXPECT_EQ(results_[2].outcome, Outcome::kPassed);
}

TEST_F(PoolThreadTest, AWorkerThatCannotBeStartedIsAnError) {
  auto suite = std::make_shared<SuiteSpec>(*suite_);
  suite->worker = {"/no/such/worker"};
  suite_ = suite;
  Begin();
  AwaitEnd(Start({"true", "true"}));
  ASSERT_THAT(results_, SizeIs(2));
  EXPECT_EQ(results_[1].outcome, Outcome::kError);
  EXPECT_THAT(results_[1].message, HasSubstr("/no/such/worker"));
}

TEST_F(PoolThreadTest, AProgramThatIsNoWorkerIsAnErrorWithWhatItSaid) {
  auto suite = std::make_shared<SuiteSpec>(*suite_);
  suite->worker = {"/bin/sh", "-c", "echo I am no worker; exit 5"};
  suite_ = suite;
  Begin();
  AwaitEnd(Start({"true"}));
  ASSERT_THAT(results_, SizeIs(1));
  EXPECT_EQ(results_[0].outcome, Outcome::kError);
  EXPECT_THAT(results_[0].message, HasSubstr("exit status 5"));
  EXPECT_THAT(results_[0].details, HasSubstr("I am no worker"));
}

TEST_F(PoolThreadTest, WhatAUnitLeavesInItsTmpdirIsRemoved) {
  Begin();
  AwaitEnd(
      Start({"test -d $TMPDIR && mkdir -p $TMPDIR/a/b && "
             "echo x > $TMPDIR/a/b/c && ln -s / $TMPDIR/root"}));
  ASSERT_THAT(results_, SizeIs(1));
  EXPECT_EQ(results_[0].outcome, Outcome::kPassed) << results_[0].output.head;
  pool_.reset();
  EXPECT_TRUE(std::filesystem::is_empty(scratch_.path()));
}

TEST_F(PoolThreadTest, ALargeEnvironmentReachesTheWorker) {
  for (int i = 0; i < 100; ++i) {
    options_.env.push_back(
        absl::StrCat("LARGE_", i, "=", std::string(5000, 'x')));
  }
  Begin();
  AwaitEnd(Start({"test ${#LARGE_99} = 5000"}));
  EXPECT_EQ(results_.at(0).outcome, Outcome::kPassed);
}

TEST_F(PoolThreadTest, NothingIsLeftWhenThePoolGoes) {
  Begin();
  const Token token =
      Start({"trap '' TERM; setsid sleep 1000 & "
             "(setsid sh -c 'sleep 1000 & sleep 1000' &) ; sleep 1000"});
  AwaitStart(token);
  pool_.reset();
  EXPECT_THAT(Marked(), SizeIs(0));
}

TEST_F(PoolThreadTest, AKilledWardenIsReplacedAndItsTestsAreErrors) {
  Begin();
  const Token token =
      Start({"trap '' TERM; setsid sleep 1000 & sleep 1000", "true"});
  AwaitStart(token);
  const std::vector<Fd> before = Marked();
  const std::vector<pid_t> wardens = Children(getpid());
  ASSERT_THAT(wardens, SizeIs(1));
  kill(wardens[0], SIGKILL);
  AwaitEnd(token);
  ExpectEnded(before);
  ASSERT_THAT(results_, SizeIs(2));
  EXPECT_EQ(results_[0].outcome, Outcome::kError);
  EXPECT_THAT(results_[0].message, HasSubstr("warden"));
  EXPECT_EQ(results_[1].outcome, Outcome::kPassed);
}

TEST_F(PoolThreadTest, ATestOverItsTimeFinishesWhatItDoesAtSigterm) {
  options_.kill_grace = std::chrono::minutes(1);
  Begin();
  AwaitEnd(Start({"trap 'echo put away; exit 0' TERM; echo up; sleep 1000 "
                  ">/dev/null 2>&1 & wait"},
                 std::chrono::milliseconds(200)));
  ASSERT_THAT(results_, SizeIs(1));
  EXPECT_EQ(results_[0].outcome, Outcome::kTimedOut);
  EXPECT_EQ(results_[0].output.head, "up\nput away\n");
}

// A command that passes when the process whose number is in the file `pid` is
// gone; a kill is on its way for a moment.
std::string UntilGone(const std::string& pid) {
  return absl::StrCat("for i in $(seq 200); do kill -0 $(cat ", pid,
                      ") 2>/dev/null || exit 0; sleep 0.05; done; exit 1");
}

TEST_F(PoolThreadTest, WhatATestHidesIsEndedBeforeTheNextTest) {
  Begin();
  const std::string pid = scratch_.path() + "/pid";
  AwaitEnd(
      Start({absl::StrCat(
                 "env -i setsid sleep 1000 >/dev/null 2>&1 & echo $! > ", pid),
             UntilGone(pid)}));
  ASSERT_THAT(results_, SizeIs(2));
  EXPECT_EQ(results_[1].outcome, Outcome::kPassed) << results_[1].output.head;
}

TEST_F(PoolThreadTest, WhatADeadWorkerHidIsEnded) {
  Begin();
  const std::string pid = scratch_.path() + "/pid";
  AwaitEnd(Start(
      {absl::StrCat("env -i setsid sleep 1000 >/dev/null 2>&1 & echo $! > ",
                    pid, "; kill -KILL $PPID; sleep 1000"),
       UntilGone(pid)}));
  ASSERT_THAT(results_, SizeIs(2));
  EXPECT_EQ(results_[0].outcome, Outcome::kCrashed);
  EXPECT_EQ(results_[1].outcome, Outcome::kPassed) << results_[1].output.head;
}

TEST_F(PoolThreadTest, WhatKeepsWritingAfterItsWorkersEndHoldsNothingUp) {
  Begin();
  // The worker's own output, which the shell of a test does not have.
  auto suite = std::make_shared<SuiteSpec>(*suite_);
  suite->worker = {"/bin/sh", "-c", "env -i yes >&2 & exit 5"};
  suite_ = suite;
  AwaitEnd(Start({"true"}));
  ASSERT_THAT(results_, SizeIs(1));
  EXPECT_THAT(results_[0].message, HasSubstr("exit status 5"));
}

TEST_F(PoolThreadTest, ARemovedTemporaryDirectoryIsMadeAgain) {
  Begin();
  AwaitEnd(Start({"rm -rf $(dirname $TMPDIR)"}));
  AwaitEnd(Start({"test -d $TMPDIR"}));
  ASSERT_THAT(results_, SizeIs(2));
  EXPECT_EQ(results_[1].outcome, Outcome::kPassed) << results_[1].message;
}

TEST_F(PoolThreadTest, ManyRequestsAtOnceHoldNothingUp) {
  options_.slots = 2000;
  auto suite = std::make_shared<SuiteSpec>(*suite_);
  suite->worker = {"/no/such/worker"};
  suite_ = suite;
  Begin();
  std::vector<Token> tokens;
  for (int i = 0; i < 1000; ++i) {
    tokens.push_back(Start({"true"}));
  }
  for (const Token& token : tokens) {
    AwaitEnd(token);
  }
  EXPECT_THAT(results_, SizeIs(1000));
}

TEST_F(PoolThreadTest, AStoppedUnitEndsWithoutTheRest) {
  Begin();
  const Token token = Start({"sleep 1000", "true"});
  AwaitStart(token);
  pool_->Push(PoolStop{token, Duration::zero(), "cancelled"});
  AwaitEnd(token);
  EXPECT_THAT(results_, SizeIs(0));
}

// ---- templates --------------------------------------------------------------

class PoolTemplateTest : public PoolThreadTest {
 protected:
  PoolTemplateTest() {
    options_.env.push_back(absl::StrCat("FAKE_TEMPLATE_LOG=", log_));
  }

  static SuiteSpec Templates(const SuiteSpec& base, const char* behaviour) {
    SuiteSpec suite = base;
    suite.worker = {"/proc/self/exe", "template", behaviour};
    suite.forks = true;
    return suite;
  }
  void Use(const char* behaviour) {
    suite_ = std::make_shared<SuiteSpec>(Templates(*suite_, behaviour));
  }
  void ExpectPassed(std::size_t count) const {
    ASSERT_THAT(results_, SizeIs(count));
    for (const TestResult& result : results_) {
      EXPECT_EQ(result.outcome, Outcome::kPassed) << result.message;
    }
  }

  const std::string log_ = scratch_.path() + "/log";
};

TEST_F(PoolTemplateTest, WorkersAreForkedOfOneThatLoadedOnce) {
  Use("forks");
  Begin();
  // The second unit's worker is not the first's, which is dead.
  AwaitEnd(Start({"true", "kill -KILL $PPID; sleep 1000", "true"}));
  ASSERT_THAT(results_, SizeIs(3));
  EXPECT_EQ(results_[1].outcome, Outcome::kCrashed);
  EXPECT_EQ(results_[2].outcome, Outcome::kPassed);
  EXPECT_EQ(ReadFile(log_), "loaded\n");
}

TEST_F(PoolTemplateTest, OneThatCannotForkServesItself) {
  Use("plain");
  Begin();
  AwaitEnd(Start({"true"}));
  ExpectPassed(1);
}

TEST_F(PoolTemplateTest, OneThatHangsWhileItLoadsIsEndedAndWorkersStartFresh) {
  Use("hangs");
  options_.load_bound = std::chrono::milliseconds(200);
  Begin();
  const Token one = Start({"true"});
  AwaitEnd(Start({"true"}));
  AwaitEnd(one);
  ExpectPassed(2);
  EXPECT_EQ(ReadFile(log_), "loaded\n");
}

TEST_F(PoolTemplateTest, AUnitThatWaitsForOneThatHangsCanBeStopped) {
  Use("hangs");
  Begin();
  const Token token = Start({"true"});
  pool_->Push(PoolStop{token, Duration::zero(), "cancelled"});
  AwaitEnd(token);
  EXPECT_THAT(results_, SizeIs(0));
}

// With it went the forks of other templates, and workers came back that nobody
// wanted any more.
TEST_F(PoolTemplateTest, OneThatDiesWhenAskedToForkCostsNoTest) {
  Begin();
  const SuiteSpec base = *suite_;
  suite_ = std::make_shared<SuiteSpec>(Templates(base, "forks"));
  const Token of_another = Start({"true"});
  suite_ = std::make_shared<SuiteSpec>(Templates(base, "dies"));
  run_ = RandomId<RunId>();
  AwaitEnd(Start({"true"}));
  AwaitEnd(of_another);
  ExpectPassed(2);
}

// It was asked to leave, and never ended.
TEST_F(PoolTemplateTest,
       AnExpectedProcessThatDoesNotFitIsEndedWhateverItHeeds) {
  options_.expected = Templates(*suite_, "deaf");
  Begin();
  std::vector<Fd> expected;
  const SystemClock clock;
  for (const Instant end = clock.Now() + std::chrono::seconds(30);
       expected.empty() && clock.Now() < end;) {
    expected = Marked();
  }
  ASSERT_THAT(expected, SizeIs(1));
  Use("plain");
  AwaitEnd(Start({"true"}));
  ExpectPassed(1);
  ExpectEnded(expected);
}

}  // namespace
}  // namespace paceline
