// Bad input gets a sentence and the right exit code, and is never green.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/net/sockets.h"
#include "common/wire/codec.h"
#include "tests/support/program.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string EndpointOf(Program& coordinator) {
  const std::string line = coordinator.WaitForLine("tcp://127.0.0.1:");
  const std::size_t at = line.find("tcp://");
  return at == std::string::npos ? ""
                                 : line.substr(at, line.find(' ', at) - at);
}

class BadInputTest : public testing::Test {
 protected:
  // Runs paceline in a directory of its own.
  std::unique_ptr<Program> Paceline(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), PacelinePath());
    return RunProgram(std::move(arguments),
                      {.env = {}, .working_directory = scratch_.path()});
  }

  std::string Script(absl::string_view name, absl::string_view text) {
    const std::string path =
        scratch_.Write(name, absl::StrCat("#!/bin/sh\n", text, "\n"));
    chmod(path.c_str(), 0755);
    return path;
  }

  ScratchDir scratch_;
};

TEST_F(BadInputTest, ATargetThatDoesNotExist) {
  const auto run = Paceline({"run", "no/such/target"});
  EXPECT_EQ(run->exit_code(), 2);
  EXPECT_THAT(run->err(), HasSubstr("no/such/target"));
}

TEST_F(BadInputTest, AFileThatIsNotExecutable) {
  const std::string path = scratch_.Write("plain", "text\n");
  const auto run = Paceline({"run", path});
  EXPECT_EQ(run->exit_code(), 2);
  EXPECT_THAT(run->err(), HasSubstr("plain"));
}

TEST_F(BadInputTest, AProgramThatIsNoTestBinary) {
  const auto run = Paceline({"run", "/bin/ls"});
  EXPECT_EQ(run->exit_code(), 2);
  EXPECT_THAT(run->err(), AllOf(HasSubstr("/bin/ls"), HasSubstr("--")));
}

TEST_F(BadInputTest, AProgramWhereAListOfCommandsIsExpected) {
  for (const std::string& path :
       {std::string("/bin/true"), Script("script", "rm -f victim")}) {
    const auto run = Paceline({"run", "--runner", "command", path});
    EXPECT_EQ(run->exit_code(), 3);
    EXPECT_THAT(run->out() + run->err(), HasSubstr("paceline run -- " + path));
  }
}

TEST_F(BadInputTest, AGoogleTestProgramThatIsNotExecutable) {
  const std::string path = scratch_.path() + "/copy";
  std::filesystem::copy_file(TestProgramPath("gtest/gtest_outcomes"), path);
  chmod(path.c_str(), 0644);
  for (const char* command : {"run", "list"}) {
    const auto run = Paceline({command, path});
    EXPECT_EQ(run->exit_code(), 2);
    EXPECT_THAT(run->err(), HasSubstr("not executable"));
  }
}

TEST_F(BadInputTest, AProgramThatIgnoresTheListingFlag) {
  const std::string path = Script("ignores", "echo all tests ran");
  const auto run = Paceline({"run", "--runner", "gtest", path});
  EXPECT_EQ(run->exit_code(), 3);
  EXPECT_THAT(run->err() + run->out(), HasSubstr("ignores"));
}

TEST_F(BadInputTest, AListingThatCrashes) {
  const std::string path = Script("crashes", "kill -SEGV $$");
  const auto run = Paceline({"run", "--runner", "gtest", path});
  EXPECT_EQ(run->exit_code(), 3);
  EXPECT_THAT(run->err() + run->out(), HasSubstr("SIGSEGV"));
}

TEST_F(BadInputTest, AListingThatHangs) {
  const std::string path = Script("hangs", "sleep 1000");
  const auto run =
      Paceline({"run", "--runner", "gtest", "--discovery-timeout", "1s", path});
  EXPECT_EQ(run->exit_code(), 3);
  EXPECT_THAT(run->err() + run->out(), HasSubstr("hangs"));
}

TEST_F(BadInputTest, OneFailedDiscoveryKeepsTheRunFromBeingGreen) {
  scratch_.Write("good/CTestTestfile.cmake", "add_test(fine /bin/true)\n");
  scratch_.Write("mixed/CTestTestfile.cmake",
                 "add_test(fine /bin/true)\nthis is wrong(");
  const auto run = Paceline({"run", "good", "mixed"});
  EXPECT_EQ(run->exit_code(), 3);
  EXPECT_THAT(run->out() + run->err(), HasSubstr("mixed"));
}

TEST_F(BadInputTest, ACTestDirectoryWithUnbuiltTests) {
  scratch_.Write("tree/CTestTestfile.cmake",
                 "add_test(built /bin/true)\n"
                 "add_test(unbuilt_NOT_BUILT unbuilt_NOT_BUILT)\n"
                 "add_test(gone /no/such/program)\n");
  const auto run = Paceline({"run", "tree", "--junit", "junit.xml"});
  EXPECT_EQ(run->exit_code(), 3) << run->out() << run->err();
  const auto outcomes = ReadJunit(scratch_.path() + "/junit.xml");
  EXPECT_EQ(outcomes.size(), 3U);
  int passed = 0;
  for (const auto& [name, outcome] : outcomes) {
    passed += outcome == "passed" ? 1 : 0;
  }
  EXPECT_EQ(passed, 1);
}

TEST_F(BadInputTest, AFilterThatSelectsNothing) {
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  const auto run = Paceline({"run", "tree", "--filter", "nothing"});
  EXPECT_EQ(run->exit_code(), 4);
  EXPECT_THAT(run->out() + run->err(), HasSubstr("nothing"));
}

TEST_F(BadInputTest, ACTestDirectoryWithoutTests) {
  scratch_.Write("tree/CTestTestfile.cmake", "# empty\n");
  const auto run = Paceline({"run", "tree"});
  EXPECT_EQ(run->exit_code(), 3);
  EXPECT_THAT(run->out() + run->err(), HasSubstr("tree holds no test"));
}

TEST_F(BadInputTest, AProgramsOwnFilterThatSelectsNothing) {
  const std::string program = TestProgramPath("gtest/gtest_outcomes");
  for (const char* command : {"run", "list"}) {
    const auto run =
        Paceline({command, program, "--", "--gtest_filter=Nothing*"});
    EXPECT_EQ(run->exit_code(), 4) << run->out();
    EXPECT_THAT(run->err(), HasSubstr("Nothing*"));
  }
}

// They were ignored, and everything ran.
TEST_F(BadInputTest, CtestsFlagsForAnotherKindOfTarget) {
  const std::string program = TestProgramPath("gtest/gtest_outcomes");
  for (const char* command : {"run", "list"}) {
    const auto run = Paceline({command, program, "-R", "Outcomes"});
    EXPECT_EQ(run->exit_code(), 2);
    EXPECT_THAT(run->err(),
                AllOf(HasSubstr("--tests-regex"), HasSubstr("ctest")));
  }
}

TEST_F(BadInputTest, FlagsOfCtestThatSayHowItRuns) {
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  const auto run = Paceline({"run", "tree", "--", "--timeout", "5"});
  EXPECT_EQ(run->exit_code(), 3);
  EXPECT_THAT(run->out() + run->err(), HasSubstr("--timeout"));
}

TEST_F(BadInputTest, TwoReportsInOnePlace) {
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  const auto run = Paceline({"run", "tree", "--junit", "r", "--json", "r"});
  EXPECT_EQ(run->exit_code(), 2);
  EXPECT_THAT(run->err(), HasSubstr("both name r"));
}

// They were compared as they were spelt.
TEST_F(BadInputTest, TwoReportsInOnePlaceByTwoNames) {
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  const auto run =
      Paceline({"run", "tree", "--junit", "r.xml", "--json", "./r.xml"});
  EXPECT_EQ(run->exit_code(), 2);
  EXPECT_THAT(run->err(), HasSubstr("are one file"));
}

// The report was opened in the place of standard output, and the summary was
// written into it.
TEST_F(BadInputTest, ClosedStandardDescriptorsHarmNoReport) {
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  const std::string command =
      absl::StrCat(PacelinePath(), " run tree --junit junit.xml <&- >&-");
  const auto run =
      RunProgram({"/bin/sh", "-c", command},
                 {.env = {}, .working_directory = scratch_.path()});
  EXPECT_EQ(run->exit_code(), 0) << run->err();
  EXPECT_THAT(ReadFile(scratch_.path() + "/junit.xml"),
              testing::EndsWith("</testsuite>\n"));
  EXPECT_EQ(ReadJunit(scratch_.path() + "/junit.xml").size(), 1U);
}

TEST_F(BadInputTest, AListThatCannotBeWrittenIsNotGood) {
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  const auto shell = [this](const std::string& command) {
    return RunProgram({"/bin/sh", "-c", command},
                      {.env = {}, .working_directory = scratch_.path()});
  };
  const std::string list = absl::StrCat(PacelinePath(), " list tree");
  const auto full = shell(absl::StrCat(list, " > /dev/full"));
  EXPECT_EQ(full->exit_code(), 3);
  EXPECT_THAT(full->err(), HasSubstr("standard output cannot be written"));
  // A reader that has seen enough is no fault.
  const auto read = shell(absl::StrCat("(", list, "; echo $? >&2) | true"));
  EXPECT_EQ(read->err(), "0\n");
}

TEST_F(BadInputTest, AListHasNoJunitReport) {
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  const auto list = Paceline({"list", "tree", "--junit", "junit.xml"});
  EXPECT_EQ(list->exit_code(), 2);
  EXPECT_THAT(list->err(), HasSubstr("--json"));
}

TEST_F(BadInputTest, AnEmptyCommand) {
  const auto run = Paceline({"run", "--", ""});
  EXPECT_EQ(run->exit_code(), 2);
  EXPECT_THAT(run->err(), HasSubstr("the command behind -- is empty"));
}

TEST_F(BadInputTest, APytestExpressionThatIsNoneNamesItsTarget) {
  scratch_.Write("tests/test_a.py", "def test_one(): pass\n");
  const auto run = Paceline({"run", "tests", "-k", "not not ("});
  EXPECT_EQ(run->exit_code(), 3);
  EXPECT_THAT(run->out(), Not(HasSubstr("ERROR :")));
  EXPECT_THAT(run->out(), HasSubstr("ERROR tests: "));
}

// The report of a run that could not begin looked like one without faults.
TEST_F(BadInputTest, AReportSaysThatTheRunCouldNotBegin) {
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  Program holder(
      {PacelinePath(), "coordinator", "--listen", "tcp://127.0.0.1:*"});
  const std::string endpoint = EndpointOf(holder);
  const auto run =
      Paceline({"run", "tree", "--listen", endpoint, "--junit", "junit.xml"});
  EXPECT_EQ(run->exit_code(), 3);
  EXPECT_EQ(ReadJunit(scratch_.path() + "/junit.xml")["paceline.run"], "error");
}

TEST_F(BadInputTest, VariablesOfTheRunReachTheListing) {
  const std::string path =
      Script("needs",
             "[ \"$WANTED\" = yes ] || exit 9\n"
             "exec " +
                 TestProgramPath("gtest/gtest_repeats") + " \"$@\"");
  const auto run =
      Paceline({"list", "--runner", "gtest", path, "--env", "WANTED=yes"});
  EXPECT_EQ(run->exit_code(), 0) << run->err();
}

// A hanging listing outlived a paceline that was killed.
TEST_F(BadInputTest, AListingEndsWithAPacelineThatIsKilled) {
  const std::string path = Script("hangs",
                                  "sh -c 'echo $$ > child; exec sleep 1000' &\n"
                                  "echo $$ > pid\nexec sleep 1000");
  for (const char* name : {"/pid", "/child"}) {
    ASSERT_EQ(mkfifo((scratch_.path() + name).c_str(), 0600), 0);
  }
  for (const char* command : {"run", "list"}) {
    Program paceline({PacelinePath(), command, "--runner", "gtest", path},
                     {.env = {}, .working_directory = scratch_.path()});
    std::vector<Fd> left;
    for (const char* name : {"/child", "/pid"}) {
      const pid_t pid = std::stoi(ReadFile(scratch_.path() + name));
      left.emplace_back(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
      ASSERT_TRUE(left.back().valid());
    }
    paceline.Signal(SIGKILL);
    ASSERT_TRUE(paceline.WaitForExit());
    for (const Fd& pidfd : left) {
      pollfd ended{pidfd.get(), POLLIN, 0};
      EXPECT_EQ(poll(&ended, 1, 10'000), 1) << command;
    }
  }
}

TEST_F(BadInputTest, AnInterruptedListingIsEnded) {
  const std::string path =
      Script("hangs", "echo $$ > pid\necho ready >&2\nexec sleep 1000");
  const std::string fifo = scratch_.path() + "/pid";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  Program list({PacelinePath(), "list", "--runner", "gtest", path},
               {.env = {}, .working_directory = scratch_.path()});
  const pid_t pid = std::stoi(ReadFile(fifo));
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  list.Signal(SIGINT);
  ASSERT_TRUE(list.WaitForExit());
  EXPECT_EQ(list.exit_code(), 130);
  pollfd ended{pidfd.get(), POLLIN, 0};
  EXPECT_TRUE(!pidfd.valid() || poll(&ended, 1, 5000) == 1);
}

TEST_F(BadInputTest, AnUnreachableCoordinator) {
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  const auto run = Paceline({"run", "--coordinator", "tcp://127.0.0.1:1",
                             "--connect-timeout", "1s", "tree"});
  EXPECT_EQ(run->exit_code(), 3);
  EXPECT_THAT(run->err(), HasSubstr("tcp://127.0.0.1:1"));
}

TEST_F(BadInputTest, AnEndpointThatIsNone) {
  const auto run = Paceline({"coordinator", "--listen", "localhost:99"});
  EXPECT_EQ(run->exit_code(), 2);
  EXPECT_THAT(run->err(), HasSubstr("tcp://"));
}

TEST_F(BadInputTest, AnAddressBeyondThisMachineWithoutInsecure) {
  const auto run = Paceline({"coordinator", "--listen", "tcp://0.0.0.0:*"});
  EXPECT_EQ(run->exit_code(), 2);
  EXPECT_THAT(run->err(), HasSubstr("--insecure"));
}

TEST_F(BadInputTest, APortInUse) {
  Program first(
      {PacelinePath(), "coordinator", "--listen", "tcp://127.0.0.1:*"});
  const std::string endpoint = EndpointOf(first);
  ASSERT_NE(endpoint, "") << first.err();
  const auto second = Paceline({"coordinator", "--listen", endpoint});
  EXPECT_EQ(second->exit_code(), 3);
  EXPECT_THAT(second->err(), AllOf(HasSubstr(endpoint), HasSubstr("in use")));
}

TEST_F(BadInputTest, TwoAgentsWithOneName) {
  Program coordinator(
      {PacelinePath(), "coordinator", "--listen", "tcp://127.0.0.1:*"});
  const std::string endpoint = EndpointOf(coordinator);
  ASSERT_NE(endpoint, "") << coordinator.err();
  Program first({PacelinePath(), "agent", "--connect", endpoint, "--name",
                 "twin", "--workers", "1"});
  // Its first line comes before its hello: only the welcome makes it the
  // holder.
  ASSERT_TRUE(first.WaitFor("welcomed")) << first.err();
  Program second({PacelinePath(), "agent", "--connect", endpoint, "--name",
                  "twin", "--workers", "1"});
  // The holder's pid is in the sentence.
  EXPECT_TRUE(second.WaitFor(absl::StrCat(first.pid())))
      << second.err() << second.out();
}

// Says to whoever greets it that it is of another time.
class CoordinatorOfAnotherVersion {
 public:
  CoordinatorOfAnotherVersion() {
    auto router = RouterSocket::Bind(context_, {"tcp://127.0.0.1:*"});
    EXPECT_TRUE(router.ok()) << router.status();
    router_ = *std::move(router);
  }
  std::string endpoint() const { return router_->endpoints().at(0); }

  void RefuseOne() {
    const SystemClock clock;
    NetPoller poller;
    poller.Add(router_.get());
    const Instant limit = clock.Now() + std::chrono::seconds(30);
    while (clock.Now() < limit) {
      if (const auto hello = router_->Receive(); hello.has_value()) {
        EXPECT_TRUE(router_
                        ->Send(hello->peer,
                               Encode(Refused{RefusalCode::kProtocolVersion,
                                              "Update paceline to 9.0."}))
                        .ok());
        return;
      }
      poller.Wait(clock, limit);
    }
    ADD_FAILURE() << "nobody came";
  }

 private:
  NetContext context_;
  std::unique_ptr<RouterSocket> router_;
};

TEST_F(BadInputTest, ACoordinatorOfAnotherProtocolVersion) {
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  CoordinatorOfAnotherVersion coordinator;
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{
           {"run", "tree", "--coordinator", coordinator.endpoint()},
           {"agent", "--connect", coordinator.endpoint(), "--workers", "1"},
           {"status", "--coordinator", coordinator.endpoint()}}) {
    std::vector<std::string> argv = arguments;
    argv.insert(argv.begin(), PacelinePath());
    Program program(argv, {.env = {}, .working_directory = scratch_.path()});
    coordinator.RefuseOne();
    ASSERT_TRUE(program.WaitForExit()) << arguments[0];
    EXPECT_EQ(program.exit_code(), 3) << arguments[0];
    EXPECT_THAT(program.err(), HasSubstr("Update paceline to 9.0."))
        << arguments[0];
  }
}

TEST_F(BadInputTest, AnAgentOfAnotherProtocolVersion) {
  Program coordinator(
      {PacelinePath(), "coordinator", "--listen", "tcp://127.0.0.1:*"});
  NetContext context;
  auto dealer = DealerSocket::Connect(context, EndpointOf(coordinator));
  ASSERT_TRUE(dealer.ok());
  Hello hello;
  hello.protocol = kFleetProtocolVersion + 2;
  hello.program_version = "9.0";
  hello.name = "alpha";
  hello.host = "host";
  hello.slots = 1;
  const SystemClock clock;
  NetPoller poller;
  poller.Add(dealer->get());
  const Instant limit = clock.Now() + std::chrono::seconds(30);
  std::optional<Received> answer;
  while (!answer.has_value() && clock.Now() < limit) {
    // Nothing is queued before there is a connection.
    if (absl::IsUnavailable((*dealer)->Send(Encode(hello)))) {
      poller.Wait(clock, clock.Now() + std::chrono::milliseconds(10));
      continue;
    }
    poller.Wait(clock, limit);
    answer = (*dealer)->Receive();
  }
  ASSERT_TRUE(answer.has_value());
  const auto message = Decode(answer->bytes);
  ASSERT_TRUE(message.ok()) << message.status();
  const auto* refused = std::get_if<Refused>(&*message);
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->code, RefusalCode::kProtocolVersion);
  EXPECT_THAT(refused->sentence,
              AllOf(HasSubstr("version 3"), HasSubstr("update")));
}

TEST_F(BadInputTest, GarbageAtTheCoordinatorsPortDoesNoHarm) {
  Program coordinator(
      {PacelinePath(), "coordinator", "--listen", "tcp://127.0.0.1:*"});
  const std::string endpoint = EndpointOf(coordinator);
  ASSERT_NE(endpoint, "") << coordinator.err();
  const int port = std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
  for (int i = 0; i < 20; ++i) {
    const Fd garbage(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(
        connect(garbage.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof address),
        0);
    const std::string bytes(4096, static_cast<char>(0xdd + i));
    ASSERT_GT(send(garbage.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
  }
  const auto status = Paceline({"status", "--coordinator", endpoint});
  EXPECT_EQ(status->exit_code(), 0) << status->err();
  EXPECT_FALSE(coordinator.ended());
}

TEST_F(BadInputTest, AnUnknownKeyInTheConfigurationNamesTheNearest) {
  scratch_.Write("paceline.toml", "[run]\nretires = 2\n");
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  const auto run = Paceline({"run", "tree"});
  EXPECT_EQ(run->exit_code(), 2);
  EXPECT_THAT(run->err(), AllOf(HasSubstr("paceline.toml"),
                                HasSubstr("retires"), HasSubstr("retries")));
}

TEST_F(BadInputTest, ABadValueInTheConfigurationIsNamed) {
  scratch_.Write("paceline.toml", "[run]\nretries = \"many\"\n");
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  const auto run = Paceline({"run", "tree"});
  EXPECT_EQ(run->exit_code(), 2);
  EXPECT_THAT(run->err(),
              AllOf(HasSubstr("paceline.toml"), HasSubstr("retries")));
}

TEST_F(BadInputTest, AFullDiskForReportsIsSaidAndNotGreen) {
  scratch_.Write("tree/CTestTestfile.cmake", "add_test(one /bin/true)\n");
  for (const char* report : {"--junit", "--json"}) {
    for (const char* command : {"run", "list"}) {
      if (std::string(command) == "list" && std::string(report) == "--junit") {
        continue;
      }
      const auto run = Paceline({command, "tree", report, "/dev/full"});
      EXPECT_EQ(run->exit_code(), 3) << command << report;
      EXPECT_THAT(run->err(), HasSubstr("/dev/full")) << command << report;
    }
  }
}

TEST_F(BadInputTest, AnUnknownFlagIsAUsageError) {
  const auto run = Paceline({"run", "--no-such-flag"});
  EXPECT_EQ(run->exit_code(), 2);
  EXPECT_THAT(run->err(), Not(testing::IsEmpty()));
}

}  // namespace
}  // namespace paceline
