// What is told of a unit's cases: one running at a time, each once.

#include "worker/gtest/unit_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// Writes down what it is told, a word a call.
class Journal final : public UnitReporter {
 public:
  void TestStarted(std::uint32_t test) override {
    entries.push_back(absl::StrCat("started ", test));
  }
  void TestFinished(std::uint32_t test, TestResult result) override {
    entries.push_back(
        absl::StrCat("finished ", test, " ", ToString(result.outcome)));
  }
  void TestRan(std::uint32_t test, TestResult result) override {
    entries.push_back(absl::StrCat("ran ", test, " ", ToString(result.outcome),
                                   Text(result.properties)));
  }
  void TestDeadline(std::uint32_t test, Duration timeout) override {
    entries.push_back(
        absl::StrCat("deadline ", test, " ", FormatDuration(timeout)));
  }
  void Extra(ExtraResult extra) override {
    entries.push_back(absl::StrCat("extra ", extra.name));
  }
  void LateProperties(std::uint32_t test, TestProperties properties) override {
    entries.push_back(absl::StrCat("properties ", test, Text(properties)));
  }
  void ScopeProperties(std::string scope, TestProperties properties) override {
    entries.push_back(absl::StrCat("scope ", scope, Text(properties)));
  }
  bool StopRequested() override { return false; }
  bool Terminating() const override { return false; }
  int wake_fd() const override { return -1; }

  std::vector<std::string> Take() { return std::exchange(entries, {}); }

  std::vector<std::string> entries;

 private:
  static std::string Text(const TestProperties& properties) {
    std::string text;
    for (const auto& [name, value] : properties) {
      absl::StrAppend(&text, " ", name, "=", value);
    }
    return text;
  }
};

class UnitLedgerTest : public testing::Test {
 protected:
  UnitLedgerTest() {
    for (const char* name : {"A.One", "A.Two", "A.Three"}) {
      WorkerTest& test = tests_.emplace_back();
      test.name = name;
      test.timeout = std::chrono::seconds(tests_.size());
    }
    ledger_.emplace(tests_, journal_);
  }

  static TestResult Result(Outcome outcome) {
    TestResult result;
    result.outcome = outcome;
    return result;
  }
  void Settle(std::size_t test, Outcome outcome = Outcome::kPassed) {
    ledger_->Settle(test, Result(outcome));
  }

  std::vector<WorkerTest> tests_;
  Journal journal_;
  std::optional<UnitLedger> ledger_;
};

TEST_F(UnitLedgerTest, CasesAreFoundByName) {
  EXPECT_EQ(ledger_->Find("A.Two"), 1U);
  EXPECT_EQ(ledger_->Find("A.Four"), std::nullopt);
  EXPECT_EQ(ledger_->Find(""), std::nullopt);
  EXPECT_EQ(ledger_->name(2), "A.Three");
  EXPECT_EQ(ledger_->size(), 3U);
}

TEST_F(UnitLedgerTest, AnAnnouncedCaseIsFinished) {
  ledger_->Announce(0);
  Settle(0, Outcome::kFailed);
  EXPECT_THAT(journal_.entries, ElementsAre("started 0", "finished 0 failed"));
  EXPECT_TRUE(ledger_->settled(0));
  EXPECT_EQ(ledger_->outcome(0), Outcome::kFailed);
  EXPECT_EQ(ledger_->left(), 2U);
}

TEST_F(UnitLedgerTest, ACaseThatWasNotAnnouncedRan) {
  Settle(1);
  EXPECT_THAT(journal_.entries, ElementsAre("ran 1 passed"));
}

TEST_F(UnitLedgerTest, NothingIsAnnouncedTwice) {
  ledger_->Announce(0);
  ledger_->Announce(0);
  Settle(0);
  ledger_->Announce(0);
  EXPECT_THAT(journal_.entries, ElementsAre("started 0", "finished 0 passed"));
}

// An agent knows of one running test: what really runs gets its own time.
TEST_F(UnitLedgerTest, TheClockOfAnotherCaseIsThatOfTheAnnouncedOne) {
  ledger_->Announce(0);
  ledger_->Announce(2);
  ledger_->Announce(2);
  EXPECT_THAT(journal_.Take(), ElementsAre("started 0", "deadline 0 3 s"));
  ledger_->Announce(1);
  ledger_->Announce(2);
  EXPECT_THAT(journal_.entries,
              ElementsAre("deadline 0 2 s", "deadline 0 3 s"));
}

TEST_F(UnitLedgerTest, ACaseWithoutALimitIsNotOnTheClockOfAnother) {
  tests_[1].timeout = Duration::zero();
  ledger_->Announce(0);
  ledger_->Announce(1);
  EXPECT_THAT(journal_.entries,
              ElementsAre("started 0", StartsWith("deadline 0 ")));
}

// Neither what goes before a case nor what follows it is its time.
TEST_F(UnitLedgerTest, OnlyACaseThatRunsIsOnItsOwnClock) {
  ledger_->set_outside_bound(std::chrono::seconds(20));
  ledger_->Expect(0);
  EXPECT_THAT(journal_.Take(), ElementsAre("started 0", "deadline 0 20 s"));
  ledger_->Announce(0);
  EXPECT_THAT(journal_.Take(), ElementsAre("deadline 0 1 s"));
  ledger_->Announce(0);
  EXPECT_THAT(journal_.Take(), IsEmpty());
  ledger_->Rest(0);
  ledger_->Rest(0);
  EXPECT_THAT(journal_.Take(), ElementsAre("deadline 0 20 s"));
  ledger_->Announce(1);
  EXPECT_THAT(journal_.Take(), ElementsAre("deadline 0 2 s"));
}

TEST_F(UnitLedgerTest, WhatIsSettledMeanwhileWaitsForTheAnnouncedCase) {
  ledger_->Announce(0);
  Settle(2, Outcome::kSkipped);
  Settle(1, Outcome::kFailed);
  EXPECT_THAT(journal_.Take(), ElementsAre("started 0"));
  EXPECT_TRUE(ledger_->settled(2));
  EXPECT_EQ(ledger_->left(), 1U);
  Settle(0);
  EXPECT_THAT(journal_.entries, ElementsAre("finished 0 passed",
                                            "ran 2 skipped", "ran 1 failed"));
}

TEST_F(UnitLedgerTest, AnAnnouncedCaseThatDoesNotRunIsForgotten) {
  ledger_->Announce(0);
  Settle(1);
  ledger_->ForgetAnnounced("stopped");
  EXPECT_THAT(journal_.entries,
              ElementsAre("started 0", "finished 0 not_run", "ran 1 passed"));
  journal_.Take();
  ledger_->ForgetAnnounced("stopped");
  EXPECT_THAT(journal_.entries, IsEmpty());
}

TEST_F(UnitLedgerTest, TheNextCaseIsAnnouncedAfterTheOneBefore) {
  ledger_->Announce(0);
  Settle(0);
  ledger_->Announce(1);
  Settle(1);
  EXPECT_THAT(journal_.entries, ElementsAre("started 0", "finished 0 passed",
                                            "started 1", "finished 1 passed"));
}

// Whatever is told late must not come before what it is late for.
TEST_F(UnitLedgerTest, PropertiesOfWhatWaitsGoWithItsResult) {
  ledger_->Announce(0);
  Settle(1);
  ledger_->AddProperties(1, {{"key", "value"}});
  EXPECT_THAT(journal_.Take(), ElementsAre("started 0"));
  Settle(0);
  EXPECT_THAT(journal_.Take(),
              ElementsAre("finished 0 passed", "ran 1 passed key=value"));
  ledger_->AddProperties(0, {{"key", "late"}});
  ledger_->AddScopeProperties("A", {{"key", "all"}});
  EXPECT_THAT(journal_.entries,
              ElementsAre("properties 0 key=late", "scope A key=all"));
}

TEST_F(UnitLedgerTest, ExtrasAreHandedOn) {
  ledger_->Extra({"prog: tear-down of A", {}});
  EXPECT_THAT(journal_.entries, ElementsAre("extra prog: tear-down of A"));
}

TEST_F(UnitLedgerTest, ANameThatIsThereTwiceIsTheFirst) {
  tests_[2].name = "A.One";
  UnitLedger ledger(tests_, journal_);
  EXPECT_EQ(ledger.Find("A.One"), 0U);
  EXPECT_EQ(ledger.left(), 3U);
}

using UnitLedgerDeathTest = UnitLedgerTest;
TEST_F(UnitLedgerDeathTest, ASecondResultIsOurOwnMistake) {
  Settle(0);
  EXPECT_DEATH(Settle(0), "");
}

}  // namespace
}  // namespace paceline
