#include "cli/text.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(PrintableTest, DropsWhatWouldMoveTheCursor) {
  EXPECT_EQ(Printable("a\x1b[2Jb\x1b[31mc\x1b[0m\r\nd", false), "abc\nd");
  EXPECT_EQ(Printable("a\x1b[31mc\x1b[2J", true), "a\x1b[31mc");
  EXPECT_EQ(Printable("a\x1b]0;title\x07z\x1b]8;;x\x1b\\y", true), "azy");
  EXPECT_EQ(Printable("cut \x1b[", true), "cut ");
  EXPECT_EQ(Printable("a\x07\tb", false), "a\xef\xbf\xbd\tb");
}

// They left letters: ncurses ends with the first of these.
TEST(PrintableTest, DropsEscapeSequencesWhole) {
  EXPECT_EQ(Printable("a\x1b(Bb\x1b$)Cc\x1b#8d\x1b"
                      "7e",
                      true),
            "abcde");
  EXPECT_EQ(Printable("a\x1bP1;2|text\x1b\\b", true), "ab");
  EXPECT_EQ(Printable("a\x1b_apc\x07"
                      "b\x1b^pm\x1b\\c",
                      true),
            "abc");
  EXPECT_EQ(Printable("cut \x1b(", true), "cut ");
}

TEST(PrintableTest, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(Printable("\xff\xc3\xa4\xc0\x80", false),
            "\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(Printable("\xed\xa0\x80", false),
            "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(Printable("\xe2\x82", false), "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(XmlEscapeTest, LeavesOnlyWhatXmlAllows) {
  EXPECT_EQ(XmlEscape("<a b=\"c\">&'\n\t"),
            "&lt;a b=&quot;c&quot;&gt;&amp;'\n\t");
  EXPECT_EQ(XmlEscape(absl::string_view("\0\x1b\x08", 3)),
            "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(XmlEscape("\xef\xbf\xbe"), "\xef\xbf\xbd");
  EXPECT_EQ(XmlEscape("\r"), "&#13;");
}

TEST(FitTest, CutsByColumnsAndSaysSo) {
  EXPECT_EQ(Fit("abcdef", 6), "abcdef");
  EXPECT_EQ(Fit("abcdef", 4), "abc…");
  EXPECT_EQ(Fit("äöüß", 3), "äö…");
  EXPECT_EQ(Fit("日本語", 5), "日本…");
  EXPECT_EQ(Fit("日本語", 4), "日…");
  EXPECT_EQ(Fit("abc", 0), "");
}

TEST(ColumnsTest, ColourTakesNone) {
  EXPECT_EQ(Columns("\x1b[31mabc\x1b[0m"), 3u);
  EXPECT_EQ(Columns("日本"), 4u);
}

TEST(IndentTest, EveryLineOnce) {
  EXPECT_EQ(Indent("a\nb\n", "  "), "  a\n  b\n");
  EXPECT_EQ(Indent("a\n\nb", "> "), "> a\n> \n> b\n");
  EXPECT_EQ(Indent("", "  "), "");
}

TEST(ShellQuoteTest, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(ShellQuote("build/foo_test"), "build/foo_test");
  EXPECT_EQ(ShellQuote("a b"), "'a b'");
  EXPECT_EQ(ShellQuote("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellQuote("$x"), "'$x'");
  EXPECT_EQ(ShellQuote(""), "''");
}

}  // namespace
}  // namespace paceline
