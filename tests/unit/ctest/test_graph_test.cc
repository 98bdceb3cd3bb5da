#include "worker/ctest/test_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ListedTest Listed(std::string name, std::vector<std::string> depends = {}) {
  ListedTest listed;
  listed.name = std::move(name);
  listed.depends = std::move(depends);
  return listed;
}

TEST(TestGraphTest, TheFirstOfANameKeepsIt) {
  TestGraph graph;
  graph.Add(Listed("a"));
  graph.Add(Listed("a"));
  EXPECT_EQ(graph.UniqueName("a", 1), "a");
  EXPECT_EQ(graph.UniqueName("a", 2), "a#2");
}

TEST(TestGraphTest, AMadeNameIsNobodyElses) {
  TestGraph graph;
  graph.Add(Listed("a"));
  graph.Add(Listed("a#2"));
  graph.Add(Listed("a"));
  EXPECT_EQ(graph.UniqueName("a", 2), "a#2'");
}

TEST(TestGraphTest, DependsMeansTheFirstOfTheName) {
  TestGraph graph;
  graph.Add(Listed("a"));
  graph.Add(Listed("a"));
  const ListedTest b = Listed("b", {"a", "a"});
  graph.Add(b);
  EXPECT_THAT(graph.After(b, 1), ElementsAre("a"));
}

// It was taken for a circle, and the directory refused.
TEST(TestGraphTest, TheSecondOfANameMayWaitForWhatWaitsForTheFirst) {
  TestGraph graph;
  const ListedTest y = Listed("y", {"x"});
  const ListedTest second = Listed("x", {"y", "x"});
  graph.Add(Listed("x"));
  graph.Add(y);
  graph.Add(second);
  EXPECT_THAT(graph.FindCycle(), IsEmpty());
  EXPECT_THAT(graph.After(y, 1), ElementsAre("x"));
  EXPECT_THAT(graph.After(second, 2), ElementsAre("x", "y"));
}

TEST(TestGraphTest, ATestIsNotAwaitedForACleanUpsSake) {
  TestGraph graph;
  graph.Add(Listed("server"));
  graph.Add(Listed("client", {"server"}));
  ListedTest cleanup = Listed("cleanup", {"client"});
  cleanup.constraints.fixtures_cleanup = {"F"};
  graph.Add(cleanup);
  EXPECT_TRUE(graph.IsAwaited("server"));
  EXPECT_FALSE(graph.IsAwaited("client"));
}

TEST(TestGraphTest, WhatIsNotListedIsNotWaitedFor) {
  TestGraph graph;
  const ListedTest a = Listed("a", {"unknown"});
  graph.Add(a);
  EXPECT_THAT(graph.After(a, 1), IsEmpty());
}

TEST(TestGraphTest, FixturesExplainWhatCtestAddedToDepends) {
  TestGraph graph;
  ListedTest setup = Listed("setup");
  setup.constraints.fixtures_setup = {"F"};
  ListedTest user = Listed("user", {"other", "setup"});
  user.constraints.fixtures_required = {"F"};
  ListedTest cleanup = Listed("cleanup", {"other", "setup", "user"});
  cleanup.constraints.fixtures_cleanup = {"F"};
  const ListedTest other = Listed("other");
  for (const ListedTest& listed : {setup, user, cleanup, other}) {
    graph.Add(listed);
  }
  EXPECT_THAT(graph.After(user, 1), ElementsAre("other"));
  EXPECT_THAT(graph.After(cleanup, 1), ElementsAre("other"));
}

TEST(TestGraphTest, ALineOfTestsIsNoCycle) {
  TestGraph graph;
  graph.Add(Listed("a", {"b", "c"}));
  graph.Add(Listed("b", {"c"}));
  graph.Add(Listed("c"));
  EXPECT_THAT(graph.FindCycle(), IsEmpty());
}

TEST(TestGraphTest, ACycleIsNamedFromItsStart) {
  TestGraph graph;
  graph.Add(Listed("x", {"a"}));
  graph.Add(Listed("a", {"b"}));
  graph.Add(Listed("b", {"c"}));
  graph.Add(Listed("c", {"a"}));
  EXPECT_THAT(graph.FindCycle(), ElementsAre("a", "b", "c", "a"));
}

TEST(TestGraphTest, ATestThatWaitsForItselfIsACycle) {
  TestGraph graph;
  graph.Add(Listed("a", {"a"}));
  EXPECT_THAT(graph.FindCycle(), ElementsAre("a", "a"));
}

TEST(TestGraphTest, ALongChainTakesNoStack) {
  TestGraph graph;
  constexpr int kTests = 100'000;
  for (int i = 0; i < kTests; ++i) {
    graph.Add(Listed(std::to_string(i), {std::to_string(i + 1)}));
  }
  EXPECT_THAT(graph.FindCycle(), IsEmpty());
}

}  // namespace
}  // namespace paceline
