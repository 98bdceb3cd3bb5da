// Repeating tests that need something of each other, within one suite.
//
// Each round has names, fixtures and DEPENDS of its own. A fixture of one round
// is set up when that of the round before is done with: a set-up between would
// find it in use, and a clean-up would take it away from under its users.

#ifndef PACELINE_CLI_REPETITION_H_
#define PACELINE_CLI_REPETITION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "common/model/manifest.h"

namespace paceline {

// " [2/3]"
std::string RoundMark(std::uint32_t round, std::uint32_t rounds);

// The tests of one suite.
class RepeatedFixtures {
 public:
  explicit RepeatedFixtures(std::uint32_t rounds) : rounds_(rounds) {}

  // All tests are added before InRound is called.
  void Add(const TestSpec& test);

  // `test` as it is in the round, from 1.
  TestSpec InRound(const TestSpec& test, std::uint32_t round) const;

 private:
  // Names of the tests that have to do with a fixture.
  struct Fixture {
    std::vector<std::string> setups;
    std::vector<std::string> users;
    std::vector<std::string> cleanups;

    // Those that begin a round of it, and those that end one.
    bool Begins(const Constraints& test, const std::string& fixture) const;
    const std::vector<std::string>& last() const;
  };

  std::uint32_t rounds_;
  absl::btree_map<std::string, Fixture> fixtures_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_REPETITION_H_
