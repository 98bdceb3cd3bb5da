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

#include <cstdlib>
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

// What the program says of itself: its XML, where it lived to write one.
TEST_F(GoogletestTreeTest, CasesAreThePrograms) {
  Fleet fleet({.agents = 3, .workers = 1});
  int compared = 0;
  for (const std::string& program : Programs()) {
    SCOPED_TRACE(program);
    const std::string own = Scratch("own.xml");
    unlink(own.c_str());
    const auto alone = RunProgram(
        {program, absl::StrCat("--gtest_output=xml:", own)}, Options());
    if (access(own.c_str(), R_OK) != 0) {
      GTEST_LOG_(INFO) << program << " writes no report of its own";
      continue;
    }
    const Verdicts expected = ReadCases(own);
    const auto here = RunProgram({PacelinePath(), "run", "--runner", "gtest",
                                  program, "--junit", Scratch("here.xml")},
                                 Options());
    const auto there = RunProgram(
        {PacelinePath(), "run", "--coordinator", fleet.endpoint(), "--runner",
         "gtest", program, "--junit", Scratch("there.xml")},
        Options());
    if (expected.empty()) {
      GTEST_LOG_(INFO) << program << " has no cases";
      continue;
    }
    ++compared;
    EXPECT_EQ(ReadCases(Scratch("here.xml")), expected);
    EXPECT_EQ(ReadCases(Scratch("there.xml")), expected);
    EXPECT_EQ(here->exit_code() == 0, alone->exit_code() == 0) << here->err();
    EXPECT_EQ(there->exit_code() == 0, alone->exit_code() == 0) << there->err();
  }
  EXPECT_GE(compared, 20);
}

}  // namespace
}  // namespace paceline
