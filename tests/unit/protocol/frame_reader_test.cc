#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/protocol/sample_frames.h"
#include "worker/protocol/codec.h"

namespace paceline {
namespace {

using absl::StatusCode;
using std::string_literals::operator""s;
using testing::ElementsAre;

// All whole frames there are.
std::vector<std::string> Drain(FrameReader& reader) {
  std::vector<std::string> maps;
  while (true) {
    absl::StatusOr<std::optional<absl::string_view>> map = reader.Next();
    EXPECT_THAT(map, IsOk());
    if (!map.ok() || !map->has_value()) {
      return maps;
    }
    maps.emplace_back(**map);
  }
}

std::string Stream() {
  std::string frames;
  for (const FromWorker& sample : SamplesFromWorker()) {
    AppendFrame(sample, frames);
  }
  return frames;
}

TEST(FrameReaderTest, CutsAStreamIntoFrames) {
  FrameReader reader;
  reader.Append("\0\0\0\2ab\0\0\0\1c\0\0"s);
  EXPECT_THAT(Drain(reader), ElementsAre("ab", "c"));
  reader.Append("\0\1d"s);
  EXPECT_THAT(Drain(reader), ElementsAre("d"));
}

TEST(FrameReaderTest, PiecesOfAnySizeGiveTheSameFrames) {
  const std::string stream = Stream();
  FrameReader whole;
  whole.Append(stream);
  const std::vector<std::string> expected = Drain(whole);
  ASSERT_EQ(expected.size(), SamplesFromWorker().size());
  for (std::size_t piece = 1; piece <= 17; ++piece) {
    FrameReader reader;
    std::vector<std::string> maps;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.Append(absl::string_view(stream).substr(at, piece));
      for (std::string& map : Drain(reader)) {
        maps.push_back(std::move(map));
      }
    }
    EXPECT_EQ(maps, expected) << "in pieces of " << piece;
  }
}

TEST(FrameReaderTest, FramesOfEverySampleDecode) {
  FrameReader reader;
  reader.Append(Stream());
  for (const FromWorker& sample : SamplesFromWorker()) {
    absl::StatusOr<std::optional<absl::string_view>> map = reader.Next();
    ASSERT_THAT(map, IsOk());
    ASSERT_TRUE(map->has_value());
    EXPECT_THAT(DecodeFromWorker(**map), IsOkAndHolds(sample));
  }
}

TEST(FrameReaderTest, AnEmptyFrameEndsTheStream) {
  FrameReader reader;
  reader.Append("\0\0\0\0"s);
  EXPECT_THAT(reader.Next(), StatusIs(StatusCode::kInvalidArgument));
  // For good: there is no way back into step.
  reader.Append("\0\0\0\1x"s);
  EXPECT_THAT(reader.Next(), StatusIs(StatusCode::kInvalidArgument));
}

// The length alone is enough: nobody waits for four gigabytes.
TEST(FrameReaderTest, ALengthOverTheBoundEndsTheStreamAtOnce) {
  FrameReader reader;
  reader.Append("\x00\x80\x00\x01"s);
  EXPECT_THAT(reader.Next(), StatusIs(StatusCode::kInvalidArgument,
                                      "frame: length 8388609, from 1 to "
                                      "8388608"));
  FrameReader text;
  text.Append("hello\n");
  EXPECT_THAT(text.Next(), StatusIs(StatusCode::kInvalidArgument));
}

TEST(FrameReaderTest, TheLargestFramePasses) {
  std::string frame = "\x00\x80\x00\x00"s + std::string(kMaxWorkerFrame, 'x');
  FrameReader reader;
  for (std::size_t at = 0; at < frame.size(); at += 65'536) {
    EXPECT_TRUE(Drain(reader).empty());
    reader.Append(absl::string_view(frame).substr(at, 65'536));
  }
  EXPECT_EQ(Drain(reader).size(), 1U);
}

// A quarter of a million frames that arrive ahead of their reader: quadratic
// work would take minutes and the test's time limit.
TEST(FrameReaderTest, ALongBacklogCostsTimeInProportion) {
  constexpr int kFrames = 250'000;
  FrameReader reader;
  for (int i = 0; i < kFrames; ++i) {
    reader.Append("\0\0\0\4abcd"s);
  }
  // One frame is read for each that still comes.
  for (int i = 0; i < kFrames; ++i) {
    absl::StatusOr<std::optional<absl::string_view>> map = reader.Next();
    ASSERT_TRUE(map.ok() && map->has_value() && **map == "abcd");
    reader.Append("\0\0\0\4efgh"s);
  }
  EXPECT_EQ(Drain(reader).size(), static_cast<std::size_t>(kFrames));
}

}  // namespace
}  // namespace paceline
