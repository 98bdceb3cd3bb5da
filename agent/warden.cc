#include "agent/warden.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/agent.h"
#include "agent/worker_launch.h"
#include "common/os/process_tree.h"
#include "common/os/remove_tree.h"
#include "common/os/subprocess.h"
#include "worker/protocol/messages.h"

namespace paceline {
namespace {

constexpr std::size_t kMaxPassed = 3;
constexpr std::size_t kMaxUnknownEnds = 256;
// Between two looks at what is to die.
constexpr long kFirstPauseMs = 20;
constexpr long kLongestPauseMs = 900;

// The strings of a spawn request.
std::vector<std::string> ReadStrings(const Fd& memfd, std::uint64_t bytes) {
  std::vector<std::string> strings;
  if (bytes == 0) {
    return strings;
  }
  void* const mapped =
      mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, memfd.get(), 0);
  if (mapped == MAP_FAILED) {
    return strings;
  }
  absl::string_view rest(static_cast<const char*>(mapped), bytes);
  while (!rest.empty()) {
    const std::size_t end = rest.find('\0');
    if (end == absl::string_view::npos) {
      break;
    }
    strings.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  munmap(mapped, bytes);
  return strings;
}

}  // namespace

int Warden::Run() {
  // A session of its own keeps the terminal's signals away, where workers have
  // no terminal; for the rest, and whoever aims at the warden by mistake, these
  // are ignored. Its end is the agent's.
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_NAME, "paceline-warden");

  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, nullptr);
  const Fd ended(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!ended.valid()) {
    return 3;
  }
  pollfd fds[] = {{socket_.get(), POLLIN, 0}, {ended.get(), POLLIN, 0}};
  while (true) {
    if (poll(fds, 2, -1) < 0) {
      if (errno == EINTR) {
        continue;
      }
      break;
    }
    if (fds[1].revents != 0) {
      signalfd_siginfo info;
      while (read(ended.get(), &info, sizeof info) > 0) {
      }
      Reap();
    }
    if (fds[0].revents != 0 && !ServeRequest()) {
      break;
    }
    if (!EndStrays()) {
      break;
    }
  }
  socket_.Reset();
  KillAll();
  return 0;
}

bool Warden::ServeRequest() {
  WardenRequest request;
  iovec data{&request, sizeof request};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxPassed * sizeof(int))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t n = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
    return true;
  }
  if (n != static_cast<ssize_t>(sizeof request)) {
    return false;
  }
  std::vector<Fd> passed;
  for (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(header))) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
      const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
        passed.emplace_back(fd);
      }
    }
  }
  switch (request.kind) {
    case WardenRequestKind::kSpawn:
      if (passed.size() == kMaxPassed) {
        SpawnWorker(request, passed[0], std::move(passed[1]),
                    std::move(passed[2]));
      } else {
        // The kernel drops what it has no room for.
        WardenReply reply;
        reply.worker = request.worker;
        Refuse(absl::ResourceExhaustedError(
                   "no descriptors are left for it (ulimit -n)"),
               reply);
      }
      break;
    case WardenRequestKind::kSignal:
      if (const auto it = workers_.find(request.worker);
          it != workers_.end() && it->second.pid > 0) {
        SignalWorker(it->second, request.signal);
      }
      break;
    case WardenRequestKind::kExpect:
      request.mark[sizeof request.mark - 1] = '\0';
      workers_[request.worker].mark = request.mark;
      break;
    case WardenRequestKind::kWatch:
      WatchForked(request);
      break;
    case WardenRequestKind::kForget:
      // What was forked all the same is a stray.
      workers_.erase(request.worker);
      strays_due_ = true;
      break;
    case WardenRequestKind::kKeep:
      Keep(request);
      break;
    case WardenRequestKind::kEndKept:
      EndKept(request.run);
      break;
  }
  return true;
}

void Warden::SpawnWorker(const WardenRequest& request, const Fd& strings,
                         Fd socket, Fd output) {
  WardenReply reply;
  reply.worker = request.worker;
  std::vector<std::string> all = ReadStrings(strings, request.bytes);
  const std::size_t first_env = 2 + std::size_t{request.arguments};
  if (all.size() < first_env || request.arguments == 0) {
    Refuse(absl::ResourceExhaustedError("no memory for its arguments"), reply);
    return;
  }
  SpawnSpec spec;
  spec.working_directory = std::move(all[0]);
  Worker worker;
  worker.mark = std::move(all[1]);
  worker.reaps = request.reaps;
  const auto begin = all.begin() + 2;
  const auto env = all.begin() + static_cast<std::ptrdiff_t>(first_env);
  spec.argv.assign(std::make_move_iterator(begin),
                   std::make_move_iterator(env));
  spec.env.assign(std::make_move_iterator(env),
                  std::make_move_iterator(all.end()));
  spec.program = spec.argv[0];
  spec.fds = {{socket.get(), kWorkerFd}};
  if (request.terminal) {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      spec.fds.emplace_back(fd, fd);
    }
    spec.process_group = getpgrp();
  } else {
    spec.fds.emplace_back(output.get(), STDOUT_FILENO);
    spec.fds.emplace_back(output.get(), STDERR_FILENO);
  }
  const absl::StatusOr<Child> child = Spawn(spec);
  if (!child.ok()) {
    Refuse(child.status(), reply);
    return;
  }
  reply.kind = WardenReplyKind::kSpawned;
  reply.pid = child->pid;
  worker.pid = child->pid;
  worker.start = StartTime(child->pid).value_or(0);
  workers_[request.worker] = std::move(worker);
  Reply(reply);
}

void Warden::WatchForked(const WardenRequest& request) {
  WardenReply reply;
  reply.kind = WardenReplyKind::kExited;
  reply.worker = request.worker;
  reply.pid = request.pid;
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(request.pid), &info,
             WEXITED | WNOHANG | WNOWAIT) != 0) {
    // No child of ours now. The last one of that pid was it; none was if
    // nothing could be watched.
    const auto last = std::find_if(
        unknown_ends_.rbegin(), unknown_ends_.rend(),
        [&request](const auto& end) { return end.first == request.pid; });
    reply.status = SIGKILL;
    workers_.erase(request.worker);
    if (last != unknown_ends_.rend()) {
      reply.status = last->second;
      unknown_ends_.erase(std::next(last).base());
    }
    ended_.push_back(reply);
    return;
  }
  Worker& worker = workers_[request.worker];
  worker.pid = request.pid;
  worker.start = StartTime(request.pid).value_or(0);
  // Its end may have been signalled while it was nobody's.
  Reap();
}

void Warden::Refuse(const absl::Status& status, WardenReply reply) const {
  reply.kind = WardenReplyKind::kSpawnFailed;
  reply.code = static_cast<std::int32_t>(status.code());
  const std::string text(status.message());
  std::strncpy(reply.text, text.c_str(), sizeof reply.text - 1);
  Reply(reply);
}

void Warden::SignalWorker(const Worker& worker, int signal) const {
  const SparedPids spared = Spared();
  SignalTree(worker.pid, signal, /*including_root=*/true, spared);
  for (const pid_t pid : Strays()) {
    if (InitialEnvironmentValue(pid, kWorkerIdVariable) == worker.mark) {
      SignalTree(pid, signal, /*including_root=*/true, spared);
    }
  }
}

void Warden::Keep(const WardenRequest& request) {
  const auto it = workers_.find(request.worker);
  const std::optional<std::uint64_t> start = StartTime(request.pid);
  if (it == workers_.end() || it->second.pid <= 0 || !start.has_value()) {
    return;
  }
  const std::vector<pid_t> below = Descendants(it->second.pid);
  if (std::find(below.begin(), below.end(), request.pid) != below.end()) {
    kept_[request.pid] = {request.run, *start};
  }
}

void Warden::EndKept(std::uint32_t run) {
  for (auto it = kept_.begin(); it != kept_.end();) {
    if (it->second.run != run) {
      ++it;
      continue;
    }
    if (StartTime(it->first) == it->second.start) {
      SignalTree(it->first, SIGKILL, /*including_root=*/true);
    }
    it = kept_.erase(it);
  }
}

SparedPids Warden::Spared() const {
  SparedPids spared;
  for (const auto& [pid, kept] : kept_) {
    if (StartTime(pid) == kept.start) {
      spared.insert(pid);
    }
  }
  return spared;
}

std::vector<pid_t> Warden::Strays() const {
  std::vector<pid_t> strays = Children(getpid());
  std::erase_if(strays, [this](pid_t pid) { return IsKnown(pid); });
  return strays;
}

bool Warden::IsKnown(pid_t pid) const {
  return kept_.contains(pid) || std::any_of(workers_.begin(), workers_.end(),
                                            [pid](const auto& entry) {
                                              return entry.second.pid == pid;
                                            });
}

bool Warden::MayBelongToWorker(pid_t stray) const {
  const std::string mark = InitialEnvironmentValue(stray, kWorkerIdVariable);
  const std::uint64_t start = StartTime(stray).value_or(0);
  // It may have emptied its environment, or written its title over it.
  return std::any_of(workers_.begin(), workers_.end(), [&](const auto& entry) {
    const Worker& worker = entry.second;
    return mark.empty() ? !worker.reaps && worker.start <= start
                        : worker.mark == mark;
  });
}

bool Warden::EndStrays() {
  if (std::exchange(strays_due_, false)) {
    const std::vector<pid_t> strays = Strays();
    // One of them may have been forked just now, and is a worker: the agent
    // said so before.
    pollfd more{socket_.get(), POLLIN, 0};
    while (poll(&more, 1, 0) > 0) {
      if (!ServeRequest()) {
        return false;
      }
    }
    for (const pid_t pid : strays) {
      if (!IsKnown(pid) && !MayBelongToWorker(pid)) {
        SignalTree(pid, SIGKILL, /*including_root=*/true, Spared());
      }
    }
  }
  for (const WardenReply& reply : std::exchange(ended_, {})) {
    Reply(reply);
  }
  return true;
}

void Warden::Reap() {
  bool any = false;
  while (const std::optional<Reaped> reaped = ReapAny()) {
    const pid_t pid = reaped->pid;
    const int status = reaped->status.raw;
    any = true;
    kept_.erase(pid);
    const auto it = std::find_if(
        workers_.begin(), workers_.end(),
        [pid](const auto& entry) { return entry.second.pid == pid; });
    if (it == workers_.end()) {
      // Something that a worker left, most likely.
      unknown_ends_.emplace_back(pid, status);
      if (unknown_ends_.size() > kMaxUnknownEnds) {
        unknown_ends_.pop_front();
      }
      continue;
    }
    WardenReply& reply = ended_.emplace_back();
    reply.kind = WardenReplyKind::kExited;
    reply.worker = it->first;
    reply.pid = pid;
    reply.status = status;
    workers_.erase(it);
  }
  strays_due_ = strays_due_ || any;
}

void Warden::Reply(const WardenReply& reply) const {
  // A failure means that the agent is gone, which the next read tells.
  while (send(socket_.get(), &reply, sizeof reply, MSG_NOSIGNAL) < 0 &&
         errno == EINTR) {
  }
}

void Warden::KillAll() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  long milliseconds = kFirstPauseMs;
  while (true) {
    SignalTree(getpid(), SIGKILL, /*including_root=*/false);
    pid_t pid = 0;
    while ((pid = waitpid(-1, nullptr, WNOHANG)) > 0) {
      milliseconds = kFirstPauseMs;
    }
    if (pid < 0 && errno == ECHILD) {
      return;
    }
    // Until one has ended; a grandchild that just became ours tells nothing.
    // What cannot be killed, root's or in a disk wait, is asked ever less.
    const timespec pause{0, milliseconds * 1'000'000};
    sigtimedwait(&child, nullptr, &pause);
    milliseconds = std::min(2 * milliseconds, kLongestPauseMs);
  }
}

int RunWarden(int fd) {
  const int code = Warden(Fd(fd)).Run();
  if (const char* const directory = std::getenv(kWardenDirectoryVariable);
      directory != nullptr && *directory != '\0') {
    // It is locked by a descriptor of ours, so that no other agent takes it for
    // left behind before it is gone.
    RemoveTree(directory);
  }
  return code;
}

}  // namespace paceline
