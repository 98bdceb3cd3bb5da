// The warden: parent of all workers of an agent, and the end of them.
//
// A small process between an agent and its workers. It starts workers when the
// agent asks, reaps them, and is the subreaper of whatever they leave. When
// the agent is gone, whatever killed it, the warden kills every descendant,
// processes in sessions of their own too, until none is left, and leaves. It
// decides nothing else.
//
// What a worker left behind becomes a child of the warden. It is known by
// PACELINE_WORKER_ID in its initial environment (agent/worker_launch.h), and
// where that is hidden by what it cannot be: nobody's who lives. What a worker
// said it leaves on purpose stays until its run is over.

#ifndef PACELINE_AGENT_WARDEN_H_
#define PACELINE_AGENT_WARDEN_H_

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "agent/warden_protocol.h"
#include "common/base/fd.h"
#include "common/os/process_tree.h"

namespace paceline {

class Warden {
 public:
  // `socket` leads to the agent.
  explicit Warden(Fd socket) : socket_(std::move(socket)) {}

  // Serves until the agent is gone and nothing is left. The exit status.
  int Run();

 private:
  struct Worker {
    pid_t pid = -1;  // until a template has forked it
    // What PACELINE_WORKER_ID says in it and in what it leaves.
    std::string mark;
    // What its tests leave becomes its child, and ours only with its end.
    bool reaps = false;
    std::uint64_t start = std::numeric_limits<std::uint64_t>::max();
  };
  struct Kept {
    std::uint32_t run = 0;
    // With the pid it names one process.
    std::uint64_t start = 0;
  };

  // False when the agent is gone.
  bool ServeRequest();
  void SpawnWorker(const WardenRequest& request, const Fd& strings, Fd socket,
                   Fd output);
  void SignalWorker(const Worker& worker, int signal) const;
  void WatchForked(const WardenRequest& request);
  void Keep(const WardenRequest& request);
  void EndKept(std::uint32_t run);
  SparedPids Spared() const;
  // Children of ours that are neither workers nor kept.
  std::vector<pid_t> Strays() const;
  bool IsKnown(pid_t pid) const;
  bool MayBelongToWorker(pid_t stray) const;
  // Kills what dead workers left, and tells their ends after that. What is
  // left in turn is killed when it is reaped here. False when the agent is
  // gone.
  bool EndStrays();
  void Reap();
  void Reply(const WardenReply& reply) const;
  void Refuse(const absl::Status& status, WardenReply reply) const;
  // Until nothing is left.
  static void KillAll();

  Fd socket_;
  absl::btree_map<std::uint32_t, Worker> workers_;
  absl::btree_map<pid_t, Kept> kept_;
  // Children that ended and were nobody's: a forked worker may end before the
  // agent has told us of it.
  std::deque<std::pair<pid_t, int>> unknown_ends_;
  // Ends that are to be told, and whether there may be something to kill first.
  std::vector<WardenReply> ended_;
  bool strays_due_ = false;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_WARDEN_H_
