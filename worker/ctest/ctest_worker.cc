#include "worker/ctest/ctest_worker.h"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/os/health_reader.h"
#include "common/os/subprocess.h"
#include "worker/ctest/ctest_environment.h"
#include "worker/ctest/ctest_judge.h"
#include "worker/lib/output_capture.h"
#include "worker/lib/test_process.h"

namespace paceline {
namespace {

// A reading of this worker's own health holds for tests that end this soon
// after one another: it is the tests that grow, not the worker.
constexpr Duration kHealthAge = std::chrono::milliseconds(100);

// `path` as seen from `directory`, which may be empty.
std::string From(const std::string& directory, const std::string& path) {
  if (path.empty()) {
    return directory;
  }
  return absl::StartsWith(path, "/") || directory.empty()
             ? path
             : absl::StrCat(directory, "/", path);
}

TestResult NotRun(std::string message) {
  TestResult result;
  result.outcome = Outcome::kNotRun;
  result.message = std::move(message);
  return result;
}

// A unit while it runs.
class UnitRun {
 public:
  UnitRun(const WorkerSuite& suite, const CtestSuiteOptions& options,
          const WorkerRunUnit& unit, LeftBehind& left_behind,
          UnitReporter& reporter);

  void Run();

 private:
  void RunTest(std::uint32_t index);
  void Execute(std::uint32_t index, const CtestTest& test);
  // Fills `spawn_`, or says why `test` cannot be run.
  absl::Status Prepare(const WorkerTest& asked, const CtestTest& test);
  absl::StatusOr<TestProcessEnd> Start(const TestProcessOptions& options);
  WorkerHealth Health();

  const WorkerSuite& suite_;
  const CtestSuiteOptions& options_;
  const WorkerRunUnit& unit_;
  LeftBehind& left_behind_;
  UnitReporter& reporter_;
  const SystemClock clock_;
  const std::vector<std::string> base_env_;
  SpawnSpec spawn_;
  // Whether `spawn_` has the environment of a test that edits none.
  bool has_base_env_ = false;
  OutputCapture capture_;
  WorkerHealth health_;
  std::optional<Instant> health_read_;
};

std::vector<std::string> BaseEnvironment(const WorkerSuite& suite) {
  std::vector<std::string> env = CurrentEnvironment();
  ApplyEdits(suite.spec.env, env);
  return env;
}

UnitRun::UnitRun(const WorkerSuite& suite, const CtestSuiteOptions& options,
                 const WorkerRunUnit& unit, LeftBehind& left_behind,
                 UnitReporter& reporter)
    : suite_(suite),
      options_(options),
      unit_(unit),
      left_behind_(left_behind),
      reporter_(reporter),
      base_env_(BaseEnvironment(suite)),
      capture_(suite.output_limit) {}

void UnitRun::Run() {
  for (std::uint32_t i = 0;
       i < unit_.tests.size() && !reporter_.StopRequested(); ++i) {
    RunTest(i);
  }
}

void UnitRun::RunTest(std::uint32_t index) {
  const WorkerTest& asked = unit_.tests[index];
  const absl::StatusOr<CtestTest> test =
      DecodeCtestTest(asked.payload, options_);
  if (!test.ok()) {
    TestResult result;
    result.outcome = Outcome::kError;
    result.message = std::string(test.status().message());
    reporter_.TestRan(index, std::move(result));
    return;
  }
  if (const absl::Status ready = Prepare(asked, *test); !ready.ok()) {
    reporter_.TestRan(index, NotRun(std::string(ready.message())));
    return;
  }
  Execute(index, *test);
}

absl::Status UnitRun::Prepare(const WorkerTest& asked, const CtestTest& test) {
  if (!test.not_available.empty()) {
    return absl::NotFoundError(test.not_available);
  }
  spawn_.working_directory =
      From(suite_.spec.working_directory, test.working_directory);
  if (!test.required_files.empty()) {
    std::error_code error;
    if (!std::filesystem::is_directory(spawn_.working_directory, error)) {
      return absl::NotFoundError(absl::StrCat("there is no working directory ",
                                              spawn_.working_directory));
    }
    for (const std::string& file : test.required_files) {
      if (access(From(spawn_.working_directory, file).c_str(), R_OK) != 0) {
        return absl::NotFoundError(
            absl::StrCat("there is no required file ", file));
      }
    }
  }
  if (test.command.empty()) {
    return absl::NotFoundError(
        absl::StrCat("there is no program for ", asked.name, "; is it built?"));
  }
  spawn_.program = test.command.front();
  spawn_.argv = test.command;
  if (test.environment.empty() && test.environment_modification.empty() &&
      asked.env.empty()) {
    if (!has_base_env_) {
      spawn_.env = base_env_;
      has_base_env_ = true;
    }
    return absl::OkStatus();
  }
  has_base_env_ = false;
  spawn_.env = base_env_;
  const absl::Status applied = ApplyCtestEnvironment(test, spawn_.env);
  ApplyEdits(asked.env, spawn_.env);
  return applied;
}

void UnitRun::Execute(std::uint32_t index, const CtestTest& test) {
  TestResult result;
  result.started_unix_ns = UnixNow();
  reporter_.TestStarted(index);
  const Instant start = clock_.Now();
  CtestJudge judge(test, spawn_.env);
  TestProcessOptions options;
  // A fixture may be a server that is to stay.
  options.keep = test.leaves_processes;
  options.await_output = judge.needs_output();
  options.on_output = [&](absl::string_view bytes) {
    capture_.Append(bytes);
    judge.OnOutput(bytes);
    if (judge.TakeTimeoutMatch()) {
      reporter_.TestDeadline(index, test.timeout_after_match->timeout);
    }
  };
  const absl::StatusOr<TestProcessEnd> end = Start(options);
  result.duration = clock_.Now() - start;
  result.output = capture_.Take();
  result.health = Health();
  if (!end.ok()) {
    result.outcome = Outcome::kNotRun;
    result.message = std::string(end.status().message());
  } else if (end->terminated) {
    result.outcome = Outcome::kCrashed;
    result.message = "ended by SIGTERM to its worker";
  } else {
    judge.Settle(end->status, result);
    result.leaked = end->leaked;
  }
  reporter_.TestFinished(index, std::move(result));
}

absl::StatusOr<TestProcessEnd> UnitRun::Start(
    const TestProcessOptions& options) {
  absl::StatusOr<TestProcessEnd> end =
      RunTestProcess(spawn_, options, left_behind_, reporter_);
  if (!absl::IsInvalidArgument(end.status())) {
    return end;
  }
  // A script without an interpreter's line; ctest, too, gives it to the shell.
  SpawnSpec shell = spawn_;
  shell.program = "/bin/sh";
  shell.argv.front() = spawn_.program;
  shell.argv.insert(shell.argv.begin(), "sh");
  absl::StatusOr<TestProcessEnd> second =
      RunTestProcess(shell, options, left_behind_, reporter_);
  return second.ok() ? second : end;
}

WorkerHealth UnitRun::Health() {
  const Instant now = clock_.Now();
  if (!health_read_.has_value() || now - *health_read_ > kHealthAge) {
    health_ = ReadOwnHealth();
    health_read_ = now;
  }
  return health_;
}

}  // namespace

absl::Status CtestRunner::Open(const WorkerSuite& suite) {
  PACELINE_ASSIGN_OR_RETURN(options_, DecodeCtestOptions(suite.spec.options));
  std::error_code error;
  if (!std::filesystem::is_directory(suite.spec.program, error)) {
    return absl::NotFoundError(absl::StrCat(
        "there is no build directory ", suite.spec.program, " on this host"));
  }
  suite_ = suite;
  return absl::OkStatus();
}

absl::Status CtestRunner::RunUnit(const WorkerRunUnit& unit,
                                  UnitReporter& reporter) {
  UnitRun(suite_, options_, unit, left_behind_, reporter).Run();
  return absl::OkStatus();
}

int RunCtestWorker() {
  CtestRunner runner;
  return RunWorker(runner);
}

}  // namespace paceline
