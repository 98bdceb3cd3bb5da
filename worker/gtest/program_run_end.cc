// The second half of ProgramRun: what a process's end and its report say.

#include <signal.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "worker/gtest/case_name.h"
#include "worker/gtest/program_run.h"

namespace paceline {
namespace {

// What GoogleTest 1.8 to 1.12 say when they have nowhere to stream to any
// more; RUN_ALL_TESTS called twice is one way there.
constexpr absl::string_view kNoConnection =
    "Send() can be called only when there is a connection";

constexpr char kToldAtTheEnd[] =
    "told at the program's end only: it calls RUN_ALL_TESTS more than once, or "
    "cannot connect, and GoogleTest's result stream does not survive that";

std::string HowItEnded(const ProgramEnd& end) {
  if (end.hung.has_value()) {
    return absl::StrFormat("hung for %.2f s and was ended",
                           std::chrono::duration<double>(*end.hung).count());
  }
  return end.status.exited()
             ? absl::StrCat("exited with status ", end.status.exit_code())
             : absl::StrCat("died of ", Describe(end.status));
}

}  // namespace

AfterProgram ProgramRun::OnEnd(const ProgramEnd& end) {
  unix_ns_ = end.unix_ns;
  health_.reset();
  FinishEnded();
  if (StreamIsRefused(end)) {
    ReleaseBadOnly();
    return AfterProgram::kWithoutStream;
  }
  if (end.report.has_value()) {
    ApplyReport(*end.report);
  }
  SettleUnended(end);
  ReleaseHeld(end.leaked);
  TellProperties(end);
  if (end.hung.has_value()) {
    return OnDeath(end);
  }
  if (end.ended_by_us.has_value()) {
    return AfterProgram::kDone;
  }
  // A report without the stream's word of it: the stream was lost, or never
  // there, while the program went on.
  const bool finished =
      programs_ended_ > 0 || (end.report.has_value() && iterations_ended_ == 0);
  if (end.status.exited() && finished && !charged_) {
    return OnNormalEnd(end);
  }
  return OnDeath(end);
}

// Whether the program died because it may not stream its results: it calls
// RUN_ALL_TESTS twice, or could not connect.
bool ProgramRun::StreamIsRefused(const ProgramEnd& end) {
  return options_.streams && !end.ended_by_us.has_value() &&
         (programs_ended_ > 0 || !streamed_) && end.status.signaled() &&
         end.status.term_signal() == SIGABRT && !open_.has_value() &&
         (absl::StrContains(slicer_.Outside(), kNoConnection) ||
          absl::StrContains(slicer_.OutsideTail(), kNoConnection));
}

void ProgramRun::ReleaseBadOnly() {
  for (auto& [test, held] : held_) {
    if (!IsGood(held.result.outcome) && !held.undecided) {
      Settle(test, std::move(held.result));
    }
  }
  held_.clear();
}

void ProgramRun::ApplyReport(const XmlReport& report) {
  for (const XmlCase& reported : report.cases) {
    ApplyReport(reported);
  }
  if (!report.outside.empty() && !outside_told_) {
    std::vector<PartResult> parts;
    for (const XmlPart& part : report.outside) {
      if (!part.skip) {
        parts.push_back(FromXml(part));
      }
    }
    if (!parts.empty()) {
      AddExtra("outside of its tests", Outcome::kError, "", parts);
    }
  }
}

void ProgramRun::ApplyReport(const XmlCase& reported) {
  std::vector<PartResult> parts;
  for (const XmlPart& part : reported.parts) {
    if (part.skip == reported.skipped) {
      parts.push_back(FromXml(part));
    }
  }
  const std::optional<std::size_t> test = ledger_.Find(reported.name);
  if (test.has_value() && ledger_.settled(*test) && reported.began &&
      !reported.properties.empty()) {
    late_properties_.emplace_back(*test, reported.properties);
  }
  if (!test.has_value() || ledger_.settled(*test)) {
    // Nothing that was told to pass may have failed.
    if (reported.failed && (test.has_value() ? IsGood(ledger_.outcome(*test))
                                             : iterations_ended_ == 0)) {
      AddExtra(absl::StrCat(reported.name, ", by the program's own report"),
               Outcome::kFailed, "", parts);
    }
    return;
  }
  auto held = held_.find(*test);
  if (held == held_.end()) {
    // With the stream's word, what it did not see end has not ended.
    if (!reported.began || iterations_ended_ > 0) {
      return;
    }
    held = held_.emplace(*test, Held()).first;
    TestResult& result = held->second.result;
    result.duration = reported.elapsed;
    result.outcome = Outcome::kPassed;
    if (open_.has_value() && open_->test == test) {
      result.started_unix_ns = open_->started_unix_ns;
      result.output = slicer_.EndCase().output;
      open_.reset();
    }
    held->second.undecided = true;
  }
  TestResult& result = held->second.result;
  result.properties = reported.properties;
  if (reported.failed) {
    if (IsGood(result.outcome) || held->second.undecided) {
      result.outcome = Outcome::kFailed;
      result.message.clear();
      result.details.clear();
      DescribeFailure(parts, result);
    }
    bad_seen_ = true;
  } else if (held->second.undecided && reported.skipped) {
    result.details.clear();
    if (held->second.failed_set_up.empty() || SaysWhy(parts)) {
      result.outcome = Outcome::kSkipped;
      result.message.clear();
      DescribeSkip(parts, result);
    } else {
      result.outcome = Outcome::kError;
      result.message = held->second.failed_set_up;
    }
  }
  held->second.undecided = false;
}

void ProgramRun::SettleUnended(const ProgramEnd& end) {
  if (open_.has_value()) {
    if (slicer_.in_case()) {
      open_->output = slicer_.EndCase();
    }
    unended_.push_back(*std::exchange(open_, std::nullopt));
  }
  std::string message;
  if (end.ended_by_us.has_value()) {
    message = *end.ended_by_us;
  } else if (end.status.signaled()) {
    message = Describe(end.status);
  } else {
    message = absl::StrCat(HowItEnded(end), " before the case ended");
  }
  if (end.stopped) {
    unended_.clear();
  }
  for (Case& unended : unended_) {
    charged_ = true;
    unended.elapsed = now_ - unended.started;
    Held held;
    held.result = ResultOf(unended, Outcome::kCrashed);
    held.result.message = message;
    DescribeFailure(unended.parts, held.result);
    held.result.leaked = end.leaked;
    if (!unended.test.has_value() && IsOverselected(unended.name)) {
      bad_seen_ = true;
    } else if (!unended.test.has_value() || ledger_.settled(*unended.test)) {
      AddExtra(NameOfUnasked(unended.name), Outcome::kCrashed, message,
               unended.parts);
    } else {
      bad_seen_ = true;
      // It may have ended once before.
      held_.insert_or_assign(*unended.test, std::move(held));
    }
  }
  unended_.clear();
}

void ProgramRun::ReleaseHeld(bool leaked) {
  const auto last =
      last_ended_.has_value() ? held_.find(*last_ended_) : held_.end();
  if (leaked && !charged_ && last != held_.end()) {
    last->second.result.leaked = true;
  } else if (leaked && !charged_ && last_ended_.has_value()) {
    ExtraResult extra;
    extra.name = absl::StrCat(options_.suite_name, ": left behind");
    extra.result.outcome = Outcome::kPassed;
    extra.result.started_unix_ns = unix_ns_;
    extra.result.message = "something it left behind held its output";
    extra.result.leaked = true;
    ledger_.Extra(std::move(extra));
  }
  for (auto& [test, held] : held_) {
    if (ledger_.settled(test)) {
      continue;
    }
    if (!options_.streams && held.result.message.empty()) {
      held.result.message = kToldAtTheEnd;
    }
    Settle(test, std::move(held.result));
  }
  held_.clear();
}

void ProgramRun::TellProperties(const ProgramEnd& end) {
  for (auto& [test, properties] : std::exchange(late_properties_, {})) {
    ledger_.AddProperties(test, std::move(properties));
  }
  if (end.report.has_value()) {
    for (const XmlProperties& of : end.report->properties) {
      ledger_.AddScopeProperties(of.suite, of.properties);
    }
  }
}

AfterProgram ProgramRun::OnNormalEnd(const ProgramEnd& end) {
  const int code = end.status.exit_code();
  if (ledger_.left() > 0) {
    const Outside* skip = FindEnvironmentSkip();
    if (skip != nullptr && !suite_seen_ && program_passed_ && code == 0) {
      SettleLeft(Outcome::kSkipped,
                 absl::StrCat("the environment's set-up skipped all tests: ",
                              OneLine(skip->part.message)));
    } else {
      SettleLeft(Outcome::kError,
                 absl::StrCat("the program ", HowItEnded(end),
                              " and never started this case, though asked to"));
    }
  }
  if (code != 0 && !bad_seen_) {
    AddExtra(absl::StrCat("exit status ", code), Outcome::kFailed,
             absl::StrCat("exit status ", code, " although every case passed"),
             {});
  } else if (!program_passed_ && !bad_seen_) {
    AddExtra("outside of its tests", Outcome::kFailed,
             "GoogleTest says that the program failed, though every case "
             "passed",
             {});
  }
  return AfterProgram::kDone;
}

AfterProgram ProgramRun::OnDeath(const ProgramEnd& end) {
  const std::string how = HowItEnded(end);
  const Outcome outcome =
      end.hung.has_value() ? Outcome::kTimedOut : Outcome::kCrashed;
  ReportOutsideSuites();
  ReportOutsideAll();
  if (!charged_ && !streamed_ && !options_.streams) {
    return OnDeathWithoutStream(end);
  }
  if (!charged_) {
    switch (phase_) {
      case Phase::kBeforeTests:
        SettleLeft(Outcome::kError,
                   absl::StrCat("the program ", how, " before its first test"));
        break;
      case Phase::kEnvironmentSetUp:
        SettleLeft(Outcome::kError,
                   absl::StrCat("the program ", how,
                                " in the set-up of its environment"));
        break;
      case Phase::kSuiteSetUp:
        AddExtra(absl::StrCat("set-up of ", suite_), outcome,
                 absl::StrCat("the program ", how), {});
        SettleLeft(
            Outcome::kError,
            absl::StrCat("the program ", how, " in the set-up of ", suite_),
            suite_);
        break;
      case Phase::kSuite:
        AddExtra(absl::StrCat("tear-down of ", suite_), outcome,
                 absl::StrCat("the program ", how,
                              " after the last case that ended"),
                 {});
        break;
      case Phase::kBetweenSuites:
        AddExtra("environment tear-down", outcome,
                 absl::StrCat("the program ", how), {});
        break;
      case Phase::kAfterTests:
        AddExtra(
            "after its tests", outcome,
            absl::StrCat("the program ", how, " after the last of its tests"),
            {});
        SettleLeft(Outcome::kError,
                   absl::StrCat("the program ", how,
                                " and never started this case, though asked "
                                "to"));
        break;
    }
  }
  if (ledger_.left() == 0) {
    return AfterProgram::kDone;
  }
  if (!settled_any_) {
    // A fresh process would come no further.
    SettleLeft(Outcome::kError, absl::StrCat("the program ", how,
                                             " before it came to this case"));
    return AfterProgram::kDone;
  }
  return AfterProgram::kRunRest;
}

AfterProgram ProgramRun::OnDeathWithoutStream(const ProgramEnd& end) {
  const std::string how = HowItEnded(end);
  const std::optional<std::size_t> test = ledger_.Find(last_run_line_);
  if (!test.has_value() || ledger_.settled(*test)) {
    SettleLeft(Outcome::kError, absl::StrCat("the program ", how,
                                             " before it wrote its report"));
    return AfterProgram::kDone;
  }
  TestResult result;
  result.outcome = Outcome::kCrashed;
  result.message =
      absl::StrCat(Describe(end.status),
                   " (the last case that the program said it runs; it cannot "
                   "stream its results)");
  result.output.head = slicer_.TakeOutside();
  result.leaked = end.leaked;
  Settle(*test, std::move(result));
  return ledger_.left() == 0 ? AfterProgram::kDone : AfterProgram::kRunRest;
}

void ProgramRun::SettleLeft(Outcome outcome, const std::string& message,
                            std::optional<absl::string_view> suite) {
  const std::string output = slicer_.TakeOutside();
  for (std::size_t test = 0; test < ledger_.size(); ++test) {
    if (!ledger_.settled(test) &&
        (!suite.has_value() || IsOfSuite(ledger_.name(test), *suite))) {
      TestResult result;
      result.outcome = outcome;
      result.message = message;
      result.output.head = output;
      Settle(test, std::move(result));
    }
  }
}

const ProgramRun::Outside* ProgramRun::FindEnvironmentSkip() const {
  const auto it = std::find_if(
      outside_.begin(), outside_.end(), [](const Outside& outside) {
        return outside.phase == Phase::kEnvironmentSetUp && !outside.failed &&
               !IsSuccess(outside.part);
      });
  return it == outside_.end() ? nullptr : &*it;
}

}  // namespace paceline
