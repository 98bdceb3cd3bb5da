#include "worker/gtest/program_environment.h"

#include <optional>

#include "absl/container/btree_set.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace paceline {
namespace {

constexpr const char* kKnown[] = {
    "GTEST_ALSO_RUN_DISABLED_TESTS",
    "GTEST_BREAK_ON_FAILURE",
    "GTEST_BRIEF",
    "GTEST_CATCH_EXCEPTIONS",
    "GTEST_COLOR",
    "GTEST_DEATH_TEST_STYLE",
    "GTEST_DEATH_TEST_USE_FORK",
    "GTEST_FAIL_FAST",
    "GTEST_FAIL_IF_NO_TEST_LINKED",
    "GTEST_FAIL_IF_NO_TEST_SELECTED",
    "GTEST_FILTER",
    "GTEST_FLAGFILE",
    "GTEST_LIST_TESTS",
    "GTEST_OUTPUT",
    "GTEST_PRINT_TIME",
    "GTEST_PRINT_UTF8",
    "GTEST_RANDOM_SEED",
    "GTEST_RECREATE_ENVIRONMENTS_WHEN_REPEATING",
    "GTEST_REPEAT",
    "GTEST_SHARD_INDEX",
    "GTEST_SHARD_STATUS_FILE",
    "GTEST_SHUFFLE",
    "GTEST_STACK_TRACE_DEPTH",
    "GTEST_STREAM_RESULT_TO",
    "GTEST_THROW_ON_FAILURE",
    "GTEST_TOTAL_SHARDS",
    "TESTBRIDGE_TEST_ONLY",
    "TESTBRIDGE_TEST_RUNNER_FAIL_FAST",
    "TEST_PREMATURE_EXIT_FILE",
    "XML_OUTPUT_FILE",
};

}  // namespace

std::vector<EnvEdit> ClearGtestVariables(const std::vector<std::string>& env,
                                         const std::vector<std::string>& keep) {
  absl::btree_set<std::string> names(std::begin(kKnown), std::end(kKnown));
  for (const std::string& variable : env) {
    if (absl::StartsWith(variable, "GTEST_")) {
      names.insert(variable.substr(0, variable.find('=')));
    }
  }
  for (const std::string& name : keep) {
    names.erase(name);
  }
  std::vector<EnvEdit> edits;
  for (const std::string& name : names) {
    edits.push_back({name, std::nullopt});
  }
  return edits;
}

}  // namespace paceline
