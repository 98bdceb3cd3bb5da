// GoogleTest's own tree, whole: the verdict of each of its CTest tests equals
// ctest's, and the verdict of each case of its programs equals what the program
// itself says in its XML and exit status. Here and on a fleet of three agents,
// one of which is killed.
//
// PACELINE_GOOGLETEST_TREE names the tree's build directory; without it there
// is nothing to compare with and the tests are skipped. .ci/nightly builds it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/fleet.h"
#include "tests/support/program.h"

namespace paceline {
namespace {

using Verdicts = std::map<std::string, std::string>;

// Good, bad or skipped, by the name of the test alone. ctest says "fail" where
// paceline tells failures from errors.
Verdicts ReadVerdicts(const std::string& path) {
  Verdicts verdicts;
  pugi::xml_document document;
  EXPECT_TRUE(document.load_file(path.c_str())) << path;
  for (const pugi::xpath_node& found : document.select_nodes("//testcase")) {
    const pugi::xml_node test = found.node();
    const std::string status = test.attribute("status").value();
    std::string verdict = "good";
    if (test.child("skipped") || status == "notrun" || status == "disabled") {
      verdict = "skipped";
    } else if (test.child("failure") || test.child("error")) {
      verdict = "bad";
    }
    EXPECT_TRUE(
        verdicts.emplace(test.attribute("name").value(), verdict).second)
        << test.attribute("name").value() << " is in " << path << " twice";
  }
  return verdicts;
}

// The same by "Suite.Case".
Verdicts ReadCases(const std::string& path) {
  Verdicts verdicts;
  for (const auto& [name, outcome] : ReadJunit(path)) {
    verdicts[name] = outcome == "passed"    ? "good"
                     : outcome == "skipped" ? "skipped"
                                            : "bad";
  }
  return verdicts;
}

class GoogletestTreeTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* tree = std::getenv("PACELINE_GOOGLETEST_TREE");
    if (tree == nullptr) {
      GTEST_SKIP() << "PACELINE_GOOGLETEST_TREE is not set: there is no built "
                      "tree to compare with";
    }
    tree_ = tree;
    // Some of the tree's tests read what this one would be told.
    unsetenv("GTEST_OUTPUT");
  }

  ProgramOptions Options() const {
    return {.env = {},
            .working_directory = scratch_.path(),
            .limit = std::chrono::minutes(10)};
  }

  std::string Scratch(absl::string_view name) const {
    return absl::StrCat(scratch_.path(), "/", name);
  }

  const Verdicts& CtestVerdicts() {
    static const Verdicts* verdicts = [this] {
      RunProgram({"ctest", "--test-dir", tree_, "-j2", "--output-junit",
                  Scratch("ctest.xml")},
                 Options());
      return new Verdicts(ReadVerdicts(Scratch("ctest.xml")));
    }();
    return *verdicts;
  }

  // The tree's programs that list cases.
  std::vector<std::string> Programs() {
    const auto listing = RunProgram(
        {"ctest", "--test-dir", tree_, "--show-only=json-v1"}, Options());
    std::set<std::string> programs;
    const nlohmann::json tests = nlohmann::json::parse(listing->out());
    for (const nlohmann::json& test : tests["tests"]) {
      const std::string program = test["command"][0].get<std::string>();
      if (absl::StartsWith(program, tree_)) {
        programs.insert(program);
      }
    }
    return {programs.begin(), programs.end()};
  }

  std::string tree_;
  ScratchDir scratch_;
};

TEST_F(GoogletestTreeTest, VerdictsAreCtests) {
  RunProgram({PacelinePath(), "run", tree_, "--junit", Scratch("here.xml")},
             Options());
  EXPECT_GE(CtestVerdicts().size(), 60U);
  EXPECT_EQ(ReadVerdicts(Scratch("here.xml")), CtestVerdicts());
}

TEST_F(GoogletestTreeTest, VerdictsAreCtestsOnAFleetThatLosesAnAgent) {
  Fleet fleet({.agents = 3,
               .workers = 1,
               .coordinator_arguments = {"--lost-after", "1s"}});
  Program run({PacelinePath(), "run", "--coordinator", fleet.endpoint(), tree_,
               "--junit", Scratch("fleet.xml"), "-v"},
              Options());
  ASSERT_TRUE(run.WaitFor("PASSED")) << run.err();
  fleet.agent(0).Signal(SIGKILL);
  ASSERT_TRUE(run.WaitForExit());
  EXPECT_EQ(ReadVerdicts(Scratch("fleet.xml")), CtestVerdicts());
}

// Programs whose cases cannot be run by another than their own main, or not
// each for itself. Run whole, as CTest tests, they are in the tests above.
struct OnlyWhole {
  const char* program;
  const char* why;
};
constexpr OnlyWhole kOnlyWhole[] = {
    {"gtest-unittest-api_test",
     "two cases and the environment's tear-down count the cases and suites "
     "that the filter selected, and want all of them"},
    {"gtest_no_test_unittest",
     "it has no case; its main fails on purpose, and returns 0 for that"},
    {"gtest_repeat_test",
     "its main calls RUN_ALL_TESTS with filters and repeats of its own, and "
     "aborts unless each case ran just as often"},
    {"googletest-param-test-test",
     "a SetUpTestSuite wants the filter to match names of another suite's, "
     "which no list of cases does"},
};

bool RunsOnlyWhole(absl::string_view program) {
  return std::any_of(std::begin(kOnlyWhole), std::end(kOnlyWhole),
                     [program](const OnlyWhole& one) {
                       return absl::EndsWith(program,
                                             absl::StrCat("/", one.program));
                     });
}

// The cases as the program's own report has them. One that never began (an
// environment that skips all) is "completed" there, with no time of its own.
Verdicts ReadOwnCases(const std::string& path) {
  Verdicts verdicts = ReadCases(path);
  pugi::xml_document document;
  EXPECT_TRUE(document.load_file(path.c_str())) << path;
  for (const pugi::xpath_node& found : document.select_nodes("//testcase")) {
    const pugi::xml_node test = found.node();
    const std::string timestamp = test.attribute("timestamp").value();
    if (absl::StartsWith(timestamp, "1970-01-01T") ||
        absl::StartsWith(timestamp, "1969-12-31T")) {
      verdicts[absl::StrCat(test.attribute("classname").value(), ".",
                            test.attribute("name").value())] = "skipped";
    }
  }
  return verdicts;
}

bool HasBad(const Verdicts& verdicts) {
  return std::any_of(verdicts.begin(), verdicts.end(),
                     [](const auto& entry) { return entry.second == "bad"; });
}

// What the program says of itself: its XML, where it lived to write one, and
// its exit status. Here and on three agents, one of which is killed while the
// largest program runs.
TEST_F(GoogletestTreeTest, CasesAreThePrograms) {
  Fleet fleet({.agents = 3,
               .workers = 1,
               .coordinator_arguments = {"--lost-after", "1s"}});
  int compared = 0;
  bool killed = false;
  for (const std::string& program : Programs()) {
    SCOPED_TRACE(program);
    for (const char* name : {"own.xml", "here.xml", "there.xml"}) {
      unlink(Scratch(name).c_str());
    }
    const auto alone = RunProgram(
        {program, absl::StrCat("--gtest_output=xml:", Scratch("own.xml"))},
        Options());
    if (access(Scratch("own.xml").c_str(), R_OK) != 0) {
      GTEST_LOG_(INFO) << program << " writes no report of its own";
      continue;
    }
    const auto here = RunProgram({PacelinePath(), "run", "--runner", "gtest",
                                  program, "--junit", Scratch("here.xml")},
                                 Options());
    if (RunsOnlyWhole(program)) {
      // And that does not go unseen.
      EXPECT_NE(here->exit_code(), 0) << here->out();
      continue;
    }
    const Verdicts expected = ReadOwnCases(Scratch("own.xml"));
    if (expected.empty()) {
      GTEST_LOG_(INFO) << program << " has no cases";
      continue;
    }
    Program there(
        {PacelinePath(), "run", "--coordinator", fleet.endpoint(), "--runner",
         "gtest", program, "--junit", Scratch("there.xml"), "-v"},
        Options());
    if (absl::EndsWith(program, "/gtest_unittest")) {
      ASSERT_TRUE(there.WaitFor("PASSED")) << there.err();
      fleet.agent(0).Signal(SIGKILL);
      killed = true;
    }
    ASSERT_TRUE(there.WaitForExit());
    ++compared;
    EXPECT_EQ(ReadCases(Scratch("here.xml")), expected);
    EXPECT_EQ(ReadCases(Scratch("there.xml")), expected);
    // A main may want its cases to fail, and return 0 when they do; they have
    // failed all the same.
    const bool good = alone->exit_code() == 0 && !HasBad(expected);
    EXPECT_EQ(here->exit_code() == 0, good) << here->err();
    EXPECT_EQ(there.exit_code() == 0, good) << there.err();
  }
  EXPECT_GE(compared, 20);
  EXPECT_TRUE(killed);
}

}  // namespace
}  // namespace paceline
