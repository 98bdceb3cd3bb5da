#include "cli/junit_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Not;

const Instant kStart{std::chrono::hours(1)};
constexpr Duration kLong = std::chrono::seconds(10);

class JunitWriterTest : public testing::Test {
 protected:
  JunitWriterTest() : path_(absl::StrCat(scratch_.path(), "/junit.xml")) {
    JunitOptions options;
    options.title = "build \"quoted\" & more";
    options.host = "host";
    auto file = ReportFile::Create(path_);
    EXPECT_THAT(file, IsOk());
    writer_.emplace(kStart, options, *std::move(file));
  }

  static TestRef Ref(std::uint32_t index, absl::string_view name) {
    TestRef test;
    test.index = static_cast<TestIndex>(index);
    test.suite = "foo_test";
    test.scope = "Foo";
    test.name = name;
    test.file = "foo.cc";
    test.line = 12;
    return test;
  }

  static AttemptEvent Attempt(std::optional<Verdict> verdict, Outcome outcome) {
    AttemptEvent attempt;
    attempt.attempt = 1;
    attempt.agent = "alpha";
    attempt.host = "host";
    attempt.worker = 3;
    attempt.verdict = verdict;
    attempt.result.outcome = outcome;
    attempt.result.duration = std::chrono::milliseconds(12);
    return attempt;
  }

  void End(std::uint64_t without_verdict = 0) {
    RunEnd end;
    end.without_verdict = without_verdict;
    writer_->OnEnded(kStart + kLong, end);
  }

  // Whether xmllint finds it well-formed and of the schema.
  void ExpectValid() const {
    const auto lint = RunProgram(
        {"xmllint", "--noout", "--schema",
         absl::StrCat(PACELINE_SOURCE_DIR, "/tests/unit/cli/data/surefire.xsd"),
         path_});
    EXPECT_EQ(lint->exit_code(), 0) << lint->err() << ReadFile(path_);
  }

  ScratchDir scratch_;
  std::string path_;
  std::optional<JunitWriter> writer_;
};

TEST_F(JunitWriterTest, EveryKindOfVerdictIsValidAndCounted) {
  for (int i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    AttemptEvent attempt =
        Attempt(verdict, verdict == Verdict::kFlaky ? Outcome::kPassed
                                                    : static_cast<Outcome>(i));
    attempt.result.message = "what happened";
    attempt.result.properties = {{"key", "value"}};
    WorkerHealth health;
    health.rss_bytes = 4096;
    attempt.result.health = health;
    const std::string name = absl::StrCat("Foo.Bar", i);
    writer_->OnAttempt(kStart, Ref(static_cast<std::uint32_t>(i), name),
                       attempt);
  }
  End();
  ExpectValid();
  const std::string text = ReadFile(path_);
  EXPECT_THAT(text, HasSubstr("tests=\"12\" failures=\"4\" errors=\"3\" "
                              "skipped=\"1\""));
  EXPECT_THAT(text, HasSubstr("name=\"Bar0\" classname=\"Foo\""));
  const auto tests = ReadJunitTests(path_);
  const auto found = tests.find("Foo.Bar0");
  ASSERT_NE(found, tests.end());
  EXPECT_EQ(found->second.verdict, "passed");
  EXPECT_THAT(
      found->second.properties,
      testing::IsSupersetOf({testing::Pair("paceline.agent", "alpha"),
                             testing::Pair("key", "value"),
                             testing::Pair("paceline.file", "foo.cc"),
                             testing::Pair("paceline.line", "12"),
                             testing::Pair("paceline.rss_bytes", "4096")}));
}

TEST_F(JunitWriterTest, TheFileIsValidWhileTheRunGoesOn) {
  ExpectValid();
  for (std::uint32_t i = 0; i < 20; ++i) {
    const std::string name = absl::StrCat("Foo.Bar", i);
    writer_->OnAttempt(kStart, Ref(i, name),
                       Attempt(Verdict::kPassed, Outcome::kPassed));
    if (i % 7 == 0) {
      writer_->OnTick(kStart + kLong);
      ExpectValid();
      EXPECT_EQ(ReadJunit(path_).size(), i + 1);
    }
  }
  EXPECT_TRUE(writer_->next_deadline().has_value());
  End();
  EXPECT_EQ(ReadJunit(path_).size(), 20U);
}

TEST_F(JunitWriterTest, AnyBytesOfATestBecomeValidText) {
  AttemptEvent attempt = Attempt(Verdict::kFailed, Outcome::kFailed);
  for (int c = 0; c < 256; ++c) {
    attempt.result.output.head += static_cast<char>(c);
  }
  attempt.result.output.tail = "]]> </system-out>";
  attempt.result.output.cut_bytes = 5;
  attempt.result.message = attempt.result.output.head;
  attempt.result.details = "\xed\xa0\x80 \xff <a> & \"";
  attempt.result.properties = {{"\x01", "\xc3"}};
  writer_->OnAttempt(kStart, Ref(0, "Foo.B\x02r"), attempt);
  End();
  ExpectValid();
}

TEST_F(JunitWriterTest, AttemptsBeforeTheLastAreInItsCase) {
  AttemptEvent failed = Attempt(std::nullopt, Outcome::kFailed);
  failed.result.message = "first try";
  writer_->OnAttempt(kStart, Ref(0, "Foo.Flaky"), failed);
  writer_->OnAttempt(kStart, Ref(1, "Foo.Bad"), failed);
  writer_->OnAttempt(kStart, Ref(0, "Foo.Flaky"),
                     Attempt(Verdict::kFlaky, Outcome::kPassed));
  writer_->OnAttempt(kStart, Ref(1, "Foo.Bad"),
                     Attempt(Verdict::kFailed, Outcome::kFailed));
  End();
  ExpectValid();
  const std::string text = ReadFile(path_);
  EXPECT_THAT(text, HasSubstr("<flakyFailure message=\"first try\""));
  EXPECT_THAT(text, HasSubstr("<rerunFailure message=\"first try\""));
  EXPECT_EQ(ReadJunit(path_).size(), 2U);
}

TEST_F(JunitWriterTest, EveryOrderOfAttemptsIsValid) {
  std::uint32_t index = 0;
  for (const Verdict verdict : {Verdict::kFailed, Verdict::kError,
                                Verdict::kSkipped, Verdict::kFlaky}) {
    const std::string name = absl::StrCat("Foo.Bar", index);
    for (const Outcome outcome : {Outcome::kFailed, Outcome::kError}) {
      AttemptEvent attempt = Attempt(std::nullopt, outcome);
      attempt.result.output.head = "said before";
      writer_->OnAttempt(kStart, Ref(index, name), attempt);
    }
    AttemptEvent last = Attempt(verdict, verdict == Verdict::kFlaky
                                             ? Outcome::kPassed
                                             : static_cast<Outcome>(verdict));
    last.result.output.head = "said\n";
    writer_->OnAttempt(kStart, Ref(index++, name), last);
  }
  End();
  ExpectValid();
  EXPECT_EQ(ReadJunitTests(path_).find("Foo.Bar1")->second.output, "said\n");
}

TEST_F(JunitWriterTest, LinesOfAMessageAreKept) {
  AttemptEvent attempt = Attempt(Verdict::kFailed, Outcome::kFailed);
  attempt.result.message = "one\n\ttwo";
  writer_->OnAttempt(kStart, Ref(0, "Foo.Bar"), attempt);
  End();
  ExpectValid();
  EXPECT_EQ(ReadJunitTests(path_).find("Foo.Bar")->second.message,
            "one\n\ttwo");
}

TEST_F(JunitWriterTest, WhatIsMissingDoesNotLookGood) {
  writer_->OnDiscoveryError(kStart, {"bad", "bad could not be listed."});
  End(/*without_verdict=*/7);
  ExpectValid();
  EXPECT_THAT(ReadFile(path_), HasSubstr("7 tests have no verdict"));
  EXPECT_EQ(ReadJunit(path_)["discovery.bad"], "error");
}

// GoogleTest writes them when the program ends, long after its cases.
TEST_F(JunitWriterTest, PropertiesThatComeLateAreInTheirCase) {
  for (std::uint32_t i = 0; i < 3; ++i) {
    const std::string name = absl::StrCat("Foo.Bar", i);
    writer_->OnAttempt(kStart, Ref(i, name),
                       Attempt(Verdict::kPassed, Outcome::kPassed));
    writer_->OnTick(kStart + (i + 1) * kLong);
  }
  writer_->OnTestProperties(kStart, Ref(2, "Foo.Bar2"), 1, {{"third", "3"}});
  writer_->OnTestProperties(kStart, Ref(0, "Foo.Bar0"), 1,
                            {{"first", "<1>"}, {"again", ""}});
  writer_->OnTestProperties(kStart, Ref(0, "Foo.Bar0"), 1, {{"more", "x"}});
  // Of an attempt that settled nothing, and of a test without a verdict.
  writer_->OnTestProperties(kStart, Ref(1, "Foo.Bar1"), 2, {{"no", "1"}});
  writer_->OnTestProperties(kStart, Ref(7, "Foo.Bar7"), 1, {{"no", "2"}});
  writer_->OnScopeProperties(kStart, "foo_test", "Foo", {{"key", "old"}});
  writer_->OnScopeProperties(kStart, "foo_test", "Foo", {{"key", "new"}});
  writer_->OnScopeProperties(kStart, "foo_test", "", {{"key", "all"}});
  ExpectValid();
  End();
  ExpectValid();
  EXPECT_THAT(writer_->status(), IsOk());
  EXPECT_EQ(ReadJunit(path_).size(), 3U);
  const std::string text = ReadFile(path_);
  const auto bar1 = text.find("name=\"Bar1\"");
  const auto bar2 = text.find("name=\"Bar2\"");
  const auto scopes = text.substr(0, text.find("<testcase"));
  const auto first = text.substr(0, bar1);
  EXPECT_THAT(scopes, HasSubstr("name=\"foo_test: Foo: key\" value=\"new\""));
  EXPECT_THAT(scopes, HasSubstr("name=\"foo_test: key\" value=\"all\""));
  EXPECT_THAT(first,
              HasSubstr("<property name=\"first\" value=\"&lt;1&gt;\"/>\n"
                        "<property name=\"again\" value=\"\"/>\n"
                        "<property name=\"more\" value=\"x\"/>\n"
                        "</properties>"));
  EXPECT_THAT(text.substr(bar2), HasSubstr("name=\"third\" value=\"3\""));
  EXPECT_THAT(text, Not(HasSubstr("name=\"no\"")));
  // What was made on the way is gone.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(scratch_.path()),
                          std::filesystem::directory_iterator()),
            1);
}

TEST_F(JunitWriterTest, AFileThatCannotBeReplacedIsWrittenOver) {
  const std::string other = absl::StrCat(scratch_.path(), "/other.xml");
  std::filesystem::create_hard_link(path_, other);
  writer_->OnAttempt(kStart, Ref(0, "Foo.Bar"),
                     Attempt(Verdict::kPassed, Outcome::kPassed));
  writer_->OnTestProperties(kStart, Ref(0, "Foo.Bar"), 1, {{"key", "value"}});
  End();
  ExpectValid();
  EXPECT_THAT(ReadFile(other), HasSubstr("name=\"key\" value=\"value\""));
  EXPECT_EQ(ReadFile(path_), ReadFile(other));
}

TEST(JunitPipeTest, PropertiesThatComeLateAreInTheirCaseToo) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  {
    auto file = ReportFile::Share(ends[1], "pipe");
    ASSERT_THAT(file, IsOk());
    close(ends[1]);
    JunitWriter writer(kStart, {}, *std::move(file));
    TestRef test;
    test.suite = "foo";
    test.name = "bar";
    AttemptEvent attempt;
    attempt.attempt = 1;
    attempt.verdict = Verdict::kPassed;
    writer.OnAttempt(kStart, test, attempt);
    writer.OnTestProperties(kStart, test, 1, {{"key", "value"}});
    writer.OnScopeProperties(kStart, "foo", "", {{"all", "1"}});
    writer.OnEnded(kStart, {});
    EXPECT_THAT(writer.status(), IsOk());
  }
  std::string text(1 << 16, '\0');
  text.resize(static_cast<std::size_t>(
      std::max<ssize_t>(0, read(ends[0], text.data(), text.size()))));
  close(ends[0]);
  EXPECT_THAT(text, HasSubstr("value=\"value\"/>\n</properties>\n</testcase>"
                              "\n</testsuite>\n"));
  EXPECT_THAT(text, HasSubstr("name=\"foo: all\""));
}

// A limit on the file's size stands for the disk's end.
TEST_F(JunitWriterTest, ADiskThatFillsUpLeavesAWholeFile) {
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  writer_->OnAttempt(kStart, Ref(0, "Foo.Bar0"),
                     Attempt(Verdict::kPassed, Outcome::kPassed));
  writer_->OnTick(kStart + kLong);
  rlimit small = before;
  small.rlim_cur = ReadFile(path_).size() + 64;
  setrlimit(RLIMIT_FSIZE, &small);
  writer_->OnAttempt(kStart, Ref(1, "Foo.Bar1"),
                     Attempt(Verdict::kPassed, Outcome::kPassed));
  writer_->OnTick(kStart + 2 * kLong);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_FALSE(writer_->status().ok());
  ExpectValid();
  EXPECT_EQ(ReadJunit(path_).size(), 1U);
}

TEST(JunitReportFileTest, AFullDiskIsASentence) {
  auto file = ReportFile::Create("/dev/full");
  ASSERT_THAT(file, IsOk());
  JunitWriter writer(kStart, {}, *std::move(file));
  writer.OnEnded(kStart, {});
  EXPECT_THAT(writer.status(), StatusIs(absl::StatusCode::kResourceExhausted,
                                        HasSubstr("/dev/full")));
}

}  // namespace
}  // namespace paceline
