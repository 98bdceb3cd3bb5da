// Many small fleets in which things go wrong, and what has to hold in all.
//
// PACELINE_SIM_SEEDS=N runs N seeds (500), from PACELINE_SIM_FIRST (1) on;
// PACELINE_SIM_SEED=S runs seed S alone, with the log of all state machines.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "common/base/log.h"
#include "tests/simulation/world.h"

namespace paceline::simulation {
namespace {

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  std::uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

// Returns whether all was well.
bool RunSeed(std::uint64_t seed) {
  World world(seed);
  const std::vector<std::string> wrong = world.Run();
  if (wrong.empty()) {
    return true;
  }
  std::string text;
  for (std::size_t i = 0; i < wrong.size() && i < 10; ++i) {
    text += "\n  " + wrong[i];
  }
  ADD_FAILURE() << "seed " << seed << ": " << wrong.size()
                << " things are wrong:" << text << "\n  " << world.Describe()
                << "\nTo replay: PACELINE_SIM_SEED=" << seed
                << " simulation_test";
  return false;
}

TEST(SimulationTest, WhateverGoesWrongNothingIsLostAndNothingCountsTwice) {
  const std::uint64_t only = FromEnvironment("PACELINE_SIM_SEED", 0);
  if (only != 0) {
    SetLogLevel(LogLevel::kDebug);
    RunSeed(only);
    return;
  }
  SetLogLevel(LogLevel::kError);
  const std::uint64_t first = FromEnvironment("PACELINE_SIM_FIRST", 1);
  const std::uint64_t seeds = FromEnvironment("PACELINE_SIM_SEEDS", 500);
  int failed = 0;
  for (std::uint64_t seed = first; seed < first + seeds && failed < 5; ++seed) {
    failed += RunSeed(seed) ? 0 : 1;
  }
}

// Else a failing seed could not be looked into.
TEST(SimulationTest, ASeedIsTheSameEveryTime) {
  SetLogLevel(LogLevel::kError);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World once(seed);
    World again(seed);
    once.Run();
    again.Run();
    EXPECT_EQ(once.Describe(), again.Describe());
  }
}

}  // namespace
}  // namespace paceline::simulation
