#include "cli/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Not;

const Instant kStart{std::chrono::hours(1)};

TestRef Ref(absl::string_view name) {
  TestRef test;
  test.suite = "foo_test";
  test.name = name;
  return test;
}

AttemptEvent Attempt(Verdict verdict, Outcome outcome) {
  AttemptEvent attempt;
  attempt.attempt = 1;
  attempt.verdict = verdict;
  attempt.result.outcome = outcome;
  attempt.result.duration = std::chrono::milliseconds(12);
  return attempt;
}

RunFacts FactsOf(const Summary& summary) {
  RunFacts facts;
  facts.selected = facts.in_shard = 1;
  summary.AddTo(facts);
  return facts;
}

TEST(SummaryTest, FailuresOfTestsAndOfInfrastructureAreToldApart) {
  Summary summary(kStart, {});
  summary.OnAttempt(kStart, Ref("A"),
                    Attempt(Verdict::kFailed, Outcome::kFailed));
  summary.OnAttempt(kStart, Ref("B"), Attempt(Verdict::kLost, Outcome::kLost));
  summary.OnAttempt(kStart, Ref("C"),
                    Attempt(Verdict::kPassed, Outcome::kPassed));
  summary.OnDiscoveryError(kStart, {"t", "T failed."});
  summary.OnEnded(kStart, {});
  const RunFacts facts = FactsOf(summary);
  EXPECT_EQ(facts.test_failures, 1U);
  EXPECT_EQ(facts.infrastructure_failures, 1U);
  EXPECT_EQ(facts.discovery_errors, 1U);
  EXPECT_FALSE(facts.green);
}

// It was said where it was met, tens of thousands of lines above, and where a
// test failed too the last lines spoke of that alone.
TEST(SummaryTest, WhatCouldNotBeLookedIntoIsNamedAtTheEnd) {
  Summary summary(kStart, {});
  summary.OnDiscoveryError(kStart, {"test_a.py", "ImportError: b\nTraceback"});
  summary.OnAttempt(kStart, Ref("A"),
                    Attempt(Verdict::kFailed, Outcome::kFailed));
  RunEnd end;
  end.tests = 1;
  summary.OnEnded(kStart, end);
  EXPECT_THAT(summary.Text(FactsOf(summary)),
              HasSubstr("Not looked into:\n  test_a.py  (ImportError: b)\n"));
}

TEST(SummaryTest, FlakyIsBadOnlyWhereThatIsAsked) {
  for (const bool bad : {false, true}) {
    ViewOptions options;
    options.fail_on_flaky = bad;
    Summary summary(kStart, options);
    AttemptEvent attempt = Attempt(Verdict::kFlaky, Outcome::kPassed);
    attempt.attempt = 2;
    summary.OnAttempt(kStart, Ref("A"), attempt);
    EXPECT_EQ(FactsOf(summary).test_failures, bad ? 1U : 0U);
    EXPECT_THAT(summary.Text({}), HasSubstr("passed at attempt 2"));
  }
}

TEST(SummaryTest, RecyclesAreCountedByReason) {
  Summary summary(kStart, {});
  RecycledEvent event;
  event.reason = {RecycleSignal::kDescriptors, 204, 200};
  summary.OnRecycled(kStart, "foo_test", event);
  event.reason.reading = 210;
  summary.OnRecycled(kStart, "foo_test", event);
  const std::string text = summary.Text({});
  EXPECT_THAT(text, HasSubstr("Replaced 2 workers"));
  EXPECT_THAT(text, HasSubstr("2 of foo_test: last descriptors 210 >= 200"));
}

TEST(SummaryTest, TheSlowestComeFirstAndAreFew) {
  Summary summary(kStart, {});
  for (int i = 0; i < 20; ++i) {
    AttemptEvent attempt = Attempt(Verdict::kPassed, Outcome::kPassed);
    attempt.result.duration = std::chrono::seconds(1 + (i * 7) % 20);
    const std::string name = absl::StrCat("T", 1 + (i * 7) % 20, ".");
    summary.OnAttempt(kStart, Ref(name), attempt);
  }
  const std::string text = summary.Text({});
  EXPECT_LT(text.find("T20."), text.find("T19."));
  EXPECT_THAT(text, HasSubstr("T16."));
  EXPECT_THAT(text, Not(HasSubstr("T15.")));
}

TEST(SummaryTest, ARunInWhichEverythingFailsIsBounded) {
  Summary summary(kStart, {});
  for (int i = 0; i < 5000; ++i) {
    const std::string name = absl::StrCat("T", i);
    summary.OnAttempt(kStart, Ref(name),
                      Attempt(Verdict::kFailed, Outcome::kFailed));
  }
  const std::string text = summary.Text(FactsOf(summary));
  EXPECT_LT(text.size(), 20'000U);
  EXPECT_THAT(text, HasSubstr("and 4900 more"));
  EXPECT_THAT(text, HasSubstr("5000 tests failed"));
}

// A cancelled run filled the list of what is bad with what had not begun.
TEST(SummaryTest, WhatWasNotRunIsCountedByReason) {
  Summary summary(kStart, {});
  AttemptEvent attempt = Attempt(Verdict::kNotRun, Outcome::kNotRun);
  attempt.result.message = "interrupted by SIGINT";
  for (int i = 0; i < 200; ++i) {
    const std::string name = absl::StrCat("T", i);
    summary.OnAttempt(kStart, Ref(name), attempt);
  }
  attempt.result.message = "no such program";
  summary.OnAttempt(kStart, Ref("gone"), attempt);
  summary.OnAttempt(kStart, Ref("bad"),
                    Attempt(Verdict::kFailed, Outcome::kFailed));
  EXPECT_THAT(summary.Text(FactsOf(summary)),
              HasSubstr("Not run:\n"
                        "  200 tests: foo_test: T0, foo_test: T1, "
                        "foo_test: T2, …  (interrupted by SIGINT)\n"
                        "  foo_test: gone  (no such program)\n"
                        "Bad:\n"
                        "  foo_test: bad  (FAILED)\n"));
  EXPECT_EQ(FactsOf(summary).infrastructure_failures, 201U);
}

}  // namespace
}  // namespace paceline
