#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "cli/attempt_text.h"
#include "cli/live_view.h"
#include "cli/plain_view.h"
#include "cli/text.h"

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

const Instant kStart{std::chrono::hours(1)};

TestRef Ref(absl::string_view name) {
  TestRef test;
  test.suite = "foo_test";
  test.name = name;
  test.file = "foo.cc";
  test.line = 12;
  return test;
}

AttemptEvent Attempt(Verdict verdict) {
  AttemptEvent attempt;
  attempt.attempt = 1;
  attempt.verdict = verdict;
  attempt.result.outcome = verdict == Verdict::kFlaky
                               ? Outcome::kPassed
                               : static_cast<Outcome>(verdict);
  attempt.result.duration = milliseconds(12);
  return attempt;
}

AttemptEvent Failed() {
  AttemptEvent attempt = Attempt(Verdict::kFailed);
  attempt.result.message = "expected 1, got 2";
  attempt.result.output.head = "hello\x1b[31m\nworld\n";
  return attempt;
}

TEST(AttemptTextTest, AFailureSaysWhereWhatAndWhatItPrinted) {
  EXPECT_EQ(FailureBlock(Ref("Foo.Bar"), Failed(), {}),
            "FAILED foo_test: Foo.Bar (12 ms)\n"
            "    foo.cc:12\n"
            "    expected 1, got 2\n"
            "    output:\n"
            "    | hello\n"
            "    | world\n");
}

TEST(AttemptTextTest, TheMessageIsNotSaidTwice) {
  AttemptEvent attempt = Failed();
  attempt.result.details = "expected 1, got 2\nstack";
  attempt.result.output = {};
  EXPECT_EQ(FailureBlock(Ref("Foo.Bar"), attempt, {}),
            "FAILED foo_test: Foo.Bar (12 ms)\n"
            "    foo.cc:12\n"
            "    expected 1, got 2\n"
            "    stack\n");
}

// Of a GoogleTest program: it was said three times.
TEST(AttemptTextTest, WhatTheDetailsSayIsSaidOnce) {
  AttemptEvent attempt = Failed();
  attempt.result.message = "Value of: false Actual: false Expected: true";
  attempt.result.details =
      "foo.cc:12: Failure\nValue of: false\n  Actual: false\nExpected: true";
  attempt.result.output.head = attempt.result.details + "\n";
  const std::string once =
      "FAILED foo_test: Foo.Bar (12 ms)\n"
      "    foo.cc:12\n"
      "    foo.cc:12: Failure\n"
      "    Value of: false\n"
      "      Actual: false\n"
      "    Expected: true\n";
  EXPECT_EQ(FailureBlock(Ref("Foo.Bar"), attempt, {}), once);
  attempt.result.output.head += "and more\n";
  EXPECT_THAT(FailureBlock(Ref("Foo.Bar"), attempt, {}),
              HasSubstr("    | and more\n"));
  attempt.result.output = {"tru", "", 0};
  EXPECT_THAT(FailureBlock(Ref("Foo.Bar"), attempt, {}),
              HasSubstr("    | tru\n"));
}

TEST(AttemptTextTest, CutOutputSaysHowMuchIsMissing) {
  AttemptEvent attempt = Failed();
  attempt.result.output = {"head", "tail", 2048};
  EXPECT_THAT(FailureBlock(Ref("Foo.Bar"), attempt, {}),
              HasSubstr("    | head\n    | [2.0 KiB of output cut here]\n"
                        "    | tail\n"));
}

TEST(AttemptTextTest, VerbosityDecidesAboutGoodTests) {
  const AttemptEvent passed = Attempt(Verdict::kPassed);
  ViewOptions options;
  EXPECT_EQ(AttemptReport(Ref("A"), passed, options), "");
  options.verbosity = Verbosity::kVerbose;
  EXPECT_EQ(AttemptReport(Ref("A"), passed, options),
            "PASSED foo_test: A (12 ms)\n");
}

TEST(AttemptTextTest, FlakyIsALineUnlessItIsBad) {
  AttemptEvent flaky = Attempt(Verdict::kFlaky);
  flaky.attempt = 2;
  flaky.result.output.head = "noise";
  ViewOptions options;
  EXPECT_EQ(AttemptReport(Ref("A"), flaky, options),
            "FLAKY foo_test: A (12 ms, attempt 2)\n");
  options.fail_on_flaky = true;
  EXPECT_THAT(AttemptReport(Ref("A"), flaky, options), HasSubstr("noise"));
  options.fail_on_flaky = false;
  options.verbosity = Verbosity::kQuiet;
  EXPECT_EQ(AttemptReport(Ref("A"), flaky, options), "");
}

TEST(AttemptTextTest, AnAttemptThatIsTriedAgainIsALine) {
  AttemptEvent attempt = Failed();
  attempt.verdict.reset();
  attempt.rerun = "retry 1 of 2";
  EXPECT_EQ(AttemptReport(Ref("A"), attempt, {}),
            "FAILED foo_test: A (12 ms, attempt 1, retry 1 of 2)\n");
}

TEST(AttemptTextTest, ALeakIsBadOnlyWhereThatIsAsked) {
  AttemptEvent leaked = Attempt(Verdict::kPassed);
  leaked.result.leaked = true;
  ViewOptions options;
  EXPECT_FALSE(IsBad(leaked, options));
  EXPECT_THAT(AttemptReport(Ref("A"), leaked, options), HasSubstr("leaked"));
  options.fail_on_leak = true;
  EXPECT_TRUE(IsBad(leaked, options));
}

class PlainViewTest : public testing::Test {
 protected:
  PlainView Make(ViewOptions options = {}) {
    return PlainView(kStart, options, [this](absl::string_view text) {
      absl::StrAppend(&text_, text);
    });
  }
  std::string text_;
};

TEST_F(PlainViewTest, FailuresComeWithTheirOutputAndNoControlCodes) {
  PlainView view = Make();
  view.OnAttempt(kStart, Ref("Foo.Bar"), Failed());
  EXPECT_THAT(text_, HasSubstr("| hello\n"));
  EXPECT_THAT(text_, Not(HasSubstr("\x1b")));
}

TEST_F(PlainViewTest, ProgressComesEveryTenSeconds) {
  PlainView view = Make();
  view.OnDiscovered(kStart, 7, true);
  view.OnTick(kStart + seconds(9));
  EXPECT_EQ(text_, "");
  EXPECT_EQ(view.next_deadline(), kStart + seconds(10));
  view.OnTick(kStart + seconds(10));
  EXPECT_EQ(text_, "[10 s] 0 of 7 done, 0 failed, 0 running\n");
  view.OnTick(kStart + seconds(11));
  view.OnEnded(kStart + seconds(30), {});
  view.OnTick(kStart + seconds(40));
  EXPECT_EQ(text_, "[10 s] 0 of 7 done, 0 failed, 0 running\n");
}

TEST_F(PlainViewTest, ProgressComesEveryTenthOfALongRun) {
  PlainView view = Make();
  view.OnDiscovered(kStart, 1000, true);
  for (int i = 0; i < 1000; ++i) {
    view.OnAttempt(kStart, Ref("A"), Attempt(Verdict::kPassed));
  }
  EXPECT_EQ(std::count(text_.begin(), text_.end(), '\n'), 9);
}

TEST_F(PlainViewTest, QuietMeansFailuresOnly) {
  ViewOptions options;
  options.verbosity = Verbosity::kQuiet;
  PlainView view = Make(options);
  view.OnDiscovered(kStart, 1000, true);
  view.OnNote(kStart, "note");
  view.OnTick(kStart + seconds(20));
  EXPECT_EQ(text_, "");
  view.OnAttempt(kStart, Ref("A"), Failed());
  EXPECT_NE(text_, "");
}

class LiveViewTest : public testing::Test {
 protected:
  LiveView Make(int columns, int rows = 24) {
    shape_ = {columns, rows};
    return LiveView(
        kStart, {}, [this] { return shape_; },
        [this](absl::string_view text) { frames_.emplace_back(text); });
  }
  TerminalShape shape_;
  std::vector<std::string> frames_;
};

TEST_F(LiveViewTest, DrawsAtMostTenTimesASecond) {
  LiveView view = Make(80);
  for (int i = 0; i < 1000; ++i) {
    view.OnDiscovered(kStart, static_cast<std::uint64_t>(i), false);
    view.OnTick(kStart + milliseconds(i));
  }
  EXPECT_EQ(frames_.size(), 10u);
}

TEST_F(LiveViewTest, WithoutNewsItDrawsOnceASecond) {
  LiveView view = Make(80);
  view.OnTick(kStart);
  EXPECT_EQ(view.next_deadline(), kStart + seconds(1));
}

TEST_F(LiveViewTest, NoLineIsWiderThanTheTerminal) {
  LiveView view = Make(40);
  view.OnDiscovered(kStart, 100000, true);
  view.OnAttempt(kStart, Ref("A"), Attempt(Verdict::kSkipped));
  ProgressRef progress;
  progress.agents = 3;
  progress.slots = 48;
  progress.running.push_back(
      {Ref("AVeryLongNameOfATestThatGoesOnAndOn.AndOn"), "agent", seconds(3)});
  view.OnProgress(kStart, progress);
  view.OnTick(kStart + seconds(5));
  ASSERT_EQ(frames_.size(), 1u);
  const std::size_t newline = frames_[0].find('\n');
  ASSERT_NE(newline, std::string::npos);
  EXPECT_LT(Columns(frames_[0].substr(0, newline)), 40u);
  EXPECT_LT(Columns(frames_[0].substr(newline + 1)), 40u);
}

ProgressRef ThreeRunning() {
  ProgressRef progress;
  for (int i = 0; i < 3; ++i) {
    progress.running.push_back(
        {Ref("AnotherVeryLongNameOfATest"), "agent", seconds(3)});
  }
  return progress;
}

TEST_F(LiveViewTest, ItIsNeverHigherThanTheTerminal) {
  LiveView view = Make(80, 3);
  view.OnProgress(kStart, ThreeRunning());
  view.OnTick(kStart);
  EXPECT_EQ(std::count(frames_[0].begin(), frames_[0].end(), '\n'), 1);
}

// "203/200"
TEST_F(LiveViewTest, WhatFailsBesideTheTestsIsNoTest) {
  LiveView view = Make(80);
  view.OnDiscovered(kStart, 2, true);
  TestRef extra = Ref("tear-down");
  extra.extra = true;
  view.OnAttempt(kStart, Ref("A"), Attempt(Verdict::kPassed));
  view.OnAttempt(kStart, Ref("B"), Attempt(Verdict::kPassed));
  view.OnAttempt(kStart, extra, Failed());
  frames_.clear();
  view.OnTick(kStart + seconds(5));
  ASSERT_EQ(frames_.size(), 1u);
  EXPECT_THAT(frames_[0], HasSubstr(" 2/2 "));
}

TEST_F(LiveViewTest, ATinyTerminalIsNotWrittenPast) {
  LiveView view = Make(10);
  view.OnDiscovered(kStart, 5, true);
  view.OnTick(kStart);
  EXPECT_LT(Columns(frames_[0]), 10u);
}

// What was drawn wider is folded into more rows by then.
TEST_F(LiveViewTest, ANarrowedTerminalIsErasedWhole) {
  LiveView view = Make(80);
  view.OnProgress(kStart, ThreeRunning());
  view.OnTick(kStart);
  shape_.columns = 20;
  view.Clear();
  // Four lines; the bar of 29 columns and the names of over 40 are folded.
  EXPECT_EQ(frames_.back(), "\r\x1b[10A\x1b[J");
}

TEST_F(LiveViewTest, FailuresReplaceTheBlockAndTheBlockComesBackBelow) {
  LiveView view = Make(80);
  ProgressRef progress;
  progress.running.push_back({Ref("B"), "agent", seconds(3)});
  view.OnProgress(kStart, progress);
  view.OnTick(kStart);
  view.OnAttempt(kStart, Ref("A"), Failed());
  view.OnTick(kStart + milliseconds(100));
  ASSERT_EQ(frames_.size(), 3u);
  EXPECT_THAT(frames_[1], testing::StartsWith("\r\x1b[1A\x1b[JFAILED"));
  EXPECT_THAT(frames_[2], HasSubstr("1 failed"));
}

TEST_F(LiveViewTest, EstimatesOnceDiscoveryIsDone) {
  LiveView view = Make(80);
  view.OnDiscovered(kStart, 100, false);
  for (int i = 0; i < 10; ++i) {
    view.OnAttempt(kStart, Ref("A"), Attempt(Verdict::kPassed));
  }
  view.OnTick(kStart + seconds(1));
  EXPECT_THAT(frames_.back(), Not(HasSubstr("left")));
  EXPECT_THAT(frames_.back(), HasSubstr("10/100+"));
  view.OnDiscovered(kStart, 100, true);
  view.OnTick(kStart + seconds(2));
  EXPECT_THAT(frames_.back(), HasSubstr("18 s left"));
}

TEST_F(LiveViewTest, LeavesACleanLineBehind) {
  LiveView view = Make(80);
  view.OnTick(kStart);
  view.OnEnded(kStart, {});
  EXPECT_EQ(frames_.back(), "\r\x1b[J");
  view.OnTick(kStart + seconds(10));
  EXPECT_EQ(frames_.size(), 2u);
  EXPECT_EQ(view.next_deadline(), std::nullopt);
}

}  // namespace
}  // namespace paceline
