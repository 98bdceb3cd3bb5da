// A program that is a test, from its start to its end: for the runners whose
// tests are processes.
//
// Kept lean: for a program that ends at once, what is done here is most of
// what a test costs. No thread, no file, no look at /proc unless something
// has to be killed.

#ifndef PACELINE_WORKER_LIB_TEST_PROCESS_H_
#define PACELINE_WORKER_LIB_TEST_PROCESS_H_

#include <functional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/os/subprocess.h"
#include "worker/lib/left_behind.h"
#include "worker/lib/worker.h"

namespace paceline {

struct TestProcessEnd {
  WaitStatus status;
  // Something of it still held its output when it was gone.
  bool leaked = false;
  // Ended by us, or by SIGTERM like us, since this worker is to leave.
  bool terminated = false;
};

struct TestProcessOptions {
  // What the program leaves is ended when it is gone; with `keep` it may stay,
  // for tests after it.
  bool keep = false;
  // The verdict depends on all of the output: wait for its end, whoever holds
  // it open, for as long as the agent lets the test run.
  bool await_output = false;
  // Standard output and error, merged as they come.
  std::function<void(absl::string_view)> on_output;
};

// Runs `spec`, whose descriptors are set here, to its end. `left_behind` is the
// process's one.
//
// Returns what Spawn says when it cannot be started.
absl::StatusOr<TestProcessEnd> RunTestProcess(SpawnSpec& spec,
                                              const TestProcessOptions& options,
                                              LeftBehind& left_behind,
                                              UnitReporter& reporter);

}  // namespace paceline

#endif  // PACELINE_WORKER_LIB_TEST_PROCESS_H_
