#include "worker/lib/worker_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "worker/lib/bounded_frame.h"

namespace paceline {
namespace {

// Finished tests wait for the next flush no longer than up to this size.
constexpr std::size_t kMostQueued = 256 * 1024;

bool IsSocket(int fd) {
  struct stat info {};
  return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
}

void WaitFor(int fd, short events) {
  pollfd entry{fd, events, 0};
  while (poll(&entry, 1, -1) < 0 && errno == EINTR) {
  }
}

}  // namespace

absl::StatusOr<Fd> WorkerChannel::TakeSocket() {
  const char* const value = getenv(kWorkerFdVariable);
  int number = -1;
  if (value == nullptr || !absl::SimpleAtoi(value, &number) || number < 3 ||
      !IsSocket(number)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this program is a paceline worker: an agent starts it, with a socket "
        "at the descriptor that ",
        kWorkerFdVariable, " names; `paceline run` is what people start"));
  }
  unsetenv(kWorkerFdVariable);
  Fd socket(number);
  if (fcntl(number, F_SETFD, FD_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "cannot keep the socket from children");
  }
  return socket;
}

absl::StatusOr<std::unique_ptr<WorkerChannel>> WorkerChannel::Create(
    Fd socket, bool catch_sigterm) {
  std::unique_ptr<WorkerChannel> channel(new WorkerChannel());
  channel->socket_ = std::move(socket);
  channel->epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  if (!channel->epoll_.valid()) {
    return absl::ErrnoToStatus(errno, "cannot watch the agent's socket");
  }
  if (absl::Status status = channel->Watch(channel->socket_.get());
      !status.ok()) {
    return status;
  }
  if (catch_sigterm) {
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, nullptr);
    channel->signals_.Reset(signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!channel->signals_.valid()) {
      return absl::ErrnoToStatus(errno, "cannot watch for SIGTERM");
    }
    if (absl::Status status = channel->Watch(channel->signals_.get());
        !status.ok()) {
      return status;
    }
  }
  return channel;
}

absl::Status WorkerChannel::Watch(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0
             ? absl::OkStatus()
             : absl::ErrnoToStatus(errno, "cannot watch a descriptor");
}

void WorkerChannel::Queue(FromWorker message) {
  AppendBoundedFrame(std::move(message), out_);
  if (out_.size() > kMostQueued) {
    Flush();
  }
}

void WorkerChannel::Flush() {
  std::size_t sent = 0;
  while (!closed_ && sent < out_.size()) {
    // An agent that is gone is no reason to die of SIGPIPE.
    const ssize_t count = send(socket_.get(), out_.data() + sent,
                               out_.size() - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      WaitFor(socket_.get(), POLLOUT);
    } else if (errno != EINTR) {
      Close(absl::OkStatus());
    }
  }
  out_.clear();
}

std::optional<ToWorker> WorkerChannel::Next() {
  for (;;) {
    auto map = reader_.Next();
    if (!map.ok()) {
      Close(map.status());
      return std::nullopt;
    }
    if (map->has_value()) {
      auto message = DecodeToWorker(**map);
      if (!message.ok()) {
        Close(message.status());
        return std::nullopt;
      }
      return *std::move(message);
    }
    if (closed_) {
      return std::nullopt;
    }
    char buffer[16 * 1024];
    const ssize_t count =
        recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (count > 0) {
      reader_.Append({buffer, static_cast<std::size_t>(count)});
    } else if (count < 0 && errno == EAGAIN) {
      return std::nullopt;
    } else if (count == 0 || errno != EINTR) {
      Close(absl::OkStatus());
    }
  }
}

void WorkerChannel::Wait() {
  if (!closed_) {
    WaitFor(epoll_.get(), POLLIN);
  }
}

bool WorkerChannel::Terminating() {
  signalfd_siginfo info;
  if (signals_.valid() && read(signals_.get(), &info, sizeof info) > 0) {
    terminating_ = true;
  }
  return terminating_;
}

void WorkerChannel::Close(absl::Status error) {
  if (!closed_) {
    closed_ = true;
    error_ = std::move(error);
    // At its end a stream stays readable for ever: wake_fd would, too.
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket_.get(), nullptr);
  }
}

}  // namespace paceline
