// Ends its process in the middle of a case, in each usual way; the cases
// around that are sound.

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

namespace {

// Not to leave core files in the tree.
void Raise(int signal) {
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  ::signal(signal, SIG_DFL);
  raise(signal);
}

TEST(Crash, BeforePasses) { std::puts("before"); }
TEST(Crash, Segv) {
  std::puts("about to crash");
  std::fflush(stdout);
  Raise(SIGSEGV);
}
TEST(Crash, BetweenFails) { FAIL() << "between crashes"; }
TEST(Crash, Bus) { Raise(SIGBUS); }
TEST(Crash, Fpe) { Raise(SIGFPE); }
TEST(Crash, Ill) { Raise(SIGILL); }
TEST(Crash, Abort) {
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  abort();
}
TEST(Crash, BetweenSkips) { GTEST_SKIP() << "between crashes"; }
TEST(Crash, Kill) { Raise(SIGKILL); }
TEST(Crash, Term) { Raise(SIGTERM); }
TEST(Crash, Pipe) { Raise(SIGPIPE); }
TEST(Crash, ExitsWith0) { exit(0); }
TEST(Crash, LeavesWith0) { _exit(0); }
TEST(Crash, ExitsWith3) { exit(3); }
TEST(Crash, FailsThenCrashes) {
  EXPECT_TRUE(false) << "a failure before the crash";
  Raise(SIGSEGV);
}
TEST(Crash, AfterPasses) { std::puts("after"); }

}  // namespace
