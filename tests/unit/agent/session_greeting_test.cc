// How an agent's session begins: hello, and what the coordinator makes of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/unit/agent/session_fixture.h"

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::Eq;
using testing::IsEmpty;
using testing::Optional;
using testing::SizeIs;

class LocalSessionTest : public SessionTest {
 protected:
  LocalSessionTest() : SessionTest(LocalOptions()) {}

  static SessionOptions LocalOptions() {
    SessionOptions options = Options();
    options.exit_when_disconnected = true;
    return options;
  }
};

class ImpatientSessionTest : public SessionTest {
 protected:
  ImpatientSessionTest() : SessionTest(ImpatientOptions()) {}

  static SessionOptions ImpatientOptions() {
    SessionOptions options = Options();
    options.name_patience = Duration::zero();
    return options;
  }
};

Refused NameTaken() {
  return Refused{RefusalCode::kNameTaken,
                 "the name alpha is taken by the agent on host h, process 3"};
}

TEST_F(SessionTest, TheFirstMessageIsAHelloThatSaysWhoItIs) {
  Tick();
  ASSERT_THAT(sent_, SizeIs(1));
  const std::vector<Hello> hellos = Take<Hello>();
  ASSERT_THAT(hellos, SizeIs(1));
  Hello expected;
  expected.program_version = "test";
  expected.name = "alpha";
  expected.instance = Options().instance;
  expected.host = "host";
  expected.pid = 42;
  expected.slots = 2;
  expected.labels = {"linux"};
  expected.first_result = 1;
  expected.seq = 1;
  EXPECT_EQ(hellos[0], expected);
  EXPECT_EQ(reconnects_, 0);
}

TEST_F(SessionTest, NothingButHelloIsSaidWithoutAWelcome) {
  Advance(seconds(30));
  const std::vector<Hello> hellos = Take<Hello>();
  EXPECT_GT(hellos.size(), 5U);
  EXPECT_THAT(sent_, IsEmpty());
}

// Were a late answer to the first hello to come after the second, grants
// under it would be dropped unseen.
TEST_F(SessionTest, AHelloWithoutAnAnswerIsSaidAgainOnAFreshConnection) {
  Tick();
  Take<Hello>();
  Advance(milliseconds(249));
  EXPECT_THAT(Take<Hello>(), IsEmpty());
  EXPECT_EQ(reconnects_, 0);
  Advance(milliseconds(251));
  const std::vector<Hello> hellos = Take<Hello>();
  ASSERT_THAT(hellos, SizeIs(1));
  EXPECT_EQ(hellos[0].seq, 2U);
  EXPECT_EQ(reconnects_, 1);
}

TEST_F(SessionTest, WaitsForAnAnswerGrowToFiveSecondsAtMost) {
  std::vector<Instant> said;
  const Instant begin = now_;
  while (now_ - begin < minutes(2)) {
    Tick();
    if (!Take<Hello>().empty()) {
      said.push_back(now_);
    }
    now_ = session_.next_deadline();
  }
  ASSERT_GT(said.size(), 20U);
  Duration most = milliseconds(500);
  for (std::size_t i = 1; i < said.size(); ++i) {
    EXPECT_GE(said[i] - said[i - 1], most / 2);
    EXPECT_LE(said[i] - said[i - 1], most);
    most = std::min<Duration>(most * 2, seconds(5));
  }
}

TEST_F(SessionTest, AHelloThatCannotBeSentIsTriedAgainSoon) {
  send_status_ = absl::UnavailableError("no connection");
  Tick();
  Advance(milliseconds(100));
  send_status_ = absl::OkStatus();
  Advance(milliseconds(100));
  EXPECT_THAT(Take<Hello>(), SizeIs(1));
  EXPECT_EQ(reconnects_, 0);
}

// After some errors libzmq never dials again by itself.
TEST_F(SessionTest, AConnectionThatTakesNothingIsDialledAfresh) {
  send_status_ = absl::UnavailableError("no connection");
  Tick();
  Advance(seconds(14));
  EXPECT_EQ(reconnects_, 0);
  Advance(seconds(3));
  EXPECT_EQ(reconnects_, 1);
  Advance(seconds(16));
  EXPECT_EQ(reconnects_, 2);
}

TEST_F(SessionTest, AWelcomeThatNobodyAskedForChangesNothing) {
  send_status_ = absl::UnavailableError("no connection");
  Tick();
  Hear(MakeWelcome());
  send_status_ = absl::OkStatus();
  Advance(seconds(2));
  EXPECT_FALSE(Take<Hello>().empty());
  EXPECT_THAT(sent_, IsEmpty());
}

TEST_F(SessionTest, ASecondWelcomeChangesNothing) {
  Join();
  Hear(MakeWelcome(SessionId{8}));
  Advance(kBeat);
  const std::vector<Beat> beats = Take<Beat>();
  ASSERT_FALSE(beats.empty());
  for (const Beat& beat : beats) {
    EXPECT_EQ(beat.session, kSession);
  }
}

TEST_F(SessionTest, ATakenNameIsBorneWithForAMinute) {
  Tick();
  const Instant first = now_;
  while (now_ - first < seconds(60)) {
    EXPECT_FALSE(left_.has_value());
    if (!Take<Hello>().empty()) {
      Hear(NameTaken());
    }
    Advance(milliseconds(50));
  }
  EXPECT_FALSE(left_.has_value());
  Advance(seconds(5));
  Hear(NameTaken());
  ASSERT_TRUE(left_.has_value());
  EXPECT_THAT(*left_,
              StatusIs(absl::StatusCode::kAlreadyExists, NameTaken().sentence));
  EXPECT_TRUE(session_.left());
}

TEST_F(ImpatientSessionTest, WithoutPatienceATakenNameIsAskedForOnce) {
  Tick();
  EXPECT_FALSE(left_.has_value());
  Hear(NameTaken());
  ASSERT_TRUE(left_.has_value());
  EXPECT_THAT(*left_,
              StatusIs(absl::StatusCode::kAlreadyExists, NameTaken().sentence));
}

TEST_F(SessionTest, PatienceWithANameBeginsAgainAfterASession) {
  Tick();
  Take<Hello>();
  Hear(NameTaken());
  JoinAgain(MakeWelcome());
  AdvanceHearing(minutes(2));
  Hear(Rehello{});
  Tick();
  Hear(NameTaken());
  EXPECT_FALSE(left_.has_value());
}

TEST_F(SessionTest, AnotherProtocolVersionEndsTheAgentWithItsSentence) {
  Tick();
  Hear(Refused{RefusalCode::kProtocolVersion, "install the same on both"});
  EXPECT_THAT(left_, Optional(StatusIs(absl::StatusCode::kUnimplemented,
                                       Eq("install the same on both"))));
}

TEST_F(SessionTest, AHelloThatIsRefusedForGoodEndsTheAgent) {
  Tick();
  Hear(Refused{RefusalCode::kMalformed, "hello.slots: 0"});
  EXPECT_THAT(left_, Optional(StatusIs(absl::StatusCode::kInvalidArgument)));
}

TEST_F(SessionTest, AnAgentThatIsNotAllowedEnds) {
  Tick();
  Hear(Refused{RefusalCode::kNotAllowed, "no key"});
  EXPECT_THAT(left_, Optional(StatusIs(absl::StatusCode::kPermissionDenied)));
}

TEST_F(SessionTest, NothingHappensAfterTheAgentHasLeft) {
  Tick();
  Hear(Refused{RefusalCode::kNotAllowed, "no key"});
  sent_.clear();
  Hear(MakeWelcome());
  session_.Drain(now_);
  Stall(minutes(5));
  EXPECT_THAT(sent_, IsEmpty());
  EXPECT_THAT(commands_, IsEmpty());
  EXPECT_EQ(session_.next_deadline(), Instant::max());
}

TEST_F(SessionTest, ACoordinatorThatShutsDownIsDialledAgain) {
  Tick();
  Take<Hello>();
  Hear(Refused{RefusalCode::kShuttingDown, "shutting down"});
  EXPECT_FALSE(left_.has_value());
  EXPECT_EQ(reconnects_, 1);
  EXPECT_THAT(Take<Hello>(), IsEmpty());
  Advance(seconds(1));
  EXPECT_THAT(Take<Hello>(), SizeIs(1));
}

TEST_F(SessionTest, ARefusalThatNobodyAskedForChangesNothing) {
  send_status_ = absl::UnavailableError("no connection");
  Tick();
  Hear(Refused{RefusalCode::kMalformed, "late"});
  EXPECT_FALSE(left_.has_value());
}

TEST_F(SessionTest, ARehelloIsAnsweredAtOnceOnTheSameConnection) {
  Join();
  AdvanceHearing(seconds(2));
  Hear(Rehello{});
  const std::vector<Hello> hellos = Take<Hello>();
  ASSERT_THAT(hellos, SizeIs(1));
  EXPECT_EQ(hellos[0].seq, 2U);
  EXPECT_EQ(reconnects_, 0);
}

// Two that do not understand each other must not keep each other busy.
TEST_F(SessionTest, ARehelloRightAfterTheWelcomeIsAnsweredAfterAWait) {
  Join();
  Advance(milliseconds(100));
  Hear(Rehello{});
  EXPECT_THAT(Take<Hello>(), IsEmpty());
  Advance(milliseconds(499));
  EXPECT_THAT(Take<Hello>(), IsEmpty());
  Advance(milliseconds(501));
  EXPECT_THAT(Take<Hello>(), SizeIs(1));
}

TEST_F(SessionTest, AHelloSaysWhatIsHeldAndWhichResultIsNext) {
  Join();
  GrantLeases({4, 3, 2, 1});  // two slots: 4 and 3 start, the rest waits
  FinishUnit(4);              // 2 starts; the end of 4 is not acknowledged
  AdvanceHearing(seconds(2));
  Hear(ResultAck{kSession, 1});
  Hear(Rehello{});
  const std::vector<Hello> hellos = Take<Hello>();
  ASSERT_THAT(hellos, SizeIs(1));
  EXPECT_THAT(
      hellos[0].held,
      ElementsAre(HeldLease{TokenOf(1), false}, HeldLease{TokenOf(2), true},
                  HeldLease{TokenOf(3), true}, HeldLease{TokenOf(4), true}));
  EXPECT_EQ(hellos[0].first_result, 2U);
}

TEST_F(SessionTest, AWaitingLeaseThatIsDroppedIsForgotten) {
  Join();
  GrantLeases({1, 2, 3});
  AdvanceHearing(seconds(2));
  Hear(Rehello{});
  TakeStarts();
  Welcome welcome = MakeWelcome(SessionId{8});
  welcome.dropped = {TokenOf(3)};
  Hear(welcome);
  EXPECT_THAT(TakeCommands<PoolStop>(), IsEmpty());
  FinishUnit(1);
  FinishUnit(2);
  EXPECT_THAT(TakeStarts(), IsEmpty());
}

TEST_F(SessionTest, ARunningLeaseThatIsDroppedIsStoppedAndItsResultsAreNot) {
  Join();
  GrantLeases({1});
  AdvanceHearing(seconds(2));
  Hear(Rehello{});
  Welcome welcome = MakeWelcome(SessionId{8});
  welcome.dropped = {TokenOf(1)};
  Hear(welcome);
  const std::vector<PoolStop> stops = TakeCommands<PoolStop>();
  ASSERT_THAT(stops, SizeIs(1));
  EXPECT_EQ(stops[0].token, TokenOf(1));
  EXPECT_EQ(stops[0].grace, Duration::zero());
  FinishUnit(1);
  Advance(milliseconds(100));
  EXPECT_THAT(TakeNumbers(), IsEmpty());
}

TEST_F(SessionTest, ALeaseThatIsNotDroppedGoesOn) {
  Join();
  GrantLeases({1, 2, 3});
  AdvanceHearing(seconds(2));
  TakeStarts();
  Hear(Rehello{});
  Hear(MakeWelcome(SessionId{8}));
  EXPECT_THAT(commands_, IsEmpty());
  FinishUnit(1);
  EXPECT_THAT(TakeStarts(), ElementsAre(TokenOf(3)));
  Advance(AgentSession::kBatchDelay);
  EXPECT_THAT(TakeNumbers(), ElementsAre(1, 2));
}

TEST_F(LocalSessionTest, WithoutAnAnswerForHalfAMinuteItLeaves) {
  Tick();
  Advance(seconds(29));
  EXPECT_FALSE(left_.has_value());
  Advance(seconds(6));
  EXPECT_THAT(left_, Optional(StatusIs(absl::StatusCode::kUnavailable)));
}

TEST_F(LocalSessionTest, ACoordinatorThatShutsDownEndsIt) {
  Tick();
  Hear(Refused{RefusalCode::kShuttingDown, "shutting down"});
  EXPECT_THAT(left_, Optional(StatusIs(absl::StatusCode::kUnavailable)));
}

TEST_F(LocalSessionTest, ACoordinatorThatFallsSilentEndsIt) {
  Join();
  Advance(seconds(16));
  EXPECT_THAT(left_, Optional(StatusIs(absl::StatusCode::kUnavailable)));
}

}  // namespace
}  // namespace paceline
