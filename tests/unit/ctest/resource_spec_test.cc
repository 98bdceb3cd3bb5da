#include "worker/ctest/resource_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "tests/support/program.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;

TEST(ResourceSpecTest, KindsThingsAndSlots) {
  const absl::StatusOr<std::vector<ResourcePool>> pools = ParseResourceSpec(R"({
        "version": {"major": 1, "minor": 0},
        "local": [{"gpus": [{"id": "0", "slots": 2}, {"id": "a_1"}],
                   "crypto_chips": [{"id": "card0", "slots": 4}]}]})");
  ASSERT_TRUE(pools.ok()) << pools.status();
  EXPECT_THAT(*pools,
              ElementsAre(ResourcePool{"crypto_chips", {{"card0", 4}}},
                          ResourcePool{"gpus", {{"0", 2}, {"a_1", 1}}}));
}

TEST(ResourceSpecTest, WhatIsWrongIsNamed) {
  struct Wrong {
    const char* json;
    const char* named;
  };
  constexpr Wrong kWrong[] = {
      {"", "JSON object"},
      {"[]", "JSON object"},
      {R"({"local": [{}]})", "version"},
      {R"({"version": {"major": 2, "minor": 0}, "local": [{}]})",
       "version 1.0"},
      {R"({"version": {"major": 1, "minor": 0}})", "local"},
      {R"({"version": {"major": 1, "minor": 0}, "local": [{}, {}]})", "local"},
      {R"({"version": {"major": 1, "minor": 0}, "local": [{"Gpu": []}]})",
       "Gpu"},
      {R"({"version": {"major": 1, "minor": 0}, "local": [{"gpu": {}}]})",
       "gpu"},
      {R"({"version": {"major": 1, "minor": 0},
           "local": [{"gpu": [{"slots": 1}]}]})",
       "id"},
      {R"({"version": {"major": 1, "minor": 0},
           "local": [{"gpu": [{"id": "0", "slots": -1}]}]})",
       "slots"},
  };
  for (const Wrong& wrong : kWrong) {
    const absl::Status status = ParseResourceSpec(wrong.json).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << wrong.json;
    EXPECT_TRUE(absl::StrContains(status.message(), wrong.named))
        << wrong.json << ": " << status;
  }
}

TEST(ResourceSpecTest, ErrorsNameTheFile) {
  const ScratchDir dir;
  const std::string file = dir.Write("spec.json", "{}");
  EXPECT_TRUE(
      absl::StrContains(ReadResourceSpec(file).status().message(), file));
  EXPECT_TRUE(
      absl::IsNotFound(ReadResourceSpec(dir.path() + "/none").status()));
}

}  // namespace
}  // namespace paceline
