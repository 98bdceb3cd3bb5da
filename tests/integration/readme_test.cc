// The README's examples do what it says: each `$ ` line of its console blocks
// is run, and each flag it names exists.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/support/program.h"

namespace paceline {
namespace {

std::vector<std::string> ConsoleLines() {
  std::vector<std::string> lines;
  bool inside = false;
  const std::string readme =
      ReadFile(absl::StrCat(PACELINE_SOURCE_DIR, "/README.md"));
  for (absl::string_view line : absl::StrSplit(readme, '\n')) {
    if (absl::StartsWith(line, "```")) {
      inside = line == "```console";
    } else if (inside && absl::ConsumePrefix(&line, "$ ")) {
      lines.emplace_back(line);
    }
  }
  return lines;
}

// The demo's suite, built once in this build directory.
const std::string& DemoSuite() {
  static const std::string* path = [] {
    auto* built = new std::string(PACELINE_DEMO_DIR);
    const auto configured = RunProgram(
        {"cmake", "-G", "Ninja", "-S",
         absl::StrCat(PACELINE_SOURCE_DIR, "/bazel-free/demo-suite"), "-B",
         *built},
        {.env = {}, .working_directory = "", .limit = std::chrono::minutes(2)});
    EXPECT_EQ(configured->exit_code(), 0) << configured->err();
    const auto compiled = RunProgram(
        {"cmake", "--build", *built},
        {.env = {}, .working_directory = "", .limit = std::chrono::minutes(5)});
    EXPECT_EQ(compiled->exit_code(), 0) << compiled->out();
    return built;
  }();
  return *path;
}

TEST(ReadmeTest, EveryConsoleExampleSucceeds) {
  const std::vector<std::string> lines = ConsoleLines();
  ASSERT_GE(lines.size(), 5U);
  for (const std::string& line : lines) {
    const std::string command =
        absl::StrReplaceAll(line, {{"build/release/paceline", PacelinePath()},
                                   {"build/demo", DemoSuite()}});
    const auto run = RunProgram({"/bin/sh", "-c", command});
    EXPECT_EQ(run->exit_code(), 0) << line << "\n" << run->out() << run->err();
    EXPECT_NE(run->out() + run->err(), "") << line;
  }
}

TEST(ReadmeTest, EveryFlagItNamesExists) {
  std::string help;
  for (const char* command : {"run", "coordinator", "agent", "status"}) {
    const auto run = RunProgram({PacelinePath(), command, "--help"});
    ASSERT_EQ(run->exit_code(), 0) << run->err();
    help += run->out();
  }
  std::set<std::string> unknown;
  const std::string readme =
      ReadFile(absl::StrCat(PACELINE_SOURCE_DIR, "/README.md"));
  for (absl::string_view word :
       absl::StrSplit(readme, absl::ByAnyChar(" `|\n,()"))) {
    if (absl::StartsWith(word, "--") && word.size() > 2 &&
        !absl::StartsWith(word, "--gtest_") && !absl::StartsWith(word, "---") &&
        word != "--install" && !absl::StrContains(help, std::string(word))) {
      unknown.insert(std::string(word));
    }
  }
  EXPECT_THAT(unknown, testing::IsEmpty());
}

}  // namespace
}  // namespace paceline
