// What a worker's end means: timeouts, deaths, and who is charged.

#include <gmock/gmock.h>

#include <csignal>

#include "tests/unit/agent_pool/pool_fixture.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

// As waitpid gives it.
int ExitStatus(int code) { return code << 8; }

class PoolEndingsTest : public PoolTest {
 protected:
  // The worker runs test 0 of a unit of three.
  void SetUp() override {
    PoolTest::SetUp();
    Start(1, 3);
    Hello(worker(1));
    Started(worker(1), 0);
  }
  // Tests 1 and 2 pass in `id` under the same lease, and the unit ends.
  void ExpectTheRestRunsIn(WorkerId id) {
    Hello(id);
    const auto units = effects_.SentTo<WorkerRunUnit>(id);
    ASSERT_EQ(units.size(), 1u);
    ASSERT_EQ(units[0].tests.size(), 2u);
    EXPECT_EQ(units[0].tests[0].name, "t1");
    Run(id, 0);
    Run(id, 1);
    UnitFinished(id);
    ASSERT_EQ(Attempts().size(), 3u);
    EXPECT_EQ(Attempts()[1].result.outcome, Outcome::kPassed);
    EXPECT_EQ(Attempts()[2].test, TestIndex{2});
    EXPECT_EQ(Attempts()[2].token, (Token{1, 1}));
    EXPECT_EQ(Ends().size(), 1u);
  }
};

TEST_F(PoolEndingsTest, ATimeoutTakesStacksThenTermThenKill) {
  TickAfter(std::chrono::seconds(10));
  EXPECT_THAT(effects_.described, ElementsAre(worker(1)));
  EXPECT_THAT(effects_.signals, IsEmpty());
  pool_->OnTreeDescribed(now_, worker(1), "in main() at foo.cc:7");
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
  TickAfter(parameters_.kill_grace);
  EXPECT_THAT(effects_.signals,
              ElementsAre(Pair(worker(1), SIGTERM), Pair(worker(1), SIGKILL)));
  EXPECT_THAT(Attempts(), IsEmpty());
  Exited(worker(1), SIGKILL, "the last words");
  ASSERT_EQ(Attempts().size(), 1u);
  const TestResult result = Attempts()[0].result;
  EXPECT_EQ(result.outcome, Outcome::kTimedOut);
  EXPECT_EQ(result.message, "timed out after 10.00 s");
  EXPECT_EQ(result.details, "in main() at foo.cc:7");
  EXPECT_EQ(result.output.head, "the last words");
  EXPECT_EQ(result.duration, std::chrono::seconds(10) + parameters_.kill_grace);
  ExpectTheRestRunsIn(worker(2));
}

TEST_F(PoolEndingsTest, StacksThatDoNotComeAreDoneWithout) {
  TickAfter(std::chrono::seconds(10));
  TickAfter(parameters_.describe_bound);
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
  Exited(worker(1), SIGTERM);
  ASSERT_EQ(Attempts().size(), 1u);
  EXPECT_EQ(Attempts()[0].result.outcome, Outcome::kTimedOut);
  EXPECT_EQ(Attempts()[0].result.details, "");
}

TEST_F(PoolEndingsTest, TheOutputThatAWorkerSavesAtItsTimeoutIsKept) {
  TickAfter(std::chrono::seconds(10));
  pool_->OnTreeDescribed(now_, worker(1), "stacks");
  WorkerTestFinished finished;
  finished.request = Request(worker(1));
  finished.result.outcome = Outcome::kCrashed;
  finished.result.output.head = "so far";
  Say(worker(1), finished);
  Exited(worker(1), ExitStatus(0));
  ASSERT_EQ(Attempts().size(), 1u);
  // Our mark on it beats what the worker made of our signal.
  EXPECT_EQ(Attempts()[0].result.outcome, Outcome::kTimedOut);
  EXPECT_EQ(Attempts()[0].result.output.head, "so far");
  ExpectTheRestRunsIn(worker(2));
}

TEST_F(PoolEndingsTest, TheClockStartsAtTestStartedAndAgainAtItsDeadline) {
  now_ += std::chrono::seconds(4);
  Say(worker(1),
      WorkerTestDeadline{Request(worker(1)), 0, std::chrono::seconds(2)});
  TickAfter(std::chrono::seconds(2));
  EXPECT_THAT(effects_.described, ElementsAre(worker(1)));
  Exited(worker(1), SIGKILL);
  EXPECT_EQ(Attempts().at(0).result.message, "timed out after 2.00 s");
}

TEST_F(PoolEndingsTest, ATestBegunInVainIsRunAgainAndThatIsSaid) {
  TickAfter(std::chrono::seconds(10));
  pool_->OnTreeDescribed(now_, worker(1), "stacks");
  Finished(worker(1), 0);
  Started(worker(1), 1);
  Exited(worker(1), SIGTERM);
  const auto notes = effects_.Items<NoteItem>();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].text,
            "suite0: t1 had begun when its worker was ended because of the "
            "test before it; it is run again");
  ExpectTheRestRunsIn(worker(2));
}

TEST_F(PoolEndingsTest, ADeathIsChargedToTheRunningTestWithTheSignalsName) {
  Exited(worker(1), SIGSEGV, "oops");
  ASSERT_EQ(Attempts().size(), 1u);
  EXPECT_EQ(Attempts()[0].test, TestIndex{0});
  EXPECT_EQ(Attempts()[0].result.outcome, Outcome::kCrashed);
  EXPECT_THAT(Attempts()[0].result.message, HasSubstr("SIGSEGV"));
  EXPECT_EQ(Attempts()[0].result.output.head, "oops");
  ExpectTheRestRunsIn(worker(2));
}

TEST_F(PoolEndingsTest, AnExitInTheMiddleOfATestIsACrashEvenWithStatusZero) {
  Exited(worker(1), ExitStatus(0));
  ASSERT_EQ(Attempts().size(), 1u);
  EXPECT_EQ(Attempts()[0].result.outcome, Outcome::kCrashed);
  EXPECT_EQ(Attempts()[0].result.message,
            "its worker died: left with exit status 0");
  ExpectTheRestRunsIn(worker(2));
}

TEST_F(PoolEndingsTest, ADeathWithTheWardenIsNotTheTestsCrash) {
  WorkerDeath death;
  death.reason = "the warden was lost";
  pool_->OnWorkerExited(now_, worker(1), death);
  ASSERT_EQ(Attempts().size(), 1u);
  EXPECT_EQ(Attempts()[0].result.outcome, Outcome::kError);
  EXPECT_EQ(Attempts()[0].result.message,
            "its worker died: the warden was lost");
  ExpectTheRestRunsIn(worker(2));
}

// A test that sent SIGTERM to its parent was told of twice.
TEST_F(PoolEndingsTest, ASigtermThatATestToldOfIsNotToldAgain) {
  WorkerTestFinished finished;
  finished.request = Request(worker(1));
  finished.result.outcome = Outcome::kCrashed;
  Say(worker(1), finished);
  Exited(worker(1), ExitStatus(128 + SIGTERM));
  EXPECT_EQ(Attempts().size(), 1u);
  EXPECT_THAT(effects_.Items<ExtraItem>(), testing::IsEmpty());
  ExpectTheRestRunsIn(worker(2));
}

TEST_F(PoolEndingsTest, ADeathBetweenTestsChargesNoTestAndIsShown) {
  Finished(worker(1), 0);
  Exited(worker(1), SIGABRT);
  const auto extras = effects_.Items<ExtraItem>();
  ASSERT_EQ(extras.size(), 1u);
  EXPECT_EQ(extras[0].extra.name, "suite0: between tests");
  EXPECT_THAT(extras[0].extra.result.message, HasSubstr("SIGABRT"));
  ExpectTheRestRunsIn(worker(2));
}

TEST_F(PoolEndingsTest, ADeathAfterTheLastTestFailsTheTearDown) {
  Finished(worker(1), 0);
  Run(worker(1), 1);
  Run(worker(1), 2);
  Exited(worker(1), SIGABRT);
  const auto extras = effects_.Items<ExtraItem>();
  ASSERT_EQ(extras.size(), 1u);
  EXPECT_EQ(extras[0].extra.name, "suite0: tear-down");
  ASSERT_EQ(Ends().size(), 1u);
  EXPECT_EQ(Ends()[0].end.finalize, Outcome::kError);
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
}

TEST_F(PoolEndingsTest, WorkersThatDieBeforeAnyTestAreGivenUpAfterThree) {
  Exited(worker(1), SIGSEGV);  // charged to t0
  for (std::uint32_t number = 2; number <= 4; ++number) {
    EXPECT_EQ(Attempts().size(), 1u);
    Hello(worker(number));
    Exited(worker(number), ExitStatus(127), "cannot load libfoo.so");
  }
  ASSERT_EQ(Attempts().size(), 3u);
  EXPECT_EQ(Attempts()[2].result.outcome, Outcome::kError);
  EXPECT_EQ(Attempts()[2].result.message,
            "workers of suite suite0 end before they run a test, 3 times in a "
            "row; the last one: left with exit status 127");
  EXPECT_EQ(Attempts()[2].result.details, "cannot load libfoo.so");
  EXPECT_EQ(Ends().size(), 1u);
  EXPECT_EQ(effects_.spawned.size(), 4u);
}

TEST_F(PoolEndingsTest, EveryTestOfAUnitMayCrashInAWorkerOfItsOwn) {
  Exited(worker(1), SIGSEGV);
  for (std::uint32_t number = 2; number <= 3; ++number) {
    Hello(worker(number));
    Started(worker(number), 0);
    Exited(worker(number), SIGSEGV);
  }
  ASSERT_EQ(Attempts().size(), 3u);
  for (std::uint32_t test = 0; test < 3; ++test) {
    EXPECT_EQ(Attempts()[test].test, TestIndex{test});
    EXPECT_EQ(Attempts()[test].result.outcome, Outcome::kCrashed);
  }
  EXPECT_EQ(Ends().size(), 1u);
  EXPECT_EQ(effects_.spawned.size(), 3u);
}

TEST_F(PoolEndingsTest, AWorkerThatCannotBeStartedFailsItsUnitAtOnce) {
  Start(2, 1, /*suite=*/1);
  pool_->OnSpawnFailed(now_, worker(2),
                       absl::NotFoundError("no such program: /x/paceline"));
  ASSERT_EQ(Attempts().size(), 1u);
  EXPECT_EQ(Attempts()[0].result.message,
            "no worker for suite suite1: no such program: /x/paceline");
  EXPECT_EQ(Ends().size(), 1u);
}

TEST_F(PoolEndingsTest, AWorkerWithoutHelloIsEndedAndAnotherTried) {
  Finished(worker(1), 0);
  Start(2, 1, /*suite=*/1);
  TickAfter(parameters_.hello_bound);
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(2), SIGTERM)));
  Exited(worker(2), SIGTERM);
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1), worker(2), worker(3)));
}

TEST_F(PoolEndingsTest, SilenceBetweenTestsHasABound) {
  Finished(worker(1), 0);
  TickAfter(parameters_.between_tests + 2 * parameters_.kill_grace);
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
  Exited(worker(1), SIGTERM);
  EXPECT_EQ(effects_.Items<ExtraItem>().size(), 1u);
  ExpectTheRestRunsIn(worker(2));
}

TEST_F(PoolEndingsTest, AWorkerThatClosesItsSocketAndStaysIsEnded) {
  pool_->OnWorkerClosed(now_, worker(1));
  TickAfter(parameters_.kill_grace);
  Exited(worker(1), SIGTERM);
  ASSERT_EQ(Attempts().size(), 1u);
  EXPECT_EQ(Attempts()[0].result.message,
            "the worker of suite suite0 closed its socket and stayed");
  ExpectTheRestRunsIn(worker(2));
}

TEST_F(PoolEndingsTest, AWorkerThatOutlivesKillIsGivenUpAndItsUnitGoesOn) {
  TickAfter(std::chrono::seconds(10));
  TickAfter(parameters_.describe_bound);
  TickAfter(parameters_.kill_grace);
  TickAfter(parameters_.reap_bound);
  ASSERT_EQ(Attempts().size(), 1u);
  EXPECT_EQ(Attempts()[0].result.outcome, Outcome::kTimedOut);
  ExpectTheRestRunsIn(worker(2));
  Exited(worker(1), SIGKILL);  // at last: nobody's any more
  EXPECT_EQ(Attempts().size(), 3u);
}

TEST_F(PoolEndingsTest, AnIdleWorkerThatDiesCostsNoTestAndIsShown) {
  Finished(worker(1), 0);
  Run(worker(1), 1);
  Run(worker(1), 2);
  UnitFinished(worker(1));
  Exited(worker(1), SIGSEGV);
  EXPECT_THAT(effects_.Items<ExtraItem>(), IsEmpty());
  const auto notes = effects_.Items<NoteItem>();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].text,
            "worker 1 of suite suite0 ended while it had no test to run: "
            "SIGSEGV (segmentation fault)");
  Start(2, 1);
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1), worker(2)));
}

TEST_F(PoolEndingsTest, AnIdleWorkerThatBreaksTheProtocolIsEndedAndShown) {
  Finished(worker(1), 0);
  Run(worker(1), 1);
  Run(worker(1), 2);
  UnitFinished(worker(1));
  Started(worker(1), 0);
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
  // Before it is gone: the run may be over by then.
  EXPECT_EQ(effects_.Items<NoteItem>().size(), 1u);
  Exited(worker(1), SIGTERM);
  const auto notes = effects_.Items<NoteItem>();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].text,
            "worker 1 of suite suite0 ended while it had no test to run: the "
            "worker of suite suite0 broke the worker protocol: it spoke of "
            "tests while it had none to run");
}

TEST_F(PoolEndingsTest, AWorkerThatWasAskedToLeaveIsNotShown) {
  Finished(worker(1), 0);
  Run(worker(1), 1);
  Run(worker(1), 2);
  UnitFinished(worker(1));
  RunId run;
  run.bytes[0] = 1;
  pool_->OnCommand(now_, PoolRunOver{run});
  Exited(worker(1), ExitStatus(0));
  EXPECT_THAT(effects_.Items<NoteItem>(), IsEmpty());
}

}  // namespace
}  // namespace paceline
