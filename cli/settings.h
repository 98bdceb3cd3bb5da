// A subcommand's flags over the environment over paceline.toml.

#ifndef PACELINE_CLI_SETTINGS_H_
#define PACELINE_CLI_SETTINGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/option_set.h"

namespace paceline {

// What a subcommand was started with.
struct Invocation {
  std::string command;  // "run"
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value" each
};

// Reads all settings into what `options` fills; adds --config to them.
// paceline.toml is the nearest one at or above the working directory, or the
// one that --config or PACELINE_CONFIG names. The whole file is checked, also
// the tables of other subcommands.
//
// Returns kInvalidArgument with a sentence.
absl::StatusOr<OptionSet::Parsed> ReadSettings(const Invocation& invocation,
                                               OptionSet options);

}  // namespace paceline

#endif  // PACELINE_CLI_SETTINGS_H_
