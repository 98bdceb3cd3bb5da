// How the tests of a run are cut into units: how large, in which order, and
// what stays together.

#include "coordinator/unit_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr SuiteIndex kSuite{0};
constexpr SuiteIndex kOther{1};

class UnitQueueTest : public testing::Test {
 protected:
  explicit UnitQueueTest(UnitQueueOptions options = {}) : queue_(options) {}

  // Adds `count` tests; the index of the first.
  std::uint32_t Add(SuiteIndex suite, const std::string& scope,
                    std::uint32_t count, std::size_t bytes = 50) {
    const std::uint32_t first = added_;
    for (std::uint32_t i = 0; i < count; ++i) {
      queue_.Add(suite, scope, bytes);
      ++added_;
    }
    return first;
  }
  // An attempt of each of the `count` tests from `first` on took so long.
  void Observe(std::uint32_t first, Duration duration,
               std::uint32_t count = 1) {
    for (std::uint32_t i = 0; i < count; ++i) {
      queue_.Observe(TestIndex{first + i}, duration);
    }
  }
  // The tests of the next unit; none if there is none.
  std::vector<std::uint32_t> Cut(
      std::uint32_t slots = 1, std::optional<SuiteIndex> warm = std::nullopt) {
    std::vector<std::uint32_t> tests;
    last_ = queue_.Cut(slots, warm);
    if (last_.has_value()) {
      for (const TestIndex test : last_->tests) {
        tests.push_back(Value(test));
      }
    }
    return tests;
  }
  static std::vector<TestIndex> Tests(
      const std::vector<std::uint32_t>& numbers) {
    std::vector<TestIndex> tests;
    for (const std::uint32_t number : numbers) {
      tests.push_back(TestIndex{number});
    }
    return tests;
  }
  static std::vector<std::uint32_t> Range(std::uint32_t first,
                                          std::uint32_t count) {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < count; ++i) {
      numbers.push_back(first + i);
    }
    return numbers;
  }

  UnitQueue queue_;
  std::uint32_t added_ = 0;
  std::optional<PlannedUnit> last_;
};

// ---- size ------------------------------------------------------------------

TEST_F(UnitQueueTest, OfAnEmptyQueueNothingIsCut) {
  EXPECT_THAT(Cut(), IsEmpty());
  queue_.AddSuite(false);
  queue_.Close();
  EXPECT_THAT(Cut(), IsEmpty());
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.size(), 0U);
}

TEST_F(UnitQueueTest, OfAnUnknownSuiteAFewTestsGoFirst) {
  queue_.AddSuite(false);
  Add(kSuite, "", 1000);
  EXPECT_THAT(Cut(), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(queue_.size(), 996U);
}

TEST_F(UnitQueueTest, QuickTestsAreCutByTheQuarterOfASecond) {
  queue_.AddSuite(false);
  Add(kSuite, "", 10'000);
  Cut();
  Observe(0, milliseconds(1), 4);
  EXPECT_THAT(Cut(),
              SizeIs(testing::AllOf(testing::Ge(249), testing::Le(251))));
  EXPECT_GT(last_->predicted, milliseconds(248));
  EXPECT_LT(last_->predicted, milliseconds(252));
}

TEST_F(UnitQueueTest, SlowTestsTravelAlone) {
  queue_.AddSuite(false);
  Add(kSuite, "", 1000);
  Cut();
  Observe(0, milliseconds(200), 4);
  EXPECT_THAT(Cut(), SizeIs(1));
  EXPECT_EQ(last_->predicted, milliseconds(200));
}

TEST_F(UnitQueueTest, UnitsShrinkWhenTestsTurnOutSlowAndGrowWhenQuick) {
  queue_.AddSuite(false);
  Add(kSuite, "", 100'000);
  Cut();
  Observe(0, milliseconds(1), 4);
  const std::size_t quick = Cut().size();
  Observe(4, milliseconds(100), 40);
  const std::size_t slow = Cut().size();
  EXPECT_LT(slow, 4U);
  Observe(50, microseconds(100), 4000);
  const std::size_t quick_again = Cut().size();
  EXPECT_GT(quick, 10 * slow);
  EXPECT_GT(quick_again, 10 * slow);
}

TEST_F(UnitQueueTest, AUnitIsNoMoreThanAFairShareOfWhatIsLeft) {
  queue_.AddSuite(false);
  Add(kSuite, "", 84);
  Cut(4);
  Observe(0, milliseconds(1), 4);
  // 80 left and 4 slots; each unit is an eighth of what is left then.
  std::vector<std::size_t> sizes;
  while (!queue_.empty()) {
    const std::size_t left = queue_.size();
    sizes.push_back(Cut(4).size());
    EXPECT_LE(sizes.back(), std::max<std::size_t>(left / 8, 4));
  }
  EXPECT_EQ(sizes.front(), 10U);
  EXPECT_LE(sizes.back(), 4U) << "the run's end is short";
}

TEST_F(UnitQueueTest, EvenTheLastUnitsAreWorthTheirMessage) {
  queue_.AddSuite(false);
  Add(kSuite, "", 40);
  Cut(100);
  Observe(0, microseconds(500));
  EXPECT_THAT(Cut(100), SizeIs(8)) << "four milliseconds";
}

TEST_F(UnitQueueTest, EvenAProbeIsNoMoreThanAFairShare) {
  queue_.AddSuite(false);
  Add(kSuite, "", 8);
  EXPECT_THAT(Cut(2), SizeIs(2));
  EXPECT_THAT(Cut(2), SizeIs(1));
}

TEST_F(UnitQueueTest, AMessageNamesNoMoreThanItMay) {
  queue_.AddSuite(false);
  Add(kSuite, "", 100'000);
  Cut();
  Observe(0, microseconds(1), 4);
  EXPECT_THAT(Cut(), SizeIs(1024));
}

TEST_F(UnitQueueTest, BytesBoundAUnit) {
  queue_.AddSuite(false);
  Add(kSuite, "", 4);
  Add(kSuite, "", 1000, 50'000);
  Cut();
  Observe(0, milliseconds(1), 4);
  EXPECT_THAT(Cut(), SizeIs(3));
}

TEST_F(UnitQueueTest, ATestOverTheBoundTravelsAlone) {
  queue_.AddSuite(false);
  Add(kSuite, "", 10, 500'000);
  Cut();
  Observe(0, milliseconds(1));
  EXPECT_THAT(Cut(), SizeIs(1));
}

// ---- what an unknown test is taken to last ---------------------------------

TEST_F(UnitQueueTest, NothingIsPredictedFromNothing) {
  queue_.AddSuite(false);
  Add(kSuite, "", 1);
  EXPECT_EQ(queue_.Predict(TestIndex{0}), std::nullopt);
  Cut();
  EXPECT_EQ(last_->predicted, milliseconds(250)) << "as large as a unit is";
}

TEST_F(UnitQueueTest, ATestCountsAsItsScopeThenItsSuiteThenTheRun) {
  queue_.AddSuite(false);
  queue_.AddSuite(false);
  const std::uint32_t a = Add(kSuite, "a", 10);
  const std::uint32_t b = Add(kSuite, "b", 10);
  const std::uint32_t c = Add(kOther, "c", 10);
  Observe(c, milliseconds(2), 5);
  // The run is known, its suite is not.
  const Duration run = *queue_.Predict(TestIndex{a});
  EXPECT_GT(run, microseconds(1800));
  EXPECT_LT(run, microseconds(2200));
  Observe(a, milliseconds(40), 2);
  EXPECT_EQ(queue_.Predict(TestIndex{b}), milliseconds(40)) << "its suite";
  Observe(b, milliseconds(80), 2);
  EXPECT_EQ(queue_.Predict(TestIndex{b + 5}), milliseconds(80)) << "its scope";
  EXPECT_EQ(queue_.Predict(TestIndex{a + 5}), milliseconds(40));
}

TEST_F(UnitQueueTest, AnUnknownScopeIsCutBySuitesDurations) {
  queue_.AddSuite(false);
  Add(kSuite, "a", 4);
  Add(kSuite, "b", 1000);
  Cut();
  Observe(0, milliseconds(100), 4);
  EXPECT_THAT(Cut(), SizeIs(2));
}

TEST_F(UnitQueueTest, AnUnknownSuiteIsCutByTheRunsDurations) {
  queue_.AddSuite(false);
  queue_.AddSuite(false);
  Add(kSuite, "", 4);
  Add(kOther, "", 1000);
  Cut();
  Observe(0, seconds(1), 4);
  EXPECT_THAT(Cut(), ElementsAre(4));
}

// ---- order -----------------------------------------------------------------

TEST_F(UnitQueueTest, EverySuiteIsProbedBeforeTheSecondUnitOfAny) {
  for (std::uint32_t suite = 0; suite < 3; ++suite) {
    queue_.AddSuite(false);
    Add(SuiteIndex{suite}, "", 100);
  }
  EXPECT_THAT(Cut(), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Cut(), ElementsAre(100, 101, 102, 103));
  EXPECT_THAT(Cut(), ElementsAre(200, 201, 202, 203));
}

TEST_F(UnitQueueTest, TheSlowestSuiteGoesFirst) {
  for (std::uint32_t suite = 0; suite < 3; ++suite) {
    queue_.AddSuite(false);
    Add(SuiteIndex{suite}, "", 100);
    Cut();
  }
  Observe(0, milliseconds(1));
  Observe(100, seconds(1));
  Observe(200, seconds(9));
  EXPECT_THAT(Cut(), ElementsAre(204));
  EXPECT_THAT(Cut(), ElementsAre(205));
  Observe(200, milliseconds(1), 100);
  EXPECT_THAT(Cut(), ElementsAre(104));
}

TEST_F(UnitQueueTest, AnUnknownScopeGoesBeforeTheLongestOne) {
  queue_.AddSuite(true);
  Add(kSuite, "a", 3);
  const std::uint32_t b = Add(kSuite, "b", 3);
  const std::uint32_t c = Add(kSuite, "c", 3);
  queue_.Close();
  Observe(0, seconds(9));
  Observe(b, seconds(10));
  EXPECT_THAT(Cut(), ElementsAre(c, c + 1, c + 2));
  EXPECT_THAT(Cut(), ElementsAre(b, b + 1, b + 2));
  EXPECT_THAT(Cut(), ElementsAre(0, 1, 2));
}

// Of a suite that was probed once the rest waited behind all that was known to
// be quick.
TEST_F(UnitQueueTest, AnUnknownScopeGoesBeforeASuiteThatIsKnownToBeQuick) {
  queue_.AddSuite(false);
  queue_.AddSuite(false);
  Add(kSuite, "quick", 1000);
  Add(kOther, "one", 4);
  Add(kOther, "two", 4);
  queue_.Close();
  EXPECT_EQ(Cut(), Range(0, 4));
  EXPECT_EQ(Cut(), Range(1000, 4));
  Observe(0, milliseconds(1), 4);
  Observe(1000, milliseconds(1), 4);
  EXPECT_EQ(Cut(), Range(1004, 4));
}

TEST_F(UnitQueueTest, AScopeThatSharesItsSetUpIsAsLongAsAllOfIt) {
  queue_.AddSuite(true);
  Add(kSuite, "one", 1);
  const std::uint32_t ten = Add(kSuite, "ten", 10);
  queue_.Close();
  Observe(0, seconds(3));
  Observe(ten, seconds(1));
  EXPECT_EQ(Cut(), Range(ten, 10));
}

// A thousand tests of a second went before the one of fifty, which was then
// what the run ended with.
TEST_F(UnitQueueTest, WhereTestsTravelAloneTheLongestOneGoesFirst) {
  queue_.AddSuite(false);
  Add(kSuite, "many", 1000);
  const std::uint32_t slow = Add(kSuite, "slow", 2);
  queue_.Close();
  Observe(0, seconds(1));
  Observe(slow, seconds(50));
  EXPECT_THAT(Cut(), ElementsAre(slow));
  EXPECT_THAT(Cut(), ElementsAre(slow + 1));
  EXPECT_THAT(Cut(), ElementsAre(0));
}

TEST_F(UnitQueueTest, AmongQuickSuitesTheWarmOneIsPreferred) {
  queue_.AddSuite(false);
  queue_.AddSuite(false);
  Add(kSuite, "", 100);
  Add(kOther, "", 100);
  Cut();
  Cut();
  Observe(0, milliseconds(1));
  Observe(100, milliseconds(2));
  Cut(1, kOther);
  EXPECT_EQ(last_->suite, kOther);
  Cut(1, kSuite);
  EXPECT_EQ(last_->suite, kSuite);
  Cut(1, std::nullopt);
  EXPECT_EQ(last_->suite, kSuite);
  Cut(1, SuiteIndex{99});
  EXPECT_TRUE(last_.has_value());
}

TEST_F(UnitQueueTest, AWarmSuiteDoesNotMakeASlowOneLate) {
  queue_.AddSuite(false);
  queue_.AddSuite(false);
  Add(kSuite, "", 100);
  Add(kOther, "", 100);
  Cut();
  Cut();
  Observe(0, milliseconds(1));
  Observe(100, seconds(1));
  Cut(1, kSuite);
  EXPECT_EQ(last_->suite, kOther);
}

class KeepOrderTest : public UnitQueueTest {
 protected:
  KeepOrderTest() : UnitQueueTest(Options()) {}
  static UnitQueueOptions Options() {
    UnitQueueOptions options;
    options.keep_order = true;
    return options;
  }
};

TEST_F(KeepOrderTest, UnitsGoOutAsSubmittedWhateverIsKnown) {
  queue_.AddSuite(false);
  queue_.AddSuite(false);
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < 50; ++i) {
    Add(i % 3 == 0 ? kSuite : kOther, absl::StrCat("scope ", i), 1);
    order.push_back(i);
  }
  queue_.Close();
  Observe(20, seconds(30));
  Observe(3, seconds(60));
  std::vector<std::uint32_t> cut;
  std::vector<std::uint32_t> firsts;
  while (!queue_.empty()) {
    const std::vector<std::uint32_t> unit = Cut(1, kOther);
    ASSERT_THAT(unit, testing::Not(testing::IsEmpty()));
    firsts.push_back(unit.front());
    cut.insert(cut.end(), unit.begin(), unit.end());
  }
  EXPECT_TRUE(std::is_sorted(firsts.begin(), firsts.end()));
  EXPECT_THAT(cut, testing::UnorderedElementsAreArray(order));
}

TEST_F(KeepOrderTest, AScopeOfSeveralSuitesTestsIsInOrder) {
  queue_.AddSuite(false);
  Add(kSuite, "b", 2);
  Add(kSuite, "a", 2);
  queue_.Close();
  Observe(2, seconds(60));
  EXPECT_THAT(Cut(8), ElementsAre(0));
  EXPECT_THAT(Cut(8), ElementsAre(1));
  EXPECT_THAT(Cut(8), ElementsAre(2));
}

// ---- scopes ----------------------------------------------------------------

TEST_F(UnitQueueTest, AScopeThatSharesItsSetUpIsNotSplit) {
  queue_.AddSuite(true);
  Add(kSuite, "a", 100);
  Add(kSuite, "b", 100);
  queue_.Close();
  EXPECT_EQ(Cut(8), Range(0, 100)) << "however little is known";
  Observe(0, seconds(1), 100);
  EXPECT_EQ(Cut(8), Range(100, 100)) << "however slow it is";
}

TEST_F(UnitQueueTest, SmallScopesShareAUnitUpToItsWorth) {
  queue_.AddSuite(true);
  for (int scope = 0; scope < 100; ++scope) {
    Add(kSuite, absl::StrCat("scope ", scope), 3);
  }
  queue_.Close();
  Cut();
  Observe(0, milliseconds(10), 3);
  // A scope is 30 ms, and eight fit into the quarter of a second.
  EXPECT_THAT(Cut(), SizeIs(24));
}

TEST_F(UnitQueueTest, AScopeThatDoesNotFitWaitsForTheNextUnit) {
  queue_.AddSuite(true);
  Add(kSuite, "a", 1);
  Add(kSuite, "b", 1);
  Add(kSuite, "c", 200);
  queue_.Close();
  Observe(0, milliseconds(2));
  EXPECT_THAT(Cut(), ElementsAre(1));
  EXPECT_EQ(Cut(), Range(2, 200));
  EXPECT_THAT(Cut(), ElementsAre(0));
}

TEST_F(UnitQueueTest, AScopeIsCutOnlyOnceItIsWhole) {
  queue_.AddSuite(true);
  Add(kSuite, "a", 2);
  EXPECT_THAT(Cut(), IsEmpty()) << "a third test of it may follow";
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.size(), 2U);
  Add(kSuite, "b", 1);
  EXPECT_THAT(Cut(), ElementsAre(0, 1));
  EXPECT_THAT(Cut(), IsEmpty());
  queue_.Close();
  EXPECT_THAT(Cut(), ElementsAre(2));
}

TEST_F(UnitQueueTest, AScopeThatSharesNothingIsCutAtOnceAndSplit) {
  queue_.AddSuite(false);
  Add(kSuite, "a", 1);
  EXPECT_THAT(Cut(), ElementsAre(0));
}

// Its pieces went to several workers at once, and each set it up.
TEST_F(UnitQueueTest, AScopeTooLargeForAMessageGoesInPiecesOneAfterTheOther) {
  queue_.AddSuite(true);
  Add(kSuite, "a", 2500);
  Add(kSuite, "b", 1);
  queue_.Close();
  EXPECT_EQ(Cut(), Range(0, 1024));
  EXPECT_EQ(last_->parent, std::nullopt);
  EXPECT_THAT(Cut(), ElementsAre(2500)) << "another scope need not wait";
  EXPECT_THAT(Cut(), IsEmpty());
  queue_.Over(Tests(Range(0, 1024)), UnitId{7});
  EXPECT_EQ(Cut(), Range(1024, 1024));
  EXPECT_EQ(last_->parent, UnitId{7});
  EXPECT_THAT(Cut(), IsEmpty());
  // It comes back as it went.
  queue_.Over(Tests(Range(1024, 1024)), std::nullopt);
  queue_.PutBack(Tests(Range(1024, 1024)));
  EXPECT_EQ(Cut(), Range(1024, 1024));
  EXPECT_EQ(last_->parent, UnitId{7});
  queue_.Over(Tests(Range(1024, 1024)), UnitId{8});
  EXPECT_EQ(Cut(), Range(2048, 452));
  EXPECT_EQ(last_->parent, UnitId{8});
}

TEST_F(UnitQueueTest, ARetryWaitsWhileTheRestOfItsScopeRuns) {
  queue_.AddSuite(true);
  Add(kSuite, "a", 3);
  Add(kSuite, "b", 1);
  queue_.Close();
  EXPECT_THAT(Cut(), ElementsAre(0, 1, 2));
  queue_.PutFront(Tests({1}), std::nullopt);
  EXPECT_THAT(Cut(), ElementsAre(3));
  EXPECT_THAT(Cut(), IsEmpty());
  EXPECT_EQ(queue_.size(), 1U);
  queue_.Over(Tests({0, 1, 2}), UnitId{1});
  EXPECT_THAT(Cut(), ElementsAre(1));
  EXPECT_EQ(queue_.size(), 0U);
}

TEST_F(UnitQueueTest, WhatAnAgentLeftUndoneIsForAnother) {
  queue_.AddSuite(false);
  Add(kSuite, "", 4);
  while (!Cut().empty()) {
  }
  queue_.PutFront(Tests({2, 3}), UnitId{1}, "sick");
  EXPECT_EQ(queue_.Cut(1, std::nullopt, "sick"), std::nullopt);
  EXPECT_TRUE(queue_.avoided());
  const auto unit = queue_.Cut(1, std::nullopt, "well");
  ASSERT_TRUE(unit.has_value());
  EXPECT_THAT(unit->tests, ElementsAre(TestIndex{2}, TestIndex{3}));
  EXPECT_FALSE(queue_.avoided());
  // Where there is no other nobody is named.
  queue_.PutFront(Tests({2}), UnitId{1}, "sick");
  EXPECT_TRUE(queue_.Cut(1, std::nullopt).has_value());
}

TEST_F(UnitQueueTest, ScopesOfOneNameInTwoSuitesAreTwo) {
  queue_.AddSuite(true);
  queue_.AddSuite(true);
  Add(kSuite, "a", 2);
  Add(kOther, "a", 2);
  queue_.Close();
  EXPECT_THAT(Cut(), ElementsAre(0, 1));
  EXPECT_THAT(Cut(), ElementsAre(2, 3));
}

// ---- what comes back, goes first, or goes away -----------------------------

TEST_F(UnitQueueTest, WhatComesBackIsWhereItWas) {
  queue_.AddSuite(false);
  Add(kSuite, "", 100);
  const std::vector<std::uint32_t> unit = Cut();
  queue_.PutBack(Tests(unit));
  EXPECT_EQ(queue_.size(), 100U);
  EXPECT_EQ(Cut(), unit);
}

// An agent that drains returns its oldest unit first.
TEST_F(UnitQueueTest, UnitsThatComeBackInAnyOrderAreInTheirs) {
  for (const bool oldest_first : {true, false}) {
    UnitQueue queue({});
    queue.AddSuite(false);
    for (int i = 0; i < 20; ++i) {
      queue.Add(kSuite, "", 50);
    }
    const auto one = queue.Cut(1, std::nullopt);
    const auto other = queue.Cut(1, std::nullopt);
    ASSERT_THAT(one->tests, SizeIs(4));
    ASSERT_THAT(other->tests, SizeIs(4));
    queue.PutBack(oldest_first ? one->tests : other->tests);
    queue.PutBack(oldest_first ? other->tests : one->tests);
    EXPECT_EQ(queue.Cut(1, std::nullopt)->tests, one->tests);
    EXPECT_EQ(queue.Cut(1, std::nullopt)->tests, other->tests);
  }
}

TEST_F(UnitQueueTest, UnitsThatComeBackOnceAllIsOutAreInOrderToo) {
  queue_.AddSuite(false);
  Add(kSuite, "a", 2500);
  queue_.Close();
  Observe(0, microseconds(1), 4);
  const std::vector<std::uint32_t> one = Cut();
  const std::vector<std::uint32_t> two = Cut();
  const std::vector<std::uint32_t> three = Cut();
  queue_.PutBack(Tests(two));
  queue_.PutBack(Tests(three));
  queue_.PutBack(Tests(one));
  EXPECT_EQ(Cut(), one);
  EXPECT_EQ(Cut(), two);
  EXPECT_EQ(Cut(), three);
}

TEST_F(UnitQueueTest, WhatWaitsAlreadyDoesNotComeBackTwice) {
  queue_.AddSuite(false);
  Add(kSuite, "", 3);
  const std::vector<std::uint32_t> unit = Cut();
  queue_.PutBack(Tests(unit));
  queue_.PutBack(Tests(unit));
  EXPECT_EQ(queue_.size(), 3U);
  std::size_t cut = 0;
  while (!queue_.empty()) {
    cut += Cut().size();
  }
  EXPECT_EQ(cut, 3U);
}

TEST_F(UnitQueueTest, ARetryAndARemainderGoFirstAsUnitsOfTheirOwn) {
  queue_.AddSuite(false);
  queue_.AddSuite(false);
  Add(kSuite, "", 8);
  Add(kOther, "", 8);
  Cut();
  Cut();
  queue_.PutFront(Tests({5}), std::nullopt);
  EXPECT_EQ(queue_.size(), 8U) << "it waits: nothing has changed";
  queue_.PutFront(Tests({1}), std::nullopt);
  queue_.PutFront(Tests({10, 11}), UnitId{7});
  EXPECT_EQ(queue_.size(), 8U + 3U);
  EXPECT_THAT(Cut(), ElementsAre(1));
  EXPECT_EQ(last_->suite, kSuite);
  EXPECT_EQ(last_->parent, std::nullopt);
  EXPECT_THAT(Cut(), ElementsAre(10, 11));
  EXPECT_EQ(last_->suite, kOther);
  EXPECT_EQ(last_->parent, UnitId{7});
}

TEST_F(UnitQueueTest, WhatIsRemovedIsNotCut) {
  queue_.AddSuite(false);
  queue_.AddSuite(true);
  Add(kSuite, "", 6);
  Add(kOther, "a", 4);
  queue_.Close();
  for (const std::uint32_t test : {0U, 2U, 6U, 8U}) {
    queue_.Remove(TestIndex{test});
    queue_.Remove(TestIndex{test});
    EXPECT_FALSE(queue_.contains(TestIndex{test}));
  }
  EXPECT_EQ(queue_.size(), 6U);
  EXPECT_THAT(Cut(), ElementsAre(1, 3, 4));
  EXPECT_THAT(Cut(), ElementsAre(7, 9));
  EXPECT_THAT(Cut(), ElementsAre(5));
  EXPECT_TRUE(queue_.empty());
}

TEST_F(UnitQueueTest, WhatIsRemovedFromTheFrontIsNotCut) {
  queue_.AddSuite(false);
  Add(kSuite, "", 2);
  Cut();
  queue_.PutFront(Tests({0, 1}), UnitId{7});
  queue_.Remove(TestIndex{0});
  EXPECT_THAT(Cut(), ElementsAre(1));
  Cut();
  queue_.PutFront(Tests({0}), UnitId{8});
  queue_.Remove(TestIndex{0});
  EXPECT_THAT(Cut(), IsEmpty());
  EXPECT_EQ(queue_.size(), 0U);
}

TEST_F(UnitQueueTest, WhatWaitsElsewhereIsNotCutAndStillObserved) {
  queue_.AddSuite(false);
  Add(kSuite, "a", 1);
  queue_.AddElsewhere(kSuite, "a", 50);
  ++added_;
  Add(kSuite, "a", 1);
  EXPECT_EQ(queue_.size(), 2U);
  EXPECT_FALSE(queue_.contains(TestIndex{1}));
  Observe(1, seconds(3));
  EXPECT_EQ(queue_.Predict(TestIndex{0}), seconds(3));
  EXPECT_THAT(Cut(), ElementsAre(0));
  EXPECT_THAT(Cut(), ElementsAre(2));
}

}  // namespace
}  // namespace paceline
