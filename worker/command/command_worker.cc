#include "worker/command/command_worker.h"

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/os/subprocess.h"
#include "worker/command/command_discoverer.h"
#include "worker/lib/output_capture.h"
#include "worker/lib/test_process.h"

namespace paceline {
namespace {

TestResult Judge(const absl::StatusOr<TestProcessEnd>& end) {
  TestResult result;
  if (!end.ok()) {
    result.outcome = Outcome::kError;
    result.message =
        absl::StrCat("cannot be started: ", end.status().message());
    return result;
  }
  result.leaked = end->leaked;
  if (end->terminated) {
    result.outcome = Outcome::kCrashed;
    result.message = "ended by SIGTERM to its worker";
  } else if (end->status.signaled()) {
    result.outcome = Outcome::kCrashed;
    result.message = Describe(end->status);
  } else if (end->status.exit_code() != 0) {
    result.outcome = Outcome::kFailed;
    result.message = Describe(end->status);
  } else {
    result.outcome = Outcome::kPassed;
  }
  return result;
}

}  // namespace

absl::Status CommandRunner::Open(const WorkerSuite& suite) {
  suite_ = suite;
  return absl::OkStatus();
}

absl::Status CommandRunner::RunUnit(const WorkerRunUnit& unit,
                                    UnitReporter& reporter) {
  const SystemClock clock;
  std::vector<std::string> base = CurrentEnvironment();
  ApplyEdits(suite_.spec.env, base);
  OutputCapture capture(suite_.output_limit);
  TestProcessOptions options;
  options.on_output = [&capture](absl::string_view bytes) {
    capture.Append(bytes);
  };
  for (std::uint32_t i = 0; i < unit.tests.size() && !reporter.StopRequested();
       ++i) {
    SpawnSpec spec;
    spec.argv = DecodeCommand(unit.tests[i].payload);
    if (spec.argv.empty()) {
      TestResult result;
      result.outcome = Outcome::kError;
      result.message = "its manifest holds no command";
      reporter.TestRan(i, std::move(result));
      continue;
    }
    spec.program = spec.argv.front();
    spec.env = base;
    ApplyEdits(unit.tests[i].env, spec.env);
    spec.working_directory = suite_.spec.working_directory;

    const std::int64_t started_unix_ns = UnixNow();
    reporter.TestStarted(i);
    const Instant start = clock.Now();
    const absl::StatusOr<TestProcessEnd> end =
        RunTestProcess(spec, options, left_behind_, reporter);
    TestResult result = Judge(end);
    result.duration = clock.Now() - start;
    result.started_unix_ns = started_unix_ns;
    result.output = capture.Take();
    reporter.TestFinished(i, std::move(result));
  }
  return absl::OkStatus();
}

int RunCommandWorker() {
  CommandRunner runner;
  return RunWorker(runner);
}

}  // namespace paceline
