// Which case printed what, told from a pipe in which everything is mixed.

#include "worker/gtest/output_slicer.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace paceline {
namespace {

using PartWord = OutputSlicer::PartWord;

constexpr std::uint64_t kLimit = 1024 * 1024;

std::string RunLine(absl::string_view name) {
  return absl::StrCat("[ RUN      ] ", name, "\n");
}
std::string OkLine(absl::string_view name) {
  return absl::StrCat("[       OK ] ", name, " (0 ms)\n");
}
std::string SkippedLine(absl::string_view name) {
  return absl::StrCat("[  SKIPPED ] ", name, " (0 ms)\n");
}
std::string FailedLine(absl::string_view name) {
  return absl::StrCat("[  FAILED  ] ", name, " (0 ms)\n");
}

TEST(OutputSlicerTest, EachCaseGetsWhatItPrinted) {
  OutputSlicer slicer(kLimit);
  slicer.Append(
      absl::StrCat("Running main() from gtest_main.cc\n",
                   "[==========] Running 2 tests from 1 test suite.\n",
                   "[----------] Global test environment set-up.\n",
                   "[----------] 2 tests from A\n", RunLine("A.One"), "one\n",
                   OkLine("A.One"), RunLine("A.Two"), "two\n",
                   "f.cc:3: Failure\nFailed\n", FailedLine("A.Two")));
  EXPECT_EQ(slicer.BeginCase("A.One"), std::nullopt);
  const std::optional<CaseOutput> one = slicer.BeginCase("A.Two");
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->output.head, "one\n");
  EXPECT_EQ(one->end_line, EndLine::kPassed);
  EXPECT_TRUE(slicer.HasEndLine());
  const CaseOutput two = slicer.EndCase();
  EXPECT_EQ(two.output.head, "two\nf.cc:3: Failure\nFailed\n");
  EXPECT_EQ(two.end_line, EndLine::kFailed);
  EXPECT_FALSE(slicer.in_case());
  EXPECT_EQ(slicer.TakeOutside(), "Running main() from gtest_main.cc\n");
}

TEST(OutputSlicerTest, TheEndLineSaysWhatBecameOfTheCase) {
  struct {
    const char* line;
    EndLine word;
  } constexpr kCases[] = {
      {"[       OK ] A.B (12 ms)\n", EndLine::kPassed},
      {"[  SKIPPED ] A.B (0 ms)\n", EndLine::kSkipped},
      {"[  FAILED  ] A.B (0 ms)\n", EndLine::kFailed},
      {"[       OK ] A.B\n", EndLine::kPassed},  // --gtest_print_time=0
      {"[  FAILED  ] A.B, where GetParam() = 4 (0 ms)\n", EndLine::kFailed},
      {"[  FAILED  ] A.B (0 ms)", EndLine::kNone},  // not whole
      {"[  FAILED  ] A.Bc (0 ms)\n", EndLine::kNone},
      {"[  PASSED  ] A.B (0 ms)\n", EndLine::kNone},
      {"A.B (0 ms)\n", EndLine::kNone},
      {"", EndLine::kNone},
  };
  for (const auto& test : kCases) {
    OutputSlicer slicer(kLimit);
    slicer.Append(absl::StrCat(RunLine("A.B"), "text\n", test.line));
    slicer.BeginCase("A.B");
    EXPECT_EQ(slicer.HasEndLine(), test.word != EndLine::kNone) << test.line;
    EXPECT_EQ(slicer.EndCase().end_line, test.word) << test.line;
  }
}

TEST(OutputSlicerTest, ItDoesNotMatterWhereTheBytesAreSplit) {
  const std::string all =
      absl::StrCat("before\n", RunLine("A.One"), "one", OkLine("A.One"),
                   "between\n", RunLine("A.Two"), FailedLine("A.Two"));
  for (std::size_t at = 0; at <= all.size(); ++at) {
    OutputSlicer slicer(kLimit);
    slicer.Append(absl::string_view(all).substr(0, at));
    slicer.Append(absl::string_view(all).substr(at));
    slicer.BeginCase("A.One");
    EXPECT_EQ(slicer.BeginCase("A.Two")->output.head, "one");
    EXPECT_EQ(slicer.EndCase().end_line, EndLine::kFailed);
    EXPECT_EQ(slicer.TakeOutside(), "before\nbetween\n");
  }
}

TEST(OutputSlicerTest, AMissingNewlineDoesNotHideTheEnd) {
  OutputSlicer slicer(kLimit);
  slicer.Append(absl::StrCat(RunLine("A.B"), "no newline", OkLine("A.B")));
  slicer.BeginCase("A.B");
  const CaseOutput output = slicer.EndCase();
  EXPECT_EQ(output.output.head, "no newline");
  EXPECT_EQ(output.end_line, EndLine::kPassed);
}

// A test may print its own end line: what comes last is GoogleTest's.
TEST(OutputSlicerTest, TheLastEndLineHolds) {
  OutputSlicer slicer(kLimit);
  slicer.Append(absl::StrCat(RunLine("A.B"), SkippedLine("A.B"), OkLine("A.B"),
                             "more\n", FailedLine("A.B")));
  slicer.BeginCase("A.B");
  const CaseOutput output = slicer.EndCase();
  EXPECT_EQ(output.end_line, EndLine::kFailed);
  EXPECT_EQ(output.output.head,
            absl::StrCat(SkippedLine("A.B"), OkLine("A.B"), "more\n"));
}

TEST(OutputSlicerTest, ARunLineBeforeTheEndLineIsTheTestsOwn) {
  OutputSlicer slicer(kLimit);
  slicer.Append(absl::StrCat(RunLine("A.One"), RunLine("A.Two"), "still one\n",
                             OkLine("A.One"), RunLine("A.Two"), "two\n"));
  slicer.BeginCase("A.One");
  const std::optional<CaseOutput> one = slicer.BeginCase("A.Two");
  EXPECT_EQ(one->output.head, absl::StrCat(RunLine("A.Two"), "still one\n"));
  EXPECT_EQ(one->end_line, EndLine::kPassed);
  EXPECT_EQ(slicer.EndCase().output.head, "two\n");
}

// A test that prints its end and the next one's beginning: which of the two is
// true cannot be told, so a skip is not believed.
TEST(OutputSlicerTest, WhereLinesContradictEachOtherNoneIsBelieved) {
  OutputSlicer slicer(kLimit);
  slicer.Append(absl::StrCat(RunLine("A.One"), SkippedLine("A.One"),
                             RunLine("A.Two"), "f.cc:1: Failure\n",
                             FailedLine("A.One"), RunLine("A.Two")));
  slicer.BeginCase("A.One");
  EXPECT_EQ(slicer.BeginCase("A.Two")->end_line, EndLine::kNone);
}

TEST(OutputSlicerTest, LinesThatAgreeAreBelievedThoughOneIsFalse) {
  OutputSlicer slicer(kLimit);
  slicer.Append(absl::StrCat(RunLine("A.One"), FailedLine("A.One"),
                             RunLine("A.Two"), FailedLine("A.One"),
                             RunLine("A.Two")));
  slicer.BeginCase("A.One");
  EXPECT_EQ(slicer.BeginCase("A.Two")->end_line, EndLine::kFailed);
}

// GoogleTest names the cases that did not pass once more at the end. When all
// came at once, the case's output ended only there.
TEST(OutputSlicerTest, TheListAtTheEndIsNoEndOfACase) {
  for (const bool skipped : {false, true}) {
    const std::string marker = skipped ? "[  SKIPPED ] " : "[  FAILED  ] ";
    OutputSlicer slicer(kLimit);
    slicer.Append(absl::StrCat(
        RunLine("A.B"), "printed\n", marker, "A.B (0 ms)\n",
        "[----------] 1 test from A (0 ms total)\n\n",
        "[----------] Global test environment tear-down\n",
        "[==========] 1 test from 1 test suite ran. (0 ms total)\n",
        "[  PASSED  ] 0 tests.\n", marker, "2 tests, listed below:\n", marker,
        "A.Before\n", marker, "A.B\n\n 2 FAILED TESTS\n"));
    slicer.BeginCase("A.B");
    const CaseOutput output = slicer.EndCase();
    EXPECT_EQ(output.output.head, "printed\n");
    EXPECT_EQ(output.end_line, skipped ? EndLine::kSkipped : EndLine::kFailed);
    EXPECT_EQ(slicer.TakeOutside(), "");
  }
}

// --gtest_repeat, all of it read at once.
TEST(OutputSlicerTest, ARepeatedCaseEndsBeforeItBeginsAgain) {
  OutputSlicer slicer(kLimit);
  slicer.Append(absl::StrCat(RunLine("A.B"), "one\n", FailedLine("A.B"),
                             "\nRepeating all tests (iteration 2) . . .\n\n",
                             RunLine("A.B"), "two\n", SkippedLine("A.B")));
  slicer.BeginCase("A.B");
  const CaseOutput first = slicer.EndCase();
  EXPECT_EQ(first.output.head, "one\n");
  EXPECT_EQ(first.end_line, EndLine::kFailed);
  slicer.BeginCase("A.B");
  const CaseOutput second = slicer.EndCase();
  EXPECT_EQ(second.output.head, "two\n");
  EXPECT_EQ(second.end_line, EndLine::kSkipped);
}

// A test that runs its own program again, with itself in it.
TEST(OutputSlicerTest, ACaseMayPrintThatItBegins) {
  OutputSlicer slicer(kLimit);
  slicer.Append(absl::StrCat(RunLine("A.B"), "outer\n", RunLine("A.B"),
                             "inner\n", OkLine("A.B"), FailedLine("A.B")));
  slicer.BeginCase("A.B");
  const CaseOutput output = slicer.EndCase();
  EXPECT_EQ(output.output.head,
            absl::StrCat("outer\n", RunLine("A.B"), "inner\n", OkLine("A.B")));
  EXPECT_EQ(output.end_line, EndLine::kFailed);
}

TEST(OutputSlicerTest, ALoneListStillSaysHowTheCaseEnded) {
  OutputSlicer slicer(kLimit);
  slicer.Append(absl::StrCat(RunLine("A.B"),
                             "[  SKIPPED ] 1 test, listed below:\n",
                             "[  SKIPPED ] A.B\n"));
  slicer.BeginCase("A.B");
  EXPECT_EQ(slicer.EndCase().end_line, EndLine::kSkipped);
}

TEST(OutputSlicerTest, WithoutAnyLinesOutputStaysWithTheCaseBefore) {
  OutputSlicer slicer(kLimit);
  slicer.Append("one prints\n");
  slicer.BeginCase("A.One");
  slicer.Append("more of one\n");
  const std::optional<CaseOutput> one = slicer.BeginCase("A.Two");
  EXPECT_EQ(one->output.head, "more of one\n");
  EXPECT_EQ(one->end_line, EndLine::kNone);
  EXPECT_EQ(slicer.TakeOutside(), "one prints\n");
}

TEST(OutputSlicerTest, GoogleTestsOwnLinesAreNotOutside) {
  OutputSlicer slicer(kLimit);
  slicer.Append(
      "Note: Google Test filter = A.B\n"
      "Note: Randomizing tests' orders with a seed of 3 .\n"
      "[==========] Running 2 tests from 1 test suite.\n"
      "[----------] 1 test from A\n"
      "\n"
      "the suite's set-up prints\n"
      "[  PASSED  ] 1 test.\n"
      "[  FAILED  ] 1 test, listed below:\n"
      "[  FAILED  ] A.B\n"
      "\n"
      " 1 FAILED TEST\n"
      " 2 FAILED TEST SUITES\n"
      "  YOU HAVE 3 DISABLED TESTS\n"
      " FAILED TEST\n"
      "1 FAILED TEST\n");
  EXPECT_EQ(slicer.Outside(),
            "the suite's set-up prints\n FAILED TEST\n1 FAILED TEST\n");
}

TEST(OutputSlicerTest, OutsideIsKeptUntilItIsTaken) {
  OutputSlicer slicer(kLimit);
  slicer.Append("one\n");
  EXPECT_EQ(slicer.Outside(), "one\n");
  slicer.Append("two\n");
  EXPECT_EQ(slicer.Outside(), "one\ntwo\n");
  EXPECT_EQ(slicer.TakeOutside(), "one\ntwo\n");
  EXPECT_EQ(slicer.TakeOutside(), "");
}

TEST(OutputSlicerTest, OutsideIsBounded) {
  OutputSlicer slicer(kLimit);
  const std::string line(1000, 'x');
  for (int i = 0; i < 10'000; ++i) {
    slicer.Append(line);
    slicer.Append("\n");
  }
  EXPECT_LE(slicer.TakeOutside().size(), 64U * 1024);
}

TEST(OutputSlicerTest, AFloodKeepsItsStartAndItsEnd) {
  OutputSlicer slicer(1000);
  slicer.Append(RunLine("A.B"));
  slicer.BeginCase("A.B");
  slicer.Append("begin");
  const std::string block(100'000, 'x');
  for (int i = 0; i < 100; ++i) {
    slicer.Append(block);
  }
  slicer.Append(absl::StrCat("end\n", OkLine("A.B")));
  const CaseOutput output = slicer.EndCase();
  EXPECT_EQ(output.end_line, EndLine::kPassed);
  EXPECT_EQ(output.output.head.substr(0, 5), "begin");
  EXPECT_EQ(output.output.tail.substr(output.output.tail.size() - 4), "end\n");
  EXPECT_EQ(output.output.head.size() + output.output.tail.size() +
                output.output.cut_bytes,
            5 + 100 * block.size() + 4);
}

// As much as may be in flight when the event of the next case comes.
TEST(OutputSlicerTest, TheNextCaseMayHavePrintedALotAlready) {
  OutputSlicer slicer(kLimit);
  slicer.Append(RunLine("A.One"));
  slicer.BeginCase("A.One");
  slicer.Append(absl::StrCat("one\n", OkLine("A.One"), RunLine("A.Two")));
  const std::string flood(2 * OutputSlicer::kMaxInFlight, 'y');
  slicer.Append(flood);
  EXPECT_EQ(slicer.BeginCase("A.Two")->output.head, "one\n");
  EXPECT_EQ(slicer.EndCase().output.head, flood);
}

TEST(OutputSlicerTest, BinaryOutputStaysAsItIs) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes.push_back(static_cast<char>(i));
  }
  OutputSlicer slicer(kLimit);
  slicer.Append(absl::StrCat(RunLine("A.B"), bytes, OkLine("A.B")));
  slicer.BeginCase("A.B");
  EXPECT_EQ(slicer.EndCase().output.head, bytes);
}

TEST(OutputSlicerTest, AFailureOutsideIsToldFromASkip) {
  OutputSlicer slicer(kLimit);
  slicer.Append(
      "f.cc:1: Failure\nFailed\n"
      "f.cc:2: Skipped\n\n"
      "f.cc:3: Skipped\n\nf.cc:3: Failure\nFailed\n"
      "f.cc:44: Failure\nFailed\n");
  EXPECT_EQ(slicer.FindPart("f.cc", 1), PartWord::kFailure);
  EXPECT_EQ(slicer.FindPart("f.cc", 2), PartWord::kSkipped);
  EXPECT_EQ(slicer.FindPart("f.cc", 3), PartWord::kFailure);
  EXPECT_EQ(slicer.FindPart("f.cc", 4), PartWord::kNone);
  EXPECT_EQ(slicer.FindPart("g.cc", 1), PartWord::kNone);
  slicer.Outside();
  EXPECT_EQ(slicer.FindPart("f.cc", 2), PartWord::kSkipped);
}

// Lines that look like GoogleTest's, as many as fit: looking through them
// takes no time that grows with their square.
TEST(OutputSlicerTest, ManyLinesThatLookLikeGoogleTestsAreSearchedQuickly) {
  for (const std::string& line :
       {RunLine("A.Two"), FailedLine("A.One"),
        std::string("[  FAILED  ] A.One\n"), std::string("[  FAILED  ] A.One"),
        std::string("A.One ")}) {
    OutputSlicer slicer(kLimit);
    slicer.Append(RunLine("A.One"));
    slicer.BeginCase("A.One");
    std::string many = "[  FAILED  ] 1 test, listed below:\n";
    while (many.size() + line.size() < 3 * OutputSlicer::kMaxInFlight) {
      many += line;
    }
    slicer.Append(absl::StrCat(many, "\n"));
    slicer.HasEndLine();
    EXPECT_TRUE(slicer.BeginCase("A.Two").has_value());
    slicer.EndCase();
  }
}

}  // namespace
}  // namespace paceline
