#include "cli/repetition.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

// A list in a manifest names no more.
constexpr std::size_t kMaxAfter = 1024;

void Mark(const std::string& mark, std::vector<std::string>& names) {
  for (std::string& name : names) {
    name += mark;
  }
}

}  // namespace

std::string RoundMark(std::uint32_t round, std::uint32_t rounds) {
  return absl::StrCat(" [", round, "/", rounds, "]");
}

bool RepeatedFixtures::Fixture::Begins(const Constraints& test,
                                       const std::string& fixture) const {
  const std::vector<std::string>& first =
      !setups.empty()
          ? test.fixtures_setup
          : (!users.empty() ? test.fixtures_required : test.fixtures_cleanup);
  return std::find(first.begin(), first.end(), fixture) != first.end();
}

const std::vector<std::string>& RepeatedFixtures::Fixture::last() const {
  return !cleanups.empty() ? cleanups : (!users.empty() ? users : setups);
}

void RepeatedFixtures::Add(const TestSpec& test) {
  if (!test.constraints.has_value()) {
    return;
  }
  for (const std::string& name : test.constraints->fixtures_setup) {
    fixtures_[name].setups.push_back(test.name);
  }
  for (const std::string& name : test.constraints->fixtures_required) {
    fixtures_[name].users.push_back(test.name);
  }
  for (const std::string& name : test.constraints->fixtures_cleanup) {
    fixtures_[name].cleanups.push_back(test.name);
  }
}

TestSpec RepeatedFixtures::InRound(const TestSpec& test,
                                   std::uint32_t round) const {
  TestSpec repeated = test;
  const std::string mark = RoundMark(round, rounds_);
  repeated.name += mark;
  if (!repeated.constraints.has_value()) {
    return repeated;
  }
  Constraints& constraints = *repeated.constraints;
  Mark(mark, constraints.after);
  Mark(mark, constraints.fixtures_setup);
  Mark(mark, constraints.fixtures_required);
  Mark(mark, constraints.fixtures_cleanup);
  for (const auto& [name, fixture] : fixtures_) {
    if (round == 1 || !fixture.Begins(*test.constraints, name)) {
      continue;
    }
    std::vector<std::string> before = fixture.last();
    if (constraints.after.size() + before.size() > kMaxAfter) {
      // What can still be said: that nothing else runs meanwhile.
      constraints.serial = true;
      continue;
    }
    Mark(RoundMark(round - 1, rounds_), before);
    constraints.after.insert(constraints.after.end(), before.begin(),
                             before.end());
  }
  std::sort(constraints.after.begin(), constraints.after.end());
  constraints.after.erase(
      std::unique(constraints.after.begin(), constraints.after.end()),
      constraints.after.end());
  return repeated;
}

}  // namespace paceline
