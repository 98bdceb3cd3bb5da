// The real state machines in simulated shells: an agent, the coordinator, a
// client.

#ifndef PACELINE_TESTS_SIMULATION_SIMULATED_NODES_H_
#define PACELINE_TESTS_SIMULATION_SIMULATED_NODES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/session.h"
#include "cli/run_client.h"
#include "coordinator/coordinator.h"
#include "tests/simulation/network.h"
#include "tests/simulation/node.h"
#include "tests/simulation/simulated_journal.h"
#include "tests/simulation/simulated_pool.h"
#include "tests/simulation/workload.h"

namespace paceline::simulation {

// One process of an agent. To kill it is to destroy it.
class SimulatedAgent final : public Node, private AgentSession::Effects {
 public:
  SimulatedAgent(EventQueue* events, Random* random, Network* network,
                 std::vector<Workload*> workloads, std::string name,
                 std::uint32_t slots);
  ~SimulatedAgent() override;

  // The whole host stands still.
  void FreezeHost(Instant until);
  // The pool's thread hangs, and the session goes on.
  void FreezePool(Instant until) { pool_.Freeze(until); }
  void Drain();
  bool left() const { return session_.left(); }
  int dealer() const { return dealer_; }
  bool overfull() const { return pool_.overfull(); }

 private:
  void Tick(Instant now) override;
  Instant NextDeadline() const override;

  absl::Status Send(Message message) override;
  void ToPool(PoolCommand command) override;
  void Reconnect() override;
  void Leave(absl::Status status) override;
  void Dial();

  Network* const network_;
  int dealer_ = 0;
  SimulatedPool pool_;
  AgentSession session_;
};

// One process of the coordinator. To kill it is to destroy it; what it had
// committed is in `store`.
class SimulatedCoordinator final : public Node, private CoordinatorOutbox {
 public:
  SimulatedCoordinator(EventQueue* events, Random* random, Network* network,
                       JournalStore* store, Duration slowest_commit);
  ~SimulatedCoordinator() override;

 private:
  void Tick(Instant now) override;
  Instant NextDeadline() const override;
  absl::Status Send(absl::string_view peer, const Message& message) override;

  Network* const network_;
  JournalStore* const store_;
  SimulatedJournal journal_;
  Coordinator coordinator_;
  bool listening_ = false;
  std::map<std::string, InstanceId, std::less<>> instances_;  // by peer
};

// Hands the workload over as a discovery would find it, and keeps what it is
// told of the run.
class SimulatedClient final : public Node,
                              private ClientEffects,
                              private RunObserver {
 public:
  struct Attempt {
    std::uint32_t number = 0;
    Outcome outcome{};
    std::optional<Verdict> verdict;
    std::string rerun;
  };

  SimulatedClient(EventQueue* events, Random* random, Network* network,
                  const Workload* workload, RunOptions options);
  ~SimulatedClient() override;

  void Cancel();
  bool done() const { return client_.done(); }
  const RunEnd& end() const { return client_.end(); }
  // By the workload's tests.
  const std::vector<std::vector<Attempt>>& attempts() const {
    return attempts_;
  }
  const std::vector<std::string>& extras() const { return extras_; }
  // What it was told that cannot be.
  const std::vector<std::string>& wrong() const { return wrong_; }
  const std::vector<std::string>& notes() const { return notes_; }
  std::uint64_t recycled() const { return recycled_; }
  RunId run() const { return run_; }

 private:
  void Tick(Instant now) override;
  Instant NextDeadline() const override;
  void Send(Message message) override;
  void Reconnect() override;
  void OnAttempt(Instant now, const TestRef& test,
                 const AttemptEvent& attempt) override;
  void OnRecycled(Instant now, absl::string_view suite,
                  const RecycledEvent& event) override;
  void OnNote(Instant now, absl::string_view text) override;
  void Dial();
  RunClientOptions Options(RunOptions options);

  Random* const random_;
  Network* const network_;
  const Workload* const workload_;
  const RunId run_;
  int dealer_ = 0;
  RunClient client_;
  std::size_t suites_found_ = 0;
  std::size_t tests_found_ = 0;
  bool discovery_done_ = false;
  Instant next_find_;
  std::vector<std::vector<Attempt>> attempts_;
  void CheckOutput(const TestRef& test, const AttemptEvent& attempt);

  std::vector<std::string> extras_;
  std::vector<std::string> wrong_;
  std::set<std::size_t> executions_;  // told of
  std::vector<std::string> notes_;
  std::uint64_t recycled_ = 0;
};

}  // namespace paceline::simulation

#endif  // PACELINE_TESTS_SIMULATION_SIMULATED_NODES_H_
