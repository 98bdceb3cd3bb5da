// Which runner looks into what the user named.

#ifndef PACELINE_CLI_TARGETS_H_
#define PACELINE_CLI_TARGETS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/discovery/discovery.h"

namespace paceline {

// All runners that this program knows, in the order in which they are asked.
std::vector<std::unique_ptr<Discoverer>> AllDiscoverers();

struct ChosenTarget {
  Target target;
  // As the user would call it, for reports.
  std::string title;
  const Discoverer* discoverer = nullptr;  // one of those passed in
};

struct NamedTargets {
  std::vector<std::string> paths;
  // Behind `--`.
  std::optional<std::vector<std::string>> arguments;
  std::string runner;  // empty: look
};

// Returns kInvalidArgument, with a sentence that says what to do, when nothing
// was named, or something is not there, is not executable, or is no runner's.
absl::StatusOr<std::vector<ChosenTarget>> ChooseTargets(
    const NamedTargets& named,
    const std::vector<std::unique_ptr<Discoverer>>& discoverers);

}  // namespace paceline

#endif  // PACELINE_CLI_TARGETS_H_
