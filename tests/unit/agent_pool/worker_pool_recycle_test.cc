// Soft recycling, whole: a unit ends, the decision, the replacement, the end
// of the old worker. Readings and clock are the test's.

#include <gmock/gmock.h>

#include <csignal>

#include "tests/unit/agent_pool/pool_fixture.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

WorkerHealth Reading(std::uint64_t rss_bytes, std::uint32_t open_fds) {
  WorkerHealth health;
  health.rss_bytes = rss_bytes;
  health.open_fds = open_fds;
  return health;
}

class PoolRecycleTest : public PoolTest {
 protected:
  // A unit of one test on the worker, which then reads `health`.
  void RunUnit(std::uint64_t token, WorkerId id, const WorkerHealth& health) {
    Start(token, 1);
    Run(id, 0);
    UnitFinished(id, health);
  }
  // The worker is warm: it has served a unit well below every ceiling.
  void WarmUp(WorkerId id) {
    Start(1, 1);
    Hello(id, Reading(10 * kMiB, 5));
    Run(id, 0);
    UnitFinished(id, Reading(20 * kMiB, 6));
  }
  // A worker is retired, and `next` takes its place: the old one goes when the
  // new one has said hello, gracefully, and the next unit is the new one's.
  void ExpectReplaced(WorkerId old, WorkerId next) {
    const std::size_t units = effects_.SentTo<WorkerRunUnit>(old).size();
    const std::size_t ends = Ends().size();
    ASSERT_EQ(effects_.spawned.back(), next);
    EXPECT_THAT(effects_.closed, IsEmpty());
    Start(100, 1);
    EXPECT_EQ(effects_.SentTo<WorkerRunUnit>(old).size(), units);
    EXPECT_THAT(effects_.SentTo<WorkerShutdown>(old), IsEmpty());
    Hello(next, Reading(10 * kMiB, 5));
    EXPECT_THAT(effects_.closed, ElementsAre(old));
    EXPECT_EQ(effects_.SentTo<WorkerShutdown>(old).size(), 1u);
    EXPECT_EQ(effects_.SentTo<WorkerRunUnit>(next).size(), 1u);
    Exited(old, 0);
    Run(next, 0);
    UnitFinished(next, Reading(20 * kMiB, 6));
    EXPECT_EQ(LastReason(), "stays");
    EXPECT_EQ(Ends().size(), ends + 1);
    EXPECT_EQ(effects_.spawned.back(), next);
    EXPECT_THAT(effects_.Items<ExtraItem>(), IsEmpty());
    EXPECT_THAT(effects_.Items<NoteItem>(), IsEmpty());
    EXPECT_THAT(effects_.signals, IsEmpty());
  }
  std::string LastReason() const {
    const auto ends = Ends();
    return ends.empty() || !ends.back().end.recycled.has_value()
               ? "stays"
               : ToString(*ends.back().end.recycled);
  }
};

TEST_F(PoolRecycleTest, MemoryReplacesAWorkerAfterItsReplacementIsWarm) {
  Make(1, WorkerLimits());
  WarmUp(worker(1));
  RunUnit(2, worker(1), Reading(1024 * kMiB - 1, 6));
  EXPECT_EQ(LastReason(), "stays");
  RunUnit(3, worker(1), Reading(1024 * kMiB, 6));
  EXPECT_EQ(LastReason(), "memory 1.00 GiB >= 1.00 GiB");
  ExpectReplaced(worker(1), worker(2));
}

TEST_F(PoolRecycleTest, DescriptorsReplaceAWorkerAfterItsReplacementIsWarm) {
  Make(1, WorkerLimits());
  WarmUp(worker(1));
  RunUnit(2, worker(1), Reading(20 * kMiB, 199));
  EXPECT_EQ(LastReason(), "stays");
  RunUnit(3, worker(1), Reading(20 * kMiB, 200));
  EXPECT_EQ(LastReason(), "descriptors 200 >= 200");
  ExpectReplaced(worker(1), worker(2));
}

TEST_F(PoolRecycleTest, AgeReplacesAWorkerAndCountsFromHello) {
  Make(1, WorkerLimits());
  Start(1, 1);
  now_ += std::chrono::seconds(20);  // a slow start is no age
  Hello(worker(1), Reading(10 * kMiB, 5));
  Run(worker(1), 0);
  now_ += std::chrono::minutes(10) - Duration(1);
  UnitFinished(worker(1), Reading(20 * kMiB, 6));
  EXPECT_EQ(LastReason(), "stays");
  now_ += Duration(1);
  RunUnit(2, worker(1), Reading(20 * kMiB, 6));
  EXPECT_EQ(LastReason(), "age 10 min 00 s >= 10 min 00 s");
  ExpectReplaced(worker(1), worker(2));
}

TEST_F(PoolRecycleTest, WithoutCeilingsNoReadingAndNoAgeReplacesAWorker) {
  Make(1, WorkerLimits::Unlimited());
  WarmUp(worker(1));
  for (std::uint64_t token = 2; token < 10; ++token) {
    now_ += std::chrono::hours(24);
    RunUnit(token, worker(1), Reading(kMiB << 20, 1'000'000));
    EXPECT_EQ(LastReason(), "stays");
  }
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
  EXPECT_THAT(effects_.Items<NoteItem>(), IsEmpty());
}

TEST_F(PoolRecycleTest, ReadingsThatCannotBeHadReplaceNothing) {
  Make(1, WorkerLimits());
  WarmUp(worker(1));
  RunUnit(2, worker(1), WorkerHealth());
  EXPECT_EQ(LastReason(), "stays");
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
}

TEST_F(PoolRecycleTest, AWorkerTearsItsScopeDownBeforeItIsAskedToLeave) {
  Make(1, WorkerLimits());
  WarmUp(worker(1));
  Start(2, 1);
  Started(worker(1), 0);
  WorkerTestFinished finished;
  finished.request = Request(worker(1));
  finished.result.outcome = Outcome::kPassed;
  finished.result.health = Reading(4096 * kMiB, 900);
  Say(worker(1), finished);
  now_ += std::chrono::hours(1);
  pool_->OnTick(now_);
  // Over every ceiling, with its scope still up: left alone.
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
  EXPECT_THAT(effects_.closed, IsEmpty());
  EXPECT_THAT(effects_.SentTo<WorkerShutdown>(worker(1)), IsEmpty());
}

TEST_F(PoolRecycleTest, TheReadingAfterTearDownDecidesAndNoneBeforeIt) {
  Make(1, WorkerLimits());
  WarmUp(worker(1));
  Start(2, 2);
  for (std::uint32_t test = 0; test < 2; ++test) {
    // The scope's fixture holds 4 GiB while its tests run.
    WorkerTestFinished finished;
    finished.request = Request(worker(1));
    finished.test = test;
    finished.result.outcome = Outcome::kPassed;
    finished.result.health = Reading(4096 * kMiB, 900);
    Started(worker(1), test);
    Say(worker(1), finished);
  }
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
  UnitFinished(worker(1), Reading(20 * kMiB, 6));
  EXPECT_EQ(LastReason(), "stays");
  EXPECT_EQ(Ends().back().end.health, Reading(20 * kMiB, 6));
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
}

TEST_F(PoolRecycleTest, TheTreeCountsWhereTestsRunInChildren) {
  Make(1, WorkerLimits());
  effects_.tree_rss_bytes = 1000 * kMiB;
  Start(1, 1);
  Hello(worker(1), Reading(10 * kMiB, 5), /*tests_in_children=*/true);
  Run(worker(1), 0);
  UnitFinished(worker(1), Reading(100 * kMiB, 6));
  EXPECT_EQ(LastReason(), "memory 1.07 GiB >= 1.00 GiB");
}

TEST_F(PoolRecycleTest, AnUnattainableCeilingIsSaidOnceAndDoesNotLoop) {
  WorkerLimits limits = WorkerLimits::Unlimited();
  limits.max_rss_bytes = 8 * kMiB;
  Make(1, limits);
  Start(1, 1);
  Hello(worker(1), Reading(20 * kMiB, 5));
  Run(worker(1), 0);
  UnitFinished(worker(1), Reading(20 * kMiB, 5));
  for (std::uint64_t token = 2; token < 20; ++token) {
    RunUnit(token, worker(1), Reading(21 * kMiB, 5));
  }
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
  EXPECT_EQ(effects_.Items<NoteItem>().size(), 1u);
  // Raised, not switched off: 20 MiB and a quarter of 8.
  RunUnit(20, worker(1), Reading(22 * kMiB, 5));
  EXPECT_EQ(LastReason(), "memory 22.0 MiB >= 22.0 MiB");
}

TEST_F(PoolRecycleTest, ACeilingBelowWhatTheFirstUnitLoadsReplacesOneWorker) {
  WorkerLimits limits = WorkerLimits::Unlimited();
  limits.max_rss_bytes = 100 * kMiB;
  Make(1, limits);
  Start(1, 1);
  Hello(worker(1), Reading(10 * kMiB, 5));
  Run(worker(1), 0);
  UnitFinished(worker(1), Reading(150 * kMiB, 5));
  EXPECT_EQ(LastReason(), "memory 150.0 MiB >= 100.0 MiB");
  EXPECT_THAT(effects_.Items<NoteItem>(), IsEmpty());
  Hello(worker(2), Reading(10 * kMiB, 5));
  Exited(worker(1), 0);
  for (std::uint64_t token = 2; token < 20; ++token) {
    RunUnit(token, worker(2), Reading(150 * kMiB, 5));
    EXPECT_EQ(LastReason(), "stays");
  }
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1), worker(2)));
  EXPECT_EQ(effects_.Items<NoteItem>().size(), 1u);
}

TEST_F(PoolRecycleTest, RecyclingDoesNotUseUpTheCrashBudget) {
  Make(1, WorkerLimits());
  WarmUp(worker(1));
  std::uint32_t last = 1;
  for (std::uint64_t token = 2; token < 10; ++token) {
    RunUnit(token, worker(last), Reading(20 * kMiB, 6));
    RunUnit(100 + token, worker(last), Reading(2048 * kMiB, 6));
    Hello(worker(last + 1), Reading(10 * kMiB, 5));
    Exited(worker(last), 0);
    ++last;
  }
  // Two workers die before its first test; a third one would be too many.
  Start(50, 1);
  for (int i = 0; i < 2; ++i) {
    Exited(worker(last), SIGSEGV);
    Hello(worker(++last), Reading(10 * kMiB, 5));
  }
  Run(worker(last), 0);
  UnitFinished(worker(last), Reading(20 * kMiB, 6));
  EXPECT_EQ(Attempts().back().result.outcome, Outcome::kPassed);
  EXPECT_THAT(effects_.Items<ExtraItem>(), IsEmpty());
  EXPECT_THAT(effects_.Items<NoteItem>(), IsEmpty());
}

TEST_F(PoolRecycleTest, OverTheCapAWorkerStays) {
  parameters_.max_recycles_per_minute = 0;
  Make(1, WorkerLimits());
  WarmUp(worker(1));
  RunUnit(2, worker(1), Reading(4096 * kMiB, 6));
  EXPECT_EQ(LastReason(), "stays");
  RunUnit(3, worker(1), Reading(4096 * kMiB, 6));
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
  EXPECT_EQ(Ends().size(), 3u);
}

TEST_F(PoolRecycleTest, ALeavingWorkerThatStaysIsTerminatedAndThenKilled) {
  Make(1, WorkerLimits());
  WarmUp(worker(1));
  RunUnit(2, worker(1), Reading(2048 * kMiB, 6));
  Hello(worker(2), Reading(10 * kMiB, 5));
  TickAfter(parameters_.kill_grace);
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
  TickAfter(parameters_.kill_grace);
  EXPECT_THAT(effects_.signals,
              ElementsAre(Pair(worker(1), SIGTERM), Pair(worker(1), SIGKILL)));
  Exited(worker(1), SIGKILL);
  EXPECT_EQ(pool_->next_deadline(), std::nullopt);
  EXPECT_THAT(effects_.Items<ExtraItem>(), IsEmpty());
}

TEST_F(PoolRecycleTest, AReplacementThatCannotStartLetsTheOldWorkerGo) {
  Make(1, WorkerLimits());
  WarmUp(worker(1));
  RunUnit(2, worker(1), Reading(2048 * kMiB, 6));
  pool_->OnSpawnFailed(now_, worker(2), absl::NotFoundError("no such program"));
  EXPECT_THAT(effects_.closed, ElementsAre(worker(1)));
  EXPECT_EQ(Attempts().size(), 2u);
}

TEST_F(PoolRecycleTest, AWorkerIsNotReplacedWhileTheAgentDrains) {
  Make(1, WorkerLimits());
  WarmUp(worker(1));
  Start(2, 1);
  Run(worker(1), 0);
  pool_->OnCommand(now_, PoolDrain{std::chrono::seconds(8)});
  UnitFinished(worker(1), Reading(2048 * kMiB, 6));
  EXPECT_THAT(effects_.spawned, ElementsAre(worker(1)));
  Exited(worker(1), 0);
  EXPECT_TRUE(effects_.empty_told());
}

}  // namespace
}  // namespace paceline
