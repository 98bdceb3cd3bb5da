// A shell script stands in for Python.

#include "worker/python/collector_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/fd.h"
#include "common/os/subprocess.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"
#include "worker/python/collector_listener.h"
#include "worker/python/data_directory.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr Duration kLong = std::chrono::minutes(1);

bool Never() { return false; }

class CollectorProcessTest : public testing::Test {
 protected:
  CollectorProcessTest() {
    dir_.Write("python/paceline_worker/boot.py", "");
    setenv(kDataDirectoryVariable, dir_.path().c_str(), /*overwrite=*/1);
    fifo_ = dir_.path() + "/fifo";
    EXPECT_EQ(mkfifo(fifo_.c_str(), 0600), 0);
    // Both ways, so that neither end waits for the other to open it.
    fd_.Reset(open(fifo_.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
    EXPECT_TRUE(fd_.valid());
  }
  ~CollectorProcessTest() override { unsetenv(kDataDirectoryVariable); }

  // `script` has the socket at descriptor 3, and the FIFO as $fifo.
  std::unique_ptr<CollectorProcess> Start(absl::string_view script) {
    const std::string program = dir_.Write(
        "python3",
        absl::StrCat("#!/bin/sh\nfifo='", fifo_, "'\n", script, "\n"));
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    auto process =
        CollectorProcess::Start(program, "pytest", CurrentEnvironment());
    EXPECT_THAT(process, IsOk());
    return process.ok() ? *std::move(process) : nullptr;
  }

  // The next line that a script writes into the FIFO.
  std::string NextLine() {
    std::string line;
    char byte = 0;
    while (byte != '\n') {
      pollfd input{fd_.get(), POLLIN, 0};
      if (poll(&input, 1, 30'000) != 1 || read(fd_.get(), &byte, 1) != 1) {
        ADD_FAILURE() << "nothing was written";
        break;
      }
      line += byte;
    }
    return line;
  }
  pid_t NextPid() { return std::atoi(NextLine().c_str()); }

  const ScratchDir dir_;
  std::string fifo_;
  Fd fd_;
};

// The map {"type": "finished"} in a frame.
constexpr char kSayFinished[] =
    "printf '\\000\\000\\000\\017\\201\\244type\\250finished' >&3";

TEST_F(CollectorProcessTest, TellsWhatTheCollectorSays) {
  const auto process = Start(kSayFinished);
  const auto message = process->Receive(kLong, Never);
  ASSERT_THAT(message, IsOk());
  EXPECT_TRUE(std::holds_alternative<CollectorFinished>(*message));
  EXPECT_EQ(process->Receive(kLong, Never).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(process->LastWords(),
            "It ended with exit status 0 and printed nothing.");
}

// It stood still until the run's end: nobody read its output but who received.
TEST_F(CollectorProcessTest, ACollectorThatPrintsMuchNeverWaitsForAReceiver) {
  const auto process = Start(
      "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo the end; "
      "echo printed > \"$fifo\"; exit 3");
  EXPECT_EQ(NextLine(), "printed\n");
  EXPECT_EQ(process->Receive(kLong, Never).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_THAT(process->LastWords(),
              AllOf(HasSubstr("exit status 3. Its last words: x"),
                    HasSubstr("the end")));
}

TEST_F(CollectorProcessTest, WhatIsSentToOneThatIsGoneIsDropped) {
  const auto process = Start("exit 0");
  EXPECT_EQ(process->Receive(kLong, Never).status().code(),
            absl::StatusCode::kUnavailable);
  for (int i = 0; i < 100; ++i) {
    process->Send(CollectorLeaving{"w", std::string(100'000, 'r')});
  }
  EXPECT_THAT(process->LastWords(), HasSubstr("exit status 0"));
}

// It was under init then.
TEST_F(CollectorProcessTest, WhatTheCollectorHasStartedEndsWithIt) {
  auto process =
      Start(absl::StrCat("sleep 600 >/dev/null 2>&1 & echo $! > \"$fifo\"\n",
                         kSayFinished, "\nexit 0"));
  const pid_t child = NextPid();
  ASSERT_GT(child, 0);
  EXPECT_THAT(process->Receive(kLong, Never), IsOk());
  const Fd ended(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  process.reset();
  pollfd gone{ended.get(), POLLIN, 0};
  EXPECT_TRUE(!ended.valid() || poll(&gone, 1, 10'000) == 1);
}

TEST_F(CollectorProcessTest, AListenerIsNotWaitedForWhenNobodyWantsTo) {
  auto process = Start("exec sleep 600");
  CollectorListener listener("tests/");
  listener.Begin(std::move(process), Collected{});
  int asked = 0;
  const ResultListener::End end =
      listener.Finish(/*interrupted=*/false, [&] { return ++asked > 2; });
  EXPECT_EQ(end.error,
            "The session that collected tests/ was not waited for, so reports "
            "of its plugins may be missing.");
}

}  // namespace
}  // namespace paceline
