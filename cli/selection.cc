#include "cli/selection.h"

#include <algorithm>
#include <filesystem>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

bool NamesFixture(const Constraints& constraints) {
  return !constraints.fixtures_setup.empty() ||
         !constraints.fixtures_cleanup.empty();
}

// Whether `test` sets up or cleans up one of `needed`.
bool Serves(const TestSpec& test, const absl::btree_set<std::string>& needed) {
  const auto is_needed = [&needed](const std::string& fixture) {
    return needed.contains(fixture);
  };
  const Constraints& constraints = *test.constraints;
  return std::any_of(constraints.fixtures_setup.begin(),
                     constraints.fixtures_setup.end(), is_needed) ||
         std::any_of(constraints.fixtures_cleanup.begin(),
                     constraints.fixtures_cleanup.end(), is_needed);
}

// std::shuffle differs between standard libraries; a seed should not.
template <typename T>
void Shuffle(std::vector<T>& items, std::mt19937_64& random) {
  for (std::size_t left = items.size(); left > 1; --left) {
    std::swap(items[left - 1], items[random() % left]);
  }
}

// Tests that share set-up stay together: groups in another order, and the
// tests of each.
std::vector<TestSpec> Shuffled(std::vector<TestSpec> tests,
                               std::uint64_t seed) {
  absl::btree_map<std::pair<SuiteIndex, std::string>, std::vector<TestSpec>>
      groups;
  std::uint64_t alone = 0;
  for (TestSpec& test : tests) {
    // A test without a scope is a group of its own.
    std::string group =
        test.scope.empty() ? absl::StrCat("\n", alone++) : test.scope;
    groups[{test.suite, std::move(group)}].push_back(std::move(test));
  }
  std::mt19937_64 random(seed);
  std::vector<std::vector<TestSpec>> order;
  order.reserve(groups.size());
  for (auto& [unused, group] : groups) {
    Shuffle(group, random);
    order.push_back(std::move(group));
  }
  Shuffle(order, random);
  std::vector<TestSpec> shuffled;
  shuffled.reserve(tests.size());
  for (std::vector<TestSpec>& group : order) {
    std::move(group.begin(), group.end(), std::back_inserter(shuffled));
  }
  return shuffled;
}

// The last name of a path: machines of one shard set may check out in different
// places, and people write "build", "./build/" or the whole path.
std::string LastName(const std::string& target) {
  std::filesystem::path path = std::filesystem::path(target).lexically_normal();
  if (path.filename().empty()) {
    path = path.parent_path();
  }
  return path.filename().string();
}

}  // namespace

Selection::Selection(SelectionOptions options, Output output,
                     std::function<bool()> cancelled, ListenerOutput listeners)
    : options_(std::move(options)),
      output_(std::move(output)),
      cancelled_(std::move(cancelled)),
      listeners_(std::move(listeners)) {}

void Selection::AddNote(std::string text) {
  output_(DiscoveryNote{std::move(text)});
}

void Selection::AddListener(SuiteIndex suite,
                            std::shared_ptr<ResultListener> listener) {
  if (listeners_) {
    listeners_(suites_[Value(suite)].found.spec.name, std::move(listener));
  }
}

void Selection::BeginTarget(std::string target) {
  target_key_ = LastName(target);
  if (const std::uint32_t times = ++target_keys_[target_key_]; times > 1) {
    absl::StrAppend(&target_key_, " (", times, ")");
  }
  target_ = std::move(target);
  target_yielded_ = false;
}

SuiteIndex Selection::AddSuite(SuiteSpec suite) {
  const std::uint32_t times = ++suite_names_[suite.name];
  if (times > 1) {
    absl::StrAppend(&suite.name, " (", times, ")");
  }
  suite.env.insert(suite.env.begin(), options_.env.begin(), options_.env.end());
  Suite added;
  added.found = {std::move(suite), target_};
  suites_.push_back(std::move(added));
  return static_cast<SuiteIndex>(suites_.size() - 1);
}

void Selection::AddTest(TestSpec test) {
  target_yielded_ = true;
  Suite& suite = suites_[Value(test.suite)];
  const bool matches = options_.filter.Matches(suite.found.spec.name, test);
  selected_ += matches ? 1U : 0U;
  if (!matches || !InShard(options_.shard, target_key_, test.name)) {
    if (test.constraints.has_value() && NamesFixture(*test.constraints)) {
      suite.held.push_back(std::move(test));
    }
    return;
  }
  ++in_shard_;
  Emit(std::move(test));
}

void Selection::AddError(DiscoveryError error) {
  target_yielded_ = true;
  if (error.target.empty()) {
    error.target = target_;
  }
  output_(std::move(error));
}

bool Selection::EndTarget() {
  for (Suite& suite : suites_) {
    // What is added may need fixtures itself.
    for (bool added = true; added;) {
      added = false;
      std::vector<TestSpec> held = std::exchange(suite.held, {});
      for (TestSpec& test : held) {
        if (Serves(test, suite.needed)) {
          added = true;
          ++in_shard_;
          Emit(std::move(test));
        } else {
          suite.held.push_back(std::move(test));
        }
      }
    }
    suite.held.clear();
    suite.needed.clear();
  }
  return target_yielded_;
}

void Selection::Emit(TestSpec test) {
  Suite& suite = suites_[Value(test.suite)];
  if (test.constraints.has_value()) {
    suite.needed.insert(test.constraints->fixtures_required.begin(),
                        test.constraints->fixtures_required.end());
  }
  if (options_.repeat > 1 || options_.shuffle_seed.has_value()) {
    kept_.push_back(std::move(test));
    return;
  }
  if (!suite.number.has_value()) {
    suite.number = static_cast<SuiteIndex>(suites_emitted_++);
    output_(suite.found);
  }
  test.suite = *suite.number;
  output_(std::move(test));
}

void Selection::Finish() {
  if (options_.shuffle_seed.has_value()) {
    kept_ = Shuffled(std::move(kept_), *options_.shuffle_seed);
  }
  fixtures_.assign(suites_.size(), RepeatedFixtures(options_.repeat));
  for (const TestSpec& kept : kept_) {
    if (kept.constraints.has_value()) {
      suites_[Value(kept.suite)].repeats_within = true;
    }
    fixtures_[Value(kept.suite)].Add(kept);
  }
  for (std::uint32_t round = 1; !kept_.empty() && round <= options_.repeat;
       ++round) {
    EmitRound(round);
  }
  kept_.clear();
  fixtures_.clear();
  output_(DiscoveryOver{selected_, in_shard_});
}

// Names are unique in a suite, and some runners know tests by them: so a
// repetition is a suite of its own where nothing speaks against it.
void Selection::EmitRound(std::uint32_t round) {
  for (Suite& suite : suites_) {
    if (!suite.repeats_within) {
      suite.number.reset();
    }
  }
  for (const TestSpec& kept : kept_) {
    Suite& suite = suites_[Value(kept.suite)];
    if (!suite.number.has_value()) {
      suite.number = static_cast<SuiteIndex>(suites_emitted_++);
      FoundSuite found = suite.found;
      if (options_.repeat > 1 && !suite.repeats_within) {
        found.spec.name += RoundMark(round, options_.repeat);
      }
      output_(std::move(found));
    }
    TestSpec test = options_.repeat > 1 && suite.repeats_within
                        ? fixtures_[Value(kept.suite)].InRound(kept, round)
                        : kept;
    test.suite = *suite.number;
    output_(std::move(test));
  }
}

}  // namespace paceline
