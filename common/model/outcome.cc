#include "common/model/outcome.h"

namespace paceline {

absl::string_view ToString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return "passed";
    case Verdict::kFailed:
      return "failed";
    case Verdict::kSkipped:
      return "skipped";
    case Verdict::kXfailed:
      return "xfailed";
    case Verdict::kXpassed:
      return "xpassed";
    case Verdict::kTimedOut:
      return "timed_out";
    case Verdict::kCrashed:
      return "crashed";
    case Verdict::kKilled:
      return "killed";
    case Verdict::kError:
      return "error";
    case Verdict::kLost:
      return "lost";
    case Verdict::kNotRun:
      return "not_run";
    case Verdict::kFlaky:
      return "flaky";
  }
  return "unknown";
}

absl::string_view ToString(Outcome outcome) {
  return ToString(ToVerdict(outcome));
}

std::optional<Outcome> OutcomeFromString(absl::string_view text) {
  for (int i = 0; i < kOutcomeCount; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    if (ToString(outcome) == text) {
      return outcome;
    }
  }
  return std::nullopt;
}

bool IsGood(Outcome outcome) { return IsGood(ToVerdict(outcome), false); }

bool IsGood(Verdict verdict, bool fail_on_flaky) {
  switch (verdict) {
    case Verdict::kPassed:
    case Verdict::kSkipped:
    case Verdict::kXfailed:
    case Verdict::kXpassed:
      return true;
    case Verdict::kFlaky:
      return !fail_on_flaky;
    case Verdict::kFailed:
    case Verdict::kTimedOut:
    case Verdict::kCrashed:
    case Verdict::kKilled:
    case Verdict::kError:
    case Verdict::kLost:
    case Verdict::kNotRun:
      return false;
  }
  return false;
}

bool IsTestFailure(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFailed:
    case Verdict::kTimedOut:
    case Verdict::kCrashed:
    case Verdict::kKilled:
    case Verdict::kFlaky:  // only asked where flaky is bad
      return true;
    case Verdict::kPassed:
    case Verdict::kSkipped:
    case Verdict::kXfailed:
    case Verdict::kXpassed:
    case Verdict::kError:
    case Verdict::kLost:
    case Verdict::kNotRun:
      return false;
  }
  return false;
}

// The two enums share their first numbers by construction.
static_assert(static_cast<int>(Verdict::kNotRun) ==
              static_cast<int>(Outcome::kNotRun));
static_assert(static_cast<int>(Verdict::kFlaky) == kOutcomeCount);

Verdict ToVerdict(Outcome outcome) { return static_cast<Verdict>(outcome); }

}  // namespace paceline
