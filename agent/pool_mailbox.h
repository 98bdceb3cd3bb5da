// The two queues between the session thread and the pool thread.
//
// What pool_queue.h names goes through here, in order. Bounded on the pool's
// side by what it reads: while the session is behind, PoolThread leaves its
// workers' sockets unread.

#ifndef PACELINE_AGENT_POOL_MAILBOX_H_
#define PACELINE_AGENT_POOL_MAILBOX_H_

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>

#include "agent/pool_queue.h"

namespace paceline {

// Safe from any thread; nothing waits.
class PoolMailbox {
 public:
  // Events and bytes of them that make the queue full.
  static constexpr std::size_t kMaxEvents = 4096;
  static constexpr std::size_t kMaxEventBytes = std::size_t{64} << 20;

  void PushCommand(PoolCommand command);
  std::deque<PoolCommand> TakeCommands();

  void PushEvent(PoolEvent event);
  // The next event; nothing when there is none. `has_room` is set when, by
  // this call, a full queue has become half empty.
  std::optional<PoolEvent> PopEvent(bool& has_room);
  // Whether workers are to be left unread: from full until half empty, which
  // is why it matters whether they are already (`paused`).
  bool IsFull(bool paused) const;

 private:
  mutable std::mutex mutex_;
  std::deque<PoolCommand> commands_;
  std::deque<PoolEvent> events_;
  std::size_t event_bytes_ = 0;  // of `events_`
};

}  // namespace paceline

#endif  // PACELINE_AGENT_POOL_MAILBOX_H_
