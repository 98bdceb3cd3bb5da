// What becomes of results: kept until acknowledged, whatever happens between.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/session_fixture.h"

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(SessionTest, ResultsAreNumberedFromOneAndSentOnce) {
  Join();
  GrantLeases({1});
  FinishUnit(1);
  const std::vector<Results> results = Take<Results>();
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_EQ(results[0].session, kSession);
  EXPECT_EQ(results[0].first, 1U);
  EXPECT_THAT(results[0].items,
              ElementsAre(ResultItem(MakeAttempt(1)), ResultItem(MakeEnd(1))));
  AdvanceHearing(seconds(5));
  EXPECT_THAT(Take<Results>(), IsEmpty());
}

TEST_F(SessionTest, WhatWasNotAcknowledgedIsSentAgainInTheNextSession) {
  Join();
  GrantLeases({1, 2});
  FinishUnit(1);
  FinishUnit(2);
  EXPECT_THAT(TakeNumbers(), ElementsAre(1, 2, 3, 4));
  Hear(ResultAck{kSession, 1});
  AdvanceHearing(seconds(2));
  Hear(Rehello{});
  Hear(MakeWelcome(SessionId{8}));
  const std::vector<Results> results = Take<Results>();
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_EQ(results[0].session, SessionId{8});
  EXPECT_EQ(results[0].first, 2U);
  EXPECT_THAT(results[0].items,
              ElementsAre(ResultItem(MakeEnd(1)), ResultItem(MakeAttempt(2)),
                          ResultItem(MakeEnd(2))));
}

TEST_F(SessionTest, WhatTheWelcomeSaysIsKeptIsNotSentAgain) {
  Join();
  GrantLeases({1, 2});
  FinishUnit(1);
  FinishUnit(2);
  TakeNumbers();
  AdvanceHearing(seconds(2));
  Hear(Rehello{});
  Welcome welcome = MakeWelcome(SessionId{8});
  welcome.acked_through = 3;
  Hear(welcome);
  EXPECT_THAT(TakeNumbers(), ElementsAre(4));
}

TEST_F(SessionTest, AResultThatCameWithoutASessionGoesOutInTheNextOne) {
  Join();
  GrantLeases({1});
  AdvanceHearing(seconds(2));
  session_.OnMessage(now_, Rehello{});
  FinishUnit(1);
  EXPECT_THAT(TakeNumbers(), IsEmpty());
  JoinAgain(MakeWelcome(SessionId{8}));
  EXPECT_THAT(TakeNumbers(), ElementsAre(1, 2));
}

TEST_F(SessionTest, AnEndedUnitIsHeldUntilItsEndIsAcknowledged) {
  Join();
  GrantLeases({1});
  FinishUnit(1);
  Hear(ResultAck{kSession, 1});
  AdvanceHearing(seconds(2));
  Hear(Rehello{});
  std::vector<Hello> hellos = Take<Hello>();
  ASSERT_THAT(hellos, SizeIs(1));
  EXPECT_THAT(hellos[0].held, ElementsAre(HeldLease{TokenOf(1), true}));
  Hear(MakeWelcome(SessionId{8}));
  Hear(ResultAck{SessionId{8}, 2});
  AdvanceHearing(seconds(2));
  Hear(Rehello{});
  hellos = Take<Hello>();
  ASSERT_THAT(hellos, SizeIs(1));
  EXPECT_THAT(hellos[0].held, IsEmpty());
}

TEST_F(SessionTest, ANumberThatWasNeverGivenAcknowledgesNothingMore) {
  Join();
  GrantLeases({1});
  FinishUnit(1);
  Hear(ResultAck{kSession, 1000});
  GrantLeases({2});
  FinishUnit(2);
  EXPECT_THAT(TakeNumbers(), ElementsAre(1, 2, 3, 4));
}

TEST_F(SessionTest, WhileEverySlotIsBusyResultsShareAMessage) {
  Join();
  GrantLeases({1, 2, 3, 4});
  AdvanceHearing(seconds(1));
  Take<Results>();
  Happen(PoolResult{MakeAttempt(1)});  // goes out: the last was long ago
  Advance(milliseconds(1));
  EXPECT_THAT(TakeNumbers(), ElementsAre(1));
  Happen(PoolResult{MakeEnd(1)});
  Happen(PoolResult{MakeAttempt(2)});
  EXPECT_THAT(Take<Results>(), IsEmpty());
  Advance(milliseconds(4));
  const std::vector<Results> results = Take<Results>();
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_THAT(results[0].items, SizeIs(2));
}

TEST_F(SessionTest, AResultDoesNotWaitWhileASlotHasNothingToDo) {
  Join();
  GrantLeases({1});
  Happen(PoolResult{MakeAttempt(1)});
  Happen(PoolResult{MakeEnd(1)});
  EXPECT_THAT(TakeNumbers(), ElementsAre(1, 2));
}

TEST_F(SessionTest, ResultsThatCannotBeSentAreTriedAgainInOrder) {
  Join();
  GrantLeases({1});
  send_status_ = absl::ResourceExhaustedError("full");
  FinishUnit(1);
  Advance(milliseconds(30));
  send_status_ = absl::OkStatus();
  Advance(milliseconds(30));
  EXPECT_THAT(TakeNumbers(), ElementsAre(1, 2));
}

TEST_F(SessionTest, ResultsWithoutAnAnswerForTenSecondsBeginAnotherSession) {
  Join();
  GrantLeases({1, 2});
  FinishUnit(1);
  AdvanceHearing(milliseconds(9'900));
  EXPECT_EQ(reconnects_, 0);
  AdvanceHearing(milliseconds(200));
  EXPECT_EQ(reconnects_, 1);
  EXPECT_THAT(Take<Hello>(), SizeIs(1));
}

TEST_F(SessionTest, OwnStandingStillIsNotALateAnswer) {
  Join();
  GrantLeases({1, 2});
  FinishUnit(1);
  AdvanceHearing(seconds(1));
  Stall(seconds(12));
  AdvanceHearing(milliseconds(8'900));
  EXPECT_EQ(reconnects_, 0);
  AdvanceHearing(milliseconds(200));
  EXPECT_EQ(reconnects_, 1);
}

// The answer to the first message stopped the wait for the second's: lost, it
// was sent again only after the next result, however long that took.
TEST_F(SessionTest, TheAnswerToOneMessageIsNotThatToTheNext) {
  Join();
  GrantLeases({1, 2, 3, 4});
  Happen(PoolResult{MakeAttempt(1)});
  Advance(AgentSession::kBatchDelay);
  Happen(PoolResult{MakeAttempt(2)});
  Advance(AgentSession::kBatchDelay);
  ASSERT_THAT(Take<Results>(), SizeIs(2));
  AdvanceHearing(seconds(1));
  Hear(ResultAck{kSession, 1});
  AdvanceHearing(milliseconds(9'900));
  EXPECT_EQ(reconnects_, 0);
  AdvanceHearing(milliseconds(200));
  EXPECT_EQ(reconnects_, 1);
}

TEST_F(SessionTest, AResultAfterItsUnitsEndIsNotSent) {
  Join();
  GrantLeases({1});
  Happen(PoolResult{MakeEnd(1)});
  Happen(PoolResult{MakeAttempt(1)});
  Happen(PoolResult{MakeEnd(1)});
  Advance(milliseconds(100));
  EXPECT_THAT(TakeNumbers(), ElementsAre(1));
}

TEST_F(SessionTest, ANoteNeedsNoLease) {
  Join();
  Happen(PoolResult{NoteItem{MakeRun(), "the memory ceiling cannot be met"}});
  EXPECT_THAT(TakeNumbers(), ElementsAre(1));
}

// ---- the outbox's bound ----------------------------------------------------

class OutboxBoundTest : public SessionTest {
 protected:
  // Of 65 tests with a MiB of output each, none is acknowledged.
  void FillOutbox() {
    Join();
    Grant grant;
    grant.session = kSession;
    grant.suites = {MakeSuite()};
    grant.leases = {MakeLease(1, 100), MakeLease(2), MakeLease(3)};
    Hear(std::move(grant));
    ASSERT_THAT(TakeStarts(), SizeIs(2));
    ASSERT_TRUE(session_.accepting());
    AttemptItem item = MakeAttempt(1, std::string(std::size_t{1} << 20, 'x'));
    for (int i = 0; i < 65 && session_.accepting(); ++i) {
      session_.OnPoolEvent(now_, PoolResult{item});
      item.test = TestIndex{Value(item.test) + 1};
    }
    ASSERT_FALSE(session_.accepting());
  }
};

TEST_F(OutboxBoundTest, TooMuchUnacknowledgedTakesAndStartsNothingMore) {
  FillOutbox();
  FinishUnit(2);
  AdvanceHearing(seconds(2));
  EXPECT_THAT(TakeStarts(), IsEmpty());
}

TEST_F(OutboxBoundTest, WhatIsAcknowledgedMakesRoomAndWorkGoesOn) {
  FillOutbox();
  FinishUnit(2);
  Hear(ResultAck{kSession, 10});
  EXPECT_TRUE(session_.accepting());
  EXPECT_THAT(TakeStarts(), ElementsAre(TokenOf(3)));
}

}  // namespace
}  // namespace paceline
