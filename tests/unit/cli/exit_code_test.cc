#include "cli/exit_code.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

RunFacts Green() {
  RunFacts facts;
  facts.green = true;
  facts.selected = 10;
  facts.in_shard = 10;
  return facts;
}

struct Case {
  const char* what;
  void (*change)(RunFacts&);
  ExitCode expected;
};

TEST(ExitCodeTest, EachFactAloneDecides) {
  const Case cases[] = {
      {"nothing", [](RunFacts&) {}, ExitCode::kGreen},
      {"interrupted", [](RunFacts& f) { f.interrupted = true; },
       ExitCode::kInterrupted},
      {"test", [](RunFacts& f) { f.test_failures = 1; }, ExitCode::kTestFailed},
      {"lost", [](RunFacts& f) { f.infrastructure_failures = 1; },
       ExitCode::kInfrastructure},
      {"discovery", [](RunFacts& f) { f.discovery_errors = 1; },
       ExitCode::kInfrastructure},
      {"unaccounted", [](RunFacts& f) { f.without_verdict = 1; },
       ExitCode::kInfrastructure},
      {"failure", [](RunFacts& f) { f.failure = "gone"; },
       ExitCode::kInfrastructure},
      {"not green", [](RunFacts& f) { f.green = false; },
       ExitCode::kInfrastructure},
      {"none selected",
       [](RunFacts& f) {
         f.selected = 0;
         f.in_shard = 0;
         f.green = false;
       },
       ExitCode::kNothingSelected},
      {"empty shard",
       [](RunFacts& f) {
         f.in_shard = 0;
         f.green = false;
       },
       ExitCode::kGreen},
  };
  for (const Case& c : cases) {
    RunFacts facts = Green();
    c.change(facts);
    EXPECT_EQ(DecideExitCode(facts), c.expected) << c.what;
  }
}

TEST(ExitCodeTest, TheFirstOfSeveralHolds) {
  RunFacts facts = Green();
  facts.selected = 0;
  EXPECT_EQ(DecideExitCode(facts), ExitCode::kNothingSelected);
  facts.discovery_errors = 1;
  EXPECT_EQ(DecideExitCode(facts), ExitCode::kInfrastructure);
  facts.test_failures = 1;
  EXPECT_EQ(DecideExitCode(facts), ExitCode::kTestFailed);
  facts.interrupted = true;
  EXPECT_EQ(DecideExitCode(facts), ExitCode::kInterrupted);
}

TEST(ExitCodeTest, TheReasonIsTheOneThatDecided) {
  RunFacts facts = Green();
  EXPECT_EQ(ExplainExitCode(facts), "green");
  facts.infrastructure_failures = 3;
  EXPECT_EQ(ExplainExitCode(facts),
            "3 tests did not get a verdict of their own");
  facts.failure = "the disk is full";
  EXPECT_EQ(ExplainExitCode(facts), "the disk is full");
  facts.test_failures = 1;
  EXPECT_EQ(ExplainExitCode(facts), "1 test failed");
}

}  // namespace
}  // namespace paceline
