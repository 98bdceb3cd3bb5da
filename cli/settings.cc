#include "cli/settings.h"

#include <utility>

#include "absl/strings/strip.h"
#include "cli/run_flags.h"
#include "cli/service_flags.h"
#include "common/base/status_macros.h"
#include "common/config/config.h"

namespace paceline {
namespace {

std::vector<KnownSetting> AllKnown() {
  RunFlags run;
  CoordinatorFlags coordinator;
  AgentFlags agent;
  StatusFlags status;
  std::vector<KnownSetting> known;
  RunOptionSet(&run).AppendKnown(known);
  CoordinatorOptionSet(&coordinator).AppendKnown(known);
  AgentOptionSet(&agent).AppendKnown(known);
  StatusOptionSet(&status).AppendKnown(known);
  return known;
}

}  // namespace

absl::StatusOr<OptionSet::Parsed> ReadSettings(const Invocation& invocation,
                                               OptionSet options) {
  std::optional<std::string> path;
  absl::string_view named_by = "PACELINE_CONFIG";
  for (absl::string_view variable : invocation.environment) {
    if (absl::ConsumePrefix(&variable, "PACELINE_CONFIG=")) {
      path = std::string(variable);
    }
  }
  options.Add({.key = "config",
               .value = "FILE",
               .help = "Settings (default: the nearest paceline.toml)",
               .take = [](const std::string&) { return absl::OkStatus(); },
               .only_on_command_line = true});
  PACELINE_ASSIGN_OR_RETURN(
      OptionSet::Parsed parsed,
      options.ParseCommandLine(invocation.command, invocation.arguments));
  if (parsed.help.has_value()) {
    return parsed;
  }
  for (const auto& [key, values] : parsed.given) {
    if (key == "config") {
      path = values.back();
      named_by = "--config";
    }
  }
  if (!path.has_value()) {
    path = FindConfigFile(".");
  } else if (path->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(named_by, " is empty: name a file, or leave it out"));
  }
  const std::vector<KnownSetting> known = AllKnown();
  Config config;
  if (path.has_value()) {
    PACELINE_ASSIGN_OR_RETURN(config, Config::Load(*path, known));
  }
  PACELINE_RETURN_IF_ERROR(
      config.AddEnvironment(invocation.environment, known));
  PACELINE_RETURN_IF_ERROR(options.Apply(parsed, config));
  return parsed;
}

}  // namespace paceline
