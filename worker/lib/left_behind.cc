#include "worker/lib/left_behind.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/fd.h"
#include "common/os/process_tree.h"

namespace paceline {
namespace {

// What ends leaves its children to us, which are then ended too; more rounds
// than this needs only a process that no SIGKILL reaches.
constexpr int kMaxRounds = 20;
constexpr int kEndMs = 200;

void AwaitEnd(pid_t pid) {
  const Fd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{fd.get(), POLLIN, 0};
  poll(&ended, fd.valid() ? 1 : 0, fd.valid() ? kEndMs : 0);
}

}  // namespace

bool LeftBehind::Reap() {
  pid_t pid = 0;
  while ((pid = waitpid(-1, nullptr, WNOHANG)) > 0) {
    kept_.erase(pid);
  }
  return pid == 0;
}

std::vector<pid_t> LeftBehind::NotKept() const {
  std::vector<pid_t> found = Children(getpid());
  std::erase_if(found, [this](pid_t pid) { return kept_.contains(pid); });
  return found;
}

void LeftBehind::End() {
  for (int round = 0; round < kMaxRounds && Reap(); ++round) {
    const std::vector<pid_t> left = NotKept();
    if (left.empty()) {
      return;
    }
    for (const pid_t pid : left) {
      SignalTree(pid, SIGKILL, /*including_root=*/true);
    }
    for (const pid_t pid : left) {
      AwaitEnd(pid);
    }
  }
}

std::vector<pid_t> LeftBehind::Keep() {
  if (!Reap()) {
    return {};
  }
  std::vector<pid_t> left = NotKept();
  kept_.insert(left.begin(), left.end());
  return left;
}

}  // namespace paceline
