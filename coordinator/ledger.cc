#include "coordinator/ledger.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace paceline {
namespace {

// A unit may end early for reasons that are not a test's; a test that never
// gets its turn must not go round for ever.
constexpr std::uint8_t kMaxUndone = 5;
// A test that ends its agent, by whatever signal, must not end them all.
constexpr std::uint8_t kMaxDrained = 5;

}  // namespace

std::optional<Verdict> Ledger::VerdictOf(TestIndex test) const {
  const Entry& entry = entries_[Value(test)];
  if (entry.verdict == kNone) {
    return std::nullopt;
  }
  return static_cast<Verdict>(entry.verdict);
}

std::optional<Outcome> Ledger::LastBad(TestIndex test) const {
  const Entry& entry = entries_[Value(test)];
  if (entry.last_bad == kNone) {
    return std::nullopt;
  }
  return static_cast<Outcome>(entry.last_bad);
}

void Ledger::Settle(TestIndex test, Verdict verdict) {
  Entry& entry = entries_[Value(test)];
  PACELINE_CHECK(entry.verdict == kNone);
  entry.verdict = static_cast<std::uint8_t>(verdict);
  ++settled_;
  if (!IsGood(verdict, policy_.fail_on_flaky)) {
    ++bad_;
  }
}

Ledger::Decision Ledger::Final(TestIndex test, Verdict verdict) {
  Settle(test, verdict);
  return Decision{verdict, ""};
}

Ledger::Decision Ledger::Attempted(TestIndex test, const TestResult& result) {
  Entry& entry = entries_[Value(test)];
  const bool leaked = result.leaked && policy_.fail_on_leak;
  if (IsGood(result.outcome) && !leaked) {
    if (entry.bad == 0) {
      return Final(test, ToVerdict(result.outcome));
    }
    // A skip says nothing of what went wrong before it.
    return Final(test, result.outcome == Outcome::kSkipped
                           ? ToVerdict(static_cast<Outcome>(entry.last_bad))
                           : Verdict::kFlaky);
  }
  const Outcome outcome =
      IsGood(result.outcome) ? Outcome::kFailed : result.outcome;
  entry.last_bad = static_cast<std::uint8_t>(outcome);
  if (entry.bad < std::numeric_limits<std::uint16_t>::max()) {
    ++entry.bad;
  }
  if (!cancelled_ && entry.bad <= policy_.retries) {
    ++entry.attempt;
    return Decision{std::nullopt,
                    absl::StrCat("retry ", entry.bad, " of ", policy_.retries)};
  }
  return Final(test, ToVerdict(outcome));
}

Ledger::Decision Ledger::Lost(TestIndex test, bool no_rerun) {
  Entry& entry = entries_[Value(test)];
  if (cancelled_ || no_rerun || policy_.lost_at_once ||
      entry.lost >= policy_.max_lost_reruns) {
    return Final(test, Verdict::kLost);
  }
  if (entry.last_bad == kNone) {
    // A failure that was seen stays one.
    entry.last_bad = static_cast<std::uint8_t>(Outcome::kLost);
  }
  ++entry.lost;
  ++entry.attempt;
  return Decision{std::nullopt, "rerun: agent lost"};
}

Ledger::Decision Ledger::Interrupted(TestIndex test, bool no_rerun) {
  Entry& entry = entries_[Value(test)];
  if (cancelled_) {
    // What it came to before it was tried again stands.
    return Final(test, entry.last_bad == kNone
                           ? Verdict::kNotRun
                           : ToVerdict(static_cast<Outcome>(entry.last_bad)));
  }
  if (no_rerun || policy_.lost_at_once || entry.drained >= kMaxDrained) {
    return Final(test, Verdict::kLost);
  }
  ++entry.drained;
  ++entry.attempt;
  return Decision{std::nullopt, "rerun: drained"};
}

bool Ledger::LeftUndone(TestIndex test) {
  return ++entries_[Value(test)].undone >= kMaxUndone;
}

}  // namespace paceline
