#include "cli/test_table.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

TestSpec Spec(SuiteIndex suite, std::string name, std::string scope) {
  TestSpec test;
  test.suite = suite;
  test.name = std::move(name);
  test.scope = std::move(scope);
  test.file = "foo.cc";
  test.line = 7;
  return test;
}

TEST(TestTableTest, ViewsOutliveGrowth) {
  TestTable table;
  const SuiteIndex suite = table.AddSuite("foo_test");
  const TestIndex first = table.AddTest(Spec(suite, "Foo.A", "Foo"));
  const TestRef before = table.Get(first);
  for (int i = 0; i < 20000; ++i) {
    table.AddTest(Spec(suite, absl::StrCat("Foo.", i), "Foo"));
  }
  EXPECT_EQ(before.name, "Foo.A");
  EXPECT_EQ(before.name.data(), table.Get(first).name.data());
  const TestRef last = table.Get(static_cast<TestIndex>(20000));
  EXPECT_EQ(last.name, "Foo.19999");
  EXPECT_EQ(last.scope.data(), before.scope.data());
  EXPECT_EQ(last.suite, "foo_test");
  EXPECT_EQ(last.line, 7u);
  EXPECT_FALSE(table.contains(static_cast<TestIndex>(20001)));
}

TEST(TestTableTest, ExtrasHaveNumbersOfTheirOwn) {
  TestTable table;
  const SuiteIndex suite = table.AddSuite("s");
  const TestIndex test = table.AddTest(Spec(suite, "A", ""));
  EXPECT_FALSE(table.AddExtra(test, suite, "taken"));
  EXPECT_FALSE(
      table.AddExtra(static_cast<TestIndex>(9), SuiteIndex{3}, "no suite"));
  EXPECT_TRUE(table.AddExtra(static_cast<TestIndex>(9), suite, "s: tear-down"));
  EXPECT_FALSE(table.AddExtra(static_cast<TestIndex>(9), suite, "again"));
  EXPECT_EQ(DisplayName(table.Get(static_cast<TestIndex>(9))), "s: tear-down");
  EXPECT_EQ(table.size(), 1u);
}

TEST(DisplayNameTest, NamesItsSuiteOnce) {
  TestRef test;
  test.name = "Foo.Bar";
  EXPECT_EQ(DisplayName(test), "Foo.Bar");
  test.suite = "foo_test";
  EXPECT_EQ(DisplayName(test), "foo_test: Foo.Bar");
}

}  // namespace
}  // namespace paceline
