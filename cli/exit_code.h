// What the program tells whoever started it.

#ifndef PACELINE_CLI_EXIT_CODE_H_
#define PACELINE_CLI_EXIT_CODE_H_

#include <cstdint>
#include <string>

namespace paceline {

enum class ExitCode : int {
  kGreen = 0,
  kTestFailed = 1,
  kUsage = 2,
  kInfrastructure = 3,
  kNothingSelected = 4,
  kInterrupted = 130,
};

// All that the exit code of a run is drawn from.
struct RunFacts {
  bool interrupted = false;
  // Tests with a bad verdict of their own: failed, timed out, crashed, killed,
  // and flaky or leaked where that is bad.
  std::uint64_t test_failures = 0;
  // Tests with a bad verdict that is not their own: error, lost, not run.
  std::uint64_t infrastructure_failures = 0;
  // Targets that could not be looked into.
  std::uint64_t discovery_errors = 0;
  // Tests of the manifest without a verdict.
  std::uint64_t without_verdict = 0;
  // A coordinator that is gone, no agent, a report that cannot be written: a
  // sentence; empty when there is none.
  std::string failure;
  // Whether the coordinator called the run green.
  bool green = false;
  // Tests selected before sharding, and in this shard.
  std::uint64_t selected = 0;
  std::uint64_t in_shard = 0;
};

// The first that holds of 130, 1, 3, 4, 0. Anything that is not known to be
// green is kInfrastructure.
ExitCode DecideExitCode(const RunFacts& facts);

// Why, as the last line of a summary: "2 tests failed", "green".
std::string ExplainExitCode(const RunFacts& facts);

}  // namespace paceline

#endif  // PACELINE_CLI_EXIT_CODE_H_
