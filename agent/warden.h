// The warden: parent of all workers of an agent, and the end of them.
//
// A small process between an agent and its workers. It starts workers when the
// agent asks, reaps them, and is the subreaper of whatever they leave. When
// the agent is gone, whatever killed it, the warden kills every descendant,
// processes in sessions of their own too, until none is left, and leaves. It
// decides nothing else.
//
// What a worker left behind is known by PACELINE_WORKER_ID in its initial
// environment (agent/worker_launch.h).

#ifndef PACELINE_AGENT_WARDEN_H_
#define PACELINE_AGENT_WARDEN_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/container/btree_map.h"
#include "agent/warden_protocol.h"
#include "common/base/fd.h"

namespace paceline {

class Warden {
 public:
  // `socket` leads to the agent.
  explicit Warden(Fd socket) : socket_(std::move(socket)) {}

  // Serves until the agent is gone and nothing is left. The exit status.
  int Run();

 private:
  struct Worker {
    pid_t pid = -1;
    // What PACELINE_WORKER_ID says in it and in what it leaves.
    std::string mark;
  };

  // False when the agent is gone.
  bool ServeRequest();
  void SpawnWorker(const WardenRequest& request, const Fd& strings, Fd socket,
                   Fd output);
  void SignalWorker(const Worker& worker, int signal) const;
  // Sends `signal` to what `mark` left: children of ours by now.
  void SignalStrays(const std::string& mark, int signal) const;
  void Reap();
  void Reply(const WardenReply& reply) const;
  // Until nothing is left.
  static void KillAll();

  Fd socket_;
  absl::btree_map<std::uint32_t, Worker> workers_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_WARDEN_H_
