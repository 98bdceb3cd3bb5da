// One process of a test program, from its stream, output, report and end to
// the verdicts of a unit's cases.
//
// No single source is right. The stream's start and end pairs say what ran and
// what passed; what did not pass is told skipped from failed by the printer's
// end line, and finally by the XML report; the exit status, and whether the
// program's end was announced, say what no case explains. A case that was
// never seen to start has not passed. When sources differ, the worse one
// holds.
//
// Pure: bytes, times and the end come in, results go to a UnitLedger.

#ifndef PACELINE_WORKER_GTEST_PROGRAM_RUN_H_
#define PACELINE_WORKER_GTEST_PROGRAM_RUN_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/model/result.h"
#include "common/model/worker_health.h"
#include "common/os/subprocess.h"
#include "worker/gtest/output_slicer.h"
#include "worker/gtest/part_result.h"
#include "worker/gtest/stream_reader.h"
#include "worker/gtest/unit_ledger.h"
#include "worker/gtest/xml_report.h"

namespace paceline {

struct ProgramRunOptions {
  // What names of failures that belong to no case begin with.
  std::string suite_name;
  std::uint64_t output_limit = 1024 * 1024;
  // The program streams its results; else there is its report alone.
  bool streams = true;
  // Cases may start more than once, so results are kept until the end.
  bool repeats = false;
  // The cases that may, where not all do; by position in the unit.
  std::vector<bool> repeated;
  // Why the exit status may be bad before this process does anything: a run
  // of the same cases before it had bad results.
  bool bad_before = false;
};

// What is known at one moment.
struct ProgramTurn {
  Instant now;
  std::int64_t unix_ns = 0;
  // Read before `output`, so that what was printed before an event is there.
  absl::string_view stream;
  absl::string_view output;
  // Called at most once a turn, and only when a case ended. May be empty.
  std::function<std::optional<WorkerHealth>()> health;
};

struct ProgramEnd {
  WaitStatus status;
  std::int64_t unix_ns = 0;
  // We ended it: cases that run get this as their message, those that did not
  // start get nothing.
  std::optional<std::string> ended_by_us;
  // Why we did: the unit was stopped. A case that began after that has not run.
  bool stopped = false;
  // Why we did: it ran no case for so long, in the phase that it is in.
  std::optional<Duration> hung;
  std::optional<XmlReport> report;
  // Something still held its output after it was gone.
  bool leaked = false;
};

// What is to be done about the cases that are left.
enum class AfterProgram {
  kDone,           // nothing is left, or nothing more can be done
  kRunRest,        // in a fresh process
  kWithoutStream,  // all again: the program cannot stream its results
};

class ProgramRun {
 public:
  ProgramRun(ProgramRunOptions options, UnitLedger& ledger);

  void OnTurn(const ProgramTurn& turn);
  // All that the program wrote has come in by turns before.
  AfterProgram OnEnd(const ProgramEnd& end);

  // When OnTurn should be called though nothing has come in.
  std::optional<Instant> next_deadline() const;
  // Whether a case runs that has started and has not ended.
  bool in_case() const { return open_.has_value(); }
  // Whether it is known when cases run. A program without GoogleTest's stream
  // shows it by its printer alone.
  bool follows_cases() const {
    return options_.streams && (streamed_ || !prints_cases_);
  }
  // When the last case ended; nothing before the first.
  std::optional<Instant> last_case_ended() const { return last_case_ended_; }
  // Whether cases were seen to start a second time.
  bool repeats() const { return repeats_; }

 private:
  enum class Phase {
    kBeforeTests,
    kEnvironmentSetUp,
    kSuiteSetUp,
    kSuite,  // since its first case; between cases and in tear-down
    kBetweenSuites,
    kAfterTests,
  };

  // A case that started in this process.
  struct Case {
    std::string name;
    // Absent: not one of the unit's, or one that has its verdict already.
    std::optional<std::size_t> test;
    std::vector<PartResult> parts;
    Instant started;
    std::int64_t started_unix_ns = 0;
    bool passed = false;
    Duration elapsed{};
    // Set when it can only be skipped because this failed.
    std::string failed_set_up;
    CaseOutput output;
  };

  // A part result that belongs to no case.
  struct Outside {
    PartResult part;
    Phase phase = Phase::kBeforeTests;
    std::string suite;
    bool failed = false;
  };

  // A result that is kept until the end.
  struct Held {
    TestResult result;
    // It did not pass, and nothing yet says whether it was skipped.
    bool undecided = false;
    std::vector<PartResult> parts;  // of one that is undecided
    std::string failed_set_up;
  };

  void OnEvent(StreamEvent event);
  void OnTestStart(const StreamEvent& event);
  void OnTestEnd(const StreamEvent& event);
  void OnPart(StreamEvent event);
  void OnSuiteEnd(const StreamEvent& event);
  void FollowRunLines(absl::string_view output);
  void OnProgramEnd(const StreamEvent& event);

  // The case that ended last gets its result; its output ends here.
  void FinishEnded();
  void FinishEnded(CaseOutput output);
  // What a case that has no result of its own to get is called.
  std::string NameOfUnasked(const std::string& name) const;
  // Whether the filter could not but select this case too.
  bool IsOverselected(const std::string& name) const;
  // What did not pass in a suite that has passed was skipped.
  void DecideSkipped();
  TestResult ResultOf(Case& done, Outcome outcome);
  void SettleOrHold(std::size_t test, Held held);
  void TellLast();
  void Settle(std::size_t test, TestResult result);
  std::optional<WorkerHealth> Health();

  bool StreamIsRefused(const ProgramEnd& end);
  void ReleaseBadOnly();
  void ApplyReport(const XmlReport& report);
  void ApplyReport(const XmlCase& reported);
  void SettleUnended(const ProgramEnd& end);
  void ReleaseHeld(bool leaked);
  void TellProperties(const ProgramEnd& end);
  AfterProgram OnNormalEnd(const ProgramEnd& end);
  AfterProgram OnDeath(const ProgramEnd& end);
  AfterProgram OnDeathWithoutStream(const ProgramEnd& end);
  // Every case without a result: of the unit, or of one suite in it.
  void SettleLeft(Outcome outcome, const std::string& message,
                  std::optional<absl::string_view> suite = std::nullopt);
  const Outside* FindEnvironmentSkip() const;

  // Failures that belong to no case.
  std::string FailedSetUp() const;
  bool ReportOutside(const std::function<bool(const Outside&)>& which,
                     const std::string& what);
  void ReportOutsideSuites();
  void ReportOutsideAll();
  void AddExtra(const std::string& what, Outcome outcome, std::string message,
                const std::vector<PartResult>& parts);

  const ProgramRunOptions options_;
  UnitLedger& ledger_;
  StreamReader stream_;
  OutputSlicer slicer_;

  // Of the current turn.
  Instant now_;
  std::int64_t unix_ns_ = 0;
  std::function<std::optional<WorkerHealth>()> read_health_;
  std::optional<WorkerHealth> health_;

  Phase phase_ = Phase::kBeforeTests;
  bool streamed_ = false;
  bool prints_cases_ = false;
  std::optional<Instant> last_case_ended_;
  int iterations_started_ = 0;
  int iterations_ended_ = 0;
  int programs_ended_ = 0;
  bool program_passed_ = true;
  bool suite_seen_ = false;
  std::string suite_;
  std::string printed_suite_;  // not cleaned
  bool suite_failed_ = false;  // by a case of it
  std::vector<Outside> outside_;

  std::optional<Case> open_;   // runs
  std::optional<Case> ended_;  // has no result yet
  std::optional<Instant> ended_until_;
  // Did not end when another case started.
  std::vector<Case> unended_;
  // By position in the unit.
  absl::btree_map<std::size_t, Held> held_;
  // What cases recorded that have been told already.
  std::vector<std::pair<std::size_t, TestProperties>> late_properties_;
  // The unit's last case, which waits for the program's end, but not longer
  // than this: the agent takes a held case for one that runs.
  std::optional<std::size_t> last_;
  std::optional<Instant> last_until_;
  // The case of the unit that ended last.
  std::optional<std::size_t> last_ended_;

  // Where the printer says the program is, when there is no stream.
  std::string last_run_line_;
  std::string line_begun_;
  bool settled_any_ = false;
  bool charged_ = false;  // the program's death, to a case
  bool repeats_ = false;
  bool outside_told_ = false;
  bool bad_seen_ = false;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_PROGRAM_RUN_H_
