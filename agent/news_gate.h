// When the session thread is woken for what the pool thread has emitted.
//
// A wake-up takes a processor from a test for as long as the session looks
// around, and of a suite of short tests there would be thousands a second. So
// good results, which nobody acts upon, wait a few milliseconds for others;
// whatever frees a slot or tells of trouble does not wait.
//
// A pure state machine; agent/pool_shell.h turns it. It holds no event: those
// are in agent/pool_mailbox.h, and a session that is awake takes them anyway.

#ifndef PACELINE_AGENT_NEWS_GATE_H_
#define PACELINE_AGENT_NEWS_GATE_H_

#include <optional>

#include "agent/pool_queue.h"
#include "common/base/clock.h"

namespace paceline {

class NewsGate {
 public:
  // The shortest time between two wake-ups for good results. As long as these
  // may wait in the session for others to share a message.
  static constexpr Duration kInterval = std::chrono::milliseconds(5);

  // `event` is in the mailbox.
  void Add(const PoolEvent& event);

  // Whether the session is to be woken now; then it has been. `full`: the
  // mailbox takes nothing more, so that nothing may wait.
  bool TakeDue(Instant now, bool full);

  // When TakeDue is to be asked again though nothing is added; nothing if
  // nothing waits.
  std::optional<Instant> next_deadline() const;

 private:
  bool waiting_ = false;
  bool urgent_ = false;
  std::optional<Instant> last_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_NEWS_GATE_H_
