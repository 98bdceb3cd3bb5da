#include "worker/lib/output_capture.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace paceline {
namespace {

CapturedOutput Capture(std::uint64_t limit, absl::string_view bytes,
                       std::size_t step) {
  OutputCapture capture(limit);
  for (std::size_t i = 0; i < bytes.size(); i += step) {
    capture.Append(bytes.substr(i, step));
  }
  EXPECT_EQ(capture.total_bytes(), bytes.size());
  return capture.Take();
}

// Bytes of which no two stretches look alike.
std::string Noise(std::size_t size) {
  std::minstd_rand random(7);
  std::string bytes(size, '\0');
  for (char& c : bytes) {
    c = static_cast<char>(random());
  }
  return bytes;
}

TEST(OutputCaptureTest, NothingAppendedIsEmpty) {
  EXPECT_TRUE(OutputCapture(10).Take().empty());
}

TEST(OutputCaptureTest, WhatFitsIsKeptInOnePiece) {
  const CapturedOutput output = Capture(10, "0123456789", 1);
  EXPECT_EQ(output.head, "0123456789");
  EXPECT_EQ(output.tail, "");
  EXPECT_EQ(output.cut_bytes, 0U);
}

TEST(OutputCaptureTest, OneByteTooManyCutsTheMiddle) {
  const CapturedOutput output = Capture(10, "0123456789a", 3);
  EXPECT_EQ(output.head, "01234");
  EXPECT_EQ(output.tail, "6789a");
  EXPECT_EQ(output.cut_bytes, 1U);
}

TEST(OutputCaptureTest, AnOddLimitGivesTheOddByteToTheHead) {
  const CapturedOutput output = Capture(3, "abcdef", 6);
  EXPECT_EQ(output.head, "ab");
  EXPECT_EQ(output.tail, "f");
  EXPECT_EQ(output.cut_bytes, 3U);
}

TEST(OutputCaptureTest, ALimitOfZeroOnlyCounts) {
  const CapturedOutput output = Capture(0, "abc", 1);
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(output.cut_bytes, 3U);
}

TEST(OutputCaptureTest, ALimitOfOneKeepsTheFirstByte) {
  const CapturedOutput output = Capture(1, "abc", 1);
  EXPECT_EQ(output.head, "a");
  EXPECT_EQ(output.tail, "");
  EXPECT_EQ(output.cut_bytes, 2U);
}

TEST(OutputCaptureTest, StepsOfAnySizeKeepTheSameBytes) {
  const std::string bytes = Noise(1000);
  for (const std::uint64_t limit : {2U, 7U, 64U, 100U, 999U, 1000U, 1001U}) {
    for (const std::size_t step :
         {1U, 2U, 3U, 31U, 32U, 33U, 50U, 999U, 1000U}) {
      const CapturedOutput output = Capture(limit, bytes, step);
      if (limit >= bytes.size()) {
        EXPECT_EQ(output.head, bytes);
        continue;
      }
      EXPECT_EQ(output.head, bytes.substr(0, limit - limit / 2));
      EXPECT_EQ(output.tail, bytes.substr(bytes.size() - limit / 2));
      EXPECT_EQ(output.cut_bytes, bytes.size() - limit);
    }
  }
}

TEST(OutputCaptureTest, TakeStartsAnew) {
  OutputCapture capture(4);
  capture.Append("first test");
  EXPECT_EQ(capture.Take().tail, "st");
  capture.Append("ab");
  const CapturedOutput output = capture.Take();
  EXPECT_EQ(output.head, "ab");
  EXPECT_EQ(output.cut_bytes, 0U);
}

TEST(OutputCaptureTest, AGigabyteInPipeSizedPiecesIsBounded) {
  const std::string piece(64 * 1024, 'x');
  OutputCapture capture(1024 * 1024);
  for (int i = 0; i < 16 * 1024; ++i) {
    capture.Append(piece);
  }
  const CapturedOutput output = capture.Take();
  EXPECT_EQ(output.head.size() + output.tail.size(), 1024U * 1024);
  EXPECT_EQ(output.cut_bytes, 1023ULL * 1024 * 1024);
}

}  // namespace
}  // namespace paceline
