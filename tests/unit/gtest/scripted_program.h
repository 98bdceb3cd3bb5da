// A test program that does what a test says, as ProgramRun sees it: bytes of
// the result stream, bytes of output, and an end.
//
// It writes what GoogleTest 1.12.1 writes, in the same order: the printer's
// run line before the start's event, its end line after the end's.

#ifndef PACELINE_TESTS_UNIT_GTEST_SCRIPTED_PROGRAM_H_
#define PACELINE_TESTS_UNIT_GTEST_SCRIPTED_PROGRAM_H_

#include <chrono>
#include <csignal>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/os/subprocess.h"
#include "worker/gtest/program_run.h"
#include "worker/gtest/unit_ledger.h"
#include "worker/gtest/xml_report.h"
#include "worker/lib/worker.h"

namespace paceline {

// Keeps what is told of a unit, by name. No test may be told of twice.
class UnitNotes final : public UnitReporter {
 public:
  explicit UnitNotes(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      WorkerTest& test = tests.emplace_back();
      test.name = name;
      test.timeout = std::chrono::seconds(60);
    }
  }

  void TestStarted(std::uint32_t test) override {
    started.push_back(tests[test].name);
  }
  void TestFinished(std::uint32_t test, TestResult result) override {
    order.push_back(tests[test].name);
    PACELINE_CHECK(results.emplace(tests[test].name, std::move(result)).second);
  }
  void TestRan(std::uint32_t test, TestResult result) override {
    TestFinished(test, std::move(result));
  }
  void TestDeadline(std::uint32_t /*test*/, Duration /*timeout*/) override {}
  void Extra(ExtraResult extra) override { extras.push_back(std::move(extra)); }
  void LateProperties(std::uint32_t test, TestProperties properties) override {
    PACELINE_CHECK(results.contains(tests[test].name));
    late_properties[tests[test].name] = std::move(properties);
  }
  void ScopeProperties(std::string scope, TestProperties properties) override {
    scope_properties[scope] = std::move(properties);
  }
  bool StopRequested() override { return false; }
  bool Terminating() const override { return false; }
  int wake_fd() const override { return -1; }

  // "passed", or "-" where nothing was told.
  std::string Word(const std::string& name) const {
    const auto it = results.find(name);
    return it == results.end() ? "-"
                               : std::string(ToString(it->second.outcome));
  }
  // "name: word" of each extra failure.
  std::vector<std::string> ExtraWords() const {
    std::vector<std::string> words;
    for (const ExtraResult& extra : extras) {
      words.push_back(
          absl::StrCat(extra.name, ": ", ToString(extra.result.outcome)));
    }
    return words;
  }

  std::vector<WorkerTest> tests;
  std::vector<std::string> started;
  std::vector<std::string> order;
  std::map<std::string, TestResult> results;
  std::vector<ExtraResult> extras;
  std::map<std::string, TestProperties> late_properties;
  std::map<std::string, TestProperties> scope_properties;
};

// Cases of a report.
inline XmlCase XmlPassed(std::string name) {
  XmlCase result;
  result.name = std::move(name);
  result.began = true;
  return result;
}
inline XmlCase XmlFailed(std::string name,
                         const std::string& text = "f.cc:10\nFailed\nx") {
  XmlCase result = XmlPassed(std::move(name));
  result.failed = true;
  result.parts = {{text, false}};
  return result;
}
inline XmlCase XmlSkipped(std::string name,
                          const std::string& text = "f.cc:20\nwhy") {
  XmlCase result = XmlPassed(std::move(name));
  result.skipped = true;
  result.parts = {{text, true}};
  return result;
}
// Selected and never begun.
inline XmlCase XmlNotBegun(std::string name) {
  XmlCase result;
  result.name = std::move(name);
  return result;
}

class ScriptedProgram {
 public:
  // One turn for each thing that happens, or all at once before the end.
  enum class Turns { kEach, kOne };

  ScriptedProgram(UnitLedger& ledger, ProgramRunOptions options,
                  Turns turns = Turns::kEach)
      : turns_(turns), streams_(options.streams) {
    options.suite_name = "prog";
    run_ = std::make_unique<ProgramRun>(std::move(options), ledger);
  }

  ProgramRun& run() { return *run_; }

  // Without a printer of GoogleTest's.
  ScriptedProgram& PrintsNothing() {
    prints_ = false;
    return *this;
  }

  // What happens in the program.
  ScriptedProgram& Start() {
    return Send("gtest_streaming_protocol_version=1.0")
        .Send("event=TestProgramStart")
        .Iteration();
  }
  ScriptedProgram& Iteration() {
    return Send("event=TestIterationStart&iteration=0");
  }
  ScriptedProgram& Suite(absl::string_view name) {
    suite_ = std::string(name);
    Print(absl::StrCat("[----------] 2 tests from ", name, "\n"));
    return Send(absl::StrCat("event=TestCaseStart&name=", name));
  }
  ScriptedProgram& Case(absl::string_view name) {
    case_ = std::string(name);
    Print(absl::StrCat("[ RUN      ] ", suite_, ".", name, "\n"));
    return Send(absl::StrCat("event=TestStart&name=", name));
  }
  // `text` goes to the output, whoever prints there.
  ScriptedProgram& Says(absl::string_view text) {
    output_.append(text.data(), text.size());
    return Turn();
  }
  ScriptedProgram& Fails(absl::string_view message, int line = 10) {
    return Part("Failure", line, absl::StrCat("Failed\n", message));
  }
  ScriptedProgram& Skips(absl::string_view message, int line = 20) {
    return Part("Skipped", line, message);
  }
  // The printer says nothing of it.
  ScriptedProgram& Succeeds(absl::string_view message) {
    return Part("", 30, absl::StrCat("Succeeded\n", message));
  }
  ScriptedProgram& Part(absl::string_view word, int line,
                        absl::string_view message) {
    if (!word.empty()) {
      Print(absl::StrCat("f.cc:", line, ": ", word, "\n", message, "\n"));
    }
    return Send(absl::StrCat(
        "event=TestPartResult&file=f.cc&line=", line, "&message=",
        absl::StrReplaceAll(
            message,
            {{"%", "%25"}, {"\n", "%0A"}, {"=", "%3D"}, {"&", "%26"}})));
  }
  ScriptedProgram& Passed() { return EndCase("[       OK ] ", true); }
  ScriptedProgram& Failed() { return EndCase("[  FAILED  ] ", false); }
  ScriptedProgram& Skipped() { return EndCase("[  SKIPPED ] ", false); }
  // As GoogleTest skips a case that it does not run.
  ScriptedProgram& SkippedBySetUp(absl::string_view name) {
    return Case(name).Skips("").Skipped();
  }
  // A case from its start to its end.
  ScriptedProgram& Passes(absl::string_view name) {
    return Case(name).Passed();
  }
  ScriptedProgram& EndSuite(bool passed = true) {
    Send(absl::StrCat("event=TestCaseEnd&passed=", passed ? 1 : 0,
                      "&elapsed_time=0ms"));
    return Print(absl::StrCat("[----------] 2 tests from ", suite_,
                              " (0 ms total)\n\n"));
  }
  ScriptedProgram& EndIteration(bool passed = true) {
    return Send(absl::StrCat("event=TestIterationEnd&passed=", passed ? 1 : 0,
                             "&elapsed_time=0ms"));
  }
  ScriptedProgram& EndTests(bool passed = true) {
    return EndIteration(passed).Send(
        absl::StrCat("event=TestProgramEnd&passed=", passed ? 1 : 0));
  }
  ScriptedProgram& Send(absl::string_view line) {
    if (streams_) {
      absl::StrAppend(&stream_, line, "\n");
    }
    return Turn();
  }
  ScriptedProgram& Wait(Duration duration) {
    Flush();
    now_ += duration;
    Flush();
    return *this;
  }

  // What is known when it has ended.
  ScriptedProgram& Report(std::vector<XmlCase> cases,
                          std::vector<XmlPart> outside = {}) {
    end_.report = XmlReport{std::move(cases), std::move(outside), {}};
    return *this;
  }
  // The report's, outside of cases.
  ScriptedProgram& Records(std::string suite, TestProperties properties) {
    end_.report->properties.push_back(
        {std::move(suite), std::move(properties)});
    return *this;
  }
  ScriptedProgram& Leaks() {
    end_.leaked = true;
    return *this;
  }
  ScriptedProgram& EndedByUs(std::string why) {
    end_.ended_by_us = std::move(why);
    return *this;
  }
  AfterProgram Exits(int code) {
    end_.status = WaitStatus{code << 8};
    return End();
  }
  // Outside of cases, and is ended.
  AfterProgram Hangs(Duration duration) {
    end_.hung = duration;
    end_.ended_by_us = "hung outside of cases";
    return Dies(SIGTERM);
  }
  AfterProgram Dies(int signal) {
    end_.status = WaitStatus{signal};
    return End();
  }

 private:
  ScriptedProgram& Print(absl::string_view text) {
    if (prints_) {
      absl::StrAppend(&output_, text);
    }
    return *this;
  }
  ScriptedProgram& EndCase(absl::string_view marker, bool passed) {
    Send(absl::StrCat("event=TestEnd&passed=", passed ? 1 : 0,
                      "&elapsed_time=7ms"));
    Print(absl::StrCat(marker, suite_, ".", case_, " (7 ms)\n"));
    return Turn();
  }
  ScriptedProgram& Turn() {
    if (turns_ == Turns::kEach) {
      Flush();
    }
    return *this;
  }
  void Flush() {
    now_ += std::chrono::milliseconds(1);
    ProgramTurn turn;
    turn.now = now_;
    turn.unix_ns = now_.time_since_epoch().count();
    turn.stream = stream_;
    turn.output = output_;
    run_->OnTurn(turn);
    stream_.clear();
    output_.clear();
  }
  AfterProgram End() {
    Flush();
    end_.unix_ns = now_.time_since_epoch().count();
    return run_->OnEnd(end_);
  }

  const Turns turns_;
  const bool streams_;
  bool prints_ = true;
  std::unique_ptr<ProgramRun> run_;
  std::string suite_;
  std::string case_;
  std::string stream_;
  std::string output_;
  Instant now_{std::chrono::hours(1)};
  ProgramEnd end_;
};

}  // namespace paceline

#endif  // PACELINE_TESTS_UNIT_GTEST_SCRIPTED_PROGRAM_H_
