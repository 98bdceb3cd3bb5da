// Names of cases as every part of the gtest runner writes them.

#include "worker/gtest/case_name.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/string_view.h"

namespace paceline {
namespace {

TEST(CaseNameTest, ValidTextStaysAsItIs) {
  for (const char* name :
       {"", "Suite.Case", "In/P.Val/2", "Ty/std::string.X", "caf\xc3\xa9",
        "\xe2\x82\xac", "\xf0\x9f\x99\x82", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xf4\x8f\xbf\xbf", "tab\tand\nline"}) {
    EXPECT_EQ(CleanName(name), name);
  }
}

TEST(CaseNameTest, EachByteThatIsNoTextBecomesOneQuestionMark) {
  struct {
    const char* raw;
    const char* clean;
  } constexpr kCases[] = {
      {"\xff\xfe", "??"},            // in no character
      {"a\x80z", "a?z"},             // a continuation alone
      {"\xc3", "?"},                 // cut
      {"\xe2\x82", "??"},            // cut
      {"\xf0\x9f\x99", "???"},       // cut
      {"\xe2\x82z", "??z"},          // cut by another character
      {"\xc0\xaf", "??"},            // overlong
      {"\xc1\xbf", "??"},            // overlong
      {"\xe0\x9f\xbf", "???"},       // overlong
      {"\xf0\x8f\xbf\xbf", "????"},  // overlong
      {"\xed\xa0\x80", "???"},       // a surrogate
      {"\xf4\x90\x80\x80", "????"},  // over U+10FFFF
      {"\xf5\x80\x80\x80", "????"},  // over U+10FFFF
      {"\xe2\x82\xac\xac", "\xe2\x82\xac?"},
      {"\xc3\xc3\xa9", "?\xc3\xa9"},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(CleanName(test.raw), test.clean);
  }
}

// A filter's '?' stands for one byte: lengths must not change.
TEST(CaseNameTest, CleaningKeepsTheLength) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string raw = {static_cast<char>(first),
                               static_cast<char>(second), 'x'};
      const std::string clean = CleanName(raw);
      ASSERT_EQ(clean.size(), raw.size()) << first << ' ' << second;
      ASSERT_EQ(CleanName(clean), clean) << first << ' ' << second;
    }
  }
}

TEST(CaseNameTest, AFullNameIsSuiteAndCase) {
  EXPECT_EQ(FullName("In/P", "Val/2"), "In/P.Val/2");
  EXPECT_EQ(FullName("", ""), ".");
  // Bytes that only meet in the full name are no character there either.
  EXPECT_EQ(FullName("A\xc3", "\xa9"), "A?.?");
}

TEST(CaseNameTest, DisabledBeginsTheNameOrFollowsASlash) {
  struct {
    const char* suite;
    const char* test;
    bool disabled;
  } constexpr kCases[] = {
      {"Suite", "Case", false},
      {"Suite", "DISABLED_Case", true},
      {"DISABLED_Suite", "Case", true},
      {"In/DISABLED_Suite", "Case/0", true},
      {"In/Suite", "DISABLED_Case/0", true},
      {"In/Suite", "Case/DISABLED_0", true},
      {"DISABLED_In/Suite", "Case/0", true},
      {"Suite", "NotDISABLED_Case", false},
      {"Suite", "DISABLEDCase", false},
      {"Suite", "disabled_Case", false},
      {"Suite", "DISABLED_", true},
      {"", "", false},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(IsDisabled(test.suite, test.test), test.disabled)
        << test.suite << '.' << test.test;
  }
}

}  // namespace
}  // namespace paceline
