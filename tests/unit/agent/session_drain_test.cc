// How an agent leaves: what has not started goes back, what runs may finish,
// and what is known is said, within a time.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/unit/agent/session_fixture.h"

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;
using testing::SizeIs;

class SessionDrainTest : public SessionTest {
 protected:
  explicit SessionDrainTest(SessionOptions options = Options())
      : SessionTest(std::move(options)) {}

  void Drain() {
    session_.Drain(now_);
    Tick();
  }
};

class ShortDrainTest : public SessionDrainTest {
 protected:
  ShortDrainTest() : SessionDrainTest(ShortOptions()) {}

  static SessionOptions ShortOptions() {
    SessionOptions options = Options();
    options.drain_timeout = seconds(2);
    return options;
  }
};

TEST_F(SessionDrainTest, WhatHasNotStartedIsReturned) {
  Join();
  GrantLeases({1, 2, 3, 4});
  sent_.clear();
  log_.clear();
  Drain();
  EXPECT_THAT(Take<Draining>(), ElementsAre(Draining{kSession}));
  EXPECT_THAT(Take<Returned>(),
              ElementsAre(Returned{kSession, {TokenOf(3), TokenOf(4)}}));
  EXPECT_THAT(log_, ElementsAre("draining", "returned"));
}

TEST_F(SessionDrainTest, ThePoolIsGivenTheTimeButASecondForTheLastResults) {
  Join();
  Drain();
  const std::vector<PoolDrain> drains = TakeCommands<PoolDrain>();
  ASSERT_THAT(drains, SizeIs(1));
  EXPECT_EQ(drains[0].timeout, seconds(7));
}

TEST_F(ShortDrainTest, OfAShortTimeAQuarterIsKeptForTheLastResults) {
  Join();
  Drain();
  const std::vector<PoolDrain> drains = TakeCommands<PoolDrain>();
  ASSERT_THAT(drains, SizeIs(1));
  EXPECT_EQ(drains[0].timeout, milliseconds(1500));
}

TEST_F(SessionDrainTest, WhatIsGrantedMeanwhileComesBack) {
  Join();
  Drain();
  Take<Returned>();
  GrantLeases({1, 2});
  EXPECT_THAT(Take<Returned>(),
              ElementsAre(Returned{kSession, {TokenOf(1), TokenOf(2)}}));
  EXPECT_THAT(TakeStarts(), IsEmpty());
}

TEST_F(SessionDrainTest, NothingIsStartedAndNothingAskedFor) {
  Join();
  GrantLeases({1, 2, 3});
  TakeStarts();
  Drain();
  Take<Want>();
  FinishUnit(1);
  FinishUnit(2);
  AdvanceHearing(seconds(6));
  EXPECT_THAT(TakeStarts(), IsEmpty());
  EXPECT_THAT(Take<Want>(), IsEmpty());
}

TEST_F(SessionDrainTest, ItLeavesOnceThePoolIsEmptyAndItsResultsAreKept) {
  Join();
  GrantLeases({1});
  Drain();
  FinishUnit(1);
  EXPECT_THAT(TakeNumbers(), ElementsAre(1, 2));
  Happen(PoolEmpty{});
  EXPECT_FALSE(left_.has_value());
  Hear(ResultAck{kSession, 2});
  EXPECT_THAT(left_, Optional(IsOk()));
  EXPECT_THAT(Take<Goodbye>(), ElementsAre(Goodbye{kSession}));
}

TEST_F(SessionDrainTest, ItDoesNotLeaveBeforeThePoolIsEmpty) {
  Join();
  GrantLeases({1});
  Drain();
  FinishUnit(1);
  Hear(ResultAck{kSession, 2});
  EXPECT_FALSE(left_.has_value());
  Happen(PoolEmpty{});
  EXPECT_THAT(left_, Optional(IsOk()));
}

TEST_F(SessionDrainTest, ItLeavesWhenItsTimeIsUpWhateverIsLeft) {
  Join();
  GrantLeases({1});
  Drain();
  AdvanceHearing(milliseconds(7'999));
  EXPECT_FALSE(left_.has_value());
  Advance(milliseconds(1));
  EXPECT_THAT(left_, Optional(IsOk()));
  EXPECT_THAT(Take<Goodbye>(), SizeIs(1));
}

// "rerun: drained" is drawn from it.
TEST_F(SessionDrainTest, ATestThatOutlivesTheDrainIsNamedByItsUnitsEnd) {
  Join();
  GrantLeases({1});
  Drain();
  UnitEndItem end = MakeEnd(1);
  end.interrupted = {MakeLease(1).tests[0].test};
  Happen(PoolResult{end});
  const std::vector<Results> results = Take<Results>();
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_THAT(results[0].items, ElementsAre(ResultItem(end)));
}

TEST_F(SessionDrainTest, ASecondCallEndsWorkersAtOnceAndWaitsForNoAnswer) {
  Join();
  GrantLeases({1});
  Drain();
  TakeCommands<PoolDrain>();
  Advance(milliseconds(100));
  Drain();
  const std::vector<PoolDrain> drains = TakeCommands<PoolDrain>();
  ASSERT_THAT(drains, SizeIs(1));
  EXPECT_EQ(drains[0].timeout, Duration::zero());
  FinishUnit(1);
  EXPECT_FALSE(left_.has_value());
  Happen(PoolEmpty{});
  EXPECT_THAT(TakeNumbers(), ElementsAre(1, 2));
  EXPECT_THAT(left_, Optional(IsOk()));
}

TEST_F(SessionDrainTest, ASecondCallWaitsForAPoolASecondAtMost) {
  Join();
  GrantLeases({1});
  Drain();
  Drain();
  Advance(milliseconds(999));
  EXPECT_FALSE(left_.has_value());
  Advance(milliseconds(1));
  EXPECT_TRUE(left_.has_value());
}

TEST_F(SessionDrainTest, ASecondCallDoesNotMakeTheTimeLonger) {
  Join();
  GrantLeases({1});
  Drain();
  AdvanceHearing(milliseconds(7'500));
  Drain();
  Advance(milliseconds(500));
  EXPECT_TRUE(left_.has_value());
}

TEST_F(SessionDrainTest, ANewSessionIsToldThatTheAgentDrains) {
  Join();
  GrantLeases({1});
  AdvanceHearing(seconds(2));
  Drain();
  Take<Draining>();
  Hear(Rehello{});
  Hear(MakeWelcome(SessionId{8}));
  EXPECT_THAT(Take<Draining>(), ElementsAre(Draining{SessionId{8}}));
  EXPECT_THAT(Take<Want>(), SizeIs(1));  // of before
}

// What waits comes back by not being in the next hello.
TEST_F(SessionDrainTest, WithoutASessionWhatHasNotStartedIsHeldNoMore) {
  Join();
  GrantLeases({1, 2, 3});
  AdvanceHearing(seconds(2));
  session_.OnMessage(now_, Rehello{});
  Drain();
  const std::vector<Hello> hellos = Take<Hello>();
  ASSERT_FALSE(hellos.empty());
  EXPECT_THAT(hellos.back().held, ElementsAre(HeldLease{TokenOf(1), true},
                                              HeldLease{TokenOf(2), true}));
}

TEST_F(SessionDrainTest, WithoutASessionAndAnythingToSayItLeavesAtOnce) {
  Tick();
  Drain();
  EXPECT_FALSE(left_.has_value());
  Happen(PoolEmpty{});
  EXPECT_THAT(left_, Optional(IsOk()));
  EXPECT_THAT(Take<Goodbye>(), IsEmpty());
}

TEST_F(SessionDrainTest, WithoutASessionResultsAreKeptForOneUntilTheTimeIsUp) {
  Join();
  GrantLeases({1});
  AdvanceHearing(seconds(2));
  session_.OnMessage(now_, Rehello{});
  Drain();
  FinishUnit(1);
  Happen(PoolEmpty{});
  EXPECT_FALSE(left_.has_value());
  JoinAgain(MakeWelcome(SessionId{8}));
  EXPECT_THAT(TakeNumbers(), ElementsAre(1, 2));
  Hear(ResultAck{SessionId{8}, 2});
  EXPECT_THAT(left_, Optional(IsOk()));
}

}  // namespace
}  // namespace paceline
