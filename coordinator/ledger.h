// The ledger: what each test's attempts came to, and when that is final.
//
// Exactly one final verdict a test; what counts as another attempt and why is
// decided here and nowhere else. Pure state.

#ifndef PACELINE_COORDINATOR_LEDGER_H_
#define PACELINE_COORDINATOR_LEDGER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/model/manifest.h"
#include "common/model/outcome.h"
#include "common/model/result.h"

namespace paceline {

class Ledger {
 public:
  struct Policy {
    std::uint32_t retries = 0;
    std::uint32_t max_lost_reruns = 2;
    // The verdict is `lost` at the first loss.
    bool lost_at_once = false;
    bool fail_on_flaky = false;
    bool fail_on_leak = false;
  };

  // What an attempt came to: a verdict, or another attempt and the reason for
  // it.
  struct Decision {
    std::optional<Verdict> verdict;
    std::string rerun;
  };

  explicit Ledger(Policy policy) : policy_(policy) {}

  // Tests get their indexes in the order of the calls.
  void Add() { entries_.emplace_back(); }
  // From now on every attempt is the last.
  void Cancel() { cancelled_ = true; }

  // The number of the attempt that is due or under way.
  std::uint32_t AttemptOf(TestIndex test) const {
    return entries_[Value(test)].attempt;
  }
  std::optional<Verdict> VerdictOf(TestIndex test) const;
  // What the last attempt that was not good came to: the outcome of a test
  // that is not tried again.
  std::optional<Outcome> LastBad(TestIndex test) const;

  // `test`, which has no verdict yet, had an attempt with this result.
  Decision Attempted(TestIndex test, const TestResult& result);
  // Its agent vanished; the attempt may have started.
  Decision Lost(TestIndex test, bool no_rerun);
  // Its agent ended the attempt: the run was cancelled, or it had to leave.
  Decision Interrupted(TestIndex test, bool no_rerun);
  // A unit ended without an attempt of `test`, which was its turn. True when
  // that happened so often that it has to end.
  bool LeftUndone(TestIndex test);
  // Without a further attempt.
  void Settle(TestIndex test, Verdict verdict);

  std::uint64_t settled() const { return settled_; }
  std::uint64_t bad() const { return bad_; }
  std::uint64_t tests() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint32_t attempt = 1;
    std::uint16_t bad = 0;
    std::uint8_t lost = 0;
    std::uint8_t undone = 0;
    std::uint8_t drained = 0;
    std::uint8_t verdict = kNone;
    std::uint8_t last_bad = kNone;
  };
  static constexpr std::uint8_t kNone = 0xff;

  Decision Final(TestIndex test, Verdict verdict);

  const Policy policy_;
  bool cancelled_ = false;
  std::vector<Entry> entries_;
  std::uint64_t settled_ = 0;
  std::uint64_t bad_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_LEDGER_H_
