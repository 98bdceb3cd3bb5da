// Runs generated build directories with ctest and with paceline, and compares
// them verdict by verdict: what tests need of each other, time limits, and
// selections. What one program's exit and output come to is compared in
// tests/unit/ctest/verdict_oracle_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "tests/support/program.h"

namespace paceline {
namespace {

// By name; the second "x" is "x#2".
using Verdicts = std::map<std::string, std::string>;

// A line of ctest's, "12/80 Test  #7: name .....***Failed  why  0.01 sec".
void ReadLine(absl::string_view line,
              std::map<int, std::pair<std::string, std::string>>& tests) {
  const std::size_t hash = line.find('#');
  const std::size_t colon = line.find(": ", hash);
  if (hash == line.npos || colon == line.npos ||
      !absl::StrContains(line.substr(0, hash), " Test ")) {
    return;
  }
  int number = 0;
  ASSERT_TRUE(
      absl::SimpleAtoi(line.substr(hash + 1, colon - hash - 1), &number));
  const absl::string_view rest = line.substr(colon + 2);
  constexpr std::pair<const char*, const char*> kWords[] = {
      {"***Not Run (Disabled)", "skipped"},
      {"***Not Run", "not_run"},
      {"***Skipped", "skipped"},
      {"***Failed", "failed"},
      {"***Exception", "crashed"},
      {"***Timeout", "timed_out"},
      {"   Passed  ", "passed"},
  };
  for (const auto& [word, verdict] : kWords) {
    if (absl::StrContains(rest, word)) {
      tests[number] = {std::string(rest.substr(0, rest.find(' '))), verdict};
      return;
    }
  }
  ADD_FAILURE() << "not understood: " << std::string(line);
}

class CtestVerdictsTest : public testing::Test {
 protected:
  // What the tests' scripts leave there is removed before each run.
  void Clean() {
    const std::string state = scratch_.path() + "/state";
    std::filesystem::remove_all(state);
    std::filesystem::create_directories(state + "/running");
  }

  Verdicts AskCtest(std::vector<std::string> arguments) {
    Clean();
    arguments.insert(arguments.begin(), {"ctest", "-j4"});
    const auto ctest = RunProgram(
        std::move(arguments),
        {.working_directory = tree_, .limit = std::chrono::minutes(2)});
    std::map<int, std::pair<std::string, std::string>> tests;
    for (const absl::string_view line : absl::StrSplit(ctest->out(), '\n')) {
      ReadLine(line, tests);
    }
    Verdicts verdicts;
    for (const auto& [number, test] : tests) {
      std::string name = test.first;
      for (int i = 2; verdicts.contains(name); ++i) {
        name = absl::StrCat(test.first, "#", i);
      }
      verdicts[name] = test.second;
    }
    return verdicts;
  }

  Verdicts AskPaceline(std::vector<std::string> arguments) {
    Clean();
    const std::string junit = scratch_.path() + "/junit.xml";
    arguments.insert(arguments.begin(), {PacelinePath(), "run", "tree",
                                         "--workers", "4", "--junit", junit});
    const auto run =
        RunProgram(std::move(arguments), {.working_directory = scratch_.path(),
                                          .limit = std::chrono::minutes(2)});
    output_ = run->out() + run->err();
    exit_code_ = run->exit_code();
    Verdicts verdicts;
    for (const auto& [name, test] : ReadJunitTests(junit)) {
      const bool fresh =
          verdicts.emplace(absl::StripPrefix(name, "tree."), test.verdict)
              .second;
      // There may be several errors of one target.
      EXPECT_TRUE(fresh || absl::StartsWith(name, "discovery.")) << name;
    }
    return verdicts;
  }

  // Returns what both say.
  Verdicts Compare(const std::vector<std::string>& arguments = {}) {
    const Verdicts expected = AskCtest(arguments);
    const Verdicts actual = AskPaceline(arguments);
    EXPECT_EQ(actual, expected) << output_;
    bool good = true;
    for (const auto& [name, verdict] : expected) {
      good = good && (verdict == "passed" || verdict == "skipped");
    }
    if (expected.empty()) {
      EXPECT_EQ(exit_code_, 4) << output_;
    } else {
      EXPECT_EQ(exit_code_ == 0, good) << output_;
    }
    return expected;
  }

  // Adds a test that runs `script`.
  void Add(absl::string_view name, absl::string_view script,
           absl::string_view properties = "") {
    absl::StrAppend(&file_, "add_test(", name, " /bin/sh -c [==[", script,
                    "]==])\n");
    if (!properties.empty()) {
      absl::StrAppend(&file_, "set_tests_properties(", name, " PROPERTIES ",
                      properties, ")\n");
    }
  }
  void WriteTree() { scratch_.Write("tree/CTestTestfile.cmake", file_); }

  std::string State(absl::string_view name) const {
    return absl::StrCat(scratch_.path(), "/state/", name);
  }

  const ScratchDir scratch_;
  const std::string tree_ = scratch_.path() + "/tree";
  std::string file_;
  std::string output_;
  int exit_code_ = -1;
};

TEST_F(CtestVerdictsTest, TimeLimits) {
  Add("over", "exec sleep 100", "TIMEOUT 1");
  Add("over_will_fail", "exec sleep 100", "TIMEOUT 1 WILL_FAIL ON");
  Add("over_with_children", "sleep 100 & sleep 100", "TIMEOUT 1");
  Add("over_and_ignores_term", "trap '' TERM; sleep 100", "TIMEOUT 1");
  Add("over_pass_found", "echo text; exec sleep 100",
      "TIMEOUT 1 PASS_REGULAR_EXPRESSION text");
  Add("over_skip_found", "echo text; exec sleep 100",
      "TIMEOUT 1 SKIP_REGULAR_EXPRESSION text");
  Add("within", "sleep 0.1", "TIMEOUT 30");
  Add("match_then_over", "echo ready; exec sleep 100",
      "TIMEOUT 60 TIMEOUT_AFTER_MATCH \"1;ready\"");
  Add("match_then_over_will_fail", "echo ready; exec sleep 100",
      "WILL_FAIL ON TIMEOUT 60 TIMEOUT_AFTER_MATCH \"1;ready\"");
  Add("match_gives_more_time", "echo ready; sleep 2",
      "TIMEOUT 1 TIMEOUT_AFTER_MATCH \"60;ready\"");
  Add("no_match", "exec sleep 100",
      "TIMEOUT 1 TIMEOUT_AFTER_MATCH \"60;ready\"");
  WriteTree();
  EXPECT_EQ(Compare().size(), 11U);
}

// What holds the output may still print what the verdict depends on.
TEST_F(CtestVerdictsTest, OutputThatOthersHold) {
  Add("found_late", "(sleep 1.5; echo text) & exit 0",
      "PASS_REGULAR_EXPRESSION text TIMEOUT 60");
  Add("fails_late", "(sleep 1.5; echo text) & exit 0",
      "FAIL_REGULAR_EXPRESSION text TIMEOUT 60");
  Add("skips_late", "(sleep 1.5; echo text) & exit 3",
      "SKIP_REGULAR_EXPRESSION text TIMEOUT 60");
  Add("never_ends", "sleep 100 & echo text",
      "PASS_REGULAR_EXPRESSION text TIMEOUT 2");
  WriteTree();
  EXPECT_THAT(Compare(), testing::UnorderedElementsAre(
                             testing::Pair("found_late", "passed"),
                             testing::Pair("fails_late", "failed"),
                             testing::Pair("skips_late", "skipped"),
                             testing::Pair("never_ends", "timed_out")));
}

TEST_F(CtestVerdictsTest, Resources) {
  scratch_.Write("spec.json",
                 R"({"version": {"major": 1, "minor": 0}, "local": [{
                     "gpus": [{"id": "0", "slots": 2}, {"id": "1", "slots": 4}],
                     "ports": [{"id": "8080"}]}]})");
  const auto is = [](absl::string_view variable, absl::string_view value) {
    return absl::StrCat("test \"$CTEST_RESOURCE_GROUP_", variable, "\" = '",
                        value, "'");
  };
  Add("one", absl::StrCat(is("COUNT", "1"), " && ", is("0", "gpus")),
      "RESOURCE_GROUPS gpus:1");
  Add("three_slots", is("0_GPUS", "id:1,slots:3"), "RESOURCE_GROUPS gpus:3");
  Add("two_groups",
      absl::StrCat(is("COUNT", "3"), " && ", is("2", "gpus,ports")),
      "RESOURCE_GROUPS \"2,gpus:1;gpus:1,ports:1\"");
  Add("a_port", is("0_PORTS", "id:8080,slots:1"), "RESOURCE_GROUPS ports:1");
  Add("too_much", "exit 0", "RESOURCE_GROUPS gpus:5");
  Add("unknown", "exit 0", "RESOURCE_GROUPS tpus:1");
  Add("too_many", "exit 0", "RESOURCE_GROUPS 2,ports:1");
  Add("too_much_will_fail", "exit 0", "RESOURCE_GROUPS gpus:5 WILL_FAIL ON");
  Add("none", is("COUNT", "0"));
  Add("nothing", is("COUNT", "1"), "RESOURCE_GROUPS gpus:0");
  for (int i = 0; i < 4; ++i) {
    // All of the one thing there is.
    Add(absl::StrCat("alone", i),
        absl::StrCat("mkdir ", State("port"), " && sleep 0.05 && rmdir ",
                     State("port")),
        "RESOURCE_GROUPS ports:1");
  }
  WriteTree();
  EXPECT_EQ(
      Compare({"--resource-spec-file", scratch_.path() + "/spec.json"}).size(),
      14U);
  // Without the file nothing is given out, and nothing is missing.
  Compare({"-R", "too_much|unknown|none|nothing"});
}

TEST_F(CtestVerdictsTest, Configurations) {
  file_ =
      "if(CTEST_CONFIGURATION_TYPE MATCHES \"^([Dd][Ee][Bb][Uu][Gg])$\")\n"
      "  add_test(debug /bin/sh -c \"test $CMAKE_CONFIG_TYPE = Debug\")\n"
      "else()\n"
      "  add_test(debug NOT_AVAILABLE)\n"
      "endif()\n"
      "if(CTEST_CONFIGURATION_TYPE MATCHES \"^(Release)$\")\n"
      "  add_test(release /bin/sh -c \"test $CMAKE_CONFIG_TYPE = Release\")\n"
      "else()\n"
      "  add_test(release NOT_AVAILABLE)\n"
      "endif()\n";
  Add("any", "exit 0");
  Add("unset", "test -z \"$CMAKE_CONFIG_TYPE\"");
  WriteTree();
  // Which ctest reads in its dashboard mode alone.
  scratch_.Write("tree/DartConfiguration.tcl",
                 "DefaultCTestConfigurationType: Release\n");
  Compare();
  Compare({"-C", "Debug"});
  Compare({"-C", "Release"});
  Compare({"-C", "Other"});
}

TEST_F(CtestVerdictsTest, WhatIsNotThere) {
  absl::StrAppend(&file_, "add_test(not_built /nonexistent/program)\n",
                  "add_test(x_NOT_BUILT x_NOT_BUILT)\n");
  Add("requires_file", "exit 0", "REQUIRED_FILES /nonexistent");
  Add("set_up_is_not_there", "exit 0",
      "REQUIRED_FILES /nonexistent FIXTURES_SETUP F");
  Add("user", "exit 0", "FIXTURES_REQUIRED F");
  Add("clean_up", "exit 0", "FIXTURES_CLEANUP F");
  Add("depends_on_it", "exit 0", "DEPENDS not_built");
  Add("disabled", "exit 3", "DISABLED ON");
  Add("disabled_set_up", "exit 3", "DISABLED ON FIXTURES_SETUP G");
  Add("user_of_disabled", "exit 0", "FIXTURES_REQUIRED G");
  Add("skipped_set_up", "exit 77", "SKIP_RETURN_CODE 77 FIXTURES_SETUP H");
  Add("user_of_skipped", "exit 0", "FIXTURES_REQUIRED H");
  WriteTree();
  EXPECT_EQ(Compare().size(), 12U);
}

// ctest takes the tests of directories below first, and a property set later is
// one of all tests of its name so far.
TEST_F(CtestVerdictsTest, TestsOfOneName) {
  scratch_.Write("tree/sub/CTestTestfile.cmake",
                 "add_test(x /bin/false)\n"
                 "add_test(y /bin/true)\n"
                 "set_tests_properties(x PROPERTIES DEPENDS y)\n");
  file_ = "subdirs(sub)\n";
  Add("x", "exit 0");
  Add("y", "exit 0");
  Add("z", "exit 0", "DEPENDS \"x;y\"");
  WriteTree();
  EXPECT_EQ(Compare().size(), 5U);
  Compare({"-R", "^x$"});
}

// The run was green without a word of it, where ctest runs it and fails.
TEST_F(CtestVerdictsTest, ATestWithoutANameIsNeverGreen) {
  file_ = "add_test(\"\" \"/bin/false\")\n";
  Add("named", "exit 0");
  WriteTree();
  const Verdicts verdicts = AskPaceline({});
  EXPECT_EQ(verdicts.at("named"), "passed") << output_;
  EXPECT_EQ(exit_code_, 3) << output_;
  EXPECT_TRUE(absl::StrContains(output_, "tree has no name")) << output_;
}

// The coordinator refused the whole manifest for one of them.
TEST_F(CtestVerdictsTest, WhatNoManifestMayHoldDoesNotKeepOthersFromRunning) {
  std::string labels;
  for (int i = 0; i < 1500; ++i) {
    absl::StrAppend(&labels, "l", i, ";");
  }
  Add("named", "exit 0");
  Add("labelled", "exit 0", absl::StrCat("LABELS \"", labels, "\""));
  Add("many_groups", "exit 0", "RESOURCE_GROUPS \"2000,gpus:1\"");
  Add(std::string(20'000, 'n'), "exit 0");
  WriteTree();
  const Verdicts verdicts = AskPaceline({});
  EXPECT_EQ(verdicts.at("named"), "passed") << output_;
  EXPECT_EQ(exit_code_, 3) << output_;
  for (const char* what :
       {"test \"labelled\" cannot be run: labels: 1500 entries",
        "test \"many_groups\" cannot be run: constraints.resource_groups: 2000",
        "cannot be run: name: is 20000 bytes"}) {
    EXPECT_TRUE(absl::StrContains(output_, what)) << what << output_;
  }
}

// Tests in whose order and company their success lies, with every property that
// says what tests need of each other.
class CtestVerdictsRandomTest : public CtestVerdictsTest,
                                public testing::WithParamInterface<unsigned> {
 protected:
  static constexpr int kFixtures = 3;

  unsigned Below(std::size_t bound) {
    return static_cast<unsigned>(random_() % bound);
  }
  bool Often() { return Below(3) != 0; }
  bool Seldom() { return Below(6) == 0; }

  // Says in its exit status whether it ran alone, in order, and under its lock.
  std::string Script(absl::string_view name, absl::string_view checks,
                     const std::string& lock, bool serial) {
    const std::string running = State("running/");
    std::string script =
        absl::StrCat("touch ", running, name, "\n", "good=0\n", checks);
    if (!lock.empty()) {
      absl::StrAppend(&script, "mkdir ", State(lock), " || good=9\n");
    }
    if (serial) {
      absl::StrAppend(&script, "test $(ls ", running, " | wc -l) = 1 ||",
                      " good=8\n");
    }
    absl::StrAppend(&script, "sleep 0.02\n");
    if (!lock.empty()) {
      absl::StrAppend(&script, "rmdir ", State(lock), "\n");
    }
    absl::StrAppend(&script, "touch ", State("done."), name, "\nrm -f ",
                    running, name, "\ntest $good = 0 || exit $good\n");
    return script;
  }

  void AddRandom(const std::string& name, std::string checks,
                 std::string properties, std::string last = "") {
    std::string lock;
    const bool serial = Seldom();
    if (Seldom()) {
      lock = absl::StrCat("lock", Below(2));
      absl::StrAppend(&properties, " RESOURCE_LOCK ", lock);
    }
    if (serial) {
      absl::StrAppend(&properties, " RUN_SERIAL ON");
    }
    if (Seldom()) {
      absl::StrAppend(&properties, " PROCESSORS ", 1 + Below(6));
    }
    if (Seldom()) {
      absl::StrAppend(&properties, " LABELS \"slow;l", Below(2), "\"");
    }
    // Names of tests that are there already, so that there is no circle.
    if (!names_.empty() && Below(4) == 0) {
      const std::string& earlier = names_[Below(names_.size())];
      absl::StrAppend(&properties, " DEPENDS ", earlier);
    }
    switch (Below(12)) {
      case 0:
        last = "exit 3";
        break;
      case 1:
        last = "kill -SEGV $$";
        break;
      case 2:
        last = "exit 77";
        absl::StrAppend(&properties, " SKIP_RETURN_CODE 77");
        break;
      case 3:
        last = "exit 3";
        absl::StrAppend(&properties, " WILL_FAIL ON");
        break;
      case 4:
        absl::StrAppend(&properties, " REQUIRED_FILES /nonexistent");
        break;
      case 5:
        absl::StrAppend(&properties, " DISABLED ON");
        break;
      default:
        break;
    }
    Add(name, absl::StrCat(Script(name, checks, lock, serial), last),
        properties);
    names_.push_back(name);
  }

  void MakeTree() {
    for (int fixture = 0; fixture < kFixtures; ++fixture) {
      for (unsigned i = 0; i < 1 + Below(2); ++i) {
        std::string properties = absl::StrCat(" FIXTURES_SETUP F", fixture);
        if (fixture > 0 && Seldom()) {
          absl::StrAppend(&properties, " FIXTURES_REQUIRED F", fixture - 1);
        }
        AddRandom(absl::StrCat("setup", fixture, "_", i), "",
                  std::move(properties));
      }
    }
    for (int i = 0; i < 14; ++i) {
      std::string properties;
      std::string checks;
      if (Often()) {
        std::vector<std::string> required = {absl::StrCat("F", Below(3))};
        if (Seldom()) {
          required.push_back("F0");
        }
        properties = absl::StrCat(" FIXTURES_REQUIRED \"",
                                  absl::StrJoin(required, ";"), "\"");
        checks =
            absl::StrCat("test -e ", State(absl::StrCat("over.", required[0])),
                         " && good=7\n");
      }
      AddRandom(absl::StrCat("test", i), std::move(checks),
                std::move(properties));
    }
    for (int fixture = 0; fixture < kFixtures; ++fixture) {
      if (Often()) {
        AddRandom(absl::StrCat("cleanup", fixture),
                  absl::StrCat("touch ", State(absl::StrCat("over.F", fixture)),
                               "\n"),
                  absl::StrCat(" FIXTURES_CLEANUP F", fixture));
      }
    }
    WriteTree();
  }

  std::mt19937_64 random_{GetParam()};
  std::vector<std::string> names_;
};

TEST_P(CtestVerdictsRandomTest, GivesTheVerdictsOfCtest) {
  MakeTree();
  const Verdicts all = Compare();
  EXPECT_EQ(all.size(), names_.size());
  const std::vector<std::vector<std::string>> selections = {
      {"-R", "test[0-4]$"},  {"-R", "test", "-E", "1"},
      {"-E", "setup"},       {"-L", "slow"},
      {"-LE", "l0"},         {"-L", "l1", "-R", "test"},
      {"-R", "no such test"}};
  // Each seed tries two of them, and all seeds together try all.
  for (unsigned i = 0; i < 2; ++i) {
    const std::vector<std::string>& selection =
        selections[(2 * GetParam() + i) % selections.size()];
    SCOPED_TRACE(absl::StrJoin(selection, " ") + "\n" + file_);
    Compare(selection);
    if (HasFailure()) {
      return;
    }
  }
  // What failed last is in a file of ctest's.
  AskCtest({});
  Compare({"--rerun-failed"});
}

INSTANTIATE_TEST_SUITE_P(Seeds, CtestVerdictsRandomTest,
                         testing::Range(1U, 5U));

}  // namespace
}  // namespace paceline
