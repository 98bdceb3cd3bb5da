// One coordinator and several agents, as real processes over TCP: the same
// verdicts as on one machine, whatever dies meanwhile.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "tests/support/fleet.h"
#include "tests/support/program.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kCommands = 120;

class FleetTest : public testing::Test {
 protected:
  // Commands that each tell their number through a FIFO and take a moment;
  // every tenth one fails.
  void SetUp() override {
    const std::string fifo = absl::StrCat(scratch_.path(), "/started");
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    // Read and write, so that neither end ever waits for the other.
    started_.Reset(open(fifo.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(started_.valid());
    std::string commands;
    for (int i = 0; i < kCommands; ++i) {
      absl::StrAppend(&commands, "echo ", i, " > ", fifo, "; sleep 0.1; ",
                      i % 10 == 3 ? "false" : "true", "\n");
    }
    commands_ = scratch_.Write("commands", commands);
  }

  std::vector<std::string> RunArguments(const std::string& endpoint) {
    return {PacelinePath(), "run",      "--coordinator", endpoint,
            "--runner",     "command",  "--junit",       JunitPath(),
            "--json",       JsonPath(), commands_};
  }

  ProgramOptions Options() const {
    return {.env = {},
            .working_directory = scratch_.path(),
            .limit = std::chrono::minutes(2)};
  }

  std::string JunitPath() const { return scratch_.path() + "/junit.xml"; }
  std::string JsonPath() const { return scratch_.path() + "/events.json"; }

  // Waits until so many commands have started, all told.
  void AwaitStarts(int count) {
    const SystemClock clock;
    const Instant deadline = clock.Now() + std::chrono::seconds(60);
    while (starts_ < count && clock.Now() < deadline) {
      pollfd input{started_.get(), POLLIN, 0};
      if (poll(&input, 1, 1000) == 1) {
        char buffer[256];
        const ssize_t n = read(started_.get(), buffer, sizeof buffer);
        starts_ += static_cast<int>(std::count(buffer, buffer + n, '\n'));
      }
    }
    ASSERT_GE(starts_, count);
  }

  // Every command has the verdict that it has anywhere.
  void ExpectAllVerdicts() {
    const std::map<std::string, std::string> verdicts = ReadJunit(JunitPath());
    EXPECT_EQ(verdicts.size(), std::size_t{kCommands});
    EXPECT_EQ(std::count_if(
                  verdicts.begin(), verdicts.end(),
                  [](const auto& test) { return test.second == "failure"; }),
              kCommands / 10);
    EXPECT_EQ(
        std::count_if(verdicts.begin(), verdicts.end(),
                      [](const auto& test) { return test.second == "passed"; }),
        kCommands - kCommands / 10);
  }

  ScratchDir scratch_;
  Fd started_;
  int starts_ = 0;
  std::string commands_;
};

TEST_F(FleetTest, ThreeAgentsShareARun) {
  Fleet fleet({.agents = 3, .workers = 2});
  const auto run = RunProgram(RunArguments(fleet.endpoint()), Options());
  EXPECT_EQ(run->exit_code(), 1) << run->out() << run->err();
  ExpectAllVerdicts();
  const std::string report = ReadFile(JunitPath());
  for (const char* agent : {"agent-0", "agent-1", "agent-2"}) {
    EXPECT_THAT(report, HasSubstr(agent));
  }
}

TEST_F(FleetTest, AKilledAgentLosesNoTestAndChangesNoVerdict) {
  Fleet fleet({.agents = 3,
               .workers = 2,
               .coordinator_arguments = {"--lost-after", "1s"}});
  Program run(RunArguments(fleet.endpoint()), Options());
  AwaitStarts(kCommands / 4);
  fleet.agent(1).Signal(SIGKILL);
  ASSERT_TRUE(run.WaitForExit()) << run.err();
  EXPECT_EQ(run.exit_code(), 1) << run.out() << run.err();
  ExpectAllVerdicts();
  EXPECT_THAT(ReadFile(JsonPath()), HasSubstr("agent lost"));
}

TEST_F(FleetTest, ADrainedAgentLosesNoTestAndChangesNoVerdict) {
  Fleet fleet({.agents = 3, .workers = 2});
  Program run(RunArguments(fleet.endpoint()), Options());
  AwaitStarts(kCommands / 4);
  fleet.agent(2).Signal(SIGTERM);
  ASSERT_TRUE(fleet.agent(2).WaitForExit());
  EXPECT_EQ(fleet.agent(2).exit_code(), 0) << fleet.agent(2).err();
  ASSERT_TRUE(run.WaitForExit()) << run.err();
  EXPECT_EQ(run.exit_code(), 1) << run.out() << run.err();
  ExpectAllVerdicts();
}

TEST_F(FleetTest, ACoordinatorThatIsKilledAndStartedAgainGoesOn) {
  Fleet fleet(
      {.agents = 3,
       .workers = 2,
       .listen = absl::StrCat("ipc://", scratch_.path(), "/door"),
       .coordinator_arguments = {"--journal", scratch_.path() + "/journal"}});
  Program run(RunArguments(fleet.endpoint()), Options());
  for (const int started : {kCommands / 4, kCommands / 2}) {
    AwaitStarts(started);
    fleet.RestartCoordinator();
  }
  ASSERT_TRUE(run.WaitForExit()) << run.err();
  EXPECT_EQ(run.exit_code(), 1) << run.out() << run.err();
  ExpectAllVerdicts();
  // What ran was adopted: each command began once.
  EXPECT_THAT(ReadFile(JsonPath()), Not(HasSubstr("rerun")));
  AwaitStarts(kCommands);
  pollfd more{started_.get(), POLLIN, 0};
  EXPECT_EQ(poll(&more, 1, 0), 0);
  EXPECT_EQ(starts_, kCommands);
}

TEST_F(FleetTest, AnAgentThatJoinsLateTakesItsPart) {
  Fleet fleet({.agents = 1, .workers = 1});
  Program run(RunArguments(fleet.endpoint()), Options());
  AwaitStarts(5);
  Program late({PacelinePath(), "agent", "--connect", fleet.endpoint(),
                "--name", "late", "--workers", "4"});
  ASSERT_TRUE(run.WaitForExit()) << run.err();
  ExpectAllVerdicts();
  EXPECT_THAT(ReadFile(JunitPath()), HasSubstr("late"));
}

TEST_F(FleetTest, ASecondAgentOfANameSaysWhoHasItAndLeavesTheFirstAlone) {
  CoordinatorProgram coordinator;
  const auto arguments = [&coordinator](std::vector<std::string> more) {
    std::vector<std::string> argv = {PacelinePath(), "agent",
                                     "--connect",    coordinator.endpoint(),
                                     "--name",       "alpha"};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  };
  Program first(arguments({"--workers", "2"}), Options());
  ASSERT_TRUE(coordinator.program().WaitFor("alpha")) << first.err();
  const auto second =
      RunProgram(arguments({"--name-patience", "100ms"}), Options());
  EXPECT_EQ(second->exit_code(), 3) << second->out() << second->err();
  const std::string sentence =
      absl::StrCat(", process ", first.pid(),
                   "; give this one another with --name, or stop that one");
  EXPECT_THAT(second->err(),
              AllOf(HasSubstr("the name alpha is taken by the agent on host "),
                    HasSubstr(sentence + "; trying again for 100 ms"),
                    HasSubstr(sentence + "\n")));
  // Its name and its place in the fleet are the first one's still.
  const auto run = RunProgram(RunArguments(coordinator.endpoint()), Options());
  EXPECT_EQ(run->exit_code(), 1) << run->out() << run->err();
  ExpectAllVerdicts();
  first.Signal(SIGTERM);
  ASSERT_TRUE(first.WaitForExit());
  EXPECT_EQ(first.exit_code(), 0) << first.err();
}

// SIGHUP and SIGTERM cancelled it.
TEST_F(FleetTest, ADetachedRunGoesOnWithoutItsClient) {
  const Fleet fleet({.agents = 2, .workers = 2});
  const std::string done = scratch_.path() + "/done";
  const std::string commands =
      scratch_.Write("detached", absl::StrCat("echo > ", scratch_.path(),
                                              "/started; sleep 2\n",
                                              "sleep 2; touch ", done, "\n"));
  Program client(
      {PacelinePath(), "run", "--detach", "--coordinator", fleet.endpoint(),
       "--runner", "command", "--json", JsonPath(), commands},
      Options());
  AwaitStarts(1);
  client.Signal(SIGTERM);
  ASSERT_TRUE(client.WaitForExit());
  EXPECT_EQ(client.exit_code(), 130);
  EXPECT_THAT(client.err(), HasSubstr("goes on without this program"));
  EXPECT_THAT(client.err(), HasSubstr(fleet.endpoint()));
  EXPECT_THAT(client.out(), Not(HasSubstr("stopping")));
  const SystemClock clock;
  const Instant deadline = clock.Now() + std::chrono::seconds(60);
  std::string status;
  while (clock.Now() < deadline && status.find("2 of 2 done") == status.npos) {
    const auto asked = RunProgram(
        {PacelinePath(), "status", "--coordinator", fleet.endpoint()});
    status = asked->out();
  }
  EXPECT_THAT(status, HasSubstr("2 of 2 done, 0 bad"));
  EXPECT_EQ(access(done.c_str(), F_OK), 0);
}

TEST_F(FleetTest, ARunIsItsOwnCoordinatorForAJobMatrix) {
  std::vector<std::string> argv = {PacelinePath(),      "run",      "--listen",
                                   "tcp://127.0.0.1:*", "--agents", "2",
                                   "--runner",          "command",  "--junit",
                                   JunitPath(),         commands_};
  Program run(std::move(argv), Options());
  const std::string line = run.WaitForLine("tcp://127.0.0.1:");
  const std::size_t at = line.find("tcp://");
  ASSERT_NE(at, std::string::npos) << run.err();
  const std::string endpoint = line.substr(at, line.find(' ', at) - at);
  Program first({PacelinePath(), "agent", "--connect", endpoint, "--name",
                 "first", "--workers", "2"});
  Program second({PacelinePath(), "agent", "--connect", endpoint, "--name",
                  "second", "--workers", "2"});
  ASSERT_TRUE(run.WaitForExit()) << run.err();
  EXPECT_EQ(run.exit_code(), 1) << run.out() << run.err();
  ExpectAllVerdicts();
}

}  // namespace
}  // namespace paceline
