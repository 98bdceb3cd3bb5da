#include "worker/ctest/ctest_judge.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

constexpr absl::string_view kFilterFlag = "--gtest_filter=";
constexpr absl::string_view kFilterVariable = "GTEST_FILTER=";
// GoogleTest's words for a filter that selects nothing, at the start or, with
// --gtest_brief, at the end alone; in colour or not.
constexpr char kRanNothing[] =
    "(^|\n)(\033\\[[0-9;]*m)*\\[==========\\] (\033\\[[0-9;]*m)*"
    "(Running 0 tests from 0 test|0 tests from 0 test (suite|case)s ran)";
// And for one that selects something.
constexpr char kRanSomething[] =
    "(^|\n)(\033\\[[0-9;]*m)*\\[==========\\] (\033\\[[0-9;]*m)*"
    "(Running )?[1-9][0-9]* tests? from ";

// The filter that a GoogleTest program behind `test` is given, as its command
// line or its environment has it; empty where there is none.
std::string GtestFilter(const CtestTest& test,
                        const std::vector<std::string>& env) {
  for (const std::string& argument : test.command) {
    if (absl::StartsWith(argument, kFilterFlag)) {
      return argument;
    }
  }
  for (const std::string& entry : env) {
    if (absl::StartsWith(entry, kFilterVariable) &&
        entry.size() > kFilterVariable.size()) {
      return entry;
    }
  }
  return "";
}

std::vector<std::string> IfFiltered(const std::string& filter,
                                    std::string expression) {
  std::vector<std::string> expressions;
  if (!filter.empty()) {
    expressions.push_back(std::move(expression));
  }
  return expressions;
}

std::vector<std::string> TimeoutExpressions(const CtestTest& test) {
  return test.timeout_after_match.has_value()
             ? test.timeout_after_match->expressions
             : std::vector<std::string>();
}

}  // namespace

CtestJudge::Matcher::Matcher(absl::string_view property,
                             const std::vector<std::string>& expressions,
                             std::string& notes) {
  entries_.reserve(expressions.size());
  for (const std::string& expression : expressions) {
    const absl::StatusOr<CMakeRegex> regex = CMakeRegex::Compile(expression);
    if (regex.ok()) {
      entries_.push_back({expression, CMakeRegexStream(*regex)});
    } else {
      absl::StrAppend(
          &notes, property, " [", expression, "] is no expression of CMake's (",
          regex.status().message(), "), and matches nothing, as in CTest.\n");
    }
  }
}

void CtestJudge::Matcher::Feed(absl::string_view text) {
  for (Entry& entry : entries_) {
    entry.stream.Feed(text);
  }
}

const std::string* CtestJudge::Matcher::FirstMatch() {
  for (Entry& entry : entries_) {
    if (entry.stream.MatchesAtEnd()) {
      return &entry.expression;
    }
  }
  return nullptr;
}

CtestJudge::CtestJudge(const CtestTest& test,
                       const std::vector<std::string>& env)
    : test_(test),
      filter_(GtestFilter(test, env)),
      pass_("PASS_REGULAR_EXPRESSION", test.pass_expressions, notes_),
      fail_("FAIL_REGULAR_EXPRESSION", test.fail_expressions, notes_),
      skip_("SKIP_REGULAR_EXPRESSION", test.skip_expressions, notes_),
      timeout_("TIMEOUT_AFTER_MATCH", TimeoutExpressions(test), notes_),
      ran_nothing_("", IfFiltered(filter_, kRanNothing), notes_),
      ran_something_("", IfFiltered(filter_, kRanSomething), notes_),
      reads_output_(!pass_.empty() || !fail_.empty() || !skip_.empty() ||
                    !timeout_.empty() || !ran_nothing_.empty()) {}

// CTest matches lines that it put together again: each ends in a newline, the
// last one too; a NUL ends a line, and carriage returns before an end are
// gone, but for those at the end of the output.
void CtestJudge::OnOutput(absl::string_view bytes) {
  if (!reads_output_) {
    return;
  }
  std::string text;
  text.reserve(bytes.size() + held_returns_);
  for (const char c : bytes) {
    if (c == '\r') {
      ++held_returns_;
      in_line_ = true;
    } else if (c == '\n' || c == '\0') {
      held_returns_ = 0;
      text += '\n';
      in_line_ = false;
    } else {
      text.append(std::exchange(held_returns_, 0), '\r');
      text += c;
      in_line_ = true;
    }
  }
  Feed(text);
}

void CtestJudge::Feed(absl::string_view text) {
  pass_.Feed(text);
  fail_.Feed(text);
  skip_.Feed(text);
  ran_nothing_.Feed(text);
  ran_something_.Feed(text);
  if (timeout_.empty() || timeout_matched_) {
    return;
  }
  // CTest looks at the end of each line, as though the output ended there.
  for (std::size_t end = text.find('\n'); end != text.npos && !timeout_matched_;
       end = text.find('\n')) {
    timeout_.Feed(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
    timeout_matched_ = timeout_.FirstMatch() != nullptr;
  }
  timeout_.Feed(text);
}

bool CtestJudge::TakeTimeoutMatch() {
  return timeout_matched_ && !std::exchange(timeout_taken_, true);
}

void CtestJudge::Settle(WaitStatus status, TestResult& result) {
  if (reads_output_ && in_line_) {
    Feed(std::string(std::exchange(held_returns_, 0), '\r') + "\n");
    in_line_ = false;
  }
  result.details = notes_;
  if (status.signaled()) {
    result.outcome = Outcome::kCrashed;
    result.message = Describe(status);
    return;
  }
  if (const std::string* expression = skip_.FirstMatch();
      expression != nullptr) {
    result.outcome = Outcome::kSkipped;
    result.message =
        absl::StrCat("SKIP_REGULAR_EXPRESSION matched [", *expression, "]");
    return;
  }
  if (test_.skip_return_code == status.exit_code()) {
    result.outcome = Outcome::kSkipped;
    result.message = absl::StrCat("SKIP_RETURN_CODE=", status.exit_code());
    return;
  }
  std::string why;
  const bool success = Succeeded(status, why);
  if (success == test_.will_fail) {
    result.outcome = Outcome::kFailed;
    result.message =
        success ? "succeeded, but WILL_FAIL says that it must not" : why;
    return;
  }
  if (success && RanNothing()) {
    // Green in CTest, though nothing was tested.
    result.outcome = Outcome::kNotRun;
    result.message = absl::StrCat(
        "the program has no test for ", filter_,
        "; it has changed since its tests were listed: build again");
    return;
  }
  result.outcome = Outcome::kPassed;
}

bool CtestJudge::Succeeded(WaitStatus status, std::string& why) {
  if (const std::string* expression = fail_.FirstMatch();
      expression != nullptr) {
    why = absl::StrCat("FAIL_REGULAR_EXPRESSION matched [", *expression, "]");
    return false;
  }
  if (!test_.pass_expressions.empty()) {
    if (pass_.FirstMatch() == nullptr) {
      why = absl::StrCat("PASS_REGULAR_EXPRESSION did not match [",
                         test_.pass_expressions.front(), "]");
      if (test_.pass_expressions.size() > 1) {
        absl::StrAppend(&why, " nor ", test_.pass_expressions.size() - 1,
                        " more");
      }
      return false;
    }
    return true;
  }
  why = Describe(status);
  return status.exit_code() == 0;
}

bool CtestJudge::RanNothing() {
  return ran_nothing_.FirstMatch() != nullptr &&
         ran_something_.FirstMatch() == nullptr;
}

}  // namespace paceline
