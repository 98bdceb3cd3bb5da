// Tests that ask something of the rest of their run: order, locks, fixtures,
// resources, room, or to be alone.
//
// Names are resolved here, once the manifest is closed, and what is taken is
// taken for the whole fleet: from the moment a test is handed out until its
// lease has ended. A test that waits for a lock or a resource is put aside and
// looked at again when one is given back, so that a run in which a hundred
// thousand tests share one lock costs no more than another.
//
// Pure state: no clock, no messages.

#ifndef PACELINE_COORDINATOR_CONSTRAINT_GRAPH_H_
#define PACELINE_COORDINATOR_CONSTRAINT_GRAPH_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/model/manifest.h"
#include "coordinator/ledger.h"
#include "coordinator/resource_pools.h"
#include "coordinator/test_store.h"

namespace paceline {

class ConstraintGraph {
 public:
  // How long a test is taken to last, in seconds; infinite if that is unknown.
  using Length = std::function<double(TestIndex)>;

  explicit ConstraintGraph(std::vector<ResourcePool> resources,
                           Length length = nullptr)
      : pools_(std::move(resources)), length_(std::move(length)) {}

  // A test that can never run, and why: a clause for people.
  struct Unrunnable {
    TestIndex test{};
    std::string why;
  };
  // A test handed out; what it needs is taken until Release.
  struct Choice {
    TestIndex test{};
    std::uint32_t slots = 1;
    std::vector<EnvEdit> env;
    ResourceAllocation resources;
    std::string avoid;  // the agent that is not to have it
  };

  // `test` is the newest of its run.
  void Add(TestIndex test, SuiteIndex suite, Constraints constraints);
  // The manifest is closed: names can be looked up in `store`, and what has a
  // verdict already is in `ledger`.
  void Close(const TestStore& store, const Ledger& ledger);

  bool contains(TestIndex test) const { return by_test_.contains(test); }
  // Whether `test` is here, and nobody runs it and it has not ended.
  bool waits(TestIndex test) const {
    const auto it = by_test_.find(test);
    return it != by_test_.end() &&
           nodes_[it->second].state != State::kRunning &&
           nodes_[it->second].state != State::kDone;
  }
  // Tests here that nobody runs and that have not ended.
  std::size_t waiting() const { return waiting_; }

  // The next test that may start; `running` leases of the run are out, and
  // `others_wait` says whether tests without constraints could be handed out.
  // While a serial test runs there is none, and nothing else may be handed out
  // either. What is to avoid `agent` is not among them.
  std::optional<Choice> Take(std::size_t running, bool others_wait,
                             absl::string_view agent = "");
  // Whether the last Take found nothing for its agent that another might have.
  bool avoided() const { return avoided_; }
  bool serial_runs() const { return serial_runs_; }
  // As Take, of a test that was handed out with `taken` in an earlier life.
  bool CanClaim(TestIndex test, const ResourceAllocation& taken) const;
  void Claim(TestIndex test, ResourceAllocation taken);
  // The lease of `test` ended. With `again` it is ready once more, but not for
  // the agent `avoid`.
  void Release(TestIndex test, bool again, std::string avoid = "");

  // Any test of the run got its verdict; `well`: it was a good one. `name` is
  // the test's, for those that needed it.
  void OnVerdict(TestIndex test, bool well, absl::string_view name);
  // What Close and OnVerdict found out. Each is to be given a verdict.
  std::vector<Unrunnable> TakeUnrunnable() {
    return std::exchange(unrunnable_, {});
  }

 private:
  using NodeIndex = std::uint32_t;
  enum class State : std::uint8_t { kBlocked, kReady, kAside, kRunning, kDone };
  // Tests that others wait for go first, then the longest, then as submitted.
  using ReadyKey = std::tuple<bool, double, NodeIndex>;
  using ReadySet = absl::btree_set<ReadyKey>;
  struct Node {
    TestIndex test{};
    SuiteIndex suite{};
    State state = State::kBlocked;
    bool serial = false;
    bool has_dependents = false;
    std::uint32_t slots = 1;
    std::uint32_t blockers = 0;  // tests without verdict that it waits for
    std::vector<std::uint32_t> locks;
    std::vector<std::vector<ResourceNeed>> groups;
    ResourceAllocation taken;
    // Why it will not run once nothing blocks it; empty: it will.
    std::string failed_need;
    std::string avoid;            // an agent
    std::optional<ReadyKey> key;  // while it is ready
  };
  struct Names {  // of one node, until Close
    NodeIndex node = 0;
    std::vector<std::string> after;
    std::vector<std::string> required;
    std::vector<std::string> setup;
    std::vector<std::string> cleanup;
  };
  struct Edge {
    NodeIndex dependent = 0;
    bool needs_well = false;
  };
  struct Lock {
    bool taken = false;
    std::deque<NodeIndex> aside;
  };
  using Predecessors = std::vector<std::vector<std::pair<TestIndex, bool>>>;

  Predecessors Resolve(const TestStore& store) const;
  void FindCycles(const TestStore& store, const Predecessors& before);
  void Unblocked(NodeIndex index);
  void MakeReady(NodeIndex index);
  void LeaveReady(NodeIndex index);
  // The first of `ready` that is not to avoid `agent`.
  std::optional<NodeIndex> FirstFor(absl::string_view agent,
                                    const ReadySet& ready);
  bool TryTake(NodeIndex index);
  void WakeLock(std::uint32_t lock);
  Choice Start(NodeIndex index);

  ResourcePools pools_;
  Length length_;
  bool closed_ = false;
  bool avoided_ = false;
  bool serial_runs_ = false;
  std::size_t waiting_ = 0;
  std::vector<Node> nodes_;
  std::vector<Names> names_;
  absl::flat_hash_map<TestIndex, NodeIndex> by_test_;
  absl::flat_hash_map<std::pair<SuiteIndex, std::string>, std::uint32_t>
      lock_names_;
  std::vector<Lock> locks_;
  absl::flat_hash_map<TestIndex, std::vector<Edge>> dependents_;
  ReadySet ready_;
  ReadySet serial_ready_;
  std::deque<NodeIndex> resource_aside_;
  std::vector<Unrunnable> unrunnable_;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_CONSTRAINT_GRAPH_H_
