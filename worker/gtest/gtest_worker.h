// The worker that runs the cases of an unmodified GoogleTest program.

#ifndef PACELINE_WORKER_GTEST_GTEST_WORKER_H_
#define PACELINE_WORKER_GTEST_GTEST_WORKER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "worker/gtest/suite_options.h"
#include "worker/lib/worker.h"

namespace paceline {

// A unit is one process of the program; another one takes over what a crash
// left.
class GtestRunner final : public Runner {
 public:
  absl::string_view name() const override { return "gtest"; }
  bool tests_in_children() const override { return true; }
  absl::Status Open(const WorkerSuite& suite) override;
  absl::Status RunUnit(const WorkerRunUnit& unit,
                       UnitReporter& reporter) override;

 private:
  WorkerSuite suite_;
  GtestSuiteOptions options_;
  // Learned of the program by running it.
  bool streams_ = true;
  bool repeats_ = false;
};

// `paceline worker gtest`. Returns the process's exit code.
int RunGtestWorker();

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_GTEST_WORKER_H_
