#include "agent/worker_pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/cut_output.h"
#include "agent/worker_launch.h"
#include "common/base/log.h"

namespace paceline {
namespace {

// Failures outside of tests that one unit may have; a run with so many is not
// green, whatever the others are.
constexpr std::uint32_t kMaxExtras = 4096;

}  // namespace

WorkerPool::WorkerPool(WorkerPoolParameters parameters,
                       const WorkerLimits& limits, PoolEffects& effects)
    : parameters_(std::move(parameters)),
      policy_(limits, parameters_.max_recycles_per_minute),
      effects_(effects) {}

void WorkerPool::OnCommand(Instant now, const PoolCommand& command) {
  if (const auto* start = std::get_if<PoolStart>(&command)) {
    Start(now, *start);
  } else if (const auto* stop = std::get_if<PoolStop>(&command)) {
    Stop(now, *stop);
  } else if (const auto* over = std::get_if<PoolRunOver>(&command)) {
    EndRun(now, *over);
  } else {
    Drain(now, std::get<PoolDrain>(command));
  }
}

void WorkerPool::Start(Instant now, const PoolStart& start) {
  auto owned = std::make_unique<Unit>(start.lease);
  Unit& unit = *owned;
  unit.suite = start.suite;
  const SuiteKey key{start.lease.run, start.lease.suite};
  units_[start.lease.token] = std::move(owned);

  if (const auto refused = refused_.find(key); refused != refused_.end()) {
    FailRest(unit, WorkerId{}, refused->second, "");
    EndUnit(start.lease.token);
    return;
  }
  absl::StatusOr<std::string> temp_dir =
      effects_.MakeTempDir(start.lease.token);
  if (!temp_dir.ok()) {
    FailRest(unit, WorkerId{},
             absl::StrCat("no directory for temporary files: ",
                          temp_dir.status().message()),
             "");
    EndUnit(start.lease.token);
    return;
  }
  unit.temp_dir = *std::move(temp_dir);
  Place(now, unit, /*fresh_only=*/false);
}

void WorkerPool::Stop(Instant now, const PoolStop& stop) {
  const auto it = units_.find(stop.token);
  if (it == units_.end()) {
    return;
  }
  Unit& unit = *it->second;
  Worker* const worker =
      unit.worker.has_value() ? FindWorker(*unit.worker) : nullptr;
  if (worker == nullptr || !worker->hello_at.has_value()) {
    // No test of it can have started.
    unit.stopping = true;
    Detach(now, unit);
    if (worker != nullptr && worker->cause == Cause::kNone) {
      SetIdle(now, *worker);
    }
    EndUnit(stop.token);
    return;
  }
  unit.stop_reason = stop.reason;
  if (!std::exchange(unit.stopping, true) && worker->cause == Cause::kNone) {
    effects_.Send(worker->id, WorkerStop{unit.progress.request()});
  }
  const Instant at = now + stop.grace;
  unit.stop_at = unit.stop_at.has_value() ? std::min(*unit.stop_at, at) : at;
  if (*unit.stop_at <= now) {
    unit.stop_at.reset();
    End(now, *worker, Cause::kStopped, stop.reason, parameters_.kill_grace);
  }
}

void WorkerPool::EndRun(Instant now, const PoolRunOver& over) {
  const RunId& run = over.run;
  for (auto& [id, worker] : workers_) {
    if (worker->key.run != run) {
      continue;
    }
    worker->run_over = true;
    if (!worker->unit.has_value() && worker->cause == Cause::kNone) {
      Leave(now, *worker);
    }
  }
  effects_.EndKept(run);
  policy_.Forget(run);
  const auto first = refused_.lower_bound(SuiteKey{run, SuiteIndex{0}});
  auto last = first;
  while (last != refused_.end() && last->first.run == run) {
    ++last;
  }
  refused_.erase(first, last);
  auto ran = seen_to_run_.lower_bound(SuiteKey{run, SuiteIndex{0}});
  while (ran != seen_to_run_.end() && ran->run == run) {
    ran = seen_to_run_.erase(ran);
  }
  if (over.answer) {
    leaving_runs_.insert(run);
    TellIfLeft(run);
  }
}

void WorkerPool::Drain(Instant now, const PoolDrain& drain) {
  const Instant at = now + drain.timeout;
  drain_at_ =
      draining_ && drain_at_.has_value() ? std::min(*drain_at_, at) : at;
  draining_ = true;
  for (auto& [id, worker] : workers_) {
    if (!worker->unit.has_value() && worker->cause == Cause::kNone) {
      Leave(now, *worker);
    }
  }
  if (*drain_at_ <= now && !drain_over_) {
    EndDrain(now);
  }
  TellIfEmpty();
}

void WorkerPool::EndDrain(Instant now) {
  drain_over_ = true;
  drain_at_.reset();
  std::vector<Token> tokens;
  for (const auto& [token, unit] : units_) {
    tokens.push_back(token);
  }
  for (const Token& token : tokens) {
    Unit& unit = *units_.at(token);
    unit.stopping = true;
    Worker* const worker =
        unit.worker.has_value() ? FindWorker(*unit.worker) : nullptr;
    if (worker == nullptr) {
      EndUnit(token);
    } else {
      CutOff(now, *worker, unit);
    }
  }
}

void WorkerPool::CutOff(Instant now, Worker& worker, const Unit& unit) {
  if (worker.hello_at.has_value()) {
    // A worker that does not heed SIGTERM is to begin no other test.
    effects_.Send(worker.id, WorkerStop{unit.progress.request()});
  }
  End(now, worker, Cause::kDrained, "the agent drains", parameters_.kill_grace);
}

void WorkerPool::Place(Instant now, Unit& unit, bool fresh_only) {
  unit.waits = false;
  unit.fresh_only = fresh_only;
  unit.place_at.reset();
  const SuiteKey key{unit.progress.lease().run, unit.progress.lease().suite};
  Worker* worker = FindFree(key, fresh_only);
  if (worker == nullptr) {
    MakeRoom(now);
    if (workers_.size() >= 2 * std::size_t{parameters_.slots}) {
      // As many as there are slots leave, and do so slowly. One is reaped or
      // given up before long.
      unit.waits = true;
      return;
    }
    worker = &SpawnWorker(now, key, unit.suite);
  }
  worker->unit = unit.progress.lease().token;
  unit.worker = worker->id;
  unit.last_worker = worker->id;
  if (worker->hello_at.has_value()) {
    SendUnit(now, *worker, unit);
  }
}

WorkerPool::Worker* WorkerPool::FindFree(const SuiteKey& key, bool fresh_only) {
  Worker* warming = nullptr;
  for (auto& [id, worker] : workers_) {
    if (worker->key != key || worker->unit.has_value() || worker->retiring ||
        worker->run_over || worker->closed || worker->cause != Cause::kNone ||
        (fresh_only && worker->units_served > 0)) {
      continue;
    }
    if (worker->hello_at.has_value()) {
      return worker.get();
    }
    if (warming == nullptr) {
      warming = worker.get();
    }
  }
  return warming;
}

void WorkerPool::MakeRoom(Instant now) {
  std::uint32_t staying = 0;
  Worker* longest_idle = nullptr;
  for (auto& [id, worker] : workers_) {
    if (worker->cause != Cause::kNone || worker->retiring) {
      continue;
    }
    ++staying;
    if (!worker->unit.has_value() &&
        (longest_idle == nullptr ||
         worker->idle_since < longest_idle->idle_since)) {
      longest_idle = worker.get();
    }
  }
  if (staying >= parameters_.slots && longest_idle != nullptr) {
    Leave(now, *longest_idle);
  }
}

void WorkerPool::PlaceWaiting(Instant now) {
  std::vector<Token> waiting;
  for (const auto& [token, unit] : units_) {
    if (unit->waits &&
        (!unit->place_at.has_value() || *unit->place_at <= now)) {
      waiting.push_back(token);
    }
  }
  for (const Token& token : waiting) {
    Unit& unit = *units_.at(token);
    Place(now, unit, unit.fresh_only);
  }
}

WorkerPool::Worker& WorkerPool::SpawnWorker(
    Instant now, const SuiteKey& key, std::shared_ptr<const SuiteSpec> suite) {
  const WorkerId id{++last_worker_};
  auto owned = std::make_unique<Worker>();
  Worker& worker = *owned;
  worker.id = id;
  worker.key = key;
  worker.suite = std::move(suite);
  worker.idle_since = now;
  worker.deadline = now + parameters_.hello_bound;
  workers_[id] = std::move(owned);
  WorkerLaunch launch = MakeWorkerLaunch(*worker.suite, id, parameters_.program,
                                         parameters_.env, parameters_.instance);
  if (worker.suite->forks) {
    launch.forks = {key.run, key.suite};
    launch.suite = worker.suite;
  }
  effects_.Spawn(id, launch);
  return worker;
}

void WorkerPool::SendUnit(Instant now, Worker& worker, Unit& unit) {
  unit.failure_told = false;
  WorkerRunUnit request =
      unit.progress.NextRequest(++worker.last_request, unit.temp_dir);
  request.found = unit.found_told;
  effects_.Send(worker.id, std::move(request));
  ExpectTest(now, unit);
}

void WorkerPool::Detach(Instant now, Unit& unit) {
  unit.quiet_until.reset();
  unit.stop_at.reset();
  if (!unit.worker.has_value()) {
    return;
  }
  if (Worker* const worker = FindWorker(*unit.worker); worker != nullptr) {
    worker->unit.reset();
    worker->idle_since = now;
  }
  unit.worker.reset();
}

void WorkerPool::SetIdle(Instant now, Worker& worker) {
  worker.idle_since = now;
  if (draining_ || worker.run_over) {
    Leave(now, worker);
  }
  PlaceWaiting(now);
}

void WorkerPool::Continue(Instant now, Token token) {
  Unit& unit = *units_.at(token);
  if (unit.progress.all_settled() || unit.stopping) {
    EndUnit(token);
  } else {
    Place(now, unit, /*fresh_only=*/true);
  }
}

void WorkerPool::EndUnit(Token token) {
  const auto it = units_.find(token);
  Unit& unit = *it->second;
  if (!unit.temp_dir.empty()) {
    effects_.RemoveTempDir(unit.temp_dir);
  }
  UnitEndItem item;
  item.run = unit.progress.lease().run;
  item.token = token;
  item.worker = Value(unit.last_worker);
  item.interrupted = std::move(unit.interrupted);
  item.end = std::move(unit.end);
  units_.erase(it);
  effects_.Emit(PoolResult{std::move(item)});
  TellIfEmpty();
}

void WorkerPool::FailRest(Unit& unit, WorkerId worker,
                          absl::string_view sentence,
                          absl::string_view details) {
  std::vector<std::size_t> rest = unit.progress.Left();
  if (unit.progress.running().has_value()) {
    rest.insert(rest.begin(), unit.progress.running()->index);
  }
  for (const std::size_t index : rest) {
    TestResult result;
    result.outcome = Outcome::kError;
    result.message = std::string(sentence);
    result.details = std::string(details);
    unit.progress.Settle(index);
    EmitAttempt(unit, worker, index, std::move(result));
  }
}

void WorkerPool::ExpectTest(Instant now, Unit& unit) {
  // A program that starts everything a scope needs may take as long as one of
  // its tests.
  Duration bound = parameters_.between_tests;
  if (const auto next = unit.progress.NextLeft(); next.has_value()) {
    const Duration timeout = unit.progress.lease().tests[*next].timeout;
    if (unit.progress.settled_in_request() == 0 && timeout > Duration::zero()) {
      bound = std::min(bound, parameters_.before_first);
    }
    bound = std::max(bound, timeout);
  }
  // A worker that watches over its program itself says what it was.
  bound += 2 * parameters_.kill_grace;
  unit.quiet_until = bound > Instant::max() - now
                         ? std::optional<Instant>()
                         : std::optional<Instant>(now + bound);
}

void WorkerPool::EmitAttempt(const Unit& unit, WorkerId worker,
                             std::size_t index, TestResult result) {
  const Lease& lease = unit.progress.lease();
  AttemptItem item;
  item.run = lease.run;
  item.token = lease.token;
  item.test = lease.tests[index].test;
  item.attempt = lease.tests[index].attempt;
  item.worker = Value(worker);
  item.result = std::move(result);
  // A worker is asked for no more, and not every worker heeds that.
  CutOutput(parameters_.output_limit, item.result.output);
  effects_.Emit(PoolResult{std::move(item)});
}

void WorkerPool::EmitExtra(Unit& unit, WorkerId worker, ExtraResult extra) {
  if (unit.extras == kMaxExtras) {
    return;
  }
  unit.failure_told = unit.failure_told || !extra.found;
  if (unit.extras + 1 == kMaxExtras) {
    extra.found = false;
    extra.result.message = absl::StrCat(
        "more than ", kMaxExtras,
        " failures outside of tests in one unit; the others are not told. The "
        "last one that is: ",
        extra.result.message);
  }
  ExtraItem item;
  item.run = unit.progress.lease().run;
  item.token = unit.progress.lease().token;
  item.number = unit.extras++;
  item.worker = Value(worker);
  item.extra = std::move(extra);
  CutOutput(parameters_.output_limit, item.extra.result.output);
  effects_.Emit(PoolResult{std::move(item)});
}

void WorkerPool::EmitFound(Unit& unit, WorkerId worker, TestResult result) {
  unit.found_told.push_back(*unit.found);
  EmitExtra(unit, worker,
            {*std::exchange(unit.found, {}), std::move(result),
             /*found=*/true});
  // Whoever comes next has one less to run.
  unit.barren = 0;
}

void WorkerPool::EmitProperties(const Unit& unit,
                                std::optional<std::size_t> index,
                                WorkerProperties message) {
  const Lease& lease = unit.progress.lease();
  PropertiesItem item;
  item.run = lease.run;
  item.token = lease.token;
  if (index.has_value()) {
    item.test = lease.tests[*index].test;
    item.attempt = lease.tests[*index].attempt;
  } else {
    item.scope = std::move(message.scope);
  }
  item.properties = std::move(message.properties);
  effects_.Emit(PoolResult{std::move(item)});
}

void WorkerPool::EmitLateExtra(const Worker& worker, ExtraResult extra) {
  LateExtraItem item;
  item.run = worker.key.run;
  item.suite = worker.key.suite;
  item.worker = Value(worker.id);
  item.extra = std::move(extra);
  item.extra.found = false;
  CutOutput(parameters_.output_limit, item.extra.result.output);
  effects_.Emit(PoolResult{std::move(item)});
}

void WorkerPool::EmitNote(const RunId& run, std::string text) {
  effects_.Emit(PoolResult{NoteItem{run, std::move(text)}});
}

void WorkerPool::TellIfLeft(const RunId& run) {
  const bool any = std::any_of(
      workers_.begin(), workers_.end(),
      [&run](const auto& entry) { return entry.second->key.run == run; });
  if (!any && leaving_runs_.erase(run) > 0) {
    effects_.Emit(PoolResult{RunLeftItem{run}});
  }
}

void WorkerPool::TellIfEmpty() {
  if (draining_ && units_.empty() && workers_.empty() &&
      !std::exchange(empty_told_, true)) {
    effects_.Emit(PoolEmpty{});
  }
}

void WorkerPool::OnSpawnWaits(WorkerId id) {
  if (Worker* const worker = FindWorker(id);
      worker != nullptr && worker->cause == Cause::kNone) {
    worker->deadline.reset();
  }
}

void WorkerPool::OnSpawnBegun(Instant now, WorkerId id) {
  if (Worker* const worker = FindWorker(id);
      worker != nullptr && worker->cause == Cause::kNone) {
    worker->deadline = now + parameters_.hello_bound;
  }
}

bool WorkerPool::Serves(const RunId& run) const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [&run](const auto& entry) {
                       return entry.second->key.run == run;
                     }) ||
         std::any_of(units_.begin(), units_.end(), [&run](const auto& entry) {
           return entry.second->progress.lease().run == run;
         });
}

WorkerPool::Worker* WorkerPool::FindWorker(WorkerId id) {
  const auto it = workers_.find(id);
  return it == workers_.end() ? nullptr : it->second.get();
}

WorkerPool::Unit* WorkerPool::UnitOf(const Worker& worker) {
  if (!worker.unit.has_value()) {
    return nullptr;
  }
  const auto it = units_.find(*worker.unit);
  return it == units_.end() ? nullptr : it->second.get();
}

void WorkerPool::OnTick(Instant now) {
  if (drain_at_.has_value() && *drain_at_ <= now) {
    EndDrain(now);
  }
  PlaceWaiting(now);
  // Units first: a test over its time is told so even where its worker is
  // about to be found at fault too.
  std::vector<WorkerId> ids;
  ids.reserve(workers_.size());
  for (const auto& [id, worker] : workers_) {
    ids.push_back(id);
  }
  for (const WorkerId id : ids) {
    Worker* const worker = FindWorker(id);
    if (worker == nullptr) {
      continue;
    }
    if (Unit* const unit = UnitOf(*worker);
        unit != nullptr && worker->cause == Cause::kNone) {
      LookAtUnit(now, *worker, *unit);
    }
    if (worker->deadline.has_value() && *worker->deadline <= now &&
        !AwaitsWords(*worker)) {
      OnStageDue(now, *worker);
    }
  }
}

void WorkerPool::OnPaused(Instant now) { paused_at_ = now; }

void WorkerPool::OnResumed(Instant now) {
  if (!paused_at_.has_value()) {
    return;
  }
  const Duration length = now - *paused_at_;
  paused_at_.reset();
  for (auto& [token, unit] : units_) {
    unit->progress.ShiftClock(length);
    if (unit->quiet_until.has_value()) {
      *unit->quiet_until += length;
    }
  }
  for (auto& [id, worker] : workers_) {
    // How an ending goes was seen all the time.
    if (worker->cause == Cause::kNone && worker->deadline.has_value()) {
      *worker->deadline += length;
    }
  }
}

void WorkerPool::OnStall(Duration length) {
  for (auto& [token, unit] : units_) {
    unit->progress.ShiftClock(length);
    if (unit->quiet_until.has_value()) {
      *unit->quiet_until += length;
    }
  }
  for (auto& [id, worker] : workers_) {
    if (worker->deadline.has_value()) {
      *worker->deadline += length;
    }
  }
}

void WorkerPool::LookAtUnit(Instant now, Worker& worker, Unit& unit) {
  if (!paused_at_.has_value() && !LookAtTest(now, worker, unit)) {
    return;
  }
  if (unit.stop_at.has_value() && *unit.stop_at <= now) {
    unit.stop_at.reset();
    End(now, worker, Cause::kStopped, unit.stop_reason, parameters_.kill_grace);
  }
}

bool WorkerPool::LookAtTest(Instant now, Worker& worker, Unit& unit) {
  if (const auto& running = unit.progress.running(); running.has_value()) {
    if (!running->slow_warned &&
        now - running->started >= parameters_.slow_warning) {
      Log(LogLevel::kWarning,
          absl::StrCat(unit.suite->name, ": ",
                       unit.progress.lease().tests[running->index].name,
                       " has been running for ",
                       std::chrono::duration_cast<std::chrono::seconds>(
                           now - running->started)
                           .count(),
                       " s"));
      unit.progress.set_slow_warned();
    }
    if (const auto at = running->timeout_at(); at.has_value() && *at <= now) {
      OnTimeout(now, worker, running->timeout);
      return false;
    }
  } else if (unit.quiet_until.has_value() && *unit.quiet_until <= now) {
    unit.quiet_until.reset();
    if (unit.found.has_value()) {
      OnTimeout(now, worker, unit.found_timeout);
      return false;
    }
    End(now, worker, Cause::kMisbehaved,
        "it said nothing between two tests for longer than any test may take",
        parameters_.kill_grace);
    return false;
  }
  return true;
}

std::optional<Instant> WorkerPool::next_deadline() const {
  std::optional<Instant> next = drain_at_;
  const auto consider = [&next](const std::optional<Instant>& at) {
    if (at.has_value() && (!next.has_value() || *at < *next)) {
      next = at;
    }
  };
  for (const auto& [token, unit] : units_) {
    consider(unit->place_at);
  }
  for (const auto& [id, worker] : workers_) {
    if (!AwaitsWords(*worker)) {
      consider(worker->deadline);
    }
    if (worker->cause != Cause::kNone || !worker->unit.has_value()) {
      continue;
    }
    const auto it = units_.find(*worker->unit);
    if (it == units_.end()) {
      continue;
    }
    const Unit& unit = *it->second;
    consider(unit.stop_at);
    if (paused_at_.has_value()) {
      continue;
    }
    if (const auto& running = unit.progress.running(); running.has_value()) {
      consider(running->timeout_at());
      if (!running->slow_warned) {
        consider(running->started + parameters_.slow_warning);
      }
    } else {
      consider(unit.quiet_until);
    }
  }
  return next;
}

}  // namespace paceline
