// What the tests of a simulated run do, and what was seen of their doing it.

#ifndef PACELINE_TESTS_SIMULATION_WORKLOAD_H_
#define PACELINE_TESTS_SIMULATION_WORKLOAD_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/model/manifest.h"
#include "common/model/outcome.h"
#include "tests/simulation/random.h"

namespace paceline::simulation {

enum class Behaviour : std::uint8_t {
  kPasses,
  kFails,
  kSkips,
  kCrashes,            // takes its worker with it
  kHangs,              // until it is killed
  kFailsTheFirstTime,  // of all its executions, wherever they were
};

// One time that a worker ran a test.
struct Execution {
  std::size_t test = 0;
  Instant began;
  std::optional<Instant> ended;
  std::size_t output_bytes = 0;
};

class Workload {
 public:
  struct Test {
    TestSpec spec;  // as submitted
    Behaviour behaviour = Behaviour::kPasses;
    Duration duration{};
    std::vector<std::size_t> executions;
    // What has to have been executed, or given up, before.
    std::vector<std::size_t> after;
    // What must have ended well before, or it is not run.
    std::vector<std::size_t> needs;
  };

  // Slots of the one kind of resource there is, and of a thing of it.
  static constexpr std::uint32_t kThings = 2;
  static constexpr std::uint32_t kThingSlots = 3;

  // Some suites with some tests, as `random` has it. `prefix` makes their names
  // different from those of other runs.
  Workload(Random* random, const std::string& prefix);

  const std::vector<SuiteSpec>& suites() const { return suites_; }
  const std::vector<Test>& tests() const { return tests_; }
  const std::vector<Execution>& executions() const { return executions_; }

  bool Has(const std::string& suite, const std::string& test) const {
    return index_.contains({suite, test});
  }
  std::size_t Find(const std::string& suite, const std::string& test) const;
  void SetOutput(std::size_t execution, std::size_t bytes) {
    executions_[execution].output_bytes = bytes;
  }
  // Returns the execution's number.
  std::size_t Begin(Instant now, std::size_t test);
  void End(Instant now, std::size_t execution);
  // What the execution comes to; none where it does not end by itself.
  std::optional<Outcome> OutcomeOf(std::size_t execution) const;
  std::uint64_t running() const { return running_; }

 private:
  std::vector<SuiteSpec> suites_;
  std::vector<Test> tests_;
  std::map<std::pair<std::string, std::string>, std::size_t> index_;
  std::vector<Execution> executions_;
  std::uint64_t running_ = 0;
};

}  // namespace paceline::simulation

#endif  // PACELINE_TESTS_SIMULATION_WORKLOAD_H_
