// A process group that does not outlive this process, whatever ends it.
//
// What discovery starts has no agent and no warden above it. The group's leader
// is a shell that waits for the end of a pipe that only we hold open; when we
// are gone, killed or not, it kills the group, itself with it. Being in the
// group until the last, it also keeps the group's number from being given to
// somebody else's processes.
//
// Processes that leave the group are not reached this way.

#ifndef PACELINE_WORKER_DISCOVERY_PROCESS_GROUP_H_
#define PACELINE_WORKER_DISCOVERY_PROCESS_GROUP_H_

#include <sys/types.h>

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "common/base/fd.h"
#include "common/os/subprocess.h"

namespace paceline {

class ProcessGroup {
 public:
  // Returns what Spawn says when there can be none.
  static absl::StatusOr<std::unique_ptr<ProcessGroup>> Create();
  // Kills all that is in it.
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  // For SpawnSpec::process_group.
  pid_t id() const { return leader_.pid; }

 private:
  ProcessGroup(Child leader, Fd alive)
      : leader_(std::move(leader)), alive_(std::move(alive)) {}

  const Child leader_;
  // Its other end is the leader's input.
  const Fd alive_;
};

// Waits for the end of `child`, which Spawn started and which is being killed;
// nothing if it is no child of ours any more.
std::optional<WaitStatus> AwaitKilled(pid_t child);

}  // namespace paceline

#endif  // PACELINE_WORKER_DISCOVERY_PROCESS_GROUP_H_
