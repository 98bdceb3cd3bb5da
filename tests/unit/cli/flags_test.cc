// What the flags take must be what the fleet protocol can carry: the other end
// refused it only after a minute, or with an exit code for something else.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/run_flags.h"
#include "cli/service_flags.h"
#include "cli/settings.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What flags mean together, too.
absl::Status ReadRun(std::vector<std::string> arguments,
                     const std::string& toml,
                     std::vector<std::string> environment = {}) {
  const ScratchDir scratch;
  environment.push_back(
      absl::StrCat("PACELINE_CONFIG=", scratch.Write("paceline.toml", toml)));
  RunFlags flags;
  auto parsed = ReadSettings({.command = "run",
                              .arguments = std::move(arguments),
                              .environment = std::move(environment)},
                             RunOptionSet(&flags));
  return parsed.ok() ? CompleteRunFlags(*parsed, {}, flags) : parsed.status();
}

absl::Status Read(OptionSet set, std::vector<std::string> arguments,
                  std::vector<std::string> environment = {}) {
  // Not this folder's, nor one above it.
  environment.insert(environment.begin(), "PACELINE_CONFIG=/dev/null");
  return ReadSettings({.command = "test",
                       .arguments = std::move(arguments),
                       .environment = std::move(environment)},
                      std::move(set))
      .status();
}

TEST(FlagsTest, SoManySlotsAsAnAgentCanHaveMayBeAskedFor) {
  RunFlags run;
  EXPECT_THAT(Read(RunOptionSet(&run), {"-j", "4096"}), IsOk());
  EXPECT_EQ(run.workers, 4096U);
  EXPECT_THAT(
      Read(RunOptionSet(&run), {"-j", "4097"}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4096 at most")));
  AgentFlags agent;
  EXPECT_THAT(
      Read(AgentOptionSet(&agent), {"--workers", "5000"}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4096 at most")));
  EXPECT_THAT(
      Read(AgentOptionSet(&agent), {"--workers", "0"}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 or more")));
}

TEST(FlagsTest, AnAgentsNameAndLabelsAreWhatPeopleCanRead) {
  AgentFlags agent;
  EXPECT_THAT(Read(AgentOptionSet(&agent),
                   {"--name", "h\xc3\xb6st", "--label", std::string(256, 'x')}),
              IsOk());
  EXPECT_EQ(agent.name, "h\xc3\xb6st");
  EXPECT_THAT(agent.labels, ElementsAre(std::string(256, 'x')));
  for (const char* flag : {"--name", "--label"}) {
    EXPECT_THAT(Read(AgentOptionSet(&agent), {flag, "a\tb"}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("control characters")));
    EXPECT_THAT(
        Read(AgentOptionSet(&agent), {flag, std::string(300, 'x')}),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("256 at most")));
    EXPECT_THAT(
        Read(AgentOptionSet(&agent), {flag, ""}),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("empty")));
  }
}

// It was taken, and did nothing.
TEST(FlagsTest, WhatHasNoEffectIsRefusedWhereItIsSaidForThisCommand) {
  const std::string there = "tcp://127.0.0.1:1";
  const std::vector<std::vector<std::string>> useless = {
      {"--agents", "2"},
      {"--coordinator", there, "--workers", "2"},
      {"--coordinator", there, "--max-rss", "1GiB"},
      {"--detach"},
      {"--detach", "--listen", there}};
  for (const auto& arguments : useless) {
    EXPECT_THAT(ReadRun(arguments, ""),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("has no effect")));
  }
  EXPECT_THAT(ReadRun({}, "", {"PACELINE_RUN_AGENTS=2"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       testing::AllOf(HasSubstr("PACELINE_RUN_AGENTS"),
                                      HasSubstr("--listen"))));
  // In the file it is of other runs.
  EXPECT_THAT(ReadRun({"--coordinator", there},
                      "[run]\nworkers = 2\nagents = 3\nmax-rss = \"1GiB\""),
              IsOk());
  EXPECT_THAT(ReadRun({}, "[run]\ndetach = true\nagents = 3"), IsOk());
}

TEST(FlagsTest, WhereARunIsCanBeSaidAnew) {
  const std::string file = "[run]\ncoordinator = \"tcp://127.0.0.1:1\"";
  EXPECT_THAT(ReadRun({"--coordinator", "none", "-j", "2"}, file), IsOk());
  EXPECT_THAT(ReadRun({"--listen", "tcp://127.0.0.1:2"}, file), IsOk());
  EXPECT_THAT(
      ReadRun({"--listen", "tcp://127.0.0.1:2", "--coordinator",
               "tcp://127.0.0.1:1"},
              ""),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("contradict")));
}

TEST(FlagsTest, AJournalsFlagsNeedOne) {
  CoordinatorFlags flags;
  for (const char* flag :
       {"--durability=full", "--keep-runs=1", "--keep-bytes=1GiB"}) {
    auto parsed = ReadSettings({.command = "coordinator",
                                .arguments = {flag},
                                .environment = {"PACELINE_CONFIG=/dev/null"}},
                               CoordinatorOptionSet(&flags));
    ASSERT_THAT(parsed, IsOk());
    EXPECT_THAT(
        CompleteCoordinatorFlags(*parsed, flags),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--journal")));
  }
  EXPECT_THAT(Read(CoordinatorOptionSet(&flags), {"--journal", ""}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--journal: names no file")));
}

TEST(FlagsTest, ABadValueNamesItsFlag) {
  RunFlags run;
  EXPECT_THAT(
      Read(RunOptionSet(&run), {"--log-level", "loud"}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--log-level: ")));
  EXPECT_THAT(
      Read(RunOptionSet(&run), {"--timeout", "0"}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--timeout: ")));
}

// "there is none", it said, of tests that -k had left out.
TEST(FlagsTest, WhatSelectedNothingIsNamed) {
  RunFlags run;
  EXPECT_THAT(Read(RunOptionSet(&run), {"-k", "nothing"}), IsOk());
  EXPECT_EQ(SelectionText(run), "none matches -k nothing");
}

TEST(FlagsTest, AnEmptyNameOfAConfigurationFileIsNamed) {
  RunFlags run;
  EXPECT_THAT(Read(RunOptionSet(&run), {}, {"PACELINE_CONFIG="}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("PACELINE_CONFIG is empty")));
  EXPECT_THAT(Read(RunOptionSet(&run), {"--config", ""}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--config is empty")));
}

// `paceline list --config SOMEDIR` showed everything and exited 0.
TEST(FlagsTest, AFolderIsNoConfigurationFile) {
  const ScratchDir scratch;
  RunFlags run;
  EXPECT_THAT(Read(RunOptionSet(&run), {"--config", scratch.path()}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("Is a directory")));
}

}  // namespace
}  // namespace paceline
