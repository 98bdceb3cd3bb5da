#include "worker/lib/test_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/base/status_macros.h"
#include "common/os/process_tree.h"

namespace paceline {
namespace {

// How long output may stay open after the program is gone, before what holds
// it is taken for left behind. CTest itself waits without end, as we do where
// a verdict depends on the output.
constexpr Duration kLeakGrace = std::chrono::milliseconds(500);
// How long SIGTERM to a whole process tree may take from one process to the
// next.
constexpr int kSameSignalMs = 20;
// Read in one turn at most: a flood must not hide the program's end.
constexpr int kMaxReads = 16;

class Process {
 public:
  Process(Child child, Fd output, const TestProcessOptions& options,
          std::string mark, LeftBehind& left_behind, UnitReporter& reporter)
      : child_(std::move(child)),
        output_(std::move(output)),
        options_(options),
        mark_(std::move(mark)),
        left_behind_(left_behind),
        reporter_(reporter) {}

  TestProcessEnd Run();

 private:
  // Waits for whatever comes next, until `deadline` or the end of the grace.
  void Wait(std::optional<Instant> deadline);
  void EndLeftBehind();
  void ReadOutput();
  void ObeyReporter();
  void KillTree() const;

  const SystemClock clock_;
  const Child child_;
  Fd output_;
  const TestProcessOptions& options_;
  const std::string mark_;  // where what is left may be kept
  LeftBehind& left_behind_;
  UnitReporter& reporter_;
  bool ended_ = false;
  // When the test has had its time after SIGTERM.
  std::optional<Instant> kill_at_;
  TestProcessEnd end_;
  std::array<char, 64 * 1024> buffer_;
};

TestProcessEnd Process::Run() {
  while (!ended_) {
    Wait(std::nullopt);
  }
  if (end_.status.signaled() && end_.status.term_signal() == SIGTERM &&
      !end_.terminated) {
    // It may have been meant for us both, and ours be still on its way.
    pollfd wake{reporter_.wake_fd(), POLLIN, 0};
    poll(&wake, 1, kSameSignalMs);
    ObeyReporter();
  }
  if (output_.valid()) {
    // Mostly all is there by now.
    ReadOutput();
  }
  if (output_.valid()) {
    const Instant grace = clock_.Now() + kLeakGrace;
    const auto waits_on = [&] {
      return kill_at_.has_value() ||
             (options_.await_output ? !end_.terminated : clock_.Now() < grace);
    };
    while (output_.valid() && waits_on()) {
      Wait(options_.await_output ? std::nullopt : std::optional(grace));
    }
    end_.leaked = output_.valid() && !end_.terminated;
  }
  EndLeftBehind();
  return end_;
}

void Process::EndLeftBehind() {
  if (options_.keep && !end_.terminated) {
    reporter_.Kept(left_behind_.Keep(mark_));
    return;
  }
  if (output_.valid()) {
    // Where we are nobody's subreaper, as in a program that only borrows this.
    kill(-child_.pid, SIGKILL);
  }
  reporter_.Kept(left_behind_.End());
  ReadOutput();
}

void Process::Wait(std::optional<Instant> deadline) {
  if (kill_at_.has_value()) {
    deadline = kill_at_;
  }
  int timeout = -1;
  if (deadline.has_value()) {
    const Duration left =
        std::max<Duration>(*deadline - clock_.Now(), Duration::zero());
    timeout = static_cast<int>(
        std::chrono::ceil<std::chrono::milliseconds>(left).count());
  }
  std::array<pollfd, 3> fds = {
      pollfd{ended_ ? -1 : child_.pidfd.get(), POLLIN, 0},
      pollfd{output_.get(), POLLIN, 0},
      pollfd{reporter_.wake_fd(), POLLIN, 0},
  };
  if (poll(fds.data(), fds.size(), timeout) < 0) {
    return;  // interrupted
  }
  if (fds[1].revents != 0) {
    ReadOutput();
  }
  if (fds[2].revents != 0) {
    ObeyReporter();
  }
  if (kill_at_.has_value() && clock_.Now() >= *kill_at_) {
    kill_at_.reset();
    if (!ended_) {
      KillTree();
    }
  }
  if (fds[0].revents != 0) {
    if (const std::optional<WaitStatus> status = TryReap(child_.pid);
        status.has_value()) {
      end_.status = *status;
      ended_ = true;
    }
  }
}

void Process::ReadOutput() {
  for (int i = 0; output_.valid() && i < kMaxReads; ++i) {
    const ssize_t count = read(output_.get(), buffer_.data(), buffer_.size());
    if (count > 0) {
      options_.on_output({buffer_.data(), static_cast<std::size_t>(count)});
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      output_.Reset();
    } else if (errno == EAGAIN) {
      return;
    }
  }
}

void Process::ObeyReporter() {
  if (reporter_.Terminating()) {
    // Its processes have had SIGTERM too and may have something to put away;
    // all of them are ended when they have had their time.
    const Instant at = clock_.Now() + reporter_.term_grace();
    if (!std::exchange(end_.terminated, true) ||
        (kill_at_.has_value() && at < *kill_at_)) {
      kill_at_ = at;
    }
  }
}

void Process::KillTree() const {
  SignalTree(child_.pid, SIGKILL, /*including_root=*/true);
  // What left the tree may be in the group still.
  kill(-child_.pid, SIGKILL);
}

}  // namespace

absl::StatusOr<TestProcessEnd> RunTestProcess(SpawnSpec& spec,
                                              const TestProcessOptions& options,
                                              LeftBehind& left_behind,
                                              UnitReporter& reporter) {
  PACELINE_ASSIGN_OR_RETURN(auto pipe, MakePipe());
  PACELINE_RETURN_IF_ERROR(SetNonBlocking(pipe.first.get()));
  spec.fds = {{pipe.second.get(), STDOUT_FILENO},
              {pipe.second.get(), STDERR_FILENO}};
  std::string mark;
  std::optional<SpawnSpec> marked;
  if (options.keep) {
    mark = left_behind.NewMark();
    marked = spec;
    ApplyEdits({{kFixtureVariable, mark}}, marked->env);
  }
  PACELINE_ASSIGN_OR_RETURN(Child child,
                            Spawn(marked.has_value() ? *marked : spec));
  pipe.second.Reset();
  return Process(std::move(child), std::move(pipe.first), options,
                 std::move(mark), left_behind, reporter)
      .Run();
}

}  // namespace paceline
