// Verdicts from what a program streams and prints while it runs.

#include "worker/gtest/program_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/gtest/scripted_program.h"

namespace paceline {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Turns = ScriptedProgram::Turns;

// Everything is tried with a turn for each event and with one for all.
class ProgramRunTest : public testing::TestWithParam<Turns> {
 protected:
  ScriptedProgram& Program(const std::vector<std::string>& names,
                           ProgramRunOptions options = {}) {
    if (!ledger_.has_value()) {
      notes_.emplace(names);
      ledger_.emplace(notes_->tests, *notes_);
    }
    program_.emplace(*ledger_, std::move(options), GetParam());
    return *program_;
  }
  const TestResult& Result(const std::string& name) const {
    return notes_->results.at(name);
  }
  std::string Word(const std::string& name) const { return notes_->Word(name); }

  std::optional<UnitNotes> notes_;
  std::optional<UnitLedger> ledger_;
  std::optional<ScriptedProgram> program_;
};

INSTANTIATE_TEST_SUITE_P(Turns, ProgramRunTest,
                         testing::Values(Turns::kEach, Turns::kOne),
                         [](const testing::TestParamInfo<Turns>& turns) {
                           return turns.param == Turns::kEach ? "Each" : "One";
                         });

TEST_P(ProgramRunTest, CasesGetTheirResultsOutputAndDuration) {
  EXPECT_EQ(Program({"A.One", "A.Two", "A.Three"})
                .Start()
                .Suite("A")
                .Case("One")
                .Says("one prints\n")
                .Passed()
                .Case("Two")
                .Fails("because")
                .Failed()
                .Case("Three")
                .Skips("not on\nthis host")
                .Skipped()
                .EndSuite(false)
                .EndTests(false)
                .Exits(1),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_EQ(Result("A.One").output.head, "one prints\n");
  EXPECT_EQ(Result("A.One").duration, std::chrono::milliseconds(7));
  EXPECT_NE(Result("A.One").started_unix_ns, 0);
  EXPECT_EQ(Word("A.Two"), "failed");
  EXPECT_EQ(Result("A.Two").message, "Failed because");
  EXPECT_EQ(Result("A.Two").file, "f.cc");
  EXPECT_EQ(Result("A.Two").line, 10U);
  EXPECT_EQ(Word("A.Three"), "skipped");
  EXPECT_EQ(Result("A.Three").message, "not on this host");
  EXPECT_THAT(notes_->extras, IsEmpty());
  EXPECT_THAT(notes_->order, ElementsAre("A.One", "A.Two", "A.Three"));
}

TEST(ProgramRunLiveTest, AResultIsToldWhenTheNextCaseBegins) {
  UnitNotes notes({"A.One", "A.Two", "A.Three"});
  UnitLedger ledger(notes.tests, notes);
  ScriptedProgram program(ledger, {});
  program.Start().Suite("A").Case("One");
  EXPECT_THAT(notes.started, ElementsAre("A.One"));
  program.Passed();
  EXPECT_EQ(notes.Word("A.One"), "passed");
  program.Case("Two").Fails("x").Failed();
  EXPECT_EQ(notes.Word("A.Two"), "-");
  program.Case("Three");
  EXPECT_EQ(notes.Word("A.Two"), "failed");
  EXPECT_THAT(notes.started, ElementsAre("A.One", "A.Two", "A.Three"));
}

// The end's event comes before the printer's line.
TEST(ProgramRunLiveTest, TheEndLineIsWaitedForAShortTime) {
  UnitNotes notes({"A.One", "A.Two"});
  UnitLedger ledger(notes.tests, notes);
  ScriptedProgram program(ledger, {});
  program.PrintsNothing().Start().Suite("A").Case("One").Passed();
  EXPECT_EQ(notes.Word("A.One"), "-");
  ASSERT_TRUE(program.run().next_deadline().has_value());
  program.Wait(std::chrono::milliseconds(100));
  EXPECT_EQ(notes.Word("A.One"), "passed");
  EXPECT_EQ(program.run().next_deadline(), std::nullopt);
}

TEST(ProgramRunLiveTest, ACaseRunsFromItsStartToItsEnd) {
  UnitNotes notes({"A.One"});
  UnitLedger ledger(notes.tests, notes);
  ScriptedProgram program(ledger, {});
  EXPECT_FALSE(program.run().in_case());
  program.Start().Suite("A").Case("One");
  EXPECT_TRUE(program.run().in_case());
  program.Passed();
  EXPECT_FALSE(program.run().in_case());
}

// Held for its properties, and shown as a case that runs.
TEST(ProgramRunLiveTest, ASlowTearDownIsNotTheLastCasesTime) {
  UnitNotes notes({"A.One", "A.Two"});
  UnitLedger ledger(notes.tests, notes);
  ScriptedProgram program(ledger, {});
  program.Start().Suite("A").Passes("One").Passes("Two");
  EXPECT_EQ(notes.Word("A.Two"), "-");
  ASSERT_TRUE(program.run().next_deadline().has_value());
  program.Wait(std::chrono::seconds(2));
  EXPECT_EQ(notes.Word("A.Two"), "passed");
  // And what it says later is not lost.
  program.Fails("tear-down").EndSuite(false).EndTests(false).Exits(1);
  EXPECT_THAT(notes.ExtraWords(), ElementsAre("prog: tear-down of A: error"));
}

TEST(ProgramRunLiveTest, WhatASlowProgramLeavesBehindIsStillNamed) {
  UnitNotes notes({"A.One"});
  UnitLedger ledger(notes.tests, notes);
  ScriptedProgram program(ledger, {});
  program.Start()
      .Suite("A")
      .Passes("One")
      .Wait(std::chrono::seconds(3))
      .EndSuite()
      .EndTests()
      .Leaks()
      .Exits(0);
  EXPECT_THAT(notes.ExtraWords(), ElementsAre("prog: left behind: passed"));
  EXPECT_TRUE(notes.extras.front().result.leaked);
}

// ---- Skipped or failed ------------------------------------------------------

TEST_P(ProgramRunTest, WithoutAPrinterTheReportTellsSkippedFromFailed) {
  const XmlCase skipped = XmlSkipped("A.One");
  const XmlCase failed = XmlFailed("A.Two");
  Program({"A.One", "A.Two", "A.Three"})
      .PrintsNothing()
      .Start()
      .Suite("A")
      .Case("One")
      .Skips("why")
      .Skipped()
      .Case("Two")
      .Fails("x")
      .Failed()
      .Passes("Three")
      .EndSuite(false)
      .EndTests(false)
      .Report({skipped, failed, XmlPassed("A.Three")})
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "skipped");
  EXPECT_EQ(Result("A.One").message, "why");
  EXPECT_EQ(Word("A.Two"), "failed");
  EXPECT_EQ(Result("A.Two").message, "Failed x");
  EXPECT_EQ(Word("A.Three"), "passed");
  EXPECT_THAT(notes_->extras, IsEmpty());
}

// The report comes when all is over; the suite's end says enough.
TEST_P(ProgramRunTest, WhatDidNotPassInASuiteThatPassedWasSkipped) {
  ScriptedProgram& program = Program({"A.One", "A.Two", "B.One"});
  program.PrintsNothing()
      .Start()
      .Suite("A")
      .Case("One")
      .Skips("why")
      .Skipped()
      .Passes("Two")
      .EndSuite()
      .Suite("B")
      .Case("One")
      .Dies(SIGSEGV);
  EXPECT_EQ(Word("A.One"), "skipped");
  EXPECT_EQ(Result("A.One").message, "why");
  EXPECT_EQ(Word("A.Two"), "passed");
  EXPECT_EQ(Word("B.One"), "crashed");
  EXPECT_THAT(notes_->extras, IsEmpty());
}

// While nobody knew whether the case was skipped, it explained the status.
TEST_P(ProgramRunTest, ASkipDoesNotExplainABadStatus) {
  Program({"A.One", "A.Two"})
      .PrintsNothing()
      .Start()
      .Suite("A")
      .Case("One")
      .Skips("why")
      .Skipped()
      .Passes("Two")
      .EndSuite()
      .EndTests()
      .Report({XmlSkipped("A.One"), XmlPassed("A.Two")})
      .Exits(9);
  EXPECT_EQ(Word("A.One"), "skipped");
  EXPECT_THAT(notes_->ExtraWords(), ElementsAre("prog: exit status 9: failed"));
}

// A ':' in a filter ends a pattern, so '?' stands for it.
TEST_P(ProgramRunTest, ACaseThatTheFilterCannotTellApartIsNotTold) {
  Program({"P/a-b.X"})
      .Start()
      .Suite("P/a+b")
      .Case("X")
      .Fails("whoever was asked tells of it")
      .Failed()
      .EndSuite(false)
      .Suite("P/a-b")
      .Passes("X")
      .EndSuite()
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("P/a-b.X"), "passed");
  EXPECT_THAT(notes_->extras, IsEmpty());
}

TEST_P(ProgramRunTest, WhatIsLeftBehindIsTheLastRunCases) {
  Program({"A.One", "A.Two"})
      .PrintsNothing()
      .Start()
      .Suite("A")
      .Case("Two")
      .Fails("x")
      .Failed()
      .Case("One")
      .Fails("y")
      .Failed()
      .EndSuite(false)
      .EndTests(false)
      .Leaks()
      .Exits(1);
  EXPECT_TRUE(Result("A.One").leaked);
  EXPECT_FALSE(Result("A.Two").leaked);
}

TEST_P(ProgramRunTest, WithoutPrinterAndReportWhatDidNotPassHasFailed) {
  Program({"A.One", "A.Two"})
      .PrintsNothing()
      .Start()
      .Suite("A")
      .Case("One")
      .Skips("why")
      .Skipped()
      .Case("Two")
      .Dies(SIGSEGV);
  EXPECT_EQ(Word("A.One"), "failed");
}

TEST_P(ProgramRunTest, WithoutAReportACaseWhoseOutputSaysSkippedIsSkipped) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Case("One")
      .Skips("why")
      .Skipped()
      .Case("Two")
      .Dies(SIGSEGV);
  EXPECT_EQ(Word("A.One"), "skipped");
  EXPECT_EQ(Word("A.Two"), "crashed");
}

TEST_P(ProgramRunTest, ATestThatPretendsToBeSkippedHasFailed) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Case("One")
      .Fails("x")
      .Says("[  SKIPPED ] A.One (0 ms)\n")
      .Failed()
      .Passes("Two")
      .EndSuite(false)
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "failed");
}

// It prints its own end and the next one's beginning as well.
TEST_P(ProgramRunTest, APretenderThatGoesOnIsDecidedByTheReport) {
  const XmlCase failed = XmlFailed("A.One");
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Case("One")
      .Fails("x")
      .Says("[  SKIPPED ] A.One (0 ms)\n[ RUN      ] A.Two\n")
      .Failed()
      .Passes("Two")
      .EndSuite(false)
      .EndTests(false)
      .Report({failed, XmlPassed("A.Two")})
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "failed");
  EXPECT_EQ(Word("A.Two"), "passed");
  EXPECT_THAT(notes_->extras, IsEmpty());
}

TEST_P(ProgramRunTest, APretenderThatReallySkippedIsSkipped) {
  const XmlCase skipped = XmlSkipped("A.One");
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Case("One")
      .Says("[  FAILED  ] A.One (0 ms)\n[ RUN      ] A.Two\n")
      .Skips("after all")
      .Skipped()
      .Passes("Two")
      .EndSuite()
      .EndTests()
      .Report({skipped, XmlPassed("A.Two")})
      .Exits(0);
  EXPECT_EQ(Word("A.One"), "skipped");
}

TEST_P(ProgramRunTest, TextThatLooksLikeTheStreamIsOutput) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Case("One")
      .Says("event=TestEnd&passed=0&elapsed_time=0ms\n")
      .Passed()
      .Passes("Two")
      .EndSuite()
      .EndTests()
      .Exits(0);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_EQ(Result("A.One").output.head,
            "event=TestEnd&passed=0&elapsed_time=0ms\n");
}

// Bytes of a type's name: the printer prints them, the manifest cannot.
TEST_P(ProgramRunTest, ASuiteWhoseNameIsNoTextIsSkippedByItsEndLine) {
  Program({"Ty/a?b.One", "Ty/a?b.Two"})
      .Start()
      .Suite(
          "Ty/a\xff"
          "b")
      .Case("One")
      .Says("printed\n")
      .Skips("why")
      .Skipped()
      .Passes("Two")
      .EndSuite()
      .EndTests()
      .Exits(0);
  EXPECT_EQ(Word("Ty/a?b.One"), "skipped");
  EXPECT_EQ(Result("Ty/a?b.One").output.head,
            "printed\nf.cc:20: Skipped\nwhy\n");
  EXPECT_EQ(Word("Ty/a?b.Two"), "passed");
}

// ---- Set-up and tear-down ---------------------------------------------------

TEST_P(ProgramRunTest, CasesSkippedByAFailedSuiteSetUpAreErrors) {
  Program({"A.One", "A.Two", "B.One"})
      .Start()
      .Suite("A")
      .Fails("the set-up")
      .SkippedBySetUp("One")
      .SkippedBySetUp("Two")
      .EndSuite(false)
      .Suite("B")
      .Passes("One")
      .EndSuite()
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "error");
  EXPECT_THAT(Result("A.One").message,
              AllOf(HasSubstr("set-up of A"), HasSubstr("the set-up")));
  EXPECT_EQ(Word("A.Two"), "error");
  EXPECT_EQ(Word("B.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(), ElementsAre("prog: set-up of A: error"));
  EXPECT_EQ(notes_->extras.front().result.message, "Failed the set-up");
}

TEST_P(ProgramRunTest, WithoutAPrinterTheyAreErrorsToo) {
  const XmlCase one = XmlSkipped("A.One", "f.cc:20\n");
  const XmlCase two = XmlSkipped("A.Two", "f.cc:20\n");
  Program({"A.One", "A.Two"})
      .PrintsNothing()
      .Start()
      .Suite("A")
      .Fails("the set-up")
      .SkippedBySetUp("One")
      .SkippedBySetUp("Two")
      .EndSuite(false)
      .EndTests(false)
      .Report({one, two})
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "error");
  EXPECT_EQ(Word("A.Two"), "error");
  EXPECT_THAT(notes_->ExtraWords(), ElementsAre("prog: set-up of A: error"));
}

TEST_P(ProgramRunTest, AFailedSuiteTearDownIsNamed) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Passes("One")
      .Passes("Two")
      .Fails("the tear-down")
      .EndSuite(false)
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_EQ(Word("A.Two"), "passed");
  EXPECT_THAT(notes_->ExtraWords(), ElementsAre("prog: tear-down of A: error"));
}

TEST_P(ProgramRunTest, AFailedSuiteTearDownIsNamedBesideFailedCases) {
  Program({"A.One"})
      .Start()
      .Suite("A")
      .Case("One")
      .Fails("the case")
      .Failed()
      .Fails("the tear-down", 44)
      .EndSuite(false)
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "failed");
  EXPECT_THAT(notes_->ExtraWords(), ElementsAre("prog: tear-down of A: error"));
}

TEST_P(ProgramRunTest, ASuiteThatFailedWithoutAWordIsNamed) {
  Program({"A.One"})
      .Start()
      .Suite("A")
      .Passes("One")
      .EndSuite(false)
      .EndTests(false)
      .Exits(1);
  EXPECT_THAT(notes_->ExtraWords(), ElementsAre("prog: suite A: failed"));
}

TEST_P(ProgramRunTest, ASuccessOrASkipInSuiteSetUpIsNoFailure) {
  Program({"A.One", "A.Two", "B.One"})
      .Start()
      .Suite("A")
      .Succeeds("set up")
      .Passes("One")
      .Case("Two")
      .Skips("why")
      .Skipped()
      .EndSuite()
      .Suite("B")
      .Skips("the suite's set-up", 55)
      .SkippedBySetUp("One")
      .EndSuite()
      .EndTests()
      .Exits(0);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_EQ(Word("A.Two"), "skipped");
  EXPECT_EQ(Word("B.One"), "skipped");
  EXPECT_THAT(notes_->extras, IsEmpty());
}

TEST_P(ProgramRunTest, AFailedEnvironmentSetUpMakesCasesErrors) {
  Program({"A.One", "B.One"})
      .Start()
      .Fails("no database")
      .Suite("A")
      .SkippedBySetUp("One")
      .EndSuite()
      .Suite("B")
      .SkippedBySetUp("One")
      .EndSuite()
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "error");
  EXPECT_EQ(Word("B.One"), "error");
  EXPECT_THAT(Result("B.One").message,
              AllOf(HasSubstr("environment"), HasSubstr("no database")));
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: environment set-up: error"));
}

// After an EXPECT that failed there, GoogleTest runs the cases.
TEST_P(ProgramRunTest, ACaseThatSkipsItselfAfterAFailedSetUpIsSkipped) {
  Program({"A.One", "A.Two", "A.Three"})
      .Start()
      .Fails("a small thing")
      .Suite("A")
      .Case("One")
      .Skips("not on this host")
      .Skipped()
      .Passes("Two")
      .Case("Three")
      .Fails("x")
      .Failed()
      .EndSuite(false)
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "skipped");
  EXPECT_EQ(Word("A.Two"), "passed");
  EXPECT_EQ(Word("A.Three"), "failed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: environment set-up: error"));
}

TEST_P(ProgramRunTest, AFailedEnvironmentTearDownIsNamed) {
  Program({"A.One"})
      .Start()
      .Suite("A")
      .Passes("One")
      .EndSuite()
      .Fails("cannot stop")
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: environment tear-down: error"));
}

TEST_P(ProgramRunTest, AnAssertionThatFailedInMainIsNamed) {
  Program({"A.One"})
      .Fails("in main")
      .Start()
      .Suite("A")
      .Passes("One")
      .EndSuite()
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: outside of its tests: error"));
}

TEST_P(ProgramRunTest, ASkipInTheEnvironmentSkipsAll) {
  Program({"A.One", "B.One"})
      .Start()
      .Succeeds("so far")
      .Skips("nothing to test here")
      .EndTests()
      .Exits(0);
  EXPECT_EQ(Word("A.One"), "skipped");
  EXPECT_EQ(Word("B.One"), "skipped");
  EXPECT_THAT(Result("A.One").message, HasSubstr("nothing to test here"));
  EXPECT_THAT(notes_->extras, IsEmpty());
}

TEST_P(ProgramRunTest, ASkipInTheEnvironmentThatExitsBadlyIsNoSkip) {
  Program({"A.One"}).Start().Skips("x").EndTests().Exits(3);
  EXPECT_EQ(Word("A.One"), "error");
}

// ---- What no case explains --------------------------------------------------

TEST_P(ProgramRunTest, ABadExitStatusAfterAllPassedIsNamed) {
  EXPECT_EQ(Program({"A.One"})
                .Start()
                .Suite("A")
                .Passes("One")
                .EndSuite()
                .EndTests()
                .Exits(9),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(), ElementsAre("prog: exit status 9: failed"));
}

TEST_P(ProgramRunTest, ABadExitStatusThatACaseExplainsIsNotNamed) {
  Program({"A.One"})
      .Start()
      .Suite("A")
      .Case("One")
      .Fails("x")
      .Failed()
      .EndSuite(false)
      .EndTests(false)
      .Exits(1);
  EXPECT_THAT(notes_->extras, IsEmpty());
}

TEST_P(ProgramRunTest, AProgramThatFailedWithoutAWordIsNamed) {
  Program({"A.One"})
      .Start()
      .Suite("A")
      .Passes("One")
      .EndSuite()
      .EndTests(false)
      .Exits(0);
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: outside of its tests: failed"));
}

TEST_P(ProgramRunTest, ASelectedCaseWithoutAStartHasNotPassed) {
  EXPECT_EQ(Program({"A.One", "A.Two"})
                .Start()
                .Suite("A")
                .Passes("One")
                .EndSuite()
                .EndTests()
                .Exits(0),
            AfterProgram::kDone);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_EQ(Word("A.Two"), "error");
  EXPECT_THAT(Result("A.Two").message, HasSubstr("never started"));
}

TEST_P(ProgramRunTest, NoCaseAtAllIsNotGreen) {
  Program({"A.One"}).Start().EndTests().Exits(0);
  EXPECT_EQ(Word("A.One"), "error");
}

// ---- More than once, and not asked for --------------------------------------

TEST_P(ProgramRunTest, OfACaseThatStartsOftenTheWorstHolds) {
  ProgramRunOptions options;
  options.repeats = true;
  Program({"A.One", "A.Two"}, options)
      .Start()
      .Suite("A")
      .Passes("One")
      .Passes("Two")
      .EndSuite()
      .EndIteration()
      .Iteration()
      .Suite("A")
      .Case("One")
      .Fails("the second time")
      .Failed()
      .Passes("Two")
      .EndSuite(false)
      .EndIteration(false)
      .Iteration()
      .Suite("A")
      .Passes("One")
      .Case("Two")
      .Skips("the third time")
      .Skipped()
      .EndSuite()
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "failed");
  EXPECT_EQ(Result("A.One").message, "Failed the second time");
  EXPECT_EQ(Word("A.Two"), "skipped");
  EXPECT_THAT(notes_->extras, IsEmpty());
  EXPECT_TRUE(program_->run().repeats());
}

// The report tells of the last time alone.
TEST_P(ProgramRunTest, AReportDoesNotMakeAnEarlierFailureASkip) {
  ProgramRunOptions options;
  options.repeats = true;
  Program({"A.One"}, options)
      .PrintsNothing()
      .Start()
      .Suite("A")
      .Case("One")
      .Fails("the first time")
      .Failed()
      .EndSuite(false)
      .EndIteration(false)
      .Iteration()
      .Suite("A")
      .Case("One")
      .Skips("the second time")
      .Skipped()
      .EndSuite()
      .EndTests()
      .Report({XmlSkipped("A.One")})
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "failed");
}

// A test that calls RUN_ALL_TESTS, or forks and goes on: its worker died.
TEST_P(ProgramRunTest, ACaseThatStartsAgainInsideOfItselfIsToldOfOnce) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Case("One")
      .Passes("One")
      .Passes("Two")
      .Send("event=TestEnd&passed=0&elapsed_time=0ms")
      .EndSuite(false)
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: A.One, started again: failed"));
}

TEST_P(ProgramRunTest, ACrashInTheOuterOfTwoStartsIsNamed) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Case("One")
      .Passes("One")
      .Passes("Two")
      .Dies(SIGSEGV);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: A.One, started again: crashed"));
}

TEST_P(ProgramRunTest, ACrashTheSecondTimeIsTheWorst) {
  ProgramRunOptions options;
  options.repeats = true;
  Program({"A.One"}, options)
      .Start()
      .Suite("A")
      .Passes("One")
      .EndSuite()
      .EndIteration()
      .Iteration()
      .Suite("A")
      .Case("One")
      .Dies(SIGSEGV);
  EXPECT_EQ(Word("A.One"), "crashed");
}

// Two namespaces hold the same Suite.Case; discovery knows it.
TEST_P(ProgramRunTest, TwoCasesOfOneNameHaveOneVerdict) {
  ProgramRunOptions options;
  options.repeated = {true, false};
  Program({"A.Same", "A.Other"}, options)
      .Start()
      .Suite("A")
      .Passes("Same")
      .Case("Same")
      .Fails("the second of its name")
      .Failed()
      .Passes("Other")
      .EndSuite(false)
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.Same"), "failed");
  EXPECT_EQ(Word("A.Other"), "passed");
  EXPECT_THAT(notes_->extras, IsEmpty());
}

// It was told already; googletest-listener-test lists 2 cases and starts 4.
TEST_P(ProgramRunTest, AFailureOfACaseThatWasToldIsNamed) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Passes("One")
      .Passes("Two")
      .EndSuite()
      .EndIteration()
      .Iteration()
      .Suite("A")
      .Case("One")
      .Fails("again")
      .Failed()
      .Passes("Two")
      .EndSuite(false)
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.One"), "passed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: A.One, started again: failed"));
  // So that the next process keeps them until its end.
  EXPECT_TRUE(program_->run().repeats());
}

TEST_P(ProgramRunTest, ACaseThatWasNotAskedForCountsIfItFails) {
  Program({"A.a?b", "A.Last"})
      .Start()
      .Suite("A")
      .Passes("a+b")
      .Case("other")
      .Fails("x")
      .Failed()
      .Passes("a?b")
      .Passes("Last")
      .EndSuite(false)
      .EndTests(false)
      .Exits(1);
  EXPECT_EQ(Word("A.a?b"), "passed");
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: A.other, which was not asked for: failed"));
}

// A case that forks and returns goes on as GoogleTest in the child.
TEST_P(ProgramRunTest, AForkedChildThatGoesOnIsNoSecondResult) {
  Program({"A.Forks", "A.Last"})
      .Start()
      .Suite("A")
      .Case("Forks")
      .Passed()  // the child's
      .Send("event=TestEnd&passed=1&elapsed_time=0ms")
      .Passes("Last")
      .EndSuite()
      .EndTests()
      .Exits(0);
  EXPECT_EQ(Word("A.Forks"), "passed");
  EXPECT_EQ(Word("A.Last"), "passed");
}

TEST_P(ProgramRunTest, AnEndThatNobodyStartedCountsIfItFailed) {
  Program({"A.One", "A.Two"})
      .Start()
      .Suite("A")
      .Passes("One")
      .Send("event=TestEnd&passed=0&elapsed_time=0ms")
      .Passes("Two")
      .EndSuite()
      .EndTests()
      .Exits(0);
  EXPECT_THAT(notes_->ExtraWords(),
              ElementsAre("prog: a case that ended twice: failed"));
}

// ---- Hostile ----------------------------------------------------------------

TEST_P(ProgramRunTest, WhateverIsStreamedEachCaseIsToldOfOnce) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    std::minstd_rand random(seed + 1);
    ledger_.reset();
    ProgramRunOptions options;
    options.repeats = random() % 4 == 0;
    ScriptedProgram& program =
        Program({"A.0", "A.1", "A.2", "B.0", "B.1"}, options);
    const auto name = [&random] { return std::to_string(random() % 4); };
    for (int step = 0; step < 40; ++step) {
      switch (random() % 16) {
        case 0:
          program.Suite(random() % 2 == 0 ? "A" : "B");
          break;
        case 1:
        case 2:
        case 3:
          program.Case(name());
          break;
        case 4:
          program.Passed();
          break;
        case 5:
          program.Failed();
          break;
        case 6:
          program.Skipped();
          break;
        case 7:
          program.Fails("x");
          break;
        case 8:
          program.Skips("x");
          break;
        case 9:
          program.EndSuite(random() % 2 == 0);
          break;
        case 10:
          program.EndIteration(random() % 2 == 0);
          break;
        case 11:
          program.Iteration();
          break;
        case 12:
          program.EndTests(random() % 2 == 0);
          break;
        case 13:
          program.Says(absl::StrCat("[  SKIPPED ] A.", name(), " (0 ms)\n"));
          break;
        case 14:
          program.Wait(std::chrono::milliseconds(random() % 400));
          break;
        case 15:
          program.Passes(name());
          break;
      }
    }
    if (random() % 3 == 0) {
      program.Report({XmlFailed("A.0"), XmlSkipped("B.0"), XmlPassed("B.1"),
                      XmlFailed("C.0")});
    }
    // UnitNotes checks that nothing is told of twice.
    const AfterProgram after =
        random() % 2 == 0 ? program.Exits(static_cast<int>(random() % 3))
                          : program.Dies(SIGSEGV);
    if (after == AfterProgram::kDone) {
      EXPECT_EQ(ledger_->left(), 0U) << seed;
    } else {
      EXPECT_GT(ledger_->left(), 0U) << seed;
      EXPECT_LT(ledger_->left(), 5U) << seed;  // or it would go on for ever
    }
  }
}

}  // namespace
}  // namespace paceline
