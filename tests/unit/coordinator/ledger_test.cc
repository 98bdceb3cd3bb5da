// How verdicts are drawn from attempts.

#include "coordinator/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace paceline {
namespace {

using testing::Optional;

constexpr TestIndex kTest{0};

class LedgerTest : public testing::Test {
 protected:
  static Ledger Make(Ledger::Policy policy = {}) {
    Ledger ledger(policy);
    ledger.Add();
    return ledger;
  }
  static TestResult Result(Outcome outcome, bool leaked = false) {
    TestResult result;
    result.outcome = outcome;
    result.leaked = leaked;
    return result;
  }
};

// ---- one attempt -----------------------------------------------------------

TEST_F(LedgerTest, ATestHasNoVerdictBeforeItsFirstAttempt) {
  Ledger ledger = Make();
  EXPECT_EQ(ledger.VerdictOf(kTest), std::nullopt);
  EXPECT_EQ(ledger.AttemptOf(kTest), 1U);
  EXPECT_EQ(ledger.settled(), 0U);
  EXPECT_EQ(ledger.tests(), 1U);
}

TEST_F(LedgerTest, WithoutRetriesTheOutcomeIsTheVerdict) {
  for (int i = 0; i < kOutcomeCount; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    Ledger ledger = Make();
    const Ledger::Decision decision = ledger.Attempted(kTest, Result(outcome));
    EXPECT_EQ(decision.verdict, ToVerdict(outcome)) << ToString(outcome);
    EXPECT_EQ(decision.rerun, "");
    EXPECT_EQ(ledger.VerdictOf(kTest), ToVerdict(outcome));
    EXPECT_EQ(ledger.settled(), 1U);
    EXPECT_EQ(ledger.bad(), IsGood(outcome) ? 0U : 1U) << ToString(outcome);
  }
}

// ---- what stands -----------------------------------------------------------

TEST_F(LedgerTest, AFailureThatWasSeenIsNotForgottenWhenItsRetryIsLost) {
  Ledger cancelled = Make({.retries = 2});
  cancelled.Attempted(kTest, Result(Outcome::kFailed));
  cancelled.Lost(kTest, /*no_rerun=*/false);
  EXPECT_THAT(cancelled.LastBad(kTest), Optional(Outcome::kFailed));
  Ledger skipped = Make({.retries = 2});
  skipped.Attempted(kTest, Result(Outcome::kFailed));
  skipped.Lost(kTest, /*no_rerun=*/false);
  EXPECT_EQ(skipped.Attempted(kTest, Result(Outcome::kSkipped)).verdict,
            Verdict::kFailed);
}

// ---- retries ---------------------------------------------------------------

TEST_F(LedgerTest, ABadAttemptIsRetriedAsOftenAsWasAskedFor) {
  Ledger ledger = Make({.retries = 2});
  Ledger::Decision decision = ledger.Attempted(kTest, Result(Outcome::kFailed));
  EXPECT_EQ(decision.verdict, std::nullopt);
  EXPECT_EQ(decision.rerun, "retry 1 of 2");
  EXPECT_EQ(ledger.AttemptOf(kTest), 2U);
  decision = ledger.Attempted(kTest, Result(Outcome::kCrashed));
  EXPECT_EQ(decision.verdict, std::nullopt);
  EXPECT_EQ(decision.rerun, "retry 2 of 2");
  EXPECT_EQ(ledger.AttemptOf(kTest), 3U);
  EXPECT_EQ(ledger.settled(), 0U);
  decision = ledger.Attempted(kTest, Result(Outcome::kTimedOut));
  EXPECT_EQ(decision.verdict, Verdict::kTimedOut);
  EXPECT_EQ(decision.rerun, "");
  EXPECT_EQ(ledger.bad(), 1U);
}

TEST_F(LedgerTest, EveryBadOutcomeIsRetried) {
  for (const Outcome outcome :
       {Outcome::kFailed, Outcome::kTimedOut, Outcome::kCrashed,
        Outcome::kKilled, Outcome::kError}) {
    Ledger ledger = Make({.retries = 1});
    EXPECT_EQ(ledger.Attempted(kTest, Result(outcome)).verdict, std::nullopt)
        << ToString(outcome);
  }
}

TEST_F(LedgerTest, AGoodAttemptIsNotRetried) {
  for (const Outcome outcome : {Outcome::kPassed, Outcome::kSkipped,
                                Outcome::kXfailed, Outcome::kXpassed}) {
    Ledger ledger = Make({.retries = 3});
    EXPECT_EQ(ledger.Attempted(kTest, Result(outcome)).verdict,
              ToVerdict(outcome));
  }
}

TEST_F(LedgerTest, APassAfterABadAttemptIsFlakyAndGood) {
  Ledger ledger = Make({.retries = 1});
  ledger.Attempted(kTest, Result(Outcome::kCrashed));
  EXPECT_EQ(ledger.Attempted(kTest, Result(Outcome::kPassed)).verdict,
            Verdict::kFlaky);
  EXPECT_EQ(ledger.bad(), 0U);
}

TEST_F(LedgerTest, FlakyIsBadWhereThatIsAskedFor) {
  Ledger ledger = Make({.retries = 1, .fail_on_flaky = true});
  ledger.Attempted(kTest, Result(Outcome::kFailed));
  EXPECT_EQ(ledger.Attempted(kTest, Result(Outcome::kPassed)).verdict,
            Verdict::kFlaky);
  EXPECT_EQ(ledger.bad(), 1U);
}

// A test that failed and was skipped when it was tried again was flaky, and the
// run green, though it had never passed.
TEST_F(LedgerTest, ASkipAfterABadAttemptDoesNotMakeItGood) {
  Ledger ledger = Make({.retries = 2});
  ledger.Attempted(kTest, Result(Outcome::kFailed));
  ledger.Attempted(kTest, Result(Outcome::kCrashed));
  EXPECT_EQ(ledger.Attempted(kTest, Result(Outcome::kSkipped)).verdict,
            Verdict::kCrashed);
  EXPECT_EQ(ledger.bad(), 1U);
}

// ---- leaks -----------------------------------------------------------------

TEST_F(LedgerTest, ALeakIsAMarkAndNotBad) {
  Ledger ledger = Make();
  EXPECT_EQ(ledger.Attempted(kTest, Result(Outcome::kPassed, true)).verdict,
            Verdict::kPassed);
  EXPECT_EQ(ledger.bad(), 0U);
}

TEST_F(LedgerTest, ALeakIsAFailureWhereThatIsAskedFor) {
  Ledger ledger = Make({.fail_on_leak = true});
  EXPECT_EQ(ledger.Attempted(kTest, Result(Outcome::kPassed, true)).verdict,
            Verdict::kFailed);
  EXPECT_EQ(ledger.bad(), 1U);
}

TEST_F(LedgerTest, ALeakThatIsAFailureIsRetried) {
  Ledger ledger = Make({.retries = 1, .fail_on_leak = true});
  EXPECT_EQ(ledger.Attempted(kTest, Result(Outcome::kPassed, true)).rerun,
            "retry 1 of 1");
  EXPECT_EQ(ledger.Attempted(kTest, Result(Outcome::kPassed)).verdict,
            Verdict::kFlaky);
}

TEST_F(LedgerTest, ABadAttemptThatLeakedKeepsItsOwnVerdict) {
  Ledger ledger = Make({.fail_on_leak = true});
  EXPECT_EQ(ledger.Attempted(kTest, Result(Outcome::kCrashed, true)).verdict,
            Verdict::kCrashed);
}

// ---- lost agents -----------------------------------------------------------

TEST_F(LedgerTest, ATestIsLostAtItsThirdLostAgent) {
  Ledger ledger = Make();
  for (int i = 0; i < 2; ++i) {
    const Ledger::Decision decision = ledger.Lost(kTest, false);
    EXPECT_EQ(decision.verdict, std::nullopt);
    EXPECT_EQ(decision.rerun, "rerun: agent lost");
  }
  EXPECT_EQ(ledger.AttemptOf(kTest), 3U);
  EXPECT_EQ(ledger.Lost(kTest, false).verdict, Verdict::kLost);
  EXPECT_EQ(ledger.bad(), 1U);
}

TEST_F(LedgerTest, RerunsAreOutsideOfRetries) {
  Ledger ledger = Make({.retries = 1});
  ledger.Lost(kTest, false);
  EXPECT_EQ(ledger.Attempted(kTest, Result(Outcome::kFailed)).rerun,
            "retry 1 of 1");
  EXPECT_EQ(ledger.Lost(kTest, false).rerun, "rerun: agent lost");
  EXPECT_EQ(ledger.AttemptOf(kTest), 4U);
  EXPECT_EQ(ledger.Attempted(kTest, Result(Outcome::kFailed)).verdict,
            Verdict::kFailed);
}

TEST_F(LedgerTest, APassAfterALostAgentIsNotFlaky) {
  Ledger ledger = Make();
  ledger.Lost(kTest, false);
  EXPECT_EQ(ledger.Attempted(kTest, Result(Outcome::kPassed)).verdict,
            Verdict::kPassed);
}

TEST_F(LedgerTest, ATestThatMustNotRunAgainIsLostAtOnce) {
  Ledger ledger = Make({.retries = 5});
  EXPECT_EQ(ledger.Lost(kTest, /*no_rerun=*/true).verdict, Verdict::kLost);
}

TEST_F(LedgerTest, WhereTheRunSaysSoATestIsLostAtOnce) {
  Ledger ledger = Make({.lost_at_once = true});
  EXPECT_EQ(ledger.Lost(kTest, false).verdict, Verdict::kLost);
}

TEST_F(LedgerTest, ADrainedAgentIsNoLostOne) {
  Ledger ledger = Make();
  for (int i = 0; i < 5; ++i) {
    const Ledger::Decision decision = ledger.Interrupted(kTest, false);
    EXPECT_EQ(decision.verdict, std::nullopt);
    EXPECT_EQ(decision.rerun, "rerun: drained");
  }
  EXPECT_EQ(ledger.Lost(kTest, false).rerun, "rerun: agent lost");
}

// One that ends its agent went round until the fleet was gone.
TEST_F(LedgerTest, ATestIsLostAtItsSixthDrainedAgent) {
  Ledger ledger = Make();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ledger.Interrupted(kTest, false).verdict, std::nullopt);
  }
  EXPECT_EQ(ledger.Interrupted(kTest, false).verdict, Verdict::kLost);
}

TEST_F(LedgerTest, ATestThatMustNotRunAgainIsNotRunAgainAfterADrain) {
  Ledger ledger = Make();
  EXPECT_EQ(ledger.Interrupted(kTest, /*no_rerun=*/true).verdict,
            Verdict::kLost);
}

// ---- cancelled -------------------------------------------------------------

TEST_F(LedgerTest, InACancelledRunEveryAttemptIsTheLast) {
  Ledger ledger({.retries = 3});
  for (int i = 0; i < 4; ++i) {
    ledger.Add();
  }
  ledger.Cancel();
  EXPECT_EQ(ledger.Attempted(TestIndex{0}, Result(Outcome::kFailed)).verdict,
            Verdict::kFailed);
  EXPECT_EQ(ledger.Attempted(TestIndex{1}, Result(Outcome::kPassed)).verdict,
            Verdict::kPassed);
  EXPECT_EQ(ledger.Lost(TestIndex{2}, false).verdict, Verdict::kLost);
  EXPECT_EQ(ledger.Interrupted(TestIndex{3}, false).verdict, Verdict::kNotRun);
  EXPECT_EQ(ledger.settled(), 4U);
}

// It was said not to have run, which is no failure of a test.
TEST_F(LedgerTest, ARetryThatIsCancelledLeavesTheVerdictOfWhatCameBefore) {
  Ledger ledger = Make({.retries = 1});
  ledger.Attempted(kTest, Result(Outcome::kTimedOut));
  ledger.Cancel();
  EXPECT_EQ(ledger.Interrupted(kTest, false).verdict, Verdict::kTimedOut);
}

// ---- the rest --------------------------------------------------------------

TEST_F(LedgerTest, ATestThatNeverGetsItsTurnDoesNotGoRoundForEver) {
  Ledger ledger = Make();
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(ledger.LeftUndone(kTest));
  }
  EXPECT_TRUE(ledger.LeftUndone(kTest));
}

TEST_F(LedgerTest, AVerdictWithoutAnAttemptCounts) {
  Ledger ledger(Ledger::Policy{});
  ledger.Add();
  ledger.Add();
  ledger.Settle(TestIndex{0}, Verdict::kSkipped);
  ledger.Settle(TestIndex{1}, Verdict::kNotRun);
  EXPECT_EQ(ledger.settled(), 2U);
  EXPECT_EQ(ledger.bad(), 1U);
  EXPECT_THAT(ledger.VerdictOf(TestIndex{1}), Optional(Verdict::kNotRun));
}

TEST_F(LedgerTest, TestsDoNotShareAttempts) {
  Ledger ledger({.retries = 1});
  ledger.Add();
  ledger.Add();
  ledger.Attempted(TestIndex{0}, Result(Outcome::kFailed));
  EXPECT_EQ(ledger.Attempted(TestIndex{1}, Result(Outcome::kPassed)).verdict,
            Verdict::kPassed);
  EXPECT_EQ(ledger.AttemptOf(TestIndex{1}), 1U);
}

using LedgerDeathTest = LedgerTest;

TEST_F(LedgerDeathTest, ASecondVerdictIsOurOwnBug) {
  Ledger ledger = Make();
  ledger.Settle(kTest, Verdict::kPassed);
  EXPECT_DEATH(ledger.Settle(kTest, Verdict::kFailed), "");
}

}  // namespace
}  // namespace paceline
