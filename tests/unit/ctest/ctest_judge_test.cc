#include "worker/ctest/ctest_judge.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"

namespace paceline {
namespace {

// As waitpid gives them.
constexpr WaitStatus Exited(int code) { return {code << 8}; }
constexpr WaitStatus Killed(int signal) { return {signal}; }

TestResult Judge(const CtestTest& test, absl::string_view output,
                 WaitStatus status) {
  CtestJudge judge(test);
  judge.OnOutput(output);
  TestResult result;
  judge.Settle(status, result);
  return result;
}

CtestTest WithTimeoutMatch(std::vector<std::string> expressions) {
  CtestTest test;
  test.timeout_after_match =
      CtestTimeoutAfterMatch{std::chrono::seconds(1), std::move(expressions)};
  return test;
}

TEST(CtestJudgeTest, FailureSaysItsExitStatus) {
  const TestResult result = Judge({}, "", Exited(3));
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.message, "exit status 3");
}

TEST(CtestJudgeTest, CrashSaysItsSignal) {
  const TestResult result = Judge({}, "", Killed(11));
  EXPECT_EQ(result.outcome, Outcome::kCrashed);
  EXPECT_TRUE(absl::StrContains(result.message, "SIGSEGV")) << result.message;
}

TEST(CtestJudgeTest, FailureNamesTheExpression) {
  CtestTest test;
  test.fail_expressions = {"a", "b"};
  EXPECT_EQ(Judge(test, "b", Exited(0)).message,
            "FAIL_REGULAR_EXPRESSION matched [b]");
  test.fail_expressions.clear();
  test.pass_expressions = {"x", "y", "z"};
  EXPECT_EQ(Judge(test, "b", Exited(0)).message,
            "PASS_REGULAR_EXPRESSION did not match [x] nor 2 more");
}

TEST(CtestJudgeTest, MatchesAcrossPieces) {
  CtestTest test;
  test.pass_expressions = {"one\ntwo"};
  CtestJudge judge(test);
  for (const char* piece : {"o", "ne\r", "\r", "\nt", "w", "o"}) {
    judge.OnOutput(piece);
  }
  TestResult result;
  judge.Settle(Exited(0), result);
  EXPECT_EQ(result.outcome, Outcome::kPassed) << result.message;
}

TEST(CtestJudgeTest, AnExpressionThatDoesNotCompileIsTold) {
  CtestTest test;
  test.fail_expressions = {"a**"};
  const TestResult result = Judge(test, "aaa", Exited(0));
  EXPECT_EQ(result.outcome, Outcome::kPassed);
  EXPECT_TRUE(
      absl::StrContains(result.details, "FAIL_REGULAR_EXPRESSION [a**] is no"))
      << result.details;
}

TEST(CtestJudgeTest, TimeoutMatchIsTakenOnce) {
  const CtestTest test = WithTimeoutMatch({"never", "ready"});
  CtestJudge judge(test);
  judge.OnOutput("starting\n");
  EXPECT_FALSE(judge.TakeTimeoutMatch());
  judge.OnOutput("rea");
  judge.OnOutput("dy\n");
  EXPECT_TRUE(judge.TakeTimeoutMatch());
  judge.OnOutput("ready\n");
  EXPECT_FALSE(judge.TakeTimeoutMatch());
}

TEST(CtestJudgeTest, TimeoutMatchWaitsForTheEndOfItsLine) {
  const CtestTest test = WithTimeoutMatch({"ready"});
  CtestJudge judge(test);
  judge.OnOutput("ready");
  EXPECT_FALSE(judge.TakeTimeoutMatch());
  judge.OnOutput(" now\n");
  EXPECT_TRUE(judge.TakeTimeoutMatch());
}

TEST(CtestJudgeTest, TimeoutMatchTakesEachLineForTheLast) {
  const CtestTest test = WithTimeoutMatch({"ready\n$"});
  CtestJudge judge(test);
  judge.OnOutput("ready\nmore\n");
  EXPECT_TRUE(judge.TakeTimeoutMatch());
}

TEST(CtestJudgeTest, AFilterThatSelectsNothingIsNotGreen) {
  CtestTest test;
  test.command = {"/bin/prog", "--gtest_filter=A.B"};
  const TestResult result =
      Judge(test,
            "Note: Google Test filter = A.B\n"
            "[==========] Running 0 tests from 0 test suites.\n"
            "[==========] 0 tests from 0 test suites ran. (0 ms total)\n"
            "[  PASSED  ] 0 tests.\n",
            Exited(0));
  EXPECT_EQ(result.outcome, Outcome::kNotRun);
  EXPECT_TRUE(absl::StrContains(result.message, "--gtest_filter=A.B"));
}

TEST(CtestJudgeTest, AFilterThatSelectsSomethingIsGreen) {
  CtestTest test;
  test.command = {"/bin/prog", "--gtest_filter=A.B"};
  EXPECT_EQ(Judge(test,
                  "[==========] Running 1 test from 1 test suite.\n"
                  "[==========] Running 0 tests from 0 test suites.\n",
                  Exited(0))
                .outcome,
            Outcome::kPassed);
}

// GTEST_COLOR=yes, --gtest_brief=1, and an old GoogleTest's words.
TEST(CtestJudgeTest, HoweverTheProgramSaysThatItRanNothing) {
  CtestTest test;
  test.command = {"/bin/prog", "--gtest_filter=A.B"};
  for (const char* text :
       {"\033[0;32m[==========] \033[mRunning 0 tests from 0 test suites.\n",
        "[==========] 0 tests from 0 test suites ran. (0 ms total)\n",
        "\033[0;32m[==========] \033[m0 tests from 0 test suites ran.\n",
        "note\n[==========] Running 0 tests from 0 test cases.\n",
        "[==========] 0 tests from 0 test cases ran.\n"}) {
    EXPECT_EQ(Judge(test, text, Exited(0)).outcome, Outcome::kNotRun) << text;
  }
  for (const char* text :
       {"\033[0;32m[==========] \033[m12 tests from 3 test suites ran.\n"
        "[==========] 0 tests from 0 test suites ran.\n",
        "[==========] 1 test from 1 test suite ran. (0 ms total)\n",
        "he said [==========] Running 0 tests from 0 test suites.\n"}) {
    EXPECT_EQ(Judge(test, text, Exited(0)).outcome, Outcome::kPassed) << text;
  }
}

TEST(CtestJudgeTest, AFilterInTheEnvironmentIsOneToo) {
  CtestTest test;
  test.command = {"/bin/prog"};
  for (const auto& [variable, outcome] :
       {std::pair("GTEST_FILTER=A.B", Outcome::kNotRun),
        std::pair("GTEST_FILTER=", Outcome::kPassed),
        std::pair("OTHER=A.B", Outcome::kPassed)}) {
    const std::vector<std::string> env = {"PATH=/bin", variable};
    CtestJudge judge(test, env);
    judge.OnOutput("[==========] Running 0 tests from 0 test suites.\n");
    TestResult result;
    judge.Settle(Exited(0), result);
    EXPECT_EQ(result.outcome, outcome) << variable;
  }
}

TEST(CtestJudgeTest, WithoutAFilterZeroTestsAreTheProgramsBusiness) {
  CtestTest test;
  test.command = {"/bin/prog"};
  EXPECT_EQ(Judge(test, "[==========] Running 0 tests from 0 test suites.\n",
                  Exited(0))
                .outcome,
            Outcome::kPassed);
}

}  // namespace
}  // namespace paceline
