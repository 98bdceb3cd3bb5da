// What workers say as they leave, and when an agent says that they have left.

#include <gmock/gmock.h>

#include <csignal>

#include "tests/unit/agent_pool/pool_fixture.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class PoolLeavingTest : public PoolTest {
 protected:
  // A worker of a suite with last words has run a unit and is idle.
  void SetUp() override {
    PoolTest::SetUp();
    last_words_ = true;
    Serve();
  }
  void Serve() {
    Start(1, 1);
    Hello(worker(1));
    Run(worker(1), 0);
    UnitFinished(worker(1));
  }
  RunId TheRun() const {
    RunId run;
    run.bytes[0] = 1;
    return run;
  }
  void EndRun(bool answer = true) {
    pool_->OnCommand(now_, PoolRunOver{TheRun(), answer});
  }
  static WorkerLeaving Leaving(std::string report) {
    WorkerLeaving leaving;
    leaving.extras.emplace_back();
    leaving.extras[0].name = "session fixture";
    leaving.extras[0].result.outcome = Outcome::kError;
    leaving.report = std::move(report);
    return leaving;
  }
  std::vector<LateExtraItem> Extras() const {
    return effects_.Items<LateExtraItem>();
  }
};

TEST_F(PoolLeavingTest, WhatAWorkerSaysLastIsTheRunsAndComesBeforeItHasLeft) {
  EndRun();
  EXPECT_THAT(effects_.SentTo<WorkerShutdown>(worker(1)), SizeIs(1));
  EXPECT_THAT(effects_.Items<RunLeftItem>(), IsEmpty());
  Say(worker(1), Leaving(std::string(kMaxReportBytes + 5, 'r')));
  Exited(worker(1), 0);
  ASSERT_THAT(Extras(), SizeIs(1));
  EXPECT_EQ(Extras()[0].extra.name, "session fixture");
  const auto reports = effects_.Items<WorkerReportItem>();
  ASSERT_THAT(reports, SizeIs(2));
  EXPECT_FALSE(reports[0].last);
  EXPECT_TRUE(reports[1].last);
  EXPECT_EQ(reports[0].data.size() + reports[1].data.size(),
            kMaxReportBytes + 5);
  EXPECT_THAT(effects_.Items<RunLeftItem>(),
              ElementsAre(RunLeftItem{TheRun()}));
  EXPECT_TRUE(std::holds_alternative<RunLeftItem>(
      std::get<PoolResult>(effects_.events.back()).item));
}

TEST_F(PoolLeavingTest, WhoHasNoWorkerOfTheRunAnswersAtOnceAndAgain) {
  EndRun();
  Exited(worker(1), 0);
  EndRun();
  EXPECT_THAT(effects_.Items<RunLeftItem>(), SizeIs(2));
}

TEST_F(PoolLeavingTest, NobodyIsToldWhereNobodyAsked) {
  EndRun(/*answer=*/false);
  Exited(worker(1), 0);
  EXPECT_THAT(effects_.Items<RunLeftItem>(), IsEmpty());
}

TEST_F(PoolLeavingTest, TheLastTearDownMayTakeItsTimeButNotForEver) {
  EndRun();
  TickAfter(parameters_.leave_bound);
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
  Exited(worker(1), SIGTERM);
  ASSERT_THAT(Extras(), SizeIs(1));
  EXPECT_EQ(Extras()[0].extra.name, "suite0: last tear-down of a worker");
  EXPECT_THAT(Extras()[0].extra.result.message, HasSubstr("took too long"));
  EXPECT_THAT(effects_.Items<RunLeftItem>(), SizeIs(1));
}

TEST_F(PoolLeavingTest, AWorkerThatDiesInItsLastTearDownIsAFailure) {
  EndRun();
  Exited(worker(1), SIGSEGV, "oh");
  ASSERT_THAT(Extras(), SizeIs(1));
  EXPECT_THAT(Extras()[0].extra.result.message, HasSubstr("SIGSEGV"));
  EXPECT_EQ(Extras()[0].extra.result.output.head, "oh");
}

TEST_F(PoolLeavingTest, WhatItDoesAfterItsLastWordsIsNot) {
  EndRun();
  WorkerLeaving leaving;
  leaving.report = "r";
  Say(worker(1), leaving);
  Say(worker(1), leaving);
  Exited(worker(1), SIGSEGV);
  EXPECT_THAT(Extras(), IsEmpty());
  EXPECT_THAT(effects_.Items<WorkerReportItem>(), SizeIs(1));
}

TEST_F(PoolLeavingTest, AWorkerThatRanNothingHasNothingToTearDown) {
  Start(2, 1);
  Start(3, 1);
  Hello(worker(2));
  EndRun();
  // Worker 1 serves the one unit; 2 the other, and never began.
  Exited(worker(2), SIGSEGV);
  EXPECT_THAT(Extras(), IsEmpty());
}

TEST_F(PoolLeavingTest, ADrainDoesNotWaitForIt) {
  pool_->OnCommand(now_, PoolDrain{std::chrono::seconds(8)});
  TickAfter(parameters_.kill_grace);
  Exited(worker(1), SIGTERM);
  EXPECT_THAT(Extras(), IsEmpty());
}

TEST_F(PoolLeavingTest, OfASuiteWithoutLastWordsTheyAreNotes) {
  last_words_ = false;
  Start(2, 1, /*suite=*/5);
  Hello(worker(2));
  Run(worker(2), 0);
  UnitFinished(worker(2));
  EndRun();
  Say(worker(2), Leaving("report"));
  Exited(worker(2), 0);
  EXPECT_THAT(Extras(), IsEmpty());
  EXPECT_THAT(effects_.Items<WorkerReportItem>(), IsEmpty());
  ASSERT_THAT(effects_.Items<NoteItem>(), SizeIs(1));
  EXPECT_THAT(effects_.Items<NoteItem>()[0].text, HasSubstr("session fixture"));
}

}  // namespace
}  // namespace paceline
