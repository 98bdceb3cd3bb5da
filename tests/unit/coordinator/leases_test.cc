// Leases from grant to end: a unit has at most one, none is revived, and only
// a current token counts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/coordinator/coordinator_fixture.h"

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class LeasesTest : public CoordinatorTest {
 protected:
  static RunOptions OneATime() {
    RunOptions options;
    options.max_unit_tests = 1;
    return options;
  }
  // Alpha holds the one test of a run.
  Lease HoldOne(TestSpec test = Test("one"), RunOptions options = {}) {
    hello_ = Join("a", "alpha", 1, 1);
    run_id_ = Submit({std::move(test)}, std::move(options));
    const std::vector<Lease> leases = Leases("a");
    EXPECT_THAT(leases, SizeIs(1));
    return leases.empty() ? Lease{} : leases[0];
  }
  // Alpha's process says hello again, on another connection.
  Welcome ComeBack(const std::string& peer, std::vector<HeldLease> held) {
    hello_.seq += 1;
    hello_.held = std::move(held);
    Say(peer, hello_);
    const auto welcome = Take<Welcome>(peer);
    EXPECT_THAT(welcome, SizeIs(1));
    sessions_[peer] = welcome.at(0).session;
    next_result_[peer] = welcome[0].acked_through;
    return welcome[0];
  }

  Hello hello_;
  RunId run_id_;
};

// ---- a unit has at most one live lease -------------------------------------

TEST_F(LeasesTest, AUnitThatIsHeldIsNotLeasedToAnother) {
  HoldOne();
  Join("b", "beta", 4, 4);
  Advance(seconds(20), {"a", "b"});
  EXPECT_THAT(Leases("b"), IsEmpty());
}

TEST_F(LeasesTest, AUnitThatIsReturnedIsLeasedAnewAsTheSameAttempt) {
  const Lease lease = HoldOne();
  Join("b", "beta", 1, 1);
  Say("a", Returned{sessions_["a"], {lease.token}});
  const std::vector<Lease> again = Leases("b");
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_GT(again[0].token, lease.token);
  EXPECT_NE(again[0].unit, lease.unit);
  EXPECT_EQ(again[0].tests, lease.tests) << "nothing has happened to it";
  EXPECT_THAT(TakeEvents<AttemptEvent>(), IsEmpty());
}

TEST_F(LeasesTest, AUnitWithNeedsThatIsReturnedIsLeasedAnewToo) {
  Constraints lock;
  lock.locks = {"db"};
  const Lease lease = HoldOne(Test("one", lock));
  Join("b", "beta", 1, 1);
  Say("a", Returned{sessions_["a"], {lease.token}});
  const std::vector<Lease> again = Leases("b");
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].tests, lease.tests);
  Finish("b", again[0], Outcome::kPassed);
  EXPECT_THAT(Verdicts(), SizeIs(1));
}

TEST_F(LeasesTest, AUnitThatHasStartedCannotBeReturned) {
  const Lease lease = HoldOne();
  Join("b", "beta", 1, 1);
  Say("a", Started{sessions_["a"], {lease.token}});
  Say("a", Returned{sessions_["a"], {lease.token}});
  EXPECT_THAT(Leases("b"), IsEmpty());
  Finish("a", lease, Outcome::kPassed);
  EXPECT_THAT(Verdicts(), SizeIs(1));
}

TEST_F(LeasesTest, OneAgentCannotReturnOrStartOrEndWhatAnotherHolds) {
  const Lease lease = HoldOne();
  Join("b", "beta", 1, 1);
  Say("b", Returned{sessions_["b"], {lease.token}});
  Say("b", Started{sessions_["b"], {lease.token}});
  Say("b", Kept{sessions_["b"], {lease.token}});
  Finish("b", lease, Outcome::kFailed);
  EXPECT_THAT(Leases("b"), IsEmpty());
  EXPECT_THAT(Verdicts(), IsEmpty());
  EXPECT_THAT(Take<ResultAck>("b"), SizeIs(1)) << "it is kept as evidence";
  Say("a", Returned{sessions_["a"], {lease.token}});
  EXPECT_THAT(Leases("b"), SizeIs(1));
}

TEST_F(LeasesTest, AnAgentThatComesBackWithoutAUnitItNeverBeganGivesItBack) {
  HoldOne();
  Join("b", "beta", 1, 1);
  ComeBack("a2", {});
  EXPECT_THAT(Leases("b"), SizeIs(1));
  EXPECT_THAT(TakeEvents<AttemptEvent>(), IsEmpty());
}

TEST_F(LeasesTest, AnAgentThatComesBackWithoutAUnitItBeganHasLostIt) {
  const Lease lease = HoldOne();
  Say("a", Started{sessions_["a"], {lease.token}});
  Join("b", "beta", 1, 1);
  ComeBack("a2", {});
  const std::vector<Lease> again = Leases("b");
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].tests.at(0).attempt, 2U);
  EXPECT_EQ(again[0].parent, lease.unit);
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].rerun, "rerun: agent lost");
}

TEST_F(LeasesTest, AnAgentThatComesBackWithAUnitGoesOnWithIt) {
  const Lease lease = HoldOne();
  Join("b", "beta", 1, 1);
  EXPECT_THAT(ComeBack("a2", {{lease.token, true}}).dropped, IsEmpty());
  // It counts as begun from now on.
  Say("a2", Returned{sessions_["a2"], {lease.token}});
  EXPECT_THAT(Leases("b"), IsEmpty());
  Finish("a2", lease, Outcome::kPassed);
  EXPECT_THAT(Verdicts(), SizeIs(1));
}

// ---- a lease is never revived ----------------------------------------------

TEST_F(LeasesTest, ALeaseThatWasLostIsNotRevivedByWhoComesBackWithIt) {
  const Lease lease = HoldOne();
  Say("a", Started{sessions_["a"], {lease.token}});
  Advance(seconds(31), {});
  const Welcome welcome = ComeBack("a2", {{lease.token, true}});
  EXPECT_THAT(welcome.dropped, ElementsAre(lease.token));
  Finish("a2", lease, Outcome::kPassed);
  EXPECT_THAT(Verdicts(), IsEmpty());
  // It runs again, here or elsewhere, under another token.
  Want("a2", 0, 1);
  const std::vector<Lease> again = Leases("a2");
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_GT(again[0].token, lease.token);
}

TEST_F(LeasesTest, ALeaseThatWasReturnedIsNotRevived) {
  const Lease lease = HoldOne();
  Say("a", Returned{sessions_["a"], {lease.token}});
  Say("a", Started{sessions_["a"], {lease.token}});
  Say("a", Kept{sessions_["a"], {lease.token}});
  Finish("a", lease, Outcome::kPassed);
  EXPECT_THAT(Verdicts(), IsEmpty());
  EXPECT_THAT(ComeBack("a2", {{lease.token, true}}).dropped,
              ElementsAre(lease.token));
}

TEST_F(LeasesTest, ALeaseThatHasEndedIsNotRevived) {
  const Lease lease = HoldOne();
  Finish("a", lease, Outcome::kPassed);
  Finish("a", lease, Outcome::kFailed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
  EXPECT_THAT(TakeEvents<AttemptEvent>(), SizeIs(1));
  EXPECT_THAT(ComeBack("a2", {{lease.token, true}}).dropped,
              ElementsAre(lease.token));
}

TEST_F(LeasesTest, TheEpochIsRaisedInEachLife) {
  for (int life = 0; life < 3; ++life) {
    Restart();
  }
  std::vector<std::uint32_t> epochs;
  for (const EpochRaised& raised : journal_.All<EpochRaised>()) {
    epochs.push_back(raised.epoch);
  }
  EXPECT_THAT(epochs, ElementsAre(1, 2, 3, 4));
}

// ---- lost is an outcome ----------------------------------------------------

TEST_F(LeasesTest, OfALostUnitWhatHasAResultStandsAndTheRestIsAUnitAnew) {
  Join("a", "alpha", 1, 1);
  RunOptions options;
  Submit({Test("1"), Test("2"), Test("3"), Test("4"), Test("5"), Test("6")},
         options);
  Lease lease = Leases("a").at(0);
  ASSERT_THAT(lease.tests, SizeIs(3));
  SendResults("a", {MakeAttempt(lease, 0, Outcome::kPassed)});
  Say("a", Goodbye{sessions_["a"]});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
  Join("b", "beta", 1, 1);
  const std::vector<Lease> rest = Leases("b");
  ASSERT_THAT(rest, SizeIs(1));
  EXPECT_EQ(rest[0].parent, lease.unit);
  ASSERT_THAT(rest[0].tests, SizeIs(2));
  EXPECT_EQ(rest[0].tests[0].test, TestIndex{1});
  EXPECT_EQ(rest[0].tests[0].attempt, 2U);
  EXPECT_EQ(rest[0].tests[1].test, TestIndex{2});
}

TEST_F(LeasesTest, AResultThatWasNotCommittedYetStandsAllTheSame) {
  Lease lease = HoldOne();
  journal_.late = true;
  Finish("a", lease, Outcome::kPassed);
  Say("a", Goodbye{sessions_["a"]});
  Commit();
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
  EXPECT_THAT(TakeEvents<AttemptEvent>(), SizeIs(1));
}

TEST_F(LeasesTest, WhereTheRunSaysSoALostTestIsLostAtOnce) {
  RunOptions options;
  options.on_lost = OnLost::kLost;
  HoldOne(Test("one"), options);
  Advance(seconds(31), {});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kLost)));
  const auto ends = TakeEvents<RunEndedEvent>();
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_FALSE(ends[0].green);
}

TEST_F(LeasesTest, ALostTestThatPassesElsewhereIsGreenAndShown) {
  HoldOne();
  Advance(seconds(31), {});
  Join("b", "beta", 1, 1);
  Finish("b", Leases("b").at(0), Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
  EXPECT_EQ(TakeEvents<AttemptEvent>().at(0).rerun, "rerun: agent lost");
  EXPECT_TRUE(TakeEvents<RunEndedEvent>().at(0).green);
}

// ---- the end of a unit -----------------------------------------------------

TEST_F(LeasesTest, TestsThatAUnitLeftUndoneAreRunAgainAsTheSameAttempt) {
  const Lease lease = HoldOne();
  SendResults("a", {MakeEnd(lease)});
  Want("a", 1, 1);
  const std::vector<Lease> again = Leases("a");
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].tests, lease.tests);
  EXPECT_EQ(again[0].parent, lease.unit);
  EXPECT_THAT(TakeEvents<AttemptEvent>(), IsEmpty());
}

// One sick agent, idle again within milliseconds, had it five times, and the
// test was an error though another agent was there.
TEST_F(LeasesTest, WhatAnAgentLeftUndoneGoesToAnother) {
  Lease lease = HoldOne();
  SendResults("a", {MakeEnd(lease)});
  Want("a", 1, 1);
  lease = Leases("a").at(0);  // there is no other
  Join("b", "beta", 1, 0);
  SendResults("a", {MakeEnd(lease)});
  Want("a", 2, 1);
  EXPECT_THAT(Leases("a"), IsEmpty());
  Want("b", 0, 1);
  const std::vector<Lease> leases = Leases("b");
  ASSERT_THAT(leases, SizeIs(1));
  Finish("b", leases[0], Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
}

// It went to whoever had the slots for it, which was the agent that had left it
// undone, until the test was given up.
TEST_F(LeasesTest, AWideTestThatAnAgentLeftUndoneGoesToAnotherToo) {
  Join("a", "alpha", 4, 4);
  Join("b", "beta", 2, 2);
  Constraints wide;
  wide.slots = 4;
  Submit({Test("wide", wide)});
  const std::vector<Lease> first = Leases("a");
  ASSERT_THAT(first, SizeIs(1));
  SendResults("a", {MakeEnd(first[0])});
  Want("a", 1, 4);
  EXPECT_THAT(Leases("a"), IsEmpty());
  EXPECT_THAT(Leases("b"), SizeIs(1));
}

TEST_F(LeasesTest, WhatAnAgentLeftUndoneComesBackToItWhenItIsAlone) {
  const Lease lease = HoldOne();
  Join("b", "beta", 1, 0);
  SendResults("a", {MakeEnd(lease)});
  Want("a", 1, 1);
  EXPECT_THAT(Leases("a"), IsEmpty());
  Say("b", Goodbye{sessions_["b"]});
  EXPECT_THAT(Leases("a"), SizeIs(1));
}

TEST_F(LeasesTest, ATestThatIsNeverReachedIsAnErrorInTheEnd) {
  Lease lease = HoldOne();
  std::uint64_t seen = 1;
  for (int i = 0; i < 4; ++i) {
    SendResults("a", {MakeEnd(lease)});
    Want("a", seen++, 1);
    lease = Leases("a").at(0);
  }
  SendResults("a", {MakeEnd(lease)});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kError)));
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
}

TEST_F(LeasesTest, WhatADrainingAgentLeavesUndoneIsNotHeldAgainstTheTest) {
  Lease lease = HoldOne();
  for (int i = 0; i < 8; ++i) {
    const std::string peer = i == 0 ? "a" : absl::StrCat("p", i);
    Say(peer, Draining{sessions_[peer]});
    SendResults(peer, {MakeEnd(lease)});
    Say(peer, Goodbye{sessions_[peer]});
    const std::string next = absl::StrCat("p", i + 1);
    Join(next, next, 1, 1);
    const std::vector<Lease> leases = Leases(next);
    ASSERT_THAT(leases, SizeIs(1));
    lease = leases[0];
  }
  EXPECT_THAT(Verdicts(), IsEmpty());
}

TEST_F(LeasesTest, ATearDownThatFailsIsAFailureOfItsOwn) {
  const Lease lease = HoldOne();
  UnitEndItem end = MakeEnd(lease);
  end.end.finalize = Outcome::kError;
  end.end.message = "TearDownTestSuite threw";
  SendResults("a", {MakeAttempt(lease, 0, Outcome::kPassed), end});
  const auto extras = TakeEvents<ExtraTestEvent>();
  ASSERT_THAT(extras, SizeIs(1));
  EXPECT_EQ(extras[0].name, "suite: tear-down");
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed),
                                      Pair(TestIndex{1}, Verdict::kError)));
  EXPECT_FALSE(TakeEvents<RunEndedEvent>().at(0).green);
}

TEST_F(LeasesTest, ATearDownThatIsToldOfIsNotTwoFailures) {
  const Lease lease = HoldOne();
  UnitEndItem end = MakeEnd(lease);
  end.end.finalize = Outcome::kError;
  ExtraItem extra;
  extra.run = lease.run;
  extra.token = lease.token;
  extra.extra.name = "what failed";
  extra.extra.result.outcome = Outcome::kError;
  SendResults("a", {MakeAttempt(lease, 0, Outcome::kPassed), extra, end});
  EXPECT_THAT(TakeEvents<ExtraTestEvent>(), SizeIs(1));
}

// A retry that passes would have left nothing of it.
TEST_F(LeasesTest, AFailedTestDoesNotExplainATearDown) {
  const Lease lease = HoldOne();
  UnitEndItem end = MakeEnd(lease);
  end.end.finalize = Outcome::kError;
  SendResults("a", {MakeAttempt(lease, 0, Outcome::kFailed), end});
  EXPECT_THAT(TakeEvents<ExtraTestEvent>(), SizeIs(1));
}

TEST_F(LeasesTest, ARecycledWorkerIsToldOf) {
  const Lease lease = HoldOne();
  UnitEndItem end = MakeEnd(lease);
  end.end.recycled = RecycleReason{RecycleSignal::kDescriptors, 204, 200};
  end.worker = 17;
  SendResults("a", {MakeAttempt(lease, 0, Outcome::kPassed), end});
  const auto recycled = TakeEvents<RecycledEvent>();
  ASSERT_THAT(recycled, SizeIs(1));
  EXPECT_EQ(recycled[0],
            (RecycledEvent{"alpha", 17, SuiteIndex{0}, *end.end.recycled}));
}

// ---- results ---------------------------------------------------------------

TEST_F(LeasesTest, AResultCountsOnlyForTheAttemptItIsOf) {
  const Lease lease = HoldOne();
  AttemptItem other = MakeAttempt(lease, 0, Outcome::kFailed);
  other.attempt = 2;
  AttemptItem unknown = MakeAttempt(lease, 0, Outcome::kFailed);
  unknown.test = TestIndex{77};
  SendResults("a", {other, unknown});
  EXPECT_THAT(Verdicts(), IsEmpty());
  SendResults("a", {MakeAttempt(lease, 0, Outcome::kPassed),
                    MakeAttempt(lease, 0, Outcome::kFailed), MakeEnd(lease)});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
  EXPECT_THAT(TakeEvents<AttemptEvent>(), SizeIs(1));
}

// A worker that did not heed SIGTERM had gone on with its unit, and of what it
// began only one test was shown; the others ran again without a word.
TEST_F(LeasesTest, AllTestsThatAUnitsEndNamesAreShownAsRerun) {
  Join("a", "alpha", 1, 1);
  Submit({Test("1"), Test("2"), Test("3"), Test("4"), Test("5"), Test("6")});
  const Lease lease = Leases("a").at(0);
  ASSERT_THAT(lease.tests, SizeIs(3));
  UnitEndItem end = MakeEnd(lease);
  end.interrupted = {TestIndex{1}, TestIndex{0}};
  SendResults("a", {end});
  std::vector<TestIndex> again;
  for (const AttemptEvent& attempt : TakeEvents<AttemptEvent>()) {
    EXPECT_EQ(attempt.rerun, "rerun: drained");
    again.push_back(attempt.test);
  }
  EXPECT_THAT(again, ElementsAre(TestIndex{0}, TestIndex{1}));
}

TEST_F(LeasesTest, ARetryIsAUnitOfItsOwnAndCountsOnce) {
  Join("a", "alpha", 1, 8);
  RunOptions options;
  options.retries = 1;
  Submit({Test("1"), Test("2"), Test("3"), Test("4")}, options);
  const Lease lease = Leases("a").at(0);
  ASSERT_THAT(lease.tests, SizeIs(2));
  SendResults("a", {MakeAttempt(lease, 0, Outcome::kFailed),
                    MakeAttempt(lease, 1, Outcome::kPassed), MakeEnd(lease)});
  const Lease retry = Leases("a").at(0);
  ASSERT_THAT(retry.tests, SizeIs(1));
  EXPECT_EQ(retry.tests[0].test, TestIndex{0});
  EXPECT_EQ(retry.tests[0].attempt, 2U);
  Finish("a", retry, Outcome::kPassed);
  EXPECT_EQ(Verdicts().at(TestIndex{0}), Verdict::kFlaky);
}

TEST_F(LeasesTest, ATestWithNeedsIsRetriedToo) {
  Constraints lock;
  lock.locks = {"db"};
  RunOptions options;
  options.retries = 1;
  const Lease lease = HoldOne(Test("one", lock), options);
  Finish("a", lease, Outcome::kFailed);
  Want("a", 1, 1);
  const std::vector<Lease> retry = Leases("a");
  ASSERT_THAT(retry, SizeIs(1));
  EXPECT_EQ(retry[0].tests.at(0).attempt, 2U);
  Finish("a", retry[0], Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kFlaky)));
  EXPECT_TRUE(TakeEvents<RunEndedEvent>().at(0).green);
}

TEST_F(LeasesTest, ResultsAreAcknowledgedOnceTheyAreCommitted) {
  const Lease lease = HoldOne();
  journal_.late = true;
  Finish("a", lease, Outcome::kPassed);
  EXPECT_THAT(Take<ResultAck>("a"), IsEmpty());
  EXPECT_THAT(Take<Events>("client"), IsEmpty());
  journal_.Commit();
  Tick();
  EXPECT_THAT(Take<ResultAck>("a"), ElementsAre(ResultAck{sessions_["a"], 2}));
  EXPECT_THAT(Verdicts(), SizeIs(1));
}

TEST_F(LeasesTest, AWelcomeSaysOnlyOfWhatIsCommittedThatItIsKept) {
  const Lease lease = HoldOne();
  journal_.late = true;
  Finish("a", lease, Outcome::kPassed);
  hello_.seq = 2;
  hello_.held = {{lease.token, true}};
  Say("a2", hello_);
  EXPECT_THAT(Take<Welcome>("a2"), IsEmpty()) << "it would say too much";
  Commit();
  const auto welcome = Take<Welcome>("a2");
  ASSERT_THAT(welcome, SizeIs(1));
  EXPECT_EQ(welcome[0].acked_through, 2U);
}

TEST_F(LeasesTest, ResultsThatOverlapAreTakenFromWhereTheyAreNew) {
  Join("a", "alpha", 1, 8);
  RunOptions options = OneATime();
  Submit({Test("1"), Test("2"), Test("3")}, options);
  const Lease first = Leases("a").at(0);
  Finish("a", first, Outcome::kPassed);
  const Lease second = Leases("a").at(0);
  next_result_["a"] = 0;
  SendResults("a", {MakeAttempt(first, 0, Outcome::kPassed), MakeEnd(first),
                    MakeAttempt(second, 0, Outcome::kFailed), MakeEnd(second)});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed),
                                      Pair(TestIndex{1}, Verdict::kFailed)));
  EXPECT_EQ(Take<ResultAck>("a").back().through, 4U);
}

// Another coordinator, or another life of this one, had the first four.
TEST_F(LeasesTest, TheResultsOfAnUnknownAgentBeginWhereItSays) {
  Hello hello = MakeHello("alpha", 1);
  hello.first_result = 5;
  Say("a", hello);
  const auto welcome = Take<Welcome>("a");
  ASSERT_THAT(welcome, SizeIs(1));
  EXPECT_EQ(welcome[0].acked_through, 4U);
  sessions_["a"] = welcome[0].session;
  next_result_["a"] = 4;
  SendResults("a", {NoteItem{RandomId<RunId>(), "note"}});
  EXPECT_THAT(Take<ResultAck>("a"), ElementsAre(ResultAck{sessions_["a"], 5}));
}

TEST_F(LeasesTest, WhatComesAgainBeforeWhatIsNewIsToldOnce) {
  const Lease lease = HoldOne();
  ExtraItem extra;
  extra.run = lease.run;
  extra.token = lease.token;
  extra.extra.name = "environment";
  extra.extra.result.outcome = Outcome::kFailed;
  SendResults("a", {NoteItem{run_id_, "note"}, extra});
  next_result_["a"] = 0;
  SendResults("a", {NoteItem{run_id_, "note"}, extra,
                    MakeAttempt(lease, 0, Outcome::kPassed), MakeEnd(lease)});
  EXPECT_THAT(TakeEvents<NoteEvent>(), SizeIs(1));
  EXPECT_THAT(TakeEvents<ExtraTestEvent>(), SizeIs(1));
  EXPECT_THAT(Verdicts(), SizeIs(2));
}

TEST_F(LeasesTest, ANoteReachesItsRun) {
  HoldOne();
  SendResults("a", {NoteItem{run_id_, "the memory ceiling cannot be met"},
                    NoteItem{RandomId<RunId>(), "of a run long gone"}});
  EXPECT_THAT(TakeEvents<NoteEvent>(),
              ElementsAre(NoteEvent{"the memory ceiling cannot be met"}));
  EXPECT_EQ(Take<ResultAck>("a").back().through, 2U);
}

// ---- output that goes ahead ------------------------------------------------

class OutputTest : public LeasesTest {
 protected:
  // The pieces of a test's output, of five bytes each.
  Output Piece(const std::string& peer, const Lease& lease, std::uint64_t seq,
               std::uint32_t offset, const std::string& data,
               bool tail = false) {
    Output output;
    output.session = sessions_[peer];
    output.seq = seq;
    output.token = lease.token;
    output.test = lease.tests.at(0).test;
    output.attempt = lease.tests[0].attempt;
    output.offset = offset;
    output.tail = tail;
    output.data = data;
    return output;
  }
  AttemptItem AfterOutput(const Lease& lease, std::uint32_t head,
                          std::uint32_t tail = 0) {
    AttemptItem item = MakeAttempt(lease, 0, Outcome::kPassed);
    item.head_bytes_sent = head;
    item.tail_bytes_sent = tail;
    return item;
  }
  // What the client was told of the output, head and tail.
  std::pair<std::string, std::string> Told() {
    std::pair<std::string, std::string> told;
    for (const OutputEvent& event : TakeEvents<OutputEvent>()) {
      (event.tail ? told.second : told.first) += event.data;
    }
    return told;
  }
};

TEST_F(OutputTest, PiecesReachTheClientInOrderAndAreAcknowledged) {
  const Lease lease = HoldOne();
  Say("a", Piece("a", lease, 1, 0, "12345"));
  Say("a", Piece("a", lease, 2, 5, "67890"));
  Say("a", Piece("a", lease, 3, 0, "abc", /*tail=*/true));
  EXPECT_EQ(Take<OutputAck>("a").back(), (OutputAck{sessions_["a"], 3}));
  SendResults("a", {AfterOutput(lease, 10, 3), MakeEnd(lease)});
  EXPECT_THAT(Told(), Pair("1234567890", "abc"));
  EXPECT_THAT(Verdicts(), SizeIs(1));
}

TEST_F(OutputTest, APieceIsAcknowledgedOnceItIsCommitted) {
  const Lease lease = HoldOne();
  journal_.late = true;
  Say("a", Piece("a", lease, 1, 0, "12345"));
  EXPECT_THAT(Take<OutputAck>("a"), IsEmpty());
  Commit();
  EXPECT_THAT(Take<OutputAck>("a"), SizeIs(1));
}

TEST_F(OutputTest, WhatIsSentAgainInANewSessionIsNotToldTwice) {
  const Lease lease = HoldOne();
  Say("a", Piece("a", lease, 1, 0, "12345"));
  ComeBack("a2", {{lease.token, true}});
  Say("a2", Piece("a2", lease, 1, 0, "12345"));
  EXPECT_THAT(Take<OutputAck>("a2"), ElementsAre(OutputAck{sessions_["a2"], 1}))
      << "numbers begin anew in each session";
  Say("a2", Piece("a2", lease, 2, 5, "67890"));
  EXPECT_EQ(Take<OutputAck>("a2").back().through, 2U);
  SendResults("a2", {AfterOutput(lease, 10), MakeEnd(lease)});
  EXPECT_THAT(Told(), Pair("1234567890", ""));
}

TEST_F(OutputTest, APieceAfterAGapIsNotTaken) {
  const Lease lease = HoldOne();
  Say("a", Piece("a", lease, 2, 5, "67890"));
  EXPECT_THAT(Take<OutputAck>("a"), IsEmpty());
  EXPECT_THAT(Told(), Pair("", ""));
}

TEST_F(OutputTest, APieceOfNobodysTokenIsAcknowledgedAndNotTold) {
  const Lease lease = HoldOne();
  Finish("a", lease, Outcome::kPassed);
  Say("a", Piece("a", lease, 1, 0, "12345"));
  EXPECT_THAT(Take<OutputAck>("a"), SizeIs(1));
  EXPECT_THAT(Told(), Pair("", ""));
}

TEST_F(OutputTest, AResultSaysHowMuchOfItsOutputWasLostOnTheWay) {
  const Lease lease = HoldOne();
  Say("a", Piece("a", lease, 1, 0, "12345"));
  SendResults("a", {AfterOutput(lease, 10, 3), MakeEnd(lease)});
  EXPECT_THAT(Told(), Pair("12345", ""));
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].result.output.cut_bytes, 8U);
}

}  // namespace
}  // namespace paceline
