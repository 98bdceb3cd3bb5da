// Cases that change what a process shares with who started it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

namespace {

TEST(Descriptors, StandardInputIsEmpty) {
  char byte = 0;
  EXPECT_EQ(read(STDIN_FILENO, &byte, 1), 0);
}

TEST(Descriptors, NothingIsInherited) {
  // 3 and up are GoogleTest's stream and what the program opened itself.
  int open_ones = 0;
  for (int fd = 3; fd < 256; ++fd) {
    open_ones += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  }
  EXPECT_LE(open_ones, 1);
}

TEST(Descriptors, ChangesDirectory) { EXPECT_EQ(chdir("/"), 0); }

TEST(Descriptors, PassesInAnotherDirectory) {}

TEST(Descriptors, ClosesOutput) {
  std::puts("still open");
  std::fflush(stdout);
  EXPECT_EQ(close(STDOUT_FILENO), 0);
  EXPECT_EQ(close(STDERR_FILENO), 0);
}

TEST(Descriptors, PassesWithoutOutput) {}

TEST(Descriptors, FailsWithoutOutput) { FAIL() << "unseen"; }

TEST(Descriptors, SkipsWithoutOutput) { GTEST_SKIP() << "unseen too"; }

TEST(Descriptors, ClosesAll) {
  for (int fd = 3; fd < 256; ++fd) {
    close(fd);
  }
}

TEST(Descriptors, PassesWithoutStream) {}

TEST(Descriptors, FailsWithoutStream) { FAIL() << "unheard"; }

}  // namespace
