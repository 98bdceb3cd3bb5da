// The options of one subcommand, said once: as flags, as keys of
// paceline.toml and as PACELINE_… variables.
//
// Each option has one parser, so that a value is good or bad alike wherever it
// is written. CLI11 reads the command line; its headers stay in the .cc.

#ifndef PACELINE_CLI_OPTION_SET_H_
#define PACELINE_CLI_OPTION_SET_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/config/config.h"

namespace paceline {

struct Option {
  // "retries": the flag --retries, the key `retries`.
  std::string key = {};
  // Further spellings on the command line: "-v".
  std::vector<std::string> also = {};
  SettingKind kind = SettingKind::kScalar;
  // What a value is, in the help: "N"; empty for a switch.
  std::string value = {};
  std::string help = {};
  // Called once a value; a bad one is a fragment that completes
  // "--retries: …". A switch gets "true" or "false".
  std::function<absl::Status(const std::string&)> take = {};
  // No key of the file and no variable.
  bool only_on_command_line = false;
  // Said, it takes back what is said of these keys where it counts for less.
  std::vector<std::string> instead_of = {};
  // A scalar whose value may be left out; this is taken then.
  std::optional<std::string> implied = std::nullopt;
};

class OptionSet {
 public:
  // `section` is the table of paceline.toml and the middle of variables' names.
  OptionSet(std::string section, std::string description);

  void Add(Option option);
  // What stands without a flag: "TARGET". None is accepted unless this is said.
  // `after_dashes` is what may stand behind `--`.
  void AllowPositionals(std::string name, std::string help,
                        std::string after_dashes);

  // For the configuration to know.
  void AppendKnown(std::vector<KnownSetting>& known) const;

  struct Parsed {
    std::vector<std::string> positionals;
    // What stood behind `--`; nothing if there was no `--`.
    std::optional<std::vector<std::string>> after_dashes;
    // The flags that were given, by key, in order.
    std::vector<std::pair<std::string, std::vector<std::string>>> given;
    // Set when help was asked for.
    std::optional<std::string> help;
    // By Apply: the keys that were said for this one command, by a flag or a
    // variable, and how: "--workers", "PACELINE_RUN_WORKERS".
    std::map<std::string, std::string> said;
  };
  // Reads the command line behind the subcommand's name `command`, takes
  // nothing yet. Returns kInvalidArgument with a sentence that names the flag.
  absl::StatusOr<Parsed> ParseCommandLine(
      const std::string& command, const std::vector<std::string>& args) const;

  // Hands all values to their options: the file's, then the variables', then
  // the flags', so that what is said last holds where several options say one
  // thing. A key's own values replace those it has elsewhere.
  absl::Status Apply(Parsed& parsed, const Config& config) const;

 private:
  const Option* Find(absl::string_view key) const;
  // Whether one of the keys that `said` holds speaks for `option`.
  bool IsReplaced(const Option& option,
                  const std::map<std::string, std::string>& said) const;

  std::string section_;
  std::string description_;
  std::vector<Option> options_;
  std::string positional_name_;
  std::string positional_help_;
  std::string after_dashes_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_OPTION_SET_H_
