#include "common/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "tests/support/program.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::vector<KnownSetting> Known() {
  return {{"run", "workers", SettingKind::kScalar},
          {"run", "max-rss", SettingKind::kScalar},
          {"run", "fail-on-flaky", SettingKind::kSwitch},
          {"run", "label", SettingKind::kList},
          {"agent", "connect", SettingKind::kScalar}};
}

TEST(ConfigTest, ReadsEveryKindOfValueWithItsLine) {
  const auto config = Config::Parse(
      "# ours\n"
      "[run]\n"
      "workers = 4\n"
      "max-rss = \"2GiB\"\n"
      "fail-on-flaky = true\n"
      "label = [\"fast\", \"unit\"]\n"
      "[agent]\n"
      "connect = \"tcp://10.0.0.1:7878\"\n",
      "paceline.toml", Known());
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->Find("run", "workers")->values, ElementsAre("4"));
  EXPECT_EQ(config->Find("run", "workers")->origin, "paceline.toml:3");
  EXPECT_THAT(config->Find("run", "max-rss")->values, ElementsAre("2GiB"));
  EXPECT_THAT(config->Find("run", "fail-on-flaky")->values,
              ElementsAre("true"));
  EXPECT_THAT(config->Find("run", "label")->values,
              ElementsAre("fast", "unit"));
  EXPECT_THAT(config->Find("agent", "connect")->values,
              ElementsAre("tcp://10.0.0.1:7878"));
  EXPECT_EQ(config->Find("agent", "workers"), nullptr);
}

TEST(ConfigTest, AnUnknownKeyNamesTheNearest) {
  EXPECT_THAT(
      Config::Parse("[run]\n\nwrokers = 4\n", "a/paceline.toml", Known()),
      StatusIs(kInvalid,
               AllOf(HasSubstr("a/paceline.toml:3"), HasSubstr("\"wrokers\""),
                     HasSubstr("nearest is \"workers\""))));
}

TEST(ConfigTest, AnUnknownTableNamesTheNearest) {
  EXPECT_THAT(Config::Parse("[agnet]\nconnect = \"x\"\n", "p.toml", Known()),
              StatusIs(kInvalid, HasSubstr("nearest is [agent]")));
}

TEST(ConfigTest, AKeyOutsideATableSaysWhereItBelongs) {
  EXPECT_THAT(Config::Parse("workers = 4\n", "p.toml", Known()),
              StatusIs(kInvalid, HasSubstr("[run]")));
}

TEST(ConfigTest, AValueOfTheWrongKindSaysTheRightOne) {
  EXPECT_THAT(Config::Parse("[run]\nworkers = [1]\n", "p.toml", Known()),
              StatusIs(kInvalid, HasSubstr("p.toml:2: \"workers\" in [run] is "
                                           "a string or a number")));
  EXPECT_THAT(Config::Parse("[run]\nworkers = true\n", "p.toml", Known()),
              StatusIs(kInvalid, HasSubstr("string or a number")));
  EXPECT_THAT(Config::Parse("[run]\nfail-on-flaky = 1\n", "p.toml", Known()),
              StatusIs(kInvalid, HasSubstr("true or false")));
  EXPECT_THAT(Config::Parse("[run]\nlabel = [1]\n", "p.toml", Known()),
              StatusIs(kInvalid, HasSubstr("list of strings")));
}

TEST(ConfigTest, ASyntaxErrorNamesItsLine) {
  EXPECT_THAT(Config::Parse("[run]\nworkers = = 4\n", "p.toml", Known()),
              StatusIs(kInvalid, HasSubstr("p.toml:2")));
}

TEST(ConfigTest, TheEnvironmentOverridesTheFile) {
  auto config = Config::Parse("[run]\nworkers = 4\n", "p.toml", Known());
  ASSERT_THAT(config, IsOk());
  ASSERT_THAT(
      config->AddEnvironment({"PACELINE_RUN_WORKERS=8", "PATH=/bin",
                              "PACELINE_RUN_LABEL=a,b", "PACELINE_WORKER_FD=3"},
                             Known()),
      IsOk());
  EXPECT_THAT(config->Find("run", "workers")->values, ElementsAre("8"));
  EXPECT_EQ(config->Find("run", "workers")->origin, "PACELINE_RUN_WORKERS");
  EXPECT_THAT(config->Find("run", "label")->values, ElementsAre("a", "b"));
}

TEST(ConfigTest, AVariableWithoutItsTableNamesTheWholeOne) {
  Config config;
  EXPECT_THAT(config.AddEnvironment({"PACELINE_WORKERS=1"}, Known()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       testing::AllOf(HasSubstr("PACELINE_WORKERS"),
                                      HasSubstr("PACELINE_RUN_WORKERS"))));
}

TEST(ConfigTest, AMisspeltVariableIsNotIgnored) {
  for (const char* variable :
       {"PACELINE_WORKER=1", "PACELINE_WROKERS=1", "PACELINE_RUM_WORKERS=1"}) {
    Config config;
    EXPECT_THAT(config.AddEnvironment({variable}, Known()),
                StatusIs(kInvalid, HasSubstr("PACELINE_RUN_WORKERS")))
        << variable;
  }
}

TEST(ConfigTest, SomebodysOwnVariableIsLeftAlone) {
  Config config;
  EXPECT_THAT(config.AddEnvironment({"PACELINE_WORKER_ID=1"}, Known()), IsOk());
  EXPECT_THAT(config.AddEnvironment({"PACELINE_OF_MINE=1"}, Known()), IsOk());
}

TEST(ConfigTest, AnUnknownVariableNamesTheNearest) {
  Config config;
  EXPECT_THAT(config.AddEnvironment({"PACELINE_RUN_MAXRSS=1"}, Known()),
              StatusIs(kInvalid, HasSubstr("nearest is PACELINE_RUN_MAX_RSS")));
}

// Six digits and an exponent, "2.14748e+09", were not understood.
TEST(ConfigTest, AFractionKeepsAllItsDigits) {
  const auto config = Config::Parse(
      "[run]\nmax-rss = 2147483648.5\nworkers = 1e3\n", "p.toml", Known());
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->Find("run", "max-rss")->values,
              ElementsAre("2147483648.5"));
  EXPECT_THAT(config->Find("run", "workers")->values, ElementsAre("1000"));
}

TEST(ConfigTest, AFileIsRead) {
  const ScratchDir scratch;
  const auto config = Config::Load(
      scratch.Write("paceline.toml", "[run]\nworkers = 3\n"), Known());
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->Find("run", "workers")->values, ElementsAre("3"));
  EXPECT_THAT(Config::Load(scratch.Write("empty.toml", ""), Known()), IsOk());
}

TEST(ConfigTest, AFileThatIsNotThereIsNamed) {
  const ScratchDir scratch;
  EXPECT_THAT(Config::Load(scratch.path() + "/none.toml", Known()),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("none.toml"),
                             HasSubstr("No such file or directory"))));
}

// It counted as an empty file, and every setting in it as not given.
TEST(ConfigTest, WhatCannotBeReadIsNoEmptyFile) {
  const ScratchDir scratch;
  EXPECT_THAT(Config::Load(scratch.path(), Known()),
              StatusIs(kInvalid, HasSubstr("Is a directory")));
  // A read at the address 0 of a process fails.
  EXPECT_THAT(Config::Load("/proc/self/mem", Known()),
              StatusIs(kInvalid, HasSubstr("Input/output error")));
}

TEST(FindConfigFileTest, TheNearestUpwardsIsFound) {
  const ScratchDir scratch;
  const std::string inner = scratch.path() + "/a/b";
  std::filesystem::create_directories(inner);
  const std::string outer_file = scratch.Write("paceline.toml", "[run]\n");
  EXPECT_EQ(FindConfigFile(inner), outer_file);
  const std::string inner_file = scratch.Write("a/paceline.toml", "[run]\n");
  EXPECT_EQ(FindConfigFile(inner), inner_file);
  EXPECT_EQ(FindConfigFile(scratch.path()), outer_file);
}

TEST(FindConfigFileTest, AFolderOfThatNameIsNone) {
  const ScratchDir scratch;
  const std::string inner = scratch.path() + "/a";
  const std::string file = scratch.Write("paceline.toml", "[run]\n");
  std::filesystem::create_directories(inner + "/paceline.toml");
  EXPECT_EQ(FindConfigFile(inner), file);
}

TEST(FindConfigFileTest, WhereThereIsNoneNothingIsFound) {
  EXPECT_EQ(FindConfigFile("/proc/self"), std::nullopt);
}

}  // namespace
}  // namespace paceline
