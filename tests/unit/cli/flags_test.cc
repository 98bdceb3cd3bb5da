// What the flags take must be what the fleet protocol can carry: the other end
// refused it only after a minute, or with an exit code for something else.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/run_flags.h"
#include "cli/service_flags.h"
#include "cli/settings.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

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
