#include "tests/simulation/workload.h"

#include "absl/strings/str_cat.h"

namespace paceline::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Behaviour AnyBehaviour(Random& random) {
  switch (random.Between(0, 24)) {
    case 0:
    case 1:
      return Behaviour::kFails;
    case 2:
      return Behaviour::kSkips;
    case 3:
      return Behaviour::kCrashes;
    case 4:
      return Behaviour::kHangs;
    case 5:
    case 6:
      return Behaviour::kFailsTheFirstTime;
    default:
      return Behaviour::kPasses;
  }
}

Duration AnyDuration(Random& random) {
  switch (random.Between(0, 19)) {
    case 0:
      return random.Between(seconds(10), seconds(40));
    case 1:
    case 2:
    case 3:
      return random.Between(milliseconds(500), seconds(5));
    default:
      return random.Between(milliseconds(1), milliseconds(80));
  }
}

}  // namespace

Workload::Workload(Random* random, const std::string& prefix) {
  const std::uint64_t suites = random->Between(1, 4);
  for (std::uint64_t s = 0; s < suites; ++s) {
    SuiteSpec& suite = suites_.emplace_back();
    suite.name = absl::StrCat(prefix, "suite-", s);
    suite.runner = "simulated";
    suite.worker = {"simulated-worker"};
    suite.scopes_share_setup = random->Chance(0.5);
    suite.last_words = random->Chance(0.3);
    // CTest's kind of tests, with needs of each other, or GoogleTest's.
    const bool constrained = random->Chance(0.3);
    const std::uint64_t count = random->Between(0, constrained ? 30 : 120);
    const std::size_t first = tests_.size();
    // A fixture is set up, used by some, and cleaned up, in this order.
    std::optional<std::size_t> setup;
    std::vector<std::size_t> users;
    for (std::uint64_t t = 0; t < count; ++t) {
      Test& test = tests_.emplace_back();
      test.behaviour = AnyBehaviour(*random);
      test.duration = AnyDuration(*random);
      test.spec.suite = SuiteIndex{static_cast<std::uint32_t>(s)};
      test.spec.name = absl::StrCat("test-", t);
      test.spec.scope = constrained ? "" : absl::StrCat("scope-", t / 10);
      test.spec.no_rerun = random->Chance(0.03);
      if (test.behaviour == Behaviour::kHangs) {
        test.spec.timeout = random->Between(seconds(1), seconds(8));
      }
      index_[{suite.name, test.spec.name}] = tests_.size() - 1;
      if (!constrained) {
        continue;
      }
      Constraints needs;
      if (random->Chance(0.3)) {
        needs.locks = {absl::StrCat("lock-", random->Between(0, 2))};
      }
      if (random->Chance(0.1)) {
        needs.slots = static_cast<std::uint32_t>(random->Between(2, 6));
      }
      needs.serial = random->Chance(0.05);
      if (t > 0 && random->Chance(0.2)) {
        const std::size_t before = random->Between(first, tests_.size() - 2);
        needs.after = {tests_[before].spec.name};
        test.after = {before};
      }
      if (random->Chance(0.1)) {
        const auto slots =
            static_cast<std::uint32_t>(random->Between(1, kThingSlots));
        needs.resource_groups = {{{"thing", slots}}};
      }
      const std::size_t self = tests_.size() - 1;
      if (!setup.has_value() && random->Chance(0.1)) {
        setup = self;
        needs.fixtures_setup = {"fixture"};
      } else if (setup.has_value() && random->Chance(0.3)) {
        needs.fixtures_required = {"fixture"};
        test.needs = {*setup};
        test.after.push_back(*setup);
        users.push_back(self);
      } else if (setup.has_value() && t + 1 == count) {
        needs.fixtures_cleanup = {"fixture"};
        test.after.push_back(*setup);
        test.after.insert(test.after.end(), users.begin(), users.end());
      }
      if (!needs.trivial()) {
        test.spec.constraints = std::move(needs);
      }
    }
  }
}

std::size_t Workload::Find(const std::string& suite,
                           const std::string& test) const {
  return index_.at({suite, test});
}

std::size_t Workload::Begin(Instant now, std::size_t test) {
  executions_.push_back({test, now, std::nullopt});
  tests_[test].executions.push_back(executions_.size() - 1);
  ++running_;
  return executions_.size() - 1;
}

void Workload::End(Instant now, std::size_t execution) {
  if (!executions_[execution].ended.has_value()) {
    executions_[execution].ended = now;
    --running_;
  }
}

std::optional<Outcome> Workload::OutcomeOf(std::size_t execution) const {
  const Test& test = tests_[executions_[execution].test];
  switch (test.behaviour) {
    case Behaviour::kPasses:
      return Outcome::kPassed;
    case Behaviour::kFails:
      return Outcome::kFailed;
    case Behaviour::kSkips:
      return Outcome::kSkipped;
    case Behaviour::kFailsTheFirstTime:
      return test.executions.front() == execution ? Outcome::kFailed
                                                  : Outcome::kPassed;
    case Behaviour::kCrashes:
    case Behaviour::kHangs:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace paceline::simulation
