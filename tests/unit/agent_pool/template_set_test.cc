#include "agent/template_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Way = TemplateSet::Way;

constexpr WorkerId kFirst{1};
constexpr WorkerId kSecond{2};
constexpr WorkerId kThird{3};

class TemplateSetTest : public testing::Test {
 protected:
  // A template of `key` that forks.
  void MakeReady(const TemplateSet::Key& key, WorkerId id) {
    ASSERT_EQ(set_.OnWanted(now_, id, key), Way::kMayServe);
    ASSERT_TRUE(set_.OnTemplateHello(id));
    set_.OnReady(id, /*forkable=*/true);
  }

  const RunId run_ = RandomId<RunId>();
  const TemplateSet::Key key_ = {run_, SuiteIndex{0}};
  TemplateSet set_;
  Instant now_{std::chrono::hours(1)};
};

TEST_F(TemplateSetTest, TheFirstWorkerOfASuiteMayBeItsTemplate) {
  EXPECT_EQ(set_.OnWanted(now_, kFirst, key_), Way::kMayServe);
  EXPECT_TRUE(set_.OnTemplateHello(kFirst));
  // And is still wanted as a worker.
  EXPECT_THAT(set_.OnReady(kFirst, true).fork, ElementsAre(kFirst));
  EXPECT_EQ(set_.OnWanted(now_, kSecond, key_), Way::kFork);
  EXPECT_EQ(set_.TemplateOf(key_), kFirst);
}

TEST_F(TemplateSetTest, OthersWaitWhileItLoads) {
  set_.OnWanted(now_, kFirst, key_);
  EXPECT_EQ(set_.OnWanted(now_, kSecond, key_), Way::kWait);
  set_.OnTemplateHello(kFirst);
  EXPECT_EQ(set_.OnWanted(now_, kThird, key_), Way::kWait);
  EXPECT_THAT(set_.OnReady(kFirst, true).fork,
              ElementsAre(kFirst, kSecond, kThird));
}

// Until then it may serve as a worker, and needs a number of its own.
TEST_F(TemplateSetTest, ItIsReadyOnceItForks) {
  EXPECT_FALSE(set_.IsReady(kFirst));
  set_.OnWanted(now_, kFirst, key_);
  EXPECT_FALSE(set_.IsReady(kFirst));
  set_.OnTemplateHello(kFirst);
  EXPECT_FALSE(set_.IsReady(kFirst));
  set_.OnReady(kFirst, /*forkable=*/true);
  EXPECT_TRUE(set_.IsReady(kFirst));
}

TEST_F(TemplateSetTest, AnotherSuiteHasATemplateOfItsOwn) {
  MakeReady(key_, kFirst);
  EXPECT_EQ(set_.OnWanted(now_, kSecond, {run_, SuiteIndex{1}}),
            Way::kMayServe);
  EXPECT_EQ(set_.OnWanted(now_, kThird, {RandomId<RunId>(), SuiteIndex{0}}),
            Way::kMayServe);
}

TEST_F(TemplateSetTest, WhatCannotForkServesItselfAndOthersStartFresh) {
  set_.OnWanted(now_, kFirst, key_);
  set_.OnTemplateHello(kFirst);
  set_.OnWanted(now_, kSecond, key_);
  const TemplateSet::Next next = set_.OnReady(kFirst, /*forkable=*/false);
  EXPECT_THAT(next.fork, IsEmpty());
  EXPECT_EQ(next.serve, kFirst);
  EXPECT_THAT(next.fresh, ElementsAre(kSecond));
  EXPECT_EQ(set_.OnWanted(now_, kThird, key_), Way::kFresh);
}

TEST_F(TemplateSetTest, APlainHelloMeansThatThereIsNoTemplate) {
  set_.OnWanted(now_, kFirst, key_);
  set_.OnWanted(now_, kSecond, key_);
  EXPECT_THAT(set_.OnPlain(kFirst).fresh, ElementsAre(kSecond));
  EXPECT_THAT(set_.OnPlain(kSecond).fresh, IsEmpty());
  EXPECT_EQ(set_.OnWanted(now_, kThird, key_), Way::kFresh);
}

TEST_F(TemplateSetTest, WhoWasNotAskedIsNoTemplate) {
  EXPECT_FALSE(set_.OnTemplateHello(kFirst));
  MakeReady(key_, kFirst);
  EXPECT_FALSE(set_.OnTemplateHello(kFirst));
  EXPECT_FALSE(set_.OnTemplateHello(kSecond));
}

TEST_F(TemplateSetTest, ATemplateThatDiesWhileItLoadsIsTheLast) {
  set_.OnWanted(now_, kFirst, key_);
  set_.OnTemplateHello(kFirst);
  set_.OnWanted(now_, kSecond, key_);
  EXPECT_THAT(set_.OnGone(kFirst).fresh, ElementsAre(kFirst, kSecond));
  EXPECT_EQ(set_.OnWanted(now_, kThird, key_), Way::kFresh);
}

TEST_F(TemplateSetTest, OneThatDiesLaterIsFollowedByAnother) {
  MakeReady(key_, kFirst);
  EXPECT_THAT(set_.OnGone(kFirst).fresh, IsEmpty());
  EXPECT_EQ(set_.OnWanted(now_, kSecond, key_), Way::kMayServe);
}

TEST_F(TemplateSetTest, AWorkerThatWasGivenUpIsNotForked) {
  set_.OnWanted(now_, kFirst, key_);
  set_.OnTemplateHello(kFirst);
  set_.OnWanted(now_, kSecond, key_);
  set_.OnDropped(kSecond);
  EXPECT_THAT(set_.OnReady(kFirst, true).fork, ElementsAre(kFirst));
}

// It stayed for ever, and nobody could end it.
TEST_F(TemplateSetTest, WhatCannotForkAndIsNotWantedLeaves) {
  set_.OnWanted(now_, kFirst, key_);
  set_.OnTemplateHello(kFirst);
  set_.OnWanted(now_, kSecond, key_);
  set_.OnDropped(kFirst);
  const TemplateSet::Next next = set_.OnReady(kFirst, /*forkable=*/false);
  EXPECT_EQ(next.serve, std::nullopt);
  EXPECT_EQ(next.leave, kFirst);
  EXPECT_THAT(next.fresh, ElementsAre(kSecond));
}

// Of a run whose end was not heard they stayed until the agent's.
TEST_F(TemplateSetTest, ARunThatWantsNothingForAMinuteIsUnused) {
  MakeReady(key_, kFirst);
  MakeReady({run_, SuiteIndex{1}}, kSecond);
  now_ += std::chrono::seconds(50);
  set_.OnWanted(now_, kThird, key_);
  now_ += std::chrono::seconds(50);
  EXPECT_THAT(set_.Unused(now_), IsEmpty());
  now_ += std::chrono::seconds(10);
  EXPECT_THAT(set_.Unused(now_), ElementsAre(run_));
  set_.OnRunOver(run_);
  EXPECT_THAT(set_.Unused(now_), IsEmpty());
}

TEST_F(TemplateSetTest, ARunsTemplatesLeaveWithIt) {
  MakeReady(key_, kFirst);
  EXPECT_THAT(set_.OnRunOver(RandomId<RunId>()), IsEmpty());
  EXPECT_THAT(set_.OnRunOver(run_), ElementsAre(kFirst));
  // Its end comes later, and means nothing any more.
  EXPECT_THAT(set_.OnGone(kFirst).fresh, IsEmpty());
}

}  // namespace
}  // namespace paceline
