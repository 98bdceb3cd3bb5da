// The environment of one test, as CTest's properties edit it.

#ifndef PACELINE_WORKER_CTEST_CTEST_ENVIRONMENT_H_
#define PACELINE_WORKER_CTEST_CTEST_ENVIRONMENT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "worker/ctest/ctest_test.h"

namespace paceline {

// Applies ENVIRONMENT, then ENVIRONMENT_MODIFICATION, to `env`.
//
// Returns kInvalidArgument, naming the entry, for a modification that CTest
// does not take either; the test cannot be run then.
absl::Status ApplyCtestEnvironment(const CtestTest& test,
                                   std::vector<std::string>& env);

}  // namespace paceline

#endif  // PACELINE_WORKER_CTEST_CTEST_ENVIRONMENT_H_
