#include "cli/json_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/junit_writer.h"
#include "common/base/fd.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

const Instant kStart{std::chrono::hours(1)};

class JsonWriterTest : public testing::Test {
 protected:
  JsonWriterTest() : path_(absl::StrCat(scratch_.path(), "/events.json")) {
    auto file = ReportFile::Create(path_);
    EXPECT_THAT(file, IsOk());
    writer_.emplace(kStart, RandomId<RunId>(), "build", *std::move(file));
  }

  std::vector<nlohmann::json> Events() {
    std::vector<nlohmann::json> events;
    const std::string text = ReadFile(path_);
    for (absl::string_view line :
         absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      events.push_back(nlohmann::json::parse(std::string(line)));
    }
    return events;
  }

  ScratchDir scratch_;
  std::string path_;
  std::optional<JsonWriter> writer_;
};

TEST_F(JsonWriterTest, ARunIsALineAnEvent) {
  writer_->OnDiscovered(kStart, 1, true);
  AttemptEvent attempt;
  attempt.attempt = 2;
  attempt.agent = "alpha";
  attempt.rerun = "rerun: agent lost";
  attempt.verdict = Verdict::kTimedOut;
  attempt.result.outcome = Outcome::kTimedOut;
  attempt.result.duration = std::chrono::milliseconds(1500);
  TestRef test;
  test.suite = "foo_test";
  test.name = "Foo.Bar";
  writer_->OnAttempt(kStart, test, attempt);
  writer_->OnEnded(kStart, {});
  writer_->WriteExit(kStart + std::chrono::seconds(2), 1, "1 test failed");

  const auto events = Events();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(events[0]["event"], "run_started");
  EXPECT_EQ(events[1]["tests"], 1);
  EXPECT_EQ(events[2]["test"], "Foo.Bar");
  EXPECT_EQ(events[2]["verdict"], "timed_out");
  EXPECT_EQ(events[2]["duration"], 1.5);
  EXPECT_EQ(events[2]["rerun"], "rerun: agent lost");
  EXPECT_EQ(events[3]["event"], "run_ended");
  EXPECT_EQ(events[4]["code"], 1);
  EXPECT_EQ(events[4]["time"], 2.0);
}

TEST_F(JsonWriterTest, AnyBytesOfATestBecomeValidJson) {
  AttemptEvent attempt;
  for (int c = 0; c < 256; ++c) {
    attempt.result.output.head += static_cast<char>(c);
  }
  attempt.result.message = "\xff\n\"";
  writer_->OnAttempt(kStart, TestRef{}, attempt);
  writer_->OnEnded(kStart, {});
  EXPECT_EQ(Events().size(), 3U);
}

TEST_F(JsonWriterTest, EventsDoNotWaitForTheEnd) {
  ASSERT_TRUE(writer_->next_deadline().has_value());
  writer_->OnTick(*writer_->next_deadline());
  EXPECT_EQ(Events().size(), 1U);
}

// A limit on the file's size stands for the disk's end.
TEST_F(JsonWriterTest, ADiskThatFillsUpLeavesWholeLines) {
  writer_->OnTick(*writer_->next_deadline());
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = ReadFile(path_).size() + 90;
  setrlimit(RLIMIT_FSIZE, &small);
  writer_->OnNote(kStart, "the first of them");
  writer_->OnNote(kStart, "the second of them");
  writer_->WriteExit(kStart, 0, "green");
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_FALSE(writer_->status().ok());
  EXPECT_EQ(Events().size(), 2U);
}

// Standard output may be a file that has something in it, and that others
// write to: a report that went back to its beginning destroyed both.
TEST(ReportFileTest, WhatIsSharedIsWrittenBehindWhatIsThere) {
  const ScratchDir scratch;
  const std::string path = scratch.Write("out", "before\n");
  for (const int how : {0, O_APPEND}) {
    const Fd out(open(path.c_str(), O_WRONLY | O_CLOEXEC | how));
    ASSERT_TRUE(out.valid());
    lseek(out.get(), 0, SEEK_END);
    auto file = ReportFile::Share(out.get(), "standard output");
    ASSERT_THAT(file, IsOk());
    JunitWriter junit(kStart, {}, *std::move(file));
    junit.OnDiscoveryError(kStart, {"bad", "bad could not be listed."});
    junit.OnTick(kStart + std::chrono::seconds(1));
    junit.OnEnded(kStart, {});
    EXPECT_THAT(junit.status(), IsOk());
    const std::string text = ReadFile(path);
    EXPECT_THAT(text, testing::StartsWith("before\n<?xml"));
    EXPECT_THAT(text, testing::EndsWith("</testsuite>\n"));
    scratch.Write("out", "before\n");
  }
}

}  // namespace
}  // namespace paceline
