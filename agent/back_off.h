// Waiting times that double, with jitter, so that a fleet which lost its
// coordinator does not come back in one instant.

#ifndef PACELINE_AGENT_BACK_OFF_H_
#define PACELINE_AGENT_BACK_OFF_H_

#include <cstdint>

#include "common/base/clock.h"

namespace paceline {

class BackOff {
 public:
  // The same `seed` gives the same waits.
  BackOff(Duration first, Duration most, std::uint64_t seed)
      : first_(first), most_(most), next_(first), state_(seed) {}

  // Between half of the current step and all of it; the step then doubles, up
  // to `most`.
  Duration Next();
  // The next wait is a first one again.
  void Reset() { next_ = first_; }

 private:
  Duration first_;
  Duration most_;
  Duration next_;
  std::uint64_t state_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_BACK_OFF_H_
