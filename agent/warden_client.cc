#include "agent/warden_client.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/ids.h"
#include "common/base/status_macros.h"
#include "common/os/process_tree.h"

namespace paceline {
namespace {

constexpr int kEndMilliseconds = 5000;
constexpr std::size_t kMaxPassed = 3;
constexpr int kMaxKillRounds = 100;
constexpr int kKillRoundMs = 20;

absl::Status ErrnoError(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// Children that this process had before it had a warden: a shell that became
// us started them, and they are not ours to end.
const SparedPids& Inherited() {
  static const auto* const pids = [] {
    auto* const found = new SparedPids;
    for (const pid_t pid : Children(getpid())) {
      if (!IsSpawned(pid)) {
        found->insert(pid);
      }
    }
    return found;
  }();
  return *pids;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WardenClient>> WardenClient::Start(
    const std::string& program, const TempDirectory& directory,
    const std::optional<TerminalHandover>& terminal) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoError("cannot make a socket for the warden");
  }
  std::unique_ptr<WardenClient> client(new WardenClient());
  client->socket_.Reset(ends[0]);
  const Fd theirs(ends[1]);
  Inherited();
  // What a dead warden leaves becomes ours, and not init's.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  SpawnSpec spec;
  spec.program = program;
  spec.argv = {program, "warden"};
  spec.env = CurrentEnvironment();
  ApplyEdits({{kWardenDirectoryVariable, directory.path()}}, spec.env);
  spec.fds = {{STDERR_FILENO, STDERR_FILENO}, {theirs.get(), kWardenFd}};
  if (directory.lock().valid()) {
    spec.fds.emplace_back(directory.lock().get(), kWardenDirectoryFd);
  }
  if (terminal.has_value()) {
    spec.fds.emplace_back(STDIN_FILENO, STDIN_FILENO);
    spec.fds.emplace_back(terminal->output, STDOUT_FILENO);
    spec.process_group = getpgrp();
  } else {
    spec.new_session = true;
  }
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
                                 absl::string_view mark, Fd socket, Fd output) {
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
  Fd memfd(memfd_create("paceline-launch", MFD_CLOEXEC));
  if (!memfd.valid() || write(memfd.get(), strings.data(), strings.size()) !=
                            static_cast<ssize_t>(strings.size())) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for its arguments: ", std::strerror(errno)));
  }
  WardenRequest request;
  request.kind = WardenRequestKind::kSpawn;
  request.worker = Value(worker);
  request.arguments = static_cast<std::uint32_t>(launch.argv.size());
  request.bytes = strings.size();
  request.reaps = launch.reaps;
  request.terminal = launch.terminal;
  std::vector<Fd> fds;
  fds.push_back(std::move(memfd));
  fds.push_back(std::move(socket));
  fds.push_back(std::move(output));
  Send(request, std::move(fds));
  return absl::OkStatus();
}

void WardenClient::Signal(WorkerId worker, int signal) {
  WardenRequest request;
  request.kind = WardenRequestKind::kSignal;
  request.worker = Value(worker);
  request.signal = signal;
  Send(request, {});
}

bool WardenClient::Expect(WorkerId worker, absl::string_view mark) {
  WardenRequest request;
  request.kind = WardenRequestKind::kExpect;
  request.worker = Value(worker);
  PACELINE_CHECK(mark.size() < sizeof request.mark);
  std::memcpy(request.mark, mark.data(), mark.size());
  Send(request, {});
  return !has_unsent();
}

void WardenClient::WatchForked(WorkerId worker, pid_t pid) {
  WardenRequest request;
  request.kind = WardenRequestKind::kWatch;
  request.worker = Value(worker);
  request.pid = pid;
  Send(request, {});
}

void WardenClient::Forget(WorkerId worker) {
  WardenRequest request;
  request.kind = WardenRequestKind::kForget;
  request.worker = Value(worker);
  Send(request, {});
}

void WardenClient::Keep(WorkerId worker, std::uint32_t run, pid_t pid) {
  WardenRequest request;
  request.kind = WardenRequestKind::kKeep;
  request.worker = Value(worker);
  request.run = run;
  request.pid = pid;
  Send(request, {});
}

void WardenClient::EndKept(std::uint32_t run) {
  WardenRequest request;
  request.kind = WardenRequestKind::kEndKept;
  request.run = run;
  Send(request, {});
}

void WardenClient::Send(const WardenRequest& request, std::vector<Fd> fds) {
  unsent_.push_back({request, std::move(fds)});
  Flush();
}

void WardenClient::Flush() {
  while (!unsent_.empty() && TrySend(unsent_.front())) {
    unsent_.pop_front();
  }
}

bool WardenClient::TrySend(const Unsent& unsent) const {
  // sendmsg writes nothing.
  iovec data{const_cast<WardenRequest*>(&unsent.request),
             sizeof unsent.request};
  int fds[kMaxPassed];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!unsent.fds.empty()) {
    PACELINE_CHECK(unsent.fds.size() == kMaxPassed);
    for (std::size_t i = 0; i < kMaxPassed; ++i) {
      fds[i] = unsent.fds[i].get();
    }
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fds);
    std::memcpy(CMSG_DATA(header), fds, sizeof fds);
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  // Too many descriptors in flight is a queue that is full, too. Anything else
  // means that the warden is gone, which Receive tells.
  return sent >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK &&
                       errno != ENOBUFS && errno != ETOOMANYREFS);
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

void KillLeftByWarden() {
  // What one kill leaves over are processes that were just being made, and
  // what has not ended yet. The bound is for what no signal reaches.
  for (int round = 0; round < kMaxKillRounds; ++round) {
    std::vector<pid_t> left;
    {
      // What another thread starts now is not taken for left.
      const SpawnPause pause;
      left = Children(getpid());
      std::erase_if(left, [](pid_t pid) {
        return IsSpawned(pid) || Inherited().contains(pid);
      });
    }
    if (left.empty()) {
      return;
    }
    for (const pid_t pid : left) {
      SignalTree(pid, SIGKILL, /*including_root=*/true);
    }
    const Fd last(static_cast<int>(syscall(SYS_pidfd_open, left.back(), 0)));
    pollfd ended{last.get(), POLLIN, 0};
    poll(&ended, 1, kKillRoundMs);
    for (const pid_t pid : left) {
      waitpid(pid, nullptr, WNOHANG);
    }
  }
}

}  // namespace paceline
