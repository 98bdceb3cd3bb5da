// What WorkerPool does to the world, as an interface.
//
// The real one is PoolThread's (agent/pool_shell.h), over a warden and
// sockets; tests record. Except where a value is returned, a call only begins
// something: its end comes back as an event of WorkerPool.

#ifndef PACELINE_AGENT_POOL_EFFECTS_H_
#define PACELINE_AGENT_POOL_EFFECTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/pool_queue.h"
#include "common/model/worker_health.h"
#include "worker/protocol/messages.h"

namespace paceline {

// Unique in the agent's life; what people read as "worker 17". Never zero.
enum class WorkerId : std::uint32_t {};

// How a worker is started. At its descriptors are its socket (3), and a pipe
// that keeps the last output (1 and 2) where it has no terminal.
struct WorkerLaunch {
  std::vector<std::string> argv;
  // The whole environment, "NAME=value" each.
  std::vector<std::string> env;
  // Empty: the agent's.
  std::string working_directory;
  // It is the subreaper of what its tests leave, as ours are.
  bool reaps = false;
  // It has the warden's standard descriptors and process group: those of the
  // program that was given a terminal.
  bool terminal = false;
  // Where the suite forks: whose suite it is, and what a template is told.
  std::optional<std::pair<RunId, SuiteIndex>> forks;
  std::shared_ptr<const SuiteSpec> suite;

  friend bool operator==(const WorkerLaunch&, const WorkerLaunch&) = default;
};

class PoolEffects {
 public:
  virtual ~PoolEffects() = default;

  // Answered by the worker's hello, by OnSpawnFailed or by OnWorkerExited; by
  // OnSpawnWaits and OnSpawnBegun before that, where it waits for a template.
  virtual void Spawn(WorkerId worker, const WorkerLaunch& launch) = 0;
  virtual void Send(WorkerId worker, const ToWorker& message) = 0;
  // To the worker and all that it left anywhere. A no-op once it has ended.
  virtual void SignalTree(WorkerId worker, int signal) = 0;
  // Where every thread of the tree stands; answered by OnTreeDescribed.
  virtual void DescribeTree(WorkerId worker) = 0;
  // Nothing more is wanted of this worker; its socket and pipe may be closed.
  virtual void CloseWorker(WorkerId worker) = 0;

  // `own` with the readings of the processes below the worker added.
  virtual WorkerHealth AddTree(WorkerId worker, const WorkerHealth& own) = 0;

  // What the worker leaves running for other tests of `run`: it outlives the
  // worker and does not count as its memory.
  virtual void KeepProcesses(WorkerId worker, const RunId& run,
                             const std::vector<std::uint32_t>& pids) = 0;
  // Ends what was kept for `run`.
  virtual void EndKept(const RunId& run) = 0;

  // A fresh directory for a unit; empty when it is removed, and with all that
  // is in it.
  virtual absl::StatusOr<std::string> MakeTempDir(const Token& token) = 0;
  virtual void RemoveTempDir(const std::string& path) = 0;

  virtual void Emit(PoolEvent event) = 0;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_POOL_EFFECTS_H_
