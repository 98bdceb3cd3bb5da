// Chance, from a seed: the same on every machine, which the distributions of
// the standard library are not.

#ifndef PACELINE_TESTS_SIMULATION_RANDOM_H_
#define PACELINE_TESTS_SIMULATION_RANDOM_H_

#include <cstdint>
#include <random>

#include "common/base/clock.h"

namespace paceline::simulation {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t Bits() { return engine_(); }
  // From `low` to `high`, both included.
  std::uint64_t Between(std::uint64_t low, std::uint64_t high) {
    return low + engine_() % (high - low + 1);
  }
  Duration Between(Duration low, Duration high) {
    return Duration(static_cast<std::int64_t>(
        Between(static_cast<std::uint64_t>(low.count()),
                static_cast<std::uint64_t>(high.count()))));
  }
  bool Chance(double probability) {
    return static_cast<double>(engine_() >> 11U) * 0x1p-53 < probability;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace paceline::simulation

#endif  // PACELINE_TESTS_SIMULATION_RANDOM_H_
