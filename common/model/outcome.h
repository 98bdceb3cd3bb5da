// How one attempt of a test ended, and what that makes of the test.
//
// An outcome belongs to an attempt; a verdict belongs to a test and is drawn
// from its attempts by the coordinator's ledger. A test's failure is a value,
// never an absl::Status.

#ifndef PACELINE_COMMON_MODEL_OUTCOME_H_
#define PACELINE_COMMON_MODEL_OUTCOME_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace paceline {

// The numbers are part of the fleet protocol; never reuse one.
enum class Outcome : std::uint8_t {
  kPassed = 0,
  kFailed = 1,
  kSkipped = 2,   // disabled tests included
  kXfailed = 3,   // failed, as expected
  kXpassed = 4,   // passed, though a failure was expected; not strict
  kTimedOut = 5,  // over its own time, ended by us
  kCrashed = 6,   // its process died of a signal or left too early
  kKilled = 7,    // ended by a limit of ours other than time
  kError = 8,     // set-up, tear-down or harness
  kLost = 9,      // its agent vanished
  kNotRun = 10,   // never started: cancelled, or something it needs failed
};
inline constexpr int kOutcomeCount = 11;

// The numbers are part of the fleet protocol; never reuse one.
enum class Verdict : std::uint8_t {
  kPassed = 0,
  kFailed = 1,
  kSkipped = 2,
  kXfailed = 3,
  kXpassed = 4,
  kTimedOut = 5,
  kCrashed = 6,
  kKilled = 7,
  kError = 8,
  kLost = 9,
  kNotRun = 10,
  kFlaky = 11,  // passed after at least one bad attempt
};
inline constexpr int kVerdictCount = 12;

// "passed", "timed_out", …: the words of reports, logs and JSON.
absl::string_view ToString(Outcome outcome);
absl::string_view ToString(Verdict verdict);

// The inverse of ToString(Outcome); nothing if `text` is none of them.
std::optional<Outcome> OutcomeFromString(absl::string_view text);

// Whether the outcome is one of passed, skipped, xfailed, xpassed.
bool IsGood(Outcome outcome);

// Whether a run with this verdict in it may be green. `fail_on_flaky` makes
// flaky bad.
bool IsGood(Verdict verdict, bool fail_on_flaky);

// Whether the verdict is a failure of the test itself (exit code 1), as
// opposed to one of the infrastructure (exit code 3: error, lost, not_run).
bool IsTestFailure(Verdict verdict);

// The verdict of a test with a single attempt of `outcome`.
Verdict ToVerdict(Outcome outcome);

}  // namespace paceline

#endif  // PACELINE_COMMON_MODEL_OUTCOME_H_
