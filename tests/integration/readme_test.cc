// The README's examples do what it says: each `$ ` line of its console blocks
// is run, and each flag it names exists.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
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

// The commands of each console block.
std::vector<std::vector<std::string>> ConsoleBlocks() {
  std::vector<std::vector<std::string>> blocks;
  bool inside = false;
  const std::string readme =
      ReadFile(absl::StrCat(PACELINE_SOURCE_DIR, "/README.md"));
  for (absl::string_view line : absl::StrSplit(readme, '\n')) {
    if (absl::StartsWith(line, "```")) {
      inside = line == "```console";
      if (inside) {
        blocks.emplace_back();
      }
    } else if (inside && absl::ConsumePrefix(&line, "$ ")) {
      blocks.back().emplace_back(line);
    }
  }
  return blocks;
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

// Runs the commands of one block as a shell would. Those that end in '&' stay
// for the others, and are stopped at the end if they are services; what listens
// at the README's port does so at one that the system chose.
void RunBlock(const std::vector<std::string>& lines) {
  constexpr absl::string_view kEndpoint = "tcp://127.0.0.1:7878";
  std::string endpoint = "tcp://127.0.0.1:*";
  std::vector<std::unique_ptr<Program>> services;
  std::vector<std::unique_ptr<Program>> runs;
  for (const std::string& line : lines) {
    const std::string command =
        absl::StrReplaceAll(line, {{"build/release/paceline", PacelinePath()},
                                   {"build/demo", DemoSuite()},
                                   {kEndpoint, endpoint}});
    absl::string_view background = command;
    if (!absl::ConsumeSuffix(&background, " &")) {
      const auto run = RunProgram({"/bin/sh", "-c", command});
      EXPECT_EQ(run->exit_code(), 0) << line << "\n"
                                     << run->out() << run->err();
      EXPECT_NE(run->out() + run->err(), "") << line;
      continue;
    }
    auto& started = absl::StrContains(line, " run ") ? runs : services;
    started.push_back(std::make_unique<Program>(std::vector<std::string>{
        "/bin/sh", "-c", absl::StrCat("exec ", background)}));
    if (absl::StrContains(line, "--listen")) {
      const std::string said =
          started.back()->WaitForLine("listening at tcp://");
      ASSERT_NE(said, "") << line << "\n" << started.back()->err();
      const std::size_t at = said.find("tcp://");
      endpoint = said.substr(at, said.find_first_of(" \n", at) - at);
    }
  }
  for (const auto& run : runs) {
    EXPECT_TRUE(run->WaitForExit());
    EXPECT_EQ(run->exit_code(), 0) << run->out() << run->err();
  }
  // Agents before their coordinator.
  while (!services.empty()) {
    services.back()->Signal(SIGTERM);
    EXPECT_TRUE(services.back()->WaitForExit());
    EXPECT_EQ(services.back()->exit_code(), 0) << services.back()->err();
    services.pop_back();
  }
}

TEST(ReadmeTest, EveryConsoleExampleSucceeds) {
  const auto blocks = ConsoleBlocks();
  ASSERT_GE(blocks.size(), 4U);
  for (const std::vector<std::string>& lines : blocks) {
    RunBlock(lines);
  }
}

// The words of a text that may be flags.
std::set<std::string> FlagsIn(absl::string_view text) {
  std::set<std::string> flags;
  for (absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" `|\n,()[]=;:'\""))) {
    if (absl::StartsWith(word, "-") &&
        word.find_first_not_of('-') != absl::string_view::npos) {
      absl::ConsumeSuffix(&word, ".");
      flags.emplace(word);
    }
  }
  return flags;
}

TEST(ReadmeTest, EveryFlagItNamesExists) {
  // Of cmake, and of the program in an example.
  std::set<std::string> known = {"--install"};
  for (const char* command : {"run", "coordinator", "agent", "status"}) {
    const auto run = RunProgram({PacelinePath(), command, "--help"});
    ASSERT_EQ(run->exit_code(), 0) << run->err();
    known.merge(FlagsIn(run->out()));
  }
  for (const std::string& flag :
       FlagsIn(ReadFile(absl::StrCat(PACELINE_SOURCE_DIR, "/README.md")))) {
    EXPECT_TRUE(known.contains(flag) || absl::StartsWith(flag, "--gtest_"))
        << flag;
  }
}

}  // namespace
}  // namespace paceline
