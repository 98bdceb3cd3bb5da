#include "cli/attempt_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cli/text.h"
#include "common/model/recycle_reason.h"

namespace paceline {
namespace {

constexpr absl::string_view kIndent = "    ";

absl::string_view ColourOf(Verdict verdict) {
  if (verdict == Verdict::kFlaky || verdict == Verdict::kSkipped) {
    return "\x1b[33m";
  }
  return IsGood(verdict, /*fail_on_flaky=*/false) ? "\x1b[32m" : "\x1b[31m";
}

// One space before, between and after words: a message is on one line, and the
// details that it is of are not.
std::string Words(absl::string_view text) {
  std::string words = " ";
  for (const absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty())) {
    absl::StrAppend(&words, word, " ");
  }
  return words;
}

}  // namespace

std::string OutputText(
    const CapturedOutput& output,
    const std::function<std::string(absl::string_view)>& fit) {
  std::string text = fit(output.head);
  if (output.cut_bytes > 0) {
    absl::StrAppend(&text, "\n[", FormatBytes(output.cut_bytes),
                    " of output cut here]\n");
  }
  absl::StrAppend(&text, fit(output.tail));
  return text;
}

std::string VerdictWord(Verdict verdict, bool colour) {
  const std::string word = absl::StrReplaceAll(
      absl::AsciiStrToUpper(ToString(verdict)), {{"_", " "}});
  return colour ? absl::StrCat(ColourOf(verdict), word, "\x1b[0m") : word;
}

bool IsBad(const AttemptEvent& attempt, const ViewOptions& options) {
  return !IsGood(*attempt.verdict, options.fail_on_flaky) ||
         (options.fail_on_leak && attempt.result.leaked);
}

std::string Position(const TestRef& test, const TestResult& result) {
  if (!result.file.empty()) {
    return absl::StrCat(PrintableLine(result.file), ":", result.line);
  }
  if (!test.file.empty()) {
    return absl::StrCat(PrintableLine(test.file), ":", test.line);
  }
  return "";
}

std::string AttemptLine(const TestRef& test, const AttemptEvent& attempt,
                        const ViewOptions& options) {
  const Verdict verdict =
      attempt.verdict.value_or(ToVerdict(attempt.result.outcome));
  std::string line = absl::StrCat(VerdictWord(verdict, options.colour), " ",
                                  PrintableLine(DisplayName(test)), " (",
                                  FormatDuration(attempt.result.duration));
  if (attempt.attempt > 1 || !attempt.rerun.empty()) {
    absl::StrAppend(&line, ", attempt ", attempt.attempt);
  }
  if (!attempt.rerun.empty()) {
    absl::StrAppend(&line, ", ", PrintableLine(attempt.rerun));
  }
  absl::StrAppend(&line, ")");
  if (attempt.result.leaked) {
    absl::StrAppend(&line,
                    " [leaked: something it left behind held its output]");
  }
  return line + "\n";
}

std::string FailureBlock(const TestRef& test, const AttemptEvent& attempt,
                         const ViewOptions& options) {
  const TestResult& result = attempt.result;
  std::string block = AttemptLine(test, attempt, options);
  const std::string position = Position(test, result);
  if (!position.empty()) {
    absl::StrAppend(&block, kIndent, position, "\n");
  }
  // A framework's message is often the beginning of its details, and these are
  // what the test has printed.
  const std::string details = Words(result.details);
  if (!absl::StrContains(details, Words(result.message))) {
    absl::StrAppend(&block,
                    Indent(Printable(result.message, options.colour), kIndent));
  }
  absl::StrAppend(&block,
                  Indent(Printable(result.details, options.colour), kIndent));
  const bool has_more =
      result.output.cut_bytes > 0 ||
      !absl::StrContains(
          details, Words(absl::StrCat(result.output.head, result.output.tail)));
  if (has_more) {
    absl::StrAppend(&block, kIndent, "output:\n",
                    Indent(OutputText(result.output,
                                      [&](absl::string_view part) {
                                        return Printable(part, options.colour);
                                      }),
                           absl::StrCat(kIndent, "| ")));
    if (options.colour) {
      // A test may have left its own colour on.
      block += "\x1b[0m";
    }
  }
  return block;
}

std::string AttemptReport(const TestRef& test, const AttemptEvent& attempt,
                          const ViewOptions& options) {
  const bool verbose = options.verbosity == Verbosity::kVerbose;
  if (!attempt.verdict.has_value()) {
    // Another attempt follows, and the summary names what becomes of it.
    return options.verbosity == Verbosity::kQuiet
               ? ""
               : AttemptLine(test, attempt, options);
  }
  if (*attempt.verdict == Verdict::kNotRun) {
    // Often many at once, and none has more to say than its reason.
    return verbose ? FailureBlock(test, attempt, options) : "";
  }
  if (IsBad(attempt, options)) {
    return FailureBlock(test, attempt, options);
  }
  if (verbose ||
      (options.verbosity == Verbosity::kNormal &&
       (*attempt.verdict == Verdict::kFlaky || attempt.result.leaked))) {
    return AttemptLine(test, attempt, options);
  }
  return "";
}

}  // namespace paceline
