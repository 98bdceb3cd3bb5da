#include "tests/support/verdict_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace paceline {

namespace {

bool BelongsToNoTest(const std::string& name) {
  return absl::StrContains(name, ": ");
}

// Without the number that tells such failures of one name apart.
std::string Unnumbered(const std::string& name) {
  const std::size_t at = name.rfind(" (");
  if (!BelongsToNoTest(name) || at == std::string::npos || name.back() != ')') {
    return name;
  }
  const std::string number = name.substr(at + 2, name.size() - at - 3);
  return number.find_first_not_of("0123456789") == std::string::npos
             ? name.substr(0, at)
             : name;
}

}  // namespace

void ExpectVerdicts(const std::multimap<std::string, JunitTest>& tests,
                    const VerdictTable& table) {
  std::set<std::pair<std::string, std::string>> expected;
  std::set<std::pair<std::string, std::string>> got;
  for (const ExpectedVerdict& row : table) {
    expected.emplace(row.test, row.verdict);
    const auto [begin, end] = tests.equal_range(row.test);
    for (auto it = begin; it != end; ++it) {
      EXPECT_THAT(absl::StrCat(it->second.message, "\n", it->second.details),
                  testing::HasSubstr(row.says))
          << row.test;
    }
  }
  for (const auto& [name, test] : tests) {
    const bool fresh = got.emplace(Unnumbered(name), test.verdict).second;
    EXPECT_TRUE(fresh || BelongsToNoTest(name)) << name << " is there twice";
  }
  EXPECT_THAT(got, testing::ContainerEq(expected));
}

JunitTest OnlyTest(const std::multimap<std::string, JunitTest>& tests,
                   const std::string& name) {
  EXPECT_EQ(tests.count(name), 1U) << name;
  const auto found = tests.find(name);
  return found == tests.end() ? JunitTest() : found->second;
}

}  // namespace paceline
