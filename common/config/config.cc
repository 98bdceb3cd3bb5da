#include "common/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <set>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/fd.h"
#include "common/base/status_macros.h"
#include "common/config/nearest.h"

namespace paceline {
namespace {

std::string Where(const std::string& file_name, const toml::node& node) {
  return absl::StrCat(file_name, ":", node.source().begin.line);
}

absl::Status Error(const std::string& where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

std::vector<std::string> SectionNames(const std::vector<KnownSetting>& known) {
  std::set<std::string> names;
  for (const KnownSetting& setting : known) {
    names.insert(setting.section);
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> KeysOf(const std::string& section,
                                const std::vector<KnownSetting>& known) {
  std::vector<std::string> keys;
  for (const KnownSetting& setting : known) {
    if (setting.section == section && !setting.is_flag_only) {
      keys.push_back(setting.key);
    }
  }
  return keys;
}

const KnownSetting* FindKnown(const std::string& section,
                              const std::string& key,
                              const std::vector<KnownSetting>& known) {
  const auto found = std::find_if(
      known.begin(), known.end(), [&](const KnownSetting& setting) {
        return setting.section == section && setting.key == key;
      });
  return found == known.end() ? nullptr : &*found;
}

std::string FlagOnly(const std::string& key) {
  return absl::StrCat("can only be said on the command line: --", key);
}

// Every digit and no exponent, as our parsers of quantities take numbers.
std::string NumberText(double number) {
  std::array<char, 400> digits;
  const auto written =
      std::to_chars(digits.data(), digits.data() + digits.size(), number,
                    std::chars_format::fixed);
  return {digits.data(), written.ptr};
}

// The text of a string, number or boolean; nothing for anything else.
std::optional<std::string> ScalarText(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) {
    return *text;
  }
  if (const auto number = node.value_exact<std::int64_t>()) {
    return absl::StrCat(*number);
  }
  if (const auto number = node.value_exact<double>()) {
    return NumberText(*number);
  }
  if (const auto flag = node.value_exact<bool>()) {
    return *flag ? "true" : "false";
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<std::string>> ValuesOf(const toml::node& node,
                                                  SettingKind kind) {
  std::vector<std::string> values;
  switch (kind) {
    case SettingKind::kSwitch:
      if (!node.is_boolean()) {
        return absl::InvalidArgumentError("is true or false");
      }
      values.push_back(*ScalarText(node));
      return values;
    case SettingKind::kScalar:
      if (const std::optional<std::string> text = ScalarText(node);
          text.has_value() && !node.is_boolean()) {
        values.push_back(*text);
        return values;
      }
      return absl::InvalidArgumentError("is a string or a number");
    case SettingKind::kList:
      if (const toml::array* array = node.as_array()) {
        for (const toml::node& item : *array) {
          if (!item.is_string()) {
            return absl::InvalidArgumentError("is a list of strings");
          }
          values.push_back(*ScalarText(item));
        }
        return values;
      }
      if (!node.is_string()) {
        return absl::InvalidArgumentError("is a list of strings");
      }
      values.push_back(*ScalarText(node));
      return values;
  }
  return absl::InternalError("unknown kind of setting");
}

}  // namespace

absl::StatusOr<Config> Config::Parse(absl::string_view text,
                                     const std::string& file_name,
                                     const std::vector<KnownSetting>& known) {
  toml::table root;
  // toml++ reports syntax errors by throwing.
  try {
    root = toml::parse(std::string_view(text.data(), text.size()));
  } catch (const toml::parse_error& error) {
    return Error(absl::StrCat(file_name, ":", error.source().begin.line),
                 std::string(error.description()));
  }
  Config config;
  const std::vector<std::string> sections = SectionNames(known);
  for (const auto& [section_key, section_node] : root) {
    const std::string section(section_key.str());
    const std::string where = Where(file_name, section_node);
    const toml::table* table = section_node.as_table();
    if (table == nullptr) {
      return Error(where, absl::StrCat("\"", section,
                                       "\" is outside any table: settings "
                                       "belong in one such as [run]"));
    }
    if (std::find(sections.begin(), sections.end(), section) ==
        sections.end()) {
      return Error(where, absl::StrCat("there is no table [", section,
                                       "]; the nearest is [",
                                       Nearest(section, sections), "]"));
    }
    for (const auto& [key_node, node] : *table) {
      const std::string key(key_node.str());
      const KnownSetting* setting = FindKnown(section, key, known);
      if (setting == nullptr) {
        return Error(Where(file_name, node),
                     absl::StrCat("unknown key \"", key, "\" in [", section,
                                  "]; the nearest is \"",
                                  Nearest(key, KeysOf(section, known)), "\""));
      }
      if (setting->is_flag_only) {
        return Error(
            Where(file_name, node),
            absl::StrCat("\"", key, "\" in [", section, "] ", FlagOnly(key)));
      }
      absl::StatusOr<std::vector<std::string>> values =
          ValuesOf(node, setting->kind);
      if (!values.ok()) {
        return Error(Where(file_name, node),
                     absl::StrCat("\"", key, "\" in [", section, "] ",
                                  values.status().message()));
      }
      config.settings_[{section, key}] =
          Setting{*std::move(values), Where(file_name, node)};
    }
  }
  return config;
}

absl::StatusOr<Config> Config::Load(const std::string& path,
                                    const std::vector<KnownSetting>& known) {
  const auto failed = [&path](int error) {
    return absl::Status(
        error == ENOENT ? absl::StatusCode::kNotFound
                        : absl::StatusCode::kInvalidArgument,
        absl::StrCat("the configuration file ", path,
                     " cannot be read: ", std::strerror(error)));
  };
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return failed(errno);
  }
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t got = read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return failed(errno);
    }
    if (got == 0) {
      return Parse(text, path, known);
    }
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

namespace {

// So many wrong letters are a mistake, not another name.
constexpr std::size_t kMisspelt = 1;
// In shorter keys one letter is too much of them.
constexpr std::size_t kTellingKey = 5;

// What agents and runs tell their workers and tests, and where the file is.
bool IsOurOwn(absl::string_view name) {
  constexpr absl::string_view kOurs[] = {
      "PACELINE_CONFIG",    "PACELINE_SLOTS",
      "PACELINE_WORKER_FD", "PACELINE_WORKER_NUMBER",
      "PACELINE_WORKER_ID", "PACELINE_WORKER_TEMPLATE",
      "PACELINE_PYTHON"};
  return std::find(std::begin(kOurs), std::end(kOurs), name) != std::end(kOurs);
}

bool HasKnownSection(absl::string_view name,
                     const std::vector<KnownSetting>& known) {
  return std::any_of(
      known.begin(), known.end(), [name](const KnownSetting& setting) {
        return absl::StartsWith(name, VariableName(setting.section, ""));
      });
}

}  // namespace

absl::Status Config::AddEnvironment(const std::vector<std::string>& env,
                                    const std::vector<KnownSetting>& known) {
  for (const std::string& entry : env) {
    // The table is part of a variable's name, and easily left out or misspelt.
    // Other variables that begin like ours are somebody's own.
    const std::string name = entry.substr(0, entry.find('='));
    if (!absl::StartsWith(name, VariableName("", "")) || IsOurOwn(name)) {
      continue;
    }
    for (const KnownSetting& setting : known) {
      const std::string whole = VariableName(setting.section, setting.key);
      const std::string without = VariableName("", setting.key);
      if (setting.is_flag_only) {
        continue;
      }
      const bool misspelt = !HasKnownSection(name, known) &&
                            setting.key.size() >= kTellingKey &&
                            (EditDistance(name, without) <= kMisspelt ||
                             EditDistance(name, whole) <= kMisspelt);
      if (name == without || misspelt) {
        return absl::InvalidArgumentError(absl::StrCat(
            "unknown variable ", name, "; the nearest is ", whole));
      }
    }
  }
  for (const std::string& section : SectionNames(known)) {
    const std::string prefix = VariableName(section, "");
    std::vector<std::string> names;
    for (const std::string& key : KeysOf(section, known)) {
      names.push_back(VariableName(section, key));
    }
    for (const std::string& entry : env) {
      if (!absl::StartsWith(entry, prefix)) {
        continue;
      }
      const std::pair<std::string, std::string> pair =
          absl::StrSplit(entry, absl::MaxSplits('=', 1));
      const auto found = std::find(names.begin(), names.end(), pair.first);
      if (found == names.end()) {
        for (const KnownSetting& setting : known) {
          if (setting.is_flag_only &&
              VariableName(setting.section, setting.key) == pair.first) {
            return absl::InvalidArgumentError(
                absl::StrCat(pair.first, " ", FlagOnly(setting.key)));
          }
        }
        return absl::InvalidArgumentError(
            absl::StrCat("unknown variable ", pair.first, "; the nearest is ",
                         Nearest(pair.first, names)));
      }
      const std::string key = KeysOf(
          section, known)[static_cast<std::size_t>(found - names.begin())];
      Setting setting;
      setting.origin = pair.first;
      setting.is_variable = true;
      if (FindKnown(section, key, known)->kind == SettingKind::kList) {
        setting.values = absl::StrSplit(pair.second, ',', absl::SkipEmpty());
      } else {
        setting.values.push_back(pair.second);
      }
      settings_[{section, key}] = std::move(setting);
    }
  }
  return absl::OkStatus();
}

const Setting* Config::Find(const std::string& section,
                            const std::string& key) const {
  const auto found = settings_.find({section, key});
  return found == settings_.end() ? nullptr : &found->second;
}

std::string VariableName(absl::string_view section, absl::string_view key) {
  return absl::StrCat(
      "PACELINE_", absl::AsciiStrToUpper(section), section.empty() ? "" : "_",
      absl::AsciiStrToUpper(absl::StrReplaceAll(key, {{"-", "_"}})));
}

std::optional<std::string> FindConfigFile(const std::string& directory) {
  std::error_code error;
  std::filesystem::path at =
      std::filesystem::absolute(directory, error).lexically_normal();
  while (!error) {
    const std::filesystem::path candidate = at / "paceline.toml";
    if (std::filesystem::is_regular_file(candidate, error)) {
      return candidate.string();
    }
    error.clear();
    if (at == at.parent_path()) {
      break;
    }
    at = at.parent_path();
  }
  return std::nullopt;
}

}  // namespace paceline
