#include "worker/ctest/test_graph.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

bool Holds(const absl::flat_hash_map<
               std::string, absl::flat_hash_set<std::string>>& fixtures,
           const std::string& fixture, const std::string& name) {
  const auto found = fixtures.find(fixture);
  return found != fixtures.end() && found->second.contains(name);
}

}  // namespace

void TestGraph::Add(const ListedTest& listed) {
  ++size_;
  names_.try_emplace(listed.name,
                     listed.depends.empty() ? kNone : dependents_.size());
  for (const std::string& fixture : listed.constraints.fixtures_setup) {
    setups_[fixture].insert(listed.name);
  }
  for (const std::string& fixture : listed.constraints.fixtures_required) {
    users_[fixture].insert(listed.name);
  }
  if (!listed.depends.empty()) {
    dependents_.push_back({listed.name, listed.depends});
    // To a clean-up ctest adds all that use its fixture.
    if (listed.constraints.fixtures_cleanup.empty()) {
      awaited_.insert(listed.depends.begin(), listed.depends.end());
    }
  }
}

std::string TestGraph::UniqueName(const std::string& name,
                                  std::uint32_t occurrence) const {
  if (occurrence <= 1) {
    return name;
  }
  std::string unique = absl::StrCat(name, "#", occurrence);
  while (names_.contains(unique)) {
    unique += '\'';
  }
  return unique;
}

bool TestGraph::ExplainedByFixture(const Constraints& constraints,
                                   const std::string& name) const {
  const auto set_up_by = [&](const std::string& fixture) {
    return Holds(setups_, fixture, name);
  };
  const auto used_by = [&](const std::string& fixture) {
    return Holds(users_, fixture, name);
  };
  const auto& required = constraints.fixtures_required;
  const auto& cleaned = constraints.fixtures_cleanup;
  return std::any_of(required.begin(), required.end(), set_up_by) ||
         std::any_of(cleaned.begin(), cleaned.end(), set_up_by) ||
         std::any_of(cleaned.begin(), cleaned.end(), used_by);
}

std::vector<std::string> TestGraph::After(const ListedTest& listed,
                                          std::uint32_t occurrence) const {
  std::vector<std::string> after;
  for (const std::string& name : listed.depends) {
    const bool itself = name == listed.name && occurrence == 1;
    if (names_.contains(name) && !itself &&
        !ExplainedByFixture(listed.constraints, name)) {
      after.push_back(name);
    }
  }
  std::sort(after.begin(), after.end());
  after.erase(std::unique(after.begin(), after.end()), after.end());
  return after;
}

std::vector<std::string> TestGraph::FindCycle() const {
  enum class Mark { kNew, kOnPath, kDone };
  struct Step {
    std::size_t dependent;
    std::size_t next = 0;
  };
  std::vector<Mark> marks(dependents_.size(), Mark::kNew);
  std::vector<Step> path;
  for (std::size_t root = 0; root < dependents_.size(); ++root) {
    if (marks[root] != Mark::kNew) {
      continue;
    }
    marks[root] = Mark::kOnPath;
    path.push_back({root});
    while (!path.empty()) {
      Step& step = path.back();
      const std::vector<std::string>& depends =
          dependents_[step.dependent].depends;
      if (step.next == depends.size()) {
        marks[step.dependent] = Mark::kDone;
        path.pop_back();
        continue;
      }
      const auto found = names_.find(depends[step.next++]);
      // Tests without DEPENDS are in no cycle.
      if (found == names_.end() || found->second == kNone) {
        continue;
      }
      const std::size_t next = found->second;
      if (marks[next] == Mark::kNew) {
        marks[next] = Mark::kOnPath;
        path.push_back({next});
      } else if (marks[next] == Mark::kOnPath) {
        std::vector<std::string> cycle;
        for (auto at = std::find_if(
                 path.begin(), path.end(),
                 [next](const Step& on) { return on.dependent == next; });
             at != path.end(); ++at) {
          cycle.push_back(dependents_[at->dependent].name);
        }
        cycle.push_back(dependents_[next].name);
        return cycle;
      }
    }
  }
  return {};
}

}  // namespace paceline
