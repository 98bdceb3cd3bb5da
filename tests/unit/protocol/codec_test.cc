// What the worker protocol's codec carries, and how lenient it is to workers
// that other people wrote.

#include "worker/protocol/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/wire/msgpack_writer.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/protocol/sample_frames.h"

namespace paceline {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Le;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

// The map inside the frame of `message`.
template <typename M>
std::string MapOf(const M& message) {
  std::string frame;
  AppendFrame(message, frame);
  return frame.substr(4);
}

std::string Written(const std::function<void(MsgpackWriter&)>& write) {
  std::string bytes;
  MsgpackWriter writer(bytes);
  write(writer);
  return bytes;
}

TEST(WorkerCodecTest, SamplesCoverEveryMessageType) {
  const std::vector<FromWorker> from = SamplesFromWorker();
  ASSERT_THAT(from, SizeIs(std::variant_size_v<FromWorker>));
  for (std::size_t i = 0; i < from.size(); ++i) {
    EXPECT_EQ(from[i].index(), i);
  }
  const std::vector<ToWorker> to = SamplesToWorker();
  ASSERT_THAT(to, SizeIs(std::variant_size_v<ToWorker>));
  for (std::size_t i = 0; i < to.size(); ++i) {
    EXPECT_EQ(to[i].index(), i);
  }
}

TEST(WorkerCodecTest, EveryMessageComesBackAsItWas) {
  for (const FromWorker& sample : SamplesFromWorker()) {
    EXPECT_THAT(DecodeFromWorker(MapOf(sample)), IsOkAndHolds(sample));
  }
  for (const ToWorker& sample : SamplesToWorker()) {
    EXPECT_THAT(DecodeToWorker(MapOf(sample)), IsOkAndHolds(sample));
  }
}

TEST(WorkerCodecTest, DefaultsComeBackAsDefaults) {
  WorkerTestFinished finished;
  EXPECT_THAT(DecodeFromWorker(MapOf(FromWorker(finished))),
              IsOkAndHolds(FromWorker(finished)));
  WorkerSuite suite;
  suite.spec.name = "foo_test";
  suite.spec.runner = "gtest";
  EXPECT_THAT(DecodeToWorker(MapOf(ToWorker(suite))),
              IsOkAndHolds(ToWorker(suite)));
}

TEST(WorkerCodecTest, AReadingWithoutAnyKeyIsStillAReading) {
  WorkerTestFinished finished;
  finished.result.health = WorkerHealth{};
  EXPECT_THAT(DecodeFromWorker(MapOf(FromWorker(finished))),
              IsOkAndHolds(FromWorker(finished)));
}

// The least that a third party's worker may send.
TEST(WorkerCodecTest, OnlyRequiredKeysAreNeeded) {
  const std::string hello = Written([](MsgpackWriter& out) {
    out.Map(3);
    out.String("runner");
    out.String("mine");
    out.String("protocol");
    out.Uint(1);
    out.String("type");  // in any order
    out.String("hello");
  });
  WorkerHello least;
  least.runner = "mine";
  EXPECT_THAT(DecodeFromWorker(hello), IsOkAndHolds(FromWorker(least)));

  const std::string finished = Written([](MsgpackWriter& out) {
    out.Map(2);
    out.String("type");
    out.String("unit_finished");
    out.String("request");
    out.Uint(4);
  });
  EXPECT_THAT(DecodeFromWorker(finished),
              IsOkAndHolds(FromWorker(WorkerUnitFinished{4, {}, "", {}, {}})));
}

TEST(WorkerCodecTest, UnknownKeysArePassedOver) {
  const std::string stop = Written([](MsgpackWriter& out) {
    out.Map(4);
    out.String("colour");
    out.Array(2);
    out.Map(1);
    out.String("deep");
    out.Nil();
    out.Binary("x");
    out.String("type");
    out.String("stop");
    out.String("");
    out.Nil();
    out.String("request");
    out.Uint(9);
  });
  EXPECT_THAT(DecodeToWorker(stop), IsOkAndHolds(ToWorker(WorkerStop{9})));
}

// A test_finished with the given extra key.
std::string FinishedWith(const char* key,
                         const std::function<void(MsgpackWriter&)>& value) {
  return Written([&](MsgpackWriter& out) {
    out.Map(5);
    out.String("type");
    out.String("test_finished");
    out.String("request");
    out.Uint(1);
    out.String("test");
    out.Uint(0);
    out.String("outcome");
    out.String("passed");
    out.String(key);
    value(out);
  });
}

TestResult ResultOf(const std::string& map) {
  absl::StatusOr<FromWorker> message = DecodeFromWorker(map);
  EXPECT_THAT(message, IsOk());
  return message.ok() ? std::get<WorkerTestFinished>(*message).result
                      : TestResult{};
}

TEST(WorkerCodecTest, DurationsMayBeSeconds) {
  const std::string half("\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00", 9);
  std::string map = FinishedWith("duration", [](auto& out) { out.Nil(); });
  map.replace(map.size() - 1, 1, half);
  EXPECT_EQ(ResultOf(map).duration, milliseconds(500));
  EXPECT_EQ(ResultOf(FinishedWith("duration", [](auto& out) { out.Uint(2); }))
                .duration,
            milliseconds(2000));
  EXPECT_EQ(
      ResultOf(FinishedWith("duration_ns", [](auto& out) { out.Uint(2); }))
          .duration,
      Duration(2));
}

TEST(WorkerCodecTest, OutputMayBeAString) {
  EXPECT_EQ(
      ResultOf(FinishedWith("output", [](auto& out) { out.String("text"); }))
          .output.head,
      "text");
  EXPECT_EQ(
      ResultOf(FinishedWith("message", [](auto& out) { out.Binary("bytes"); }))
          .message,
      "bytes");
}

TEST(WorkerCodecTest, NilReadingsAreAbsent) {
  EXPECT_EQ(
      ResultOf(FinishedWith("health", [](auto& out) { out.Nil(); })).health,
      std::nullopt);
  const TestResult result =
      ResultOf(FinishedWith("health", [](MsgpackWriter& out) {
        out.Map(2);
        out.String("rss_bytes");
        out.Nil();
        out.String("open_fds");
        out.Uint(5);
      }));
  ASSERT_TRUE(result.health.has_value());
  EXPECT_EQ(result.health->rss_bytes, std::nullopt);
  EXPECT_EQ(result.health->open_fds, 5U);
}

TEST(WorkerCodecTest, LongProseIsCutAndNotRefused) {
  const TestResult message =
      ResultOf(FinishedWith("message", [](MsgpackWriter& out) {
        out.String(std::string(100'000, 'm'));
      }));
  EXPECT_THAT(message.message,
              AllOf(SizeIs(Le(4096U)), HasSubstr(" bytes cut]")));
  const TestResult details =
      ResultOf(FinishedWith("details", [](MsgpackWriter& out) {
        out.String(absl::StrCat("head", std::string(1'000'000, 'd'), "tail"));
      }));
  EXPECT_THAT(details.details,
              AllOf(SizeIs(Le(65'536U)), StartsWith("head"), EndsWith("tail"),
                    HasSubstr(" bytes cut]")));
}

TEST(WorkerCodecTest, ManyPropertiesAreCutAndCounted) {
  WorkerTestFinished finished;
  for (int i = 0; i < 1'000; ++i) {
    finished.result.properties.emplace_back(absl::StrCat("key", i), "value");
  }
  const TestResult result = ResultOf(MapOf(FromWorker(finished)));
  ASSERT_THAT(result.properties, SizeIs(256));
  EXPECT_THAT(result.properties[254], Pair("key254", "value"));
  EXPECT_THAT(result.properties[255], Pair("paceline.properties_cut", "745"));
}

TEST(WorkerCodecTest, LargePropertiesAreCutAndCounted) {
  WorkerTestFinished finished;
  finished.result.properties.assign(100, {"key", std::string(4'000, 'v')});
  const TestResult result = ResultOf(MapOf(FromWorker(finished)));
  std::size_t bytes = 0;
  for (const auto& [key, value] : result.properties) {
    bytes += key.size() + value.size();
  }
  EXPECT_LE(bytes, 65'536U);
  EXPECT_THAT(result.properties, SizeIs(17));
  EXPECT_THAT(result.properties.back(), Pair("paceline.properties_cut", "84"));
  // And what was cut once stays as it is.
  finished.result = result;
  EXPECT_EQ(ResultOf(MapOf(FromWorker(finished))), result);
}

// They travel in pieces; over 64 KiB they were dropped.
TEST(WorkerCodecTest, AWorkersLastWordsAreAsLongAsAFrameHolds) {
  WorkerLeaving leaving;
  leaving.report.assign(std::size_t{1} << 20, 'r');
  EXPECT_THAT(DecodeFromWorker(MapOf(FromWorker(leaving))),
              IsOkAndHolds(FromWorker(leaving)));
}

TEST(WorkerCodecTest, PropertiesOfExtrasAreCutAsWell) {
  WorkerUnitFinished finished;
  finished.extras.resize(1);
  finished.extras[0].name = "environment";
  finished.extras[0].result.properties.assign(300, {"key", "value"});
  absl::StatusOr<FromWorker> message =
      DecodeFromWorker(MapOf(FromWorker(finished)));
  ASSERT_THAT(message, IsOk());
  EXPECT_THAT(
      std::get<WorkerUnitFinished>(*message).extras[0].result.properties,
      SizeIs(256));
}

}  // namespace
}  // namespace paceline
