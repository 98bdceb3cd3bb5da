// What CTest would say of a test that ran: from its output and its end.
//
// Who beats whom is CTest's own order: a signal beats all; then what skips,
// SKIP_RETURN_CODE or an expression, beats WILL_FAIL and every other rule;
// then expressions beat the exit status. The output is matched whole, while it
// comes, so that nothing of it need be kept.
//
// Pure: no process, no clock.

#ifndef PACELINE_WORKER_CTEST_CTEST_JUDGE_H_
#define PACELINE_WORKER_CTEST_CTEST_JUDGE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/model/result.h"
#include "common/os/subprocess.h"
#include "worker/ctest/cmake_regex.h"
#include "worker/ctest/ctest_test.h"

namespace paceline {

class CtestJudge {
 public:
  // `test` must outlive the judge. `env` is what its program is given,
  // "NAME=value" each: a GoogleTest filter may be in it.
  explicit CtestJudge(const CtestTest& test,
                      const std::vector<std::string>& env = {});

  // The next piece of standard output and error.
  void OnOutput(absl::string_view bytes);

  // Whether PASS, FAIL or SKIP_REGULAR_EXPRESSION asks for all of the output.
  bool needs_output() const {
    return !pass_.empty() || !fail_.empty() || !skip_.empty();
  }

  // Whether an expression of TIMEOUT_AFTER_MATCH was found in the lines so
  // far. True once.
  bool TakeTimeoutMatch();

  // The program ended by itself, and its output is complete. Sets outcome,
  // message and details of `result`.
  void Settle(WaitStatus status, TestResult& result);

 private:
  // One property's expressions.
  class Matcher {
   public:
    // An expression that does not compile matches nothing, as in CTest, and is
    // told of in `notes`.
    Matcher(absl::string_view property,
            const std::vector<std::string>& expressions, std::string& notes);

    bool empty() const { return entries_.empty(); }
    void Feed(absl::string_view text);
    // The first expression, in the property's order, that matches the text
    // that ends here; nullptr if none does.
    const std::string* FirstMatch();

   private:
    struct Entry {
      std::string expression;
      CMakeRegexStream stream;
    };
    std::vector<Entry> entries_;
  };

  void Feed(absl::string_view text);
  // Of a program that exited and skipped nothing.
  bool Succeeded(WaitStatus status, std::string& why);
  bool RanNothing();

  const CtestTest& test_;
  // Of GoogleTest; empty: none.
  const std::string filter_;
  std::string notes_;
  Matcher pass_;
  Matcher fail_;
  Matcher skip_;
  Matcher timeout_;
  // GoogleTest's words for a filter that selects nothing, and for one that
  // selects something.
  Matcher ran_nothing_;
  Matcher ran_something_;
  const bool reads_output_;
  bool timeout_matched_ = false;
  bool timeout_taken_ = false;
  // Carriage returns that may yet turn out to end a line.
  std::size_t held_returns_ = 0;
  bool in_line_ = false;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_CTEST_CTEST_JUDGE_H_
