// Units on workers: which worker gets one, and what a worker may say.

#include "agent/worker_pool.h"

#include <gmock/gmock.h>

#include <csignal>

#include "tests/unit/agent_pool/pool_fixture.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

using WorkerPoolTest = PoolTest;

TEST_F(WorkerPoolTest, AUnitWaitsForHelloAndThenGoesWholeToItsWorker) {
  Start(1, 2);
  EXPECT_THAT(effects_.launches.at(0).argv,
              ElementsAre("paceline", "worker", "gtest"));
  EXPECT_THAT(effects_.sent, IsEmpty());
  Hello(worker(1));
  ASSERT_EQ(effects_.SentTo<WorkerSuite>(worker(1)).size(), 1u);
  const auto units = effects_.SentTo<WorkerRunUnit>(worker(1));
  ASSERT_EQ(units.size(), 1u);
  EXPECT_EQ(units[0].tests.size(), 2u);
  EXPECT_EQ(units[0].temp_dir, "/tmp/unit-1.1");
  Run(worker(1), 0);
  Run(worker(1), 1);
  EXPECT_THAT(effects_.temp_dirs, ElementsAre("/tmp/unit-1.1"));
  EXPECT_THAT(Ends(), IsEmpty());
  UnitFinished(worker(1));
  EXPECT_EQ(Attempts().size(), 2u);
  ASSERT_EQ(Ends().size(), 1u);
  EXPECT_EQ(Ends()[0].worker, 1u);
  EXPECT_THAT(effects_.temp_dirs, IsEmpty());
}

TEST_F(WorkerPoolTest, AWarmWorkerOfTheSameSuiteAndRunIsTakenAgain) {
  for (std::uint64_t token = 1; token <= 3; ++token) {
    Start(token, 1);
    if (token == 1) {
      Hello(worker(1));
    }
    Run(worker(1), 0);
    UnitFinished(worker(1));
  }
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
}

TEST_F(WorkerPoolTest, ASecondRunOfTheSameSuiteGetsAWorkerOfItsOwn) {
  Start(1, 1, /*suite=*/0, /*run=*/1);
  Hello(worker(1));
  Run(worker(1), 0);
  UnitFinished(worker(1));
  Start(2, 1, /*suite=*/0, /*run=*/2);
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1), worker(2)));
}

TEST_F(WorkerPoolTest, AnIdleWorkerOfAnotherSuiteLeavesBeforeASlotWaits) {
  Make(1, WorkerLimits::Unlimited());
  for (std::uint32_t suite = 0; suite < 50; ++suite) {
    const WorkerId id = worker(suite + 1);
    Start(suite + 1, 1, suite);
    Hello(id);
    Run(id, 0);
    UnitFinished(id);
    if (suite > 0) {
      const WorkerId before = worker(suite);
      EXPECT_EQ(effects_.SentTo<WorkerShutdown>(before).size(), 1u);
      Exited(before, 0);
    }
  }
  EXPECT_EQ(Ends().size(), 50u);
}

TEST_F(WorkerPoolTest, TheWorkersOfARunThatIsOverLeave) {
  Start(1, 1);
  Hello(worker(1));
  Run(worker(1), 0);
  UnitFinished(worker(1));
  RunId run;
  run.bytes[0] = 1;
  pool_->OnCommand(now_, PoolRunOver{run});
  EXPECT_EQ(effects_.SentTo<WorkerShutdown>(worker(1)).size(), 1u);
}

TEST_F(WorkerPoolTest, AFailedTearDownWithoutAWordOfItsOwnIsShown) {
  Start(1, 1);
  Hello(worker(1));
  Run(worker(1), 0);
  UnitFinished(worker(1), {}, Outcome::kError);
  const auto extras = effects_.Items<ExtraItem>();
  ASSERT_EQ(extras.size(), 1u);
  EXPECT_EQ(extras[0].extra.name, "suite0: tear-down");
  EXPECT_EQ(extras[0].extra.result.outcome, Outcome::kError);
  EXPECT_EQ(Ends().at(0).end.finalize, Outcome::kError);
}

TEST_F(WorkerPoolTest, ASuiteThatAWorkerRefusesIsAnErrorInEachOfItsTests) {
  Start(1, 2);
  Hello(worker(1));
  Say(worker(1), WorkerSuiteRefused{1, "there is no program foo_test"});
  // The next unit does not even start a worker.
  Start(2, 1);
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
  ASSERT_EQ(Attempts().size(), 3u);
  for (const AttemptItem& attempt : Attempts()) {
    EXPECT_EQ(attempt.result.outcome, Outcome::kError);
    EXPECT_EQ(attempt.result.message, "there is no program foo_test");
  }
  EXPECT_EQ(Ends().size(), 2u);
}

TEST_F(WorkerPoolTest, AWorkerOfAnotherProtocolVersionIsRefused) {
  Start(1, 1);
  WorkerHello hello;
  hello.protocol = kWorkerProtocolVersion + 1;
  Say(worker(1), hello);
  ASSERT_EQ(Attempts().size(), 1u);
  EXPECT_EQ(Attempts()[0].result.message,
            "the worker of suite suite0 speaks version 2 of the worker "
            "protocol and this agent version 1; use a worker made for this "
            "version");
}

TEST_F(WorkerPoolTest, AUnitWithoutARoomForItsFilesFailsWithASentence) {
  effects_.temp_dir_error = absl::ResourceExhaustedError("disk full");
  Start(1, 1);
  ASSERT_EQ(Attempts().size(), 1u);
  EXPECT_EQ(Attempts()[0].result.message,
            "no directory for temporary files: disk full");
  EXPECT_EQ(Ends().size(), 1u);
  EXPECT_THAT(effects_.spawned, IsEmpty());
}

// Each breaks the protocol in its own way, from a worker that runs test 0 of
// a unit of two.
struct Breach {
  const char* what;
  FromWorker message;
};

TEST_F(WorkerPoolTest, AWorkerThatBreaksTheProtocolIsEndedAndItsTestIsAnError) {
  const std::uint64_t kRequest = 2;
  const std::vector<Breach> breaches = {
      {"said hello twice", WorkerHello()},
      {"started \"t0\" twice", WorkerTestStarted{kRequest, 0}},
      {"started \"t1\" while \"t0\" ran", WorkerTestStarted{kRequest, 1}},
      {"started test 2 of a unit of 2 tests", WorkerTestStarted{kRequest, 2}},
      {"started a test of request 9 while it served request 2",
       WorkerTestStarted{9, 0}},
      {"finished \"t1\" without starting it",
       WorkerTestFinished{kRequest, 1, {}}},
      {"set a deadline for \"t1\", which does not run",
       WorkerTestDeadline{kRequest, 1, Duration(1)}},
      {"finished the unit while \"t0\" ran",
       WorkerUnitFinished{kRequest, Outcome::kPassed, "", {}, {}}},
  };
  for (const Breach& breach : breaches) {
    SCOPED_TRACE(breach.what);
    effects_ = RecordedEffects();
    Make(1, WorkerLimits::Unlimited());
    Start(1, 2);
    Hello(worker(1));
    ASSERT_EQ(Request(worker(1)), kRequest);
    Started(worker(1), 0);
    Say(worker(1), breach.message);
    ASSERT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
    Exited(worker(1), SIGTERM);
    ASSERT_EQ(Attempts().size(), 1u);
    EXPECT_EQ(Attempts()[0].result.outcome, Outcome::kError);
    EXPECT_EQ(Attempts()[0].result.message,
              std::string("the worker of suite suite0 broke the worker "
                          "protocol: it ") +
                  breach.what);
    // The other test goes on in a fresh worker.
    Hello(worker(2));
    Run(worker(2), 0);
    UnitFinished(worker(2));
    EXPECT_EQ(Attempts().size(), 2u);
    EXPECT_EQ(Ends().size(), 1u);
  }
}

TEST_F(WorkerPoolTest, BytesThatAreNoMessageAreABreachToo) {
  Start(1, 1);
  Hello(worker(1));
  Started(worker(1), 0);
  pool_->OnProtocolError(now_, worker(1),
                         absl::InvalidArgumentError("a frame of 4 GiB"));
  Exited(worker(1), SIGTERM);
  ASSERT_EQ(Attempts().size(), 1u);
  EXPECT_THAT(Attempts()[0].result.message,
              HasSubstr("sent bytes that are no message: a frame of 4 GiB"));
}

TEST_F(WorkerPoolTest, AWorkerThatSkipsTestsInSilenceIsFoundOut) {
  Start(1, 2);
  Hello(worker(1));
  UnitFinished(worker(1));
  ASSERT_EQ(Attempts().size(), 2u);
  EXPECT_EQ(Attempts()[0].result.outcome, Outcome::kError);
  EXPECT_EQ(Attempts()[0].result.message,
            "the worker of suite suite0 ended the unit without running this "
            "test and without saying why");
  EXPECT_EQ(Ends().size(), 1u);
}

TEST_F(WorkerPoolTest, AStoppedUnitFinishesItsTestAndLeavesTheRest) {
  Start(1, 3);
  Hello(worker(1));
  Started(worker(1), 0);
  pool_->OnCommand(now_,
                   PoolStop{Token{1, 1}, std::chrono::seconds(5), "cancelled"});
  EXPECT_EQ(effects_.SentTo<WorkerStop>(worker(1)).size(), 1u);
  Finished(worker(1), 0);
  UnitFinished(worker(1));
  EXPECT_EQ(Attempts().size(), 1u);
  ASSERT_EQ(Ends().size(), 1u);
  EXPECT_THAT(Ends()[0].interrupted, IsEmpty());
  EXPECT_THAT(effects_.signals, IsEmpty());
}

TEST_F(WorkerPoolTest, AUnitThatOutlivesTheGraceOfItsStopIsEnded) {
  Start(1, 3);
  Hello(worker(1));
  Started(worker(1), 0);
  pool_->OnCommand(now_,
                   PoolStop{Token{1, 1}, std::chrono::seconds(5), "cancelled"});
  TickAfter(std::chrono::seconds(5));
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
  TickAfter(parameters_.kill_grace);
  Exited(worker(1), SIGKILL);
  // Nobody's fault: no result, and nothing goes on.
  EXPECT_THAT(Attempts(), IsEmpty());
  ASSERT_EQ(Ends().size(), 1u);
  EXPECT_THAT(Ends()[0].interrupted, ElementsAre(TestIndex{0}));
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
}

TEST_F(WorkerPoolTest, AUnitStoppedBeforeItsWorkerIsUpEndsAtOnce) {
  Start(1, 3);
  pool_->OnCommand(now_, PoolStop{Token{1, 1}, Duration(0), "cancelled"});
  EXPECT_EQ(Ends().size(), 1u);
  EXPECT_THAT(effects_.temp_dirs, IsEmpty());
  // The worker is as good as new for the next unit.
  Start(2, 1);
  Hello(worker(1));
  EXPECT_EQ(effects_.SentTo<WorkerRunUnit>(worker(1)).size(), 1u);
}

TEST_F(WorkerPoolTest, ADrainLetsUnitsFinishAndTellsWhenNoWorkerIsLeft) {
  Start(1, 1);
  Hello(worker(1));
  Started(worker(1), 0);
  pool_->OnCommand(now_, PoolDrain{std::chrono::seconds(8)});
  Finished(worker(1), 0);
  UnitFinished(worker(1));
  EXPECT_EQ(effects_.SentTo<WorkerShutdown>(worker(1)).size(), 1u);
  EXPECT_FALSE(effects_.empty_told());
  Exited(worker(1), 0);
  EXPECT_TRUE(effects_.empty_told());
  EXPECT_EQ(Attempts().size(), 1u);
}

TEST_F(WorkerPoolTest, WhatOutlivesADrainIsEndedWithoutAResult) {
  Start(1, 2);
  Hello(worker(1));
  Started(worker(1), 0);
  pool_->OnCommand(now_, PoolDrain{std::chrono::seconds(8)});
  TickAfter(std::chrono::seconds(8));
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
  Exited(worker(1), SIGTERM);
  EXPECT_THAT(Attempts(), IsEmpty());
  ASSERT_EQ(Ends().size(), 1u);
  EXPECT_THAT(Ends()[0].interrupted, ElementsAre(TestIndex{0}));
  EXPECT_TRUE(effects_.empty_told());
}

// Only the test that ran at the deadline was named; those after it ran again
// elsewhere, and nobody was told.
TEST_F(WorkerPoolTest, TestsThatBeganWhileADrainEndedTheirUnitAreAllNamed) {
  Start(1, 4);
  Hello(worker(1));
  Started(worker(1), 0);
  pool_->OnCommand(now_, PoolDrain{std::chrono::seconds(8)});
  TickAfter(std::chrono::seconds(8));
  Finished(worker(1), 0);
  Run(worker(1), 1);
  Started(worker(1), 2);
  TickAfter(parameters_.kill_grace);
  Exited(worker(1), SIGKILL);
  EXPECT_THAT(Attempts(), IsEmpty());
  ASSERT_EQ(Ends().size(), 1u);
  EXPECT_THAT(Ends()[0].interrupted,
              ElementsAre(TestIndex{0}, TestIndex{1}, TestIndex{2}));
}

// What it says twice or of another unit is not taken at its word.
TEST_F(WorkerPoolTest, AWorkerEndedByADrainNamesNoTestTwice) {
  Start(1, 2);
  Hello(worker(1));
  Started(worker(1), 0);
  pool_->OnCommand(now_, PoolDrain{std::chrono::seconds(8)});
  TickAfter(std::chrono::seconds(8));
  Finished(worker(1), 0);
  Finished(worker(1), 0);
  Started(worker(1), 0);
  Finished(worker(1), 7);
  Exited(worker(1), SIGTERM);
  EXPECT_THAT(Attempts(), IsEmpty());
  ASSERT_EQ(Ends().size(), 1u);
  EXPECT_THAT(Ends()[0].interrupted, ElementsAre(TestIndex{0}));
}

// One that did not heed SIGTERM went on with the unit until SIGKILL.
TEST_F(WorkerPoolTest, AWorkerThatOutlivesADrainIsAskedToBeginNoOtherTest) {
  Start(1, 3);
  Hello(worker(1));
  Started(worker(1), 0);
  pool_->OnCommand(now_, PoolDrain{std::chrono::seconds(8)});
  EXPECT_THAT(effects_.SentTo<WorkerStop>(worker(1)), IsEmpty());
  TickAfter(std::chrono::seconds(8));
  const auto stops = effects_.SentTo<WorkerStop>(worker(1));
  ASSERT_EQ(stops.size(), 1u);
  EXPECT_EQ(stops[0].request, Request(worker(1)));
}

TEST_F(WorkerPoolTest, AnIdlePoolIsEmptyAsSoonAsItDrains) {
  pool_->OnCommand(now_, PoolDrain{std::chrono::seconds(8)});
  EXPECT_TRUE(effects_.empty_told());
}

}  // namespace
}  // namespace paceline
