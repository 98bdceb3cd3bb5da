// What is read from the files of a CTest build directory itself, because ctest
// does not tell it.

#ifndef PACELINE_WORKER_CTEST_BUILD_DIRECTORY_H_
#define PACELINE_WORKER_CTEST_BUILD_DIRECTORY_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/base/clock.h"

namespace paceline {

// Whether ctest would find tests in `directory`.
bool IsCtestDirectory(const std::string& directory);

// The limit of tests that state none; nothing where the directory has none.
std::optional<Duration> DefaultCtestTimeout(const std::string& directory);

// What is seen by looking into the test files of all directories below that
// belong to the tree.
struct TestFileScan {
  // Whether a test may be missing in the listing for not being available in
  // the configuration asked for; errs on the side of yes.
  bool unavailable = false;
  // Tests said with bytes that are no UTF-8, beyond their names. ctest's
  // listing has other bytes in their place.
  absl::flat_hash_set<std::string> garbled;
  // "file:line" of such bytes where the test's name is not seen.
  std::vector<std::string> garbled_places;
};
TestFileScan ScanTestFiles(const std::string& directory);

// Which of ctest's hooks a project has set, in CTestCustom.cmake.
struct CustomHooks {
  bool pre_test = false;   // CTEST_CUSTOM_PRE_TEST
  bool post_test = false;  // CTEST_CUSTOM_POST_TEST
};
CustomHooks FindCustomHooks(const std::string& directory);

}  // namespace paceline

#endif  // PACELINE_WORKER_CTEST_BUILD_DIRECTORY_H_
