// Dependencies of this tree point one way, as ARCHITECTURE.md draws them. This
// test reads every #include "…" of our sources and fails on one that does not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

// What each folder may include besides itself. The longest prefix of a file's
// path decides which line is its own.
const std::map<std::string, std::vector<std::string>>& Allowed() {
  static const auto* allowed =
      new std::map<std::string, std::vector<std::string>>{
          {"common/base/", {}},
          {"common/model/", {"common/base/"}},
          {"common/os/", {"common/base/", "common/model/"}},
          {"common/wire/", {"common/base/", "common/model/"}},
          {"common/net/", {"common/base/", "common/wire/"}},
          {"common/config/", {"common/base/", "common/model/"}},
          {"worker/protocol/",
           {"common/base/", "common/model/", "common/wire/"}},
          {"worker/discovery/", {"common/"}},
          {"worker/lib/", {"common/", "worker/protocol/"}},
          {"worker/gtest/",
           {"common/", "worker/protocol/", "worker/discovery/", "worker/lib/"}},
          {"worker/external/", {"common/", "worker/discovery/"}},
          {"worker/ctest/",
           {"common/", "worker/protocol/", "worker/discovery/", "worker/lib/"}},
          {"worker/command/",
           {"common/", "worker/protocol/", "worker/discovery/", "worker/lib/"}},
          {"worker/python/",
           {"common/", "worker/protocol/", "worker/discovery/", "worker/lib/"}},
          {"agent/", {"common/", "worker/protocol/"}},
          {"coordinator/", {"common/"}},
          {"cli/", {"common/", "worker/", "agent/", "coordinator/"}},
      };
  return *allowed;
}

std::string FolderOf(const std::string& path) {
  std::string best;
  for (const auto& [prefix, unused] : Allowed()) {
    if (absl::StartsWith(path, prefix) && prefix.size() > best.size()) {
      best = prefix;
    }
  }
  return best;
}

std::vector<std::string> QuotedIncludes(const fs::path& file) {
  std::vector<std::string> includes;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "#include \"")) {
      includes.emplace_back(rest.substr(0, rest.find('"')));
    }
  }
  return includes;
}

TEST(IncludeDirectionTest, EveryIncludePointsTheWayTheArchitectureSays) {
  const fs::path root = PACELINE_SOURCE_DIR;
  std::vector<std::string> wrong;
  int seen = 0;
  for (const char* top : {"common", "worker", "agent", "coordinator", "cli"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") {
        continue;
      }
      const std::string path = fs::relative(entry.path(), root);
      const std::string folder = FolderOf(path);
      ASSERT_FALSE(folder.empty()) << path << " is in no known folder";
      for (const std::string& include : QuotedIncludes(entry.path())) {
        ++seen;
        // Abseil's headers are included with quotes too, by Google's habit.
        bool fine = absl::StartsWith(include, folder) ||
                    absl::StartsWith(include, "absl/");
        for (const std::string& prefix : Allowed().at(folder)) {
          fine = fine || absl::StartsWith(include, prefix);
        }
        if (!fine) {
          wrong.push_back(absl::StrCat(path, " includes ", include));
        }
      }
    }
  }
  EXPECT_GT(seen, 20) << "the test did not find the tree's sources";
  EXPECT_THAT(wrong, testing::IsEmpty());
}

}  // namespace
}  // namespace paceline
