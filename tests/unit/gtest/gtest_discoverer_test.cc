// Discovery of the cases in real programs, and of none in what is no program.

#include "worker/gtest/gtest_discoverer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/support/program.h"
#include "tests/support/worker_fakes.h"

namespace paceline {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string GtestProgram(absl::string_view name) {
  return TestProgramPath(absl::StrCat("gtest/", name));
}

class GtestDiscovererTest : public testing::Test {
 protected:
  GtestDiscovererTest() { options_.env = CurrentEnvironment(); }

  void Discover(const std::string& path,
                std::vector<std::string> arguments = {}) {
    sink_ = RecordingSink();
    GtestDiscoverer().Discover({path, std::move(arguments)}, options_, sink_);
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const TestSpec& test : sink_.tests) {
      names.push_back(test.name);
    }
    return names;
  }
  // The one error of discovering `path`.
  std::string Error(const std::string& path) {
    Discover(path);
    EXPECT_THAT(sink_.suites, IsEmpty()) << path;
    EXPECT_THAT(sink_.tests, IsEmpty()) << path;
    EXPECT_THAT(sink_.errors, SizeIs(1)) << path;
    if (sink_.errors.size() != 1) {
      return "";
    }
    EXPECT_EQ(sink_.errors[0].target, path);
    return sink_.errors[0].message;
  }
  // A program that writes `json` to the file that it is asked to write its
  // list to, and exits with `status`.
  std::string Lister(absl::string_view json, int status = 0) {
    std::string path = dir_.Write(
        "lister",
        absl::StrCat("#!/bin/sh\nfor argument; do case $argument in\n"
                     "--gtest_output=json:*) cat > ${argument#*:} <<'EOF'\n",
                     json, "\nEOF\n;; esac; done\nexit ", status, "\n"));
    chmod(path.c_str(), 0755);
    return path;
  }

  const ScratchDir dir_;
  DiscoveryOptions options_;
  RecordingSink sink_;
};

TEST_F(GtestDiscovererTest, ATargetIsASuiteAndGoogleTestsSuitesAreScopes) {
  const std::string path = GtestProgram("gtest_outcomes");
  Discover(path, {"--mine"});
  ASSERT_THAT(sink_.suites, SizeIs(1));
  const SuiteSpec& suite = sink_.suites[0];
  EXPECT_EQ(suite.name, path);
  EXPECT_EQ(suite.runner, "gtest");
  EXPECT_EQ(suite.program, path);
  EXPECT_THAT(suite.arguments, ElementsAre("--mine"));
  EXPECT_EQ(suite.working_directory, std::filesystem::current_path().string());
  EXPECT_EQ(suite.options, "");
  EXPECT_THAT(sink_.errors, IsEmpty());

  EXPECT_THAT(
      Names(),
      ElementsAre("Outcomes.Passes", "Outcomes.Fails", "Outcomes.FailsTwice",
                  "Outcomes.FailsFatally", "Outcomes.Throws", "Outcomes.Skips",
                  "Outcomes.SkipsAndFails", "Outcomes.Succeeds",
                  "Outcomes.RecordsProperties", "Outcomes.DISABLED_Fails",
                  "DISABLED_Outcomes.Fails"));
  const TestSpec& passes = sink_.Test("Outcomes.Passes");
  EXPECT_EQ(passes.scope, "Outcomes");
  EXPECT_TRUE(absl::EndsWith(passes.file, "tests/programs/gtest/outcomes.cc"));
  EXPECT_EQ(passes.line, 7U);
  EXPECT_EQ(passes.timeout, std::nullopt);
  EXPECT_EQ(passes.skip_reason, std::nullopt);
  EXPECT_EQ(passes.payload, "0");
  EXPECT_EQ(sink_.Test("Outcomes.Fails").payload, "1");
}

TEST_F(GtestDiscovererTest, ARelativeTargetIsMadeAbsolute) {
  const std::string path =
      std::filesystem::relative(GtestProgram("gtest_outcomes")).string();
  Discover(path);
  ASSERT_THAT(sink_.suites, SizeIs(1));
  EXPECT_EQ(sink_.suites[0].name, path);
  EXPECT_EQ(sink_.suites[0].program, GtestProgram("gtest_outcomes"));
}

TEST_F(GtestDiscovererTest, DisabledCasesAreSkippedWithoutAProcess) {
  Discover(GtestProgram("gtest_outcomes"));
  EXPECT_EQ(sink_.Test("Outcomes.DISABLED_Fails").skip_reason, "disabled");
  EXPECT_EQ(sink_.Test("DISABLED_Outcomes.Fails").skip_reason, "disabled");
}

TEST_F(GtestDiscovererTest, DisabledCasesRunWhenTheUserSaysSo) {
  struct {
    bool option;
    std::vector<std::string> arguments;
    bool run;
  } const kCases[] = {
      {false, {}, false},
      {true, {}, true},
      {false, {"--gtest_also_run_disabled_tests"}, true},
      {false, {"--gtest_also_run_disabled_tests=1"}, true},
      {false, {"--gtest_also_run_disabled_tests="}, true},
      {false, {"--gtest_also_run_disabled_tests=yes"}, true},
      // As GoogleTest reads it.
      {true, {"--gtest_also_run_disabled_tests=0"}, false},
      {true, {"--gtest_also_run_disabled_tests=00"}, false},
      {true, {"--gtest_also_run_disabled_tests=false"}, false},
      {true, {"--gtest_also_run_disabled_tests=F"}, false},
      {false,
       {"--gtest_also_run_disabled_tests=0", "--gtest_also_run_disabled_tests"},
       true},
  };
  for (const auto& test : kCases) {
    options_.also_run_disabled = test.option;
    Discover(GtestProgram("gtest_outcomes"), test.arguments);
    EXPECT_EQ(sink_.Test("Outcomes.DISABLED_Fails").skip_reason.has_value(),
              !test.run)
        << testing::PrintToString(test.arguments) << test.option;
    EXPECT_EQ(sink_.suites[0].options, test.run ? "also_run_disabled" : "");
  }
}

TEST_F(GtestDiscovererTest, AVariableThatTheUserNamesRunsDisabledCases) {
  options_.env.emplace_back("GTEST_ALSO_RUN_DISABLED_TESTS=1");
  Discover(GtestProgram("gtest_outcomes"));
  EXPECT_EQ(sink_.Test("Outcomes.DISABLED_Fails").skip_reason, "disabled");
  options_.named_env = {"GTEST_ALSO_RUN_DISABLED_TESTS"};
  Discover(GtestProgram("gtest_outcomes"));
  EXPECT_EQ(sink_.Test("Outcomes.DISABLED_Fails").skip_reason, std::nullopt);
  options_.env.back() = "GTEST_ALSO_RUN_DISABLED_TESTS=0";
  Discover(GtestProgram("gtest_outcomes"));
  EXPECT_EQ(sink_.Test("Outcomes.DISABLED_Fails").skip_reason, "disabled");
}

TEST_F(GtestDiscovererTest, ShufflingGoesToTheWorker) {
  options_.gtest_shuffle = true;
  options_.gtest_seed = 17;
  Discover(GtestProgram("gtest_outcomes"));
  EXPECT_EQ(sink_.suites[0].options, "shuffle=17");
}

TEST_F(GtestDiscovererTest, ArgumentsReachTheProgram) {
  Discover(GtestProgram("gtest_outcomes"), {"--gtest_filter=*FailsTwice"});
  EXPECT_THAT(Names(), ElementsAre("Outcomes.FailsTwice"));
}

TEST_F(GtestDiscovererTest, ThemselvesTheyDoNotTurnListingIntoRunning) {
  Discover(GtestProgram("gtest_outcomes"),
           {"--gtest_list_tests=0", "--gtest_output=xml:/nowhere/x.xml"});
  EXPECT_THAT(sink_.errors, IsEmpty());
  EXPECT_THAT(sink_.tests, SizeIs(11));
}

// A GTEST_TOTAL_SHARDS of somebody else's tool.
TEST_F(GtestDiscovererTest, VariablesOfGoogleTestAreClearedUnlessNamed) {
  options_.env.emplace_back("GTEST_FILTER=*FailsTwice");
  options_.env.emplace_back("GTEST_OUTPUT=xml:/nowhere/x.xml");
  options_.env.emplace_back("GTEST_LATER=1");
  Discover(GtestProgram("gtest_outcomes"));
  EXPECT_THAT(sink_.tests, SizeIs(11));
  for (const char* name : {"GTEST_FILTER", "GTEST_TOTAL_SHARDS",
                           "XML_OUTPUT_FILE", "GTEST_LATER"}) {
    EXPECT_THAT(sink_.suites[0].env, Contains(EnvEdit{name, std::nullopt}));
  }
  options_.named_env = {"GTEST_FILTER"};
  Discover(GtestProgram("gtest_outcomes"));
  EXPECT_THAT(Names(), ElementsAre("Outcomes.FailsTwice"));
  EXPECT_THAT(sink_.suites[0].env,
              Not(Contains(Field(&EnvEdit::name, "GTEST_FILTER"))));
}

TEST_F(GtestDiscovererTest, NamesOfAnyTypeAndValueAreListed) {
  Discover(GtestProgram("gtest_names"));
  EXPECT_THAT(
      Names(),
      ElementsAre(
          "TypedTest/std::string.HasADefault",
          "TypedTest/std::string.FailsForInt", "TypedTest/a-b.HasADefault",
          "TypedTest/a-b.FailsForInt", "TypedTest/vec*tor?.HasADefault",
          "TypedTest/vec*tor?.FailsForInt", "TypedTest/x=y&z.HasADefault",
          "TypedTest/x=y&z.FailsForInt", "My/TypeParameterisedTest/0.Works",
          "My/TypeParameterisedTest/1.Works",
          "My/TypeParameterisedTest/2.Works",
          "My/TypeParameterisedTest/3.Works", "SameName.Passes",
          "In/ValueTest.IsNotB/0", "In/ValueTest.IsNotB/1",
          "In/ValueTest.IsNotB/2", "In/ValueTest.IsNotB/3",
          "Named/ValueTest.IsNotB/letter_c",
          "Named/ValueTest.IsNotB/letter_d"));
  EXPECT_EQ(sink_.Test("In/ValueTest.IsNotB/1").scope, "In/ValueTest");
  // There are two of its name; they run as one test.
  EXPECT_EQ(sink_.Test("SameName.Passes").payload, "12+");
}

TEST_F(GtestDiscovererTest, TenThousandCasesAreListed) {
  Discover(GtestProgram("gtest_many_cases"));
  EXPECT_THAT(sink_.tests, SizeIs(10'000));
}

// ---- Whether suites may be cut ----------------------------------------------

TEST_F(GtestDiscovererTest, SuitesAreCutOnlyWhereNothingIsSharedForCertain) {
  struct {
    const char* program;
    bool share;
  } constexpr kCases[] = {
      {"gtest_many_cases", false}, {"gtest_outcomes", false},
      {"gtest_suite_setup", true}, {"gtest_stripped", true},
      {"gtest_library", true},
  };
  for (const auto& test : kCases) {
    Discover(GtestProgram(test.program));
    ASSERT_THAT(sink_.suites, SizeIs(1)) << test.program;
    EXPECT_EQ(sink_.suites[0].scopes_share_setup, test.share) << test.program;
  }
}

TEST_F(GtestDiscovererTest, OfAScriptNothingIsKnown) {
  const std::string path = dir_.Write(
      "script", absl::StrCat("#!/bin/sh\nexec ", GtestProgram("gtest_outcomes"),
                             " \"$@\"\n"));
  chmod(path.c_str(), 0755);
  Discover(path);
  ASSERT_THAT(sink_.suites, SizeIs(1));
  EXPECT_TRUE(sink_.suites[0].scopes_share_setup);
}

// ---- What is no test program ------------------------------------------------

TEST_F(GtestDiscovererTest, ProgramsAreRecognisedWithoutRunningThem) {
  const GtestDiscoverer discoverer;
  EXPECT_TRUE(discoverer.Recognises(GtestProgram("gtest_outcomes")));
  EXPECT_TRUE(discoverer.Recognises(GtestProgram("gtest_stripped")));
  EXPECT_TRUE(discoverer.Recognises(GtestProgram("hangs_instead")));
  EXPECT_FALSE(discoverer.Recognises("/bin/sh"));
  EXPECT_FALSE(discoverer.Recognises(dir_.path()));
  EXPECT_FALSE(discoverer.Recognises(Lister("{}")));
}

TEST_F(GtestDiscovererTest, WhatCannotBeRunIsSaidInASentence) {
  EXPECT_THAT(Error(dir_.path() + "/none"), HasSubstr("There is no file"));
  EXPECT_THAT(Error(dir_.path()), HasSubstr("is no regular file"));
  EXPECT_THAT(Error(dir_.Write("text", "hello")),
              HasSubstr("is not executable"));
  const std::string text = dir_.Write("garbage", std::string(100, '\x01'));
  chmod(text.c_str(), 0755);
  EXPECT_THAT(Error(text), HasSubstr("could not be asked for its tests"));
}

TEST_F(GtestDiscovererTest, AProgramThatIsNoGoogleTestWritesNoList) {
  EXPECT_THAT(Error("/bin/true"), HasSubstr("wrote no list of tests"));
  EXPECT_THAT(Error("/bin/false"), HasSubstr("exit status 1"));
}

TEST_F(GtestDiscovererTest, AProgramThatRunsItsTestsInsteadIsStopped) {
  EXPECT_THAT(Error(GtestProgram("runs_instead")),
              HasSubstr("ignores --gtest_list_tests"));
}

TEST_F(GtestDiscovererTest, AProgramThatHangsInsteadIsStopped) {
  options_.timeout = std::chrono::milliseconds(50);
  EXPECT_THAT(
      Error(GtestProgram("hangs_instead")),
      AllOf(HasSubstr("did not list its tests within"), HasSubstr("50 ms")));
}

TEST_F(GtestDiscovererTest, AProgramThatCrashesInsteadIsNamed) {
  EXPECT_THAT(Error(GtestProgram("crashes_instead")), HasSubstr("SIGSEGV"));
}

TEST_F(GtestDiscovererTest, AProgramThatFailsInsteadIsQuoted) {
  EXPECT_THAT(
      Error(GtestProgram("fails_instead")),
      AllOf(HasSubstr("exit status 5"), HasSubstr("cannot find my data")));
}

// Six programs of GoogleTest's own tree end with -6 or 1 after a whole list.
TEST_F(GtestDiscovererTest, AWholeListCountsHoweverTheProgramEnds) {
  Discover(GtestProgram("lists_and_dies"));
  EXPECT_THAT(Names(), ElementsAre("NoListing.Passes"));
  EXPECT_THAT(sink_.errors, IsEmpty());
  EXPECT_THAT(sink_.notes,
              ElementsAre(AllOf(HasSubstr("lists_and_dies"),
                                HasSubstr("ended badly (SIGABRT"))));
  Discover(Lister(
      R"({"testsuites": [{"name": "A", "testsuite": [{"name": "B"}]}]})", 1));
  EXPECT_THAT(Names(), ElementsAre("A.B"));
}

TEST_F(GtestDiscovererTest, AListThatIsNotWholeIsAnError) {
  EXPECT_THAT(Error(Lister(R"({"testsuites": [{"name": "A", "testsuite": [)")),
              HasSubstr("is not whole"));
  EXPECT_THAT(Error(Lister("[]")), HasSubstr("is not whole"));
}

TEST_F(GtestDiscovererTest, AProgramWithoutTestsIsNoError) {
  Discover(Lister(R"({"testsuites": []})"));
  EXPECT_THAT(sink_.suites, IsEmpty());
  EXPECT_THAT(sink_.errors, IsEmpty());
}

TEST_F(GtestDiscovererTest, AUserWhoHasHadEnoughIsToldNothing) {
  sink_.is_cancelled = true;
  GtestDiscoverer().Discover({GtestProgram("hangs_instead"), {}}, options_,
                             sink_);
  EXPECT_THAT(sink_.suites, IsEmpty());
  EXPECT_THAT(sink_.errors, IsEmpty());
}

}  // namespace
}  // namespace paceline
