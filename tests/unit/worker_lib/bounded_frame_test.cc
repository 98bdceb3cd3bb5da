// Whatever a runner puts into a result, an agent takes its frame.

#include "worker/lib/bounded_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"
#include "worker/protocol/codec.h"

namespace paceline {
namespace {

using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

constexpr std::size_t kMiB = std::size_t{1} << 20;

// What an agent makes of the frame of `message`.
template <typename M>
M Arrived(const M& message) {
  std::string frames = "before";
  AppendBoundedFrame(message, frames);
  FrameReader reader;
  reader.Append(absl::string_view(frames).substr(6));
  const auto map = reader.Next();
  EXPECT_THAT(map, IsOk());
  if (!map.ok() || !map->has_value()) {
    ADD_FAILURE() << "no frame";
    return M{};
  }
  auto decoded = DecodeFromWorker(**map);
  EXPECT_THAT(decoded, IsOk());
  return decoded.ok() ? std::get<M>(*std::move(decoded)) : M{};
}

WorkerTestFinished Finished() {
  WorkerTestFinished finished;
  finished.request = 3;
  finished.test = 1;
  finished.result.outcome = Outcome::kFailed;
  finished.result.message = "why";
  finished.result.output.head = "printed";
  return finished;
}

TEST(BoundedFrameTest, WhatFitsIsLeftAlone) {
  EXPECT_EQ(Arrived(Finished()), Finished());
}

TEST(BoundedFrameTest, OutputIsShortenedAndItsCutBytesCounted) {
  WorkerTestFinished finished = Finished();
  finished.result.output.head.assign(5 * kMiB, 'h');
  finished.result.output.tail.assign(5 * kMiB, 't');
  finished.result.output.cut_bytes = 7;
  const TestResult result = Arrived(finished).result;
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.message, "why");
  EXPECT_THAT(result.output.head, StartsWith("hhh"));
  EXPECT_EQ(result.output.tail.back(), 't');
  EXPECT_EQ(result.output.head.size() + result.output.tail.size() +
                result.output.cut_bytes,
            10 * kMiB + 7);
}

// The agent took them for a breach of the protocol, and ended the worker.
TEST(BoundedFrameTest, MorePropertiesThanAnAgentReadsAreCutAndCounted) {
  WorkerTestFinished finished = Finished();
  finished.result.properties.assign(66'000, {"key", "value"});
  const TestResult result = Arrived(finished).result;
  ASSERT_THAT(result.properties, SizeIs(256));
  EXPECT_THAT(result.properties.back(),
              Pair("paceline.properties_cut", "65745"));
  WorkerProperties late;
  late.properties.assign(66'000, {"key", "value"});
  EXPECT_THAT(Arrived(late).properties, SizeIs(256));
}

// Its frame was empty, and the outcome lost with it.
TEST(BoundedFrameTest, AReportThatIsTooLongIsDroppedAlone) {
  WorkerTestFinished finished = Finished();
  finished.result.report.assign(9 * kMiB, 'r');
  EXPECT_EQ(Arrived(finished), Finished());
}

TEST(BoundedFrameTest, AllAtOnceStillTellsTheOutcome) {
  WorkerTestFinished finished = Finished();
  finished.result.message.assign(9 * kMiB, 'm');
  finished.result.details.assign(9 * kMiB, 'd');
  finished.result.file.assign(9 * kMiB, 'f');
  finished.result.report.assign(9 * kMiB, 'r');
  finished.result.output.head.assign(9 * kMiB, 'h');
  finished.result.properties.assign(100, {std::string(kMiB, 'k'), "v"});
  EXPECT_EQ(Arrived(finished).result.outcome, Outcome::kFailed);
}

TEST(BoundedFrameTest, AnExtrasNameIsOneThatAnAgentTakes) {
  WorkerExtra extra;
  extra.extra.result.outcome = Outcome::kError;
  extra.extra.name = "short";
  EXPECT_EQ(Arrived(extra).extra.name, "short");
  extra.extra.name.assign(20'000, 'n');
  EXPECT_THAT(Arrived(extra).extra.name, testing::HasSubstr("bytes cut]"));
  extra.extra.name = std::string("a\0b", 3);
  EXPECT_EQ(Arrived(extra).extra.name, "a?b");
  extra.extra.name.clear();
  EXPECT_EQ(Arrived(extra).extra.result.outcome, Outcome::kError);
}

}  // namespace
}  // namespace paceline
