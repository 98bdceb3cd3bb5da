#include "tests/unit/os/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/os/health_reader.h"

namespace paceline {
namespace {

constexpr char kChildSwitch[] = "--child=";

void Say(const std::string& line) {
  const std::string text = line + "\n";
  static_cast<void>(!write(STDOUT_FILENO, text.data(), text.size()));
}

// "0 1 2 5": the descriptors that are open here.
int ListFds() {
  std::string open_fds;
  for (int fd = 0; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) {
      absl::StrAppend(&open_fds, open_fds.empty() ? "" : " ", fd);
    }
  }
  Say(open_fds);
  return 0;
}

// Writes each named descriptor's number into it.
int WriteNumbers(int count, char** numbers) {
  for (int i = 0; i < count; ++i) {
    const int fd = atoi(numbers[i]);
    if (write(fd, numbers[i], strlen(numbers[i])) < 0) {
      return 1;
    }
  }
  return 0;
}

bool IsDevNull(int fd) {
  struct stat info {};
  return fstat(fd, &info) == 0 && S_ISCHR(info.st_mode) &&
         info.st_rdev == makedev(1, 3);
}

// Whether this kernel gives the number of descriptors as the folder's size.
bool StatShowsFds() {
  struct stat info {};
  return stat("/proc/self/fd", &info) == 0 && info.st_size > 0;
}

int CheckNull() { return IsDevNull(0) && IsDevNull(1) && IsDevNull(2) ? 0 : 1; }

// Who and where this process is.
int Identify() {
  Say(absl::StrCat(
      getpid() == getpgrp() ? "leads its group" : "in a group", ", ",
      getpid() == getsid(0) ? "leads its session" : "in a session"));
  char directory[4096];
  Say(getcwd(directory, sizeof directory) != nullptr ? directory : "?");
  const char* value = getenv("PACELINE_OS_TEST");
  Say(value != nullptr ? value : "(unset)");
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (absl::StartsWith(line, "SigBlk:") ||
        absl::StartsWith(line, "SigIgn:")) {
      Say(line);
    }
  }
  return 0;
}

int SpawnWithSigchldIgnored() {
  signal(SIGCHLD, SIG_IGN);
  TestChild child = Start(ChildSpec({"exit", "7"}));
  Say(Describe(child.Wait()));
  return 0;
}

// What works without descriptors, and what works afterwards.
int RunOutOfFds() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 32;
  setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<Fd> held;
  for (Fd fd(dup(0)); fd.valid(); fd.Reset(dup(0))) {
    held.push_back(std::move(fd));
  }
  static_cast<void>(CountFdsByStat());
  const absl::StatusOr<Child> without = Spawn(ChildSpec({"exit", "7"}));
  held.clear();
  // Nobody has counted or started anything before in this process.
  const auto counted = CountFdsByStat();
  const bool can_be_counted = counted.has_value() || !StatShowsFds();
  Say(absl::StrCat(absl::StatusCodeToString(without.status().code()), ", ",
                   can_be_counted ? "counted" : "not counted"));
  Say(Describe(Start(ChildSpec({"exit", "7"})).Wait()));
  return 0;
}

[[noreturn]] void PauseForEver() {
  for (;;) {
    pause();
  }
}

// A process of each awkward kind below this one: a child, one in a session of
// its own, and an orphan of that one. Says so when all are there.
int GrowTree() {
  int ready[2];
  if (pipe(ready) != 0) {
    return 1;
  }
  const auto report_and_pause = [&ready]() {
    static_cast<void>(!write(ready[1], "x", 1));
    PauseForEver();
  };
  if (fork() == 0) {
    report_and_pause();
  }
  if (fork() == 0) {
    setsid();
    const pid_t leaver = fork();
    if (leaver == 0) {
      setsid();
      if (fork() == 0) {
        report_and_pause();
      }
      _exit(0);  // and leaves an orphan
    }
    // Its child has its new parent once it can be reaped, not before: what
    // the orphan says may come while it is still the leaver's.
    waitpid(leaver, nullptr, 0);
    report_and_pause();
  }
  char byte;
  for (int i = 0; i < 3; ++i) {
    static_cast<void>(!read(ready[0], &byte, 1));
  }
  Say("ready");
  PauseForEver();
}

// Starts a new child whenever one was killed.
int Respawn() {
  bool said = false;
  for (;;) {
    const pid_t child = fork();
    if (child == 0) {
      PauseForEver();
    }
    if (!said) {
      Say("ready");
      said = true;
    }
    waitpid(child, nullptr, 0);
  }
}

// Holds so many descriptors above standard ones, and waits to be killed.
int HoldFds(int count) {
  for (int i = 0; i < count; ++i) {
    if (open("/dev/null", O_RDONLY) < 0) {
      return 1;
    }
  }
  Say("ready");
  PauseForEver();
}

int Pause() {
  Say("ready");
  PauseForEver();
}

}  // namespace

int RunChild(int argc, char** argv) {
  if (argc < 2 || !absl::StartsWith(argv[1], kChildSwitch)) {
    return -1;
  }
  const std::string mode = argv[1] + strlen(kChildSwitch);
  if (mode == "list-fds") {
    return ListFds();
  }
  if (mode == "write-numbers") {
    return WriteNumbers(argc - 2, argv + 2);
  }
  if (mode == "check-null") {
    return CheckNull();
  }
  if (mode == "identify") {
    return Identify();
  }
  if (mode == "exit") {
    return atoi(argv[2]);
  }
  if (mode == "spawn-with-sigchld-ignored") {
    return SpawnWithSigchldIgnored();
  }
  if (mode == "grow-tree") {
    return GrowTree();
  }
  if (mode == "respawn") {
    return Respawn();
  }
  if (mode == "run-out-of-fds") {
    return RunOutOfFds();
  }
  if (mode == "hold-fds") {
    return HoldFds(atoi(argv[2]));
  }
  if (mode == "pause") {
    return Pause();
  }
  std::fprintf(stderr, "no such mode: %s\n", mode.c_str());
  return 99;
}

SpawnSpec ChildSpec(std::vector<std::string> mode) {
  SpawnSpec spec;
  spec.program = "/proc/self/exe";
  mode[0] = kChildSwitch + mode[0];
  spec.argv = std::move(mode);
  spec.argv.insert(spec.argv.begin(), "os_test");
  spec.env = CurrentEnvironment();
  return spec;
}

std::string TestChild::ReadAll() {
  std::string text;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = read(out.get(), buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  Wait();
  return text;
}

std::string TestChild::ReadLine() {
  std::string line;
  char byte;
  while (read(out.get(), &byte, 1) == 1 && byte != '\n') {
    line.push_back(byte);
  }
  return line;
}

WaitStatus TestChild::Wait() {
  AwaitReadable(pidfd.get());
  const auto status = TryReap(pid);
  EXPECT_TRUE(status.has_value());
  return status.value_or(WaitStatus{});
}

TestChild Start(SpawnSpec spec) {
  TestChild started;
  auto pipe = MakePipe();
  EXPECT_TRUE(pipe.ok());
  spec.fds.emplace_back(pipe->second.get(), 1);
  auto child = Spawn(spec);
  EXPECT_TRUE(child.ok()) << child.status().ToString();
  if (child.ok()) {
    started.pid = child->pid;
    started.pidfd = std::move(child->pidfd);
    started.out = std::move(pipe->first);
  }
  return started;
}

void AwaitReadable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  while (poll(&entry, 1, -1) < 0) {
  }
}

}  // namespace paceline
