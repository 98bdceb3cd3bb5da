// One thread of one process: takes in what came, and turns when it is time.
//
// Mirrors the loops of the real shells: all input first, each with the time at
// which it is taken in, and then one tick. A frozen node does neither until it
// thaws, as a suspended machine does.

#ifndef PACELINE_TESTS_SIMULATION_NODE_H_
#define PACELINE_TESTS_SIMULATION_NODE_H_

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "tests/simulation/event_queue.h"

namespace paceline::simulation {

class Node {
 public:
  explicit Node(EventQueue* events) : events_(events) {}
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Input: `take` is called by the next turn.
  void Post(std::function<void(Instant)> take) {
    inbox_.push_back(std::move(take));
    WakeAt(events_->now());
  }

  void Freeze(Instant until) { frozen_until_ = std::max(frozen_until_, until); }
  Instant last_turn() const { return last_turn_; }

 protected:
  // After all input of a turn.
  virtual void Tick(Instant now) = 0;
  // When Tick is due if nothing comes in.
  virtual Instant NextDeadline() const = 0;

  void WakeAt(Instant when) {
    when = std::max({when, events_->now(), frozen_until_});
    if (when >= wake_at_) {
      return;
    }
    wake_at_ = when;
    events_->At(when, [this, alive = std::weak_ptr<int>(alive_), when] {
      if (!alive.expired() && when == wake_at_) {
        Turn();
      }
    });
  }

  EventQueue* const events_;

 private:
  void Turn() {
    wake_at_ = Instant::max();
    const Instant now = events_->now();
    if (now < frozen_until_) {
      WakeAt(frozen_until_);
      return;
    }
    last_turn_ = now;
    while (!inbox_.empty()) {
      const std::function<void(Instant)> take = std::move(inbox_.front());
      inbox_.pop_front();
      take(now);
    }
    Tick(now);
    // A turn takes some time itself; a deadline that has passed must not keep
    // time from passing.
    constexpr Duration kTurn = std::chrono::microseconds(20);
    WakeAt(std::max(NextDeadline(), now + kTurn));
  }

  std::deque<std::function<void(Instant)>> inbox_;
  Instant wake_at_ = Instant::max();
  Instant frozen_until_{};
  Instant last_turn_ = events_->now();
  // Gone with the node, so that what is scheduled for it is not done.
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace paceline::simulation

#endif  // PACELINE_TESTS_SIMULATION_NODE_H_
