#include "cli/terminal_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>

#include "cli/output_writer.h"
#include "common/base/fd.h"
#include "common/os/subprocess.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

// A worker's end of the lock.
class User {
 public:
  explicit User(const TerminalLock& lock)
      : file_(open(lock.path().c_str(), O_RDWR | O_CLOEXEC)) {}

  bool Set(short type, off_t byte) const {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = byte;
    lock.l_len = 1;
    return fcntl(file_.get(), F_OFD_SETLK, &lock) == 0;
  }

  std::uint64_t interrupts() const {
    std::uint64_t number = 0;
    EXPECT_GE(pread(file_.get(), &number, sizeof number, 0), 0);
    return number;
  }

 private:
  Fd file_;
};

TEST(TerminalLockTest, NothingIsWrittenWhileAWorkerUsesTheTerminal) {
  auto lock = TerminalLock::Create();
  ASSERT_THAT(lock, IsOk());
  auto pipe = MakePipe();
  ASSERT_THAT(pipe, IsOk());
  ASSERT_THAT(SetNonBlocking(pipe->first.get()), IsOk());
  const User worker(**lock);
  ASSERT_TRUE(worker.Set(F_WRLCK, 0));
  OutputWriter writer(pipe->second.get(), lock->get());
  writer.Write("late");
  char buffer[16];
  EXPECT_LT(read(pipe->first.get(), buffer, sizeof buffer), 0);
  ASSERT_TRUE(worker.Set(F_UNLCK, 0));
  writer.Drain();
  EXPECT_EQ(read(pipe->first.get(), buffer, sizeof buffer), 4);
}

TEST(TerminalLockTest, NobodyUsesTheTerminalWhileItIsWrittenTo) {
  auto lock = TerminalLock::Create();
  ASSERT_THAT(lock, IsOk());
  const User worker(**lock);
  (*lock)->Acquire();
  EXPECT_FALSE(worker.Set(F_WRLCK, 0));
  (*lock)->Release();
  EXPECT_TRUE(worker.Set(F_WRLCK, 0));
}

TEST(TerminalLockTest, ADebuggerIsKnownUntilItIsLeftOrDies) {
  auto lock = TerminalLock::Create();
  ASSERT_THAT(lock, IsOk());
  EXPECT_FALSE((*lock)->debugged());
  {
    const User worker(**lock);
    ASSERT_TRUE(worker.Set(F_WRLCK, 0));
    EXPECT_FALSE((*lock)->debugged());
    ASSERT_TRUE(worker.Set(F_WRLCK, 1));
    EXPECT_TRUE((*lock)->debugged());
  }
  EXPECT_FALSE((*lock)->debugged());
}

// On a busy machine the debugger had been left when the program got to look,
// and what was typed at its prompt ended the run.
TEST(TerminalLockTest, ItIsSaidThatAnInterruptWasLeftToTheDebugger) {
  auto lock = TerminalLock::Create();
  ASSERT_THAT(lock, IsOk());
  const User worker(**lock);
  EXPECT_FALSE((*lock)->LeaveInterruptToDebugger());
  EXPECT_EQ(worker.interrupts(), 0u);
  ASSERT_TRUE(worker.Set(F_WRLCK, 1));
  EXPECT_TRUE((*lock)->LeaveInterruptToDebugger());
  EXPECT_TRUE((*lock)->LeaveInterruptToDebugger());
  EXPECT_EQ(worker.interrupts(), 2u);
}

}  // namespace
}  // namespace paceline
