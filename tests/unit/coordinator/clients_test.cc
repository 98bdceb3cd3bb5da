// Clients: submitting a run, following it, and leaving it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/coordinator/coordinator_fixture.h"

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class ClientsTest : public CoordinatorTest {
 protected:
  static RunOptions OneATime() {
    RunOptions options;
    options.max_unit_tests = 1;
    return options;
  }
  std::vector<RunStatus> Runs() {
    Say("observer", StatusRequest{});
    return Take<StatusReply>("observer").at(0).runs;
  }
};

// ---- greeting --------------------------------------------------------------

TEST_F(ClientsTest, AClientIsWelcomed) {
  Say("client", ClientHello{kFleetProtocolVersion, "test", "host", 1});
  EXPECT_THAT(Take<ClientWelcome>("client"),
              ElementsAre(ClientWelcome{kFleetProtocolVersion, 1, seconds(5)}));
}

TEST_F(ClientsTest, AnotherVersionIsRefusedWithASentence) {
  Say("client", ClientHello{9, "test", "host", 1});
  const auto refused = Take<Refused>("client");
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].code, RefusalCode::kProtocolVersion);
  EXPECT_THAT(refused[0].sentence, HasSubstr("version 9"));
  EXPECT_THAT(refused[0].sentence, HasSubstr("update the coordinator"));
}

// ---- submission ------------------------------------------------------------

TEST_F(ClientsTest, EachPartIsAcknowledgedAndTheClosing) {
  const RunId run = Open();
  EXPECT_THAT(Take<PartKept>("client"), ElementsAre(PartKept{run, 0}));
  const SubmitPart one = MakePart(run, 1, {Test("1")});
  const SubmitPart two = MakePart(run, 2, {Test("2"), Test("3")});
  Say("client", one);
  EXPECT_THAT(Take<PartKept>("client"), ElementsAre(PartKept{run, 1}));
  Say("client", two);
  EXPECT_THAT(Take<PartKept>("client"), ElementsAre(PartKept{run, 2}));
  Say("client", MakeComplete(run, {one, two}));
  EXPECT_THAT(Take<SubmitKept>("client"), ElementsAre(SubmitKept{run}));
}

TEST_F(ClientsTest, NothingIsAcknowledgedBeforeItIsCommitted) {
  journal_.late = true;
  const RunId run = Open();
  const SubmitPart part = MakePart(run, 1, {Test("1")});
  Say("client", part);
  Say("client", MakeComplete(run, {part}));
  EXPECT_THAT(Take<PartKept>("client"), IsEmpty());
  EXPECT_THAT(Take<SubmitKept>("client"), IsEmpty());
  Commit();
  EXPECT_THAT(Take<PartKept>("client"), ElementsAre(PartKept{run, 1}));
  EXPECT_THAT(Take<SubmitKept>("client"), SizeIs(1));
}

// A restart would have forgotten what a client that came back was told of.
TEST_F(ClientsTest, AClientThatComesBackIsToldOnlyOfWhatIsCommitted) {
  const RunId run = Open();
  const SubmitPart one = MakePart(run, 1, {Test("1")});
  const SubmitPart two = MakePart(run, 2, {Test("2")});
  const SubmitPart three = MakePart(run, 3, {Test("3")});
  Say("client", one);
  journal_.late = true;
  Say("client", two);
  Say("client", three);
  Say("client", MakeComplete(run, {one, two, three}));
  Say("client2", Attach{run, 0});
  EXPECT_THAT(Take<AttachReply>("client2"),
              ElementsAre(AttachReply{run, true, 1, false}));
  Commit();
  Say("client3", Attach{run, 0});
  EXPECT_THAT(Take<AttachReply>("client3"),
              ElementsAre(AttachReply{run, true, 3, true}));
}

TEST_F(ClientsTest, ARepeatedOpeningChangesNothing) {
  const RunId run = Open(OneATime());
  Say("client", MakePart(run, 1, {Test("1")}));
  Take<PartKept>("client");
  Say("client", SubmitOpen{run, {}});
  EXPECT_THAT(Take<PartKept>("client"), ElementsAre(PartKept{run, 1}));
  EXPECT_THAT(Runs(), SizeIs(1));
  EXPECT_EQ(Runs()[0].tests, 1U);
}

TEST_F(ClientsTest, ARepeatedClosingIsAcknowledgedAgain) {
  const RunId run = Open();
  const SubmitPart part = MakePart(run, 1, {Test("1")});
  Say("client", part);
  Say("client", MakeComplete(run, {part}));
  Take<SubmitKept>("client");
  Say("client", MakeComplete(run, {part}));
  EXPECT_THAT(Take<SubmitKept>("client"), ElementsAre(SubmitKept{run}));
  EXPECT_THAT(Take<Refused>("client"), IsEmpty());
}

TEST_F(ClientsTest, TestsAreHandedOutBeforeTheManifestIsClosed) {
  Join("a", "alpha", 1, 1);
  const RunId run = Open();
  Say("client", MakePart(run, 1, {Test("1")}));
  EXPECT_THAT(Leases("a"), SizeIs(1));
}

TEST_F(ClientsTest, AManifestThatDoesNotAddUpCancelsItsRun) {
  for (const int wrong : {0, 1, 2}) {
    const RunId run = Open();
    const SubmitPart part = MakePart(run, 1, {Test("1")});
    Say("client", part);
    SubmitComplete complete = MakeComplete(run, {part});
    complete.parts -= wrong == 0 ? 1 : 0;
    complete.tests += wrong == 1 ? 1 : 0;
    complete.digest = wrong == 2 ? "0123456789abcdef" : complete.digest;
    Say("client", complete);
    const auto refused = Take<Refused>("client");
    ASSERT_THAT(refused, SizeIs(1)) << wrong;
    EXPECT_EQ(refused[0].code, RefusalCode::kSubmission);
    EXPECT_THAT(refused[0].sentence, HasSubstr("start the run again"));
    const auto ends = TakeEvents<RunEndedEvent>();
    ASSERT_THAT(ends, SizeIs(1));
    EXPECT_FALSE(ends[0].green);
    events_.clear();
    said_.clear();
  }
}

TEST_F(ClientsTest, APartAfterTheClosingIsAContradiction) {
  const RunId run = Submit({Test("1")});
  Say("client", MakePart(run, 2, {Test("2")}));
  EXPECT_THAT(Take<Refused>("client"), SizeIs(1));
  EXPECT_FALSE(TakeEvents<RunEndedEvent>().at(0).green);
}

TEST_F(ClientsTest, ATestOfASuiteThatIsNotThereIsAContradiction) {
  const RunId run = Open();
  TestSpec test = Test("1");
  test.suite = SuiteIndex{5};
  Say("client", MakePart(run, 1, {test}));
  const auto refused = Take<Refused>("client");
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_THAT(refused[0].sentence, HasSubstr("suite 5"));
}

TEST_F(ClientsTest, WhatIsSaidOfAnUnknownRunIsRefused) {
  const RunId run = RandomId<RunId>();
  Say("client", MakePart(run, 1, {}));
  Say("client", ClientBeat{run});
  Say("client", Cancel{run, ""});
  const auto refused = Take<Refused>("client");
  ASSERT_THAT(refused, SizeIs(3));
  for (const Refused& one : refused) {
    EXPECT_EQ(one.code, RefusalCode::kUnknownRun);
  }
  Say("client", Attach{run, 0});
  EXPECT_THAT(Take<AttachReply>("client"),
              ElementsAre(AttachReply{run, false, 0, false}));
}

// ---- green -----------------------------------------------------------------

TEST_F(ClientsTest, ARunWithoutTestsIsGreenOnlyOnceItIsClosed) {
  const RunId run = Open();
  Advance(seconds(10), {});
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), IsEmpty());
  Say("client", MakeComplete(run, {}));
  EXPECT_TRUE(TakeEvents<RunEndedEvent>().at(0).green);
}

TEST_F(ClientsTest, ACancelledRunIsNotGreenHoweverWellItsTestsDid) {
  Join("a", "alpha", 1, 1);
  const RunId run = Open();
  Say("client", MakePart(run, 1, {Test("1")}));
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  Say("client", Cancel{run, "enough"});
  const auto ends = TakeEvents<RunEndedEvent>();
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_FALSE(ends[0].green);
  EXPECT_TRUE(ends[0].cancelled);
  EXPECT_EQ(ends[0].reason, "enough");
}

TEST_F(ClientsTest, SkippedTestsAreGreenAndNeedNoAgent) {
  TestSpec test = Test("1");
  test.skip_reason = "disabled";
  Submit({test});
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].verdict, Verdict::kSkipped);
  EXPECT_EQ(attempts[0].attempt, 0U);
  EXPECT_EQ(attempts[0].result.message, "disabled");
  EXPECT_TRUE(TakeEvents<RunEndedEvent>().at(0).green);
}

TEST_F(ClientsTest, EachBadOutcomeKeepsARunFromBeingGreen) {
  Join("a", "alpha", 1, 1);
  std::uint64_t seen = 0;
  for (const Outcome outcome :
       {Outcome::kFailed, Outcome::kTimedOut, Outcome::kCrashed,
        Outcome::kKilled, Outcome::kError}) {
    Submit({Test("1")});
    Finish("a", Leases("a").at(0), outcome);
    Want("a", ++seen, 1);
    const auto ends = TakeEvents<RunEndedEvent>();
    ASSERT_THAT(ends, SizeIs(1));
    EXPECT_FALSE(ends[0].green) << ToString(outcome);
    EXPECT_THAT(ends[0].reason, HasSubstr("1 test"));
    events_.clear();
    said_["client"].clear();
  }
}

// ---- extras ----------------------------------------------------------------

TEST_F(ClientsTest, AnExtraBeforeTheClosingGetsItsNumberThen) {
  Join("a", "alpha", 1, 1);
  const RunId run = Open();
  const SubmitPart one = MakePart(run, 1, {Test("1")});
  Say("client", one);
  const Lease lease = Leases("a").at(0);
  ExtraItem extra;
  extra.run = run;
  extra.token = lease.token;
  extra.extra.name = "environment";
  extra.extra.result.outcome = Outcome::kFailed;
  SendResults("a",
              {MakeAttempt(lease, 0, Outcome::kPassed), extra, MakeEnd(lease)});
  EXPECT_THAT(TakeEvents<ExtraTestEvent>(), IsEmpty());
  Want("a", 1, 1);
  const SubmitPart two = MakePart(run, 2, {Test("2")});
  Say("client", two);
  Say("client", MakeComplete(run, {one, two}));
  const auto extras = TakeEvents<ExtraTestEvent>();
  ASSERT_THAT(extras, SizeIs(1));
  EXPECT_EQ(extras[0].test, TestIndex{2}) << "after the manifest's two";
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  EXPECT_EQ(Verdicts().at(TestIndex{2}), Verdict::kFailed);
  const auto ends = TakeEvents<RunEndedEvent>();
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_FALSE(ends[0].green);
  EXPECT_EQ(ends[0].tests, 3U);
}

TEST_F(ClientsTest, AnExtraIsBadWhateverItSaysOfItself) {
  Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("1")});
  const Lease lease = Leases("a").at(0);
  ExtraItem extra;
  extra.run = run;
  extra.token = lease.token;
  extra.extra.name = "odd";
  extra.extra.result.outcome = Outcome::kPassed;
  SendResults("a",
              {extra, MakeAttempt(lease, 0, Outcome::kPassed), MakeEnd(lease)});
  EXPECT_EQ(Verdicts().at(TestIndex{1}), Verdict::kError);
  EXPECT_FALSE(TakeEvents<RunEndedEvent>().at(0).green);
}

TEST_F(ClientsTest, AnExtraOfARunThatIsNeverClosedIsANote) {
  Join("a", "alpha", 1, 1);
  const RunId run = Open();
  Say("client", MakePart(run, 1, {Test("1")}));
  const Lease lease = Leases("a").at(0);
  ExtraItem extra;
  extra.run = run;
  extra.token = lease.token;
  extra.extra.name = "environment";
  extra.extra.result.outcome = Outcome::kFailed;
  extra.extra.result.message = "threw";
  SendResults("a", {extra});
  Say("client", Cancel{run, "enough"});
  EXPECT_THAT(TakeEvents<NoteEvent>(),
              ElementsAre(NoteEvent{"environment: threw"}));
}

// ---- cancelling ------------------------------------------------------------

TEST_F(ClientsTest, ACancelledRunStopsWhatRunsAndHandsOutNothingMore) {
  Join("a", "alpha", 1, 4);
  const RunId run = Submit(
      {Test("1"), Test("2"), Test("3"), Test("4"), Test("5")}, OneATime());
  std::vector<Lease> leases = Leases("a");
  ASSERT_THAT(leases, SizeIs(2));
  Say("client", Cancel{run, "enough"});
  const auto stops = Take<Stop>("a");
  ASSERT_THAT(stops, SizeIs(1));
  EXPECT_THAT(stops[0].tokens, ElementsAre(leases[0].token, leases[1].token));
  EXPECT_EQ(stops[0].reason, "enough");
  EXPECT_EQ(stops[0].grace, seconds(3));
  EXPECT_THAT(Leases("a"), IsEmpty());
  EXPECT_THAT(Verdicts(), SizeIs(3));
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), IsEmpty()) << "two are out";
  Say("a", Returned{sessions_["a"], {leases[1].token}});
  Finish("a", leases[0], Outcome::kPassed);
  EXPECT_EQ(Verdicts().at(TestIndex{0}), Verdict::kPassed);
  EXPECT_EQ(Verdicts().at(TestIndex{1}), Verdict::kNotRun);
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
}

TEST_F(ClientsTest, ASecondCancelChangesNothing) {
  const RunId run = Submit({Test("1")});
  Say("client", Cancel{run, "first"});
  Say("client", Cancel{run, "second"});
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
  EXPECT_EQ(TakeEvents<RunEndedEvent>()[0].reason, "first");
}

TEST_F(ClientsTest, PartsOfACancelledRunAreNotRun) {
  Join("a", "alpha", 1, 4);
  const RunId run = Open();
  const SubmitPart one = MakePart(run, 1, {Test("1")});
  Say("client", one);
  const Lease lease = Leases("a").at(0);
  Say("client", Cancel{run, "enough"});
  Say("client", MakePart(run, 2, {Test("2")}));
  EXPECT_THAT(Leases("a"), IsEmpty());
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{1}, Verdict::kNotRun)));
  Finish("a", lease, Outcome::kPassed);
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
}

// They were told of after the run's end, for an hour, to nobody.
TEST_F(ClientsTest, NothingIsToldAfterTheEnd) {
  const RunId run = Open();
  Say("client", MakePart(run, 1, {Test("1")}));
  Say("client", Cancel{run, "enough"});
  ASSERT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
  const std::size_t events = events_.size();
  Say("client", MakePart(run, 2, {Test("2")}));
  TakeEvents<RunEndedEvent>();
  EXPECT_EQ(events_.size(), events);
  EXPECT_EQ(Runs().at(0).tests, 1U);
}

// The attempt had failed and was to be retried, and its unit's end was still
// to come: nobody gave the test a verdict, and the run never ended.
TEST_F(ClientsTest, ARunEndsThoughItIsCancelledBetweenAnAttemptAndItsEnd) {
  Join("a", "alpha", 1, 1);
  Constraints lock;
  lock.locks = {"db"};
  RunOptions options;
  options.retries = 1;
  const RunId run = Submit({Test("1", lock)}, options);
  const Lease lease = Leases("a").at(0);
  SendResults("a", {MakeAttempt(lease, 0, Outcome::kFailed)});
  Say("client", Cancel{run, "enough"});
  SendResults("a", {MakeEnd(lease)});
  EXPECT_THAT(Verdicts(), SizeIs(1));
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
}

// A failure that was seen must not turn into a test that never ran.
TEST_F(ClientsTest, ATestThatFailedBeforeTheCancelHasFailed) {
  Join("a", "alpha", 1, 1);
  RunOptions options;
  options.retries = 1;
  const RunId run = Submit({Test("1")}, options);
  Finish("a", Leases("a").at(0), Outcome::kFailed);
  Say("client", Cancel{run, "enough"});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kFailed)));
  EXPECT_THAT(TakeEvents<AttemptEvent>().back().result.message,
              HasSubstr("enough"));
}

TEST_F(ClientsTest, ARunEndsThoughItsAgentIsLostBetweenAttemptAndEnd) {
  Join("a", "alpha", 1, 1);
  Constraints lock;
  lock.locks = {"db"};
  RunOptions options;
  options.retries = 1;
  const RunId run = Submit({Test("1", lock)}, options);
  const Lease lease = Leases("a").at(0);
  SendResults("a", {MakeAttempt(lease, 0, Outcome::kFailed)});
  Say("client", Cancel{run, "enough"});
  Say("a", Goodbye{sessions_["a"]});
  EXPECT_THAT(Verdicts(), SizeIs(1));
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
}

// ---- max_fail --------------------------------------------------------------

TEST_F(ClientsTest, EnoughFailuresCancelAndNotOneEarlier) {
  Join("a", "alpha", 1, 1);
  RunOptions options = OneATime();
  options.max_fail = 2;
  Submit({Test("1"), Test("2"), Test("3"), Test("4")}, options);
  std::uint64_t seen = 0;
  for (const Outcome outcome : {Outcome::kFailed, Outcome::kPassed}) {
    Finish("a", Leases("a").at(0), outcome);
    Want("a", ++seen, 1);
  }
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), IsEmpty());
  Finish("a", Leases("a").at(0), Outcome::kCrashed);
  const auto ends = TakeEvents<RunEndedEvent>();
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_THAT(ends[0].reason, HasSubstr("2 tests failed"));
  EXPECT_EQ(Verdicts().at(TestIndex{3}), Verdict::kNotRun);
}

TEST_F(ClientsTest, AFlakyTestIsNoFailureToCancelFor) {
  Join("a", "alpha", 1, 8);
  RunOptions options = OneATime();
  options.max_fail = 1;
  options.retries = 1;
  Submit({Test("1"), Test("2"), Test("3")}, options);
  Finish("a", Leases("a").at(0), Outcome::kFailed);
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  EXPECT_EQ(Verdicts().at(TestIndex{0}), Verdict::kFlaky);
  EXPECT_THAT(Leases("a"), SizeIs(1));
}

// Only attempts were looked at.
TEST_F(ClientsTest, ExtraFailuresAndLostTestsCancelTheRestToo) {
  for (const bool extra_failure : {true, false}) {
    Join("a", "alpha", 1, 1);
    RunOptions options = OneATime();
    options.max_fail = 1;
    options.on_lost = OnLost::kLost;
    const RunId run = Submit({Test("1"), Test("2"), Test("3")}, options);
    const Lease lease = Leases("a").at(0);
    if (extra_failure) {
      ExtraItem extra;
      extra.run = run;
      extra.token = lease.token;
      extra.extra.name = "environment";
      extra.extra.result.outcome = Outcome::kFailed;
      SendResults("a", {extra});
      EXPECT_THAT(Take<Stop>("a"), SizeIs(1));
      Finish("a", lease, Outcome::kPassed);
      Say("a", Goodbye{sessions_["a"]});
    } else {
      Advance(seconds(31), {});
    }
    const auto ends = TakeEvents<RunEndedEvent>();
    ASSERT_THAT(ends, SizeIs(1));
    EXPECT_TRUE(ends[0].cancelled);
    events_.clear();
    said_.clear();
    next_result_.clear();
  }
}

// ---- following -------------------------------------------------------------

TEST_F(ClientsTest, EventsThatNobodyAcknowledgesAreToldAgain) {
  TestSpec test = Test("1");
  test.skip_reason = "disabled";
  Submit({test});
  const auto told = Take<Events>("client");
  ASSERT_FALSE(told.empty());
  Advance(milliseconds(4'900), {});
  EXPECT_THAT(Take<Events>("client"), IsEmpty());
  Advance(milliseconds(200), {});
  const auto again = Take<Events>("client");
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again[0].first, 1U);
}

TEST_F(ClientsTest, AClientThatComesBackIsToldWhatItHasNotSeen) {
  Join("a", "alpha", 1, 8);
  const RunId run = Submit({Test("1"), Test("2")}, OneATime());
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  const auto seen = Take<Events>("client");
  ASSERT_THAT(seen, SizeIs(1));
  Say("client2", Attach{run, 1});
  EXPECT_THAT(Take<Events>("client2"), IsEmpty());
  Want("a", 1, 8);
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  const auto more = Take<Events>("client2");
  ASSERT_FALSE(more.empty());
  EXPECT_EQ(more[0].first, 2U);
  EXPECT_THAT(Take<Events>("client"), IsEmpty()) << "it is gone";
}

// Each turn made messages for it, in vain.
TEST_F(ClientsTest, NothingIsMadeForAClientThatIsGone) {
  Join("a", "alpha", 1, 4);
  Submit({Test("1"), Test("2")}, OneATime());
  broken_["client"] = absl::UnavailableError("gone");
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  broken_.clear();
  Advance(seconds(1), {"a"});
  EXPECT_THAT(Take<Events>("client"), IsEmpty());
  // Its next word is answered with the question what it has seen.
  EXPECT_FALSE(Take<Rehello>("client").empty());
  Say("client", Attach{run_.front(), 0});
  EXPECT_FALSE(Take<Events>("client").empty());
}

// Its beats kept the run alive, and events went to where it was before.
TEST_F(ClientsTest, AClientWhoseConnectionWasMadeAgainUnseenIsAskedToAttach) {
  const RunId run = Submit({Test("1")});
  Say("client2", ClientBeat{run});
  EXPECT_THAT(Take<Rehello>("client2"), SizeIs(1));
  Say("client2", Attach{run, 0});
  Say("client2", ClientBeat{run});
  EXPECT_THAT(Take<Rehello>("client2"), IsEmpty());
}

// All of it was kept in memory, however slow the client.
TEST_F(ClientsTest, ARunWhoseClientDoesNotReadGetsNothingMore) {
  Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("1"), Test("2"), Test("3")}, OneATime());
  const std::vector<Lease> leases = Leases("a");
  ASSERT_THAT(leases, SizeIs(1));
  Output output{sessions_["a"],
                0,
                leases[0].token,
                leases[0].tests[0].test,
                1,
                {},
                0,
                std::string(64'000, 'o')};
  for (std::uint32_t i = 0; i < 1100; ++i) {
    output.seq = i + 1;
    output.offset = i * 64'000;
    coordinator_.OnMessage(now_, "a", output);
  }
  Finish("a", leases[0], Outcome::kPassed);
  Want("a", 1, 1);
  Take<Rehello>("a");
  EXPECT_THAT(Leases("a"), IsEmpty());
  std::uint64_t seen = 0;
  while (seen < 1101) {
    std::uint64_t last = seen;
    for (const Events& events : Take<Events>("client")) {
      last = events.first + events.events.size() - 1;
    }
    ASSERT_GT(last, seen);
    seen = last;
    Say("client", EventsAck{run, seen});
  }
  Advance(milliseconds(500), {"a"});
  EXPECT_THAT(Leases("a"), SizeIs(1));
}

TEST_F(ClientsTest, ProgressIsToldAFewTimesASecondAtMost) {
  Join("a", "alpha", 2, 2);
  Submit({Test("1"), Test("2"), Test("3"), Test("4"), Test("5")}, OneATime());
  const std::vector<Lease> leases = Leases("a");
  Say("a", Started{sessions_["a"], {leases.at(0).token}});
  Take<Progress>("client");
  for (int i = 0; i < 100; ++i) {
    now_ += milliseconds(10);
    Tick();
  }
  const auto progress = Take<Progress>("client");
  EXPECT_GE(progress.size(), 4U);
  EXPECT_LE(progress.size(), 5U);
  EXPECT_EQ(progress.back().agents, 1U);
  EXPECT_EQ(progress.back().slots, 2U);
  EXPECT_EQ(progress.back().queued, 3U);
  ASSERT_THAT(progress.back().running, SizeIs(1));
  EXPECT_EQ(progress.back().running[0].agent, "alpha");
  EXPECT_GT(progress.back().running[0].running, milliseconds(700));
}

// ---- leaving ---------------------------------------------------------------

TEST_F(ClientsTest, AClientThatIsGoneForTwoMinutesCancelsItsRun) {
  const RunId run = Submit({Test("1")});
  run_.clear();
  Advance(seconds(119), {});
  EXPECT_EQ(Runs().at(0).state, "running");
  Advance(seconds(2), {});
  EXPECT_EQ(Runs().at(0).state, "ended");
  Say("client", Attach{run, 0});
  EXPECT_THAT(TakeEvents<RunEndedEvent>().at(0).reason,
              HasSubstr("the client was gone"));
}

// A grace of nothing cancelled the run of a client between its beats.
TEST_F(ClientsTest, ALivingClientIsNeverGoneForTooLong) {
  RunOptions options;
  options.client_grace = Duration::zero();
  const RunId run = Submit({Test("1")}, options);
  now_ += seconds(6);
  Tick();
  Say("client", ClientBeat{run});
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), IsEmpty());
  for (int i = 0; i < 160; ++i) {
    now_ += milliseconds(100);
    Tick();
  }
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
}

TEST_F(ClientsTest, AnyWordOfTheClientIsASignOfLife) {
  const RunId run = Submit({Test("1")});
  run_.clear();
  Advance(seconds(100), {});
  Say("client", EventsAck{run, 0});
  Advance(seconds(100), {});
  Say("client", Attach{run, 0});
  Advance(seconds(100), {});
  EXPECT_EQ(Runs().at(0).state, "running");
}

TEST_F(ClientsTest, ADetachedRunGoesOnWithoutItsClient) {
  RunOptions options;
  options.detach = true;
  Submit({Test("1")}, options);
  run_.clear();
  Advance(minutes(10), {});
  EXPECT_EQ(Runs().at(0).state, "running");
}

TEST_F(ClientsTest, OurStallIsNotTheClientsAbsence) {
  Submit({Test("1")});
  run_.clear();
  Advance(seconds(60), {});
  now_ += minutes(30);
  Tick();
  Advance(seconds(50), {});
  EXPECT_EQ(Runs().at(0).state, "running");
  Advance(seconds(15), {});
  EXPECT_EQ(Runs().at(0).state, "ended");
}

TEST_F(ClientsTest, ARunWhoseEndWasSeenIsForgottenAfterAMinute) {
  Submit({});
  ASSERT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
  run_.clear();
  Advance(seconds(59), {});
  EXPECT_THAT(Runs(), SizeIs(1));
  Advance(seconds(2), {});
  EXPECT_THAT(Runs(), IsEmpty());
  EXPECT_THAT(journal_.All<RunForgotten>(), SizeIs(1));
}

TEST_F(ClientsTest, ARunWhoseEndNobodySawIsKeptForAnHour) {
  const RunId run = Submit({});
  run_.clear();
  for (int i = 0; i < 59; ++i) {
    Advance(minutes(1), {});
  }
  Say("client2", Attach{run, 0});
  EXPECT_THAT(Take<AttachReply>("client2"), SizeIs(1));
  EXPECT_FALSE(Take<Events>("client2").empty());
  Advance(minutes(2), {});
  EXPECT_THAT(Runs(), IsEmpty());
}

// It named a thousand runs with titles of 4 KiB, could not be sent, and was
// asked for again for ever.
TEST_F(ClientsTest, AStatusFitsIntoAMessageAndNamesTheNewest) {
  RunId last;
  for (int i = 0; i < 600; ++i) {
    RunOptions options;
    options.title = std::string(4000, 't');
    now_ += milliseconds(1);
    last = Open(std::move(options));
    const std::string name = absl::StrCat(i, std::string(250, 'n'));
    Hello hello = MakeHello(name, 1);
    hello.host = std::string(256, 'h');
    coordinator_.OnMessage(now_, name, hello);
  }
  coordinator_.OnMessage(now_, "observer", StatusRequest{});
  const auto replies = Take<StatusReply>("observer");
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_LE(Encode(replies[0]).size(), kMaxMessageBytes);
  ASSERT_GE(replies[0].runs.size(), 100U);
  EXPECT_EQ(replies[0].runs[0].run, last);
  ASSERT_GE(replies[0].agents.size(), 100U);
  EXPECT_THAT(replies[0].agents[0].name, testing::StartsWith("599"));
}

// The message could not be sent, and nobody was told.
TEST_F(ClientsTest, ASuiteThatFitsIntoNoMessageIsRefusedByName) {
  const RunId run = Open();
  SubmitPart part = MakePart(run, 1, {Test("one")});
  part.suites[0].name = "large";
  part.suites[0].arguments = {std::string(124 * 1024, 'a'),
                              std::string(124 * 1024, 'b')};
  Say("client", part);
  const auto refused = Take<Refused>("client");
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].code, RefusalCode::kSubmission);
  EXPECT_THAT(refused[0].sentence, HasSubstr("suite \"large\" takes"));
}

TEST_F(ClientsTest, TheStatusSaysHowRunsAreDoing) {
  Join("a", "alpha", 1, 1);
  RunOptions options = OneATime();
  options.title = "build";
  Submit({Test("1"), Test("2"), Test("3")}, options);
  Finish("a", Leases("a").at(0), Outcome::kFailed);
  const std::vector<RunStatus> runs = Runs();
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_EQ(runs[0].title, "build");
  EXPECT_EQ(runs[0].state, "running");
  EXPECT_EQ(runs[0].tests, 3U);
  EXPECT_EQ(runs[0].settled, 1U);
  EXPECT_EQ(runs[0].bad, 1U);
  EXPECT_EQ(runs[0].queued, 2U);
}

}  // namespace
}  // namespace paceline
