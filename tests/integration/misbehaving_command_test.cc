// A program that misbehaves in every way, run by the runners whose tests are
// processes: each test has its own verdict and does no harm to those beside
// it. Under the ctest runner the verdicts are also held against ctest's own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <pugixml.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/marked_processes.h"
#include "tests/support/program.h"
#include "tests/support/verdict_table.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;
using testing::StartsWith;
using Tests = std::multimap<std::string, JunitTest>;

// What the program is told to do, and what becomes of it.
struct Behaviour {
  std::string name;
  std::string verdict;
  std::string says = "";
  bool leaks = false;
};

// Those that come to an end by themselves, without a flood.
std::vector<Behaviour> EndingBehaviours() {
  std::vector<Behaviour> all = {
      {"exits-with-3", "failed", "exit status 3"},
      {"aborts", "crashed", "SIGABRT"},
      {"leaves-a-grandchild", "passed", "", /*leaks=*/true},
      {"leaves-a-session", "passed", "", /*leaks=*/true},
      {"prints-binary", "passed"},
      {"reads-input", "passed"},
      {"closes-output", "passed"},
      {"changes-directory", "passed"},
      // Its parent is the worker.
      {"kills-its-parent", "crashed", "SIGKILL"},
      {"kills-its-parent-gently", "crashed", "SIGTERM to its worker"},
      {"kills-its-group", "crashed", "SIGKILL"},
      {"pretends-to-pass", "failed", "exit status 1"},
      {"pretends-to-fail", "passed"},
      {"writes-frames", "passed"},
  };
  for (const char* signal :
       {"SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS",
        "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE",
        "SIGALRM", "SIGTERM", "SIGXCPU", "SIGXFSZ", "SIGSYS"}) {
    all.push_back({signal, "crashed", signal});
  }
  return all;
}

// Those that have to be ended.
std::vector<Behaviour> HangingBehaviours() {
  return {
      {"hangs", "timed_out", "timed out after 2.00 s"},
      {"ignores-term", "timed_out", "timed out after 2.00 s"},
      {"tidies-up", "timed_out", "timed out after 2.00 s"},
      // Nothing but SIGKILL reaches it then.
      {"SIGSTOP", "timed_out", "timed out after 2.00 s"},
  };
}

class MisbehavingCommandTest : public testing::Test {
 protected:
  MisbehavingCommandTest() {
    std::filesystem::create_symlink(TestProgramPath("plain/misbehaves"),
                                    Scratch("misbehaves"));
  }

  ~MisbehavingCommandTest() override {
    // The warden outlives a run only to end what it left.
    EXPECT_EQ(LeftAfter(mark_.Find(), std::chrono::seconds(2)), 0);
  }

  std::string Scratch(absl::string_view name) const {
    return absl::StrCat(scratch_.path(), "/", name);
  }

  ProgramOptions Options() const {
    return {.env = {mark_.env()},
            .working_directory = scratch_.path(),
            .limit = std::chrono::minutes(2)};
  }

  std::unique_ptr<Program> RunPaceline(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {PacelinePath(), "run", "--junit", Scratch("junit.xml")});
    return RunProgram(std::move(arguments), Options());
  }

  Tests ReadTests() const { return ReadJunitTests(Scratch("junit.xml")); }

  // One command a line, each between two that are sound.
  std::string WriteCommands(const std::vector<Behaviour>& behaviours) {
    std::string commands = "./misbehaves is-sound\n";
    for (const Behaviour& behaviour : behaviours) {
      absl::StrAppend(&commands, "./misbehaves ", behaviour.name,
                      "\n./misbehaves is-sound\n");
    }
    scratch_.Write("commands", commands);
    return "commands";
  }

  void ExpectCommands(const std::vector<Behaviour>& behaviours) {
    const std::string prefix = "commands../misbehaves ";
    VerdictTable table = {{prefix + "is-sound", "passed"}};
    for (const Behaviour& behaviour : behaviours) {
      table.push_back(
          {prefix + behaviour.name, behaviour.verdict, behaviour.says});
      table.push_back(
          {absl::StrCat(prefix, "is-sound #", table.size() / 2 + 1), "passed"});
    }
    ExpectVerdicts(ReadTests(), table);
    ExpectLeaks(prefix, behaviours);
  }

  // The same as tests of a CTest build directory.
  std::string WriteCtestTree(const std::vector<Behaviour>& behaviours) {
    std::string file;
    const auto add = [&](const std::string& test, const std::string& name) {
      absl::StrAppend(&file, "add_test(", test, " \"", Scratch("misbehaves"),
                      "\" \"", name, "\")\n");
    };
    add("sound", "is-sound");
    for (const Behaviour& behaviour : behaviours) {
      add(behaviour.name, behaviour.name);
      if (behaviour.verdict == "timed_out") {
        absl::StrAppend(&file, "set_tests_properties(", behaviour.name,
                        " PROPERTIES TIMEOUT 2)\n");
      }
      add("after-" + behaviour.name, "is-sound");
    }
    scratch_.Write("tree/CTestTestfile.cmake", file);
    return "tree";
  }

  void ExpectCtestTests(const std::vector<Behaviour>& behaviours) {
    VerdictTable table = {{"tree.sound", "passed"}};
    for (const Behaviour& behaviour : behaviours) {
      table.push_back(
          {"tree." + behaviour.name, behaviour.verdict, behaviour.says});
      table.push_back({"tree.after-" + behaviour.name, "passed"});
    }
    ExpectVerdicts(ReadTests(), table);
    ExpectLeaks("tree.", behaviours);
  }

  ScratchDir scratch_;
  ProcessMark mark_;

 private:
  void ExpectLeaks(const std::string& prefix,
                   const std::vector<Behaviour>& behaviours) {
    std::map<std::string, bool> expected;
    for (const Behaviour& behaviour : behaviours) {
      expected[prefix + behaviour.name] = behaviour.leaks;
    }
    for (const auto& [name, test] : ReadTests()) {
      const auto found = expected.find(name);
      EXPECT_EQ(test.properties.count("paceline.leaked") > 0,
                found != expected.end() && found->second)
          << name;
    }
  }
};

void ExpectFlood(const JunitTest& test) {
  EXPECT_THAT(test.output, StartsWith("flood begins\nxxx"));
  EXPECT_THAT(test.output.substr(test.output.size() - 20),
              HasSubstr("x\nflood ends\n"));
  // 1 GiB and the two lines, less the 1 MiB that is kept.
  EXPECT_THAT(test.output, HasSubstr("[1023.0 MiB of output cut here]"));
  EXPECT_THAT(test.output.size(), AllOf(Ge(1U << 20), Le((1U << 20) + 100)));
}

TEST_F(MisbehavingCommandTest, EachCommandHasItsOwnVerdict) {
  const auto run = RunPaceline({"--workers", "2", "--runner", "command",
                                WriteCommands(EndingBehaviours())});
  EXPECT_EQ(run->exit_code(), 1) << run->err();
  ExpectCommands(EndingBehaviours());
  const Tests tests = ReadTests();
  EXPECT_EQ(OnlyTest(tests, "commands../misbehaves closes-output").output,
            "still open\n");
  EXPECT_THAT(OnlyTest(tests, "commands../misbehaves pretends-to-fail").output,
              HasSubstr("<testcase name=\"forged\""));
}

TEST_F(MisbehavingCommandTest, ACommandThatHangsIsEndedInTime) {
  const auto run = RunPaceline({"--workers", "4", "--timeout", "2s", "--runner",
                                "command", WriteCommands(HangingBehaviours())});
  EXPECT_EQ(run->exit_code(), 1) << run->err();
  ExpectCommands(HangingBehaviours());
  EXPECT_EQ(OnlyTest(ReadTests(), "commands../misbehaves hangs").output,
            "about to hang\n");
}

TEST_F(MisbehavingCommandTest, OfACommandsFloodTheEndsAreKept) {
  const auto run = RunPaceline({"--", "./misbehaves", "floods"});
  EXPECT_EQ(run->exit_code(), 0) << run->err();
  ExpectFlood(OnlyTest(ReadTests(), "command../misbehaves floods"));
}

TEST_F(MisbehavingCommandTest, WhatIsLeftBehindIsBadWhereThatIsSaid) {
  for (const char* name : {"leaves-a-grandchild", "leaves-a-session"}) {
    const auto mild = RunPaceline({"--", "./misbehaves", name});
    EXPECT_EQ(mild->exit_code(), 0) << mild->err();
    EXPECT_THAT(mild->out(), HasSubstr("leaked"));
    const auto strict =
        RunPaceline({"--fail-on-leak", "--", "./misbehaves", name});
    EXPECT_EQ(strict->exit_code(), 1) << strict->err();
  }
}

// The shell's own words and anything but one plain program stay with it.
TEST_F(MisbehavingCommandTest, ALineIsReadAsAShellReadsIt) {
  const std::pair<std::string, std::string> lines[] = {
      {"exit 3", "failed"},
      {"true", "passed"},
      {"! false", "passed"},
      {"cd / && test -d usr", "passed"},
      {"NAME=value; test $NAME = value", "passed"},
      {"NAME=value ./misbehaves is-sound", "passed"},
      {"{ ./misbehaves exits-with-3; } || true", "passed"},
      {"(exit 0)", "passed"},
      {"if ./misbehaves is-sound; then exit 4; fi", "failed"},
      {"./misbehaves SIGSEGV || true", "passed"},
      {"test -n \"$(./misbehaves is-sound)\"", "passed"},
      {"./misbehaves 'SIG''SEGV'", "crashed"},
      {"./misbehaves is-sound > told", "passed"},
      {"./misbehaves $1", "crashed"},
      {"env NAME=value ./misbehaves SIGBUS", "crashed"},
      {"no-such-program", "failed"},
  };
  std::string commands;
  VerdictTable table;
  for (const auto& [line, verdict] : lines) {
    absl::StrAppend(&commands, line, "\n");
    table.push_back({absl::StrCat("commands.", line), verdict});
  }
  scratch_.Write("commands", commands);
  RunPaceline({"--runner", "command", "commands", "--", "SIGFPE"});
  ExpectVerdicts(ReadTests(), table);
  EXPECT_EQ(ReadFile(Scratch("told")), "all is well\n");
}

TEST_F(MisbehavingCommandTest, EachCtestTestHasItsOwnVerdict) {
  std::vector<Behaviour> behaviours = EndingBehaviours();
  for (const Behaviour& behaviour : HangingBehaviours()) {
    behaviours.push_back(behaviour);
  }
  behaviours.push_back({"floods", "passed"});
  const auto run = RunPaceline({"--workers", "4", WriteCtestTree(behaviours)});
  EXPECT_EQ(run->exit_code(), 1) << run->err();
  ExpectCtestTests(behaviours);
  ExpectFlood(OnlyTest(ReadTests(), "tree.floods"));
}

// Good or not, by the name of the test.
std::map<std::string, bool> ReadCtestVerdicts(const std::string& path) {
  std::map<std::string, bool> good;
  pugi::xml_document document;
  EXPECT_TRUE(document.load_file(path.c_str())) << path;
  for (const pugi::xpath_node& found : document.select_nodes("//testcase")) {
    good[found.node().attribute("name").value()] =
        absl::string_view(found.node().attribute("status").value()) == "run";
  }
  return good;
}

TEST_F(MisbehavingCommandTest, CtestItselfSaysTheSame) {
  std::vector<Behaviour> behaviours;
  for (const Behaviour& behaviour : EndingBehaviours()) {
    // ctest waits without end for what is left behind, is what the others
    // kill, and lets its tests inherit descriptors.
    if (!behaviour.leaks && !absl::StartsWith(behaviour.name, "kills-") &&
        behaviour.name != "writes-frames") {
      behaviours.push_back(behaviour);
    }
  }
  for (const Behaviour& behaviour : HangingBehaviours()) {
    behaviours.push_back(behaviour);
  }
  const std::string tree = WriteCtestTree(behaviours);
  RunProgram({"ctest", "--test-dir", tree, "-j4", "--output-junit",
              Scratch("ctest.xml")},
             Options());
  std::map<std::string, bool> expected = {{"sound", true}};
  for (const Behaviour& behaviour : behaviours) {
    expected[behaviour.name] = behaviour.verdict == "passed";
    expected["after-" + behaviour.name] = true;
  }
  EXPECT_THAT(ReadCtestVerdicts(Scratch("ctest.xml")),
              testing::ContainerEq(expected));
}

}  // namespace
}  // namespace paceline
