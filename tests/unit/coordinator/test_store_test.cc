// Names and payloads of very many tests, kept small and found again.

#include "coordinator/test_store.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

TEST(TestStoreTest, WhatIsAddedIsFoundAgain) {
  TestStore store;
  store.AddSuite({});
  SuiteSpec suite;
  suite.name = "second";
  EXPECT_EQ(store.AddSuite(suite), SuiteIndex{1});
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    TestSpec spec;
    spec.suite = SuiteIndex{i % 2};
    spec.name = absl::StrCat("test ", i);
    // From nothing to more than a block takes.
    spec.payload = std::string(i % 1000 == 0 ? 300'000 : i % 50, 'p');
    spec.no_rerun = i % 3 == 0;
    if (i % 5 == 0) {
      spec.timeout = std::chrono::seconds(i);
    }
    EXPECT_EQ(store.AddTest(spec), TestIndex{i});
  }
  EXPECT_EQ(store.suites(), 2U);
  EXPECT_EQ(store.suite(SuiteIndex{1}), suite);
  EXPECT_EQ(store.tests(), 20'000U);
  constexpr Duration kFallback = std::chrono::minutes(10);
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    const TestIndex test{i};
    EXPECT_EQ(store.NameOf(test), absl::StrCat("test ", i));
    EXPECT_EQ(store.PayloadOf(test).size(), i % 1000 == 0 ? 300'000 : i % 50);
    EXPECT_EQ(store.SuiteOf(test), SuiteIndex{i % 2});
    EXPECT_EQ(store.NoRerun(test), i % 3 == 0);
    EXPECT_EQ(store.TimeoutOf(test, kFallback),
              i % 5 == 0 ? Duration(std::chrono::seconds(i)) : kFallback);
  }
}

TEST(TestStoreTest, EmptyNamesAndPayloadsAreKeptEmpty) {
  TestStore store;
  store.AddSuite({});
  const TestIndex test = store.AddTest({});
  EXPECT_EQ(store.NameOf(test), "");
  EXPECT_EQ(store.PayloadOf(test), "");
}

}  // namespace
}  // namespace paceline
