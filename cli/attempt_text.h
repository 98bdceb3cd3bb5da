// An attempt of a test, as the views write it.

#ifndef PACELINE_CLI_ATTEMPT_TEXT_H_
#define PACELINE_CLI_ATTEMPT_TEXT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "cli/test_table.h"
#include "common/model/outcome.h"
#include "common/wire/messages.h"

namespace paceline {

// Where a view's text goes.
using TextSink = std::function<void(absl::string_view)>;

enum class Verbosity {
  kQuiet,    // failures and the summary
  kNormal,   // and progress
  kVerbose,  // and a line for every test
};

struct ViewOptions {
  Verbosity verbosity = Verbosity::kNormal;
  bool colour = false;
  bool fail_on_flaky = false;
  bool fail_on_leak = false;
};

// "PASSED", "TIMED OUT", …, in colour if that is wanted.
std::string VerdictWord(Verdict verdict, bool colour);

// Whether the verdict of `attempt` (which has one) makes the run red.
bool IsBad(const AttemptEvent& attempt, const ViewOptions& options);

// "FAILED foo_test: Foo.Bar (12.4 ms)" and a newline.
std::string AttemptLine(const TestRef& test, const AttemptEvent& attempt,
                        const ViewOptions& options);

// The line, then where, what and the output, indented.
std::string FailureBlock(const TestRef& test, const AttemptEvent& attempt,
                         const ViewOptions& options);

// What the views print as it comes, by verbosity: nothing, a line or a block.
std::string AttemptReport(const TestRef& test, const AttemptEvent& attempt,
                          const ViewOptions& options);

// What a test printed, each part made `fit` for where it is shown, and how much
// of it was cut.
std::string OutputText(
    const CapturedOutput& output,
    const std::function<std::string(absl::string_view)>& fit);

// "foo.cc:42"; the failure's own position if it has one, else the test's.
std::string Position(const TestRef& test, const TestResult& result);

}  // namespace paceline

#endif  // PACELINE_CLI_ATTEMPT_TEXT_H_
