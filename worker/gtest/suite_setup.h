// Whether the cases of a program's suites share set-up, without running it.
//
// A fixture with a SetUpTestSuite or TearDownTestSuite runs it once a process.
// Cases of such a suite are kept together, or what is expensive there is done
// again for every unit that the suite is cut into. Where no fixture has one,
// nothing is lost by cutting. GoogleTest says neither in its listing, but the
// linker left the functions' names in the program.

#ifndef PACELINE_WORKER_GTEST_SUITE_SETUP_H_
#define PACELINE_WORKER_GTEST_SUITE_SETUP_H_

#include <string>

#include "absl/strings/string_view.h"

namespace paceline {

enum class SuiteSetUp {
  kNone,     // no fixture has its own
  kSome,     // at least one has
  kUnknown,  // stripped, too large, or not to be followed
};

// Looks at `program` and at the shared libraries that it needs, by their run
// paths; those of the system define no fixtures. Plug-ins that a program loads
// while it runs are not seen.
SuiteSetUp FindSuiteSetUp(const std::string& program);

// Whether one of `names`, each ended by NUL, is that of a suite's set-up or
// tear-down, other than testing::Test's own (which does nothing).
bool NamesSuiteSetUp(absl::string_view names);

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_SUITE_SETUP_H_
