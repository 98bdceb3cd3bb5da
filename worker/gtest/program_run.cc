#include "worker/gtest/program_run.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "worker/gtest/case_name.h"
#include "worker/gtest/filter.h"

namespace paceline {
namespace {

using Kind = StreamEvent::Kind;

// The printer flushes its line right after the event; a program that does not
// is not waited for longer.
constexpr Duration kEndLineWait = std::chrono::milliseconds(100);
// A program whose tests are over mostly ends at once, and its report is there;
// one that does not is in a tear-down, and people want to know by then.
constexpr Duration kEndWait = std::chrono::seconds(2);
// Of one case. The last is kept too: a skip ends its case.
constexpr std::size_t kMaxParts = 100;

int Badness(Outcome outcome) {
  constexpr std::array kFromBestToWorst = {Outcome::kPassed, Outcome::kSkipped,
                                           Outcome::kFailed, Outcome::kError,
                                           Outcome::kCrashed};
  const auto* at =
      std::find(kFromBestToWorst.begin(), kFromBestToWorst.end(), outcome);
  return static_cast<int>(at - kFromBestToWorst.begin());
}

void KeepPart(StreamEvent event, std::vector<PartResult>& parts) {
  PartResult part{CleanName(event.file), event.line, std::move(event.message)};
  if (parts.size() >= kMaxParts) {
    parts.back() = std::move(part);
  } else {
    parts.push_back(std::move(part));
  }
}

constexpr absl::string_view kRun = "[ RUN      ] ";

// What the next line needs to know of a line without its end.
constexpr std::size_t kMaxLineBegun = 8 * 1024;

}  // namespace

ProgramRun::ProgramRun(ProgramRunOptions options, UnitLedger& ledger)
    : options_(std::move(options)),
      ledger_(ledger),
      slicer_(options_.output_limit),
      bad_seen_(options_.bad_before) {}

std::optional<Instant> ProgramRun::next_deadline() const {
  return ended_until_.has_value() ? ended_until_ : last_until_;
}

void ProgramRun::OnTurn(const ProgramTurn& turn) {
  now_ = turn.now;
  unix_ns_ = turn.unix_ns;
  read_health_ = turn.health;
  health_.reset();
  slicer_.Append(turn.output);
  if (!options_.streams) {
    FollowRunLines(turn.output);
  } else if (!streamed_ && !prints_cases_) {
    prints_cases_ = absl::StrContains(turn.output, kRun);
  }
  stream_.Append(turn.stream,
                 [this](StreamEvent event) { OnEvent(std::move(event)); });
  if (ended_.has_value()) {
    // Whether it was skipped or failed is known for certain only when
    // something else has followed: a test can print an end line too.
    const bool sure = ended_->passed && slicer_.HasEndLine();
    if (!ended_until_.has_value()) {
      ended_until_ = now_ + kEndLineWait;
    }
    if (sure || now_ >= *ended_until_) {
      FinishEnded();
    }
  }
  if (last_until_.has_value() && now_ >= *last_until_) {
    TellLast();
  }
  if (open_.has_value() && open_->test.has_value()) {
    ledger_.Announce(*open_->test);
  }
  read_health_ = nullptr;
}

void ProgramRun::FollowRunLines(absl::string_view output) {
  // A line may come in pieces.
  const std::string text = line_begun_ + std::string(output);
  const std::size_t end = text.rfind('\n');
  if (end == std::string::npos) {
    line_begun_ = text.substr(0, kMaxLineBegun);
    return;
  }
  line_begun_ = text.substr(end + 1, kMaxLineBegun);
  const absl::string_view lines = absl::string_view(text).substr(0, end);
  // A case may print such words, but most often not as a line's first.
  std::size_t at = lines.rfind(kRun);
  while (at != absl::string_view::npos && at > 0 && lines[at - 1] != '\n') {
    at = lines.rfind(kRun, at - 1);
  }
  if (at != absl::string_view::npos) {
    const absl::string_view rest = lines.substr(at + kRun.size());
    last_run_line_ = CleanName(rest.substr(0, rest.find('\n')));
  }
}

void ProgramRun::OnEvent(StreamEvent event) {
  streamed_ = true;
  switch (event.kind) {
    case Kind::kVersion:
    case Kind::kProgramStart:
      break;
    case Kind::kIterationStart:
      ++iterations_started_;
      repeats_ = repeats_ || iterations_started_ > 1;
      phase_ = Phase::kEnvironmentSetUp;
      break;
    case Kind::kSuiteStart:
      FinishEnded();
      phase_ = Phase::kSuiteSetUp;
      printed_suite_ = event.name;
      suite_ = CleanName(event.name);
      suite_failed_ = false;
      suite_seen_ = true;
      break;
    case Kind::kTestStart:
      OnTestStart(event);
      break;
    case Kind::kTestEnd:
      OnTestEnd(event);
      break;
    case Kind::kPartResult:
      OnPart(std::move(event));
      break;
    case Kind::kSuiteEnd:
      OnSuiteEnd(event);
      break;
    case Kind::kIterationEnd:
      FinishEnded();
      ++iterations_ended_;
      phase_ = Phase::kAfterTests;
      break;
    case Kind::kProgramEnd:
      OnProgramEnd(event);
      break;
  }
}

void ProgramRun::OnTestStart(const StreamEvent& event) {
  const std::string printed = absl::StrCat(printed_suite_, ".", event.name);
  std::optional<CaseOutput> closed = slicer_.BeginCase(printed);
  if (ended_.has_value()) {
    FinishEnded(closed.has_value() ? *std::move(closed) : CaseOutput());
  } else if (open_.has_value()) {
    // A child of it went on as GoogleTest, or it runs tests of its own.
    open_->output = closed.has_value() ? *std::move(closed) : CaseOutput();
    unended_.push_back(*std::exchange(open_, std::nullopt));
  }
  phase_ = Phase::kSuite;
  Case& started = open_.emplace(Case());
  started.name = CleanName(printed);
  started.started = now_;
  started.started_unix_ns = unix_ns_;
  started.failed_set_up = FailedSetUp();
  last_until_.reset();
  if (const auto test = ledger_.Find(started.name); test.has_value()) {
    if (ledger_.settled(*test)) {
      repeats_ = true;
    } else {
      repeats_ = repeats_ || held_.contains(*test);
      started.test = test;
    }
  }
}

void ProgramRun::OnTestEnd(const StreamEvent& event) {
  if (!open_.has_value() && !unended_.empty()) {
    open_ = std::move(unended_.back());
    unended_.pop_back();
  }
  if (!open_.has_value()) {
    if (!event.passed) {
      suite_failed_ = true;
      AddExtra("a case that ended twice", Outcome::kFailed,
               "a case ended once more and had not passed; does a child "
               "process of a test go on as GoogleTest?",
               {});
    }
    return;
  }
  FinishEnded();
  ended_ = *std::exchange(open_, std::nullopt);
  last_case_ended_ = now_;
  ended_->passed = event.passed;
  ended_->elapsed = event.elapsed;
}

void ProgramRun::OnPart(StreamEvent event) {
  if (open_.has_value()) {
    KeepPart(std::move(event), open_->parts);
    return;
  }
  const auto word = slicer_.FindPart(event.file, event.line);
  std::vector<PartResult> part;
  KeepPart(std::move(event), part);
  // One that the printer did not word as a skip is a failure until the end of
  // its suite or program says that nothing failed.
  const bool failed =
      word == OutputSlicer::PartWord::kFailure ||
      (word == OutputSlicer::PartWord::kNone && !IsSuccess(part.front()));
  if (outside_.size() < kMaxParts) {
    outside_.push_back({std::move(part.front()), phase_, suite_, failed});
  }
}

void ProgramRun::OnSuiteEnd(const StreamEvent& event) {
  FinishEnded();
  if (event.passed) {
    DecideSkipped();
  }
  const auto in_suite = [this](const Outside& outside) {
    return outside.suite == suite_ && (outside.phase == Phase::kSuiteSetUp ||
                                       outside.phase == Phase::kSuite);
  };
  if (!event.passed) {
    ReportOutsideSuites();
    if (!suite_failed_) {
      AddExtra(absl::StrCat("suite ", suite_), Outcome::kFailed,
               "GoogleTest says that the suite failed, though each of its "
               "cases passed",
               {});
    }
  }
  outside_.erase(std::remove_if(outside_.begin(), outside_.end(), in_suite),
                 outside_.end());
  phase_ = Phase::kBetweenSuites;
}

void ProgramRun::OnProgramEnd(const StreamEvent& event) {
  FinishEnded();
  ++programs_ended_;
  program_passed_ = program_passed_ && event.passed;
  if (event.passed) {
    // Skips and successes, whatever they were taken for.
    for (Outside& outside : outside_) {
      outside.failed = false;
    }
  } else {
    ReportOutsideAll();
  }
  phase_ = Phase::kAfterTests;
}

void ProgramRun::FinishEnded() {
  if (ended_.has_value()) {
    FinishEnded(slicer_.in_case() ? slicer_.EndCase() : CaseOutput());
  }
}

void ProgramRun::FinishEnded(CaseOutput output) {
  Case done = *std::exchange(ended_, std::nullopt);
  ended_until_.reset();
  done.output = std::move(output);
  if (SaysWhy(done.parts)) {
    done.failed_set_up.clear();
  }
  Held held;
  held.failed_set_up = done.failed_set_up;
  Outcome outcome = Outcome::kFailed;
  if (done.passed) {
    outcome = Outcome::kPassed;
  } else if (done.output.end_line == EndLine::kSkipped) {
    outcome = done.failed_set_up.empty() ? Outcome::kSkipped : Outcome::kError;
  } else {
    held.undecided = done.output.end_line != EndLine::kFailed;
  }
  if (held.undecided) {
    held.parts = done.parts;
  }
  suite_failed_ = suite_failed_ || !IsGood(outcome);
  held.result = ResultOf(done, outcome);
  // One that started again inside of itself may be settled by now.
  if (done.test.has_value() && !ledger_.settled(*done.test)) {
    last_ended_ = done.test;
    SettleOrHold(*done.test, std::move(held));
  } else if (outcome == Outcome::kFailed && IsOverselected(done.name)) {
    // Whoever was asked to run it tells of it; here it explains the status.
    bad_seen_ = true;
  } else if (outcome == Outcome::kFailed) {
    AddExtra(NameOfUnasked(done.name), Outcome::kFailed, held.result.message,
             done.parts);
  }
}

bool ProgramRun::IsOverselected(const std::string& name) const {
  if (ledger_.Find(name).has_value()) {
    return false;
  }
  for (std::size_t test = 0; test < ledger_.size(); ++test) {
    if (FilterSelects(ledger_.name(test), name)) {
      return true;
    }
  }
  return false;
}

void ProgramRun::DecideSkipped() {
  std::vector<std::size_t> decided;
  for (auto& [test, held] : held_) {
    if (!held.undecided || !IsOfSuite(ledger_.name(test), suite_)) {
      continue;
    }
    held.undecided = false;
    TestResult& result = held.result;
    result.details.clear();
    if (held.failed_set_up.empty()) {
      result.outcome = Outcome::kSkipped;
      result.message.clear();
      DescribeSkip(held.parts, result);
    } else {
      result.outcome = Outcome::kError;
      result.message = held.failed_set_up;
    }
    decided.push_back(test);
  }
  for (const std::size_t test : decided) {
    const bool last = ledger_.left() == 1;
    if (!options_.repeats && !last &&
        !(test < options_.repeated.size() && options_.repeated[test])) {
      Settle(test, std::move(held_.at(test).result));
      held_.erase(test);
    }
  }
}

std::string ProgramRun::NameOfUnasked(const std::string& name) const {
  return absl::StrCat(name, ledger_.Find(name).has_value()
                                ? ", started again"
                                : ", which was not asked for");
}

TestResult ProgramRun::ResultOf(Case& done, Outcome outcome) {
  TestResult result;
  result.outcome = outcome;
  result.duration = done.elapsed;
  result.started_unix_ns = done.started_unix_ns;
  result.output = std::move(done.output.output);
  result.health = Health();
  if (outcome == Outcome::kError) {
    result.message = done.failed_set_up;
  } else if (outcome == Outcome::kFailed) {
    DescribeFailure(done.parts, result);
    if (result.message.empty()) {
      result.message = "did not pass, and no assertion says why";
    }
  } else if (outcome == Outcome::kSkipped) {
    DescribeSkip(done.parts, result);
  }
  return result;
}

void ProgramRun::SettleOrHold(std::size_t test, Held held) {
  const auto it = held_.find(test);
  if (it != held_.end()) {
    // One verdict for all its starts: the worst. The report tells of the last
    // one alone, and decides nothing.
    if (Badness(held.result.outcome) > Badness(it->second.result.outcome)) {
      it->second = std::move(held);
    }
    it->second.undecided = false;
    return;
  }
  const bool may_repeat =
      options_.repeats ||
      (test < options_.repeated.size() && options_.repeated[test]);
  // The unit's last waits for the program's end: properties, and whether
  // something was left behind, are known then, and nothing waits for it.
  const bool last = ledger_.left() == held_.size() + 1;
  if (last && !held.undecided && !may_repeat) {
    last_ = test;
    last_until_ = now_ + kEndWait;
  }
  if (held.undecided || may_repeat || last) {
    held_.emplace(test, std::move(held));
    ledger_.Rest(test);
  } else {
    Settle(test, std::move(held.result));
  }
}

void ProgramRun::TellLast() {
  last_until_.reset();
  const auto it = held_.find(*last_);
  if (it != held_.end()) {
    Settle(it->first, std::move(it->second.result));
    held_.erase(it);
  }
}

void ProgramRun::Settle(std::size_t test, TestResult result) {
  settled_any_ = true;
  bad_seen_ = bad_seen_ || !IsGood(result.outcome);
  ledger_.Settle(test, std::move(result));
}

std::optional<WorkerHealth> ProgramRun::Health() {
  if (!health_.has_value() && read_health_) {
    health_ = read_health_();
  }
  return health_;
}

std::string ProgramRun::FailedSetUp() const {
  for (const Outside& outside : outside_) {
    if (!outside.failed) {
      continue;
    }
    if (outside.phase == Phase::kEnvironmentSetUp) {
      return absl::StrCat("the environment's set-up failed: ",
                          OneLine(outside.part.message));
    }
    if (outside.phase == Phase::kSuiteSetUp && outside.suite == suite_) {
      return absl::StrCat("the set-up of ", suite_,
                          " failed: ", OneLine(outside.part.message));
    }
  }
  return {};
}

bool ProgramRun::ReportOutside(const std::function<bool(const Outside&)>& which,
                               const std::string& what) {
  std::vector<PartResult> parts;
  for (Outside& outside : outside_) {
    if (outside.failed && which(outside)) {
      parts.push_back(outside.part);
      outside.failed = false;
    }
  }
  if (parts.empty()) {
    return false;
  }
  AddExtra(what, Outcome::kError, "", parts);
  return true;
}

void ProgramRun::ReportOutsideSuites() {
  const auto report = [this](Phase phase, absl::string_view what) {
    suite_failed_ |= ReportOutside(
        [this, phase](const Outside& o) {
          return o.phase == phase && o.suite == suite_;
        },
        absl::StrCat(what, " of ", suite_));
  };
  report(Phase::kSuiteSetUp, "set-up");
  report(Phase::kSuite, "tear-down");
}

void ProgramRun::ReportOutsideAll() {
  const auto report = [this](Phase phase, const std::string& what) {
    outside_told_ |= ReportOutside(
        [phase](const Outside& o) { return o.phase == phase; }, what);
  };
  report(Phase::kEnvironmentSetUp, "environment set-up");
  report(Phase::kBetweenSuites, "environment tear-down");
  outside_told_ |= ReportOutside([](const Outside&) { return true; },
                                 "outside of its tests");
}

void ProgramRun::AddExtra(const std::string& what, Outcome outcome,
                          std::string message,
                          const std::vector<PartResult>& parts) {
  bad_seen_ = true;
  ExtraResult extra;
  extra.name = absl::StrCat(options_.suite_name, ": ", what);
  extra.result.outcome = outcome;
  extra.result.started_unix_ns = unix_ns_;
  extra.result.message = std::move(message);
  DescribeFailure(parts, extra.result);
  extra.result.output.head = slicer_.TakeOutside();
  ledger_.Extra(std::move(extra));
}

}  // namespace paceline
