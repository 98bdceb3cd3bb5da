// Runs that are over and wait for what their workers say as they leave.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/coordinator/coordinator_fixture.h"

namespace paceline {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class LastWordsTest : public CoordinatorTest {
 protected:
  // A run of one suite whose workers have last words.
  RunId SubmitLasting(std::vector<TestSpec> tests) {
    const RunId run = RandomId<RunId>();
    run_ = {run};
    Say("client", ClientHello{kFleetProtocolVersion, "test", "host", 1});
    Say("client", SubmitOpen{run, {}});
    SubmitPart part = MakePart(run, 1, std::move(tests));
    part.suites[0].last_words = true;
    Say("client", part);
    Say("client", MakeComplete(run, {part}));
    return run;
  }
  static LateExtraItem Extra(RunId run, const std::string& name) {
    LateExtraItem item{run, SuiteIndex{0}, 1, {}};
    item.extra.name = name;
    item.extra.result.outcome = Outcome::kError;
    return item;
  }
};

TEST_F(LastWordsTest, ARunEndsWhenItsWorkersHaveSaidAllAndLeft) {
  Join("a", "alpha", 1, 1);
  const RunId run = SubmitLasting({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), IsEmpty());
  EXPECT_THAT(Take<RunOver>("a"), ElementsAre(RunOver{run, true}));

  SendResults("a", {Extra(run, "session fixture"),
                    WorkerReportItem{run, SuiteIndex{0}, 1, "cover", false},
                    WorkerReportItem{run, SuiteIndex{0}, 1, "age", true}});
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), IsEmpty());
  SendResults("a", {RunLeftItem{run}});
  ASSERT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
  EXPECT_FALSE(TakeEvents<RunEndedEvent>()[0].green);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed),
                                      Pair(TestIndex{1}, Verdict::kError)));
  EXPECT_EQ(TakeEvents<ExtraTestEvent>().at(0).name, "session fixture");
  const auto reports = TakeEvents<WorkerReportEvent>();
  ASSERT_THAT(reports, SizeIs(2));
  EXPECT_EQ(reports[0].agent, "alpha");
  EXPECT_EQ(reports[0].data + reports[1].data, "coverage");
  EXPECT_TRUE(reports[1].last);
}

TEST_F(LastWordsTest, OnlyAgentsThatRanSomethingOfItAreWaitedFor) {
  Join("a", "alpha", 1, 1);
  Join("b", "beta", 1, 0);
  const RunId run = SubmitLasting({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  EXPECT_THAT(Take<RunOver>("b"), IsEmpty());
  SendResults("a", {RunLeftItem{run}});
  EXPECT_TRUE(TakeEvents<RunEndedEvent>().at(0).green);
}

TEST_F(LastWordsTest, ASuiteWithoutThemKeepsNoRunOpen) {
  Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  EXPECT_TRUE(TakeEvents<RunEndedEvent>().at(0).green);
  EXPECT_THAT(Take<RunOver>("a"), ElementsAre(RunOver{run, false}));
}

TEST_F(LastWordsTest, AQuestionThatWasLostIsAskedAgain) {
  Join("a", "alpha", 1, 1);
  const RunId run = SubmitLasting({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  Take<RunOver>("a");
  TakeEvents<AttemptEvent>();
  Advance(Options().ask_again_after + seconds(2), {"a"});
  EXPECT_THAT(Take<RunOver>("a"), Contains(RunOver{run, true}));
  SendResults("a", {RunLeftItem{run}, RunLeftItem{run}});
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
}

TEST_F(LastWordsTest, AnAgentThatIsLostIsNamedAndNotWaitedFor) {
  Join("a", "alpha", 1, 1);
  SubmitLasting({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  Advance(seconds(40), {});
  EXPECT_TRUE(TakeEvents<RunEndedEvent>().at(0).green);
  EXPECT_THAT(TakeEvents<NoteEvent>().at(0).text, HasSubstr("agent alpha"));
}

TEST_F(LastWordsTest, AnAgentWhosePoolIsStuckIsNotWaitedFor) {
  Join("a", "alpha", 1, 1);
  SubmitLasting({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  Say("a", Beat{sessions_["a"], ++beats_, Options().stuck_lost_after, {}});
  Advance(seconds(1), {});
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
}

TEST_F(LastWordsTest, ARestartedCoordinatorWaitsForThemToo) {
  Hello hello = Join("a", "alpha", 1, 1);
  const RunId run = SubmitLasting({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  Restart();
  Say("client", Attach{run, events_.size()});
  Advance(seconds(5), {});
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), IsEmpty());
  ++hello.seq;
  Say("a2", hello);
  sessions_["a2"] = Take<Welcome>("a2").at(0).session;
  next_result_["a2"] = next_result_["a"];
  Advance(Options().ask_again_after + seconds(2), {"a2"});
  EXPECT_THAT(Take<RunOver>("a2"), Contains(RunOver{run, true}));
  SendResults("a2", {RunLeftItem{run}});
  EXPECT_TRUE(TakeEvents<RunEndedEvent>().at(0).green);
  EXPECT_THAT(TakeEvents<NoteEvent>(), IsEmpty());
}

TEST_F(LastWordsTest, WhoDoesNotComeBackToARestartedOneIsGivenUp) {
  Join("a", "alpha", 1, 1);
  const RunId run = SubmitLasting({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  Restart();
  Say("client", Attach{run, events_.size()});
  Advance(seconds(46), {});
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
  EXPECT_THAT(TakeEvents<NoteEvent>().at(0).text, HasSubstr("agent alpha"));
}

TEST_F(LastWordsTest, ACancelledRunWaitsForThemToo) {
  Join("a", "alpha", 1, 1);
  const RunId run = SubmitLasting({Test("one"), Test("two")});
  const Lease lease = Leases("a").at(0);
  Say("client", Cancel{run, "enough"});
  Finish("a", lease, Outcome::kPassed);
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), IsEmpty());
  SendResults("a", {RunLeftItem{run}});
  EXPECT_TRUE(TakeEvents<RunEndedEvent>().at(0).cancelled);
}

TEST_F(LastWordsTest, WordsAboutASuiteThatIsNotThereAreDropped) {
  Join("a", "alpha", 1, 1);
  const RunId run = SubmitLasting({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  LateExtraItem extra = Extra(run, "x");
  extra.suite = SuiteIndex{7};
  SendResults("a", {extra, WorkerReportItem{run, SuiteIndex{9}, 1, "r", true},
                    RunLeftItem{run}});
  EXPECT_TRUE(TakeEvents<RunEndedEvent>().at(0).green);
  EXPECT_THAT(TakeEvents<WorkerReportEvent>(), IsEmpty());
}

// It was: an agent that had been taken for lost tells all again that was not
// acknowledged, and what has no token was counted a second time.
TEST_F(LastWordsTest, WhatIsToldAgainAfterALossCountsOnce) {
  Hello hello = Join("a", "alpha", 1, 1);
  Join("b", "beta", 1, 1);
  RunOptions options;
  options.max_unit_tests = 1;
  const RunId run = Submit({Test("one"), Test("two")}, options);
  const Lease lease = Leases("a").at(0);
  const Lease other = Leases("b").at(0);
  LateExtraItem extra{run, SuiteIndex{0}, 1, {}};
  extra.extra.name = "session fixture";
  extra.extra.result.outcome = Outcome::kError;
  const std::vector<ResultItem> items = {
      MakeAttempt(lease, 0, Outcome::kPassed), MakeEnd(lease), extra,
      NoteItem{run, "note"}};
  SendResults("a", items);  // and its acknowledgement is lost on the way
  Advance(std::chrono::seconds(31), {"b"});
  ++hello.seq;
  Say("a2", hello);
  sessions_["a2"] = Take<Welcome>("a2").at(0).session;
  SendResults("a2", items);
  Finish("b", other, Outcome::kPassed);
  EXPECT_THAT(TakeEvents<ExtraTestEvent>(), SizeIs(1));
  EXPECT_THAT(TakeEvents<NoteEvent>(), SizeIs(1));
}

TEST_F(LastWordsTest, NumbersThatCameToTheirEndAreRefused) {
  Hello hello = MakeHello("alpha", 1);
  hello.first_result = kMaxSequence;
  Say("a", hello);
  sessions_["a"] = Take<Welcome>("a").at(0).session;
  const RunId run = Open();
  Say("a", Results{sessions_["a"], kMaxSequence, {NoteItem{run, "note"}}});
  EXPECT_THAT(Take<Refused>("a"), SizeIs(1));
  EXPECT_THAT(journal_.All<ResultsKept>(), IsEmpty());
}

// Nothing bounded it, and one such run ended the coordinator with all others.
TEST_F(LastWordsTest, ARunThatNobodyFollowsLeavesOutItsTexts) {
  RunOptions options;
  options.detach = true;
  Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")}, options);
  broken_["client"] = absl::UnavailableError("gone");
  run_.clear();
  const Lease lease = Leases("a").at(0);
  constexpr std::uint32_t kChunk = 64 * 1024;
  constexpr std::uint32_t kChunks = 1200;  // 75 MiB
  for (std::uint32_t i = 0; i < kChunks; ++i) {
    Say("a", Output{sessions_["a"], i + 1, lease.token, TestIndex{0}, 1, false,
                    i * kChunk, std::string(kChunk, 'o')});
  }
  AttemptItem item = MakeAttempt(lease, 0, Outcome::kFailed);
  item.head_bytes_sent = kChunks * kChunk;
  item.result.details = std::string(5000, 'd');
  SendResults("a", {item, MakeEnd(lease)});
  broken_.clear();
  Say("client", Attach{run, 0});
  std::uint64_t told = 0;
  for (int i = 0; i < 1000 && TakeEvents<RunEndedEvent>().empty(); ++i) {
  }
  for (const OutputEvent& output : TakeEvents<OutputEvent>()) {
    told += output.data.size();
  }
  EXPECT_LT(told, 65U << 20);
  EXPECT_GT(told, 60U << 20);
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(told + attempts[0].result.output.cut_bytes, kChunks * kChunk);
  EXPECT_LT(attempts[0].result.details.size(), 1200U);
  EXPECT_EQ(attempts[0].verdict, Verdict::kFailed);
}

}  // namespace
}  // namespace paceline
