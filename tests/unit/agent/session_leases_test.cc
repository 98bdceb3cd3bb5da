// What a session does with leases: credit, started, giving back, stopping.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tests/unit/agent/session_fixture.h"

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// ---- credit ----------------------------------------------------------------

TEST_F(SessionTest, AWelcomedAgentAsksForASlotEachAndAsMuchAhead) {
  Join();
  EXPECT_THAT(Take<Want>(), ElementsAre(Want{kSession, 0, 4}));
}

TEST_F(SessionTest, CreditIsAbsoluteAndSaidOnlyWhenItChanges) {
  Join();
  Take<Want>();
  // What is granted uses up what was asked for: there is nothing new to say.
  GrantLeases({1, 2, 3, 4});
  AdvanceHearing(seconds(20));
  EXPECT_THAT(Take<Want>(), IsEmpty());
  // A unit that ends makes room for one more: four were seen.
  FinishUnit(1);
  Advance(AgentSession::kBatchDelay);
  EXPECT_THAT(Take<Want>(), ElementsAre(Want{kSession, 4, 1}));
}

TEST_F(SessionTest, AnAgentWithASlotFreeAsksAgainEveryFiveSeconds) {
  Join();
  Take<Want>();
  AdvanceHearing(milliseconds(4'900));
  EXPECT_THAT(Take<Want>(), IsEmpty());
  AdvanceHearing(milliseconds(200));
  EXPECT_THAT(Take<Want>(), ElementsAre(Want{kSession, 0, 4}));
  AdvanceHearing(seconds(10));
  EXPECT_THAT(Take<Want>(), SizeIs(2));
}

TEST_F(SessionTest, GrantsAreCountedAnewInEachSession) {
  Join();
  GrantLeases({1, 2, 3});
  AdvanceHearing(seconds(2));
  Take<Want>();
  Hear(Rehello{});
  Hear(MakeWelcome(SessionId{8}));
  // Three are held, and none was granted in this session.
  EXPECT_THAT(Take<Want>(), ElementsAre(Want{SessionId{8}, 0, 1}));
}

TEST_F(SessionTest, AGrantThatComesTwiceIsTakenOnce) {
  Join();
  GrantLeases({1});
  GrantLeases({1});
  EXPECT_THAT(TakeStarts(), ElementsAre(TokenOf(1)));
  EXPECT_THAT(Take<Returned>(), IsEmpty());
  Take<Want>();
  FinishUnit(1);
  EXPECT_THAT(Take<Want>(), ElementsAre(Want{kSession, 1, 4}));
}

TEST_F(SessionTest, QuickUnitsAreHeldAheadForAQuarterOfASecond) {
  Join();
  Take<Want>();
  Grant grant;
  grant.session = kSession;
  grant.suites = {MakeSuite()};
  grant.leases = {MakeLease(1)};
  grant.leases[0].predicted = milliseconds(10);
  Hear(std::move(grant));
  // 25 units a slot ahead, and one for the slot that is free.
  EXPECT_THAT(Take<Want>(), ElementsAre(Want{kSession, 1, 51}));
}

TEST_F(SessionTest, MoreThanMayBeHeldComesBack) {
  Join();
  std::vector<std::uint64_t> counters(kMaxNamed);
  std::iota(counters.begin(), counters.end(), std::uint64_t{1});
  GrantLeases(counters);
  EXPECT_THAT(Take<Returned>(), IsEmpty());
  GrantLeases({5000});
  EXPECT_THAT(Take<Returned>(),
              ElementsAre(Returned{kSession, {TokenOf(5000)}}));
  Hear(Revoke{kSession, {TokenOf(5000)}});
  EXPECT_THAT(Take<Returned>(), SizeIs(1));
}

// ---- starting --------------------------------------------------------------

TEST_F(SessionTest, StartedGoesOutBeforeItsUnitGoesToThePool) {
  Join();
  log_.clear();
  GrantLeases({1, 2, 3});
  EXPECT_THAT(log_, ElementsAre("started", "pool start 1.1", "started",
                                "pool start 1.2"));
  EXPECT_THAT(Take<Started>(), ElementsAre(Started{kSession, {TokenOf(1)}},
                                           Started{kSession, {TokenOf(2)}}));
}

TEST_F(SessionTest, AUnitWhoseStartCannotBeSaidDoesNotStart) {
  Join();
  send_status_ = absl::ResourceExhaustedError("full");
  GrantLeases({1});
  EXPECT_THAT(TakeStarts(), IsEmpty());
  send_status_ = absl::OkStatus();
  Advance(milliseconds(19));
  EXPECT_THAT(TakeStarts(), IsEmpty());
  Advance(milliseconds(1));
  EXPECT_THAT(TakeStarts(), ElementsAre(TokenOf(1)));
  EXPECT_THAT(Take<Started>(), SizeIs(1));
}

TEST_F(SessionTest, ThePoolGetsTheLeaseAndItsSuiteAsTheyCame) {
  Join();
  GrantLeases({1});
  const std::vector<PoolStart> starts = TakeCommands<PoolStart>();
  ASSERT_THAT(starts, SizeIs(1));
  EXPECT_EQ(starts[0].lease, MakeLease(1));
  ASSERT_NE(starts[0].suite, nullptr);
  EXPECT_EQ(*starts[0].suite, MakeSuite().spec);
}

TEST_F(SessionTest, ASuiteIsDefinedOnceForASession) {
  Join();
  GrantLeases({1});
  Grant grant;
  grant.session = kSession;
  grant.leases = {MakeLease(2)};
  Hear(grant);
  EXPECT_THAT(TakeStarts(), ElementsAre(TokenOf(1), TokenOf(2)));
}

// The grant that defined it was lost on the way.
TEST_F(SessionTest, ALeaseOfAnUnknownSuiteBeginsAnotherSession) {
  Join();
  AdvanceHearing(seconds(2));
  Grant grant;
  grant.session = kSession;
  grant.leases = {MakeLease(2)};
  Hear(grant);
  EXPECT_THAT(TakeStarts(), IsEmpty());
  EXPECT_EQ(reconnects_, 1);
  const std::vector<Hello> hellos = Take<Hello>();
  ASSERT_THAT(hellos, SizeIs(1));
  EXPECT_THAT(hellos[0].held, IsEmpty());
}

// ---- giving back -----------------------------------------------------------

TEST_F(SessionTest, WhatWaitsIsReturnedWhatRunsOrRanIsKept) {
  Join();
  GrantLeases({1, 2, 3});
  FinishUnit(1);  // 3 starts
  GrantLeases({4});
  TakeStarts();
  Hear(Revoke{kSession, {TokenOf(1), TokenOf(2), TokenOf(4), TokenOf(77)}});
  EXPECT_THAT(Take<Returned>(),
              ElementsAre(Returned{kSession, {TokenOf(4), TokenOf(77)}}));
  EXPECT_THAT(Take<Kept>(),
              ElementsAre(Kept{kSession, {TokenOf(1), TokenOf(2)}}));
  FinishUnit(2);
  EXPECT_THAT(TakeStarts(), IsEmpty());
}

// The first answer may have been lost.
TEST_F(SessionTest, WhatWasReturnedIsReturnedAgainWhenAskedForAgain) {
  Join();
  GrantLeases({1, 2, 3});
  Hear(Revoke{kSession, {TokenOf(3)}});
  Take<Returned>();
  Hear(Revoke{kSession, {TokenOf(3)}});
  EXPECT_THAT(Take<Returned>(), ElementsAre(Returned{kSession, {TokenOf(3)}}));
}

TEST_F(SessionTest, AReturnedLeaseIsNeverTakenAgain) {
  Join();
  GrantLeases({1, 2, 3});
  Hear(Revoke{kSession, {TokenOf(3)}});
  TakeStarts();
  GrantLeases({3});
  FinishUnit(1);
  FinishUnit(2);
  EXPECT_THAT(TakeStarts(), IsEmpty());
}

TEST_F(SessionTest, AnAnswerThatCannotBeSentIsNotForgotten) {
  Join();
  GrantLeases({1, 2, 3});
  send_status_ = absl::ResourceExhaustedError("full");
  Hear(Revoke{kSession, {TokenOf(3)}});
  send_status_ = absl::OkStatus();
  Advance(milliseconds(20));
  EXPECT_THAT(Take<Returned>(), ElementsAre(Returned{kSession, {TokenOf(3)}}));
}

// Whoever reads `started` of the next unit first would think that its slot had
// been free all along.
TEST_F(SessionTest, AnswersGoOutBeforeWhatIsStartedAfterThem) {
  Join();
  GrantLeases({1, 2, 3, 4});
  log_.clear();
  session_.OnMessage(now_, Revoke{kSession, {TokenOf(3)}});
  session_.OnPoolEvent(now_, PoolResult{MakeEnd(1)});
  Tick();
  ASSERT_GE(log_.size(), 3U);
  EXPECT_EQ(log_[0], "returned");
  EXPECT_EQ(log_[1], "started");
  EXPECT_EQ(log_[2], "pool start 1.4");
}

// ---- stopping --------------------------------------------------------------

TEST_F(SessionTest, AStopReturnsWhatWaitsAndStopsWhatRuns) {
  Join();
  GrantLeases({1, 2, 3});
  Hear(Stop{kSession, {TokenOf(1), TokenOf(3)}, seconds(3), "enough"});
  EXPECT_THAT(Take<Returned>(), ElementsAre(Returned{kSession, {TokenOf(3)}}));
  const std::vector<PoolStop> stops = TakeCommands<PoolStop>();
  ASSERT_THAT(stops, SizeIs(1));
  EXPECT_EQ(stops[0].token, TokenOf(1));
  EXPECT_EQ(stops[0].grace, seconds(3));
  EXPECT_EQ(stops[0].reason, "enough");
}

TEST_F(SessionTest, AStopOfWhatIsNotHereIsAnsweredSoThatItIsNotAskedAgain) {
  Join();
  Hear(Stop{kSession, {TokenOf(9)}, seconds(3), "enough"});
  EXPECT_THAT(Take<Returned>(), ElementsAre(Returned{kSession, {TokenOf(9)}}));
}

TEST_F(SessionTest, AStopOfWhatHasEndedIsAnsweredByItsResults) {
  Join();
  GrantLeases({1});
  FinishUnit(1);
  Hear(Stop{kSession, {TokenOf(1)}, seconds(3), "enough"});
  EXPECT_THAT(Take<Returned>(), IsEmpty());
  EXPECT_THAT(TakeCommands<PoolStop>(), IsEmpty());
}

TEST_F(SessionTest, AStoppedUnitKeepsItsSlotUntilItEnds) {
  Join();
  GrantLeases({1, 2, 3});
  TakeStarts();
  Hear(Stop{kSession, {TokenOf(1)}, seconds(3), "enough"});
  EXPECT_THAT(TakeStarts(), IsEmpty());
  Happen(PoolResult{MakeEnd(1)});
  EXPECT_THAT(TakeStarts(), ElementsAre(TokenOf(3)));
}

TEST_F(SessionTest, WhenARunIsOverItsUnitsComeBackAndItsWorkersLeave) {
  Join();
  Grant grant;
  grant.session = kSession;
  grant.suites = {MakeSuite(), MakeSuite(MakeRun(2))};
  grant.leases = {MakeLease(1), MakeLease(2), MakeLease(3), MakeLease(4)};
  grant.leases[3].run = MakeRun(2);
  Hear(std::move(grant));
  TakeStarts();
  Hear(RunOver{MakeRun()});
  EXPECT_THAT(Take<Returned>(), ElementsAre(Returned{kSession, {TokenOf(3)}}));
  const std::vector<PoolRunOver> over = TakeCommands<PoolRunOver>();
  ASSERT_THAT(over, SizeIs(1));
  EXPECT_EQ(over[0].run, MakeRun());
  FinishUnit(1);
  EXPECT_THAT(TakeStarts(), ElementsAre(TokenOf(4)));
}

}  // namespace
}  // namespace paceline
