#include "worker/discovery/run_listing.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "common/base/status_macros.h"
#include "common/os/process_tree.h"

namespace paceline {
namespace {

constexpr std::size_t kErrorTail = 4096;
// How long output may stay open after the program itself is gone.
constexpr Duration kOutputGrace = std::chrono::milliseconds(200);
constexpr Duration kCancelInterval = std::chrono::milliseconds(100);

// One running listing; kills what is left of it when it goes out of scope.
class Listing {
 public:
  Listing(std::shared_ptr<ProcessGroup> group, Child child, Fd out, Fd err)
      : group_(std::move(group)),
        child_(std::move(child)),
        out_(std::move(out)),
        err_(std::move(err)) {}
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;
  ~Listing() { Kill(); }

  absl::StatusOr<ListingEnd> Run(const ListingCommand& command,
                                 const ListingOutput& output);

 private:
  absl::Status ReadOutput(const ListingCommand& command,
                          const ListingOutput& output);
  void ReadError();
  void Kill();
  bool ended() const { return status_.has_value(); }

  // What left the tree of the program is in it still, unless it left the group
  // as well.
  std::shared_ptr<ProcessGroup> group_;
  Child child_;
  Fd out_;
  Fd err_;
  std::optional<WaitStatus> status_;
  std::size_t received_ = 0;
  std::string error_tail_;
  std::array<char, 64 * 1024> buffer_;
};

absl::Status Listing::ReadOutput(const ListingCommand& command,
                                 const ListingOutput& output) {
  const ssize_t count = read(out_.get(), buffer_.data(), buffer_.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    return absl::OkStatus();
  }
  if (count <= 0) {
    out_.Reset();
    return absl::OkStatus();
  }
  received_ += static_cast<std::size_t>(count);
  if (received_ > command.max_output) {
    return absl::ResourceExhaustedError(
        absl::StrCat(command.program, " printed more than ", command.max_output,
                     " bytes while listing its tests"));
  }
  return output(
      absl::string_view(buffer_.data(), static_cast<std::size_t>(count)));
}

void Listing::ReadError() {
  const ssize_t count = read(err_.get(), buffer_.data(), buffer_.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (count <= 0) {
    err_.Reset();
    return;
  }
  error_tail_.append(buffer_.data(), static_cast<std::size_t>(count));
  if (error_tail_.size() > kErrorTail) {
    error_tail_.erase(0, error_tail_.size() - kErrorTail);
  }
}

void Listing::Kill() {
  if (!ended()) {
    SignalTree(child_.pid, SIGKILL, /*including_root=*/true);
    status_ = AwaitKilled(child_.pid);
  }
}

absl::StatusOr<ListingEnd> Listing::Run(const ListingCommand& command,
                                        const ListingOutput& output) {
  const SystemClock clock;
  const Instant deadline = clock.Now() + command.timeout;
  std::optional<Instant> output_deadline;
  while (!ended() || out_.valid() || err_.valid()) {
    const Instant now = clock.Now();
    if (output_deadline.has_value() && now >= *output_deadline) {
      break;
    }
    if (now >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat(command.program, " did not finish listing its tests in ",
                       FormatDuration(command.timeout)));
    }
    if (command.cancelled && command.cancelled()) {
      return absl::CancelledError("the listing was cancelled");
    }
    Duration wait = std::min<Duration>(kCancelInterval, deadline - now);
    if (output_deadline.has_value()) {
      wait = std::min<Duration>(wait, *output_deadline - now);
    }
    std::array<pollfd, 3> fds = {
        pollfd{ended() ? -1 : child_.pidfd.get(), POLLIN, 0},
        pollfd{out_.get(), POLLIN, 0},
        pollfd{err_.get(), POLLIN, 0},
    };
    // Rounded up: a wait of less than a millisecond must not spin.
    const auto timeout_ms =
        std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    if (poll(fds.data(), fds.size(), static_cast<int>(timeout_ms)) < 0) {
      if (errno == EINTR) {
        continue;
      }
      return absl::ErrnoToStatus(errno, "cannot wait for a listing");
    }
    if (fds[1].revents != 0) {
      PACELINE_RETURN_IF_ERROR(ReadOutput(command, output));
    }
    if (fds[2].revents != 0) {
      ReadError();
    }
    if (fds[0].revents != 0) {
      status_ = TryReap(child_.pid);
      if (ended()) {
        output_deadline = clock.Now() + kOutputGrace;
      }
    }
  }
  ListingEnd end{*status_, std::move(error_tail_), nullptr};
  if (command.keep_left) {
    end.left = std::move(group_);
  }
  return end;
}

}  // namespace

absl::StatusOr<ListingEnd> RunListing(const ListingCommand& command,
                                      const ListingOutput& output) {
  PACELINE_ASSIGN_OR_RETURN(auto out, MakePipe());
  PACELINE_ASSIGN_OR_RETURN(auto err, MakePipe());
  PACELINE_RETURN_IF_ERROR(SetNonBlocking(out.first.get()));
  PACELINE_RETURN_IF_ERROR(SetNonBlocking(err.first.get()));
  PACELINE_ASSIGN_OR_RETURN(std::shared_ptr<ProcessGroup> group,
                            ProcessGroup::Create());
  SpawnSpec spec;
  spec.process_group = group->id();
  spec.program = command.program;
  spec.argv = command.argv;
  spec.env = command.env;
  spec.working_directory = command.working_directory;
  spec.fds = {{out.second.get(), STDOUT_FILENO},
              {err.second.get(), STDERR_FILENO}};
  PACELINE_ASSIGN_OR_RETURN(Child child, Spawn(spec));
  out.second.Reset();
  err.second.Reset();
  Listing listing(std::move(group), std::move(child), std::move(out.first),
                  std::move(err.first));
  return listing.Run(command, output);
}

}  // namespace paceline
