// The worker program of the command runner.
//
// A command passes if it exits with 0, fails with any other status, and
// crashes if a signal ends it. Nothing is read from what it prints.

#ifndef PACELINE_WORKER_COMMAND_COMMAND_WORKER_H_
#define PACELINE_WORKER_COMMAND_COMMAND_WORKER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "worker/lib/left_behind.h"
#include "worker/lib/worker.h"

namespace paceline {

class CommandRunner final : public Runner {
 public:
  absl::string_view name() const override { return "command"; }
  bool tests_in_children() const override { return true; }
  absl::Status Open(const WorkerSuite& suite) override;
  absl::Status RunUnit(const WorkerRunUnit& unit,
                       UnitReporter& reporter) override;

 private:
  WorkerSuite suite_;
  LeftBehind left_behind_;
};

// The body of `paceline worker command`.
int RunCommandWorker();

}  // namespace paceline

#endif  // PACELINE_WORKER_COMMAND_COMMAND_WORKER_H_
