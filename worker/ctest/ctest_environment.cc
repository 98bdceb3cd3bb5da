#include "worker/ctest/ctest_environment.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status_macros.h"
#include "common/model/manifest.h"
#include "common/os/subprocess.h"

namespace paceline {
namespace {

// What the modifications make of the variables they name; nothing: unset.
using Changes = std::map<std::string, std::optional<std::string>>;

std::string ValueIn(const std::vector<std::string>& env,
                    const std::string& name) {
  const std::string prefix = name + "=";
  for (const std::string& variable : env) {
    if (absl::StartsWith(variable, prefix)) {
      return variable.substr(prefix.size());
    }
  }
  return "";
}

void Append(std::string& list, absl::string_view separator,
            absl::string_view value) {
  absl::StrAppend(&list, list.empty() ? "" : separator, value);
}

void Prepend(std::string& list, absl::string_view separator,
             absl::string_view value) {
  list = absl::StrCat(value, list.empty() ? "" : separator, list);
}

absl::Status Modify(absl::string_view entry,
                    const std::vector<std::string>& env, Changes& changes) {
  const std::size_t equals = entry.find('=');
  const std::size_t colon =
      equals == entry.npos ? entry.npos : entry.find(':', equals + 1);
  if (colon == entry.npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("ENVIRONMENT_MODIFICATION has \"", entry,
                     "\", which is not of the form NAME=OPERATION:VALUE"));
  }
  const std::string name(entry.substr(0, equals));
  const absl::string_view operation =
      entry.substr(equals + 1, colon - equals - 1);
  const absl::string_view value = entry.substr(colon + 1);
  if (operation == "reset") {
    changes.erase(name);
    return absl::OkStatus();
  }
  if (operation == "set") {
    changes[name] = std::string(value);
    return absl::OkStatus();
  }
  if (operation == "unset") {
    changes[name] = std::nullopt;
    return absl::OkStatus();
  }
  // As in CTest, what was unset here goes on from its value outside.
  const auto before = changes.find(name);
  std::string now = before != changes.end() && before->second.has_value()
                        ? *before->second
                        : ValueIn(env, name);
  if (operation == "string_append") {
    Append(now, "", value);
  } else if (operation == "string_prepend") {
    Prepend(now, "", value);
  } else if (operation == "path_list_append") {
    Append(now, ":", value);
  } else if (operation == "path_list_prepend") {
    Prepend(now, ":", value);
  } else if (operation == "cmake_list_append") {
    Append(now, ";", value);
  } else if (operation == "cmake_list_prepend") {
    Prepend(now, ";", value);
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "ENVIRONMENT_MODIFICATION has \"", entry, "\", whose operation \"",
        operation, "\" CTest does not know"));
  }
  changes[name] = std::move(now);
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyCtestEnvironment(const CtestTest& test,
                                   std::vector<std::string>& env) {
  std::vector<EnvEdit> edits;
  for (const std::string& entry : test.environment) {
    const std::size_t equals = entry.find('=');
    // A name alone takes the variable away.
    edits.push_back({entry.substr(0, equals),
                     equals == entry.npos ? std::nullopt
                                          : std::optional<std::string>(
                                                entry.substr(equals + 1))});
  }
  ApplyEdits(edits, env);

  Changes changes;
  for (const std::string& entry : test.environment_modification) {
    PACELINE_RETURN_IF_ERROR(Modify(entry, env, changes));
  }
  edits.clear();
  for (auto& [name, value] : changes) {
    edits.push_back({name, std::move(value)});
  }
  ApplyEdits(edits, env);
  return absl::OkStatus();
}

}  // namespace paceline
