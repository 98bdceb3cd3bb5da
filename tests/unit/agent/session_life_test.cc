// Signs of life: beats, silence, and what an agent's own standing still means.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/session_fixture.h"

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// ---- beats -----------------------------------------------------------------

TEST_F(SessionTest, ItBeatsAtTheIntervalOfItsWelcome) {
  Tick();
  Welcome welcome = MakeWelcome();
  welcome.beat_interval = seconds(3);
  Hear(welcome);
  EXPECT_THAT(Take<Beat>(), SizeIs(1));
  Advance(milliseconds(2999));
  EXPECT_THAT(Take<Beat>(), IsEmpty());
  Advance(seconds(7));
  const std::vector<Beat> beats = Take<Beat>();
  ASSERT_THAT(beats, SizeIs(3));
  for (std::size_t i = 0; i < beats.size(); ++i) {
    EXPECT_EQ(beats[i].session, kSession);
    EXPECT_EQ(beats[i].seq, i + 2);
  }
}

// Nothing is granted before it is known how the pool does.
TEST_F(SessionTest, ItBeatsAtOnceAndBeforeItAsksForWork) {
  Tick();
  Take<Hello>();
  Hear(MakeWelcome());
  ASSERT_THAT(sent_, SizeIs(2));
  EXPECT_TRUE(std::holds_alternative<Beat>(sent_[0]));
  EXPECT_TRUE(std::holds_alternative<Want>(sent_[1]));
}

TEST_F(SessionTest, ItBeatsAtTheIntervalOfTheLastAcknowledgement) {
  Join();
  Advance(seconds(1));
  EXPECT_THAT(Take<Beat>(), SizeIs(1));
  Hear(BeatAck{2, seconds(4), seconds(30)});
  Advance(seconds(1));  // the one that was due
  EXPECT_THAT(Take<Beat>(), SizeIs(1));
  Advance(milliseconds(3999));
  EXPECT_THAT(Take<Beat>(), IsEmpty());
  Advance(milliseconds(1));
  EXPECT_THAT(Take<Beat>(), SizeIs(1));
}

TEST_F(SessionTest, AfterStandingStillOneBeatGoesOut) {
  Join();
  Stall(seconds(10));
  EXPECT_THAT(Take<Beat>(), SizeIs(1));
  Advance(milliseconds(999));
  EXPECT_THAT(Take<Beat>(), IsEmpty());
}

TEST_F(SessionTest, ABeatSaysWhatRunsForHowLongAndWhenThePoolLastTurned) {
  Join();
  GrantLeases({1});
  const TestIndex test = MakeLease(1).tests[0].test;
  Advance(milliseconds(400));
  Happen(PoolTestStarted{MakeRun(), TokenOf(1), test});
  pool_age_ = milliseconds(150);
  Advance(milliseconds(600));
  const std::vector<Beat> beats = Take<Beat>();
  ASSERT_THAT(beats, SizeIs(1));
  EXPECT_EQ(beats[0].pool_turn_age, milliseconds(150));
  EXPECT_THAT(beats[0].slots,
              ElementsAre(SlotProgress{MakeRun(), TokenOf(1), test,
                                       milliseconds(600)}));
}

TEST_F(SessionTest, ATestThatHasEndedIsNotInABeat) {
  Join();
  GrantLeases({1});
  Happen(PoolTestStarted{MakeRun(), TokenOf(1), MakeLease(1).tests[0].test});
  Happen(PoolResult{MakeAttempt(1)});
  Advance(kBeat);
  const std::vector<Beat> beats = Take<Beat>();
  ASSERT_THAT(beats, SizeIs(1));
  EXPECT_THAT(beats[0].slots, IsEmpty());
}

TEST_F(SessionTest, ATestOfAUnitThatHasEndedIsNotInABeat) {
  Join();
  GrantLeases({1});
  Happen(PoolTestStarted{MakeRun(), TokenOf(1), MakeLease(1).tests[0].test});
  Happen(PoolResult{MakeEnd(1)});
  Happen(PoolTestStarted{MakeRun(), TokenOf(1), MakeLease(1).tests[0].test});
  Advance(kBeat);
  const std::vector<Beat> beats = Take<Beat>();
  ASSERT_THAT(beats, SizeIs(1));
  EXPECT_THAT(beats[0].slots, IsEmpty());
}

TEST_F(SessionTest, APingIsAnsweredWithItsNonce) {
  Join();
  Hear(Ping{99});
  EXPECT_THAT(Take<Pong>(), ElementsAre(Pong{99}));
}

// ---- the coordinator's silence ---------------------------------------------

TEST_F(SessionTest, ASilentCoordinatorIsDialledAgain) {
  Join();
  Advance(milliseconds(14'999));
  EXPECT_EQ(reconnects_, 0);
  EXPECT_THAT(Take<Hello>(), IsEmpty());
  Advance(milliseconds(1));
  EXPECT_EQ(reconnects_, 1);
  EXPECT_THAT(Take<Hello>(), SizeIs(1));
}

TEST_F(SessionTest, AnyMessageIsASignOfLife) {
  Join();
  for (int i = 0; i < 4; ++i) {
    Advance(seconds(14));
    // Of another session, and for a client: changes nothing else.
    Hear(i % 2 == 0 ? Message(ResultAck{SessionId{99}, 5})
                    : Message(SubmitKept{MakeRun()}));
  }
  EXPECT_EQ(reconnects_, 0);
}

TEST_F(SessionTest, OwnStandingStillIsNotTheCoordinatorsSilence) {
  Join();
  Advance(seconds(10));
  Stall(milliseconds(9'900));
  EXPECT_EQ(reconnects_, 0);
  Advance(milliseconds(4'900));
  EXPECT_EQ(reconnects_, 0);
  Advance(milliseconds(200));
  EXPECT_EQ(reconnects_, 1);
}

// ---- nothing is started past twenty seconds --------------------------------

// Two units run, and one waits. The coordinator was last heard `silence` ago;
// for most of that time the agent stood still.
class StartBoundTest : public SessionTest {
 protected:
  void FallSilent(Duration silence) {
    Join();
    GrantLeases({1, 2, 3});
    ASSERT_THAT(TakeStarts(), ElementsAre(TokenOf(1), TokenOf(2)));
    Take<Started>();
    Advance(seconds(5));
    Stall(silence - seconds(10));
    Advance(seconds(5));
    ASSERT_EQ(reconnects_, 0);
  }
};

TEST_F(StartBoundTest, JustUnderTwentySecondsOfSilenceAUnitStarts) {
  FallSilent(milliseconds(19'999));
  FinishUnit(1);
  EXPECT_THAT(TakeStarts(), ElementsAre(TokenOf(3)));
}

TEST_F(StartBoundTest, AfterTwentySecondsOfSilenceNothingStarts) {
  FallSilent(seconds(20));
  FinishUnit(1);
  EXPECT_THAT(TakeStarts(), IsEmpty());
  EXPECT_THAT(Take<Started>(), IsEmpty());
  Tick();
  EXPECT_EQ(reconnects_, 1);
  EXPECT_THAT(Take<Hello>(), SizeIs(1));
}

TEST_F(StartBoundTest, UntilItIsWelcomedAgainNothingStarts) {
  FallSilent(seconds(20));
  FinishUnit(1);
  FinishUnit(2);
  Advance(seconds(3));
  EXPECT_THAT(TakeStarts(), IsEmpty());
  JoinAgain(MakeWelcome(SessionId{8}));
  EXPECT_THAT(TakeStarts(), ElementsAre(TokenOf(3)));
  const std::vector<Started> started = Take<Started>();
  ASSERT_THAT(started, SizeIs(1));
  EXPECT_EQ(started[0].session, SessionId{8});
}

TEST_F(StartBoundTest, ABoundUnderHalfAMinuteTakesTheStartBoundWithIt) {
  Tick();
  Welcome welcome = MakeWelcome();
  welcome.lost_after = seconds(9);
  Hear(welcome);
  GrantLeases({1, 2, 3});
  TakeStarts();
  Advance(milliseconds(200));
  Stall(milliseconds(5'800));
  FinishUnit(1);
  EXPECT_THAT(TakeStarts(), IsEmpty());
}

// What came in before a suspended host slept is read after it woke, and is no
// word of a coordinator that may have given the agent up long ago.
TEST_F(StartBoundTest, WhatWaitedThroughALongStallIsNoWordOfTheCoordinator) {
  Join();
  GrantLeases({1, 2, 3});
  TakeStarts();
  now_ += minutes(5);
  session_.OnMessage(now_, BeatAck{1});
  session_.OnPoolEvent(now_, PoolResult{MakeEnd(1)});
  Tick();
  EXPECT_THAT(TakeStarts(), IsEmpty());
  EXPECT_EQ(reconnects_, 1);
}

// A message read after a stall counted as heard then, though it may have come
// as the stall began: with both just under the bound a unit was started forty
// seconds after the coordinator had last been there, and ran a second time
// elsewhere.
TEST_F(StartBoundTest, WhatWaitedThroughAShortStallIsAsOldAsTheStall) {
  Join();
  GrantLeases({1, 2, 3});
  TakeStarts();
  now_ += milliseconds(15'000);
  session_.OnMessage(now_, BeatAck{1});
  Tick();
  EXPECT_EQ(reconnects_, 0);
  Advance(milliseconds(4'999));
  session_.OnPoolEvent(now_, PoolResult{MakeEnd(1)});
  Tick();
  EXPECT_THAT(TakeStarts(), ElementsAre(TokenOf(3)));
  // The same again, and two milliseconds more.
  GrantLeases({4});
  now_ += milliseconds(15'000);
  session_.OnMessage(now_, BeatAck{1});
  Tick();
  Advance(milliseconds(5'001));
  session_.OnPoolEvent(now_, PoolResult{MakeEnd(2)});
  Tick();
  EXPECT_THAT(TakeStarts(), IsEmpty());
}

TEST_F(StartBoundTest, AWelcomeThatWaitedThroughAStallIsAsOldAsTheStall) {
  Join();
  GrantLeases({1, 2, 3});
  TakeStarts();
  AdvanceHearing(seconds(2));
  Hear(Rehello{});
  now_ += seconds(20);
  session_.OnMessage(now_, MakeWelcome(SessionId{8}));
  session_.OnPoolEvent(now_, PoolResult{MakeEnd(1)});
  Tick();
  EXPECT_THAT(TakeStarts(), IsEmpty());
  Take<Hello>();
  JoinAgain(MakeWelcome(SessionId{9}));
  EXPECT_THAT(TakeStarts(), ElementsAre(TokenOf(3)));
}

// ---- what is not of the protocol -------------------------------------------

TEST_F(SessionTest, BytesThatAreNoMessageBeginAnotherSession) {
  Join();
  AdvanceHearing(seconds(2));
  session_.OnMalformed(now_, absl::InvalidArgumentError("garbage"));
  Tick();
  EXPECT_EQ(reconnects_, 1);
  EXPECT_THAT(Take<Hello>(), SizeIs(1));
  EXPECT_FALSE(left_.has_value());
}

TEST_F(SessionTest, BytesThatAreNoMessageChangeNothingBeforeTheWelcome) {
  Tick();
  session_.OnMalformed(now_, absl::InvalidArgumentError("garbage"));
  Hear(MakeWelcome());
  EXPECT_THAT(Take<Want>(), SizeIs(1));
}

TEST_F(SessionTest, AWelcomeInAVersionItDoesNotSpeakIsTheEnd) {
  Tick();
  Welcome welcome = MakeWelcome();
  welcome.protocol = 2;
  session_.OnMessage(now_, welcome);
  ASSERT_TRUE(left_.has_value());
  EXPECT_EQ(left_->code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(left_->message()),
              testing::HasSubstr("update this agent"));
}

TEST_F(SessionTest, AWelcomeInAFormItCannotReadIsTheEnd) {
  Tick();
  session_.OnMalformed(now_, absl::UnimplementedError("update this program"));
  ASSERT_TRUE(left_.has_value());
  EXPECT_EQ(left_->code(), absl::StatusCode::kUnimplemented);
}

TEST_F(SessionTest, ARefusedMessageBeginsAnotherSession) {
  Join();
  AdvanceHearing(seconds(2));
  Hear(Refused{RefusalCode::kMalformed, "results.items[3]: too long"});
  EXPECT_EQ(reconnects_, 1);
  EXPECT_THAT(Take<Hello>(), SizeIs(1));
}

TEST_F(SessionTest, AMessageOfAnotherSessionChangesNothing) {
  Join();
  GrantLeases({1, 2, 3});
  FinishUnit(1);
  TakeStarts();
  sent_.clear();
  const SessionId other{8};
  GrantLeases({4}, other);
  Hear(Revoke{other, {TokenOf(3)}});
  Hear(Stop{other, {TokenOf(2), TokenOf(3)}, seconds(1), "enough"});
  Hear(ResultAck{other, 2});
  EXPECT_THAT(sent_, IsEmpty());
  EXPECT_THAT(commands_, IsEmpty());
  AdvanceHearing(seconds(2));
  Hear(Rehello{});
  const std::vector<Hello> hellos = Take<Hello>();
  ASSERT_THAT(hellos, SizeIs(1));
  EXPECT_EQ(hellos[0].first_result, 1U);
  EXPECT_THAT(hellos[0].held, SizeIs(3));
}

TEST_F(SessionTest, WhatComesWithoutASessionWasMeantForTheLastOne) {
  Join();
  AdvanceHearing(seconds(2));
  session_.OnMessage(now_, Rehello{});
  GrantLeases({1});
  EXPECT_THAT(commands_, IsEmpty());
  Hear(MakeWelcome(SessionId{8}));
  EXPECT_THAT(TakeStarts(), IsEmpty());
}

}  // namespace
}  // namespace paceline
