#include "common/wire/msgpack_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <msgpack.hpp>
#include <random>
#include <string>
#include <vector>

#include "common/wire/msgpack_writer.h"

namespace paceline {
namespace {

using std::string_literals::operator""s;

// What msgpack-c makes of the first value in `bytes`: how long it is, or 0 if
// there is none within `depth`.
std::size_t OracleLength(const std::string& bytes, std::size_t depth) {
  std::size_t offset = 0;
  try {
    msgpack::unpack(bytes.data(), bytes.size(), offset, nullptr, nullptr,
                    msgpack::unpack_limit(1 << 10, 1 << 10, 1 << 20, 1 << 20,
                                          1 << 20, depth));
  } catch (const std::exception&) {
    return 0;
  }
  return offset;
}

TEST(MsgpackReaderTest, ReadsIntegersAtTheEdgesOfEveryWidth) {
  std::vector<std::uint64_t> edges = {0};
  for (int bits = 1; bits <= 64; ++bits) {
    const std::uint64_t top = std::uint64_t{1} << (bits - 1);
    edges.insert(edges.end(), {top - 1, top, top + 1, top | (top - 1)});
  }
  for (const std::uint64_t edge : edges) {
    std::string bytes;
    MsgpackWriter(bytes).Uint(edge);
    MsgpackReader reader(bytes);
    std::uint64_t value = 0;
    ASSERT_TRUE(reader.ReadUint(value)) << edge;
    EXPECT_EQ(value, edge);
    EXPECT_TRUE(reader.done());

    const auto negative = static_cast<std::int64_t>(~edge);
    bytes.clear();
    MsgpackWriter(bytes).Int(negative);
    reader = MsgpackReader(bytes);
    std::int64_t number = 0;
    ASSERT_TRUE(reader.ReadInt(number)) << negative;
    EXPECT_EQ(number, negative);
    EXPECT_TRUE(reader.done());
  }
}

TEST(MsgpackReaderTest, SignedEncodingsOfPositiveNumbersCountAsUnsigned) {
  for (const std::string& bytes :
       {"\xd0\x07"s, "\xd1\x00\x07"s, "\xd2\x00\x00\x00\x07"s,
        "\xd3\x00\x00\x00\x00\x00\x00\x00\x07"s}) {
    MsgpackReader reader(bytes);
    std::uint64_t value = 0;
    EXPECT_TRUE(reader.ReadUint(value));
    EXPECT_EQ(value, 7U);
    EXPECT_TRUE(reader.done());
  }
}

TEST(MsgpackReaderTest, NumbersOutOfRangeDoNotMoveTheCursor) {
  const std::string negative = "\xff";
  MsgpackReader reader(negative);
  std::uint64_t value = 0;
  EXPECT_FALSE(reader.ReadUint(value));
  EXPECT_EQ(reader.rest(), negative);

  const std::string large = "\xcf\xff\xff\xff\xff\xff\xff\xff\xff";
  reader = MsgpackReader(large);
  std::int64_t number = 0;
  EXPECT_FALSE(reader.ReadInt(number));
  EXPECT_EQ(reader.rest(), large);
}

TEST(MsgpackReaderTest, ReadsFloatsOfBothWidths) {
  for (const std::string& bytes :
       {"\xca\x3f\x00\x00\x00"s, "\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00"s}) {
    MsgpackReader reader(bytes);
    double value = 0;
    ASSERT_TRUE(reader.ReadDouble(value));
    EXPECT_EQ(value, 0.5);
    EXPECT_TRUE(reader.done());
  }
}

TEST(MsgpackReaderTest, ReadsStringsAndBinaryOfEveryLengthClass) {
  for (const std::size_t size :
       {0U, 1U, 31U, 32U, 255U, 256U, 65535U, 65536U}) {
    const std::string text(size, 'x');
    std::string bytes;
    MsgpackWriter writer(bytes);
    writer.String(text);
    writer.Binary(text);
    MsgpackReader reader(bytes);
    absl::string_view view;
    ASSERT_TRUE(reader.ReadString(view)) << size;
    EXPECT_EQ(view, text);
    EXPECT_FALSE(reader.ReadString(view));
    ASSERT_TRUE(reader.ReadBinary(view)) << size;
    EXPECT_EQ(view, text);
    EXPECT_TRUE(reader.done());
  }
}

TEST(MsgpackReaderTest, ListsLongerThanTheBytesAreRefusedAtOnce) {
  for (const std::string& bytes :
       {"\xdd\xff\xff\xff\xff"s, "\xdc\x00\x02\xc0"s, "\x92\xc0"s}) {
    MsgpackReader reader(bytes);
    std::uint32_t count = 0;
    EXPECT_FALSE(reader.ReadArray(count));
    EXPECT_TRUE(reader.cut_short());
  }
  for (const std::string& bytes :
       {"\xdf\xff\xff\xff\xff"s, "\xde\x00\x01\xc0"s, "\x81\xc0"s}) {
    MsgpackReader reader(bytes);
    std::uint32_t count = 0;
    EXPECT_FALSE(reader.ReadMap(count));
    EXPECT_TRUE(reader.cut_short());
  }
}

TEST(MsgpackReaderTest, SkipStopsAtItsDepth) {
  const std::string four = "\x91\x91\x91\x91\xc0";
  EXPECT_TRUE(MsgpackReader(four).Skip(4));
  EXPECT_FALSE(MsgpackReader(four).Skip(3));
  // A million levels cost neither stack nor time.
  EXPECT_FALSE(MsgpackReader(std::string(1'000'000, '\x91')).Skip(16));
}

TEST(MsgpackReaderTest, SkipAgreesWithMsgpackOnEveryFirstByte) {
  for (int lead = 0; lead < 256; ++lead) {
    // Long enough for every fixed length; a length read from it is 1.
    std::string bytes(1, static_cast<char>(lead));
    bytes += "\x00\x00\x00\x01"s + std::string(32, '\0');
    MsgpackReader reader(bytes);
    const bool skipped = reader.Skip(16);
    const std::size_t length =
        skipped ? bytes.size() - reader.rest().size() : 0;
    EXPECT_EQ(length, OracleLength(bytes, 16)) << "first byte " << lead;
  }
}

TEST(MsgpackReaderTest, SkipAgreesWithMsgpackOnRandomBytes) {
  std::mt19937 random(20240601);
  // Mostly first bytes of containers and short scalars, so that values nest.
  const std::string leads =
      "\x00\x7f\x81\x82\x90\x91\x92\xa0\xa1\xc0\xc1\xc2\xc4\xc7\xcc\xcd\xd0\xd4"
      "\xd9\xdc\xde\xe0\x01\x02\x03"s;
  int whole = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (std::size_t i = random() % 24; i > 0; --i) {
      bytes += leads[random() % leads.size()];
    }
    MsgpackReader reader(bytes);
    const bool skipped = reader.Skip(8);
    const std::size_t length =
        skipped ? bytes.size() - reader.rest().size() : 0;
    ASSERT_EQ(length, OracleLength(bytes, 8)) << testing::PrintToString(bytes);
    whole += skipped ? 1 : 0;
  }
  EXPECT_GT(whole, 1'000);
}

TEST(MsgpackReaderTest, SaysWhatItFound) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "the end"},
      {"\x05", "an integer"},
      {"\xcd\x01", "an integer"},
      {"\xd0\x05", "an integer"},
      {"\xd0\x85", "a negative integer"},
      {"\xe1", "a negative integer"},
      {"\xa1x", "a string"},
      {"\xd9", "a string"},
      {"\x90", "an array"},
      {"\xdc", "an array"},
      {"\x80", "a map"},
      {"\xdf", "a map"},
      {"\xc4", "binary"},
      {"\xc0", "nil"},
      {"\xc2", "a boolean"},
      {"\xca", "a float"},
      {"\xc7", "an extension"},
      {"\xd8", "an extension"},
      {"\xc1", "no MessagePack"},
  };
  for (const auto& [bytes, found] : cases) {
    EXPECT_EQ(std::string(MsgpackReader(bytes).Found()), found);
  }
}

}  // namespace
}  // namespace paceline
