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
    ASSERT_EQ(set_.OnWanted(id, key), Way::kMayServe);
    ASSERT_TRUE(set_.OnTemplateHello(id));
    set_.OnReady(id, /*forkable=*/true);
  }

  const RunId run_ = RandomId<RunId>();
  const TemplateSet::Key key_ = {run_, SuiteIndex{0}};
  TemplateSet set_;
};

TEST_F(TemplateSetTest, TheFirstWorkerOfASuiteMayBeItsTemplate) {
  EXPECT_EQ(set_.OnWanted(kFirst, key_), Way::kMayServe);
  EXPECT_TRUE(set_.OnTemplateHello(kFirst));
  EXPECT_TRUE(set_.IsTemplate(kFirst));
  // And is still wanted as a worker.
  EXPECT_THAT(set_.OnReady(kFirst, true).fork, ElementsAre(kFirst));
  EXPECT_EQ(set_.OnWanted(kSecond, key_), Way::kFork);
  EXPECT_EQ(set_.TemplateOf(key_), kFirst);
}

TEST_F(TemplateSetTest, OthersWaitWhileItLoads) {
  set_.OnWanted(kFirst, key_);
  EXPECT_EQ(set_.OnWanted(kSecond, key_), Way::kWait);
  set_.OnTemplateHello(kFirst);
  EXPECT_EQ(set_.OnWanted(kThird, key_), Way::kWait);
  EXPECT_THAT(set_.OnReady(kFirst, true).fork,
              ElementsAre(kFirst, kSecond, kThird));
}

// Until then it may serve as a worker, and needs a number of its own.
TEST_F(TemplateSetTest, ItIsReadyOnceItForks) {
  EXPECT_FALSE(set_.IsReady(kFirst));
  set_.OnWanted(kFirst, key_);
  EXPECT_FALSE(set_.IsReady(kFirst));
  set_.OnTemplateHello(kFirst);
  EXPECT_FALSE(set_.IsReady(kFirst));
  set_.OnReady(kFirst, /*forkable=*/true);
  EXPECT_TRUE(set_.IsReady(kFirst));
}

TEST_F(TemplateSetTest, AnotherSuiteHasATemplateOfItsOwn) {
  MakeReady(key_, kFirst);
  EXPECT_EQ(set_.OnWanted(kSecond, {run_, SuiteIndex{1}}), Way::kMayServe);
  EXPECT_EQ(set_.OnWanted(kThird, {RandomId<RunId>(), SuiteIndex{0}}),
            Way::kMayServe);
}

TEST_F(TemplateSetTest, WhatCannotForkServesItselfAndOthersStartFresh) {
  set_.OnWanted(kFirst, key_);
  set_.OnTemplateHello(kFirst);
  set_.OnWanted(kSecond, key_);
  const TemplateSet::Next next = set_.OnReady(kFirst, /*forkable=*/false);
  EXPECT_THAT(next.fork, IsEmpty());
  EXPECT_EQ(next.serve, kFirst);
  EXPECT_THAT(next.fresh, ElementsAre(kSecond));
  EXPECT_FALSE(set_.IsTemplate(kFirst));
  EXPECT_EQ(set_.OnWanted(kThird, key_), Way::kFresh);
}

TEST_F(TemplateSetTest, APlainHelloMeansThatThereIsNoTemplate) {
  set_.OnWanted(kFirst, key_);
  set_.OnWanted(kSecond, key_);
  EXPECT_THAT(set_.OnPlain(kFirst).fresh, ElementsAre(kSecond));
  EXPECT_THAT(set_.OnPlain(kSecond).fresh, IsEmpty());
  EXPECT_EQ(set_.OnWanted(kThird, key_), Way::kFresh);
}

TEST_F(TemplateSetTest, WhoWasNotAskedIsNoTemplate) {
  EXPECT_FALSE(set_.OnTemplateHello(kFirst));
  MakeReady(key_, kFirst);
  EXPECT_FALSE(set_.OnTemplateHello(kFirst));
  EXPECT_FALSE(set_.OnTemplateHello(kSecond));
}

TEST_F(TemplateSetTest, ATemplateThatDiesWhileItLoadsIsTheLast) {
  set_.OnWanted(kFirst, key_);
  set_.OnTemplateHello(kFirst);
  set_.OnWanted(kSecond, key_);
  EXPECT_THAT(set_.OnGone(kFirst).fresh, ElementsAre(kFirst, kSecond));
  EXPECT_EQ(set_.OnWanted(kThird, key_), Way::kFresh);
}

TEST_F(TemplateSetTest, OneThatDiesLaterIsFollowedByAnother) {
  MakeReady(key_, kFirst);
  EXPECT_THAT(set_.OnGone(kFirst).fresh, IsEmpty());
  EXPECT_EQ(set_.OnWanted(kSecond, key_), Way::kMayServe);
}

TEST_F(TemplateSetTest, AWorkerThatWasGivenUpIsNotForked) {
  set_.OnWanted(kFirst, key_);
  set_.OnTemplateHello(kFirst);
  set_.OnWanted(kSecond, key_);
  set_.OnDropped(kSecond);
  EXPECT_THAT(set_.OnReady(kFirst, true).fork, ElementsAre(kFirst));
}

TEST_F(TemplateSetTest, ARunsTemplatesLeaveWithIt) {
  MakeReady(key_, kFirst);
  EXPECT_THAT(set_.OnRunOver(RandomId<RunId>()), IsEmpty());
  EXPECT_THAT(set_.OnRunOver(run_), ElementsAre(kFirst));
  EXPECT_FALSE(set_.IsTemplate(kFirst));
  // Its end comes later, and means nothing any more.
  EXPECT_THAT(set_.OnGone(kFirst).fresh, IsEmpty());
}

}  // namespace
}  // namespace paceline
