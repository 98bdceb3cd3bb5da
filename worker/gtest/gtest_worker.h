// The worker that runs the cases of an unmodified GoogleTest program.

#ifndef PACELINE_WORKER_GTEST_GTEST_WORKER_H_
#define PACELINE_WORKER_GTEST_GTEST_WORKER_H_

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "worker/gtest/suite_options.h"
#include "worker/lib/worker.h"

namespace paceline {

// A unit is one process of the program; another one takes over what a crash
// left.
class GtestRunner final : public Runner {
 public:
  // What runs outside of cases may take as long as a case, and never less than
  // `least_outside_bound`.
  explicit GtestRunner(Duration least_outside_bound = std::chrono::seconds(10))
      : least_outside_bound_(least_outside_bound) {}

  absl::string_view name() const override { return "gtest"; }
  bool tests_in_children() const override { return true; }
  absl::Status Open(const WorkerSuite& suite) override;
  absl::Status RunUnit(const WorkerRunUnit& unit,
                       UnitReporter& reporter) override;

 private:
  const Duration least_outside_bound_;
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
