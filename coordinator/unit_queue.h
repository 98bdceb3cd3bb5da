// The tests of one run that nobody holds, and how they are cut into units.
//
// Units are not planned ahead: tests wait in their scopes, and the next unit
// is cut when an agent has room for it, from what is known by then of how long
// tests take. So the first units are small, those of quick tests grow to a
// quarter of a second, slow tests travel alone, and the last units are small
// again because no unit is more than its share of what is left. Every
// operation is O(log n) in tests, scopes and suites, plus the tests it names.
//
// Tests with constraints are not here: coordinator/constraint_graph.h.
//
// Pure state: no clock, no messages.

#ifndef PACELINE_COORDINATOR_UNIT_QUEUE_H_
#define PACELINE_COORDINATOR_UNIT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "coordinator/duration_histogram.h"

namespace paceline {

struct UnitQueueOptions {
  // Predicted work that makes a unit worth its dispatch.
  Duration target = std::chrono::milliseconds(250);
  // Even a last unit is worth this, where its tests are that quick.
  Duration least = std::chrono::milliseconds(4);
  // While nothing is known of a suite, a unit of it has at most so many tests.
  std::uint32_t probe_tests = 4;
  std::uint32_t max_tests = 1024;
  std::size_t max_bytes = std::size_t{160} * 1024;
  // As submitted, not longest first.
  bool keep_order = false;
};

// A unit as the queue proposes it.
struct PlannedUnit {
  SuiteIndex suite{};
  std::vector<TestIndex> tests;
  Duration predicted{};
  std::optional<UnitId> parent;
};

class UnitQueue {
 public:
  explicit UnitQueue(UnitQueueOptions options);

  // Suites get their indexes in the order of the calls.
  void AddSuite(bool scopes_share_setup);
  // Tests get their indexes in the order of the calls, counted over `Add` and
  // `AddElsewhere`. `bytes` is what the test takes in a message.
  void Add(SuiteIndex suite, absl::string_view scope, std::size_t bytes);
  // A test that never waits here by itself.
  void AddElsewhere(SuiteIndex suite, absl::string_view scope,
                    std::size_t bytes);
  // No test will follow: the last scope of each suite is whole now.
  void Close();

  // The next unit for an agent; nothing if none waits. A unit of the `warm`
  // suite is preferred where that costs no time at the run's end. What is to
  // avoid `agent` is not among them.
  std::optional<PlannedUnit> Cut(std::uint32_t fleet_slots,
                                 std::optional<SuiteIndex> warm,
                                 absl::string_view agent = "");
  // Whether the last Cut found nothing for its agent that another might have.
  bool avoided() const { return avoided_; }

  // As Cut, of a unit that was cut in an earlier life: `tests` of one suite
  // wait no more.
  void TakeOut(const std::vector<TestIndex>& tests);

  // Puts tests of a unit that did not start back where they were.
  void PutBack(const std::vector<TestIndex>& tests);
  // Makes `tests` of one suite a unit of their own, to be cut next: a retry,
  // or the remainder of `parent`. It is not for the agent `avoid`.
  void PutFront(std::vector<TestIndex> tests, std::optional<UnitId> parent,
                std::string avoid = "");
  // The lease of `tests`, which Cut had given out, is over. What of their
  // scopes waits may go out now, as a remainder of `unit`.
  void Over(const std::vector<TestIndex>& tests, std::optional<UnitId> unit);
  // `test` waits no more.
  void Remove(TestIndex test);

  // An attempt of `test` took `duration`.
  void Observe(TestIndex test, Duration duration);
  // What `test` is taken to last; nothing if nothing like it was seen.
  std::optional<Duration> Predict(TestIndex test) const;

  bool contains(TestIndex test) const { return tests_[Value(test)].waiting; }
  // Tests that wait, those of scopes that may still grow among them.
  std::size_t size() const { return waiting_; }
  // Whether Cut has something.
  bool empty() const { return front_.empty() && suite_order_.empty(); }

 private:
  struct Test {
    std::uint32_t scope = 0;
    std::uint32_t bytes : 30 = 0;
    std::uint32_t waiting : 1 = 0;
    std::uint32_t in_front : 1 = 0;  // in front_, not in its scope
  };
  struct Mean {
    std::uint32_t count = 0;
    double seconds = 0;
    std::optional<double> get() const {
      return count == 0 ? std::nullopt : std::optional(seconds / count);
    }
  };
  // Unknown scopes first, then the longest; ties as submitted.
  using ScopeKey = std::tuple<int, double, std::uint32_t, std::uint32_t>;
  struct Scope {
    std::uint32_t suite = 0;
    // Tests that wait in it, and what they take in a message.
    std::uint32_t waiting = 0;
    // Tests of it that agents hold, where they share set-up: while there are
    // any, no other of them goes out, or two workers would set it up at once.
    std::uint32_t out = 0;
    std::size_t bytes = 0;
    // What waits is the rest of it, after this unit.
    std::optional<UnitId> rest_of;
    // Waiting from `head` on; what was removed meanwhile is skipped.
    std::uint32_t head = 0;
    std::vector<std::uint32_t> tests;
    Mean mean;
    std::optional<ScopeKey> key;  // while in its suite's order
  };
  // Suites to be probed first, then the slowest tests and whatever is not known
  // yet, then all others; ties as submitted.
  using SuiteKey = std::tuple<int, double, std::uint32_t, std::uint32_t>;
  struct Suite {
    bool scopes_share_setup = false;
    bool probed = false;
    std::optional<std::uint32_t> open_scope;  // may still grow
    absl::btree_set<ScopeKey> order;
    Mean mean;
    std::optional<SuiteKey> key;  // while in the run's order
  };
  struct Front {
    std::vector<TestIndex> tests;
    std::optional<UnitId> parent;
    std::string avoid;  // an agent
  };

  std::uint32_t ScopeOf(SuiteIndex suite, absl::string_view name);
  // Drops removed tests from the head; false if none is left.
  bool Trim(Scope& scope);
  // What of `scope` runs on one worker one after the other, in seconds.
  double LengthOf(const Scope& scope, double mean) const;
  // Puts tests that were taken back in their places.
  static void Insert(Scope& scope, std::vector<std::uint32_t> block);
  void Rekey(std::uint32_t scope);
  void RekeySuite(std::uint32_t suite);
  std::optional<double> PredictSeconds(const Scope& scope) const;
  bool shares(const Scope& scope) const {
    return suites_[scope.suite].scopes_share_setup;
  }
  // `test` of it begins or ends to wait.
  void Count(Scope& scope, const Test& test, bool waits);
  // `test` is given out.
  void GiveOut(const Test& test);
  // The scope for which `front` has to wait.
  std::optional<std::uint32_t> Holds(const Front& front) const;
  PlannedUnit Take(Front front);
  std::optional<PlannedUnit> CutFront(absl::string_view agent);
  void TakeOutOfFront(TestIndex index);
  std::uint32_t Take(Scope& scope);
  void Fill(PlannedUnit& unit, Suite& suite, std::uint32_t fleet_slots);

  const UnitQueueOptions options_;
  bool closed_ = false;
  std::vector<Test> tests_;
  std::vector<Scope> scopes_;
  std::vector<Suite> suites_;
  absl::flat_hash_map<std::pair<std::uint32_t, std::string>, std::uint32_t>
      scope_names_;
  absl::btree_set<SuiteKey> suite_order_;
  std::deque<Front> front_;
  // Those that wait for a scope, by it.
  absl::btree_map<std::uint32_t, std::deque<Front>> held_front_;
  bool avoided_ = false;
  std::size_t waiting_ = 0;
  DurationHistogram histogram_;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_UNIT_QUEUE_H_
