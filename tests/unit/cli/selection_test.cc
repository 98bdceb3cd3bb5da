#include "cli/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

// What came out, as "suite: test".
class Manifest {
 public:
  void Take(Found found) {
    if (auto* suite = std::get_if<FoundSuite>(&found)) {
      suites.push_back(suite->spec);
    } else if (auto* test = std::get_if<TestSpec>(&found)) {
      names.push_back(
          absl::StrCat(suites.at(Value(test->suite)).name, ": ", test->name));
      tests.push_back(*test);
    } else if (auto* over = std::get_if<DiscoveryOver>(&found)) {
      end = *over;
    }
  }

  std::vector<SuiteSpec> suites;
  std::vector<TestSpec> tests;
  std::vector<std::string> names;
  DiscoveryOver end;
};

SuiteSpec Suite(std::string name) {
  SuiteSpec suite;
  suite.name = std::move(name);
  return suite;
}

TestSpec NamedTest(SuiteIndex suite, std::string name) {
  TestSpec test;
  test.suite = suite;
  test.name = std::move(name);
  return test;
}

Manifest Select(SelectionOptions options,
                const std::function<void(DiscoverySink&)>& discover) {
  Manifest manifest;
  Selection selection(
      std::move(options),
      [&manifest](Found found) { manifest.Take(std::move(found)); },
      [] { return false; });
  selection.BeginTarget("target");
  discover(selection);
  selection.EndTarget();
  selection.Finish();
  return manifest;
}

void TwoSuites(DiscoverySink& sink) {
  const SuiteIndex a = sink.AddSuite(Suite("a"));
  sink.AddTest(NamedTest(a, "one"));
  const SuiteIndex b = sink.AddSuite(Suite("b"));
  sink.AddTest(NamedTest(b, "two"));
  sink.AddTest(NamedTest(b, "three"));
}

TEST(SelectionTest, SuitesWithoutASelectedTestAreLeftOut) {
  SelectionOptions options;
  options.filter.names.emplace_back("=two");
  const Manifest manifest = Select(std::move(options), TwoSuites);
  EXPECT_THAT(manifest.names, ElementsAre("b: two"));
  EXPECT_EQ(manifest.suites.size(), 1U);
  EXPECT_EQ(manifest.end.selected, 1U);
}

TEST(SelectionTest, SuitesOfOneNameAreToldApart) {
  const Manifest manifest = Select({}, [](DiscoverySink& sink) {
    sink.AddTest(NamedTest(sink.AddSuite(Suite("same")), "one"));
    sink.AddTest(NamedTest(sink.AddSuite(Suite("same")), "one"));
  });
  EXPECT_THAT(manifest.names, ElementsAre("same: one", "same (2): one"));
}

TEST(SelectionTest, ShardsAreDisjointAndWhole) {
  std::vector<std::string> all;
  for (std::uint32_t i = 1; i <= 3; ++i) {
    SelectionOptions options;
    options.shard = {i, 3};
    const Manifest part = Select(std::move(options), TwoSuites);
    EXPECT_EQ(part.end.selected, 3U);
    EXPECT_EQ(part.end.in_shard, part.names.size());
    all.insert(all.end(), part.names.begin(), part.names.end());
  }
  EXPECT_THAT(all, UnorderedElementsAreArray({"a: one", "b: two", "b: three"}));
}

// Each machine of a shard set has its own checkout, and writes it its own way.
TEST(SelectionTest, ShardsAgreeHoweverTheTargetIsWritten) {
  const auto first_shard = [](const std::string& target) {
    SelectionOptions options;
    options.shard = {1, 2};
    Manifest manifest;
    Selection selection(
        std::move(options),
        [&manifest](Found found) { manifest.Take(std::move(found)); },
        [] { return false; });
    selection.BeginTarget(target);
    const SuiteIndex suite = selection.AddSuite(Suite(target));
    for (int i = 0; i < 40; ++i) {
      selection.AddTest(NamedTest(suite, absl::StrCat("t", i)));
    }
    selection.EndTarget();
    std::vector<std::string> names;
    for (const TestSpec& test : manifest.tests) {
      names.push_back(test.name);
    }
    return names;
  };
  const std::vector<std::string> names = first_shard("build");
  EXPECT_FALSE(names.empty());
  for (const char* target :
       {"./build", "build/", "/home/ci/7/build", "x/../build"}) {
    EXPECT_EQ(first_shard(target), names) << target;
  }
}

TEST(SelectionTest, FixturesOfSelectedTestsAreAddedWithTheirOwn) {
  SelectionOptions options;
  options.filter.names.emplace_back("=user");
  const Manifest manifest = Select(std::move(options), [](DiscoverySink& sink) {
    const SuiteIndex suite = sink.AddSuite(Suite("s"));
    TestSpec base = NamedTest(suite, "base");
    base.constraints.emplace().fixtures_setup = {"Base"};
    TestSpec setup = NamedTest(suite, "setup");
    setup.constraints.emplace().fixtures_setup = {"Db"};
    setup.constraints->fixtures_required = {"Base"};
    TestSpec user = NamedTest(suite, "user");
    user.constraints.emplace().fixtures_required = {"Db"};
    TestSpec cleanup = NamedTest(suite, "cleanup");
    cleanup.constraints.emplace().fixtures_cleanup = {"Db"};
    TestSpec other = NamedTest(suite, "other");
    other.constraints.emplace().fixtures_setup = {"Other"};
    for (TestSpec* test : {&base, &setup, &user, &cleanup, &other}) {
      sink.AddTest(*test);
    }
  });
  EXPECT_THAT(manifest.names,
              UnorderedElementsAreArray(
                  {"s: base", "s: setup", "s: user", "s: cleanup"}));
  EXPECT_EQ(manifest.end.selected, 1U);
}

TEST(SelectionTest, ARepetitionIsASuiteOfItsOwn) {
  SelectionOptions options;
  options.repeat = 2;
  const Manifest manifest = Select(std::move(options), TwoSuites);
  EXPECT_THAT(manifest.names,
              ElementsAre("a [1/2]: one", "b [1/2]: two", "b [1/2]: three",
                          "a [2/2]: one", "b [2/2]: two", "b [2/2]: three"));
}

// Rounds of a fixture ran into each other: a clean-up of one took it away from
// under the tests of the next.
TEST(SelectionTest, RepetitionsOfAFixtureFollowEachOther) {
  SelectionOptions options;
  options.repeat = 2;
  const Manifest manifest = Select(std::move(options), [](DiscoverySink& sink) {
    const SuiteIndex suite = sink.AddSuite(Suite("s"));
    const auto add = [&](const char* name,
                         std::vector<std::string> Constraints::*list) {
      TestSpec test = NamedTest(suite, name);
      test.constraints.emplace();
      ((*test.constraints).*list).emplace_back("F");
      if (std::string(name) == "user") {
        test.constraints->after = {"plain"};
        test.constraints->locks = {"L"};
      }
      sink.AddTest(std::move(test));
    };
    sink.AddTest(NamedTest(suite, "plain"));
    add("setup", &Constraints::fixtures_setup);
    add("user", &Constraints::fixtures_required);
    add("cleanup", &Constraints::fixtures_cleanup);
  });
  EXPECT_THAT(manifest.names, ElementsAre("s: plain [1/2]", "s: setup [1/2]",
                                          "s: user [1/2]", "s: cleanup [1/2]",
                                          "s: plain [2/2]", "s: setup [2/2]",
                                          "s: user [2/2]", "s: cleanup [2/2]"));
  const auto constraints = [&](std::size_t i) {
    return *manifest.tests[i].constraints;
  };
  EXPECT_THAT(constraints(1).after, IsEmpty());
  EXPECT_THAT(constraints(5).after, ElementsAre("cleanup [1/2]"));
  EXPECT_THAT(constraints(5).fixtures_setup, ElementsAre("F [2/2]"));
  EXPECT_THAT(constraints(6).after, ElementsAre("plain [2/2]"));
  EXPECT_THAT(constraints(6).fixtures_required, ElementsAre("F [2/2]"));
  EXPECT_THAT(constraints(6).locks, ElementsAre("L"));
  EXPECT_FALSE(constraints(6).serial);
  EXPECT_THAT(constraints(7).fixtures_cleanup, ElementsAre("F [2/2]"));
}

TEST(SelectionTest, ASeedGivesTheSameOrderAgainAndScopesStayTogether) {
  const auto discover = [](DiscoverySink& sink) {
    const SuiteIndex suite = sink.AddSuite(Suite("s"));
    for (int i = 0; i < 60; ++i) {
      TestSpec test = NamedTest(suite, absl::StrCat("t", i));
      test.scope = absl::StrCat("scope", i / 6);
      sink.AddTest(std::move(test));
    }
  };
  SelectionOptions options;
  const Manifest plain = Select(options, discover);
  options.shuffle_seed = 7;
  const Manifest first = Select(options, discover);
  const Manifest second = Select(options, discover);
  EXPECT_EQ(first.names, second.names);
  EXPECT_NE(first.names, plain.names);
  EXPECT_THAT(first.names, UnorderedElementsAreArray(plain.names));
  for (std::size_t i = 0; i < first.tests.size(); ++i) {
    EXPECT_EQ(first.tests[i].scope, first.tests[i - i % 6].scope);
  }
}

TEST(SelectionTest, TheUsersVariablesComeBeforeTheSuitesOwn) {
  SelectionOptions options;
  options.env = {{"A", "1"}};
  const Manifest manifest = Select(std::move(options), [](DiscoverySink& sink) {
    SuiteSpec suite = Suite("s");
    suite.env = {{"B", "2"}};
    sink.AddTest(NamedTest(sink.AddSuite(std::move(suite)), "t"));
  });
  EXPECT_THAT(manifest.suites.at(0).env,
              ElementsAre(EnvEdit{"A", "1"}, EnvEdit{"B", "2"}));
}

TEST(SelectionTest, ATargetThatYieldsNothingIsTold) {
  Selection selection(
      {}, [](Found) {}, [] { return false; });
  selection.BeginTarget("empty");
  EXPECT_FALSE(selection.EndTarget());
  selection.BeginTarget("broken");
  selection.AddError({"broken", "It is broken."});
  EXPECT_TRUE(selection.EndTarget());
}

}  // namespace
}  // namespace paceline
