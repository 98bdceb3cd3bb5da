// WorkerPool: what workers say, and what follows from it.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/worker_pool.h"
#include "common/base/log.h"

namespace paceline {
namespace {

bool IsViolent(Outcome outcome) {
  return outcome == Outcome::kCrashed || outcome == Outcome::kKilled;
}

}  // namespace

void WorkerPool::OnWorkerMessage(Instant now, WorkerId id, FromWorker message) {
  Worker* const worker = FindWorker(id);
  if (worker == nullptr) {
    return;
  }
  if (auto* leaving = std::get_if<WorkerLeaving>(&message)) {
    OnLeaving(*worker, std::move(*leaving));
    return;
  }
  if (worker->cause != Cause::kNone) {
    OnLastWords(now, *worker, std::move(message));
    return;
  }
  if (auto* hello = std::get_if<WorkerHello>(&message)) {
    OnHello(now, *worker, *hello);
  } else if (!worker->hello_at.has_value()) {
    Violation(now, *worker, "did not begin with hello");
  } else if (auto* refused = std::get_if<WorkerSuiteRefused>(&message)) {
    OnRefused(now, *worker, *refused);
  } else if (UnitOf(*worker) == nullptr) {
    Violation(now, *worker, "spoke of tests while it had none to run");
  } else if (auto* started = std::get_if<WorkerTestStarted>(&message)) {
    OnTestStarted(now, *worker, *started);
  } else if (auto* deadline = std::get_if<WorkerTestDeadline>(&message)) {
    OnTestDeadline(now, *worker, *deadline);
  } else if (auto* finished = std::get_if<WorkerTestFinished>(&message)) {
    OnTestFinished(now, *worker, std::move(*finished));
  } else if (auto* kept = std::get_if<WorkerProcessesKept>(&message)) {
    OnKept(now, *worker, *kept);
  } else if (auto* extra = std::get_if<WorkerExtra>(&message)) {
    OnExtra(now, *worker, std::move(*extra));
  } else if (auto* found = std::get_if<WorkerFoundStarted>(&message)) {
    OnFoundStarted(now, *worker, std::move(*found));
  } else if (auto* late = std::get_if<WorkerProperties>(&message)) {
    OnProperties(now, *worker, std::move(*late));
  } else if (auto* end = std::get_if<WorkerUnitFinished>(&message)) {
    OnUnitFinished(now, *worker, std::move(*end));
  } else {
    Violation(now, *worker, "spoke as a template, which it is not");
  }
}

void WorkerPool::OnLeaving(Worker& worker, WorkerLeaving message) {
  if (std::exchange(worker.last_words_said, true)) {
    return;  // they are said once
  }
  for (ExtraResult& extra : message.extras) {
    if (worker.suite->last_words) {
      EmitLateExtra(worker, std::move(extra));
    } else {
      // Nobody waits for it: the run may be over.
      EmitNote(worker.key.run,
               absl::StrCat(worker.suite->name, ": ", extra.name, ": ",
                            extra.result.message));
    }
  }
  if (!worker.suite->last_words) {
    return;
  }
  for (std::size_t at = 0; at < message.report.size(); at += kMaxReportBytes) {
    WorkerReportItem item;
    item.run = worker.key.run;
    item.suite = worker.key.suite;
    item.worker = Value(worker.id);
    item.data = message.report.substr(at, kMaxReportBytes);
    item.last = at + kMaxReportBytes >= message.report.size();
    effects_.Emit(PoolResult{std::move(item)});
  }
}

void WorkerPool::OnHello(Instant now, Worker& worker,
                         const WorkerHello& message) {
  if (worker.hello_at.has_value()) {
    Violation(now, worker, "said hello twice");
    return;
  }
  if (message.protocol != kWorkerProtocolVersion) {
    Refuse(now, worker,
           absl::StrCat("the worker of suite ", worker.suite->name,
                        " speaks version ", message.protocol,
                        " of the worker protocol and this agent version ",
                        kWorkerProtocolVersion,
                        "; use a worker made for this version"));
    return;
  }
  worker.hello_at = now;
  if (Unit* const unit = UnitOf(worker); unit != nullptr) {
    unit->failing_since.reset();
  }
  worker.deadline.reset();
  worker.tests_in_children = message.tests_in_children;
  if (std::optional<std::string> note =
          policy_.OnHello(worker.key, worker.suite->name, message.health);
      note.has_value()) {
    EmitNote(worker.key.run, *std::move(note));
  }
  OnReplacementSettled(now, worker);
  WorkerSuite suite;
  suite.request = ++worker.last_request;
  worker.suite_request = suite.request;
  suite.spec = *worker.suite;
  suite.output_limit = parameters_.output_limit;
  suite.kill_grace = parameters_.kill_grace;
  effects_.Send(worker.id, std::move(suite));
  if (Unit* const unit = UnitOf(worker); unit != nullptr) {
    SendUnit(now, worker, *unit);
  } else {
    SetIdle(now, worker);
  }
}

void WorkerPool::OnRefused(Instant now, Worker& worker,
                           const WorkerSuiteRefused& message) {
  const Unit* const unit = UnitOf(worker);
  if (message.request != worker.suite_request) {
    Violation(now, worker,
              absl::StrCat("refused a suite of request ", message.request));
  } else if (worker.units_served > 0 ||
             (unit != nullptr && (unit->progress.running().has_value() ||
                                  unit->found.has_value() ||
                                  unit->progress.settled_in_request() > 0))) {
    Violation(now, worker, "refused its suite after it had run a test of it");
  } else {
    Refuse(now, worker, message.message);
  }
}

// The suite cannot be run by this worker, nor by another one like it.
void WorkerPool::Refuse(Instant now, Worker& worker,
                        absl::string_view sentence) {
  refused_[worker.key] = std::string(sentence);
  OnReplacementSettled(now, worker);
  const std::optional<Token> token = worker.unit;
  if (Unit* const unit = UnitOf(worker); unit != nullptr) {
    FailRest(*unit, worker.id, sentence, "");
    Detach(now, *unit);
  }
  Leave(now, worker);
  if (token.has_value()) {
    EndUnit(*token);
  }
}

void WorkerPool::OnTestStarted(Instant now, Worker& worker,
                               const WorkerTestStarted& message) {
  Unit& unit = *UnitOf(worker);
  if (unit.found.has_value()) {
    Violation(now, worker,
              absl::StrCat("started a test while \"", *unit.found, "\" ran"));
    return;
  }
  if (const absl::Status status = unit.progress.OnStarted(now, message);
      !status.ok()) {
    Violation(now, worker, status.message());
    return;
  }
  unit.quiet_until.reset();
  seen_to_run_.insert(worker.key);
  const Lease& lease = unit.progress.lease();
  effects_.Emit(
      PoolTestStarted{lease.run, lease.token,
                      lease.tests[unit.progress.running()->index].test});
}

void WorkerPool::OnTestDeadline(Instant now, Worker& worker,
                                const WorkerTestDeadline& message) {
  Unit& unit = *UnitOf(worker);
  if (const absl::Status status = unit.progress.OnDeadline(now, message);
      !status.ok()) {
    Violation(now, worker, status.message());
  }
}

void WorkerPool::OnTestFinished(Instant now, Worker& worker,
                                WorkerTestFinished message) {
  Unit& unit = *UnitOf(worker);
  const absl::StatusOr<std::size_t> index = unit.progress.OnFinished(message);
  if (!index.ok()) {
    Violation(now, worker, index.status().message());
    return;
  }
  unit.barren = 0;
  worker.told_of_violence = IsViolent(message.result.outcome);
  EmitAttempt(unit, worker.id, *index, std::move(message.result));
  ExpectTest(now, unit);
}

void WorkerPool::OnUnitFinished(Instant now, Worker& worker,
                                WorkerUnitFinished message) {
  Unit& unit = *UnitOf(worker);
  if (const absl::Status status = unit.progress.CheckUnitFinished(message);
      !status.ok()) {
    Violation(now, worker, status.message());
    return;
  }
  if (unit.found.has_value()) {
    Violation(
        now, worker,
        absl::StrCat("finished the unit while \"", *unit.found, "\" ran"));
    return;
  }
  const Token token = unit.progress.lease().token;
  TakeEnd(unit, worker.id, message);
  WorkerHealth health = message.health;
  if (worker.tests_in_children) {
    health = effects_.AddTree(worker.id, health);
  }
  RecyclePolicy::Decision decision =
      policy_.OnUnitEnd(now, worker.key, worker.suite->name, health,
                        now - *worker.hello_at, worker.units_served == 0);
  ++worker.units_served;
  unit.end.health = health;
  unit.end.recycled = decision.reason;
  if (decision.note.has_value()) {
    EmitNote(worker.key.run, *std::move(decision.note));
  }
  // Asked before Detach: whether this worker got anywhere with the unit.
  const bool cut_short = !unit.progress.all_settled() && !unit.stopping;
  const bool got_nowhere = unit.progress.settled_in_request() == 0;
  Detach(now, unit);
  if (decision.reason.has_value()) {
    Retire(now, worker, *decision.reason);
  } else {
    SetIdle(now, worker);
  }
  if (cut_short && (got_nowhere || std::exchange(unit.cut_short, true))) {
    FailRest(unit, worker.id,
             absl::StrCat("the worker of suite ", worker.suite->name,
                          " ended the unit without running this test and "
                          "without saying why"),
             "");
  }
  Continue(now, token);
}

void WorkerPool::OnKept(Instant now, Worker& worker,
                        const WorkerProcessesKept& message) {
  if (message.request != UnitOf(worker)->progress.request()) {
    Violation(now, worker, "kept processes of a unit that it does not run");
  } else if (!worker.run_over) {
    effects_.KeepProcesses(worker.id, worker.key.run, message.pids);
  }
}

void WorkerPool::OnExtra(Instant now, Worker& worker, WorkerExtra message) {
  Unit& unit = *UnitOf(worker);
  if (message.request != unit.progress.request()) {
    Violation(now, worker, "told a failure of a unit that it does not run");
    return;
  }
  if (!message.extra.found) {
    EmitExtra(unit, worker.id, std::move(message.extra));
  } else if (unit.found != message.extra.name) {
    Violation(now, worker,
              absl::StrCat("finished \"", message.extra.name,
                           "\", which it has found, without starting it"));
  } else {
    worker.told_of_violence = IsViolent(message.extra.result.outcome);
    EmitFound(unit, worker.id, std::move(message.extra.result));
    ExpectTest(now, unit);
  }
}

void WorkerPool::OnFoundStarted(Instant now, Worker& worker,
                                WorkerFoundStarted message) {
  Unit& unit = *UnitOf(worker);
  const bool again = unit.found == message.name;
  if (message.request != unit.progress.request()) {
    Violation(now, worker, "found a test of a unit that it does not run");
    return;
  }
  if (unit.progress.running().has_value() ||
      (unit.found.has_value() && !again)) {
    Violation(now, worker,
              absl::StrCat("started \"", message.name,
                           "\", which it has found, while another "
                           "test ran"));
    return;
  }
  if (!again && unit.found_told.size() == kMaxFound) {
    Violation(
        now, worker,
        absl::StrCat("found more than ", kMaxFound, " tests in one unit"));
    return;
  }
  const Lease& lease = unit.progress.lease();
  Duration timeout = message.timeout;
  if (timeout <= Duration::zero()) {
    for (const LeasedTest& test : lease.tests) {
      if (test.timeout <= Duration::zero()) {
        timeout = Duration::zero();  // none
        break;
      }
      timeout = std::max(timeout, test.timeout);
    }
  }
  unit.found = std::move(message.name);
  unit.found_timeout = timeout;
  unit.quiet_until =
      timeout <= Duration::zero() || timeout > Instant::max() - now
          ? std::optional<Instant>()
          : std::optional<Instant>(now + timeout);
  seen_to_run_.insert(worker.key);
}

void WorkerPool::OnProperties(Instant now, Worker& worker,
                              WorkerProperties message) {
  Unit& unit = *UnitOf(worker);
  const absl::StatusOr<std::optional<std::size_t>> index =
      unit.progress.OnProperties(message);
  if (!index.ok()) {
    Violation(now, worker, index.status().message());
    return;
  }
  EmitProperties(unit, *index, std::move(message));
}

void WorkerPool::TakeEnd(Unit& unit, WorkerId worker,
                         WorkerUnitFinished& message) {
  for (ExtraResult& extra : message.extras) {
    extra.found = false;  // none was seen to run
    EmitExtra(unit, worker, std::move(extra));
  }
  if (!IsGood(message.finalize) && !unit.failure_told) {
    // A failing tear-down fails something that people see.
    ExtraResult extra;
    extra.name = absl::StrCat(unit.suite->name, ": tear-down");
    extra.result.outcome = message.finalize;
    extra.result.message = message.message.empty()
                               ? "the tear-down after a unit failed"
                               : message.message;
    EmitExtra(unit, worker, std::move(extra));
  }
  if (IsGood(unit.end.finalize)) {
    // A failed tear-down in an earlier worker of the unit is not forgotten.
    unit.end.finalize = message.finalize;
    unit.end.message = std::move(message.message);
  }
}

void WorkerPool::OnProtocolError(Instant now, WorkerId id,
                                 const absl::Status& status) {
  Worker* const worker = FindWorker(id);
  if (worker != nullptr && worker->cause == Cause::kNone) {
    Violation(
        now, *worker,
        absl::StrCat("sent bytes that are no message: ", status.message()));
  }
}

void WorkerPool::OnWorkerClosed(Instant now, WorkerId id) {
  Worker* const worker = FindWorker(id);
  if (worker == nullptr || std::exchange(worker->closed, true) ||
      worker->cause != Cause::kNone) {
    return;
  }
  // Its end should follow at once; a worker that closes its socket and stays
  // is of no use.
  worker->deadline = now + parameters_.kill_grace;
}

void WorkerPool::Violation(Instant now, Worker& worker,
                           absl::string_view what) {
  std::string sentence =
      absl::StrCat("the worker of suite ", worker.suite->name,
                   " broke the worker protocol: it ", what);
  Log(LogLevel::kWarning, sentence);
  End(now, worker, Cause::kMisbehaved, std::move(sentence),
      parameters_.kill_grace);
}

void WorkerPool::OnLastWords(Instant now, Worker& worker, FromWorker message) {
  Unit* const unit = UnitOf(worker);
  if (unit == nullptr) {
    return;
  }
  if (worker.cause == Cause::kStopped || worker.cause == Cause::kDrained) {
    OnLastWordsOfEndedUnit(now, *unit, message);
    return;
  }
  if (auto* finished = std::get_if<WorkerTestFinished>(&message)) {
    OnLastResult(now, worker, *unit, std::move(*finished));
  } else if (const auto* started = std::get_if<WorkerTestStarted>(&message)) {
    if (unit->progress.OnStarted(now, *started).ok()) {
      worker.began_late = true;
    }
  } else if (auto* end = std::get_if<WorkerUnitFinished>(&message)) {
    if (unit->progress.CheckUnitFinished(*end).ok() && !worker.unit_done &&
        !unit->found.has_value()) {
      worker.unit_done = true;
      TakeEnd(*unit, worker.id, *end);
    }
  } else if (auto* extra = std::get_if<WorkerExtra>(&message)) {
    if (extra->request == unit->progress.request()) {
      OnLastExtra(worker, *unit, std::move(extra->extra));
    }
  } else if (auto* late = std::get_if<WorkerProperties>(&message)) {
    if (const auto index = unit->progress.OnProperties(*late); index.ok()) {
      EmitProperties(*unit, *index, std::move(*late));
    }
  }
}

// What it still says may be the answer to our signal and is no result, be it
// good: a program may leave with 0 when it gets SIGTERM. But no test that began
// is to run again without a word. There can be several: of what it had said
// before some was not read yet, and it may not heed SIGTERM.
void WorkerPool::OnLastWordsOfEndedUnit(Instant now, Unit& unit,
                                        const FromWorker& message) {
  if (const auto* started = std::get_if<WorkerTestStarted>(&message)) {
    // Nobody is left to refuse.
    unit.progress.OnStarted(now, *started).IgnoreError();
  } else if (const auto* finished = std::get_if<WorkerTestFinished>(&message)) {
    if (const auto index = unit.progress.OnFinished(*finished); index.ok()) {
      unit.interrupted.push_back(unit.progress.lease().tests[*index].test);
    }
  }
}

void WorkerPool::OnLastResult(Instant now, Worker& worker, Unit& unit,
                              WorkerTestFinished message) {
  const absl::StatusOr<std::size_t> index =
      unit.progress.Find(message.request, message.test);
  if (!index.ok() || !unit.progress.running().has_value() ||
      unit.progress.running()->index != *index) {
    return;
  }
  if (!worker.began_late) {
    if (worker.cause == Cause::kTimedOut &&
        worker.stage == Stage::kDescribing) {
      CallOff(now, worker, unit, std::move(message.result));
      return;
    }
    worker.reported = std::move(message.result);
    ChargeRunning(now, worker, WorkerDeath{}, unit);
    return;
  }
  // It may have met our signal: it is not charged for that, and a program that
  // leaves with 0 at SIGTERM has not passed.
  worker.began_late = false;
  RunAgain(worker, unit);
}

void WorkerPool::OnLastExtra(Worker& worker, Unit& unit, ExtraResult extra) {
  if (!extra.found) {
    EmitExtra(unit, worker.id, std::move(extra));
  } else if (unit.found == extra.name) {
    worker.reported = std::move(extra.result);
    ChargeFound(worker, WorkerDeath{}, unit);
  }
  // Another one began after the end of its worker had: the next one runs it.
}

void WorkerPool::CallOff(Instant now, Worker& worker, Unit& unit,
                         TestResult result) {
  const std::size_t index = unit.progress.running()->index;
  result.outcome = Outcome::kTimedOut;
  result.message = std::move(worker.cause_text);
  unit.progress.Settle(index);
  unit.barren = 0;
  EmitAttempt(unit, worker.id, index, std::move(result));
  worker.cause = Cause::kNone;
  worker.deadline.reset();
  ExpectTest(now, unit);
  if (drain_over_) {
    CutOff(now, worker, unit);
  } else if (unit.stopping) {
    // Said again: the first may have come before it was heard.
    effects_.Send(worker.id, WorkerStop{unit.progress.request()});
    if (!unit.stop_at.has_value()) {
      unit.stop_at = now + parameters_.kill_grace;
    }
  }
}

void WorkerPool::RunAgain(const Worker& worker, Unit& unit) {
  const std::size_t index = unit.progress.running()->index;
  EmitNote(worker.key.run,
           absl::StrCat(unit.suite->name, ": ",
                        unit.progress.lease().tests[index].name,
                        " had begun when its worker was ended because of the "
                        "test before it; it is run again"));
  unit.progress.ForgetRunning();
}

}  // namespace paceline
