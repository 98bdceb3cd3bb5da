// A small library for worker programs in C++: implement Runner, call
// RunWorker, and the program speaks worker protocol 1.
//
// RunWorker owns the socket at PACELINE_WORKER_FD, its loop, and the readings
// of health. A Runner that runs its tests in child processes waits for them
// itself, with wake_fd() among its descriptors; one that runs them in the
// process itself simply runs them.

#ifndef PACELINE_WORKER_LIB_WORKER_H_
#define PACELINE_WORKER_LIB_WORKER_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/os/event_loop.h"
#include "worker/protocol/messages.h"

namespace paceline {

// What a runner tells while it runs a unit. Tests are named by their position
// in the unit. What was told is with the agent when TestStarted returns, and
// before the runner waits: wake_fd sends what is left. From a
// runner without tests_in_children each result goes out at once, since the
// next thing it does may end the process.
class UnitReporter {
 public:
  virtual ~UnitReporter() = default;
  virtual void TestStarted(std::uint32_t test) = 0;
  // Adds a reading of health if `result` has none.
  virtual void TestFinished(std::uint32_t test, TestResult result) = 0;
  // Both at once, for a test that has ended already when the runner learns of
  // its start; needs no flush in between.
  virtual void TestRan(std::uint32_t test, TestResult result) {
    TestStarted(test);
    TestFinished(test, std::move(result));
  }
  virtual void TestDeadline(std::uint32_t test, Duration timeout) = 0;
  // A failure that belongs to no test. Goes out at once, so that it is not
  // lost with this process.
  virtual void Extra(ExtraResult extra) = 0;
  // What was recorded for a test that has finished, and came to be known since.
  virtual void LateProperties(std::uint32_t /*test*/,
                              TestProperties /*properties*/) {}
  // The same for a scope, or for the suite itself where `scope` is empty.
  virtual void ScopeProperties(std::string /*scope*/,
                               TestProperties /*properties*/) {}
  // Whether the agent asked to stop after the current test, or Terminating.
  // Looks at the socket without waiting.
  virtual bool StopRequested() = 0;
  // Whether SIGTERM came, to every process below this one as well, or the
  // agent is gone: give the current test term_grace() to end, then end it,
  // report what is known of it, and return; the process then leaves.
  virtual bool Terminating() const = 0;
  // What is left of a test's time when Terminating is first seen; the rest of
  // what the agent waits before SIGKILL is for the report. Zero when the agent
  // is gone.
  virtual Duration term_grace() const { return std::chrono::seconds(2); }
  // What the test leaves running on purpose, for tests after it: `pids` are
  // children of this process. They live until the run is over.
  virtual void Kept(const std::vector<pid_t>& /*pids*/) {}
  // Readable while StopRequested or Terminating may have changed and neither
  // was asked since; for runners that wait on their children with poll or a
  // loop. Always the same descriptor; to be called before each wait.
  virtual int wake_fd() const = 0;
};

class Runner {
 public:
  virtual ~Runner() = default;
  virtual absl::string_view name() const = 0;
  // Then SIGTERM shows in Terminating and does not end the process, SIGPIPE is
  // ignored, and what its tests leave behind becomes its child, to be reaped
  // after each unit: RunUnit leaves no child of its own running.
  virtual bool tests_in_children() const { return false; }
  // The suite this process serves; a bad status refuses it in a sentence.
  virtual absl::Status Open(const WorkerSuite& suite) = 0;
  // Runs all of `unit` in order, then tears down what its scopes set up.
  // Returns a bad status if that tear-down failed.
  virtual absl::Status RunUnit(const WorkerRunUnit& unit,
                               UnitReporter& reporter) = 0;
  // Before a graceful leave.
  virtual void Close() {}
};

// The wall clock, for TestResult::started_unix_ns.
std::int64_t UnixNow();

// Serves until shutdown or end of file. Returns the process's exit code; 2,
// with a sentence on stderr, when it was not started by an agent.
int RunWorker(Runner& runner);

}  // namespace paceline

#endif  // PACELINE_WORKER_LIB_WORKER_H_
