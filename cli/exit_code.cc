#include "cli/exit_code.h"

#include "cli/text.h"

namespace paceline {
ExitCode DecideExitCode(const RunFacts& facts) {
  if (facts.interrupted) {
    return ExitCode::kInterrupted;
  }
  if (facts.test_failures > 0) {
    return ExitCode::kTestFailed;
  }
  if (facts.infrastructure_failures > 0 || facts.discovery_errors > 0 ||
      facts.without_verdict > 0 || !facts.failure.empty()) {
    return ExitCode::kInfrastructure;
  }
  if (facts.selected == 0) {
    return ExitCode::kNothingSelected;
  }
  if (facts.in_shard > 0 && !facts.green) {
    return ExitCode::kInfrastructure;
  }
  return ExitCode::kGreen;
}

std::string ExplainExitCode(const RunFacts& facts) {
  switch (DecideExitCode(facts)) {
    case ExitCode::kInterrupted:
      return "interrupted";
    case ExitCode::kUsage:
      return "the command line or the configuration is wrong";
    case ExitCode::kTestFailed:
      return Count(facts.test_failures, "test failed", "tests failed");
    case ExitCode::kInfrastructure:
      if (!facts.failure.empty()) {
        return facts.failure;
      }
      if (facts.discovery_errors > 0) {
        return Count(facts.discovery_errors, "target could not be looked into",
                     "targets could not be looked into");
      }
      if (facts.infrastructure_failures > 0) {
        return Count(facts.infrastructure_failures,
                     "test did not get a verdict of its own",
                     "tests did not get a verdict of their own");
      }
      if (facts.without_verdict > 0) {
        return Count(facts.without_verdict, "test has no verdict",
                     "tests have no verdict");
      }
      return "the coordinator did not call the run green";
    case ExitCode::kNothingSelected:
      return "no test was selected";
    case ExitCode::kGreen:
      return facts.in_shard == 0
                 ? "green: this shard is empty, the selection is not"
                 : "green";
  }
  return "unknown";
}

}  // namespace paceline
