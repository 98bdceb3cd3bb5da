#include "agent/worker_launch.h"

#include "absl/strings/str_cat.h"
#include "common/base/ids.h"
#include "common/os/subprocess.h"

namespace paceline {

std::string WorkerIdValue(WorkerId worker, absl::string_view instance) {
  return absl::StrCat(Value(worker), ".", instance);
}

WorkerLaunch MakeWorkerLaunch(const SuiteSpec& suite, WorkerId worker,
                              const std::string& program,
                              const std::vector<std::string>& base_env,
                              absl::string_view instance) {
  WorkerLaunch launch;
  if (suite.worker.empty()) {
    launch.argv = {program, "worker", suite.runner};
    launch.reaps = true;
  } else {
    launch.argv = suite.worker;
  }
  launch.env = base_env;
  ApplyEdits(suite.env, launch.env);
  // Ours come last: a suite must not take a worker's socket away from it.
  ApplyEdits({{kWorkerFdVariable, absl::StrCat(kWorkerFd)},
              {kWorkerIdVariable, WorkerIdValue(worker, instance)}},
             launch.env);
  launch.working_directory = suite.working_directory;
  return launch;
}

}  // namespace paceline
