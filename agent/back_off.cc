#include "agent/back_off.h"

#include <algorithm>

namespace paceline {
namespace {

// SplitMix64: one word of state and good enough for jitter.
std::uint64_t NextRandom(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

Duration BackOff::Next() {
  const Duration step = next_;
  next_ = std::min(next_ * 2, most_);
  const std::int64_t half = step.count() / 2;
  const std::uint64_t jitter =
      NextRandom(state_) % (static_cast<std::uint64_t>(half) + 1);
  return Duration(half + static_cast<std::int64_t>(jitter));
}

}  // namespace paceline
