// The worker that runs tests of a CTest build directory.

#ifndef PACELINE_WORKER_CTEST_CTEST_WORKER_H_
#define PACELINE_WORKER_CTEST_CTEST_WORKER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "worker/ctest/ctest_test.h"
#include "worker/lib/left_behind.h"
#include "worker/lib/worker.h"

namespace paceline {

// Each test is a process of its own, and its verdict the one that ctest gives.
class CtestRunner final : public Runner {
 public:
  absl::string_view name() const override { return "ctest"; }
  bool tests_in_children() const override { return true; }
  absl::Status Open(const WorkerSuite& suite) override;
  absl::Status RunUnit(const WorkerRunUnit& unit,
                       UnitReporter& reporter) override;

 private:
  WorkerSuite suite_;
  CtestSuiteOptions options_;
  LeftBehind left_behind_;
};

// `paceline worker ctest`. Returns the process's exit code.
int RunCtestWorker();

}  // namespace paceline

#endif  // PACELINE_WORKER_CTEST_CTEST_WORKER_H_
