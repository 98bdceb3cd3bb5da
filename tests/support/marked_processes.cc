#include "tests/support/marked_processes.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/ids.h"
#include "common/os/process_tree.h"

namespace paceline {
namespace {

constexpr char kVariable[] = "PACELINE_TEST_MARK";

}  // namespace

ProcessMark::ProcessMark() : value_(ToString(RandomId<InstanceId>())) {}

EnvEdit ProcessMark::env() const { return {kVariable, value_}; }

std::vector<MarkedProcess> ProcessMark::Find() const {
  std::vector<MarkedProcess> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid) ||
        InitialEnvironmentValue(pid, kVariable) != value_) {
      continue;
    }
    Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (pidfd.valid()) {
      found.push_back({pid, std::move(pidfd)});
    }
  }
  return found;
}

int LeftAfter(const std::vector<MarkedProcess>& processes, Duration limit) {
  const SystemClock clock;
  const Instant deadline = clock.Now() + limit;
  int left = 0;
  for (const MarkedProcess& process : processes) {
    const auto remaining =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - clock.Now());
    pollfd ended{process.pidfd.get(), POLLIN, 0};
    if (poll(&ended, 1,
             std::max<int>(0, static_cast<int>(remaining.count()))) != 1) {
      ++left;
      kill(process.pid, SIGKILL);
    }
  }
  return left;
}

}  // namespace paceline
