// All that `paceline run` and `paceline list` are told.

#ifndef PACELINE_CLI_RUN_FLAGS_H_
#define PACELINE_CLI_RUN_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/attempt_text.h"
#include "cli/option_set.h"
#include "cli/selection.h"
#include "cli/targets.h"
#include "common/base/clock.h"
#include "common/model/manifest.h"
#include "common/model/worker_limits.h"
#include "worker/discovery/discovery.h"

namespace paceline {

enum class Colour { kAuto, kAlways, kNever };

struct RunFlags {
  NamedTargets named;

  // What is run.
  Filter filter;
  // As they were written, for sentences.
  std::vector<std::string> label_texts;
  Shard shard;
  std::uint32_t repeat = 1;
  bool shuffle = false;
  std::optional<std::uint64_t> seed;
  DiscoveryOptions discovery;
  std::string resource_spec_file;
  std::vector<std::string> pass_env;
  std::vector<std::string> env;  // NAME=VALUE

  // Where.
  std::string coordinator;
  std::string listen;
  std::uint32_t agents = 1;
  bool insecure = false;
  std::optional<std::uint32_t> workers;
  WorkerLimits limits;
  Duration connect_timeout = std::chrono::seconds(10);
  Duration agent_wait = std::chrono::seconds(60);

  // How.
  RunOptions options;
  Verbosity verbosity = Verbosity::kNormal;
  Colour colour = Colour::kAuto;
  std::string junit;
  std::string json;
};

// Options that fill `flags`, which outlives the set.
OptionSet RunOptionSet(RunFlags* flags);
// The same options, for `paceline list`.
OptionSet ListOptionSet(RunFlags* flags);

// What flags mean together: contradictions, and what follows from others.
// Returns kInvalidArgument with a sentence.
absl::Status CompleteRunFlags(const OptionSet::Parsed& parsed,
                              std::vector<std::string> environment,
                              RunFlags& flags);

// For a run whose tests use the terminal: one worker, here. Returns a note for
// people where more were asked for, or else an empty text; kInvalidArgument
// with a sentence where the run is not here.
absl::StatusOr<std::string> ReserveTerminal(RunFlags& flags);

// Why nothing was selected: the selection as it was written, and how names in
// it were read.
std::string SelectionText(const RunFlags& flags);

SelectionOptions MakeSelectionOptions(const RunFlags& flags);

}  // namespace paceline

#endif  // PACELINE_CLI_RUN_FLAGS_H_
