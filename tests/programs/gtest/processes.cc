// Cases that fight the processes around them, or leave some behind.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

namespace {

// Sleeps until it is killed.
[[noreturn]] void SleepForEver() {
  for (;;) {
    pause();
  }
}

TEST(Processes, BeforePasses) {}

TEST(Processes, LeavesAGrandchildWithItsOutput) {
  if (fork() == 0) {
    if (fork() == 0) {
      setsid();
      SleepForEver();
    }
    _exit(0);
  }
  wait(nullptr);
}

TEST(Processes, LeavesASilentGrandchild) {
  if (fork() == 0) {
    if (fork() == 0) {
      setsid();
      close(STDOUT_FILENO);
      close(STDERR_FILENO);
      SleepForEver();
    }
    _exit(0);
  }
  wait(nullptr);
}

TEST(Processes, KillsItsGroup) { kill(0, SIGKILL); }

TEST(Processes, KillsItsParent) {
  kill(getppid(), SIGKILL);
  // Whoever watches gets the time to notice.
  SleepForEver();
}

TEST(Processes, Hangs) {
  std::puts("about to hang");
  std::fflush(stdout);
  SleepForEver();
}

TEST(Processes, IgnoresTerm) {
  signal(SIGTERM, SIG_IGN);
  std::puts("about to hang");
  std::fflush(stdout);
  SleepForEver();
}

TEST(Processes, ForkedChildReturnsIntoGoogleTest) {
  if (const pid_t child = fork(); child > 0) {
    waitpid(child, nullptr, 0);
  }
}

TEST(Processes, AfterPasses) {}

}  // namespace
