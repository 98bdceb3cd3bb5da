// Cases that print what could disturb who reads it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace {

TEST(Output, LooksLikeGoogleTests) {
  std::puts("[       OK ] Output.LooksLikeGoogleTests (0 ms)");
  std::puts("[ RUN      ] Output.PretendsToPass");
  std::puts("[  FAILED  ] Output.PretendsToPass (0 ms)");
  std::puts("event=TestEnd&passed=0&elapsed_time=0ms");
}

TEST(Output, PretendsToPass) {
  std::puts("[       OK ] Output.PretendsToPass (0 ms)");
  std::puts("[ RUN      ] Output.Floods");
  EXPECT_TRUE(false);
}

TEST(Output, PretendsToSkip) {
  EXPECT_TRUE(false);
  std::puts("[  SKIPPED ] Output.PretendsToSkip (0 ms)");
  std::puts("[----------] 1 test from Output (0 ms total)");
}

TEST(Output, PretendsToFail) {
  std::puts("[  FAILED  ] Output.PretendsToFail (0 ms)");
  GTEST_SKIP() << "after all";
}

// 1 GB unless PACELINE_FLOOD_MB says otherwise.
TEST(Output, Floods) {
  const char* megabytes = getenv("PACELINE_FLOOD_MB");
  const long count = megabytes == nullptr ? 1024 : atol(megabytes);
  const std::string block(std::size_t{1} << 20, 'x');
  std::puts("flood begins");
  std::fflush(stdout);
  for (long i = 0; i < count; ++i) {
    ASSERT_EQ(std::fwrite(block.data(), 1, block.size(), stdout), block.size());
  }
  std::puts("\nflood ends");
}

TEST(Output, IsBinary) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes.push_back(static_cast<char>(i));
  }
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}

TEST(Output, GoesToBothStreamsInOrder) {
  for (int i = 0; i < 3; ++i) {
    std::printf("out %d\n", i);
    std::fflush(stdout);
    std::fprintf(stderr, "err %d\n", i);
  }
}

TEST(Output, LacksTheLastNewline) { std::printf("no newline"); }

TEST(Output, Nothing) {}

}  // namespace
