// Worker protocol, version 1: what an agent and a worker say to each other.
//
// A worker is any program that speaks this; docs/worker-protocol.md is the
// page for whoever writes one. Frames go over a Unix stream socket at the
// descriptor that PACELINE_WORKER_FD names (3): a 4-byte big-endian length,
// then one MessagePack map whose key "type" says which message it is. Unknown
// keys are ignored, unknown types refused, so that fields can be added.
//
// This file is data; worker/protocol/codec.h turns it into frames.

#ifndef PACELINE_WORKER_PROTOCOL_MESSAGES_H_
#define PACELINE_WORKER_PROTOCOL_MESSAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/model/manifest.h"
#include "common/model/result.h"
#include "common/model/worker_health.h"

namespace paceline {

inline constexpr std::uint32_t kWorkerProtocolVersion = 1;
inline constexpr int kWorkerFd = 3;
inline constexpr char kWorkerFdVariable[] = "PACELINE_WORKER_FD";
// A longer frame ends the conversation.
inline constexpr std::size_t kMaxWorkerFrame = 8 * 1024 * 1024;
// Names of tests, in bytes.
inline constexpr std::size_t kMaxWorkerName = 16 * 1024;
// Of the kept output of one test, so that it fits into a frame.
inline constexpr std::uint64_t kMaxOutputLimit = kMaxWorkerFrame / 2;

// ---- worker → agent --------------------------------------------------------

// First, before any test: the baseline reading.
struct WorkerHello {
  std::uint32_t protocol = kWorkerProtocolVersion;
  std::string runner;
  std::uint32_t pid = 0;
  WorkerHealth health;
  // Tests run in child processes of the worker: the agent adds the readings of
  // the tree to the worker's own.
  bool tests_in_children = false;
  // It runs nothing itself, and forks workers when asked: see WorkerFork.
  bool is_template = false;

  friend bool operator==(const WorkerHello&, const WorkerHello&) = default;
};

// The suite cannot be run here ("no such program"); every test of it is an
// error with this message.
struct WorkerSuiteRefused {
  std::uint64_t request = 0;
  std::string message;

  friend bool operator==(const WorkerSuiteRefused&,
                         const WorkerSuiteRefused&) = default;
};

// Written before the test begins.
struct WorkerTestStarted {
  std::uint64_t request = 0;
  std::uint32_t test = 0;  // position in the unit, from 0

  friend bool operator==(const WorkerTestStarted&,
                         const WorkerTestStarted&) = default;
};

// The running test's clock starts anew with this limit (CTest's
// TIMEOUT_AFTER_MATCH).
struct WorkerTestDeadline {
  std::uint64_t request = 0;
  std::uint32_t test = 0;
  Duration timeout{};

  friend bool operator==(const WorkerTestDeadline&,
                         const WorkerTestDeadline&) = default;
};

struct WorkerTestFinished {
  std::uint64_t request = 0;
  std::uint32_t test = 0;
  TestResult result;

  friend bool operator==(const WorkerTestFinished&,
                         const WorkerTestFinished&) = default;
};

// After tear-down of the unit's scopes. Tests of the unit without a
// test_finished did not run; that is right only after `stop`.
struct WorkerUnitFinished {
  std::uint64_t request = 0;
  Outcome finalize = Outcome::kPassed;
  std::string message;
  WorkerHealth health;
  std::vector<ExtraResult> extras;

  friend bool operator==(const WorkerUnitFinished&,
                         const WorkerUnitFinished&) = default;
};

// Processes that a test of this unit leaves running on purpose, with all below
// them: they outlive the worker and end with the run.
struct WorkerProcessesKept {
  std::uint64_t request = 0;
  std::vector<std::uint32_t> pids;

  friend bool operator==(const WorkerProcessesKept&,
                         const WorkerProcessesKept&) = default;
};
inline constexpr std::size_t kMaxKept = 256;  // in one message

// A template has loaded its suite. Not forkable: `message` says why, and it
// waits for WorkerServe.
struct WorkerTemplateReady {
  bool forkable = false;
  std::string message;

  friend bool operator==(const WorkerTemplateReady&,
                         const WorkerTemplateReady&) = default;
};

// The forked worker runs, as a child of the template's parent. What it says
// itself may come before this.
struct WorkerForked {
  std::uint64_t request = 0;
  std::uint32_t pid = 0;

  friend bool operator==(const WorkerForked&, const WorkerForked&) = default;
};

struct WorkerForkFailed {
  std::uint64_t request = 0;
  std::string message;

  friend bool operator==(const WorkerForkFailed&,
                         const WorkerForkFailed&) = default;
};

// Between `shutdown` and the end of file, if there is something to say:
// failures of what the worker tears down as it leaves, and what its discoverer
// wants to have of it.
struct WorkerLeaving {
  std::vector<ExtraResult> extras;
  std::string report;

  friend bool operator==(const WorkerLeaving&, const WorkerLeaving&) = default;
};

// A failure that belongs to no test, as soon as it is known: what is said only
// in unit_finished is lost with a worker that does not come so far. Or the
// result of a found test.
struct WorkerExtra {
  std::uint64_t request = 0;
  ExtraResult extra;

  friend bool operator==(const WorkerExtra&, const WorkerExtra&) = default;
};

// Properties that were not known when the test finished. Without a test: of
// `scope`, or of the whole suite where that is empty too.
struct WorkerProperties {
  std::uint64_t request = 0;
  std::optional<std::uint32_t> test;
  std::string scope;
  TestProperties properties;

  friend bool operator==(const WorkerProperties&,
                         const WorkerProperties&) = default;
};

// A test that the worker has found beyond discovery begins, before the tests of
// its module: its WorkerExtra with `found` follows. Said again of the one that
// runs, its clock starts anew.
struct WorkerFoundStarted {
  std::uint64_t request = 0;
  std::string name;
  // Zero: the longest of its unit's tests.
  Duration timeout{};

  friend bool operator==(const WorkerFoundStarted&,
                         const WorkerFoundStarted&) = default;
};
inline constexpr std::size_t kMaxFound = 1024;  // in one unit

using FromWorker =
    std::variant<WorkerHello, WorkerSuiteRefused, WorkerTestStarted,
                 WorkerTestDeadline, WorkerTestFinished, WorkerUnitFinished,
                 WorkerProcessesKept, WorkerTemplateReady, WorkerForked,
                 WorkerForkFailed, WorkerLeaving, WorkerExtra, WorkerProperties,
                 WorkerFoundStarted>;

// ---- agent → worker --------------------------------------------------------

// Once, after hello: the one suite this worker serves.
struct WorkerSuite {
  std::uint64_t request = 0;
  SuiteSpec spec;
  // Output kept per test: half from its start, half from its end.
  std::uint64_t output_limit = 1024 * 1024;
  // From SIGTERM to SIGKILL; zero: three seconds.
  Duration kill_grace{};

  friend bool operator==(const WorkerSuite&, const WorkerSuite&) = default;
};

struct WorkerTest {
  std::string kind = "run_test";
  std::string name;
  // Advice: the agent enforces it.
  Duration timeout{};
  std::string payload;
  std::vector<EnvEdit> env;

  friend bool operator==(const WorkerTest&, const WorkerTest&) = default;
};

struct WorkerRunUnit {
  std::uint64_t request = 0;
  std::uint64_t unit = 0;
  // The unit's own TMPDIR; exists, removed by the agent afterwards.
  std::string temp_dir;
  std::vector<WorkerTest> tests;
  // Found tests of the unit that had their result in a worker before.
  std::vector<std::string> found;

  friend bool operator==(const WorkerRunUnit&, const WorkerRunUnit&) = default;
};

// Finish the current test, tear down, report unit_finished.
struct WorkerStop {
  std::uint64_t request = 0;

  friend bool operator==(const WorkerStop&, const WorkerStop&) = default;
};

// Leave gracefully; no answer. End of file on the socket is less patient: the
// agent is gone, and the test that runs is ended at once.
struct WorkerShutdown {
  friend bool operator==(const WorkerShutdown&,
                         const WorkerShutdown&) = default;
};

// To a template: fork a worker. With two descriptors (SCM_RIGHTS) on the first
// byte of the frame: the worker's socket, and its standard output and error.
struct WorkerFork {
  std::uint64_t request = 0;
  // What PACELINE_WORKER_ID says in it.
  std::string worker;
  // The smallest number, from 0, that no other worker of the agent has.
  std::uint32_t number = 0;

  friend bool operator==(const WorkerFork&, const WorkerFork&) = default;
};

// To a template: become a worker yourself.
struct WorkerServe {
  friend bool operator==(const WorkerServe&, const WorkerServe&) = default;
};

using ToWorker = std::variant<WorkerSuite, WorkerRunUnit, WorkerStop,
                              WorkerShutdown, WorkerFork, WorkerServe>;

}  // namespace paceline

#endif  // PACELINE_WORKER_PROTOCOL_MESSAGES_H_
