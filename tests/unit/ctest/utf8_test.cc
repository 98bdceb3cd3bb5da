#include "worker/ctest/utf8.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(Utf8Test, TextIsToldFromBytes) {
  for (const char* text :
       {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
        "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
    EXPECT_EQ(ReplaceInvalidUtf8(text), text);
  }
  // Alone, cut short, too long for what they say, surrogates, beyond the end.
  for (const char* bytes : {"\x80", "\xc3", "\xc3(", "\xe9 a", "\xe2\x82",
                            "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf",
                            "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    EXPECT_FALSE(IsUtf8(bytes)) << bytes;
    EXPECT_TRUE(IsUtf8(ReplaceInvalidUtf8(bytes)));
  }
}

TEST(Utf8Test, OnlyTheBytesThatAreNoTextAreReplaced) {
  EXPECT_EQ(ReplaceInvalidUtf8("caf\xe9 \xc3\xa9 \xff!"),
            "caf\xef\xbf\xbd \xc3\xa9 \xef\xbf\xbd!");
}

}  // namespace
}  // namespace paceline
