#include "cli/attempt_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
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

std::string OutputText(const CapturedOutput& output, bool colour) {
  std::string text = Printable(output.head, colour);
  if (output.cut_bytes > 0) {
    absl::StrAppend(&text, "\n[", FormatBytes(output.cut_bytes),
                    " of output cut here]\n");
  }
  absl::StrAppend(&text, Printable(output.tail, colour));
  return text;
}

}  // namespace

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
  if (!result.message.empty() &&
      !absl::StartsWith(result.details, result.message)) {
    absl::StrAppend(&block,
                    Indent(Printable(result.message, options.colour), kIndent));
  }
  absl::StrAppend(&block,
                  Indent(Printable(result.details, options.colour), kIndent));
  if (!result.output.empty()) {
    absl::StrAppend(&block, kIndent, "output:\n",
                    Indent(OutputText(result.output, options.colour),
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
