#include "cli/option_set.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/nearest.h"

namespace paceline {
namespace {

// "-LE": several letters behind one dash, which CLI11 reads as -L with "E".
bool IsOldStyle(absl::string_view name) {
  return name.size() > 2 && name[1] != '-';
}

// "-v,--verbose", as CLI11 wants to be told.
std::string FlagNames(const Option& option) {
  std::string names;
  for (const std::string& name : option.also) {
    if (!IsOldStyle(name)) {
      absl::StrAppend(&names, name, ",");
    }
  }
  return absl::StrCat(names, "--", option.key);
}

absl::Status WithOrigin(absl::string_view origin, const absl::Status& status) {
  return status.ok() ? status
                     : absl::InvalidArgumentError(
                           absl::StrCat(origin, ": ", status.message()));
}

}  // namespace

OptionSet::OptionSet(std::string section, std::string description)
    : section_(std::move(section)), description_(std::move(description)) {}

void OptionSet::Add(Option option) { options_.push_back(std::move(option)); }

void OptionSet::AllowPositionals(std::string name, std::string help,
                                 std::string after_dashes) {
  positional_name_ = std::move(name);
  positional_help_ = std::move(help);
  after_dashes_ = std::move(after_dashes);
}

void OptionSet::AppendKnown(std::vector<KnownSetting>& known) const {
  for (const Option& option : options_) {
    known.push_back(
        {section_, option.key, option.kind, option.only_on_command_line});
  }
}

absl::StatusOr<OptionSet::Parsed> OptionSet::ParseCommandLine(
    const std::string& command, const std::vector<std::string>& args) const {
  Parsed parsed;
  std::vector<std::string> ours(args.begin(),
                                std::find(args.begin(), args.end(), "--"));
  if (ours.size() < args.size()) {
    parsed.after_dashes.emplace(
        args.begin() + static_cast<std::ptrdiff_t>(ours.size()) + 1,
        args.end());
  }

  for (const Option& option : options_) {
    for (const std::string& name : option.also) {
      if (IsOldStyle(name)) {
        std::replace(ours.begin(), ours.end(), name,
                     absl::StrCat("--", option.key));
      }
    }
  }

  CLI::App app(description_, absl::StrCat("paceline ", command));
  app.set_help_flag("-h,--help", "Print this and leave");
  // Values live as long as the parser that fills them.
  std::deque<std::vector<std::string>> values;
  std::vector<CLI::Option*> bound;
  for (const Option& option : options_) {
    std::vector<std::string>& value = values.emplace_back();
    if (option.kind == SettingKind::kSwitch || option.implied.has_value()) {
      // A flag of CLI11 takes its value only behind '='.
      bound.push_back(
          app.add_flag(FlagNames(option), value,
                       option.implied.has_value()
                           ? absl::StrCat("[=", option.value, "] ", option.help)
                           : option.help)
              ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast));
    } else {
      CLI::Option* added = app.add_option(FlagNames(option), value, option.help)
                               ->allow_extra_args(false)
                               ->type_name(option.value);
      if (option.kind == SettingKind::kScalar) {
        added->expected(1)->multi_option_policy(
            CLI::MultiOptionPolicy::TakeLast);
      }
      bound.push_back(added);
    }
  }
  if (!positional_name_.empty()) {
    app.add_option(positional_name_, parsed.positionals, positional_help_)
        ->type_name("");
  }

  // CLI11 reports everything by throwing, help included.
  try {
    std::reverse(ours.begin(), ours.end());
    app.parse(ours);
  } catch (const CLI::CallForHelp&) {
    parsed.help = app.help();
    // CLI11 knows nothing of what is behind the dashes.
    const std::string usage = absl::StrCat("[", positional_name_, "...]");
    if (const std::size_t at = parsed.help->find(usage);
        !positional_name_.empty() && at != std::string::npos) {
      parsed.help->insert(at + usage.size(),
                          absl::StrCat(" [-- ", after_dashes_, "...]"));
    }
    return parsed;
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = app.remaining();
    const std::string first = extras.empty() ? "" : extras.front();
    if (!absl::StartsWith(first, "-")) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", first, "\" is not expected here; see paceline ",
                       command, " --help"));
    }
    std::vector<std::string> flags;
    for (const Option& option : options_) {
      flags.push_back(absl::StrCat("--", option.key));
    }
    return absl::InvalidArgumentError(
        absl::StrCat("unknown flag ", first, "; the nearest is ",
                     Nearest(first.substr(0, first.find('=')), flags),
                     ". All are in paceline ", command, " --help"));
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(absl::StrCat(
        std::string(error.what()), "; see paceline ", command, " --help"));
  }
  for (std::size_t i = 0; i < options_.size(); ++i) {
    if (bound[i]->count() > 0) {
      std::vector<std::string>& value = values[i];
      if (options_[i].implied.has_value() && value.back() == "true") {
        value.back() = *options_[i].implied;
      }
      parsed.given.emplace_back(options_[i].key, std::move(value));
    }
  }
  return parsed;
}

const Option* OptionSet::Find(absl::string_view key) const {
  const auto found =
      std::find_if(options_.begin(), options_.end(),
                   [key](const Option& option) { return option.key == key; });
  return found == options_.end() ? nullptr : &*found;
}

bool OptionSet::IsReplaced(
    const Option& option,
    const std::map<std::string, std::string>& said) const {
  return std::any_of(said.begin(), said.end(), [&](const auto& entry) {
    const std::vector<std::string>& others = Find(entry.first)->instead_of;
    return entry.first == option.key ||
           std::find(others.begin(), others.end(), option.key) != others.end();
  });
}

absl::Status OptionSet::Apply(Parsed& parsed, const Config& config) const {
  std::map<std::string, std::string> flags;
  for (const auto& [key, values] : parsed.given) {
    flags[key] = absl::StrCat("--", key);
  }
  // By what they say in the configuration, for each of its two layers.
  std::vector<std::pair<const Option*, const Setting*>> file;
  std::vector<std::pair<const Option*, const Setting*>> variables;
  for (const Option& option : options_) {
    const Setting* setting = option.only_on_command_line
                                 ? nullptr
                                 : config.Find(section_, option.key);
    if (setting != nullptr && setting->is_variable) {
      parsed.said[option.key] = setting->origin;
    }
    if (setting != nullptr && !IsReplaced(option, flags)) {
      (setting->is_variable ? variables : file).emplace_back(&option, setting);
    }
  }
  file.erase(std::remove_if(file.begin(), file.end(),
                            [&](const auto& entry) {
                              return IsReplaced(*entry.first, parsed.said);
                            }),
             file.end());
  parsed.said.insert(flags.begin(), flags.end());
  for (const auto* layer : {&file, &variables}) {
    for (const auto& [option, setting] : *layer) {
      for (const std::string& value : setting->values) {
        PACELINE_RETURN_IF_ERROR(
            WithOrigin(absl::StrCat(setting->origin, ": ", option->key),
                       option->take(value)));
      }
    }
  }
  for (const auto& [key, values] : parsed.given) {
    for (const std::string& value : values) {
      PACELINE_RETURN_IF_ERROR(WithOrigin(flags[key], Find(key)->take(value)));
    }
  }
  return absl::OkStatus();
}

}  // namespace paceline
