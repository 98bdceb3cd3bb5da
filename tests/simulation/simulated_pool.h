// The real WorkerPool over worker processes that are played.
//
// A played worker says hello, runs what it is given as the workload has it,
// dies of a signal where that says so, and is gone with its host.

#ifndef PACELINE_TESTS_SIMULATION_SIMULATED_POOL_H_
#define PACELINE_TESTS_SIMULATION_SIMULATED_POOL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/worker_pool.h"
#include "tests/simulation/node.h"
#include "tests/simulation/random.h"
#include "tests/simulation/workload.h"

namespace paceline::simulation {

class SimulatedPool final : public Node, private PoolEffects {
 public:
  // `emit` gets the pool's events, in order.
  SimulatedPool(EventQueue* events, Random* random,
                std::vector<Workload*> workloads, std::uint32_t slots,
                const WorkerLimits& limits,
                std::function<void(PoolEvent)> emit);
  // All its workers die.
  ~SimulatedPool() override;

  void Push(PoolCommand command);
  std::size_t workers() const { return workers_.size(); }
  // Units were started for which there was no slot.
  bool overfull() const { return overfull_; }

 private:
  struct Worker {
    std::string suite;
    bool last_words = false;
    std::optional<WorkerRunUnit> unit;
    std::uint32_t next = 0;        // test of the unit
    Workload* workload = nullptr;  // of the execution
    std::optional<std::size_t> execution;
    bool stopping = false;
    std::uint64_t rss_bytes = 0;
    // Of what is scheduled; anything else is out of date.
    std::uint64_t step = 0;
  };

  void Tick(Instant now) override;
  Instant NextDeadline() const override;

  void Spawn(WorkerId worker, const WorkerLaunch& launch) override;
  void Send(WorkerId worker, const ToWorker& message) override;
  void SignalTree(WorkerId worker, int signal) override;
  void DescribeTree(WorkerId worker) override;
  void CloseWorker(WorkerId worker) override;
  WorkerHealth AddTree(WorkerId worker, const WorkerHealth& own) override;
  void KeepProcesses(WorkerId /*worker*/, const RunId& /*run*/,
                     const std::vector<std::uint32_t>& /*pids*/) override {}
  void EndKept(const RunId& /*run*/) override {}
  absl::StatusOr<std::string> MakeTempDir(const Token& token) override;
  void RemoveTempDir(const std::string& path) override;
  void Emit(PoolEvent event) override;

  // After `delay`, unless the worker is gone or something else came first.
  void Later(WorkerId id, Duration delay,
             std::function<void(WorkerId, Worker&)> what);
  void Say(WorkerId id, FromWorker message);
  void NextTest(WorkerId id, Worker& worker);
  void FinishTest(WorkerId id, Worker& worker);
  void LeaveNow(WorkerId id, Worker& worker);
  void Die(WorkerId id, int raw_status);
  WorkerHealth HealthOf(const Worker& worker) const;

  Random* const random_;
  const std::vector<Workload*> workloads_;
  const std::uint32_t slots_;
  // Of the units that run.
  std::map<Token, std::uint32_t> busy_;
  bool overfull_ = false;
  const std::function<void(PoolEvent)> emit_;
  WorkerPool pool_;
  std::map<WorkerId, Worker> workers_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace paceline::simulation

#endif  // PACELINE_TESTS_SIMULATION_SIMULATED_POOL_H_
