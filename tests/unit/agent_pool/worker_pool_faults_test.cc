// What must not make a verdict wrong: results that come late, words that are
// not read, hosts that run short, workers that do not heed the protocol.

#include <gmock/gmock.h>

#include <csignal>
#include <string>

#include "tests/unit/agent_pool/pool_fixture.h"

namespace paceline {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class PoolFaultsTest : public PoolTest {
 protected:
  // The worker runs test 0 of a unit of three.
  void SetUp() override {
    parameters_.slow_warning = std::chrono::hours(24);
    PoolTest::SetUp();
    Start(1, 3);
    Hello(worker(1));
    Started(worker(1), 0);
  }
  void ExpectOutcomes(const std::vector<Outcome>& outcomes) const {
    const auto attempts = Attempts();
    ASSERT_EQ(attempts.size(), outcomes.size());
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      EXPECT_EQ(attempts[i].test, TestIndex{static_cast<std::uint32_t>(i)});
      EXPECT_EQ(attempts[i].result.outcome, outcomes[i]);
    }
  }
};

// ---- results that come while a worker is being ended ------------------------

TEST_F(PoolFaultsTest, ATestThatEndsWhileItsStacksAreTakenCostsNoWorker) {
  TickAfter(seconds(10));
  Finished(worker(1), 0);
  Run(worker(1), 1);
  pool_->OnTreeDescribed(now_, worker(1), "too late");
  Run(worker(1), 2);
  UnitFinished(worker(1));
  ExpectOutcomes({Outcome::kTimedOut, Outcome::kPassed, Outcome::kPassed});
  EXPECT_EQ(Attempts()[0].result.message, "timed out after 10.00 s");
  EXPECT_EQ(Ends().size(), 1u);
  EXPECT_THAT(effects_.signals, IsEmpty());
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
  EXPECT_THAT(effects_.Items<NoteItem>(), IsEmpty());
}

TEST_F(PoolFaultsTest, StacksOfAnEarlierTimeoutAreNotTakenForALaterOnes) {
  TickAfter(seconds(10));
  Finished(worker(1), 0);
  Started(worker(1), 1);
  TickAfter(seconds(10));
  pool_->OnTreeDescribed(now_, worker(1), "of the first");
  EXPECT_THAT(effects_.signals, IsEmpty());
  pool_->OnTreeDescribed(now_, worker(1), "of the second");
  Exited(worker(1), SIGTERM);
  ASSERT_THAT(Attempts(), SizeIs(2));
  EXPECT_EQ(Attempts()[1].result.details, "of the second");
}

TEST_F(PoolFaultsTest, AStopThatCameWhileStacksWereTakenIsSaidAgain) {
  TickAfter(seconds(10));
  pool_->OnCommand(now_, PoolStop{Token{1, 1}, seconds(5), "cancelled"});
  EXPECT_THAT(effects_.SentTo<WorkerStop>(worker(1)), IsEmpty());
  Finished(worker(1), 0);
  EXPECT_THAT(effects_.SentTo<WorkerStop>(worker(1)), SizeIs(1));
  TickAfter(seconds(5));
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
}

// A program that leaves with 0 at SIGTERM was taken for one that passed.
TEST_F(PoolFaultsTest, WhatPassesInAWorkerThatIsBeingEndedIsRunAgain) {
  TickAfter(seconds(10));
  pool_->OnTreeDescribed(now_, worker(1), "stacks");
  Finished(worker(1), 0, Outcome::kCrashed);
  Run(worker(1), 1);
  Run(worker(1), 2);
  WorkerUnitFinished end;
  end.request = Request(worker(1));
  end.extras.emplace_back().name = "suite0: environment";
  end.extras.back().result.outcome = Outcome::kFailed;
  Say(worker(1), end);
  Exited(worker(1), SIGTERM);
  EXPECT_THAT(Attempts(), SizeIs(1));
  EXPECT_THAT(effects_.Items<NoteItem>(), SizeIs(2));
  Hello(worker(2));
  Started(worker(2), 0);
  Finished(worker(2), 0, Outcome::kFailed);
  Run(worker(2), 1);
  UnitFinished(worker(2));
  ExpectOutcomes({Outcome::kTimedOut, Outcome::kFailed, Outcome::kPassed});
  EXPECT_EQ(Attempts()[0].result.details, "stacks");
  const auto extras = effects_.Items<ExtraItem>();
  ASSERT_THAT(extras, SizeIs(1));
  EXPECT_EQ(extras[0].extra.name, "suite0: environment");
  EXPECT_EQ(Ends().size(), 1u);
}

TEST_F(PoolFaultsTest, WhatFailsInAWorkerThatIsBeingEndedIsRunAgain) {
  TickAfter(seconds(10));
  pool_->OnTreeDescribed(now_, worker(1), "stacks");
  Finished(worker(1), 0, Outcome::kCrashed);
  Started(worker(1), 1);
  Finished(worker(1), 1, Outcome::kCrashed);
  Exited(worker(1), SIGTERM);
  EXPECT_THAT(effects_.Items<NoteItem>(), SizeIs(1));
  EXPECT_THAT(effects_.Items<ExtraItem>(), IsEmpty());
  Hello(worker(2));
  Run(worker(2), 0);
  Run(worker(2), 1);
  UnitFinished(worker(2));
  ExpectOutcomes({Outcome::kTimedOut, Outcome::kPassed, Outcome::kPassed});
}

// ---- workers that break the protocol ----------------------------------------

// Its unit_finished was taken for the reason of its end, and the next worker
// did the same, for ever.
TEST_F(PoolFaultsTest, WorkersThatBreakTheProtocolBeforeATestAreGivenUp) {
  Finished(worker(1), 0);
  Exited(worker(1), SIGKILL);
  for (std::uint32_t number = 2; number <= 4; ++number) {
    ASSERT_THAT(effects_.spawned, SizeIs(number));
    Hello(worker(number));
    Finished(worker(number), 0);  // which it has not started
    UnitFinished(worker(number));
    Exited(worker(number), SIGTERM);
  }
  EXPECT_THAT(effects_.spawned, SizeIs(4));
  ExpectOutcomes({Outcome::kPassed, Outcome::kError, Outcome::kError});
  EXPECT_THAT(Attempts()[1].result.message,
              HasSubstr("broke the worker protocol"));
  EXPECT_THAT(Ends(), SizeIs(1));
}

// The test that it began after that was run again without counting.
TEST_F(PoolFaultsTest, WorkersThatBeginATestOnlyWhenAtFaultAreGivenUp) {
  Finished(worker(1), 0);
  Exited(worker(1), SIGKILL);
  for (std::uint32_t number = 2; number <= 4; ++number) {
    ASSERT_THAT(effects_.spawned, SizeIs(number));
    Hello(worker(number));
    Finished(worker(number), 0);
    Started(worker(number), 0);
    Exited(worker(number), SIGTERM);
  }
  EXPECT_THAT(effects_.spawned, SizeIs(4));
  ExpectOutcomes({Outcome::kPassed, Outcome::kError, Outcome::kError});
}

// Such a run was green.
TEST_F(PoolFaultsTest, BreakingTheProtocolAfterTheLastTestIsAnError) {
  Finished(worker(1), 0);
  Run(worker(1), 1);
  Run(worker(1), 2);
  Say(worker(1), WorkerExtra{99, {"extra", {}}});
  UnitFinished(worker(1));
  Exited(worker(1), SIGTERM);
  const auto extras = effects_.Items<ExtraItem>();
  ASSERT_THAT(extras, SizeIs(1));
  EXPECT_EQ(extras[0].extra.result.outcome, Outcome::kError);
  EXPECT_THAT(extras[0].extra.result.message,
              HasSubstr("broke the worker protocol"));
  ASSERT_THAT(Ends(), SizeIs(1));
  EXPECT_EQ(Ends()[0].end.finalize, Outcome::kError);
}

// A crashed test explains a worker that leaves with 143, unless it is our
// signal that it answers.
TEST_F(PoolFaultsTest, AFaultIsToldThoughACrashedTestCameBeforeIt) {
  Finished(worker(1), 0, Outcome::kCrashed);
  Say(worker(1), WorkerExtra{99, {"extra", {}}});
  Exited(worker(1), (128 + SIGTERM) << 8);
  EXPECT_THAT(effects_.Items<ExtraItem>(), SizeIs(1));
}

// ---- words that are not read ------------------------------------------------

TEST_F(PoolFaultsTest, ATestWhoseEndIsNotReadIsNotOverItsTime) {
  now_ += seconds(4);
  pool_->OnPaused(now_);
  now_ += seconds(100);
  pool_->OnTick(now_);
  EXPECT_THAT(effects_.described, IsEmpty());
  pool_->OnResumed(now_);
  TickAfter(seconds(6));
  EXPECT_THAT(effects_.described, ElementsAre(worker(1)));
}

TEST_F(PoolFaultsTest, AHelloThatIsNotReadIsWaitedFor) {
  Start(2, 1, /*suite=*/1);
  pool_->OnPaused(now_);
  now_ += seconds(100);
  pool_->OnTick(now_);
  EXPECT_THAT(effects_.signals, IsEmpty());
  pool_->OnResumed(now_);
  Hello(worker(2));
  EXPECT_THAT(effects_.SentTo<WorkerRunUnit>(worker(2)), SizeIs(1));
}

TEST_F(PoolFaultsTest, AnEndingGoesOnWhileNothingIsRead) {
  TickAfter(seconds(10));
  pool_->OnPaused(now_);
  TickAfter(parameters_.describe_bound);
  TickAfter(parameters_.kill_grace);
  EXPECT_THAT(effects_.signals,
              ElementsAre(Pair(worker(1), SIGTERM), Pair(worker(1), SIGKILL)));
}

TEST_F(PoolFaultsTest, TheTimeThatAHostSleptIsNoTestsTime) {
  now_ += seconds(4);
  now_ += std::chrono::hours(1);
  pool_->OnStall(std::chrono::hours(1));
  TickAfter(seconds(6));
  EXPECT_THAT(effects_.described, ElementsAre(worker(1)));
}

// ---- hosts that run short ---------------------------------------------------

TEST_F(PoolFaultsTest, AWorkerThatCannotBeStartedYetIsTriedAgain) {
  Start(2, 1, /*suite=*/1);
  pool_->OnSpawnFailed(now_, worker(2), absl::UnavailableError("no processes"));
  EXPECT_THAT(Attempts(), IsEmpty());
  TickAfter(std::chrono::milliseconds(100));
  ASSERT_THAT(effects_.spawned, SizeIs(2 + 1));
  pool_->OnSpawnFailed(now_, worker(3), absl::UnavailableError("no processes"));
  TickAfter(std::chrono::milliseconds(200));
  Hello(worker(4));
  Run(worker(4), 0);
  UnitFinished(worker(4));
  ASSERT_THAT(Attempts(), SizeIs(1));
  EXPECT_EQ(Attempts()[0].result.outcome, Outcome::kPassed);
}

TEST_F(PoolFaultsTest, AWorkerThatCannotBeStartedForAMinuteIsGivenUp) {
  timeout_ = {};
  Finished(worker(1), 0);
  Start(2, 1, /*suite=*/1);
  const Instant start = now_;
  std::uint32_t number = 2;
  while (Attempts().size() == 1 && now_ < start + std::chrono::hours(1)) {
    pool_->OnSpawnFailed(now_, worker(number++),
                         absl::ResourceExhaustedError("no descriptors"));
    if (Attempts().size() == 1) {
      ASSERT_TRUE(pool_->next_deadline().has_value());
      now_ = *pool_->next_deadline();
      pool_->OnTick(now_);
    }
  }
  EXPECT_GE(now_ - start, parameters_.spawn_bound);
  EXPECT_LT(now_ - start, 2 * parameters_.spawn_bound);
  EXPECT_EQ(Attempts().back().result.message,
            "no worker for suite suite1: no descriptors");
}

TEST_F(PoolFaultsTest, AStopEndsAUnitThatWaitsForAWorker) {
  Start(2, 1, /*suite=*/1);
  pool_->OnSpawnFailed(now_, worker(2), absl::UnavailableError("no processes"));
  pool_->OnCommand(now_, PoolStop{Token{1, 2}, seconds(5), "cancelled"});
  EXPECT_THAT(Ends(), SizeIs(1));
}

TEST_F(PoolFaultsTest, NoMoreWorkersLeaveThanThereAreSlots) {
  Make(1, WorkerLimits::Unlimited());
  effects_ = {};
  for (std::uint32_t suite = 0; suite < 2; ++suite) {
    Start(1 + suite, 1, suite);
    Hello(worker(1 + suite));
    Run(worker(1 + suite), 0);
    UnitFinished(worker(1 + suite));
  }
  // The first still leaves and the second is asked to: a third has to wait.
  Start(3, 1, /*suite=*/2);
  EXPECT_THAT(effects_.closed, ElementsAre(worker(1), worker(2)));
  EXPECT_THAT(effects_.spawned, SizeIs(2));
  Exited(worker(1), 0);
  EXPECT_THAT(effects_.spawned, SizeIs(3));
}

// Twenty-five workers lived at once where their tear-downs took their time.
TEST_F(PoolFaultsTest, NoMoreWorkersLeaveThanThereAreSlotsWhenRecycledEither) {
  WorkerLimits limits = WorkerLimits::Unlimited();
  limits.max_age = seconds(1);
  Make(1, limits);
  effects_ = {};
  Start(1, 1);
  for (std::uint32_t number = 1; number <= 2; ++number) {
    Hello(worker(number));
    if (number == 2) {
      Start(2, 1);  // the first still leaves
    }
    now_ += seconds(2);
    Run(worker(number), 0);
    UnitFinished(worker(number));
  }
  EXPECT_THAT(effects_.closed, ElementsAre(worker(1), worker(2)));
  EXPECT_THAT(effects_.spawned, SizeIs(2));
  Start(3, 1);
  EXPECT_THAT(effects_.spawned, SizeIs(2));
  Exited(worker(1), 0);
  EXPECT_THAT(effects_.spawned, SizeIs(3));
}

// A suite that took longer to load than a worker may take for its hello was an
// error.
TEST_F(PoolFaultsTest, AWorkerThatWaitsForATemplateIsNotLateWithItsHello) {
  Start(2, 1, /*suite=*/1);
  pool_->OnSpawnWaits(worker(2));
  Finished(worker(1), 0);
  now_ += seconds(300);
  pool_->OnTick(now_);
  EXPECT_THAT(effects_.signals, IsEmpty());
  pool_->OnSpawnBegun(now_, worker(2));
  TickAfter(parameters_.hello_bound);
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(2), SIGTERM)));
}

TEST_F(PoolFaultsTest, ARunIsServedWhileItHasAUnitOrAWorker) {
  RunId other;
  other.bytes[0] = 2;
  EXPECT_FALSE(pool_->Serves(other));
  Start(2, 1, /*suite=*/1, /*run=*/2);
  EXPECT_TRUE(pool_->Serves(other));
  Hello(worker(2));
  Run(worker(2), 0);
  UnitFinished(worker(2));
  EXPECT_TRUE(pool_->Serves(other));
  pool_->OnCommand(now_, PoolRunOver{other});
  Exited(worker(2), 0);
  EXPECT_FALSE(pool_->Serves(other));
}

TEST_F(PoolFaultsTest, ASuiteThatNeverRanATestIsGivenUpForItsOtherUnitsToo) {
  Start(2, 2, /*suite=*/1);
  for (std::uint32_t number = 2; number <= 4; ++number) {
    Exited(worker(number), 127 << 8);
  }
  ASSERT_THAT(Attempts(), SizeIs(2));
  Start(3, 1, /*suite=*/1);
  ASSERT_THAT(Attempts(), SizeIs(3));
  EXPECT_THAT(Attempts()[2].result.message,
              HasSubstr("end before they run a test"));
  EXPECT_THAT(effects_.spawned, SizeIs(4));
}

TEST_F(PoolFaultsTest, SilenceBeforeTheFirstTestHasItsOwnBound) {
  Start(2, 1, /*suite=*/1);
  Finished(worker(1), 0);
  Hello(worker(2));
  TickAfter(parameters_.before_first + 2 * parameters_.kill_grace);
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(2), SIGTERM)));
}

// ---- workers that do not heed the protocol ----------------------------------

TEST_F(PoolFaultsTest, OutputOverTheLimitIsCut) {
  parameters_.output_limit = 10;
  Make(1, WorkerLimits::Unlimited());
  effects_ = {};
  Start(1, 1);
  Hello(worker(1));
  Started(worker(1), 0);
  WorkerTestFinished finished;
  finished.request = Request(worker(1));
  finished.result.outcome = Outcome::kPassed;
  finished.result.output.head = "0123456789abcdef";
  Say(worker(1), finished);
  WorkerUnitFinished end;
  end.request = Request(worker(1));
  end.extras = {{"extra", finished.result}};
  Say(worker(1), end);
  const CapturedOutput cut{"01234", "bcdef", 6};
  ASSERT_THAT(Attempts(), SizeIs(1));
  EXPECT_EQ(Attempts()[0].result.output, cut);
  ASSERT_THAT(effects_.Items<ExtraItem>(), SizeIs(1));
  EXPECT_EQ(effects_.Items<ExtraItem>()[0].extra.result.output, cut);
}

TEST_F(PoolFaultsTest, OutputOfACrashSaysWhatWentBeforeIt) {
  WorkerDeath death;
  death.status = WaitStatus{SIGSEGV};
  death.last_output = "the end";
  death.dropped_output = 1000;
  pool_->OnWorkerExited(now_, worker(1), death);
  ASSERT_THAT(Attempts(), SizeIs(1));
  EXPECT_EQ(Attempts()[0].result.output, (CapturedOutput{"", "the end", 1000}));
}

TEST_F(PoolFaultsTest, ASuiteIsNotRefusedAfterATestOfItRan) {
  Finished(worker(1), 0);
  Say(worker(1), WorkerSuiteRefused{1, "changed my mind"});
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
  Exited(worker(1), SIGTERM);
  Hello(worker(2));
  EXPECT_THAT(effects_.SentTo<WorkerRunUnit>(worker(2)), SizeIs(1));
}

TEST_F(PoolFaultsTest, ADeadlineOfZeroDoesNotSwitchTheLimitOff) {
  Say(worker(1), WorkerTestDeadline{Request(worker(1)), 0, Duration::zero()});
  TickAfter(Duration(1));
  EXPECT_THAT(effects_.described, ElementsAre(worker(1)));
}

// Suite A's tear-down failed, A's cases are told, and the worker dies in B:
// nobody runs A again.
TEST_F(PoolFaultsTest, AFailureOutsideOfTestsIsToldBeforeItsUnitEnds) {
  Finished(worker(1), 0);
  ExtraResult extra;
  extra.name = "suite0: tear-down of A";
  extra.result.outcome = Outcome::kError;
  Say(worker(1), WorkerExtra{Request(worker(1)), extra});
  const auto extras = effects_.Items<ExtraItem>();
  ASSERT_THAT(extras, SizeIs(1));
  EXPECT_EQ(extras[0].token, (Token{1, 1}));
  EXPECT_EQ(extras[0].extra, extra);
  Exited(worker(1), SIGKILL);
  Hello(worker(2));
  extra.name = "suite0: tear-down of B";
  Say(worker(2), WorkerExtra{Request(worker(2)), extra});
  Run(worker(2), 0);
  Run(worker(2), 1);
  // That it failed was told already, and needs no other name.
  UnitFinished(worker(2), {}, Outcome::kError);
  std::vector<std::uint32_t> numbers;
  for (const ExtraItem& item : effects_.Items<ExtraItem>()) {
    numbers.push_back(item.number);
  }
  // The second is of the worker that died between two tests.
  EXPECT_THAT(numbers, ElementsAre(0, 1, 2));
}

TEST_F(PoolFaultsTest, FailuresOutsideOfTestsHaveABound) {
  for (int i = 0; i < 5000; ++i) {
    Say(worker(1), WorkerExtra{Request(worker(1)), {"extra", {}}});
  }
  const auto extras = effects_.Items<ExtraItem>();
  ASSERT_THAT(extras, SizeIs(4096));
  EXPECT_THAT(extras.back().extra.result.message, HasSubstr("more than 4096"));
}

TEST_F(PoolFaultsTest, PropertiesMayComeAfterTheirTest) {
  Finished(worker(1), 0);
  Run(worker(1), 1);
  const TestProperties properties = {{"key", "value"}};
  Say(worker(1), WorkerProperties{Request(worker(1)), 1, "", properties});
  Say(worker(1),
      WorkerProperties{Request(worker(1)), std::nullopt, "A", properties});
  const auto items = effects_.Items<PropertiesItem>();
  ASSERT_THAT(items, SizeIs(2));
  EXPECT_EQ(items[0].test, TestIndex{1});
  EXPECT_EQ(items[0].attempt, Attempts()[1].attempt);
  EXPECT_EQ(items[0].properties, properties);
  EXPECT_EQ(items[1].test, std::nullopt);
  EXPECT_EQ(items[1].scope, "A");
  // A test without a result has none that could be late.
  Say(worker(1), WorkerProperties{Request(worker(1)), 2, "", properties});
  EXPECT_THAT(effects_.Items<PropertiesItem>(), SizeIs(2));
  EXPECT_FALSE(effects_.signals.empty());
}

TEST_F(PoolFaultsTest, WhatIsKeptEndsWithItsRun) {
  Say(worker(1), WorkerProcessesKept{Request(worker(1)), {77}});
  EXPECT_THAT(effects_.kept, SizeIs(1));
  Say(worker(1), WorkerProcessesKept{99, {78}});
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
  RunId run;
  run.bytes[0] = 1;
  pool_->OnCommand(now_, PoolRunOver{run});
  EXPECT_THAT(effects_.kept, IsEmpty());
}

}  // namespace
}  // namespace paceline
