// The pool thread of an agent, as the session thread sees it.
//
// Owns the processes of an agent and everything about them that blocks: the
// warden's socket, the workers' sockets and output pipes, /proc, the units'
// temporary directories. It talks to the session thread through two queues
// only, and runs no ZeroMQ. What it does is in PoolShell (agent/pool_shell.h).

#ifndef PACELINE_AGENT_POOL_THREAD_H_
#define PACELINE_AGENT_POOL_THREAD_H_

#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "agent/agent.h"
#include "agent/pool_queue.h"
#include "common/base/clock.h"

namespace paceline {

class PoolThread {
 public:
  // Starts the warden and the thread. `notify_session` is called on the pool
  // thread whenever Pop may have something; it must only wake the session.
  //
  // Returns kUnavailable with a sentence when the warden, the thread or the
  // directory for units cannot be had.
  static absl::StatusOr<std::unique_ptr<PoolThread>> Start(
      const AgentOptions& options, std::function<void()> notify_session);

  // Ends all workers at once and waits until the warden is gone.
  ~PoolThread();

  // Safe from any thread; never waits. The session bounds this queue: one
  // start a free slot, one stop a lease.
  void Push(PoolCommand command);

  // The next event, in order; nothing when there is none yet. Safe from any
  // thread. The pool stops reading its workers while 4,096 events wait.
  std::optional<PoolEvent> Pop();

  // When the pool's loop last turned; it turns at least once a second. Safe
  // from any thread.
  Instant last_turn() const;

 private:
  struct Impl;
  explicit PoolThread(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_POOL_THREAD_H_
