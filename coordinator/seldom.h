// How often something is said that anybody can provoke as often as they like.

#ifndef PACELINE_COORDINATOR_SELDOM_H_
#define PACELINE_COORDINATOR_SELDOM_H_

#include <cstdint>
#include <optional>

#include "common/base/clock.h"

namespace paceline {

class Seldom {
 public:
  explicit Seldom(Duration interval) : interval_(interval) {}

  // How many times it was not said since it last was, if it is to be said now.
  std::optional<std::uint64_t> Say(Instant now) {
    if (last_.has_value() && now - *last_ < interval_) {
      ++unsaid_;
      return std::nullopt;
    }
    last_ = now;
    const std::uint64_t unsaid = unsaid_;
    unsaid_ = 0;
    return unsaid;
  }

 private:
  const Duration interval_;
  std::optional<Instant> last_;
  std::uint64_t unsaid_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_SELDOM_H_
