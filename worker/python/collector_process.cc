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
// Read in one turn at most: a flood must not keep results from being written.
constexpr int kMaxReads = 16;

}  // namespace

absl::StatusOr<std::unique_ptr<CollectorProcess>> CollectorProcess::Start(
    const std::string& python, absl::string_view runner,
    std::vector<std::string> env) {
  PACELINE_ASSIGN_OR_RETURN(const std::string boot, PythonBootScript());
  PACELINE_ASSIGN_OR_RETURN(auto socket, MakeSocketPair());
  PACELINE_ASSIGN_OR_RETURN(auto output, MakePipe());
  PACELINE_RETURN_IF_ERROR(SetNonBlocking(socket.first.get()));
  PACELINE_RETURN_IF_ERROR(SetNonBlocking(output.first.get()));
  auto process = std::unique_ptr<CollectorProcess>(new CollectorProcess);
  PACELINE_ASSIGN_OR_RETURN(process->group_, ProcessGroup::Create());
  SpawnSpec spec;
  spec.process_group = process->group_->id();
  spec.program = python;
  spec.argv = {python, boot, "collect", std::string(runner)};
  spec.env = std::move(env);
  ApplyEdits({{kWorkerFdVariable, absl::StrCat(kWorkerFd)}}, spec.env);
  spec.fds = {{output.second.get(), STDOUT_FILENO},
              {output.second.get(), STDERR_FILENO},
              {socket.second.get(), kWorkerFd}};
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
  process->writer_ = std::thread([raw = process.get()] { raw->ServeLoop(); });
  return process;
}

CollectorProcess::~CollectorProcess() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  Wake();
  if (writer_.joinable()) {
    writer_.join();
  }
  socket_.Reset();
  if (child_.pid <= 0) {
    return;
  }
  pollfd ended{child_.pidfd.get(), POLLIN, 0};
  if (poll(&ended, 1, kEndMilliseconds) != 1) {
    Kill();
    poll(&ended, 1, kEndMilliseconds);
  }
  TryReap(child_.pid);
}

void CollectorProcess::Kill() {
  if (child_.pid > 0) {
    SignalTree(child_.pid, SIGKILL, /*including_root=*/true);
  }
}

void CollectorProcess::Send(const ToCollector& message) {
  {
    const std::lock_guard lock(mutex_);
    if (gone_) {
      return;
    }
    AppendFrame(message, unsent_);
  }
  Wake();
}

void CollectorProcess::Wake() {
  const std::uint64_t one = 1;
  static_cast<void>(write(wake_.get(), &one, sizeof one));
}

void CollectorProcess::ServeLoop() {
  std::string sending;
  std::size_t sent = 0;
  bool prints = true;
  bool reads = true;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        return;
      }
      if (sent == sending.size()) {
        sending.clear();
        sent = 0;
        sending.swap(unsent_);
      }
    }
    pollfd fds[] = {{wake_.get(), POLLIN, 0},
                    {prints ? output_.get() : -1, POLLIN, 0},
                    {reads ? socket_.get() : -1,
                     static_cast<short>(sending.empty() ? 0 : POLLOUT), 0}};
    poll(fds, 3, -1);
    if ((fds[0].revents & POLLIN) != 0) {
      std::uint64_t count = 0;
      static_cast<void>(read(wake_.get(), &count, sizeof count));
    }
    if (fds[1].revents != 0) {
      prints = ReadOutput();
    }
    if (fds[2].revents != 0) {
      reads =
          (fds[2].revents & (POLLERR | POLLHUP)) == 0 && Write(sending, sent);
      if (!reads) {
        // Who receives will see it.
        const std::lock_guard lock(mutex_);
        gone_ = true;
        unsent_ = std::string();
        sending = std::string();
        sent = 0;
      }
    }
  }
}

bool CollectorProcess::Write(const std::string& sending, std::size_t& sent) {
  const ssize_t n = send(socket_.get(), sending.data() + sent,
                         sending.size() - sent, MSG_NOSIGNAL);
  if (n <= 0) {
    return errno == EINTR || errno == EAGAIN;
  }
  sent += static_cast<std::size_t>(n);
  const std::lock_guard lock(mutex_);
  last_written_ = clock_.Now();
  return true;
}

bool CollectorProcess::ReadOutput() {
  char buffer[8192];
  for (int i = 0; i < kMaxReads; ++i) {
    const std::lock_guard lock(mutex_);
    const ssize_t n = read(output_.get(), buffer, sizeof buffer);
    if (n > 0) {
      printed_.append(buffer, static_cast<std::size_t>(n));
      if (printed_.size() > kKeptOutput) {
        printed_.erase(0, printed_.size() - kKeptOutput);
      }
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
      return false;
    } else if (errno == EAGAIN) {
      return true;
    }
  }
  return true;
}

absl::StatusOr<FromCollector> CollectorProcess::Receive(
    Duration patience, const std::function<bool()>& cancelled) {
  const Instant begin = clock_.Now();
  while (true) {
    PACELINE_ASSIGN_OR_RETURN(const std::optional<absl::string_view> frame,
                              frames_.Next());
    if (frame.has_value()) {
      return DecodeFromCollector(*frame);
    }
    if (cancelled()) {
      return absl::CancelledError("cancelled");
    }
    Instant since = begin;
    {
      const std::lock_guard lock(mutex_);
      since = std::max(since, last_written_);
    }
    if (clock_.Now() - since >= patience) {
      return absl::DeadlineExceededError("it says nothing");
    }
    pollfd readable{socket_.get(), POLLIN, 0};
    poll(&readable, 1, kLookMilliseconds);
    if (readable.revents == 0) {
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
  const std::lock_guard lock(mutex_);
  const absl::string_view words = absl::StripAsciiWhitespace(printed_);
  return words.empty() ? absl::StrCat(how, " and printed nothing.")
                       : absl::StrCat(how, ". Its last words: ", words);
}

}  // namespace paceline
