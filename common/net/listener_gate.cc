#include "common/net/listener_gate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace paceline {
namespace {

// More than fit into a backlog: peers that come as fast as they are hung up on
// must not hold this up.
constexpr int kMostHungUpOn = 10'000;

bool IsTcp(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
         (domain == AF_INET || domain == AF_INET6);
}

// In a child, since its descriptors are its own: for a place that came free in
// this process libzmq's thread is as quick as we are. (Nothing here but system
// calls, as after any fork of a process with threads.)
absl::Status HangUpOnWaiting(int listener) {
  const int flags = fcntl(listener, F_GETFL);
  if (flags < 0 || fcntl(listener, F_SETFL, flags | O_NONBLOCK) != 0) {
    return absl::ErrnoToStatus(errno, "cannot empty a listener");
  }
  const pid_t child = fork();
  if (child < 0) {
    return absl::ErrnoToStatus(errno, "cannot empty a listener");
  }
  if (child == 0) {
    close(listener == STDIN_FILENO ? STDOUT_FILENO : STDIN_FILENO);
    for (int i = 0; i < kMostHungUpOn; ++i) {
      const int waiting = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (waiting < 0 && errno != EINTR && errno != ECONNABORTED) {
        break;
      }
      close(waiting);
    }
    _exit(0);
  }
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return absl::OkStatus();
}

}  // namespace

void ListenerGate::Add(int listener) {
  if (IsTcp(listener)) {
    listeners_.push_back(listener);
  }
}

absl::Status ListenerGate::Shut() {
  if (listeners_.empty()) {
    return absl::UnimplementedError("it listens on no TCP port");
  }
  absl::Status status;
  for (const int listener : listeners_) {
    sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
    const sock_fprog program{1, &drop_all};
    if (setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program,
                   sizeof program) != 0) {
      status.Update(absl::ErrnoToStatus(errno, "cannot shut a listener"));
      continue;
    }
    status.Update(HangUpOnWaiting(listener));
  }
  return status;
}

absl::Status ListenerGate::Open() {
  absl::Status status;
  for (const int listener : listeners_) {
    const int unused = 0;
    // ENOENT: it was not shut.
    if (setsockopt(listener, SOL_SOCKET, SO_DETACH_FILTER, &unused,
                   sizeof unused) != 0 &&
        errno != ENOENT) {
      status.Update(absl::ErrnoToStatus(errno, "cannot open a listener"));
    }
  }
  return status;
}

}  // namespace paceline
