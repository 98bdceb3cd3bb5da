#include "worker/lib/left_behind.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "absl/strings/str_cat.h"
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

// Reaps what has ended; false when no child is left.
bool Reap() {
  pid_t pid = 0;
  while ((pid = waitpid(-1, nullptr, WNOHANG)) > 0) {
  }
  return pid == 0;
}

}  // namespace

bool LeftBehind::IsKept(pid_t pid) const {
  const auto it = kept_.find(pid);
  return it != kept_.end() && StartTime(pid) == it->second;
}

void LeftBehind::Add(pid_t pid) {
  if (const std::optional<std::uint64_t> start = StartTime(pid)) {
    kept_[pid] = *start;
  }
}

std::vector<pid_t> LeftBehind::End() {
  std::vector<pid_t> found;
  for (int round = 0; round < kMaxRounds && Reap(); ++round) {
    std::vector<pid_t> left;
    for (const pid_t pid : Children(getpid())) {
      if (IsKept(pid)) {
        continue;
      }
      if (!marks_.empty() &&
          marks_.contains(InitialEnvironmentValue(pid, kFixtureVariable))) {
        Add(pid);
        found.push_back(pid);
      } else {
        left.push_back(pid);
      }
    }
    if (left.empty()) {
      break;
    }
    for (const pid_t pid : left) {
      SignalTree(pid, SIGKILL, /*including_root=*/true);
    }
    for (const pid_t pid : left) {
      AwaitEnd(pid);
    }
  }
  return found;
}

std::string LeftBehind::NewMark() {
  return absl::StrCat(getpid(), ".", ++last_mark_);
}

std::vector<pid_t> LeftBehind::Keep(const std::string& mark) {
  absl::erase_if(kept_, [](const auto& entry) {
    return StartTime(entry.first) != entry.second;
  });
  marks_.insert(mark);
  std::vector<pid_t> left;
  if (!Reap()) {
    return left;
  }
  for (const pid_t pid : Children(getpid())) {
    if (!IsKept(pid)) {
      Add(pid);
      left.push_back(pid);
    }
  }
  return left;
}

}  // namespace paceline
