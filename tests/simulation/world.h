// A simulated fleet: a coordinator, three agents, one or two runs with their
// clients, and whatever goes wrong, all from one seed.

#ifndef PACELINE_TESTS_SIMULATION_WORLD_H_
#define PACELINE_TESTS_SIMULATION_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/simulated_nodes.h"

namespace paceline::simulation {

// What goes wrong, and how often.
struct Trouble {
  Faults faults;
  // Mean time between events of a kind; zero: none.
  Duration cuts{};
  Duration holds{};
  Duration deaths{};
  Duration drains{};
  Duration freezes{};
  Duration stalls{};   // of the coordinator
  Duration crashes{};  // of the coordinator
  Duration stuck{};    // an agent's pool, while its session goes on
  Duration twins{};    // another agent with a name that is taken
  // What a commit takes at most.
  Duration commit{};

  // Whether agents may be taken for lost.
  bool any() const;
};

// One run and its client.
struct SimulatedRun {
  SimulatedRun(Random* random, const std::string& prefix)
      : workload(random, prefix) {}

  Workload workload;
  RunOptions options;
  bool cancel = false;
  bool vanishes = false;
  Instant gone_at = Instant::max();
  std::unique_ptr<SimulatedClient> client;  // null before and after
};

class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();

  // Goes on until the run has ended and everything has come to rest. Returns
  // what was wrong, a sentence each.
  std::vector<std::string> Run();

  // For people: what this seed is about.
  std::string Describe() const;

 private:
  static constexpr int kAgents = 3;

  void StartAgent(int agent);
  void StartRun(SimulatedRun& run);
  void StartCoordinator();
  void StartTrouble();
  // As EventQueue::Step.
  bool Step(Instant until);
  // Calls `what` at random times, `mean` apart, while trouble lasts.
  void Every(Duration mean, std::function<void()> what);
  bool troubled() const { return events_.now() < trouble_until_; }
  int AnyDealer();
  SimulatedAgent* AnyAgent();
  // Whether nobody waits for its end any more.
  bool Over(const SimulatedRun& run) const;

  void CheckEnd(const SimulatedRun& run);
  void CheckTest(const SimulatedRun& run, std::size_t test);
  void CheckTogether(const SimulatedRun& run);
  void CheckScopes(const SimulatedRun& run);
  void CheckResources(const SimulatedRun& run);
  void CheckOrder(const SimulatedRun& run);
  void CheckTalk();
  void CheckRest();

  Random random_;
  EventQueue events_;
  Network network_;
  JournalStore store_;
  Trouble trouble_;
  Instant trouble_until_;
  std::vector<std::unique_ptr<SimulatedRun>> runs_;
  std::vector<Workload*> workloads_;
  std::unique_ptr<SimulatedCoordinator> coordinator_;
  std::vector<std::unique_ptr<SimulatedAgent>> agents_;
  std::vector<std::uint32_t> slots_;
  std::unique_ptr<SimulatedAgent> twin_;
  std::uint64_t crashes_ = 0;
  std::vector<std::string> wrong_;
};

}  // namespace paceline::simulation

#endif  // PACELINE_TESTS_SIMULATION_WORLD_H_
