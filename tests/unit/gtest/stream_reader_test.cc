// GoogleTest's result stream, whole, in pieces, and hostile.

#include "worker/gtest/stream_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace paceline {

bool operator==(const StreamEvent& a, const StreamEvent& b) {
  return a.kind == b.kind && a.name == b.name && a.passed == b.passed &&
         a.elapsed == b.elapsed && a.file == b.file && a.line == b.line &&
         a.message == b.message;
}

namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = StreamEvent::Kind;

std::vector<StreamEvent> Read(const std::vector<absl::string_view>& pieces) {
  StreamReader reader;
  std::vector<StreamEvent> events;
  for (const absl::string_view piece : pieces) {
    reader.Append(piece, [&events](StreamEvent event) {
      events.push_back(std::move(event));
    });
  }
  return events;
}
std::vector<StreamEvent> Read(absl::string_view bytes) {
  return Read(std::vector<absl::string_view>{bytes});
}

// The only event of `line`.
StreamEvent ReadOne(absl::string_view line) {
  const std::vector<StreamEvent> events = Read(absl::StrCat(line, "\n"));
  EXPECT_THAT(events, SizeIs(1)) << line;
  return events.empty() ? StreamEvent() : events.front();
}

// As GoogleTest 1.12.1 sends it.
constexpr char kWhole[] =
    "gtest_streaming_protocol_version=1.0\n"
    "event=TestProgramStart\n"
    "event=TestIterationStart&iteration=0\n"
    "event=TestCaseStart&name=My/Suite/0\n"
    "event=TestStart&name=Fails\n"
    "event=TestPartResult&file=dir/a%20b.cc&line=12&message=Failed%0Aa%3Db%26c "
    "100%25%0A\n"
    "event=TestEnd&passed=0&elapsed_time=17ms\n"
    "event=TestStart&name=Passes\n"
    "event=TestEnd&passed=1&elapsed_time=0ms\n"
    "event=TestCaseEnd&passed=0&elapsed_time=18ms\n"
    "event=TestIterationEnd&passed=0&elapsed_time=20ms\n"
    "event=TestProgramEnd&passed=0\n";

TEST(StreamReaderTest, EveryKindOfEventIsRead) {
  const std::vector<StreamEvent> events = Read(kWhole);
  EXPECT_THAT(events,
              ElementsAre(Field(&StreamEvent::kind, Kind::kVersion),
                          Field(&StreamEvent::kind, Kind::kProgramStart),
                          Field(&StreamEvent::kind, Kind::kIterationStart),
                          Field(&StreamEvent::kind, Kind::kSuiteStart),
                          Field(&StreamEvent::kind, Kind::kTestStart),
                          Field(&StreamEvent::kind, Kind::kPartResult),
                          Field(&StreamEvent::kind, Kind::kTestEnd),
                          Field(&StreamEvent::kind, Kind::kTestStart),
                          Field(&StreamEvent::kind, Kind::kTestEnd),
                          Field(&StreamEvent::kind, Kind::kSuiteEnd),
                          Field(&StreamEvent::kind, Kind::kIterationEnd),
                          Field(&StreamEvent::kind, Kind::kProgramEnd)));
  EXPECT_EQ(events[3].name, "My/Suite/0");
  EXPECT_EQ(events[4].name, "Fails");
  EXPECT_EQ(events[5].file, "dir/a b.cc");
  EXPECT_EQ(events[5].line, 12U);
  EXPECT_EQ(events[5].message, "Failed\na=b&c 100%\n");
  EXPECT_FALSE(events[6].passed);
  EXPECT_EQ(events[6].elapsed, std::chrono::milliseconds(17));
  EXPECT_TRUE(events[8].passed);
  EXPECT_FALSE(events[9].passed);
  EXPECT_EQ(events[9].elapsed, std::chrono::milliseconds(18));
}

TEST(StreamReaderTest, ItDoesNotMatterWhereTheBytesAreSplit) {
  const absl::string_view whole = absl::string_view(kWhole, sizeof(kWhole) - 1);
  const std::vector<StreamEvent> expected = Read(whole);
  for (std::size_t at = 0; at <= whole.size(); ++at) {
    ASSERT_EQ(Read({whole.substr(0, at), whole.substr(at)}), expected) << at;
  }
  std::vector<absl::string_view> bytes;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    bytes.push_back(whole.substr(at, 1));
  }
  EXPECT_EQ(Read(bytes), expected);
}

TEST(StreamReaderTest, ALineWithoutItsEndIsNoEventYet) {
  EXPECT_THAT(Read("event=TestStart&name=A"), IsEmpty());
  EXPECT_THAT(Read("event=TestEnd&passed=1&elapsed_time=0ms"), IsEmpty());
}

// GoogleTest does not encode names.
TEST(StreamReaderTest, ANameGoesToTheEndOfItsLine) {
  for (const char* name :
       {"", "Plain", "x=y&z", "std::vector<int, std::allocator<int> >", "a%20b",
        "&passed=1", " spaces ", "\xff\xfe"}) {
    EXPECT_EQ(ReadOne(absl::StrCat("event=TestStart&name=", name)).name, name);
    EXPECT_EQ(ReadOne(absl::StrCat("event=TestCaseStart&name=", name)).name,
              name);
  }
}

TEST(StreamReaderTest, APlaceThatIsNotKnownIsEmpty) {
  const StreamEvent event = ReadOne(
      "event=TestPartResult&file=&line=-1&message=C++ exception%3A thrown");
  EXPECT_EQ(event.file, "");
  EXPECT_EQ(event.line, 0U);
  EXPECT_EQ(event.message, "C++ exception: thrown");
}

TEST(StreamReaderTest, WhatIsNotEncodedWellStaysAsItIs) {
  struct {
    const char* sent;
    const char* message;
  } constexpr kCases[] = {
      {"%", "%"},      {"%4", "%4"},   {"%41", "A"},     {"%4a%4A", "JJ"},
      {"%zz", "%zz"},  {"%%41", "%A"}, {"%4%41", "%4A"}, {"a%0", "a%0"},
      {"%ff", "\xff"}, {"a+b", "a+b"},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(
        ReadOne(absl::StrCat("event=TestPartResult&file=f&line=1&message=",
                             test.sent))
            .message,
        test.message);
  }
}

TEST(StreamReaderTest, ABadDurationIsNone) {
  for (const char* time : {"", "ms", "17", "-3ms", "x17ms", "1e3ms", "17 s",
                           "99999999999999999999ms"}) {
    EXPECT_EQ(
        ReadOne(absl::StrCat("event=TestEnd&passed=1&elapsed_time=", time))
            .elapsed,
        Duration::zero())
        << time;
  }
  EXPECT_EQ(ReadOne("event=TestEnd&passed=1&elapsed_time=9223372036854775807ms")
                .elapsed,
            std::chrono::hours(24 * 365));
}

TEST(StreamReaderTest, OnlyTheOneIsPassed) {
  EXPECT_TRUE(ReadOne("event=TestEnd&passed=1&elapsed_time=0ms").passed);
  for (const char* text : {"0", "", "2", "true", "11", " 1"}) {
    EXPECT_FALSE(ReadOne(absl::StrCat("event=TestEnd&passed=", text,
                                      "&elapsed_time=0ms"))
                     .passed)
        << text;
  }
  EXPECT_FALSE(ReadOne("event=TestEnd").passed);
}

TEST(StreamReaderTest, WhatIsNoEventIsSkipped) {
  for (const char* line :
       {"", "\r", "event", "event=", "event=Unknown&name=x", "Event=TestStart",
        " event=TestStart&name=x", "name=x&event=TestStart", "=", "&",
        "GET / HTTP/1.1", "[       OK ] A.B (0 ms)", "\x16\x03\x01"}) {
    EXPECT_THAT(Read(absl::StrCat(line, "\n")), IsEmpty()) << line;
  }
  EXPECT_THAT(Read(absl::StrCat("junk\n", "event=TestProgramStart\n")),
              SizeIs(1));
}

TEST(StreamReaderTest, ALongLineKeepsItsStart) {
  const std::string head = "event=TestPartResult&file=f&line=1&message=";
  const std::string line =
      absl::StrCat(head, std::string(3 * StreamReader::kMaxLine, 'x'), "\n",
                   "event=TestEnd&passed=1&elapsed_time=0ms\n");
  for (const std::size_t step : {std::size_t{1000}, std::size_t{1} << 20,
                                 StreamReader::kMaxLine + 1, line.size()}) {
    std::vector<absl::string_view> pieces;
    for (std::size_t at = 0; at < line.size(); at += step) {
      pieces.push_back(absl::string_view(line).substr(at, step));
    }
    const std::vector<StreamEvent> events = Read(pieces);
    ASSERT_THAT(events, SizeIs(2)) << step;
    EXPECT_EQ(events[0].message.size(), StreamReader::kMaxLine - head.size());
    EXPECT_EQ(events[1].kind, Kind::kTestEnd);
  }
}

TEST(StreamReaderTest, AnyBytesAreSurvived) {
  std::minstd_rand random(11);
  const std::string whole(kWhole);
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 20; ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    Read({absl::string_view(bytes).substr(0, random() % bytes.size()), bytes});
  }
}

}  // namespace
}  // namespace paceline
