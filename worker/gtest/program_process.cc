#include "worker/gtest/program_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/os/health_reader.h"
#include "common/os/process_tree.h"
#include "worker/lib/left_behind.h"

namespace paceline {
namespace {

// How long output or stream may stay open after the program is gone, before
// what holds them is taken for left behind.
constexpr Duration kLeakGrace = std::chrono::milliseconds(150);
// How long the last bytes may take when all that could write is killed.
constexpr Duration kLastBytes = std::chrono::milliseconds(500);
// While a program ends cases faster than this, they are taken together.
constexpr int kBusyPauseMs = 1;
constexpr std::size_t kBusyBytes = 512;
// One that fills its pipe waits for us.
constexpr std::size_t kFloodBytes = 64 * 1024;
constexpr std::size_t kMaxReport = std::size_t{256} << 20;

std::optional<XmlReport> ReadReport(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error || size > kMaxReport) {
    return std::nullopt;
  }
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  // One that is not whole was being written when the program died.
  auto report = ParseXmlReport(text);
  return report.ok() ? std::optional<XmlReport>(*std::move(report))
                     : std::nullopt;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProgramProcess>> ProgramProcess::Start(
    const ProgramCommand& command) {
  std::unique_ptr<ProgramProcess> process(new ProgramProcess());
  PACELINE_ASSIGN_OR_RETURN(auto pipe, MakePipe());
  PACELINE_RETURN_IF_ERROR(SetNonBlocking(pipe.first.get()));
  // Room for what is printed while we take a pause; refused where a user has
  // too many pipes, and does without then.
  fcntl(pipe.first.get(), F_SETPIPE_SZ,
        static_cast<int>(OutputSlicer::kMaxInFlight));
  SpawnSpec spec;
  spec.program = command.program;
  spec.argv = command.argv;
  spec.env = command.env;
  spec.working_directory = command.working_directory;
  spec.fds = {{pipe.second.get(), STDOUT_FILENO},
              {pipe.second.get(), STDERR_FILENO}};
  if (command.streams) {
    PACELINE_ASSIGN_OR_RETURN(StreamServer server, StreamServer::Open());
    spec.argv.push_back(
        absl::StrCat("--gtest_stream_result_to=127.0.0.1:", server.port()));
    process->server_.emplace(std::move(server));
  }
  PACELINE_ASSIGN_OR_RETURN(process->child_, Spawn(spec));
  if (process->server_.has_value()) {
    process->server_->set_program(process->child_.pid);
  }
  process->started_ = process->clock_.Now();
  process->output_ = std::move(pipe.first);
  process->report_ = command.report;
  return process;
}

ProgramProcess::~ProgramProcess() {
  if (child_.pid <= 0) {
    return;
  }
  if (!status_.has_value()) {
    KillTree();
    while (waitpid(child_.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  LeftBehind().End();
}

ProgramEnd ProgramProcess::Serve(ProgramRun& run, UnitReporter& reporter,
                                 Duration outside_bound) {
  outside_bound_ = outside_bound;
  while (!status_.has_value()) {
    std::optional<Instant> deadline = run.next_deadline();
    for (const auto& other :
         {HangsAt(run), killed_ ? std::optional<Instant>() : kill_at_}) {
      if (other.has_value()) {
        deadline = std::min(deadline.value_or(*other), *other);
      }
    }
    Wait(reporter, deadline);
    const std::size_t received = Turn(run);
    EndIfDue(run, reporter);
    status_ = TryReap(child_.pid);
    if (!status_.has_value() && received > kBusyBytes &&
        received < kFloodBytes) {
      std::array<pollfd, 1> fds = {pollfd{child_.pidfd.get(), POLLIN, 0}};
      poll(fds.data(), fds.size(), kBusyPauseMs);
    }
  }

  ProgramEnd end;
  const auto stream_pending = [this] {
    return server_.has_value() && server_->connected() && !server_->ended();
  };
  const Instant grace = clock_.Now() + kLeakGrace;
  Turn(run);
  while ((!OutputClosed() || stream_pending()) && clock_.Now() < grace) {
    Wait(reporter, grace);
    Turn(run);
    EndIfDue(run, reporter);
  }
  end.leaked = !OutputClosed();
  // What the program left behind is below us now: a worker is the subreaper
  // of all that its tests start.
  LeftBehind().End();
  const Instant last = clock_.Now() + kLastBytes;
  while (!OutputClosed() && clock_.Now() < last) {
    Wait(reporter, last);
    Turn(run);
  }
  // The signal that ended it may have been meant for both of us, and ours be
  // still on its way.
  if (status_->signaled() && status_->term_signal() == SIGTERM &&
      !ended_by_us_.has_value()) {
    std::array<pollfd, 1> fds = {pollfd{reporter.wake_fd(), POLLIN, 0}};
    poll(fds.data(), fds.size(), 20);
    EndIfDue(run, reporter);
  }
  end.status = *status_;
  end.unix_ns = UnixNow();
  end.ended_by_us = ended_by_us_;
  end.stopped = stopped_;
  end.hung = hung_;
  end.report = ReadReport(report_);
  return end;
}

void ProgramProcess::Wait(const UnitReporter& reporter,
                          std::optional<Instant> deadline) {
  fds_.clear();
  fds_.push_back({reporter.wake_fd(), POLLIN, 0});
  if (!status_.has_value()) {
    fds_.push_back({child_.pidfd.get(), POLLIN, 0});
  }
  if (output_.valid()) {
    fds_.push_back({output_.get(), POLLIN, 0});
  }
  if (server_.has_value()) {
    server_->AddTo(fds_);
  }
  int timeout = -1;
  if (deadline.has_value()) {
    const Duration left = std::clamp<Duration>(
        *deadline - clock_.Now(), Duration::zero(), std::chrono::minutes(1));
    timeout = static_cast<int>(
        std::chrono::ceil<std::chrono::milliseconds>(left).count());
  }
  poll(fds_.data(), fds_.size(), timeout);
}

std::size_t ProgramProcess::Turn(ProgramRun& run) {
  stream_bytes_.clear();
  output_bytes_.clear();
  if (server_.has_value()) {
    server_->Read(OutputSlicer::kMaxInFlight, stream_bytes_);
  }
  // Twice what the pipe holds: all that was printed before the last event.
  ReadOutput(2 * OutputSlicer::kMaxInFlight, output_bytes_);
  ProgramTurn turn;
  turn.now = clock_.Now();
  turn.unix_ns = UnixNow();
  turn.stream = stream_bytes_;
  turn.output = output_bytes_;
  if (!status_.has_value()) {
    turn.health = [this]() -> std::optional<WorkerHealth> {
      const WorkerHealth health = ReadHealth(child_.pid);
      return health.rss_bytes.has_value() ? std::optional<WorkerHealth>(health)
                                          : std::nullopt;
    };
  }
  run.OnTurn(turn);
  return stream_bytes_.size() + output_bytes_.size();
}

void ProgramProcess::ReadOutput(std::size_t max, std::string& bytes) {
  std::array<char, 64 * 1024> buffer;
  while (output_.valid() && bytes.size() < max) {
    const ssize_t size = read(output_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0 && errno == EAGAIN) {
      return;
    }
    if (size <= 0) {
      output_.Reset();
      return;
    }
    bytes.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

std::optional<Instant> ProgramProcess::HangsAt(const ProgramRun& run) const {
  if (outside_bound_ <= Duration::zero() || run.in_case() ||
      !run.follows_cases() || ended_by_us_.has_value() || status_.has_value()) {
    return std::nullopt;
  }
  const Instant since = run.last_case_ended().value_or(started_);
  return outside_bound_ > Instant::max() - since
             ? std::optional<Instant>()
             : std::optional<Instant>(since + outside_bound_);
}

void ProgramProcess::EndIfDue(const ProgramRun& run, UnitReporter& reporter) {
  // Asked for in any case, or its descriptor stays readable for as long as the
  // case runs.
  const bool stop = reporter.StopRequested();
  const Instant now = clock_.Now();
  if (reporter.Terminating()) {
    // The signal went to the program as well.
    if (!ended_by_us_.has_value()) {
      ended_by_us_ = "ended by SIGTERM to its worker";
    }
    term_at_ = term_at_.value_or(now);
    const Instant by = *term_at_ + reporter.term_grace();
    kill_at_ = std::min(kill_at_.value_or(by), by);
  } else if (ended_by_us_.has_value()) {
    // On its way out.
  } else if (stop && run.follows_cases() && !run.in_case()) {
    ended_by_us_ = "stopped";
    stopped_ = true;
    Terminate(reporter);
  } else if (const auto hangs_at = HangsAt(run);
             hangs_at.has_value() && now >= *hangs_at) {
    hung_ = outside_bound_;
    ended_by_us_ = "hung outside of cases";
    Terminate(reporter);
  }
  if (kill_at_.has_value() && now >= *kill_at_ && !killed_ &&
      !status_.has_value()) {
    killed_ = true;
    KillTree();
  }
}

void ProgramProcess::Terminate(const UnitReporter& reporter) {
  if (status_.has_value()) {
    return;
  }
  term_at_ = clock_.Now();
  kill_at_ = *term_at_ + reporter.term_grace();
  SignalTree(child_.pid, SIGTERM, /*including_root=*/true);
}

void ProgramProcess::KillTree() const {
  SignalTree(child_.pid, SIGKILL, /*including_root=*/true);
  kill(-child_.pid, SIGKILL);
}

}  // namespace paceline
