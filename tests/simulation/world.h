// One simulated run: a coordinator, three agents, a client, and whatever goes
// wrong, all from one seed.

#ifndef PACELINE_TESTS_SIMULATION_WORLD_H_
#define PACELINE_TESTS_SIMULATION_WORLD_H_

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
  Duration stalls{};  // of the coordinator
  bool cancel = false;
  bool client_vanishes = false;
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
  // As EventQueue::Step.
  bool Step(Instant until);
  // Calls `what` at random times, `mean` apart, while trouble lasts.
  void Every(Duration mean, std::function<void()> what);
  bool troubled() const { return events_.now() < trouble_until_; }
  int AnyDealer();

  void CheckEnd(std::vector<std::string>& wrong) const;
  void CheckTest(std::size_t test, std::vector<std::string>& wrong) const;
  void CheckLocks(std::vector<std::string>& wrong) const;
  void CheckOrder(std::vector<std::string>& wrong) const;
  void CheckRest(std::vector<std::string>& wrong);

  Random random_;
  EventQueue events_;
  Network network_;
  Workload workload_;
  RunOptions options_;
  Trouble trouble_;
  Instant trouble_until_;
  SimulatedCoordinator coordinator_;
  std::vector<std::unique_ptr<SimulatedAgent>> agents_;
  std::vector<std::uint32_t> slots_;
  std::unique_ptr<SimulatedClient> client_;
};

}  // namespace paceline::simulation

#endif  // PACELINE_TESTS_SIMULATION_WORLD_H_
