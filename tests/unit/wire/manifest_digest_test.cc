#include "common/wire/manifest_digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/wire/sample_messages.h"

namespace paceline {
namespace {

std::string DigestOf(const SuiteSpec& suite, const TestSpec& test) {
  ManifestDigest digest;
  digest.Add(suite);
  digest.Add(test);
  return digest.Hex();
}

TEST(ManifestDigestTest, OfNothingIsTheOffsetBasis) {
  EXPECT_EQ(ManifestDigest().Hex(), "cbf29ce484222325");
}

// Client and coordinator may be of different builds.
TEST(ManifestDigestTest, IsTheSameInEveryBuild) {
  EXPECT_EQ(DigestOf(SampleSuite(), SampleTest()), "991050d6ddeb1e72");
}

TEST(ManifestDigestTest, EveryFieldThatIdentifiesCounts) {
  const std::string whole = DigestOf(SampleSuite(), SampleTest());
  const std::function<void(SuiteSpec&, TestSpec&)> changes[] = {
      [](SuiteSpec& suite, TestSpec&) { suite.name += "x"; },
      [](SuiteSpec& suite, TestSpec&) { suite.runner = "ctest"; },
      [](SuiteSpec& suite, TestSpec&) { suite.program += "x"; },
      [](SuiteSpec& suite, TestSpec&) { suite.arguments.pop_back(); },
      [](SuiteSpec& suite, TestSpec&) { suite.options.clear(); },
      [](SuiteSpec&, TestSpec& test) { test.suite = SuiteIndex{2}; },
      [](SuiteSpec&, TestSpec& test) { test.name += "x"; },
      [](SuiteSpec&, TestSpec& test) { test.scope.clear(); },
      [](SuiteSpec&, TestSpec& test) { test.payload += "x"; },
  };
  for (const auto& change : changes) {
    SuiteSpec suite = SampleSuite();
    TestSpec test = SampleTest();
    change(suite, test);
    EXPECT_NE(DigestOf(suite, test), whole);
  }
}

TEST(ManifestDigestTest, OrderCounts) {
  TestSpec one = SampleTest();
  TestSpec two = SampleTest();
  two.name = "Foo.Other";
  ManifestDigest forward;
  forward.Add(one);
  forward.Add(two);
  ManifestDigest backward;
  backward.Add(two);
  backward.Add(one);
  EXPECT_NE(forward.Hex(), backward.Hex());
}

TEST(ManifestDigestTest, NeighbouringStringsDoNotRunIntoOne) {
  TestSpec one;
  one.name = "ab";
  one.scope = "c";
  TestSpec two;
  two.name = "a";
  two.scope = "bc";
  EXPECT_NE(DigestOf({}, one), DigestOf({}, two));
}

}  // namespace
}  // namespace paceline
