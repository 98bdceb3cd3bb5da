// Verdicts from how a program ended, and from the report that it left.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/unit/gtest/scripted_program.h"
#include "worker/gtest/program_run.h"

namespace paceline {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr char kNoConnection[] =
    "[ FATAL ] gtest-internal-inl.h:1100:: Condition sockfd_ != -1 failed. "
    "Send() can be called only when there is a connection.\n";

class ProgramRunEndTest : public testing::Test {
 protected:
  // A process for what has no verdict yet; the names are those of the first.
  ScriptedProgram& Program(const std::vector<std::string>& names = {},
                           ProgramRunOptions options = {}) {
    if (!ledger_.has_value()) {
      notes_.emplace(names);
      ledger_.emplace(notes_->tests, *notes_);
    }
    program_.emplace(*ledger_, std::move(options));
    return *program_;
  }
  ScriptedProgram& WithoutStream(const std::vector<std::string>& names = {}) {
    ProgramRunOptions options;
    options.streams = false;
    return Program(names, options);
  }
  const TestResult& Result(const std::string& name) const {
    return notes_->results.at(name);
  }
  std::string Word(const std::string& name) const { return notes_->Word(name); }

  std::optional<UnitNotes> notes_;
  std::optional<UnitLedger> ledger_;
  std::optional<ScriptedProgram> program_;
};

// ---- Hanging outside of cases -----------------------------------------------

TEST_F(ProgramRunEndTest, AHangBeforeTheFirstTestIsOneErrorForAll) {
  ScriptedProgram& program = Program({"A.One", "B.Two"});
  EXPECT_EQ(program.Hangs(std::chrono::seconds(10)), AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "error");
  EXPECT_EQ(Word("B.Two"), "error");
  EXPECT_EQ(Result("A.One").message,
            "the program hung for 10.00 s and was ended before its first test");
}

TEST_F(ProgramRunEndTest, AHangInASuitesSetUpCostsThatSuite) {
  EXPECT_EQ(Program({"A.One", "A.Two", "B.Three"})
                .Start()
                .Suite("A")
                .Hangs(std::chrono::seconds(10)),
            AfterProgram::kRunRest);
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: set-up of A: timed_out"));
  EXPECT_EQ(Word("A.One"), "error");
  EXPECT_EQ(Word("A.Two"), "error");
  EXPECT_EQ(Word("B.Three"), "-");
}

TEST_F(ProgramRunEndTest, AHangInATearDownIsNamed) {
  Program({"A.One", "B.Two"})
      .Start()
      .Suite("A")
      .Passes("One")
      .Hangs(std::chrono::seconds(10));
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: tear-down of A: timed_out"));
  Program().Start().Suite("B").Passes("Two").EndSuite().Hangs(
      std::chrono::seconds(10));
  EXPECT_EQ(Word("B.Two"), "passed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: tear-down of A: timed_out",
                          "prog: environment tear-down: timed_out"));
}

// ---- Death in a case --------------------------------------------------------

TEST_F(ProgramRunEndTest, ACrashIsChargedToTheRunningCaseAndTheRestRuns) {
  EXPECT_EQ(Program({"A.One", "A.Two", "A.Three"})
                .Start()
                .Suite("A")
                .Passes("One")
                .Case("Two")
                .Says("about to crash\n")
                .Dies(SIGSEGV),
            AfterProgram::kRunRest);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_EQ(Word("A.Two"), "crashed");
  EXPECT_THAT(Result("A.Two").message, HasSubstr("SIGSEGV"));
  EXPECT_EQ(Result("A.Two").output.head, "about to crash\n");
  EXPECT_EQ(Word("A.Three"), "-");
  EXPECT_THAT(notes_->extras, IsEmpty());

  EXPECT_EQ(
      Program().Start().Suite("A").Passes("Three").EndSuite().EndTests().Exits(
          0),
      AfterProgram::kDone);
  EXPECT_EQ(Word("A.Three"), "passed");
}

TEST_F(ProgramRunEndTest, AnExitWithZeroHalfWayIsNoPass) {
  EXPECT_EQ(Program({"A.One", "A.Two", "A.Three"})
                .Start()
                .Suite("A")
                .Passes("One")
                .Case("Two")
                .Exits(0),
            AfterProgram::kRunRest);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_EQ(Word("A.Two"), "crashed");
  EXPECT_THAT(Result("A.Two").message,
              AllOf(HasSubstr("status 0"), HasSubstr("before the case ended")));
  EXPECT_EQ(Word("A.Three"), "-");
}

TEST_F(ProgramRunEndTest, AFailureBeforeTheCrashIsKept) {
  Program({"A.One"}).Start().Suite("A").Case("One").Fails("first").Dies(
      SIGSEGV);
  EXPECT_EQ(Word("A.One"), "crashed");
  EXPECT_THAT(Result("A.One").message, HasSubstr("SIGSEGV"));
  EXPECT_THAT(Result("A.One").details, HasSubstr("first"));
}

TEST_F(ProgramRunEndTest, ACrashInTheLastCaseLeavesNothingToRun) {
  EXPECT_EQ(Program({"A.One"}).Start().Suite("A").Case("One").Dies(SIGABRT),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "crashed");
}

TEST_F(ProgramRunEndTest, ACrashOfACaseThatWasNotAskedForIsNamed) {
  EXPECT_EQ(Program({"A.One", "A.Two"})
                .Start()
                .Suite("A")
                .Passes("One")
                .Case("Stranger")
                .Dies(SIGSEGV),
            AfterProgram::kRunRest);
  EXPECT_THAT(
      notes_->ExtraWords(),
      ElementsAre("prog: A.Stranger, which was not asked for: crashed"));
}

// Nothing of the unit had a verdict: the next process would come no further.
TEST_F(ProgramRunEndTest, AStrangerThatAlwaysCrashesFirstEndsTheUnit) {
  EXPECT_EQ(
      Program({"A.One"}).Start().Suite("A").Case("Stranger").Dies(SIGSEGV),
      AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "error");
}

TEST_F(ProgramRunEndTest, ACaseThatWeEndedIsToldWhy) {
  EXPECT_EQ(Program({"A.One", "A.Two"})
                .Start()
                .Suite("A")
                .Case("One")
                .EndedByUs("ended by SIGTERM to its worker")
                .Dies(SIGKILL),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "crashed");
  EXPECT_EQ(Result("A.One").message, "ended by SIGTERM to its worker");
  EXPECT_EQ(Word("A.Two"), "-");
  EXPECT_THAT(notes_->extras, IsEmpty());
}

TEST_F(ProgramRunEndTest, AHeldResultIsToldWhenWeEndTheProgram) {
  Program({"A.One"}).Start().Suite("A").Passes("One").EndedByUs("stopped").Dies(
      SIGKILL);
  EXPECT_EQ(Word("A.One"), "passed");
}

// ---- Death outside of cases -------------------------------------------------

TEST_F(ProgramRunEndTest, DeathBeforeTheFirstTestIsAnErrorOfAll) {
  EXPECT_EQ(Program({"A.One", "A.Two"}).Says("no config\n").Exits(2),
            AfterProgram::kDone);
  for (const char* name : {"A.One", "A.Two"}) {
    EXPECT_EQ(Word(name), "error");
    EXPECT_THAT(Result(name).message,
                AllOf(HasSubstr("status 2"), HasSubstr("first test")));
    EXPECT_EQ(Result(name).output.head, "no config\n");
  }
}

TEST_F(ProgramRunEndTest, LeavingWithZeroBeforeTheFirstTestIsNoPass) {
  EXPECT_EQ(Program({"A.One"}).Exits(0), AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "error");
}

TEST_F(ProgramRunEndTest, DeathInTheEnvironmentsSetUpIsAnErrorOfAll) {
  EXPECT_EQ(Program({"A.One", "B.One"}).Start().Dies(SIGABRT),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "error");
  EXPECT_THAT(Result("A.One").message,
              AllOf(HasSubstr("SIGABRT"), HasSubstr("environment")));
  EXPECT_EQ(Word("B.One"), "error");
}

TEST_F(ProgramRunEndTest, DeathInASuitesSetUpIsAnErrorOfThatSuite) {
  EXPECT_EQ(
      Program({"A.One", "A.Two", "B.One"}).Start().Suite("A").Dies(SIGABRT),
      AfterProgram::kRunRest);
  EXPECT_EQ(Word("A.One"), "error");
  EXPECT_EQ(Word("A.Two"), "error");
  EXPECT_EQ(Word("B.One"), "-");
  EXPECT_THAT(notes_->ExtraWords(), ElementsAre("prog: set-up of A: crashed"));
}

// Names of types may hold dots: "T/1" is not "T/1.5".
TEST_F(ProgramRunEndTest, DeathInASuitesSetUpSparesOneWhoseNameIsLonger) {
  EXPECT_EQ(
      Program({"T/1.One", "T/1.5.One"}).Start().Suite("T/1").Dies(SIGABRT),
      AfterProgram::kRunRest);
  EXPECT_EQ(Word("T/1.One"), "error");
  EXPECT_EQ(Word("T/1.5.One"), "-");
}

TEST_F(ProgramRunEndTest, DeathInASuitesTearDownIsNamedAndTheRestRuns) {
  EXPECT_EQ(Program({"A.One", "B.One"})
                .Start()
                .Suite("A")
                .Passes("One")
                .Dies(SIGABRT),
            AfterProgram::kRunRest);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: tear-down of A: crashed"));
}

TEST_F(ProgramRunEndTest, DeathInTheEnvironmentsTearDownIsNamed) {
  EXPECT_EQ(
      Program({"A.One"}).Start().Suite("A").Passes("One").EndSuite().Exits(0),
      AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: environment tear-down: crashed"));
}

TEST_F(ProgramRunEndTest, DeathAfterTheTestsIsNamed) {
  EXPECT_EQ(Program({"A.One"})
                .Start()
                .Suite("A")
                .Passes("One")
                .EndSuite()
                .EndTests()
                .Dies(SIGSEGV),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: after its tests: crashed"));
}

// What an abort printed was read once, to see whether the stream was refused.
TEST_F(ProgramRunEndTest, AnAbortAfterTheTestsKeepsItsLastWords) {
  Program({"A.One"})
      .Start()
      .Suite("A")
      .Passes("One")
      .EndSuite()
      .EndTests()
      .Says("free(): invalid pointer\n")
      .Dies(SIGABRT);
  ASSERT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: after its tests: crashed"));
  EXPECT_EQ(notes_->extras.front().result.output.head,
            "free(): invalid pointer\n");
}

TEST_F(ProgramRunEndTest, DeathAfterTheTestsDoesNotPassWhatNeverStarted) {
  EXPECT_EQ(Program({"A.One", "A.Two"})
                .Start()
                .Suite("A")
                .Passes("One")
                .EndSuite()
                .EndTests()
                .Dies(SIGSEGV),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.Two"), "error");
}

TEST_F(ProgramRunEndTest, AFailureInSetUpIsNamedThoughTheProgramDies) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Fails("the set-up")
      .SkippedBySetUp("One")
      .Case("Two")
      .Dies(SIGSEGV);
  EXPECT_EQ(Word("A.One"), "error");
  EXPECT_EQ(Word("A.Two"), "crashed");
  EXPECT_THAT(notes_->ExtraWords(), ElementsAre("prog: set-up of A: error"));
}

TEST_F(ProgramRunEndTest, WhatIsLeftBehindIsTheLastCases) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Passes("One")
      .Passes("Two")
      .EndSuite()
      .EndTests()
      .Leaks()
      .Exits(0);
  EXPECT_FALSE(Result("A.One").leaked);
  EXPECT_TRUE(Result("A.Two").leaked);
  EXPECT_THAT(notes_->extras, IsEmpty());
}

TEST_F(ProgramRunEndTest, WhatACrashLeavesBehindIsTheCrashedCases) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Passes("One")
      .Case("Two")
      .Leaks()
      .Dies(SIGSEGV);
  EXPECT_TRUE(Result("A.Two").leaked);
}

// ---- The report -------------------------------------------------------------

TEST_F(ProgramRunEndTest, TheLastCasesPropertiesAreTheReports) {
  XmlCase two = XmlPassed("A.Two");
  two.properties = {{"build", "42"}};
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Passes("One")
      .Passes("Two")
      .EndSuite()
      .EndTests()
      .Report({XmlPassed("A.One"), two})
      .Exits(0);
  EXPECT_THAT(Result("A.Two").properties, ElementsAre(Pair("build", "42")));
}

TEST_F(ProgramRunEndTest, PropertiesOfEarlierCasesAreToldLate) {
  XmlCase one = XmlPassed("A.One");
  one.properties = {{"build", "41"}};
  XmlCase two = XmlPassed("A.Two");
  two.properties = {{"build", "42"}};
  // One that it was not asked to run has none.
  XmlCase three = XmlNotBegun("A.Three");
  three.properties = {{"build", "43"}};
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Passes("One")
      .Passes("Two")
      .EndSuite()
      .EndTests()
      .Report({one, two, three})
      .Records("A", {{"rows", "12"}})
      .Records("", {{"machine", "red"}})
      .Exits(0);
  EXPECT_THAT(notes_->late_properties,
              ElementsAre(Pair("A.One", ElementsAre(Pair("build", "41")))));
  EXPECT_THAT(notes_->scope_properties,
              ElementsAre(Pair("", ElementsAre(Pair("machine", "red"))),
                          Pair("A", ElementsAre(Pair("rows", "12")))));
  EXPECT_THAT(Result("A.Two").properties, ElementsAre(Pair("build", "42")));
}

TEST_F(ProgramRunEndTest, AFailureThatOnlyTheReportKnowsIsNamed) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Passes("One")
      .Passes("Two")
      .EndSuite()
      .EndTests()
      .Report({XmlFailed("A.One"), XmlPassed("A.Two")})
      .Exits(0);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: A.One, by the program's own report: failed"));
}

TEST_F(ProgramRunEndTest, WhenSourcesDifferTheWorseHolds) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Case("One")
      .Fails("x")
      .Failed()
      .Passes("Two")
      .EndSuite(false)
      .EndTests(false)
      .Report({XmlPassed("A.One"), XmlFailed("A.Two")})
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "failed");
  EXPECT_EQ(Word("A.Two"), "failed");
  EXPECT_EQ(Result("A.Two").message, "Failed x");
}

TEST_F(ProgramRunEndTest, AReportOfACaseThatNeverStartedIsNotBelieved) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Passes("One")
      .EndSuite()
      .EndTests()
      .Report({XmlPassed("A.One"), XmlPassed("A.Two")})
      .Exits(0);
  EXPECT_EQ(Word("A.Two"), "error");
}

TEST_F(ProgramRunEndTest, AFailureOutsideThatOnlyTheReportKnowsIsNamed) {
  Program({"A.One"})
      .Start()
      .Suite("A")
      .Passes("One")
      .EndSuite()
      .EndTests()
      .Report({XmlPassed("A.One")}, {{"f.cc:3\nFailed\nlate", false}})
      .Exits(0);
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: outside of its tests: error"));
}

TEST_F(ProgramRunEndTest, AFailureOutsideIsNamedOnce) {
  Program({"A.One"})
      .Start()
      .Fails("environment")
      .Suite("A")
      .Passes("One")
      .EndSuite()
      .EndTests(false)
      .Report({XmlPassed("A.One")}, {{"f.cc:10\nFailed\nenvironment", false}})
      .Exits(1);
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: environment set-up: error"));
}

// A test closed the stream's descriptor; the program went on and reported.
TEST_F(ProgramRunEndTest, WhereTheStreamWasLostTheReportTellsTheRest) {
  EXPECT_EQ(Program({"A.One", "A.Closes", "A.Three", "A.Four", "A.Five"})
                .Start()
                .Suite("A")
                .Passes("One")
                .Case("Closes")
                .Says("closing\n[       OK ] A.Closes (0 ms)\n")
                .Report({XmlPassed("A.One"), XmlPassed("A.Closes"),
                         XmlFailed("A.Three"), XmlSkipped("A.Four"),
                         XmlNotBegun("A.Five")})
                .Exits(1),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.Closes"), "passed");
  EXPECT_EQ(Result("A.Closes").output.head, "closing\n");
  EXPECT_EQ(Word("A.Three"), "failed");
  EXPECT_EQ(Word("A.Four"), "skipped");
  EXPECT_EQ(Word("A.Five"), "error");  // it never began
}

// ---- RUN_ALL_TESTS twice, or nobody to stream to ----------------------------

TEST_F(ProgramRunEndTest, AProgramThatRunsItsTestsTwiceIsRunWithoutTheStream) {
  EXPECT_EQ(Program({"A.One", "A.Two"})
                .Start()
                .Suite("A")
                .Passes("One")
                .Case("Two")
                .Fails("x")
                .Failed()
                .EndSuite(false)
                .EndTests(false)
                .Says(kNoConnection)
                .Dies(SIGABRT),
            AfterProgram::kWithoutStream);
  // What is bad stays so; what was good is to be seen again.
  EXPECT_EQ(Word("A.Two"), "failed");
  EXPECT_THAT(notes_->extras, IsEmpty());

  ProgramRunOptions options;
  options.streams = false;
  options.bad_before = true;
  EXPECT_EQ(Program({}, options)
                .Report({XmlPassed("A.One"), XmlFailed("A.Two")})
                .Exits(1),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->extras, IsEmpty());
}

TEST_F(ProgramRunEndTest, AProgramThatCannotConnectIsRunWithoutTheStream) {
  EXPECT_EQ(Program({"A.One"}).Says(kNoConnection).Dies(SIGABRT),
            AfterProgram::kWithoutStream);
  EXPECT_EQ(Word("A.One"), "-");
}

// However much the program printed before it.
TEST_F(ProgramRunEndTest, WhyAProgramAbortsIsFoundBehindMuchOutput) {
  EXPECT_EQ(Program({"A.One"})
                .Says(std::string(200'000, 'x') + "\n")
                .Says(kNoConnection)
                .Dies(SIGABRT),
            AfterProgram::kWithoutStream);
  EXPECT_EQ(Word("A.One"), "-");
}

TEST_F(ProgramRunEndTest, AnyOtherAbortIsTheProgramsOwn) {
  // Another text.
  EXPECT_EQ(Program({"A.One"}).Says("assertion failed\n").Dies(SIGABRT),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "error");
}

TEST_F(ProgramRunEndTest, AnAbortInACaseThatPrintsThatTextIsTheCases) {
  EXPECT_EQ(Program({"A.One"})
                .Start()
                .Suite("A")
                .Case("One")
                .Says(kNoConnection)
                .Dies(SIGABRT),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "crashed");
}

TEST_F(ProgramRunEndTest, WithoutTheStreamWordsInALineAreNoRunLine) {
  WithoutStream({"A.One", "A.Two"})
      .Says("[ RUN      ] A.One\n")
      .Says("it says [ RUN      ] A.Two\n")
      .Dies(SIGSEGV);
  EXPECT_EQ(Word("A.One"), "crashed");
  EXPECT_EQ(Word("A.Two"), "-");
}

TEST_F(ProgramRunEndTest, WithoutTheStreamTheReportDecides) {
  EXPECT_EQ(WithoutStream({"A.One", "A.Two", "A.Three", "A.Four"})
                .Suite("A")
                .Passes("One")
                .Report({XmlPassed("A.One"), XmlFailed("A.Two"),
                         XmlSkipped("A.Three"), XmlNotBegun("A.Four")})
                .Exits(1),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "passed");
  // That nothing was told live is ours.
  EXPECT_THAT(Result("A.One").message, HasSubstr("RUN_ALL_TESTS"));
  EXPECT_EQ(Word("A.Two"), "failed");
  EXPECT_EQ(Result("A.Two").message, "Failed x");
  EXPECT_EQ(Word("A.Three"), "skipped");
  EXPECT_EQ(Word("A.Four"), "error");
}

TEST_F(ProgramRunEndTest, WithoutTheStreamABadExitStatusIsNamed) {
  WithoutStream({"A.One"}).Report({XmlPassed("A.One")}).Exits(1);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(), ElementsAre("prog: exit status 1: failed"));
}

TEST_F(ProgramRunEndTest, WithoutTheStreamAFailureOfTheSecondRunIsNamed) {
  // A.One passed in the run that was streamed, and is not the unit's any more.
  notes_.emplace(std::vector<std::string>{"A.One", "A.Two"});
  ledger_.emplace(notes_->tests, *notes_);
  TestResult passed;
  passed.outcome = Outcome::kPassed;
  ledger_->Settle(0, passed);
  WithoutStream().Report({XmlFailed("A.One"), XmlPassed("A.Two")}).Exits(1);
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: A.One, by the program's own report: failed"));
}

TEST_F(ProgramRunEndTest, WithoutTheStreamACrashIsThatOfTheLastRunLine) {
  EXPECT_EQ(WithoutStream({"A.One", "A.Two", "A.Three"})
                .Suite("A")
                .Passes("One")
                .Case("Two")
                .Dies(SIGSEGV),
            AfterProgram::kRunRest);
  EXPECT_EQ(Word("A.One"), "-");  // there is no report of it
  EXPECT_EQ(Word("A.Two"), "crashed");
  EXPECT_THAT(Result("A.Two").message, HasSubstr("SIGSEGV"));
}

// A run line in two reads was not seen, or cut.
TEST_F(ProgramRunEndTest, WithoutTheStreamARunLineMayComeInPieces) {
  const std::string output =
      "[ RUN      ] A.One\nx\n[       OK ] A.One (0 ms)\n"
      "[ RUN      ] A.Two\nabout to crash";
  const std::size_t end = output.find("A.Two\n") + 6;
  for (std::size_t at = 0; at <= output.size(); ++at) {
    notes_.reset();
    ledger_.reset();
    WithoutStream({"A.One", "A.Two", "A.Three"})
        .Says(absl::string_view(output).substr(0, at))
        .Says(absl::string_view(output).substr(at))
        .Dies(SIGSEGV);
    ASSERT_EQ(Word("A.Two"), "crashed") << at << " of " << end;
  }
}

TEST_F(ProgramRunEndTest, WithoutTheStreamADeathBeforeAnyCaseIsAnErrorOfAll) {
  EXPECT_EQ(WithoutStream({"A.One", "A.Two"}).Dies(SIGSEGV),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "error");
  EXPECT_EQ(Word("A.Two"), "error");
}

TEST_F(ProgramRunEndTest, WithoutTheStreamLeavingWithZeroIsNoPass) {
  EXPECT_EQ(WithoutStream({"A.One", "A.Two"}).Suite("A").Case("One").Exits(0),
            AfterProgram::kRunRest);
  EXPECT_EQ(Word("A.One"), "crashed");
  EXPECT_THAT(Result("A.One").message, HasSubstr("exit status 0"));
}

}  // namespace
}  // namespace paceline
