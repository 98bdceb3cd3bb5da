#include "worker/python/collector_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/os/process_tree.h"
#include "worker/protocol/messages.h"
#include "worker/python/collector_codec.h"
#include "worker/python/data_directory.h"

namespace paceline {
namespace {

constexpr std::size_t kKeptOutput = 8192;
constexpr int kLookMilliseconds = 100;
constexpr int kEndMilliseconds = 2000;

}  // namespace

absl::StatusOr<std::unique_ptr<CollectorProcess>> CollectorProcess::Start(
    const std::string& python, absl::string_view runner,
    std::vector<std::string> env) {
  PACELINE_ASSIGN_OR_RETURN(const std::string boot, PythonBootScript());
  PACELINE_ASSIGN_OR_RETURN(auto socket, MakeSocketPair());
  PACELINE_ASSIGN_OR_RETURN(auto output, MakePipe());
  PACELINE_RETURN_IF_ERROR(SetNonBlocking(socket.first.get()));
  PACELINE_RETURN_IF_ERROR(SetNonBlocking(output.first.get()));
  SpawnSpec spec;
  spec.program = python;
  spec.argv = {python, boot, "collect", std::string(runner)};
  spec.env = std::move(env);
  ApplyEdits({{kWorkerFdVariable, absl::StrCat(kWorkerFd)}}, spec.env);
  spec.fds = {{output.second.get(), STDOUT_FILENO},
              {output.second.get(), STDERR_FILENO},
              {socket.second.get(), kWorkerFd}};
  auto process = std::unique_ptr<CollectorProcess>(new CollectorProcess);
  absl::StatusOr<Child> child = Spawn(spec);
  if (!child.ok()) {
    return absl::Status(
        child.status().code(),
        absl::StrCat("The Python ", python,
                     " cannot be started: ", child.status().message(), "."));
  }
  process->child_ = *std::move(child);
  process->socket_ = std::move(socket.first);
  process->output_ = std::move(output.first);
  process->wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  process->writer_ = std::thread([raw = process.get()] { raw->WriteLoop(); });
  return process;
}

CollectorProcess::~CollectorProcess() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  const std::uint64_t one = 1;
  static_cast<void>(write(wake_.get(), &one, sizeof one));
  if (writer_.joinable()) {
    writer_.join();
  }
  socket_.Reset();
  if (child_.pid <= 0) {
    return;
  }
  pollfd ended{child_.pidfd.get(), POLLIN, 0};
  if (poll(&ended, 1, kEndMilliseconds) != 1) {
    SignalTree(child_.pid, SIGKILL, /*including_root=*/true);
    poll(&ended, 1, kEndMilliseconds);
  }
  TryReap(child_.pid);
}

void CollectorProcess::Send(const ToCollector& message) {
  {
    const std::lock_guard lock(mutex_);
    AppendFrame(message, unsent_);
  }
  const std::uint64_t one = 1;
  static_cast<void>(write(wake_.get(), &one, sizeof one));
}

void CollectorProcess::WriteLoop() {
  std::string sending;
  std::size_t sent = 0;
  while (true) {
    if (sent == sending.size()) {
      sending.clear();
      sent = 0;
      const std::lock_guard lock(mutex_);
      if (unsent_.empty() && stopping_) {
        return;
      }
      sending.swap(unsent_);
    }
    pollfd fds[] = {
        {wake_.get(), POLLIN, 0},
        {socket_.get(), static_cast<short>(sending.empty() ? 0 : POLLOUT), 0}};
    poll(fds, 2, -1);
    if ((fds[0].revents & POLLIN) != 0) {
      std::uint64_t count = 0;
      static_cast<void>(read(wake_.get(), &count, sizeof count));
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        return;
      }
    }
    if ((fds[1].revents & (POLLERR | POLLHUP)) != 0) {
      return;  // it is gone, which who reads will see
    }
    if (!sending.empty() && (fds[1].revents & POLLOUT) != 0) {
      const ssize_t n = send(socket_.get(), sending.data() + sent,
                             sending.size() - sent, MSG_NOSIGNAL);
      if (n > 0) {
        sent += static_cast<std::size_t>(n);
      } else if (errno != EINTR && errno != EAGAIN) {
        return;
      }
    }
  }
}

void CollectorProcess::ReadOutput() {
  char buffer[8192];
  while (output_.valid()) {
    const ssize_t n = read(output_.get(), buffer, sizeof buffer);
    if (n > 0) {
      printed_.append(buffer, static_cast<std::size_t>(n));
      if (printed_.size() > kKeptOutput) {
        printed_.erase(0, printed_.size() - kKeptOutput);
      }
    } else if (n == 0) {
      output_.Reset();
    } else if (errno != EINTR) {
      return;
    }
  }
}

absl::StatusOr<FromCollector> CollectorProcess::Receive(
    Duration patience, const std::function<bool()>& cancelled) {
  const SystemClock clock;
  const Instant deadline = clock.Now() + patience;
  while (true) {
    PACELINE_ASSIGN_OR_RETURN(const std::optional<absl::string_view> frame,
                              frames_.Next());
    if (frame.has_value()) {
      return DecodeFromCollector(*frame);
    }
    if (cancelled()) {
      return absl::CancelledError("cancelled");
    }
    if (clock.Now() >= deadline) {
      return absl::DeadlineExceededError("it says nothing");
    }
    pollfd fds[] = {{socket_.get(), POLLIN, 0},
                    {output_.valid() ? output_.get() : -1, POLLIN, 0}};
    poll(fds, 2, kLookMilliseconds);
    if (fds[1].revents != 0) {
      ReadOutput();
    }
    if (fds[0].revents == 0) {
      continue;
    }
    char buffer[65536];
    const ssize_t n = recv(socket_.get(), buffer, sizeof buffer, 0);
    if (n > 0) {
      frames_.Append({buffer, static_cast<std::size_t>(n)});
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
      return absl::UnavailableError("it has ended");
    }
  }
}

std::string CollectorProcess::LastWords() {
  pollfd ended{child_.pidfd.get(), POLLIN, 0};
  std::string how = "It did not end";
  if (poll(&ended, 1, kEndMilliseconds) == 1) {
    if (const std::optional<WaitStatus> status = TryReap(child_.pid)) {
      how = absl::StrCat("It ended with ", Describe(*status));
      child_.pid = -1;
    }
  }
  ReadOutput();
  const absl::string_view words = absl::StripAsciiWhitespace(printed_);
  return words.empty() ? absl::StrCat(how, " and printed nothing.")
                       : absl::StrCat(how, ". Its last words: ", words);
}

}  // namespace paceline
