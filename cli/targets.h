// Which runner looks into what the user named.

#ifndef PACELINE_CLI_TARGETS_H_
#define PACELINE_CLI_TARGETS_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
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

// Returns kInvalidArgument, with a sentence, if one of the keys in `given` is
// of a runner that none of `chosen` has.
absl::Status CheckKeysFit(
    const std::vector<std::pair<std::string, std::vector<std::string>>>& given,
    const std::vector<ChosenTarget>& chosen,
    const std::vector<std::unique_ptr<Discoverer>>& discoverers);

}  // namespace paceline

#endif  // PACELINE_CLI_TARGETS_H_
