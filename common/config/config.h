// Settings from paceline.toml and from PACELINE_… variables.
//
// This says which settings were given, where, and as what text; it knows which
// keys exist, but not what they mean: the program's flags and these settings
// go through the same parsers (cli/option_set.h), so that a value is good or
// bad alike wherever it is written.

#ifndef PACELINE_COMMON_CONFIG_CONFIG_H_
#define PACELINE_COMMON_CONFIG_CONFIG_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace paceline {

// What a key may be given in the file.
enum class SettingKind {
  kSwitch,  // true or false
  kScalar,  // a string or a number
  kList,    // an array of strings, or one
};

// One key of one table of the file: [run] workers.
struct KnownSetting {
  std::string section;
  std::string key;
  SettingKind kind = SettingKind::kScalar;
  // Not to be given here: a flag, which whoever writes it should be told of.
  bool is_flag_only = false;
};

// A setting that was given.
struct Setting {
  std::vector<std::string> values;  // one, but for lists
  // Where, for messages: "paceline.toml:3" or "PACELINE_RUN_WORKERS".
  std::string origin;
  // The latter.
  bool is_variable = false;
};

class Config {
 public:
  // Reads the text of a paceline.toml. Returns kInvalidArgument, with
  // `file_name` and the line, for a syntax error, an unknown table or key
  // (naming the nearest one), or a value of the wrong kind.
  static absl::StatusOr<Config> Parse(absl::string_view text,
                                      const std::string& file_name,
                                      const std::vector<KnownSetting>& known);

  // Parses the file at `path`. Returns kNotFound if there is none,
  // kInvalidArgument if it cannot be read, with the reason.
  static absl::StatusOr<Config> Load(const std::string& path,
                                     const std::vector<KnownSetting>& known);

  // Adds the settings among `env` ("NAME=value" each), which override the
  // file's: run.max-rss is PACELINE_RUN_MAX_RSS. A list's items are separated
  // by commas. Returns kInvalidArgument, naming the nearest, for a variable
  // that begins like a section's (PACELINE_RUN_) and is none of its settings,
  // and for one that is a setting's but for a letter or for the section
  // (PACELINE_WORKERS). Others that begin with PACELINE_ are somebody's own.
  absl::Status AddEnvironment(const std::vector<std::string>& env,
                              const std::vector<KnownSetting>& known);

  // Null if it was not given.
  const Setting* Find(const std::string& section, const std::string& key) const;

 private:
  std::map<std::pair<std::string, std::string>, Setting> settings_;
};

// The variable of a setting: "PACELINE_RUN_MAX_RSS".
std::string VariableName(absl::string_view section, absl::string_view key);

// The nearest paceline.toml at or above `directory`; nothing if there is none.
std::optional<std::string> FindConfigFile(const std::string& directory);

}  // namespace paceline

#endif  // PACELINE_COMMON_CONFIG_CONFIG_H_
