// A GoogleTest program that does not list as asked: its name says what it does
// instead, so that one source makes them all. Copied or linked under the names
// runs_instead, hangs_instead, crashes_instead, fails_instead, lists_and_dies.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

TEST(NoListing, Passes) {}

int main(int argc, char** argv) {
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  const char* slash = std::strrchr(argv[0], '/');
  const char* name = slash == nullptr ? argv[0] : slash + 1;
  if (std::strcmp(name, "hangs_instead") == 0) {
    for (;;) {
      pause();
    }
  }
  if (std::strcmp(name, "crashes_instead") == 0) {
    raise(SIGSEGV);
  }
  if (std::strcmp(name, "fails_instead") == 0) {
    std::fputs("cannot find my data\n", stderr);
    return 5;
  }
  if (std::strcmp(name, "runs_instead") == 0) {
    argc = 1;
  }
  testing::InitGoogleTest(&argc, argv);
  const int status = RUN_ALL_TESTS();
  if (std::strcmp(name, "lists_and_dies") == 0) {
    abort();
  }
  return status;
}
