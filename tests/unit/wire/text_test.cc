#include "common/wire/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace paceline {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(CutTextTest, LeavesWhatFits) {
  EXPECT_EQ(CutText("", 64), "");
  EXPECT_EQ(CutText(std::string(64, 'x'), 64), std::string(64, 'x'));
}

TEST(CutTextTest, KeepsBothEndsAndSaysHowMuchIsMissing) {
  const std::string text = "first" + std::string(10'000, '.') + "last";
  const std::string cut = CutText(text, 100);
  EXPECT_LE(cut.size(), 100U);
  EXPECT_THAT(cut, StartsWith("first"));
  EXPECT_THAT(cut, EndsWith("last"));
  EXPECT_THAT(cut, HasSubstr("\n[9929 bytes cut]\n"));
}

TEST(CutTextTest, CutsOnceAndNotAgain) {
  const std::string cut = CutText(std::string(1'000, 'x'), 64);
  EXPECT_EQ(CutText(cut, 64), cut);
}

TEST(CutTextTest, DoesNotSplitCharacters) {
  std::string text;
  for (int i = 0; i < 1'000; ++i) {
    text += "\xe2\x82\xac";  // the euro sign
  }
  for (std::size_t limit = 64; limit < 80; ++limit) {
    std::string cut = CutText(text, limit);
    EXPECT_LE(cut.size(), limit);
    for (char& c : cut) {
      c = c == '\n' ? ' ' : c;
    }
    EXPECT_TRUE(IsPrintable(cut)) << cut;
  }
}

TEST(CutTextTest, CutsBytesThatAreNoText) {
  EXPECT_LE(CutText(std::string(1'000, '\x80'), 64).size(), 64U);
}

TEST(IsPrintableTest, TakesTextOfAnyScript) {
  EXPECT_TRUE(IsPrintable(""));
  EXPECT_TRUE(IsPrintable("agent-1 ~"));
  EXPECT_TRUE(IsPrintable("\xc2\xa0gr\xc3\xb6\xc3\x9f\x65 \xe2\x82\xac"));
  EXPECT_TRUE(IsPrintable("\xf0\x9f\x9a\xb4"));
  EXPECT_TRUE(IsPrintable("\xf4\x8f\xbf\xbf"));  // U+10FFFF
}

TEST(IsPrintableTest, RefusesControlCharacters) {
  for (const char* text :
       {"\n", "\t", "\x1b[2J", "\x7f", "\xc2\x80", "\xc2\x9f", "a\r"}) {
    EXPECT_FALSE(IsPrintable(text)) << testing::PrintToString(text);
  }
  EXPECT_FALSE(IsPrintable(absl::string_view("\0", 1)));
}

TEST(IsPrintableTest, RefusesWhatIsNotUtf8) {
  for (const char* text : {
           "\x80",              // a continuation alone
           "\xc3",              // cut short
           "\xe2\x82",          // cut short
           "\xc3x",             // no continuation
           "\xc0\xaf",          // over-long
           "\xe0\x80\xaf",      // over-long
           "\xf0\x80\x80\xaf",  // over-long
           "\xed\xa0\x80",      // a surrogate
           "\xf4\x90\x80\x80",  // past U+10FFFF
           "\xff",
       }) {
    EXPECT_FALSE(IsPrintable(text)) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace paceline
