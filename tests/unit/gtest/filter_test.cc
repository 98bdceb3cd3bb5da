// Filters, against GoogleTest's own rules for matching them.

#include "worker/gtest/filter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace paceline {
namespace {

// As GoogleTest matches a name with one pattern: '*' is any text, '?' any byte.
bool MatchesPattern(absl::string_view name, absl::string_view pattern) {
  if (pattern.empty()) {
    return name.empty();
  }
  if (pattern[0] == '*') {
    return MatchesPattern(name, pattern.substr(1)) ||
           (!name.empty() && MatchesPattern(name.substr(1), pattern));
  }
  return !name.empty() && (pattern[0] == '?' || pattern[0] == name[0]) &&
         MatchesPattern(name.substr(1), pattern.substr(1));
}

// As it reads a filter: what follows the first '-' excludes.
bool Selects(absl::string_view filter, absl::string_view name) {
  const std::vector<absl::string_view> halves =
      absl::StrSplit(filter, absl::MaxSplits('-', 1));
  const auto any = [name](absl::string_view patterns) {
    for (const absl::string_view pattern : absl::StrSplit(patterns, ':')) {
      if (MatchesPattern(name, pattern)) {
        return true;
      }
    }
    return false;
  };
  return any(halves[0]) && (halves.size() == 1 || !any(halves[1]));
}

TEST(FilterTest, PlainNamesAreJoined) {
  EXPECT_EQ(FilterFor({"A.B", "In/P.Val/2", "My/T/0.X"}),
            "A.B:In/P.Val/2:My/T/0.X");
  EXPECT_EQ(FilterFor({"A.B"}), "A.B");
}

TEST(FilterTest, WhatHasAMeaningBecomesAQuestionMark) {
  EXPECT_EQ(FilterFor({"Ty/std::string.X"}), "Ty/std??string.X");
  EXPECT_EQ(FilterFor({"Ty/a-b.X"}), "Ty/a?b.X");
  EXPECT_EQ(FilterFor({"-A.B", "A*.B?"}), "?A.B:A?.B?");
}

// A flag file is read line by line.
TEST(FilterTest, ALineBreakBecomesAQuestionMark) {
  EXPECT_EQ(FilterFor({"A.B\nC"}), "A.B?C");
}

TEST(FilterTest, EveryNameIsSelectedByItsOwnFilter) {
  for (int byte = 1; byte < 256; ++byte) {
    const std::string name =
        absl::StrCat("S", std::string(2, static_cast<char>(byte)), ".C");
    const std::string filter = FilterFor({"First.One", name, "Last.One"});
    EXPECT_TRUE(Selects(filter, name)) << byte;
    EXPECT_TRUE(Selects(filter, "First.One")) << byte;
    EXPECT_TRUE(Selects(filter, "Last.One")) << byte;
    EXPECT_FALSE(Selects(filter, "Another.One")) << byte;
  }
}

TEST(FilterTest, WhatElseAFilterSelectsIsKnown) {
  for (const char* other : {"P/a-b.X", "P/a+b.X", "P/azb.X", "P/a-b.Y",
                            "P/a-b.XX", "P/b-b.X", "P/ab.X"}) {
    EXPECT_EQ(FilterSelects("P/a-b.X", other),
              Selects(FilterFor({"P/a-b.X"}), other))
        << other;
  }
  EXPECT_TRUE(FilterSelects("S?.C", "Sx.C"));
}

// The name in the manifest is clean; the program knows the raw one.
TEST(FilterTest, AQuestionMarkMatchesTheByteThatWasThere) {
  EXPECT_TRUE(Selects(FilterFor({"S?.C"}), "S\xff.C"));
}

}  // namespace
}  // namespace paceline
