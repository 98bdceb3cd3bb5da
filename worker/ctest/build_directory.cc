#include "worker/ctest/build_directory.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace paceline {
namespace {

constexpr absl::string_view kTestFile = "CTestTestfile.cmake";
// More directories than any tree has.
constexpr std::size_t kMostDirectories = 100'000;

// The directory that a line of a CTestTestfile.cmake includes, if it is of the
// form that CMake writes.
std::optional<std::string> Subdirectory(absl::string_view line,
                                        const std::string& parent) {
  line = absl::StripAsciiWhitespace(line);
  if (!absl::ConsumePrefix(&line, "subdirs(") ||
      !absl::ConsumeSuffix(&line, ")")) {
    return std::nullopt;
  }
  line = absl::StripAsciiWhitespace(line);
  if (absl::ConsumePrefix(&line, "\"")) {
    absl::ConsumeSuffix(&line, "\"");
  } else if (absl::ConsumePrefix(&line, "[=[")) {
    absl::ConsumeSuffix(&line, "]=]");
  }
  return (std::filesystem::path(parent) / std::string(line)).string();
}

}  // namespace

bool IsCtestDirectory(const std::string& directory) {
  std::error_code error;
  return std::filesystem::is_directory(directory, error) &&
         std::filesystem::exists(absl::StrCat(directory, "/", kTestFile),
                                 error);
}

std::optional<Duration> DefaultCtestTimeout(const std::string& directory) {
  for (const absl::string_view name :
       {"CTestConfiguration.ini", "DartConfiguration.tcl"}) {
    std::ifstream file(absl::StrCat(directory, "/", name));
    if (!file) {
      continue;
    }
    for (std::string line; std::getline(file, line);) {
      absl::string_view rest = absl::StripAsciiWhitespace(line);
      double seconds = 0;
      if (absl::ConsumePrefix(&rest, "TimeOut:") &&
          absl::SimpleAtod(absl::StripAsciiWhitespace(rest), &seconds) &&
          seconds >= 1) {
        return FromSeconds(seconds);
      }
    }
    // ctest reads the first that is there.
    return std::nullopt;
  }
  return std::nullopt;
}

bool MayHoldUnavailableTests(const std::string& directory) {
  std::vector<std::string> left = {directory};
  absl::flat_hash_set<std::string> seen = {directory};
  while (!left.empty()) {
    const std::string current = std::move(left.back());
    left.pop_back();
    std::ifstream file(absl::StrCat(current, "/", kTestFile));
    for (std::string line; std::getline(file, line);) {
      if (absl::StrContains(line, "NOT_AVAILABLE")) {
        return true;
      }
      const std::optional<std::string> below = Subdirectory(line, current);
      if (below.has_value() && seen.insert(*below).second) {
        if (seen.size() > kMostDirectories) {
          return true;
        }
        left.push_back(*below);
      }
    }
  }
  return false;
}

}  // namespace paceline
