#include "coordinator/constraint_graph.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/check.h"

namespace paceline {
namespace {

// Tests that are looked at again when a resource is given back. When nothing
// is taken any more the first one fits, so none waits for ever.
constexpr int kWokenByResource = 16;

using Name = std::pair<std::uint32_t, absl::string_view>;  // suite and name

std::string Quoted(absl::string_view name) {
  return absl::StrCat("\"", name, "\"");
}

std::string SetupFailed(absl::string_view name) {
  return absl::StrCat("the test that sets up its fixture, ", Quoted(name),
                      ", failed");
}

}  // namespace

void ConstraintGraph::Add(TestIndex test, SuiteIndex suite,
                          Constraints constraints) {
  PACELINE_CHECK(!closed_);
  const auto index = static_cast<NodeIndex>(nodes_.size());
  by_test_[test] = index;
  ++waiting_;
  Node& node = nodes_.emplace_back();
  node.test = test;
  node.suite = suite;
  node.serial = constraints.serial;
  node.slots = std::max(1U, constraints.slots);
  for (std::string& lock : constraints.locks) {
    const auto [it, added] =
        lock_names_.try_emplace(std::pair(suite, std::move(lock)),
                                static_cast<std::uint32_t>(locks_.size()));
    if (added) {
      locks_.emplace_back();
    }
    node.locks.push_back(it->second);
  }
  std::sort(node.locks.begin(), node.locks.end());
  node.locks.erase(std::unique(node.locks.begin(), node.locks.end()),
                   node.locks.end());
  if (pools_.enabled() && !constraints.resource_groups.empty()) {
    node.groups = std::move(constraints.resource_groups);
    node.failed_need = pools_.WhyNever(node.groups).value_or("");
  }
  const bool names_others = !constraints.after.empty() ||
                            !constraints.fixtures_required.empty() ||
                            !constraints.fixtures_setup.empty() ||
                            !constraints.fixtures_cleanup.empty();
  if (names_others) {
    // Who is meant can be somebody who is still to come.
    names_.push_back({index, std::move(constraints.after),
                      std::move(constraints.fixtures_required),
                      std::move(constraints.fixtures_setup),
                      std::move(constraints.fixtures_cleanup)});
  } else {
    Unblocked(index);
  }
}

ConstraintGraph::Predecessors ConstraintGraph::Resolve(
    const TestStore& store) const {
  // Only names that somebody waits for are looked for.
  absl::flat_hash_map<Name, std::optional<TestIndex>> wanted;
  struct Fixture {
    std::vector<TestIndex> setups;
    std::vector<TestIndex> users;
  };
  absl::flat_hash_map<Name, Fixture> fixtures;
  for (const Names& names : names_) {
    const Node& node = nodes_[names.node];
    const std::uint32_t suite = Value(node.suite);
    for (const std::string& name : names.after) {
      wanted.try_emplace({suite, name});
    }
    for (const std::string& name : names.setup) {
      fixtures[{suite, name}].setups.push_back(node.test);
    }
    for (const std::string& name : names.required) {
      fixtures[{suite, name}].users.push_back(node.test);
    }
  }
  if (!wanted.empty()) {
    for (std::uint32_t i = 0; i < store.tests(); ++i) {
      const TestIndex test{i};
      if (const auto it =
              wanted.find({Value(store.SuiteOf(test)), store.NameOf(test)});
          it != wanted.end()) {
        it->second = test;
      }
    }
  }
  Predecessors before(nodes_.size());
  for (const Names& names : names_) {
    const Node& node = nodes_[names.node];
    const std::uint32_t suite = Value(node.suite);
    std::vector<std::pair<TestIndex, bool>>& list = before[names.node];
    const auto add = [&](TestIndex test, bool needs_well) {
      if (test != node.test) {
        list.emplace_back(test, needs_well);
      }
    };
    for (const std::string& name : names.after) {
      // One that was not selected is not waited for.
      if (const auto& test = wanted[{suite, name}]; test.has_value()) {
        add(*test, false);
      }
    }
    for (const std::string& name : names.required) {
      for (const TestIndex test : fixtures[{suite, name}].setups) {
        add(test, true);
      }
    }
    for (const std::string& name : names.cleanup) {
      const Fixture& fixture = fixtures[{suite, name}];
      for (const TestIndex test : fixture.setups) {
        add(test, false);
      }
      for (const TestIndex test : fixture.users) {
        add(test, false);
      }
    }
    // The same test with and without the need to end well: the need stands.
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
      return std::pair(a.first, !a.second) < std::pair(b.first, !b.second);
    });
    list.erase(std::unique(list.begin(), list.end(),
                           [](const auto& a, const auto& b) {
                             return a.first == b.first;
                           }),
               list.end());
  }
  return before;
}

void ConstraintGraph::FindCycles(const TestStore& store,
                                 const Predecessors& before) {
  // Whoever is not reached from the tests that wait for nobody never starts.
  std::vector<std::uint32_t> left(nodes_.size());
  std::vector<std::vector<NodeIndex>> next(nodes_.size());
  std::vector<NodeIndex> reached;
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    for (const auto& [test, needs_well] : before[i]) {
      if (const auto it = by_test_.find(test); it != by_test_.end()) {
        next[it->second].push_back(i);
        ++left[i];
      }
    }
    if (left[i] == 0) {
      reached.push_back(i);
    }
  }
  for (std::size_t at = 0; at < reached.size(); ++at) {
    for (const NodeIndex dependent : next[reached[at]]) {
      if (--left[dependent] == 0) {
        reached.push_back(dependent);
      }
    }
  }
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    if (left[i] == 0 || nodes_[i].state == State::kDone) {
      continue;
    }
    std::string waits_for;
    for (const auto& [test, needs_well] : before[i]) {
      const auto it = by_test_.find(test);
      if (it != by_test_.end() && left[it->second] > 0) {
        waits_for = Quoted(store.NameOf(test));
        break;
      }
    }
    nodes_[i].state = State::kDone;
    --waiting_;
    unrunnable_.push_back(
        {nodes_[i].test,
         absl::StrCat("it waits for ", waits_for,
                      ", and the tests that one waits for form a cycle; "
                      "remove one of their dependencies")});
  }
}

void ConstraintGraph::Close(const TestStore& store, const Ledger& ledger) {
  closed_ = true;
  const Predecessors before = Resolve(store);
  FindCycles(store, before);
  for (const Names& names : names_) {
    Node& node = nodes_[names.node];
    for (const auto& [test, needs_well] : before[names.node]) {
      const std::optional<Verdict> verdict = ledger.VerdictOf(test);
      if (!verdict.has_value()) {
        ++node.blockers;
        dependents_[test].push_back({names.node, needs_well});
        if (const auto it = by_test_.find(test); it != by_test_.end()) {
          Node& waited_for = nodes_[it->second];
          waited_for.has_dependents = true;
          if (waited_for.key.has_value()) {
            MakeReady(it->second);  // it goes before others now
          }
        }
      } else if (needs_well && !IsGood(*verdict, false)) {
        node.failed_need = SetupFailed(store.NameOf(test));
      }
    }
  }
  for (const Names& names : names_) {
    if (nodes_[names.node].blockers == 0 &&
        nodes_[names.node].state == State::kBlocked) {
      Unblocked(names.node);
    }
  }
  names_ = {};
  lock_names_ = {};
}

void ConstraintGraph::Unblocked(NodeIndex index) {
  Node& node = nodes_[index];
  if (node.failed_need.empty()) {
    MakeReady(index);
    return;
  }
  node.state = State::kDone;
  --waiting_;
  unrunnable_.push_back({node.test, std::move(node.failed_need)});
}

void ConstraintGraph::MakeReady(NodeIndex index) {
  LeaveReady(index);
  Node& node = nodes_[index];
  node.state = State::kReady;
  node.key = ReadyKey{!node.has_dependents,
                      length_ == nullptr ? 0 : -length_(node.test), index};
  (node.serial ? serial_ready_ : ready_).insert(*node.key);
}

void ConstraintGraph::LeaveReady(NodeIndex index) {
  Node& node = nodes_[index];
  if (node.key.has_value()) {
    (node.serial ? serial_ready_ : ready_).erase(*node.key);
    node.key.reset();
  }
}

void ConstraintGraph::OnVerdict(TestIndex test, bool well,
                                absl::string_view name) {
  if (const auto it = by_test_.find(test); it != by_test_.end()) {
    Node& node = nodes_[it->second];
    if (node.state != State::kRunning && node.state != State::kDone) {
      // Settled without having run: cancelled.
      LeaveReady(it->second);
      node.state = State::kDone;
      --waiting_;
    }
  }
  const auto it = dependents_.find(test);
  if (it == dependents_.end()) {
    return;
  }
  const std::vector<Edge> edges = std::move(it->second);
  dependents_.erase(it);
  for (const Edge& edge : edges) {
    Node& node = nodes_[edge.dependent];
    if (edge.needs_well && !well && node.failed_need.empty()) {
      node.failed_need = SetupFailed(name);
    }
    --node.blockers;
    if (node.blockers == 0 && node.state == State::kBlocked) {
      Unblocked(edge.dependent);
    }
  }
}

bool ConstraintGraph::TryTake(NodeIndex index) {
  Node& node = nodes_[index];
  for (const std::uint32_t lock : node.locks) {
    if (locks_[lock].taken) {
      node.state = State::kAside;
      locks_[lock].aside.push_back(index);
      // It may have been woken for another lock, which it leaves free.
      for (const std::uint32_t other : node.locks) {
        WakeLock(other);
      }
      return false;
    }
  }
  if (!node.groups.empty()) {
    std::optional<ResourceAllocation> found = pools_.Find(node.groups);
    if (!found.has_value()) {
      node.state = State::kAside;
      resource_aside_.push_back(index);
      for (const std::uint32_t lock : node.locks) {
        WakeLock(lock);
      }
      return false;
    }
    node.taken = *std::move(found);
    pools_.Take(node.taken);
  }
  return true;
}

ConstraintGraph::Choice ConstraintGraph::Start(NodeIndex index) {
  Node& node = nodes_[index];
  node.state = State::kRunning;
  --waiting_;
  serial_runs_ = node.serial;
  for (const std::uint32_t lock : node.locks) {
    locks_[lock].taken = true;
  }
  Choice choice{node.test, node.slots, {}, node.taken, node.avoid};
  if (!node.groups.empty()) {
    choice.env = pools_.Environment(node.taken);
  }
  return choice;
}

std::optional<ConstraintGraph::NodeIndex> ConstraintGraph::FirstFor(
    absl::string_view agent, const ReadySet& ready) {
  for (const ReadyKey& key : ready) {
    const NodeIndex index = std::get<2>(key);
    if (agent.empty() || nodes_[index].avoid != agent) {
      return index;
    }
    avoided_ = true;
  }
  return std::nullopt;
}

std::optional<ConstraintGraph::Choice> ConstraintGraph::Take(
    std::size_t running, bool others_wait, absl::string_view agent) {
  avoided_ = false;
  if (serial_runs_) {
    return std::nullopt;
  }
  while (const std::optional<NodeIndex> first = FirstFor(agent, ready_)) {
    LeaveReady(*first);
    if (TryTake(*first)) {
      return Start(*first);
    }
  }
  // To be alone costs the fleet most when there is other work.
  if (running > 0 || others_wait || serial_ready_.empty()) {
    return std::nullopt;
  }
  const std::optional<NodeIndex> alone = FirstFor(agent, serial_ready_);
  if (!alone.has_value()) {
    return std::nullopt;
  }
  LeaveReady(*alone);
  // Nothing of the run is out: whatever it needs is there.
  PACELINE_CHECK(TryTake(*alone));
  return Start(*alone);
}

bool ConstraintGraph::CanClaim(TestIndex test,
                               const ResourceAllocation& taken) const {
  const auto it = by_test_.find(test);
  if (it == by_test_.end() || serial_runs_) {
    return false;
  }
  const Node& node = nodes_[it->second];
  return (node.state == State::kReady || node.state == State::kAside) &&
         (taken.empty() || pools_.Fits(node.groups, taken)) &&
         std::none_of(node.locks.begin(), node.locks.end(),
                      [this](std::uint32_t l) { return locks_[l].taken; });
}

void ConstraintGraph::Claim(TestIndex test, ResourceAllocation taken) {
  const NodeIndex index = by_test_.at(test);
  Node& node = nodes_[index];
  LeaveReady(index);
  node.taken = std::move(taken);
  pools_.Take(node.taken);
  Start(index);
}

void ConstraintGraph::WakeLock(std::uint32_t index) {
  Lock& lock = locks_[index];
  while (!lock.taken && !lock.aside.empty()) {
    const NodeIndex first = lock.aside.front();
    lock.aside.pop_front();
    if (nodes_[first].state == State::kAside) {
      MakeReady(first);
      return;
    }
  }
}

void ConstraintGraph::Release(TestIndex test, bool again, std::string avoid) {
  const auto it = by_test_.find(test);
  PACELINE_CHECK(it != by_test_.end());
  Node& node = nodes_[it->second];
  PACELINE_CHECK(node.state == State::kRunning);
  if (node.serial) {
    serial_runs_ = false;
  }
  for (const std::uint32_t lock : node.locks) {
    locks_[lock].taken = false;
  }
  const bool resources = !node.taken.empty();
  pools_.Give(std::exchange(node.taken, {}));
  node.avoid = std::move(avoid);
  if (again) {
    ++waiting_;
    MakeReady(it->second);
  } else {
    node.state = State::kDone;
  }
  for (const std::uint32_t lock : node.locks) {
    WakeLock(lock);
  }
  for (int i = 0; resources && i < kWokenByResource; ++i) {
    if (resource_aside_.empty()) {
      break;
    }
    const NodeIndex first = resource_aside_.front();
    resource_aside_.pop_front();
    if (nodes_[first].state == State::kAside) {
      MakeReady(first);
    }
  }
}

}  // namespace paceline
