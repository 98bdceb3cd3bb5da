// What has been told of a unit's cases, in the order the protocol allows.
//
// An agent hears of one running test at a time, and of each test once.
// GoogleTest may start cases in another order than the unit's, and some
// results are known only when the program has ended; this class stands
// between. Pure: it tells an injected reporter, and knows no process.

#ifndef PACELINE_WORKER_GTEST_UNIT_LEDGER_H_
#define PACELINE_WORKER_GTEST_UNIT_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/model/result.h"
#include "worker/lib/worker.h"

namespace paceline {

class UnitLedger {
 public:
  UnitLedger(const std::vector<WorkerTest>& tests, UnitReporter& reporter);

  std::size_t size() const { return names_.size(); }
  const std::string& name(std::size_t test) const { return names_[test]; }
  // The position of the case `name` in the unit.
  std::optional<std::size_t> Find(absl::string_view name) const;

  // Says that `test` is to run, before its program is started: so it is named
  // by whatever ends this worker at once. Its own clock begins with Announce;
  // until then, and whenever it has ended and waits for its result, it has the
  // outside bound.
  void Expect(std::size_t test);
  // Zero: none.
  void set_outside_bound(Duration bound) { outside_bound_ = bound; }
  // Says that `test` runs. While another one is running as far as the agent
  // knows, that one's clock is started anew instead, with this one's limit.
  void Announce(std::size_t test);
  // `test` has ended, and gets its result later.
  void Rest(std::size_t test);
  // Gives `test` its result, at once or after the one that was announced.
  // Requires that it has none yet.
  void Settle(std::size_t test, TestResult result);
  // Settles the announced test, if there is one, as not run.
  void ForgetAnnounced(const std::string& why);
  bool settled(std::size_t test) const { return settled_[test]; }
  // Of a settled test.
  Outcome outcome(std::size_t test) const { return outcomes_[test]; }
  std::size_t left() const { return left_; }

  void Extra(ExtraResult extra) { reporter_.Extra(std::move(extra)); }
  // What a settled test recorded, where that was not known before.
  void AddProperties(std::size_t test, TestProperties properties);
  void AddScopeProperties(std::string scope, TestProperties properties) {
    reporter_.ScopeProperties(std::move(scope), std::move(properties));
  }

 private:
  void Tell(std::size_t test, TestResult result);
  // Of the announced test.
  void SetClock(Duration limit);

  const std::vector<WorkerTest>& tests_;
  UnitReporter& reporter_;
  std::vector<std::string> names_;
  absl::flat_hash_map<std::string, std::size_t> positions_;
  std::vector<bool> settled_;
  std::vector<Outcome> outcomes_;
  std::size_t left_;
  std::optional<std::size_t> announced_;
  Duration outside_bound_{};
  // The test that was last said to run, and runs.
  std::optional<std::size_t> clock_of_;
  // Settled behind the announced one's back.
  std::deque<std::pair<std::size_t, TestResult>> waiting_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_UNIT_LEDGER_H_
