// One CTest test as it must be run: passive data, and its encoding.
//
// Discovery puts it into TestSpec::payload, the worker takes it out again.
// A tree of 100,000 tests travels and is kept whole, so a test encodes only
// the properties it has, and what most tests of a directory share is said once,
// in SuiteSpec::options.

#ifndef PACELINE_WORKER_CTEST_CTEST_TEST_H_
#define PACELINE_WORKER_CTEST_CTEST_TEST_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"

namespace paceline {

// TIMEOUT_AFTER_MATCH: the clock starts anew, with this limit, when one of the
// expressions is found.
struct CtestTimeoutAfterMatch {
  Duration timeout{};
  std::vector<std::string> expressions;

  friend bool operator==(const CtestTimeoutAfterMatch&,
                         const CtestTimeoutAfterMatch&) = default;
};

// Names are those of CTest's properties.
struct CtestTest {
  // The program, found by ctest, then its arguments. Empty: there was none.
  std::vector<std::string> command;
  // Why there is no command, where ctest's listing tells more than that it
  // found no program.
  std::string not_available;
  // Relative: to the build directory.
  std::string working_directory;
  std::vector<std::string> environment;
  std::vector<std::string> environment_modification;
  std::vector<std::string> pass_expressions;
  std::vector<std::string> fail_expressions;
  std::vector<std::string> skip_expressions;
  std::vector<std::string> required_files;
  std::optional<CtestTimeoutAfterMatch> timeout_after_match;
  std::optional<int> skip_return_code;
  bool will_fail = false;
  // FIXTURES_SETUP, or others wait for it by DEPENDS: what it leaves running
  // may be what they need.
  bool leaves_processes = false;

  friend bool operator==(const CtestTest&, const CtestTest&) = default;
};

// What the tests of one build directory share.
struct CtestSuiteOptions {
  // -C, empty without.
  std::string configuration;
  // Of every test that says nothing else.
  std::string working_directory;
  std::vector<std::string> environment;

  friend bool operator==(const CtestSuiteOptions&,
                         const CtestSuiteOptions&) = default;
};

std::string EncodeCtestOptions(const CtestSuiteOptions& options);
std::string EncodeCtestTest(const CtestTest& test,
                            const CtestSuiteOptions& options);

// Return kInvalidArgument, naming the field, for anything that the functions
// above do not make.
absl::StatusOr<CtestSuiteOptions> DecodeCtestOptions(absl::string_view bytes);
absl::StatusOr<CtestTest> DecodeCtestTest(absl::string_view bytes,
                                          const CtestSuiteOptions& options);

}  // namespace paceline

#endif  // PACELINE_WORKER_CTEST_CTEST_TEST_H_
