#include "worker/ctest/ctest_test.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"

namespace paceline {
namespace {

CtestTest FullTest() {
  CtestTest test;
  test.command = {"/bin/prog", "a b", "", "--x"};
  test.not_available = "not built";
  test.working_directory = "/build/sub";
  test.environment = {"A=1"};
  test.environment_modification = {"P=path_list_append:/x"};
  test.pass_expressions = {"p1", "p2"};
  test.fail_expressions = {"f"};
  test.skip_expressions = {"s"};
  test.required_files = {"file"};
  test.timeout_after_match =
      CtestTimeoutAfterMatch{std::chrono::seconds(7), {"ready"}};
  test.skip_return_code = 77;
  test.will_fail = true;
  test.leaves_processes = true;
  return test;
}

CtestSuiteOptions SomeOptions() {
  CtestSuiteOptions options;
  options.configuration = "Debug";
  options.working_directory = "/build";
  options.environment = {"LANG=C"};
  return options;
}

TEST(CtestTestTest, EveryPropertyArrives) {
  const CtestSuiteOptions options = SomeOptions();
  const absl::StatusOr<CtestTest> decoded =
      DecodeCtestTest(EncodeCtestTest(FullTest(), options), options);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, FullTest());
}

TEST(CtestTestTest, OptionsArrive) {
  const absl::StatusOr<CtestSuiteOptions> decoded =
      DecodeCtestOptions(EncodeCtestOptions(SomeOptions()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, SomeOptions());
}

TEST(CtestTestTest, WhatTheSuiteSaysIsNotRepeated) {
  const CtestSuiteOptions options = SomeOptions();
  CtestTest test;
  test.command = {"/bin/prog"};
  test.working_directory = options.working_directory;
  test.environment = options.environment;
  const std::string bytes = EncodeCtestTest(test, options);
  EXPECT_FALSE(absl::StrContains(bytes, "/build"));
  EXPECT_FALSE(absl::StrContains(bytes, "LANG"));
  const absl::StatusOr<CtestTest> decoded = DecodeCtestTest(bytes, options);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, test);
}

TEST(CtestTestTest, NoEnvironmentIsNotTheSuites) {
  const CtestSuiteOptions options = SomeOptions();
  const CtestTest bare;
  const absl::StatusOr<CtestTest> decoded =
      DecodeCtestTest(EncodeCtestTest(bare, options), options);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, bare);
}

TEST(CtestTestTest, NoTestCutShortIsTaken) {
  const CtestSuiteOptions options = SomeOptions();
  const std::string bytes = EncodeCtestTest(FullTest(), options);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        DecodeCtestTest(bytes.substr(0, size), options).status()))
        << size;
  }
  EXPECT_TRUE(
      absl::IsInvalidArgument(DecodeCtestTest(bytes + "x", options).status()));
}

TEST(CtestTestTest, AnUnknownKeyIsNamed) {
  // {99: true}
  const absl::Status status =
      DecodeCtestTest("\x81\x63\xc3", CtestSuiteOptions()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "key 99")) << status;
}

TEST(CtestTestTest, AFieldOfAnotherTypeIsNamed) {
  // {12: 1}
  const absl::Status status =
      DecodeCtestTest("\x81\x0c\x01", CtestSuiteOptions()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "will_fail")) << status;
}

}  // namespace
}  // namespace paceline
