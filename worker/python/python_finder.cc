#include "worker/python/python_finder.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

bool IsProgram(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

std::string Variable(absl::string_view name,
                     const std::vector<std::string>& env) {
  for (absl::string_view entry : env) {
    if (absl::ConsumePrefix(&entry, name) && absl::ConsumePrefix(&entry, "=")) {
      return std::string(entry);
    }
  }
  return "";
}

std::string Absolute(const fs::path& path) {
  std::error_code error;
  return fs::absolute(path, error).lexically_normal().string();
}

std::optional<std::string> InPath(absl::string_view name,
                                  const std::vector<std::string>& env) {
  for (const absl::string_view directory :
       absl::StrSplit(Variable("PATH", env), ':', absl::SkipEmpty())) {
    const fs::path candidate =
        fs::path(std::string(directory)) / std::string(name);
    if (IsProgram(candidate)) {
      return Absolute(candidate);
    }
  }
  return std::nullopt;
}

// The Python of a virtual environment beside `target` or above it.
std::optional<std::string> BesideTarget(const std::string& target) {
  std::error_code error;
  fs::path at = fs::absolute(target.empty() ? "." : target, error);
  for (at = at.lexically_normal();; at = at.parent_path()) {
    for (const char* name : {".venv", "venv"}) {
      const fs::path candidate = at / name / "bin/python";
      // What is called venv need not be one.
      if (IsProgram(candidate) &&
          fs::is_regular_file(at / name / "pyvenv.cfg", error)) {
        return candidate.string();
      }
    }
    if (at == at.parent_path()) {
      return std::nullopt;
    }
  }
}

// The interpreter that the script in PATH names in its first line.
std::optional<std::string> OfScript(absl::string_view script,
                                    const std::vector<std::string>& env) {
  const std::optional<std::string> path = InPath(script, env);
  if (!path.has_value()) {
    return std::nullopt;
  }
  std::ifstream file(*path, std::ios::binary);
  char buffer[1024] = {};
  file.read(buffer, sizeof buffer - 1);
  absl::string_view line(buffer, static_cast<std::size_t>(file.gcount()));
  line = line.substr(0, line.find('\n'));
  if (!absl::ConsumePrefix(&line, "#!")) {
    return std::nullopt;
  }
  const std::vector<std::string> words =
      absl::StrSplit(absl::StripAsciiWhitespace(line), absl::ByAnyChar(" \t"),
                     absl::SkipEmpty());
  if (words.empty() ||
      !absl::StrContains(fs::path(words[0]).filename().string(), "python")) {
    return std::nullopt;
  }
  return IsProgram(words[0]) ? std::optional(words[0]) : std::nullopt;
}

}  // namespace

absl::StatusOr<std::string> FindPython(const PythonWish& wish) {
  if (!wish.named.empty()) {
    if (absl::StrContains(wish.named, "/")) {
      if (IsProgram(wish.named)) {
        return Absolute(wish.named);
      }
      return absl::NotFoundError(
          absl::StrCat("There is no Python at ", wish.named,
                       ", which --python names. Check the path."));
    }
    if (std::optional<std::string> found = InPath(wish.named, wish.env)) {
      return *std::move(found);
    }
    return absl::NotFoundError(absl::StrCat("There is no ", wish.named,
                                            " in PATH, which --python names."));
  }
  if (const std::string active = Variable("VIRTUAL_ENV", wish.env);
      !active.empty()) {
    const fs::path python = fs::path(active) / "bin/python";
    if (IsProgram(python)) {
      return Absolute(python);
    }
  }
  std::optional<std::string> found = BesideTarget(wish.target);
  if (!found.has_value() && wish.runner == "pytest") {
    found = OfScript("pytest", wish.env);
  }
  if (!found.has_value()) {
    found = InPath("python3", wish.env);
  }
  if (!found.has_value()) {
    return absl::NotFoundError(
        "There is no Python: no virtual environment is active or beside the "
        "tests, and PATH has no python3. Name one with --python.");
  }
  return *std::move(found);
}

}  // namespace paceline
