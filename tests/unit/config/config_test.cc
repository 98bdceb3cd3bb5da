#include "common/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

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

TEST(FindConfigFileTest, LooksUpwards) {
  char name[] = "/tmp/paceline_config_XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  const std::filesystem::path root(name);
  std::filesystem::create_directories(root / "a" / "b");
  std::ofstream(root / "paceline.toml") << "[run]\n";
  EXPECT_EQ(FindConfigFile((root / "a" / "b").string()),
            (root / "paceline.toml").string());
  EXPECT_THAT(Config::Load((root / "paceline.toml").string(), Known()), IsOk());
  EXPECT_THAT(Config::Load((root / "none.toml").string(), Known()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none.toml")));
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace paceline
