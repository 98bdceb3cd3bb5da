// What keeps recycling from going round in circles.
//
// EvaluateRecycle (agent/recycle.h) decides on one reading. A ceiling below
// what a suite needs merely to start would replace a worker after every unit
// and gain nothing; such a ceiling is *unattainable*: it is said once, and for
// that suite the ceiling is raised, never switched off. And however the
// readings are, recycles per minute are capped.
//
// Pure state: no clock, no process.

#ifndef PACELINE_AGENT_RECYCLE_POLICY_H_
#define PACELINE_AGENT_RECYCLE_POLICY_H_

#include <compare>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/model/recycle_reason.h"
#include "common/model/worker_health.h"
#include "common/model/worker_limits.h"

namespace paceline {

// One suite of one run: what a worker serves.
struct SuiteKey {
  RunId run;
  SuiteIndex suite{};

  friend auto operator<=>(const SuiteKey&, const SuiteKey&) = default;
  friend bool operator==(const SuiteKey&, const SuiteKey&) = default;
};

// What is known of one signal of one suite: of its memory, say.
struct SignalHistory {
  std::optional<std::uint64_t> raised;
  // Of fresh workers in a row that were over the ceiling after their first
  // unit.
  std::uint32_t fresh_over = 0;
  std::uint64_t largest = 0;
  // The reading that `raised` was made from.
  std::uint64_t raised_from = 0;
  bool said = false;
};

struct SuiteHistory {
  SignalHistory memory;
  SignalHistory descriptors;
};

class RecyclePolicy {
 public:
  RecyclePolicy(WorkerLimits limits, std::uint32_t max_per_minute)
      : limits_(limits), max_per_minute_(max_per_minute) {}

  // A worker's reading before any test. One over a ceiling raises it for the
  // suite. Returns the sentence to show people, once a suite and signal.
  std::optional<std::string> OnHello(const SuiteKey& key,
                                     absl::string_view suite_name,
                                     const WorkerHealth& health);

  struct Decision {
    std::optional<RecycleReason> reason;
    // A sentence to show people, once a suite and signal.
    std::optional<std::string> note;
  };

  // The decision at the end of a unit, on the reading taken after finalize.
  // `age` counts from hello; `first_unit`: the worker was fresh. A reason that
  // is returned counts against the minute.
  Decision OnUnitEnd(Instant now, const SuiteKey& key,
                     absl::string_view suite_name, const WorkerHealth& health,
                     Duration age, bool first_unit);

  // The ceilings that hold for a suite now.
  WorkerLimits LimitsOf(const SuiteKey& key) const;

  // Forgets what was learnt about the suites of `run`.
  void Forget(const RunId& run);

 private:
  std::optional<std::string> Raise(SignalHistory& signal, RecycleSignal kind,
                                   absl::string_view suite_name,
                                   std::uint64_t reading,
                                   std::uint64_t configured,
                                   absl::string_view when);
  // Counts a fresh worker's reading after its first unit; raises the ceiling
  // at the second in a row that is over it.
  std::optional<std::string> LookAtFresh(
      SignalHistory& signal, RecycleSignal kind, absl::string_view suite_name,
      std::optional<std::uint64_t> reading,
      std::optional<std::uint64_t> configured);

  WorkerLimits limits_;
  std::uint32_t max_per_minute_;
  // An entry exists only where there is something to remember.
  absl::btree_map<SuiteKey, SuiteHistory> suites_;
  std::deque<Instant> recent_;  // recycles of the last minute
  bool cap_logged_ = false;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_RECYCLE_POLICY_H_
