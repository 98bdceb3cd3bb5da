// Failures and skips as text for people.

#include "worker/gtest/part_result.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "worker/gtest/case_name.h"

namespace paceline {
namespace {

PartResult Failure(std::string message, std::string file = "f.cc",
                   std::uint32_t line = 3) {
  return {std::move(file), line, std::move(message)};
}

TestResult Describe(const std::vector<PartResult>& parts) {
  TestResult result;
  DescribeFailure(parts, result);
  return result;
}

TEST(PartResultTest, ThePlaceIsTakenFromTheXmlText) {
  struct {
    const char* text;
    const char* file;
    std::uint32_t line;
    const char* message;
  } constexpr kCases[] = {
      {"dir/f.cc:12\nFailed\nmore", "dir/f.cc", 12, "Failed\nmore"},
      {"C:\\f.cc:12\nFailed", "C:\\f.cc", 12, "Failed"},
      {"f.cc:12\n", "f.cc", 12, ""},
      {"unknown file\nC++ exception", "", 0, "C++ exception"},
      {"no place", "", 0, "no place"},
      {"not a number:x\ntext", "", 0, "not a number:x\ntext"},
      {"f.cc:-1\ntext", "", 0, "f.cc:-1\ntext"},
      {"f.cc:99999999999\ntext", "", 0, "f.cc:99999999999\ntext"},
      {"f.cc:12", "", 0, "f.cc:12"},
      {"", "", 0, ""},
  };
  for (const auto& test : kCases) {
    const PartResult part = FromXml({test.text, false});
    EXPECT_EQ(part.file, test.file) << test.text;
    EXPECT_EQ(part.line, test.line) << test.text;
    EXPECT_EQ(part.message, test.message) << test.text;
  }
}

TEST(OneLineTest, WhiteSpaceBecomesOneSpace) {
  EXPECT_EQ(OneLine("  a\n\t b\r\n\r\nc \n"), "a b c");
  EXPECT_EQ(OneLine(" \n "), "");
  EXPECT_EQ(OneLine(""), "");
}

TEST(OneLineTest, ControlCharactersAndBytesThatAreNoTextGo) {
  EXPECT_EQ(OneLine(absl::string_view("a\x1b[31mb\0c\x7f"
                                      "d\xff",
                                      12)),
            "a [31mb c d?");
}

TEST(OneLineTest, TextThatFitsIsWhole) {
  EXPECT_EQ(OneLine(std::string(240, 'x')), std::string(240, 'x'));
  EXPECT_EQ(OneLine(std::string(241, 'x')), std::string(240, 'x') + "...");
}

// A text without a single ASCII character was cut to nothing.
TEST(OneLineTest, ALongTextInAnyLanguageKeepsItsStart) {
  for (const char* character :
       {"\xc3\xa9", "\xe6\xbc\xa2", "\xf0\x9f\x99\x82"}) {
    for (const char* before : {"", "x", "xx", "xxx"}) {
      std::string text = before;
      while (text.size() < 400) {
        text += character;
      }
      const std::string line = OneLine(text);
      ASSERT_TRUE(absl::EndsWith(line, "..."));
      const std::string kept = line.substr(0, line.size() - 3);
      EXPECT_TRUE(absl::StartsWith(text, kept));
      EXPECT_GT(kept.size(), 236U);
      EXPECT_LE(kept.size(), 240U);
      // Not cut inside a character.
      EXPECT_EQ(CleanName(kept), kept);
    }
  }
}

TEST(OneLineTest, BytesThatAreNoTextAreBoundedToo) {
  EXPECT_EQ(OneLine(std::string(1000, '\x80')).size(), 237U + 3U);
}

TEST(DescribeFailureTest, TheFirstFailureGivesMessageAndPlace) {
  const TestResult result = Describe(
      {Failure("Expected: 1\nActual: 2"), Failure("second", "g.cc", 9)});
  EXPECT_EQ(result.message, "Expected: 1 Actual: 2");
  EXPECT_EQ(result.file, "f.cc");
  EXPECT_EQ(result.line, 3U);
  EXPECT_EQ(result.details,
            "f.cc:3: Failure\nExpected: 1\nActual: 2\n\n"
            "g.cc:9: Failure\nsecond");
}

// The stream does not tell a SUCCEED() from a failure.
TEST(DescribeFailureTest, SuccessesAreNoFailures) {
  const TestResult result =
      Describe({Failure("Succeeded"), Failure("Succeeded\nsaid so"),
                Failure("Succeeded not", "g.cc", 4)});
  EXPECT_EQ(result.message, "Succeeded not");
  EXPECT_EQ(result.details, "g.cc:4: Failure\nSucceeded not");
  EXPECT_EQ(Describe({Failure("Succeeded")}).details, "");
  EXPECT_EQ(Describe({}).message, "");
}

TEST(DescribeFailureTest, AMessageThatIsThereStays) {
  TestResult result;
  result.message = "SIGSEGV";
  DescribeFailure({Failure("an assertion")}, result);
  EXPECT_EQ(result.message, "SIGSEGV");
  EXPECT_EQ(result.details, "f.cc:3: Failure\nan assertion");
}

TEST(DescribeFailureTest, AnUnknownPlaceIsLeftOut) {
  EXPECT_EQ(Describe({Failure("C++ exception", "", 0)}).details,
            "C++ exception");
}

TEST(DescribeFailureTest, DetailsAreBounded) {
  const std::string euro = "\xe2\x82\xac";
  std::string message = "x";
  while (message.size() < 300'000) {
    message += euro;
  }
  const TestResult result = Describe({Failure(message), Failure(message)});
  EXPECT_LT(result.details.size(), 263'000U);
  EXPECT_TRUE(absl::EndsWith(result.details, "\n(cut here)"));
  EXPECT_EQ(CleanName(result.details), result.details);
}

TEST(DescribeSkipTest, TheLastReasonHolds) {
  TestResult result;
  DescribeSkip({Failure("Succeeded"), Failure("not on\nthis host", "g.cc", 9)},
               result);
  EXPECT_EQ(result.message, "not on this host");
  EXPECT_EQ(result.file, "g.cc");
  EXPECT_EQ(result.line, 9U);
  EXPECT_EQ(result.details, "");
}

TEST(DescribeSkipTest, ASkipWithoutAReasonSaysWhoseItIs) {
  TestResult result;
  DescribeSkip({}, result);
  EXPECT_EQ(result.message, "skipped by GoogleTest");
  TestResult silent;
  DescribeSkip({Failure("\n")}, silent);
  EXPECT_EQ(silent.message, "skipped by GoogleTest");
}

}  // namespace
}  // namespace paceline
