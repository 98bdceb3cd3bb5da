// The simulation's time: what happens next happens at once.

#ifndef PACELINE_TESTS_SIMULATION_EVENT_QUEUE_H_
#define PACELINE_TESTS_SIMULATION_EVENT_QUEUE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "common/base/clock.h"

namespace paceline::simulation {

class EventQueue {
 public:
  Instant now() const { return now_; }

  // What is due at the same time happens in the order of these calls.
  void At(Instant when, std::function<void()> what) {
    events_.emplace(std::pair(std::max(when, now_), ++count_), std::move(what));
  }
  void After(Duration delay, std::function<void()> what) {
    At(now_ + delay, std::move(what));
  }

  // Lets the next event happen if it is due by `until`.
  bool Step(Instant until) {
    const auto first = events_.begin();
    if (first == events_.end() || first->first.first > until) {
      now_ = std::max(now_, until);
      return false;
    }
    now_ = first->first.first;
    const std::function<void()> what = std::move(first->second);
    events_.erase(first);
    what();
    return true;
  }

 private:
  Instant now_{std::chrono::hours(1)};
  std::uint64_t count_ = 0;
  std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> events_;
};

}  // namespace paceline::simulation

#endif  // PACELINE_TESTS_SIMULATION_EVENT_QUEUE_H_
