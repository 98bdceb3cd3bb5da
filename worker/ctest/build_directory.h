// What is read from the files of a CTest build directory itself, because ctest
// does not tell it.

#ifndef PACELINE_WORKER_CTEST_BUILD_DIRECTORY_H_
#define PACELINE_WORKER_CTEST_BUILD_DIRECTORY_H_

#include <optional>
#include <string>

#include "common/base/clock.h"

namespace paceline {

// Whether ctest would find tests in `directory`.
bool IsCtestDirectory(const std::string& directory);

// The limit of tests that state none; nothing where the directory has none.
std::optional<Duration> DefaultCtestTimeout(const std::string& directory);

// Whether a test may be missing in the listing for not being available in the
// configuration asked for. Reads the files of all directories below that
// belong to the tree; errs on the side of yes.
bool MayHoldUnavailableTests(const std::string& directory);

}  // namespace paceline

#endif  // PACELINE_WORKER_CTEST_BUILD_DIRECTORY_H_
