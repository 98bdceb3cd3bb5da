// Which news wake the session thread at once, and how long others wait.

#include "agent/news_gate.h"

#include <gtest/gtest.h>

#include <utility>

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr bool kFull = true;
constexpr bool kHasRoom = false;

PoolEvent Attempt(Outcome outcome) {
  AttemptItem item;
  item.result.outcome = outcome;
  return PoolResult{std::move(item)};
}

class NewsGateTest : public ::testing::Test {
 protected:
  bool DueAt(Duration after, bool full = kHasRoom) {
    return gate_.TakeDue(start_ + after, full);
  }

  const Instant start_{seconds(100)};
  NewsGate gate_;
};

TEST_F(NewsGateTest, NothingIsDueWhereNothingHappened) {
  EXPECT_FALSE(DueAt(seconds(0)));
  EXPECT_FALSE(DueAt(seconds(0), kFull));
  EXPECT_EQ(gate_.next_deadline(), std::nullopt);
}

TEST_F(NewsGateTest, TheFirstResultIsTakenAtOnce) {
  gate_.Add(Attempt(Outcome::kPassed));
  EXPECT_TRUE(DueAt(seconds(0)));
  EXPECT_FALSE(DueAt(seconds(0)));
}

TEST_F(NewsGateTest, GoodResultsThatFollowWaitForOneAnother) {
  gate_.Add(Attempt(Outcome::kPassed));
  ASSERT_TRUE(DueAt(seconds(0)));
  gate_.Add(PoolTestStarted{});
  gate_.Add(Attempt(Outcome::kPassed));
  gate_.Add(Attempt(Outcome::kSkipped));
  EXPECT_FALSE(DueAt(milliseconds(1)));
  EXPECT_EQ(gate_.next_deadline(), start_ + NewsGate::kInterval);
  EXPECT_TRUE(DueAt(NewsGate::kInterval));
  EXPECT_EQ(gate_.next_deadline(), std::nullopt);
}

TEST_F(NewsGateTest, AFailureTakesWhatWaitsWithIt) {
  gate_.Add(Attempt(Outcome::kPassed));
  ASSERT_TRUE(DueAt(seconds(0)));
  gate_.Add(Attempt(Outcome::kPassed));
  gate_.Add(Attempt(Outcome::kFailed));
  gate_.Add(Attempt(Outcome::kPassed));
  EXPECT_TRUE(DueAt(milliseconds(1)));
  EXPECT_FALSE(DueAt(seconds(1)));
}

TEST_F(NewsGateTest, AUnitsEndDoesNotWaitForItsSlotIsFree) {
  gate_.Add(Attempt(Outcome::kPassed));
  ASSERT_TRUE(DueAt(seconds(0)));
  gate_.Add(PoolResult{UnitEndItem{}});
  EXPECT_TRUE(DueAt(milliseconds(1)));
}

TEST_F(NewsGateTest, ThatThePoolIsEmptyDoesNotWait) {
  gate_.Add(Attempt(Outcome::kPassed));
  ASSERT_TRUE(DueAt(seconds(0)));
  gate_.Add(PoolEmpty{});
  EXPECT_TRUE(DueAt(milliseconds(1)));
}

// While the mailbox is full workers are not read, so nothing else would come.
TEST_F(NewsGateTest, NothingWaitsInAFullMailbox) {
  gate_.Add(Attempt(Outcome::kPassed));
  ASSERT_TRUE(DueAt(seconds(0)));
  gate_.Add(Attempt(Outcome::kPassed));
  EXPECT_TRUE(DueAt(milliseconds(1), kFull));
}

TEST_F(NewsGateTest, AfterAQuietTimeAResultIsTakenAtOnceAgain) {
  gate_.Add(Attempt(Outcome::kPassed));
  ASSERT_TRUE(DueAt(seconds(0)));
  gate_.Add(Attempt(Outcome::kPassed));
  EXPECT_TRUE(DueAt(seconds(3)));
}

}  // namespace
}  // namespace paceline
