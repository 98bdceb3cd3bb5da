#include "worker/lib/worker.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/os/health_reader.h"
#include "worker/lib/worker_channel.h"

namespace paceline {
namespace {

constexpr int kExitBroken = 1;
constexpr int kExitNotAWorker = 2;
constexpr int kExitTerminated = 128 + SIGTERM;

// An agent asks for one unit at a time; more than a few messages waiting mean
// that something is wrong with it.
constexpr std::size_t kMaxInbox = 16;
// Where the agent does not say how long it waits before SIGKILL.
constexpr Duration kTermGrace = std::chrono::seconds(2);

void Complain(absl::string_view sentence) {
  std::fprintf(stderr, "paceline worker: %.*s\n",
               static_cast<int>(sentence.size()), sentence.data());
}

class WorkerLoop final : public UnitReporter {
 public:
  WorkerLoop(Runner& runner, std::unique_ptr<WorkerChannel> channel)
      : runner_(runner),
        in_children_(runner.tests_in_children()),
        channel_(std::move(channel)) {}

  int Run();

  // UnitReporter
  void TestStarted(std::uint32_t test) override;
  void TestFinished(std::uint32_t test, TestResult result) override;
  void TestRan(std::uint32_t test, TestResult result) override;
  void TestDeadline(std::uint32_t test, Duration timeout) override;
  void Extra(ExtraResult extra) override;
  void LateProperties(std::uint32_t test, TestProperties properties) override;
  void ScopeProperties(std::string scope, TestProperties properties) override;
  bool StopRequested() override;
  bool Terminating() const override;
  Duration term_grace() const override;
  void Kept(const std::vector<pid_t>& pids) override;
  int wake_fd() const override;

 private:
  void SayHello();
  // Takes in what has come, in order.
  void FillInbox() const;
  // Waits for the next message; nothing when it is time to leave.
  std::optional<ToWorker> NextMessage();

  // Each returns the exit code of a process that has to leave.
  std::optional<int> OnSuite(WorkerSuite suite);
  std::optional<int> OnRunUnit(const WorkerRunUnit& unit);
  int Break(absl::string_view sentence);
  void Flush() const;
  void ReapStrays();

  Runner& runner_;
  const bool in_children_;
  const std::unique_ptr<WorkerChannel> channel_;
  // Mutable: a look at whether there is a stop takes in what has come.
  mutable std::deque<ToWorker> inbox_;
  bool has_suite_ = false;
  bool suite_open_ = false;
  const WorkerRunUnit* unit_ = nullptr;  // while it runs
  Duration term_grace_ = kTermGrace;
  // Read since the last flush.
  mutable std::optional<WorkerHealth> batch_health_;
};

int WorkerLoop::Run() {
  SayHello();
  while (std::optional<ToWorker> message = NextMessage()) {
    std::optional<int> exit_code;
    if (auto* suite = std::get_if<WorkerSuite>(&*message)) {
      exit_code = OnSuite(std::move(*suite));
    } else if (const auto* unit = std::get_if<WorkerRunUnit>(&*message)) {
      exit_code = OnRunUnit(*unit);
    } else if (std::holds_alternative<WorkerShutdown>(*message)) {
      break;
    }
    // A stop that finds no unit running came too late, and is no error.
    if (exit_code.has_value()) {
      return *exit_code;
    }
  }
  runner_.Close();
  if (!channel_->error().ok()) {
    return Break(channel_->error().message());
  }
  return channel_->Terminating() ? kExitTerminated : 0;
}

void WorkerLoop::SayHello() {
  WorkerHello hello;
  hello.runner = std::string(runner_.name());
  hello.pid = static_cast<std::uint32_t>(getpid());
  hello.health = ReadOwnHealth();
  hello.tests_in_children = in_children_;
  channel_->Queue(std::move(hello));
  Flush();
}

void WorkerLoop::FillInbox() const {
  while (inbox_.size() < kMaxInbox) {
    std::optional<ToWorker> message = channel_->Next();
    if (!message.has_value()) {
      return;
    }
    inbox_.push_back(*std::move(message));
  }
}

std::optional<ToWorker> WorkerLoop::NextMessage() {
  for (;;) {
    FillInbox();
    if (channel_->closed() || channel_->Terminating()) {
      return std::nullopt;
    }
    if (!inbox_.empty()) {
      ToWorker message = std::move(inbox_.front());
      inbox_.pop_front();
      return message;
    }
    Flush();
    channel_->Wait();
  }
}

std::optional<int> WorkerLoop::OnSuite(WorkerSuite suite) {
  if (has_suite_) {
    return Break("the agent sent a second suite; a worker serves one");
  }
  has_suite_ = true;
  suite.output_limit = std::min(suite.output_limit, kMaxOutputLimit);
  if (suite.kill_grace > Duration::zero()) {
    term_grace_ = suite.kill_grace / 3 * 2;
  }
  const absl::Status status = runner_.Open(suite);
  suite_open_ = status.ok();
  if (!suite_open_) {
    channel_->Queue(
        WorkerSuiteRefused{suite.request, std::string(status.message())});
    Flush();
  }
  return std::nullopt;
}

std::optional<int> WorkerLoop::OnRunUnit(const WorkerRunUnit& unit) {
  if (!suite_open_) {
    return Break("the agent sent a unit, and no suite that is open");
  }
  if (!unit.temp_dir.empty()) {
    setenv("TMPDIR", unit.temp_dir.c_str(), /*overwrite=*/1);
  }
  unit_ = &unit;
  const absl::Status status = runner_.RunUnit(unit, *this);
  unit_ = nullptr;
  ReapStrays();
  if (channel_->Terminating()) {
    // What was known of the test that ran has been told; the rest has not run,
    // and only a unit without an end says so.
    Flush();
    return kExitTerminated;
  }
  WorkerUnitFinished finished;
  finished.request = unit.request;
  finished.finalize = status.ok() ? Outcome::kPassed : Outcome::kError;
  finished.message = std::string(status.message());
  finished.health = ReadOwnHealth();
  channel_->Queue(std::move(finished));
  Flush();
  return std::nullopt;
}

int WorkerLoop::Break(absl::string_view sentence) {
  Complain(absl::StrCat(sentence, "; leaving"));
  return kExitBroken;
}

void WorkerLoop::Flush() const {
  batch_health_.reset();
  channel_->Flush();
}

// What tests left behind comes to us when its parents are gone, being their
// subreaper. The runner has ended what it does not keep, waits for its own
// children, and has none now: here the last of them are seen off.
void WorkerLoop::ReapStrays() {
  while (in_children_ && waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

void WorkerLoop::TestStarted(std::uint32_t test) {
  PACELINE_CHECK(unit_ != nullptr && test < unit_->tests.size());
  channel_->Queue(WorkerTestStarted{unit_->request, test});
  Flush();
  if (!in_children_) {
    ResetOwnPeakRss();
  }
}

void WorkerLoop::TestFinished(std::uint32_t test, TestResult result) {
  PACELINE_CHECK(unit_ != nullptr && test < unit_->tests.size());
  if (!result.health.has_value()) {
    result.health = ReadOwnHealth();
  }
  channel_->Queue(WorkerTestFinished{unit_->request, test, std::move(result)});
  // A test in this process may take the process along when its scope is torn
  // down: by then its result must be out.
  if (!in_children_) {
    Flush();
  }
}

void WorkerLoop::TestRan(std::uint32_t test, TestResult result) {
  if (!in_children_) {
    TestStarted(test);
    TestFinished(test, std::move(result));
    return;
  }
  PACELINE_CHECK(unit_ != nullptr && test < unit_->tests.size());
  if (!result.health.has_value()) {
    // Many tests are learned of at one moment; one reading holds for them all.
    if (!batch_health_.has_value()) {
      batch_health_ = ReadOwnHealth();
    }
    result.health = batch_health_;
  }
  channel_->Queue(WorkerTestStarted{unit_->request, test});
  channel_->Queue(WorkerTestFinished{unit_->request, test, std::move(result)});
}

void WorkerLoop::TestDeadline(std::uint32_t test, Duration timeout) {
  PACELINE_CHECK(unit_ != nullptr && test < unit_->tests.size());
  channel_->Queue(WorkerTestDeadline{unit_->request, test, timeout});
  Flush();
}

void WorkerLoop::Extra(ExtraResult extra) {
  if (!extra.result.health.has_value()) {
    extra.result.health = ReadOwnHealth();
  }
  PACELINE_CHECK(unit_ != nullptr);
  channel_->Queue(WorkerExtra{unit_->request, std::move(extra)});
  Flush();
}

void WorkerLoop::LateProperties(std::uint32_t test, TestProperties properties) {
  PACELINE_CHECK(unit_ != nullptr && test < unit_->tests.size());
  channel_->Queue(
      WorkerProperties{unit_->request, test, "", std::move(properties)});
}

void WorkerLoop::ScopeProperties(std::string scope, TestProperties properties) {
  PACELINE_CHECK(unit_ != nullptr);
  channel_->Queue(WorkerProperties{unit_->request, std::nullopt,
                                   std::move(scope), std::move(properties)});
}

bool WorkerLoop::StopRequested() {
  if (Terminating() || inbox_.size() == kMaxInbox) {
    return true;
  }
  return std::any_of(inbox_.begin(), inbox_.end(),
                     [this](const ToWorker& message) {
                       // Requests count up: one below the unit's was meant for
                       // another.
                       const auto* stop = std::get_if<WorkerStop>(&message);
                       return std::holds_alternative<WorkerShutdown>(message) ||
                              (stop != nullptr && unit_ != nullptr &&
                               stop->request >= unit_->request);
                     });
}

bool WorkerLoop::Terminating() const {
  // What has come is taken in here too: a runner that asks for nothing else
  // while a test runs would find wake_fd readable for ever.
  FillInbox();
  return channel_->Terminating() || channel_->closed();
}

Duration WorkerLoop::term_grace() const {
  return channel_->closed() ? Duration::zero() : term_grace_;
}

void WorkerLoop::Kept(const std::vector<pid_t>& pids) {
  PACELINE_CHECK(unit_ != nullptr);
  for (std::size_t i = 0; i < pids.size(); i += kMaxKept) {
    const std::size_t end = std::min(pids.size(), i + kMaxKept);
    WorkerProcessesKept kept;
    kept.request = unit_->request;
    kept.pids.assign(pids.begin() + static_cast<std::ptrdiff_t>(i),
                     pids.begin() + static_cast<std::ptrdiff_t>(end));
    channel_->Queue(std::move(kept));
  }
}

int WorkerLoop::wake_fd() const {
  Flush();
  return channel_->wake_fd();
}

}  // namespace

std::int64_t UnixNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int RunWorker(Runner& runner) {
  absl::StatusOr<Fd> socket = WorkerChannel::TakeSocket();
  if (!socket.ok()) {
    Complain(socket.status().message());
    return kExitNotAWorker;
  }
  const bool in_children = runner.tests_in_children();
  if (in_children) {
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
  }
  auto channel = WorkerChannel::Create(*std::move(socket), in_children);
  if (!channel.ok()) {
    Complain(channel.status().message());
    return kExitNotAWorker;
  }
  return WorkerLoop(runner, *std::move(channel)).Run();
}

}  // namespace paceline
