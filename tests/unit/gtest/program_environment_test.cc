// Which variables a program's environment is cleared of.

#include "worker/gtest/program_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "common/os/subprocess.h"

namespace paceline {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

EnvEdit Unset(const std::string& name) { return {name, std::nullopt}; }

// Not only what is in the client's: an agent's environment is another.
TEST(ProgramEnvironmentTest, KnownVariablesAreUnsetEvenWhereTheyAreNotSet) {
  const std::vector<EnvEdit> edits = ClearGtestVariables({}, {});
  for (const char* name :
       {"GTEST_TOTAL_SHARDS", "GTEST_SHARD_INDEX", "GTEST_SHARD_STATUS_FILE",
        "GTEST_FILTER", "GTEST_OUTPUT", "GTEST_FLAGFILE", "GTEST_REPEAT",
        "GTEST_SHUFFLE", "GTEST_STREAM_RESULT_TO", "GTEST_LIST_TESTS",
        "GTEST_FAIL_FAST", "GTEST_ALSO_RUN_DISABLED_TESTS", "XML_OUTPUT_FILE",
        "TESTBRIDGE_TEST_ONLY", "TEST_PREMATURE_EXIT_FILE"}) {
    EXPECT_THAT(edits, Contains(Unset(name)));
  }
}

TEST(ProgramEnvironmentTest, WhateverElseBeginsAlikeIsUnsetToo) {
  const std::vector<EnvEdit> edits = ClearGtestVariables(
      {"GTEST_OF_A_LATER_VERSION=1", "GTEST_=", "HOME=/", "MY_GTEST_X=1",
       "GTESTS=2", "gtest_filter=x", "no equals sign", "GTEST_BARE", "="},
      {});
  EXPECT_THAT(edits, Contains(Unset("GTEST_OF_A_LATER_VERSION")));
  EXPECT_THAT(edits, Contains(Unset("GTEST_")));
  EXPECT_THAT(edits, Contains(Unset("GTEST_BARE")));
  for (const char* name :
       {"HOME", "MY_GTEST_X", "GTESTS", "gtest_filter", "no equals sign", ""}) {
    EXPECT_THAT(edits, Not(Contains(Unset(name))));
  }
}

TEST(ProgramEnvironmentTest, VariablesThatTheUserNamesStay) {
  const std::vector<EnvEdit> edits =
      ClearGtestVariables({"GTEST_MINE=1", "GTEST_FILTER=x"},
                          {"GTEST_MINE", "GTEST_FILTER", "XML_OUTPUT_FILE"});
  for (const char* name : {"GTEST_MINE", "GTEST_FILTER", "XML_OUTPUT_FILE"}) {
    EXPECT_THAT(edits, Not(Contains(Unset(name))));
  }
  EXPECT_THAT(edits, Contains(Unset("GTEST_TOTAL_SHARDS")));
}

TEST(ProgramEnvironmentTest, NothingIsSetAndNothingComesTwice) {
  std::vector<EnvEdit> edits = ClearGtestVariables(
      {"GTEST_FILTER=a", "GTEST_FILTER=b", "GTEST_X=1", "GTEST_X=2"}, {});
  std::vector<std::string> names;
  for (const EnvEdit& edit : edits) {
    EXPECT_EQ(edit.value, std::nullopt) << edit.name;
    names.push_back(edit.name);
  }
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST(ProgramEnvironmentTest, AppliedItLeavesTheRestAlone) {
  std::vector<std::string> env = {"A=1", "GTEST_TOTAL_SHARDS=4",
                                  "XML_OUTPUT_FILE=x", "GTEST_NEW=2", "B=3"};
  ApplyEdits(ClearGtestVariables(env, {"GTEST_NEW"}), env);
  EXPECT_THAT(env, ElementsAre("A=1", "GTEST_NEW=2", "B=3"));
}

}  // namespace
}  // namespace paceline
