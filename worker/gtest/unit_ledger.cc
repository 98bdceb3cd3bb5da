#include "worker/gtest/unit_ledger.h"

#include "common/base/check.h"

namespace paceline {
namespace {

// Stands for no limit: a clock that was set cannot be taken away.
constexpr Duration kForEver = std::chrono::hours(24 * 365);

}  // namespace

UnitLedger::UnitLedger(const std::vector<WorkerTest>& tests,
                       UnitReporter& reporter)
    : tests_(tests),
      reporter_(reporter),
      settled_(tests.size(), false),
      outcomes_(tests.size(), Outcome::kNotRun),
      left_(tests.size()) {
  names_.reserve(tests.size());
  positions_.reserve(tests.size());
  for (const WorkerTest& test : tests) {
    positions_.try_emplace(test.name, names_.size());
    names_.push_back(test.name);
  }
}

std::optional<std::size_t> UnitLedger::Find(absl::string_view name) const {
  const auto it = positions_.find(name);
  return it == positions_.end() ? std::nullopt
                                : std::optional<std::size_t>(it->second);
}

void UnitLedger::Expect(std::size_t test) {
  if (settled_[test] || announced_.has_value()) {
    return;
  }
  announced_ = test;
  reporter_.TestStarted(static_cast<std::uint32_t>(test));
  SetClock(outside_bound_);
}

void UnitLedger::Rest(std::size_t test) {
  if (announced_.has_value() && clock_of_ == test) {
    clock_of_.reset();
    SetClock(outside_bound_);
  }
}

void UnitLedger::SetClock(Duration limit) {
  reporter_.TestDeadline(static_cast<std::uint32_t>(*announced_),
                         limit > Duration::zero() ? limit : kForEver);
}

void UnitLedger::Announce(std::size_t test) {
  if (settled_[test] || clock_of_ == test) {
    return;
  }
  if (announced_.has_value()) {
    // Once for each test that really runs, or no clock would ever run out.
    SetClock(tests_[test].timeout);
    clock_of_ = test;
    return;
  }
  announced_ = test;
  clock_of_ = test;
  reporter_.TestStarted(static_cast<std::uint32_t>(test));
}

void UnitLedger::Settle(std::size_t test, TestResult result) {
  PACELINE_CHECK(!settled_[test]);
  settled_[test] = true;
  outcomes_[test] = result.outcome;
  --left_;
  if (announced_.has_value() && announced_ != test) {
    waiting_.emplace_back(test, std::move(result));
    return;
  }
  Tell(test, std::move(result));
  while (!waiting_.empty()) {
    auto [next, next_result] = std::move(waiting_.front());
    waiting_.pop_front();
    Tell(next, std::move(next_result));
  }
}

void UnitLedger::AddProperties(std::size_t test, TestProperties properties) {
  PACELINE_CHECK(settled_[test]);
  for (auto& [waiting, result] : waiting_) {
    if (waiting == test) {
      result.properties = std::move(properties);
      return;
    }
  }
  reporter_.LateProperties(static_cast<std::uint32_t>(test),
                           std::move(properties));
}

void UnitLedger::ForgetAnnounced(const std::string& why) {
  if (announced_.has_value()) {
    TestResult result;
    result.outcome = Outcome::kNotRun;
    result.message = why;
    Settle(*announced_, std::move(result));
  }
}

void UnitLedger::Tell(std::size_t test, TestResult result) {
  const auto position = static_cast<std::uint32_t>(test);
  if (announced_ == test) {
    announced_.reset();
    clock_of_.reset();
    reporter_.TestFinished(position, std::move(result));
  } else {
    reporter_.TestRan(position, std::move(result));
  }
}

}  // namespace paceline
