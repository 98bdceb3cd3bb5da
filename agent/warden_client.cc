#include "agent/warden_client.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/worker_launch.h"
#include "common/base/ids.h"
#include "common/base/status_macros.h"
#include "common/os/process_tree.h"

namespace paceline {
namespace {

constexpr int kEndMilliseconds = 5000;

absl::Status ErrnoError(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<WardenClient>> WardenClient::Start(
    const std::string& program) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoError("cannot make a socket for the warden");
  }
  std::unique_ptr<WardenClient> client(new WardenClient());
  client->socket_.Reset(ends[0]);
  const Fd theirs(ends[1]);
  // What a dead warden leaves becomes ours, and not init's.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  SpawnSpec spec;
  spec.program = program;
  spec.argv = {program, "warden"};
  spec.env = CurrentEnvironment();
  spec.fds = {{STDERR_FILENO, STDERR_FILENO}, {theirs.get(), kWardenFd}};
  spec.new_session = true;
  absl::StatusOr<Child> child = ::paceline::Spawn(spec);
  if (!child.ok()) {
    return absl::UnavailableError(
        absl::StrCat("cannot start the warden: ", child.status().message()));
  }
  client->child_ = *std::move(child);
  return client;
}

WardenClient::~WardenClient() {
  socket_.Reset();
  if (child_.pid <= 0) {
    return;
  }
  pollfd ended{child_.pidfd.get(), POLLIN, 0};
  if (poll(&ended, 1, kEndMilliseconds) != 1) {
    kill(child_.pid, SIGKILL);
    poll(&ended, 1, kEndMilliseconds);
  }
  TryReap(child_.pid);
}

absl::Status WardenClient::Spawn(WorkerId worker, const WorkerLaunch& launch,
                                 absl::string_view mark, const Fd& socket,
                                 const Fd& output) {
  std::string strings;
  const auto add = [&strings](absl::string_view text) {
    strings.append(text.data(), text.size());
    strings.push_back('\0');
  };
  add(launch.working_directory);
  add(mark);
  for (const std::string& argument : launch.argv) {
    add(argument);
  }
  for (const std::string& variable : launch.env) {
    add(variable);
  }
  const Fd memfd(memfd_create("paceline-launch", MFD_CLOEXEC));
  if (!memfd.valid() || write(memfd.get(), strings.data(), strings.size()) !=
                            static_cast<ssize_t>(strings.size())) {
    return ErrnoError("no memory for its arguments");
  }
  WardenRequest request;
  request.kind = WardenRequestKind::kSpawn;
  request.worker = Value(worker);
  request.arguments = static_cast<std::uint32_t>(launch.argv.size());
  request.bytes = strings.size();
  iovec data{&request, sizeof request};
  const int fds[] = {memfd.get(), socket.get(), output.get()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(header), fds, sizeof fds);
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? ErrnoError("the warden is gone") : absl::OkStatus();
}

void WardenClient::Signal(WorkerId worker, int signal) {
  WardenRequest request;
  request.kind = WardenRequestKind::kSignal;
  request.worker = Value(worker);
  request.signal = signal;
  // Where the warden is gone, so are its workers soon.
  while (send(socket_.get(), &request, sizeof request, MSG_NOSIGNAL) < 0 &&
         errno == EINTR) {
  }
}

std::optional<WardenReply> WardenClient::Receive(bool& gone) {
  WardenReply reply;
  ssize_t n = 0;
  do {
    n = recv(socket_.get(), &reply, sizeof reply, MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n == static_cast<ssize_t>(sizeof reply)) {
    reply.text[sizeof reply.text - 1] = '\0';
    return reply;
  }
  gone = n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  return std::nullopt;
}

void KillLeftByWarden(absl::string_view instance) {
  // What one kill leaves over are processes that were just being made.
  for (int round = 0; round < 100; ++round) {
    std::vector<pid_t> left;
    for (const pid_t pid : Children(getpid())) {
      if (absl::EndsWith(InitialEnvironmentValue(pid, kWorkerIdVariable),
                         absl::StrCat(".", instance))) {
        left.push_back(pid);
      }
    }
    if (left.empty()) {
      return;
    }
    for (const pid_t pid : left) {
      SignalTree(pid, SIGKILL, /*including_root=*/true);
    }
    for (const pid_t pid : left) {
      waitpid(pid, nullptr, 0);
    }
  }
}

}  // namespace paceline
