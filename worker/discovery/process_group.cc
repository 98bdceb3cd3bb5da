#include "worker/discovery/process_group.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "common/base/status_macros.h"

namespace paceline {

absl::StatusOr<std::unique_ptr<ProcessGroup>> ProcessGroup::Create() {
  PACELINE_ASSIGN_OR_RETURN(auto pipe, MakePipe());
  SpawnSpec spec;
  spec.program = "/bin/sh";
  // Nothing is ever written: what ends the wait is the end of the pipe.
  spec.argv = {"sh", "-c", "trap '' HUP INT TERM; read -r _; kill -KILL 0"};
  spec.fds = {{pipe.first.get(), STDIN_FILENO}};
  PACELINE_ASSIGN_OR_RETURN(Child leader, Spawn(spec));
  return std::unique_ptr<ProcessGroup>(
      new ProcessGroup(std::move(leader), std::move(pipe.second)));
}

ProcessGroup::~ProcessGroup() {
  kill(-leader_.pid, SIGKILL);
  AwaitKilled(leader_.pid);
}

std::optional<WaitStatus> AwaitKilled(pid_t child) {
  std::optional<WaitStatus> status;
  while (!(status = TryReap(child)).has_value()) {
    siginfo_t info;
    if (waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) !=
            0 &&
        errno != EINTR) {
      break;
    }
  }
  return status;
}

}  // namespace paceline
