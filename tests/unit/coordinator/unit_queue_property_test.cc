// Whatever happens to a queue, each of its tests is handed out exactly once
// for each time that it was put in.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/unit_queue.h"

namespace paceline {
namespace {

// Random operations on a queue, and on a model of it that is too simple to be
// wrong.
class Play {
 public:
  explicit Play(std::uint32_t seed)
      : random_(seed), options_(AnyOptions()), queue_(options_) {}

  void Run() {
    for (int i = 0; i < 400 && !testing::Test::HasFailure(); ++i) {
      Step();
      EXPECT_EQ(queue_.size(), waiting_.size());
    }
    Close();
    do {
      while (!testing::Test::HasFailure() && Cut()) {
      }
      // What shares its set-up waits for what is out.
      while (!out_.empty()) {
        queue_.Over(Tests(TakeOut()), UnitId{2});
      }
    } while (!testing::Test::HasFailure() && !queue_.empty());
    EXPECT_TRUE(waiting_.empty()) << waiting_.size() << " were not handed out";
    EXPECT_EQ(queue_.size(), 0U);
  }

 private:
  struct Test {
    std::uint32_t suite = 0;
    std::string scope;
    std::size_t bytes = 0;
  };

  std::uint32_t Below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(random_() % bound);
  }
  bool Chance(std::uint32_t percent) { return Below(100) < percent; }

  UnitQueueOptions AnyOptions() {
    UnitQueueOptions options;
    options.max_tests = Chance(50) ? 1 + Below(20) : 1024;
    options.probe_tests = std::min(options.probe_tests, options.max_tests);
    options.max_bytes = Chance(50) ? 500 : 100'000;
    options.keep_order = Chance(30);
    return options;
  }

  void Step() {
    switch (Below(8)) {
      case 0:
      case 1:
        Add();
        break;
      case 2:
      case 3:
        Cut();
        break;
      case 4:
        PutBack();
        break;
      case 5:
        PutFront();
        break;
      case 6:
        Remove();
        break;
      case 7:
        Observe();
        break;
    }
  }

  void Add() {
    if (closed_) {
      return;
    }
    if (shares_.empty() || (shares_.size() < 4 && Chance(10))) {
      shares_.push_back(Chance(50));
      queue_.AddSuite(shares_.back());
    }
    Test test;
    test.suite = Below(static_cast<std::uint32_t>(shares_.size()));
    test.scope = absl::StrCat("scope ", tests_.size() / 40, "-", Below(2));
    const std::uint32_t count = 1 + Below(30);
    for (std::uint32_t i = 0; i < count; ++i) {
      test.bytes = 10 + Below(200);
      const auto index = static_cast<std::uint32_t>(tests_.size());
      tests_.push_back(test);
      if (Chance(10)) {
        queue_.AddElsewhere(SuiteIndex{test.suite}, test.scope, test.bytes);
      } else {
        queue_.Add(SuiteIndex{test.suite}, test.scope, test.bytes);
        waiting_.insert(index);
        open_[test.suite] = test.scope;
      }
    }
    if (Chance(3)) {
      Close();
    }
  }

  void Close() {
    if (!closed_) {
      closed_ = true;
      queue_.Close();
    }
  }

  // Returns whether there was a unit.
  bool Cut() {
    const bool empty = queue_.empty();
    const std::optional<PlannedUnit> unit = queue_.Cut(
        1 + Below(8),
        Chance(50) ? std::optional(SuiteIndex{Below(5)}) : std::nullopt);
    if (!unit.has_value()) {
      return false;
    }
    EXPECT_FALSE(empty);
    EXPECT_FALSE(unit->tests.empty());
    EXPECT_LE(unit->tests.size(), options_.max_tests);
    EXPECT_GE(unit->predicted, Duration::zero());
    std::vector<std::uint32_t> numbers;
    std::size_t bytes = 0;
    for (const TestIndex index : unit->tests) {
      numbers.push_back(Value(index));
      EXPECT_EQ(waiting_.erase(Value(index)), 1U)
          << "test " << Value(index) << " is handed out and does not wait";
      EXPECT_EQ(tests_[Value(index)].suite, Value(unit->suite));
      EXPECT_FALSE(queue_.contains(index));
      bytes += tests_[Value(index)].bytes;
    }
    EXPECT_TRUE(bytes <= options_.max_bytes || numbers.size() == 1)
        << bytes << " bytes";
    CheckNotOut(numbers);
    if (front_.contains(numbers.front())) {
      for (const std::uint32_t number : numbers) {
        EXPECT_EQ(front_.erase(number), 1U);
      }
    } else {
      CheckScopes(numbers, bytes);
    }
    out_.push_back(std::move(numbers));
    return true;
  }

  // No two units with tests of a scope that shares its set-up are out at once.
  void CheckNotOut(const std::vector<std::uint32_t>& numbers) {
    std::set<std::string> scopes;
    for (const std::uint32_t number : numbers) {
      scopes.insert(tests_[number].scope);
    }
    const std::uint32_t suite = tests_[numbers.front()].suite;
    if (!shares_[suite]) {
      return;
    }
    for (const std::vector<std::uint32_t>& unit : out_) {
      for (const std::uint32_t other : unit) {
        EXPECT_FALSE(tests_[other].suite == suite &&
                     scopes.contains(tests_[other].scope))
            << "of the scope of " << other << " two units are out";
      }
    }
  }

  // Of each scope the tests are in order; and where they share their set-up,
  // all that wait are in one unit, if it could take them.
  void CheckScopes(const std::vector<std::uint32_t>& numbers,
                   std::size_t bytes) {
    std::map<std::string, std::uint32_t> last;
    for (const std::uint32_t number : numbers) {
      const Test& test = tests_[number];
      if (const auto it = last.find(test.scope); it != last.end()) {
        EXPECT_LT(it->second, number) << "out of order";
      }
      last[test.scope] = number;
      if (!shares_[test.suite]) {
        continue;
      }
      EXPECT_TRUE(closed_ || open_[test.suite] != test.scope)
          << "the scope may still grow";
      for (const std::uint32_t other : waiting_) {
        const bool together = tests_[other].suite == test.suite &&
                              tests_[other].scope == test.scope &&
                              !front_.contains(other);
        if (together) {
          EXPECT_TRUE(numbers.size() == options_.max_tests ||
                      bytes + tests_[other].bytes > options_.max_bytes)
              << "tests " << number << " and " << other << " are parted";
          return;
        }
      }
    }
  }

  std::vector<std::uint32_t> TakeOut() {
    const std::size_t at = Below(static_cast<std::uint32_t>(out_.size()));
    std::vector<std::uint32_t> numbers = std::move(out_[at]);
    out_.erase(out_.begin() + static_cast<std::ptrdiff_t>(at));
    return numbers;
  }
  static std::vector<TestIndex> Tests(
      const std::vector<std::uint32_t>& numbers) {
    std::vector<TestIndex> tests;
    for (const std::uint32_t number : numbers) {
      tests.push_back(TestIndex{number});
    }
    return tests;
  }

  void PutBack() {
    if (!out_.empty()) {
      const std::vector<std::uint32_t> numbers = TakeOut();
      queue_.Over(Tests(numbers), std::nullopt);
      queue_.PutBack(Tests(numbers));
      waiting_.insert(numbers.begin(), numbers.end());
    }
  }

  // Retries, or the remainder of a unit; the rest of it is over.
  void PutFront() {
    if (!out_.empty()) {
      std::vector<std::uint32_t> numbers = TakeOut();
      queue_.Over(Tests(numbers), UnitId{3});
      numbers.erase(
          numbers.begin(),
          numbers.begin() + Below(static_cast<std::uint32_t>(numbers.size())));
      queue_.PutFront(Tests(numbers),
                      Chance(50) ? std::optional(UnitId{1}) : std::nullopt);
      waiting_.insert(numbers.begin(), numbers.end());
      front_.insert(numbers.begin(), numbers.end());
    }
  }

  void Remove() {
    if (!tests_.empty()) {
      const std::uint32_t number =
          Below(static_cast<std::uint32_t>(tests_.size()));
      queue_.Remove(TestIndex{number});
      waiting_.erase(number);
      front_.erase(number);
    }
  }

  void Observe() {
    if (!tests_.empty()) {
      queue_.Observe(
          TestIndex{Below(static_cast<std::uint32_t>(tests_.size()))},
          std::chrono::microseconds(1U << Below(22)));
    }
  }

  std::mt19937 random_;
  const UnitQueueOptions options_;
  UnitQueue queue_;
  bool closed_ = false;
  std::vector<bool> shares_;  // by suite
  std::vector<Test> tests_;
  std::map<std::uint32_t, std::string> open_;  // by suite
  std::set<std::uint32_t> waiting_;
  std::set<std::uint32_t> front_;  // of those
  std::vector<std::vector<std::uint32_t>> out_;
};

TEST(UnitQueuePropertyTest, EachTestIsHandedOutOnceHoweverItComesAndGoes) {
  for (std::uint32_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Play(seed).Run();
    if (HasFailure()) {
      break;
    }
  }
}

}  // namespace
}  // namespace paceline
