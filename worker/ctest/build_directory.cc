#include "worker/ctest/build_directory.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "worker/ctest/utf8.h"

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

// Takes the first argument of a command, as CMake writes names, off the front
// of `line`; empty where there is none.
absl::string_view TakeFirstArgument(absl::string_view& line) {
  absl::string_view end = " ";
  std::string bracket;
  if (absl::ConsumePrefix(&line, "\"")) {
    end = "\"";
  } else if (absl::StartsWith(line, "[")) {
    const std::size_t open = line.find('[', 1);
    if (open == line.npos) {
      return {};
    }
    bracket = absl::StrCat("]", line.substr(1, open - 1), "]");
    end = bracket;
    line.remove_prefix(open + 1);
  }
  const std::size_t at = line.find(end);
  const absl::string_view argument = line.substr(0, at);
  line.remove_prefix(at == line.npos ? line.size() : at + end.size());
  return at == line.npos ? absl::string_view() : argument;
}

// `line`, at `place`, is no UTF-8.
void NoteGarbled(absl::string_view line, std::string place,
                 TestFileScan& scan) {
  line = absl::StripLeadingAsciiWhitespace(line);
  if (absl::StartsWith(line, "#")) {
    return;
  }
  if (absl::ConsumePrefix(&line, "add_test(") ||
      absl::ConsumePrefix(&line, "set_tests_properties(")) {
    line = absl::StripLeadingAsciiWhitespace(line);
    const absl::string_view name = TakeFirstArgument(line);
    if (IsUtf8(line) && !name.empty()) {
      return;  // The name alone, which does no harm.
    }
    if (!name.empty() && IsUtf8(name)) {
      scan.garbled.insert(std::string(name));
      return;
    }
  }
  scan.garbled_places.push_back(std::move(place));
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

TestFileScan ScanTestFiles(const std::string& directory) {
  TestFileScan scan;
  std::vector<std::string> left = {directory};
  absl::flat_hash_set<std::string> seen = {directory};
  while (!left.empty()) {
    const std::string current = std::move(left.back());
    left.pop_back();
    const std::string path = absl::StrCat(current, "/", kTestFile);
    std::ifstream file(path);
    std::uint32_t number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      scan.unavailable |= absl::StrContains(line, "NOT_AVAILABLE");
      if (!IsUtf8(line)) {
        NoteGarbled(line, absl::StrCat(path, ":", number), scan);
      }
      const std::optional<std::string> below = Subdirectory(line, current);
      if (below.has_value() && seen.size() < kMostDirectories &&
          seen.insert(*below).second) {
        scan.unavailable |= seen.size() == kMostDirectories;
        left.push_back(*below);
      }
    }
  }
  return scan;
}

CustomHooks FindCustomHooks(const std::string& directory) {
  CustomHooks hooks;
  for (const absl::string_view name :
       {"CTestCustom.cmake", "CTestCustom.ctest"}) {
    std::ifstream file(absl::StrCat(directory, "/", name));
    for (std::string line; std::getline(file, line);) {
      if (!absl::StartsWith(absl::StripLeadingAsciiWhitespace(line), "#")) {
        hooks.pre_test |= absl::StrContains(line, "CTEST_CUSTOM_PRE_TEST");
        hooks.post_test |= absl::StrContains(line, "CTEST_CUSTOM_POST_TEST");
      }
    }
  }
  return hooks;
}

}  // namespace paceline
