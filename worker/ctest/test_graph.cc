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
  ++names_[listed.name];
  for (const std::string& fixture : listed.constraints.fixtures_setup) {
    setups_[fixture].insert(listed.name);
  }
  for (const std::string& fixture : listed.constraints.fixtures_required) {
    users_[fixture].insert(listed.name);
  }
  if (!listed.depends.empty()) {
    dependents_.push_back(listed.name);
    std::vector<std::string>& depends = depends_[listed.name];
    depends.insert(depends.end(), listed.depends.begin(), listed.depends.end());
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

std::vector<std::string> TestGraph::After(const ListedTest& listed) const {
  std::vector<std::string> after;
  for (const std::string& name : listed.depends) {
    const auto found = names_.find(name);
    if (found == names_.end() || name == listed.name ||
        ExplainedByFixture(listed.constraints, name)) {
      continue;
    }
    for (std::uint32_t i = 1; i <= found->second; ++i) {
      after.push_back(UniqueName(name, i));
    }
  }
  std::sort(after.begin(), after.end());
  after.erase(std::unique(after.begin(), after.end()), after.end());
  return after;
}

std::vector<std::string> TestGraph::FindCycle() const {
  enum class Mark { kOnPath, kDone };
  struct Step {
    const std::string* name;
    const std::vector<std::string>* depends;
    std::size_t next = 0;
  };
  absl::flat_hash_map<std::string, Mark> marks;
  std::vector<Step> path;
  // Tests without DEPENDS are in no cycle.
  const auto enter = [&](const std::string& name) {
    const auto found = depends_.find(name);
    if (found != depends_.end() &&
        marks.try_emplace(name, Mark::kOnPath).second) {
      path.push_back({&found->first, &found->second});
    }
  };
  for (const std::string& root : dependents_) {
    enter(root);
    while (!path.empty()) {
      Step& step = path.back();
      if (step.next == step.depends->size()) {
        marks[*step.name] = Mark::kDone;
        path.pop_back();
        continue;
      }
      const std::string& name = (*step.depends)[step.next++];
      const auto mark = marks.find(name);
      if (mark == marks.end()) {
        enter(name);
      } else if (mark->second == Mark::kOnPath) {
        std::vector<std::string> cycle;
        for (auto at = std::find_if(
                 path.begin(), path.end(),
                 [&name](const Step& on) { return *on.name == name; });
             at != path.end(); ++at) {
          cycle.push_back(*at->name);
        }
        cycle.push_back(name);
        return cycle;
      }
    }
  }
  return {};
}

}  // namespace paceline
