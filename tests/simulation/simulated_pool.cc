#include "tests/simulation/simulated_pool.h"

#include <signal.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace paceline::simulation {
namespace {

using std::chrono::milliseconds;

WorkerPoolParameters Parameters(std::uint32_t slots) {
  WorkerPoolParameters parameters;
  parameters.slots = slots;
  parameters.program = "paceline";
  parameters.instance = "simulated";
  return parameters;
}

}  // namespace

SimulatedPool::SimulatedPool(EventQueue* events, Random* random,
                             std::vector<Workload*> workloads,
                             std::uint32_t slots, const WorkerLimits& limits,
                             std::function<void(PoolEvent)> emit)
    : Node(events),
      random_(random),
      workloads_(std::move(workloads)),
      slots_(slots),
      emit_(std::move(emit)),
      pool_(Parameters(slots), limits, *this) {
  WakeAt(events->now());
}

SimulatedPool::~SimulatedPool() {
  for (const auto& [id, worker] : workers_) {
    if (worker.execution.has_value()) {
      worker.workload->End(events_->now(), *worker.execution);
    }
  }
}

void SimulatedPool::Push(PoolCommand command) {
  if (const auto* start = std::get_if<PoolStart>(&command)) {
    busy_[start->lease.token] = std::min(start->lease.slots, slots_);
    std::uint32_t busy = 0;
    for (const auto& [token, slots] : busy_) {
      busy += slots;
    }
    overfull_ = overfull_ || busy > slots_;
  }
  Post([this, command = std::move(command)](Instant now) {
    pool_.OnCommand(now, command);
  });
}

void SimulatedPool::Tick(Instant now) { pool_.OnTick(now); }

Instant SimulatedPool::NextDeadline() const {
  // As the real one does, for its age to say something.
  return std::min(pool_.next_deadline().value_or(Instant::max()),
                  last_turn() + std::chrono::seconds(1));
}

// ---- the world of the pool -------------------------------------------------

void SimulatedPool::Spawn(WorkerId worker, const WorkerLaunch& /*launch*/) {
  PACELINE_CHECK(workers_.try_emplace(worker).second);
  workers_[worker].rss_bytes = std::uint64_t{20} << 20;
  Later(worker, random_->Between(milliseconds(1), milliseconds(60)),
        [this](WorkerId id, Worker& it) {
          WorkerHello hello;
          hello.runner = "simulated";
          hello.pid = Value(id);
          hello.health = HealthOf(it);
          Say(id, std::move(hello));
        });
}

void SimulatedPool::Send(WorkerId worker, const ToWorker& message) {
  const auto it = workers_.find(worker);
  if (it == workers_.end()) {
    return;  // it has just died
  }
  if (const auto* suite = std::get_if<WorkerSuite>(&message)) {
    it->second.suite = suite->spec.name;
    it->second.last_words = suite->spec.last_words;
  } else if (const auto* unit = std::get_if<WorkerRunUnit>(&message)) {
    PACELINE_CHECK(!it->second.unit.has_value());
    it->second.unit = *unit;
    it->second.next = 0;
    it->second.stopping = false;
    Later(worker, milliseconds(1),
          [this](WorkerId id, Worker& one) { NextTest(id, one); });
  } else if (std::holds_alternative<WorkerStop>(message)) {
    it->second.stopping = true;
  } else if (!it->second.execution.has_value()) {
    Later(worker, random_->Between(milliseconds(1), milliseconds(30)),
          [this](WorkerId id, Worker& one) { LeaveNow(id, one); });
  }
}

void SimulatedPool::SignalTree(WorkerId worker, int signal) {
  // One in four does not care for TERM.
  if (signal != SIGKILL && Value(worker) % 4 == 0) {
    return;
  }
  Later(worker, random_->Between(milliseconds(1), milliseconds(50)),
        [this, signal](WorkerId id, Worker&) { Die(id, signal); });
}

void SimulatedPool::DescribeTree(WorkerId worker) {
  events_->After(milliseconds(20),
                 [this, worker, alive = std::weak_ptr<int>(alive_)] {
                   if (!alive.expired()) {
                     Post([this, worker](Instant now) {
                       pool_.OnTreeDescribed(now, worker, "stacks");
                     });
                   }
                 });
}

void SimulatedPool::CloseWorker(WorkerId /*worker*/) {}

WorkerHealth SimulatedPool::AddTree(WorkerId /*worker*/,
                                    const WorkerHealth& own) {
  return own;
}

absl::StatusOr<std::string> SimulatedPool::MakeTempDir(const Token& token) {
  return absl::StrCat("/simulated/", ToString(token));
}

void SimulatedPool::RemoveTempDir(const std::string& /*path*/) {}

void SimulatedPool::Emit(PoolEvent event) {
  if (const auto* result = std::get_if<PoolResult>(&event)) {
    if (const auto* end = std::get_if<UnitEndItem>(&result->item)) {
      busy_.erase(end->token);
    }
  }
  emit_(std::move(event));
}

// ---- the workers -----------------------------------------------------------

void SimulatedPool::Later(WorkerId id, Duration delay,
                          std::function<void(WorkerId, Worker&)> what) {
  const auto it = workers_.find(id);
  if (it == workers_.end()) {
    return;
  }
  const std::uint64_t step = ++it->second.step;
  events_->After(delay, [this, id, step, what = std::move(what),
                         alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired()) {
      return;
    }
    // A frozen host freezes its workers too.
    Post([this, id, step, what](Instant) {
      const auto found = workers_.find(id);
      if (found != workers_.end() && found->second.step == step) {
        what(id, found->second);
      }
    });
  });
}

void SimulatedPool::Say(WorkerId id, FromWorker message) {
  pool_.OnWorkerMessage(events_->now(), id, std::move(message));
}

void SimulatedPool::NextTest(WorkerId id, Worker& worker) {
  const WorkerRunUnit& unit = *worker.unit;
  if (worker.stopping || worker.next == unit.tests.size()) {
    WorkerUnitFinished finished;
    finished.request = unit.request;
    worker.rss_bytes += random_->Between(0, std::uint64_t{40} << 20);
    finished.health = HealthOf(worker);
    worker.unit.reset();
    Say(id, std::move(finished));
    return;
  }
  const std::string& name = unit.tests[worker.next].name;
  worker.workload = *std::find_if(
      workloads_.begin(), workloads_.end(),
      [&](const Workload* one) { return one->Has(worker.suite, name); });
  const std::size_t test = worker.workload->Find(worker.suite, name);
  worker.execution = worker.workload->Begin(events_->now(), test);
  const Workload::Test& script = worker.workload->tests()[test];
  const std::uint64_t request = unit.request;
  const std::uint32_t position = worker.next;
  if (script.behaviour == Behaviour::kCrashes) {
    Later(id, script.duration,
          [this](WorkerId one, Worker&) { Die(one, SIGSEGV); });
  } else if (script.behaviour != Behaviour::kHangs) {
    Later(id, script.duration,
          [this](WorkerId one, Worker& it) { FinishTest(one, it); });
  }
  Say(id, WorkerTestStarted{request, position});
}

void SimulatedPool::FinishTest(WorkerId id, Worker& worker) {
  const std::size_t execution = *worker.execution;
  worker.execution.reset();
  Workload& workload = *worker.workload;
  workload.End(events_->now(), execution);
  WorkerTestFinished finished;
  finished.request = worker.unit->request;
  finished.test = worker.next++;
  finished.result.outcome = *workload.OutcomeOf(execution);
  finished.result.duration =
      events_->now() - workload.executions()[execution].began;
  finished.result.output.head = absl::StrCat("execution ", execution);
  if (random_->Chance(0.02)) {
    // Too long for its result.
    finished.result.output.head.resize(random_->Between(20'000, 400'000), 'x');
  }
  workload.SetOutput(execution, finished.result.output.head.size());
  Later(id, std::chrono::microseconds(100),
        [this](WorkerId one, Worker& it) { NextTest(one, it); });
  Say(id, std::move(finished));
}

void SimulatedPool::LeaveNow(WorkerId id, Worker& worker) {
  if (worker.last_words) {
    WorkerLeaving leaving;
    leaving.report.resize(random_->Between(1, 150'000), 'r');
    Say(id, std::move(leaving));
  }
  Die(id, 0);
}

void SimulatedPool::Die(WorkerId id, int raw_status) {
  const Worker& worker = workers_.at(id);
  if (worker.execution.has_value()) {
    worker.workload->End(events_->now(), *worker.execution);
  }
  workers_.erase(id);
  WorkerDeath death;
  death.status = WaitStatus{raw_status};
  pool_.OnWorkerExited(events_->now(), id, death);
}

WorkerHealth SimulatedPool::HealthOf(const Worker& worker) const {
  WorkerHealth health;
  health.rss_bytes = worker.rss_bytes;
  health.open_fds = 4;
  return health;
}

}  // namespace paceline::simulation
