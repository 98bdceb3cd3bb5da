#include "cli/output_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "common/os/subprocess.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

// Everything until the other end is closed.
std::string ReadAll(int fd) {
  std::string all;
  char buffer[65536];
  for (ssize_t n = 0; (n = read(fd, buffer, sizeof buffer)) > 0;) {
    all.append(buffer, static_cast<std::size_t>(n));
  }
  return all;
}

TEST(OutputWriterTest, ItWritesAllInOrder) {
  auto pipe = MakePipe();
  ASSERT_THAT(pipe, IsOk());
  std::string read;
  std::thread reader([&] { read = ReadAll(pipe->first.get()); });
  std::string wanted;
  {
    OutputWriter writer(pipe->second.get());
    for (int i = 0; i < 10000; ++i) {
      const std::string line = std::to_string(i) + " a line\n";
      wanted += line;
      writer.Write(line);
    }
  }
  pipe->second.Reset();
  reader.join();
  EXPECT_EQ(read, wanted);
}

// A pager that waits for a key took the run's coordinator away after two
// minutes, and Ctrl-C was not heard.
TEST(OutputWriterTest, NobodyWaitsForAReaderThatDoesNotRead) {
  auto pipe = MakePipe();
  ASSERT_THAT(pipe, IsOk());
  std::thread reader;
  {
    OutputWriter writer(pipe->second.get());
    // Far more than a pipe holds; would not return if it waited.
    writer.Write(std::string(8 << 20, 'x'));
    writer.Write("end");
    reader = std::thread([fd = pipe->first.get()] { ReadAll(fd); });
  }
  pipe->second.Reset();
  reader.join();
}

// At the second Ctrl-C the program left with lines still to be written.
TEST(OutputWriterTest, ABoundedDrainWaitsForAReaderAndForNobodyElse) {
  signal(SIGPIPE, SIG_IGN);
  auto pipe = MakePipe();
  ASSERT_THAT(pipe, IsOk());
  OutputWriter writer(pipe->second.get());
  writer.Write("erased");
  writer.DrainFor(std::chrono::minutes(1));
  char buffer[16];
  EXPECT_EQ(read(pipe->first.get(), buffer, sizeof buffer), 6);
  writer.Write(std::string(8 << 20, 'x'));
  writer.DrainFor(std::chrono::milliseconds(1));  // returns
  pipe->first.Reset();
}

TEST(OutputWriterTest, WhatNobodyReadsForTooLongIsCounted) {
  auto pipe = MakePipe();
  ASSERT_THAT(pipe, IsOk());
  std::string read;
  std::thread reader;
  {
    OutputWriter writer(pipe->second.get());
    const std::string large(OutputWriter::kMaxWaiting, 'x');
    // The first may be on its way already; of the next two one finds no room.
    writer.Write(large);
    writer.Write(large);
    writer.Write(large);
    reader = std::thread([&] { read = ReadAll(pipe->first.get()); });
    writer.Drain();
    writer.Write("after");
  }
  pipe->second.Reset();
  reader.join();
  // Before what was written next, which may have been the third.
  EXPECT_NE(read.find("bytes are missing here"), std::string::npos);
  EXPECT_THAT(read.substr(read.size() - 100), testing::EndsWith("after"));
}

TEST(OutputWriterTest, AReaderThatIsGoneKeepsNobody) {
  auto pipe = MakePipe();
  ASSERT_THAT(pipe, IsOk());
  signal(SIGPIPE, SIG_IGN);
  pipe->first.Reset();
  OutputWriter writer(pipe->second.get());
  writer.Write(std::string(1 << 20, 'x'));
  writer.Drain();
}

}  // namespace
}  // namespace paceline
