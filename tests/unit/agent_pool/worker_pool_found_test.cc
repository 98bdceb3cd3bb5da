// Tests that a worker finds beyond discovery: they keep their outcome, and
// whatever ends their worker is charged to the one that ran.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/unit/agent_pool/pool_fixture.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class PoolFoundTest : public PoolTest {
 protected:
  void SetUp() override {
    PoolTest::SetUp();
    Start(1, 2);
    Hello(worker(1));
  }

  void FoundStarted(WorkerId id, const std::string& name,
                    Duration timeout = {}) {
    Say(id, WorkerFoundStarted{Request(id), name, timeout});
  }
  void FoundFinished(WorkerId id, const std::string& name,
                     Outcome outcome = Outcome::kPassed) {
    WorkerExtra extra;
    extra.request = Request(id);
    extra.extra.name = name;
    extra.extra.result.outcome = outcome;
    extra.extra.result.output.head = "printed";
    extra.extra.found = true;
    Say(id, extra);
  }

  std::vector<ExtraResult> Extras() const {
    std::vector<ExtraResult> extras;
    for (const ExtraItem& item : effects_.Items<ExtraItem>()) {
      extras.push_back(item.extra);
    }
    return extras;
  }
  // What the last request to `id` says was found before.
  std::vector<std::string> Told(WorkerId id) const {
    return effects_.SentTo<WorkerRunUnit>(id).back().found;
  }
};

TEST_F(PoolFoundTest, AFoundTestKeepsItsOutcome) {
  FoundStarted(worker(1), "good");
  FoundFinished(worker(1), "good");
  FoundStarted(worker(1), "bad");
  FoundFinished(worker(1), "bad", Outcome::kFailed);
  Run(worker(1), 0);
  Run(worker(1), 1);
  // No failure of theirs explains this one.
  UnitFinished(worker(1), {}, Outcome::kError);
  const std::vector<ExtraResult> extras = Extras();
  ASSERT_THAT(extras, SizeIs(3));
  EXPECT_TRUE(extras[0].found);
  EXPECT_EQ(extras[0].result.outcome, Outcome::kPassed);
  EXPECT_TRUE(extras[1].found);
  EXPECT_EQ(extras[1].result.outcome, Outcome::kFailed);
  EXPECT_FALSE(extras[2].found);
  EXPECT_EQ(extras[2].name, "suite0: tear-down");
  EXPECT_THAT(Attempts(), SizeIs(2));
}

TEST_F(PoolFoundTest, ADeathIsChargedToTheOneThatRanAndAllElseRuns) {
  FoundStarted(worker(1), "good");
  FoundFinished(worker(1), "good");
  // Each in a worker of its own: that is no unit that gets nowhere.
  for (std::uint32_t i = 1; i <= 5; ++i) {
    FoundStarted(worker(i), "crashes " + std::to_string(i));
    Exited(worker(i), SIGSEGV, "last words");
    Hello(worker(i + 1));
  }
  EXPECT_THAT(Told(worker(6)),
              ElementsAre("good", "crashes 1", "crashes 2", "crashes 3",
                          "crashes 4", "crashes 5"));
  const std::vector<ExtraResult> extras = Extras();
  ASSERT_THAT(extras, SizeIs(6));
  EXPECT_EQ(extras[1].name, "crashes 1");
  EXPECT_TRUE(extras[1].found);
  EXPECT_EQ(extras[1].result.outcome, Outcome::kCrashed);
  EXPECT_THAT(extras[1].result.message, HasSubstr("SIGSEGV"));
  EXPECT_EQ(extras[1].result.output.head, "last words");
  EXPECT_THAT(Attempts(), IsEmpty());
  Run(worker(6), 0);
  Run(worker(6), 1);
  UnitFinished(worker(6));
  EXPECT_THAT(Ends(), SizeIs(1));
}

TEST_F(PoolFoundTest, OneThatHangsIsTimedOutUnderItsName) {
  FoundStarted(worker(1), "hangs");
  TickAfter(timeout_);
  EXPECT_THAT(effects_.described, ElementsAre(worker(1)));
  pool_->OnTreeDescribed(now_, worker(1), "stacks");
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
  Exited(worker(1), SIGTERM);
  const std::vector<ExtraResult> extras = Extras();
  ASSERT_THAT(extras, SizeIs(1));
  EXPECT_EQ(extras[0].name, "hangs");
  EXPECT_EQ(extras[0].result.outcome, Outcome::kTimedOut);
  EXPECT_EQ(extras[0].result.message, "timed out after 10.00 s");
  EXPECT_EQ(extras[0].result.details, "stacks");
}

TEST_F(PoolFoundTest, ALimitOfItsOwnHoldsAndStartsAnew) {
  FoundStarted(worker(1), "slow", std::chrono::seconds(3));
  now_ += std::chrono::seconds(2);
  FoundStarted(worker(1), "slow", std::chrono::seconds(4));
  TickAfter(std::chrono::seconds(4));
  EXPECT_THAT(effects_.described, ElementsAre(worker(1)));
}

TEST_F(PoolFoundTest, WhatItSaysWhileItIsEndedIsKept) {
  FoundStarted(worker(1), "slow");
  TickAfter(timeout_);
  FoundFinished(worker(1), "slow");
  // It began too late to be judged, and runs in the next worker.
  FoundStarted(worker(1), "late");
  FoundFinished(worker(1), "late", Outcome::kFailed);
  Exited(worker(1), SIGTERM);
  Hello(worker(2));
  const std::vector<ExtraResult> extras = Extras();
  ASSERT_THAT(extras, SizeIs(1));
  EXPECT_EQ(extras[0].result.outcome, Outcome::kTimedOut);
  EXPECT_EQ(extras[0].result.output.head, "printed");
  EXPECT_THAT(Told(worker(2)), ElementsAre("slow"));
}

TEST_F(PoolFoundTest, OneOfAStoppedUnitIsLeftToWhoGetsItsModule) {
  FoundStarted(worker(1), "found");
  pool_->OnCommand(now_, PoolStop{Token{1, 1}, Duration::zero(), "cancelled"});
  FoundFinished(worker(1), "found", Outcome::kCrashed);
  Exited(worker(1), SIGTERM);
  EXPECT_THAT(Extras(), IsEmpty());
  EXPECT_THAT(Ends(), SizeIs(1));
}

TEST_F(PoolFoundTest, AResultWithoutAStartBreaksTheProtocol) {
  FoundStarted(worker(1), "one");
  FoundFinished(worker(1), "another");
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
  Exited(worker(1), SIGTERM);
  const std::vector<ExtraResult> extras = Extras();
  ASSERT_THAT(extras, SizeIs(1));
  EXPECT_EQ(extras[0].name, "one");
  EXPECT_EQ(extras[0].result.outcome, Outcome::kError);
  EXPECT_THAT(extras[0].result.message, HasSubstr("without starting it"));
}

TEST_F(PoolFoundTest, NothingElseBeginsOrEndsWhileItRuns) {
  Started(worker(1), 0);
  FoundStarted(worker(1), "found");
  EXPECT_THAT(effects_.signals, SizeIs(1));
  Exited(worker(1), SIGTERM);
  Hello(worker(2));
  FoundStarted(worker(2), "found");
  Started(worker(2), 0);
  EXPECT_THAT(effects_.signals, SizeIs(2));
  Exited(worker(2), SIGTERM);
  Hello(worker(3));
  FoundStarted(worker(3), "other");
  UnitFinished(worker(3));
  EXPECT_THAT(effects_.signals, SizeIs(3));
}

TEST_F(PoolFoundTest, AUnitHasABoundOfThem) {
  for (std::size_t i = 0; i <= kMaxFound; ++i) {
    FoundStarted(worker(1), "found " + std::to_string(i));
    FoundFinished(worker(1), "found " + std::to_string(i));
  }
  EXPECT_THAT(Extras(), SizeIs(kMaxFound));
  EXPECT_THAT(effects_.signals, ElementsAre(Pair(worker(1), SIGTERM)));
}

TEST_F(PoolFoundTest, WhatIsOnlyListedIsAFailure) {
  Run(worker(1), 0);
  Run(worker(1), 1);
  WorkerUnitFinished end;
  end.request = Request(worker(1));
  end.extras = {{"listed", {}, /*found=*/true}};
  Say(worker(1), end);
  ASSERT_THAT(Extras(), SizeIs(1));
  EXPECT_FALSE(Extras()[0].found);
}

}  // namespace
}  // namespace paceline
