#include "cli/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(GlobTest, StarsAndQuestionMarks) {
  EXPECT_TRUE(GlobMatches("*", ""));
  EXPECT_TRUE(GlobMatches("a*c", "abbbc"));
  EXPECT_TRUE(GlobMatches("*b*b", "abab"));
  EXPECT_TRUE(GlobMatches("a?c", "abc"));
  EXPECT_FALSE(GlobMatches("a?c", "ac"));
  EXPECT_FALSE(GlobMatches("a*c", "abcd"));
  EXPECT_FALSE(GlobMatches("", "a"));
  EXPECT_TRUE(GlobMatches("*.*", "Foo.Bar"));
}

TEST(GlobTest, ManyStarsStayLinearEnough) {
  const std::string name(20000, 'a');
  EXPECT_FALSE(GlobMatches("*a*a*a*a*a*a*a*a*a*ab", name));
}

TEST(NameFilterTest, GoogleTestStyle) {
  const NameFilter filter("Foo.*:Bar?.X-*.Slow:Foo.No");
  EXPECT_TRUE(filter.Matches("t", "Foo.A"));
  EXPECT_TRUE(filter.Matches("t", "Bar1.X"));
  EXPECT_FALSE(filter.Matches("t", "Bar.X"));
  EXPECT_FALSE(filter.Matches("t", "Foo.Slow"));
  EXPECT_FALSE(filter.Matches("t", "Foo.No"));
  EXPECT_FALSE(filter.Matches("t", "Baz.A"));
}

TEST(NameFilterTest, OnlyUnwantedMeansAllOthers) {
  const NameFilter filter("-Foo.*");
  EXPECT_FALSE(filter.Matches("t", "Foo.A"));
  EXPECT_TRUE(filter.Matches("t", "Bar.A"));
}

TEST(NameFilterTest, PlainTextIsAPartOfSuiteOrName) {
  EXPECT_TRUE(NameFilter("oo.B").Matches("t", "Foo.Bar"));
  EXPECT_TRUE(NameFilter("net_").Matches("net_test", "Foo.Bar"));
  EXPECT_FALSE(NameFilter("Baz").Matches("t", "Foo.Bar"));
}

TEST(NameFilterTest, ADashInsidePlainTextIsText) {
  EXPECT_TRUE(
      NameFilter("message-test").Matches("b", "googletest-message-test"));
}

TEST(NameFilterTest, ExactNamesTakeEveryCharacter) {
  EXPECT_TRUE(NameFilter("=a*b-c:d").Matches("t", "a*b-c:d"));
  EXPECT_FALSE(NameFilter("=a*b").Matches("t", "axb"));
  EXPECT_FALSE(NameFilter("=Foo.A").Matches("t", "Foo.AB"));
}

// As failures are printed, to be copied from there.
TEST(NameFilterTest, ANameWithItsSuiteIsAPartOfIt) {
  EXPECT_TRUE(
      NameFilter("build/demo: Foo.Bar").Matches("build/demo", "Foo.Bar"));
  EXPECT_FALSE(NameFilter("build/demo: Foo.Bar").Matches("build", "Foo.Bar"));
}

TEST(NameFilterTest, TwoColonsAreACppScope) {
  EXPECT_TRUE(NameFilter("ns::case").Matches("t", "ns::case.works"));
}

// "test_*" behind the colons was a pattern of its own, and selected all.
TEST(NameFilterTest, TwoColonsPartNoPatterns) {
  const NameFilter filter("test_a.py::test_*:ns::B.*-*::Slow*");
  EXPECT_TRUE(filter.Matches("t", "test_a.py::test_one"));
  EXPECT_FALSE(filter.Matches("t", "test_b.py::test_one"));
  EXPECT_TRUE(filter.Matches("t", "ns::B.C"));
  EXPECT_FALSE(filter.Matches("t", "ns::B.C::Slow1"));
}

TEST(NameFilterTest, ItSaysHowItWasRead) {
  EXPECT_THAT(NameFilter("Foo").Describe(), HasSubstr("a part of"));
  EXPECT_THAT(NameFilter("Foo*").Describe(), HasSubstr("GoogleTest"));
  EXPECT_THAT(NameFilter("=Foo").Describe(), HasSubstr("=Foo (a whole name)"));
}

TEST(LabelFilterTest, SearchesEachLabel) {
  const auto filter = LabelFilter::Create("^net|slow$");
  ASSERT_THAT(filter, IsOk());
  EXPECT_TRUE(filter->Matches({"unit", "network"}));
  EXPECT_TRUE(filter->Matches({"very-slow"}));
  EXPECT_FALSE(filter->Matches({"subnet", "slower"}));
  EXPECT_FALSE(filter->Matches({}));
}

TEST(LabelFilterTest, SaysWhatIsNoExpression) {
  EXPECT_THAT(LabelFilter::Create("a("), StatusIs(kInvalid, HasSubstr("a(")));
}

TEST(FilterTest, AnyNameAndAnyLabel) {
  Filter filter;
  filter.names = {NameFilter("=A"), NameFilter("=B")};
  filter.labels = {*LabelFilter::Create("fast")};
  TestSpec test;
  test.name = "B";
  EXPECT_FALSE(filter.Matches("s", test));
  test.labels = {"fast"};
  EXPECT_TRUE(filter.Matches("s", test));
  test.name = "C";
  EXPECT_FALSE(filter.Matches("s", test));
  EXPECT_TRUE(Filter().Matches("s", test));
}

TEST(ShardTest, ParsesWhatIsInRange) {
  EXPECT_THAT(ParseShard("2/5"), IsOkAndHolds(Shard{2, 5}));
  for (const char* text : {"", "1", "0/3", "4/3", "a/b", "1/2/3", "-1/2"}) {
    EXPECT_THAT(ParseShard(text), StatusIs(kInvalid, HasSubstr("2/5"))) << text;
  }
}

TEST(ShardTest, EveryTestIsInExactlyOneShard) {
  constexpr std::uint32_t kShards = 7;
  std::vector<int> sizes(kShards);
  for (int i = 0; i < 7000; ++i) {
    const std::string name = absl::StrCat("Suite.Case", i);
    int found = 0;
    for (std::uint32_t s = 1; s <= kShards; ++s) {
      if (InShard({s, kShards}, "suite", name)) {
        ++found;
        ++sizes[s - 1];
      }
    }
    EXPECT_EQ(found, 1) << name;
  }
  for (const int size : sizes) {
    EXPECT_GT(size, 800);
    EXPECT_LT(size, 1200);
  }
}

// Machines of different versions share a run's shards: these never change.
TEST(ShardTest, TheHashIsForEver) {
  EXPECT_NE(IdentityHash("ab", "c"), IdentityHash("a", "bc"));
  EXPECT_EQ(IdentityHash("", ""), 0x71d92418536132d1u);
  EXPECT_EQ(IdentityHash("foo_test", "Foo.Bar"), 0x1d66c556d3e24719u);
}

}  // namespace
}  // namespace paceline
