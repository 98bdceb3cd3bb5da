// WorkerPool: how workers end, by themselves or by us, and who is charged.

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/worker_pool.h"
#include "common/base/log.h"

namespace paceline {
namespace {

// Workers in a row that die without finishing a test of the unit, before its
// rest is given up.
constexpr std::uint32_t kMaxBarren = 3;
// Between two tries to start a worker where something runs short.
constexpr Duration kFirstSpawnWait = std::chrono::milliseconds(100);
constexpr Duration kLongestSpawnWait = std::chrono::seconds(5);

std::string HowItEnded(const WorkerDeath& death) {
  if (!death.status.has_value()) {
    return death.reason;
  }
  return death.status->signaled()
             ? Describe(*death.status)
             : absl::StrCat("left with ", Describe(*death.status));
}

std::string Seconds(Duration duration) {
  return absl::StrFormat("%.2f s",
                         std::chrono::duration<double>(duration).count());
}

}  // namespace

CapturedOutput WorkerDeath::Output() const {
  CapturedOutput output;
  (dropped_output == 0 ? output.head : output.tail) = last_output;
  output.cut_bytes = dropped_output;
  return output;
}

void WorkerPool::Leave(Instant now, Worker& worker) {
  worker.cause = Cause::kLeaving;
  worker.stage = Stage::kAsked;
  worker.grace = parameters_.kill_grace;
  const bool last_words =
      worker.suite->last_words && !draining_ && worker.units_served > 0;
  worker.deadline = now + (last_words ? std::max(parameters_.leave_bound,
                                                 parameters_.kill_grace)
                                      : parameters_.kill_grace);
  if (worker.hello_at.has_value()) {
    effects_.Send(worker.id, WorkerShutdown{});
  }
  effects_.CloseWorker(worker.id);
}

void WorkerPool::End(Instant now, Worker& worker, Cause cause, std::string text,
                     Duration grace) {
  if (worker.cause != Cause::kNone && worker.cause != Cause::kLeaving) {
    return;  // it is being ended already
  }
  worker.cause = cause;
  worker.cause_text = std::move(text);
  worker.grace = grace;
  if (cause == Cause::kMisbehaved && !worker.unit.has_value()) {
    // At once: by the time it is gone the run may be over.
    NoteIdleEnd(worker, worker.cause_text);
  }
  if (cause == Cause::kTimedOut) {
    worker.stage = Stage::kDescribing;
    worker.deadline = now + parameters_.describe_bound;
    ++worker.descriptions;
    effects_.DescribeTree(worker.id);
  } else {
    Terminate(now, worker);
  }
}

void WorkerPool::Terminate(Instant now, Worker& worker) {
  worker.stage = Stage::kTerminated;
  worker.deadline = now + worker.grace;
  effects_.SignalTree(worker.id, SIGTERM);
}

void WorkerPool::Kill(Instant now, Worker& worker) {
  worker.stage = Stage::kKilled;
  worker.deadline = now + parameters_.reap_bound;
  effects_.SignalTree(worker.id, SIGKILL);
}

void WorkerPool::OnStageDue(Instant now, Worker& worker) {
  worker.deadline.reset();
  if (worker.cause == Cause::kNone) {
    End(now, worker, Cause::kMisbehaved,
        worker.closed ? absl::StrCat("the worker of suite ", worker.suite->name,
                                     " closed its socket and stayed")
                      : absl::StrCat("the worker of suite ", worker.suite->name,
                                     " did not say hello within ",
                                     Seconds(parameters_.hello_bound)),
        parameters_.kill_grace);
    return;
  }
  switch (worker.stage) {
    case Stage::kAsked:
    case Stage::kDescribing:
      Terminate(now, worker);
      return;
    case Stage::kTerminated:
      Kill(now, worker);
      return;
    case Stage::kKilled:
      break;
  }
  // The kernel keeps it, in a disk wait most likely. Its unit goes on without.
  Log(LogLevel::kError,
      absl::StrCat("worker ", Value(worker.id), " of suite ",
                   worker.suite->name, " outlived SIGKILL by ",
                   Seconds(parameters_.reap_bound), " and is given up"));
  WorkerDeath death;
  death.reason = "it outlived SIGKILL and was given up";
  OnWorkerExited(now, worker.id, death);
}

void WorkerPool::OnTimeout(Instant now, Worker& worker, Duration timeout) {
  End(now, worker, Cause::kTimedOut,
      absl::StrCat("timed out after ", Seconds(timeout)),
      parameters_.kill_grace);
}

void WorkerPool::OnTreeDescribed(Instant now, WorkerId id, std::string stacks) {
  Worker* const worker = FindWorker(id);
  if (worker == nullptr || --worker->descriptions > 0 ||
      worker->cause == Cause::kNone || worker->stage != Stage::kDescribing) {
    return;
  }
  worker->stacks = std::move(stacks);
  Terminate(now, *worker);
}

void WorkerPool::Retire(Instant now, Worker& worker,
                        const RecycleReason& reason) {
  Log(LogLevel::kInfo,
      absl::StrCat("recycling worker ", Value(worker.id), " of suite ",
                   worker.suite->name, ": ", ToString(reason)));
  if (draining_ || worker.run_over ||
      workers_.size() >= 2 * std::size_t{parameters_.slots}) {
    // Where as many leave as there are slots, the next unit waits for one.
    Leave(now, worker);
    return;
  }
  // The replacement warms up before this one goes, so that the slot does not
  // wait for it.
  worker.retiring = true;
  SpawnWorker(now, worker.key, worker.suite).replaces = worker.id;
}

void WorkerPool::OnReplacementSettled(Instant now, const Worker& replacement) {
  if (!replacement.replaces.has_value()) {
    return;
  }
  Worker* const old = FindWorker(*replacement.replaces);
  if (old != nullptr && old->cause == Cause::kNone) {
    Leave(now, *old);
  }
}

void WorkerPool::OnSpawnFailed(Instant now, WorkerId id,
                               const absl::Status& status) {
  Worker* const worker = FindWorker(id);
  if (worker == nullptr) {
    return;
  }
  OnReplacementSettled(now, *worker);
  const std::optional<Token> token = worker->unit;
  Unit* const unit = UnitOf(*worker);
  const std::string sentence = absl::StrCat(
      "no worker for suite ", worker->suite->name, ": ", status.message());
  if (unit != nullptr) {
    Detach(now, *unit);
  } else {
    Log(LogLevel::kWarning, sentence);
  }
  const RunId run = worker->key.run;
  workers_.erase(id);
  if (unit != nullptr && !TryLater(now, *unit, status)) {
    FailRest(*unit, id, sentence, "");
    EndUnit(*token);
  }
  PlaceWaiting(now);
  TellIfLeft(run);
  TellIfEmpty();
}

bool WorkerPool::TryLater(Instant now, Unit& unit, const absl::Status& status) {
  if (!absl::IsUnavailable(status) && !absl::IsResourceExhausted(status)) {
    return false;
  }
  if (!unit.failing_since.has_value()) {
    unit.failing_since = now;
    unit.spawn_wait = kFirstSpawnWait;
    Log(LogLevel::kWarning,
        absl::StrCat("no worker for suite ", unit.suite->name,
                     " yet: ", status.message()));
  } else if (now - *unit.failing_since >= parameters_.spawn_bound) {
    return false;
  }
  unit.waits = true;
  unit.place_at = now + unit.spawn_wait;
  unit.spawn_wait = std::min(2 * unit.spawn_wait, kLongestSpawnWait);
  return true;
}

void WorkerPool::OnWorkerExited(Instant now, WorkerId id,
                                const WorkerDeath& death) {
  const auto it = workers_.find(id);
  if (it == workers_.end()) {
    return;
  }
  // Out of the way first: what follows may look for workers and start some.
  const std::unique_ptr<Worker> worker = std::move(it->second);
  workers_.erase(it);
  effects_.CloseWorker(id);
  OnReplacementSettled(now, *worker);
  if (Unit* const unit = UnitOf(*worker); unit != nullptr) {
    const Token token = *worker->unit;
    Charge(now, *worker, death, *unit);
    Detach(now, *unit);
    Continue(now, token);
  } else if (worker->cause == Cause::kNone) {
    NoteIdleEnd(*worker, HowItEnded(death));
  } else if (worker->cause == Cause::kLeaving) {
    JudgeLeave(*worker, death);
  }
  PlaceWaiting(now);
  TellIfLeft(worker->key.run);
  TellIfEmpty();
}

void WorkerPool::JudgeLeave(const Worker& worker, const WorkerDeath& death) {
  const bool in_time = worker.stage == Stage::kAsked;
  const bool well = death.status.has_value() && !death.status->signaled() &&
                    death.status->exit_code() == 0;
  if (!worker.suite->last_words || worker.last_words_said || draining_ ||
      worker.units_served == 0 || (in_time && well)) {
    return;  // of one that drains no more can be expected
  }
  ExtraResult extra;
  extra.name = absl::StrCat(worker.suite->name, ": last tear-down of a worker");
  extra.result.outcome = Outcome::kError;
  extra.result.message =
      in_time ? absl::StrCat(
                    "the worker ended while it tore down what it had "
                    "set up for all its tests: ",
                    HowItEnded(death))
              : "the worker was ended, since what it tore down at its end took "
                "too long";
  extra.result.output = death.Output();
  EmitLateExtra(worker, std::move(extra));
}

// Nobody asked it to go, and no test can be charged with it.
void WorkerPool::NoteIdleEnd(const Worker& worker, absl::string_view how) {
  const std::string sentence = absl::StrCat(
      "worker ", Value(worker.id), " of suite ", worker.suite->name,
      " ended while it had no test to run: ", how);
  Log(LogLevel::kInfo, sentence);
  EmitNote(worker.key.run, sentence);
}

void WorkerPool::Charge(Instant now, const Worker& worker,
                        const WorkerDeath& death, Unit& unit) {
  if (worker.cause == Cause::kStopped || worker.cause == Cause::kDrained) {
    // Whatever it still said is the answer to our signal, not a result.
    if (const auto& running = unit.progress.running(); running.has_value()) {
      unit.interrupted.push_back(
          unit.progress.lease().tests[running->index].test);
      unit.progress.ForgetRunning();
    }
    // Whoever gets the tests of its module finds it again.
    unit.found.reset();
    return;
  }
  if (unit.found.has_value()) {
    ChargeFound(worker, death, unit);
    return;
  }
  if (unit.progress.running().has_value()) {
    if (!worker.began_late) {
      ChargeRunning(now, worker, death, unit);
      return;
    }
    RunAgain(worker, unit);
  }
  if (worker.reported.has_value() || worker.cause == Cause::kTimedOut) {
    return;  // we ended it, and what for is told
  }
  // A SIGTERM that was nobody's of ours, and reached a test and its worker.
  constexpr int kExitTerminated = 128 + SIGTERM;
  if (worker.cause == Cause::kNone && worker.told_of_violence &&
      death.status.has_value() && death.status->exited() &&
      death.status->exit_code() == kExitTerminated) {
    return;  // with its test's result all is told
  }
  const std::string how = worker.cause == Cause::kMisbehaved
                              ? worker.cause_text
                              : HowItEnded(death);
  if (unit.progress.all_settled()) {
    // It died in the tear-down of its scopes, or ran into our limit there.
    ExtraResult extra;
    extra.name = absl::StrCat(unit.suite->name, ": tear-down");
    extra.result.outcome = Outcome::kError;
    extra.result.message =
        absl::StrCat("the worker ended after its last test: ", how);
    extra.result.output = death.Output();
    unit.end.finalize = Outcome::kError;
    unit.end.message = extra.result.message;
    EmitExtra(unit, worker.id, std::move(extra));
    return;
  }
  if (unit.progress.settled_in_request() > 0) {
    Log(LogLevel::kWarning,
        absl::StrCat(unit.suite->name,
                     ": a worker ended between two tests: ", how));
    ExtraResult extra;
    extra.name = absl::StrCat(unit.suite->name, ": between tests");
    extra.result.outcome = Outcome::kError;
    extra.result.message =
        absl::StrCat("the worker ended between two tests: ", how);
    extra.result.output = death.Output();
    EmitExtra(unit, worker.id, std::move(extra));
    return;
  }
  OnBarrenDeath(worker, death, how, unit);
}

void WorkerPool::ChargeRunning(Instant now, const Worker& worker,
                               const WorkerDeath& death, Unit& unit) {
  const UnitProgress::Running running = *unit.progress.running();
  TestResult result = ResultOfDeath(worker, death);
  if (!worker.reported.has_value()) {
    result.duration = now - running.started;
  }
  unit.barren = 0;
  unit.progress.Settle(running.index);
  EmitAttempt(unit, worker.id, running.index, std::move(result));
}

void WorkerPool::ChargeFound(const Worker& worker, const WorkerDeath& death,
                             Unit& unit) {
  EmitFound(unit, worker.id, ResultOfDeath(worker, death));
}

TestResult WorkerPool::ResultOfDeath(const Worker& worker,
                                     const WorkerDeath& death) const {
  TestResult result;
  if (worker.reported.has_value()) {
    result = *worker.reported;
  } else {
    result.output = death.Output();
  }
  switch (worker.cause) {
    case Cause::kTimedOut:
      result.outcome = Outcome::kTimedOut;
      result.message = worker.cause_text;
      if (!worker.stacks.empty()) {
        result.details =
            result.details.empty()
                ? worker.stacks
                : absl::StrCat(result.details, "\n", worker.stacks);
      }
      break;
    case Cause::kMisbehaved:
      result.outcome = Outcome::kError;
      result.message = worker.cause_text;
      break;
    case Cause::kNone:
    case Cause::kLeaving:
    case Cause::kStopped:
    case Cause::kDrained:
      result.outcome =
          death.status.has_value() ? Outcome::kCrashed : Outcome::kError;
      result.message = absl::StrCat("its worker died: ", HowItEnded(death));
      break;
  }
  return result;
}

void WorkerPool::OnBarrenDeath(const Worker& worker, const WorkerDeath& death,
                               absl::string_view what, Unit& unit) {
  Log(LogLevel::kWarning,
      absl::StrCat(unit.suite->name, ": worker ", Value(worker.id),
                   " ended before it ran a test: ", what));
  if (++unit.barren < kMaxBarren) {
    return;
  }
  const std::string sentence = absl::StrCat(
      "workers of suite ", unit.suite->name, " end before they run a test, ",
      unit.barren, " times in a row; the last one: ", what);
  FailRest(unit, worker.id, sentence, death.last_output);
  if (!seen_to_run_.contains(worker.key)) {
    // No other unit of it would fare better, and each would take as long.
    refused_[worker.key] = sentence;
  }
}

}  // namespace paceline
