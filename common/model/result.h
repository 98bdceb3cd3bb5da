// What comes back from running a test: passive data, carried by the worker
// protocol, the fleet protocol and the events that a client sees.

#ifndef PACELINE_COMMON_MODEL_RESULT_H_
#define PACELINE_COMMON_MODEL_RESULT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/model/outcome.h"
#include "common/model/recycle_reason.h"
#include "common/model/worker_health.h"

namespace paceline {

// Captured output of one test, standard output and error merged in the order
// the kernel saw. Bytes, not text: may be binary.
struct CapturedOutput {
  std::string head;
  // The last part, when a middle was cut; else empty.
  std::string tail;
  // Bytes between head and tail that were dropped.
  std::uint64_t cut_bytes = 0;

  bool empty() const { return head.empty() && tail.empty(); }
  friend bool operator==(const CapturedOutput&,
                         const CapturedOutput&) = default;
};

// Names and values, in the order in which they were recorded.
using TestProperties = std::vector<std::pair<std::string, std::string>>;

// Leaves the first of them, 256 and 64 KiB in all at most, so that a result
// fits into one message of the fleet. Where some are left out the last says so:
// "paceline.properties_cut", and how many.
void CutProperties(TestProperties& properties);

// Of one result: a longer report is dropped, since half of one is of no use. A
// worker's last words may be longer, and travel in pieces of this size.
inline constexpr std::size_t kMaxReportBytes = std::size_t{64} * 1024;

// One attempt's result, as a worker says it and an agent completes it.
struct TestResult {
  Outcome outcome = Outcome::kNotRun;
  Duration duration{};
  // Wall-clock start in nanoseconds since 1970, for reports only; 0: unknown.
  std::int64_t started_unix_ns = 0;
  // One line for people: "exit status 3", "SIGSEGV (segmentation fault)",
  // "timed out after 2.00 s", or the first failed assertion.
  std::string message;
  // The failure's whole text (assertions, trace, stacks); may be empty.
  std::string details;
  // Where the failure is; empty and 0 where that is not known.
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t assertions = 0;
  // Gone, but something still held its output.
  bool leaked = false;
  CapturedOutput output;
  std::optional<WorkerHealth> health;
  // RecordProperty and the like, in order; they reach JUnit.
  TestProperties properties;
  // From the worker to whoever discovered the test, opaque to all between:
  // pytest's own reports. At most kMaxReportBytes.
  std::string report;

  friend bool operator==(const TestResult&, const TestResult&) = default;
};

// A failure that belongs to no discovered test: an environment's tear-down, an
// exit status that no case explains. It gets an identity and a verdict of its
// own.
//
// Or, where it says so, a test that its worker has found beyond discovery, and
// has run.
struct ExtraResult {
  // What people read: "foo_test: environment tear-down".
  std::string name;
  TestResult result;
  // A test like any other: its outcome is taken as it is.
  bool found = false;

  friend bool operator==(const ExtraResult&, const ExtraResult&) = default;
};

// How a unit ended.
struct UnitEnd {
  // Of the scope's tear-down and the worker's clean-up: passed or error.
  Outcome finalize = Outcome::kPassed;
  std::string message;
  // Read after tear-down; what the recycle decision is made on.
  std::optional<WorkerHealth> health;
  std::optional<RecycleReason> recycled;

  friend bool operator==(const UnitEnd&, const UnitEnd&) = default;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_MODEL_RESULT_H_
