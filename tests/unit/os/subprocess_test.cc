#include "common/os/subprocess.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/os/process_tree.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/os/child.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string ReadToEnd(Fd fd) {
  std::string text;
  char buffer[256];
  ssize_t count = 0;
  while ((count = read(fd.get(), buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

// ---- descriptors -----------------------------------------------------------

TEST(SpawnTest, TheChildHasExactlyTheDescriptorsAskedFor) {
  // Close-on-exec or not makes no difference.
  const Fd left_open(open("/dev/null", O_RDONLY));
  const Fd high(fcntl(left_open.get(), F_DUPFD, 500));
  SpawnSpec spec = ChildSpec({"list-fds"});
  spec.fds = {{left_open.get(), 7}};
  EXPECT_EQ(Start(spec).ReadAll(), "0 1 2 7\n");
}

TEST(SpawnTest, DescriptorsMayChangePlaces) {
  auto first = MakePipe();
  auto second = MakePipe();
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  const int a = first->second.get();
  const int b = second->second.get();
  SpawnSpec spec =
      ChildSpec({"write-numbers", absl::StrCat(a), absl::StrCat(b)});
  spec.fds = {{a, b}, {b, a}};
  auto child = Spawn(spec);
  ASSERT_THAT(child, IsOk());
  first->second.Reset();
  second->second.Reset();
  // What the child calls b is our a.
  EXPECT_EQ(ReadToEnd(std::move(first->first)), absl::StrCat(b));
  EXPECT_EQ(ReadToEnd(std::move(second->first)), absl::StrCat(a));
  AwaitReadable(child->pidfd.get());
  EXPECT_EQ(TryReap(child->pid)->exit_code(), 0);
}

TEST(SpawnTest, OneDescriptorMayServeAsTwo) {
  auto pipe = MakePipe();
  ASSERT_THAT(pipe, IsOk());
  SpawnSpec spec = ChildSpec({"write-numbers", "1", "2"});
  spec.fds = {{pipe->second.get(), 1}, {pipe->second.get(), 2}};
  auto child = Spawn(spec);
  ASSERT_THAT(child, IsOk());
  pipe->second.Reset();
  EXPECT_EQ(ReadToEnd(std::move(pipe->first)), "12");
  AwaitReadable(child->pidfd.get());
  TryReap(child->pid);
}

TEST(SpawnTest, ADescriptorThatKeepsItsNumberIsInherited) {
  auto pipe = MakePipe();  // close-on-exec
  ASSERT_THAT(pipe, IsOk());
  const int end = pipe->second.get();
  SpawnSpec spec = ChildSpec({"write-numbers", absl::StrCat(end)});
  spec.fds = {{end, end}};
  auto child = Spawn(spec);
  ASSERT_THAT(child, IsOk());
  pipe->second.Reset();
  EXPECT_EQ(ReadToEnd(std::move(pipe->first)), absl::StrCat(end));
  AwaitReadable(child->pidfd.get());
  EXPECT_EQ(TryReap(child->pid)->exit_code(), 0);
}

TEST(SpawnTest, UnnamedStandardDescriptorsAreDevNull) {
  auto child = Spawn(ChildSpec({"check-null"}));
  ASSERT_THAT(child, IsOk());
  AwaitReadable(child->pidfd.get());
  EXPECT_EQ(TryReap(child->pid)->exit_code(), 0);
}

TEST(SpawnTest, ThePidfdIsNotInherited) {
  auto child = Spawn(ChildSpec({"exit", "0"}));
  ASSERT_THAT(child, IsOk());
  EXPECT_NE(fcntl(child->pidfd.get(), F_GETFD) & FD_CLOEXEC, 0);
  AwaitReadable(child->pidfd.get());
  TryReap(child->pid);
}

// ---- surroundings ----------------------------------------------------------

TEST(SpawnTest, AChildIsKnownUntilItIsReaped) {
  TestChild child = Start(ChildSpec({"exit", "0"}));
  EXPECT_TRUE(IsSpawned(child.pid));
  child.Wait();
  EXPECT_FALSE(IsSpawned(child.pid));
}

// A warden's set of what it had started grew by one a worker, and a number that
// the kernel gave again counted as one of them.
TEST(ReapAnyTest, AChildThatAnyoneReapsIsForgotten) {
  TestChild child = Start(ChildSpec({"exit", "7"}));
  EXPECT_TRUE(IsSpawned(child.pid));
  AwaitReadable(child.pidfd.get());
  const std::optional<Reaped> reaped = ReapAny();
  ASSERT_TRUE(reaped.has_value());
  EXPECT_EQ(reaped->pid, child.pid);
  EXPECT_EQ(Describe(reaped->status), "exit status 7");
  EXPECT_FALSE(IsSpawned(child.pid));
  EXPECT_FALSE(ReapAny().has_value());
}

TEST(ReapAnyTest, ThereIsNothingToReapWhileAllRun) {
  TestChild child = Start(ChildSpec({"pause"}));
  EXPECT_FALSE(ReapAny().has_value());
  kill(child.pid, SIGKILL);
  child.Wait();
}

// /dev/null was opened once, and when that failed then for good: no program
// could be started any more. Nor could descriptors be counted.
TEST(SpawnTest, WhatFailedWithoutDescriptorsWorksWhenThereAreSomeAgain) {
  EXPECT_EQ(Start(ChildSpec({"run-out-of-fds"})).ReadAll(),
            "RESOURCE_EXHAUSTED, counted\nexit status 7\n");
}

TEST(SpawnPauseTest, NothingIsStartedMeanwhile) {
  std::atomic<bool> started = false;
  std::thread starter;
  {
    const SpawnPause pause;
    starter = std::thread([&started] {
      TestChild child = Start(ChildSpec({"exit", "0"}));
      started = true;
      child.Wait();
    });
    // Whatever is listed now is known as ours or not: it cannot tell in time.
    EXPECT_FALSE(started);
    EXPECT_THAT(Children(getpid()), testing::IsEmpty());
  }
  starter.join();
  EXPECT_TRUE(started);
}

TEST(SpawnTest, TheChildJoinsAProcessGroupWhereAsked) {
  TestChild leader = Start(ChildSpec({"pause"}));
  SpawnSpec spec = ChildSpec({"pause"});
  spec.process_group = leader.pid;
  TestChild member = Start(spec);
  EXPECT_EQ(getpgid(member.pid), leader.pid);
  kill(-leader.pid, SIGKILL);
  EXPECT_EQ(Describe(member.Wait()), "SIGKILL (killed)");
  leader.Wait();
}

TEST(SpawnTest, TheChildLeadsAProcessGroup) {
  EXPECT_THAT(Start(ChildSpec({"identify"})).ReadAll(),
              HasSubstr("leads its group, in a session"));
}

TEST(SpawnTest, TheChildLeadsASessionWhereAsked) {
  SpawnSpec spec = ChildSpec({"identify"});
  spec.new_session = true;
  EXPECT_THAT(Start(spec).ReadAll(),
              HasSubstr("leads its group, leads its session"));
}

TEST(SpawnTest, TheChildStartsInItsWorkingDirectory) {
  const ScratchDir scratch;
  SpawnSpec spec = ChildSpec({"identify"});
  spec.working_directory = std::filesystem::canonical(scratch.path());
  EXPECT_THAT(Start(spec).ReadAll(),
              HasSubstr(absl::StrCat("\n", spec.working_directory, "\n")));
}

TEST(SpawnTest, TheChildHasTheGivenEnvironment) {
  SpawnSpec spec = ChildSpec({"identify"});
  ApplyEdits({{"PACELINE_OS_TEST", "a=b c"}}, spec.env);
  EXPECT_THAT(Start(spec).ReadAll(), HasSubstr("\na=b c\n"));
}

TEST(SpawnTest, SignalsAreUnblockedAndDefaultInTheChild) {
  signal(SIGUSR1, SIG_IGN);
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const std::string text = Start(ChildSpec({"identify"})).ReadAll();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  signal(SIGUSR1, SIG_DFL);
  EXPECT_THAT(text, HasSubstr("SigBlk:\t0000000000000000\n"));
  const std::string label = "SigIgn:\t";
  const std::size_t ignored = text.find(label);
  ASSERT_NE(ignored, std::string::npos) << text;
  // Signals 32 and 33 are glibc's own: its posix_spawn ignores them in every
  // child, whatever set of defaults it is given.
  constexpr unsigned long long kGlibcs = 0x180000000;
  EXPECT_EQ(std::stoull(text.substr(ignored + label.size(), 16), nullptr, 16) &
                ~kGlibcs,
            0U);
}

// A launcher may leave SIGCHLD ignored, and the kernel then reaps for us.
TEST(SpawnTest, TheExitStatusIsKeptWhereSigchldWasIgnored) {
  EXPECT_EQ(Start(ChildSpec({"spawn-with-sigchld-ignored"})).ReadAll(),
            "exit status 7\n");
}

// ---- finding the program ---------------------------------------------------

class SpawnLookupTest : public testing::Test {
 protected:
  std::string Script(const std::string& name, const std::string& text,
                     mode_t mode) const {
    std::string path = scratch_.Write(name, text);
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  static SpawnSpec Plain(std::string program) {
    SpawnSpec spec;
    spec.argv = {program};
    spec.program = std::move(program);
    return spec;
  }

  const ScratchDir scratch_;
};

TEST_F(SpawnLookupTest, TheChildsPathIsSearched) {
  Script("paceline-os-test-tool", "#!/bin/sh\necho found\n", 0755);
  SpawnSpec spec = Plain("paceline-os-test-tool");
  spec.env = {absl::StrCat("PATH=/nonexistent:", scratch_.path())};
  EXPECT_EQ(Start(spec).ReadAll(), "found\n");
}

TEST_F(SpawnLookupTest, PathEntriesCountFromTheWorkingDirectory) {
  Script("paceline-os-test-tool", "#!/bin/sh\necho found\n", 0755);
  SpawnSpec spec = Plain("paceline-os-test-tool");
  spec.env = {"PATH=:/nonexistent"};
  spec.working_directory = scratch_.path();
  EXPECT_EQ(Start(spec).ReadAll(), "found\n");
}

TEST_F(SpawnLookupTest, AProgramMissingInPathIsNamedWithThePath) {
  SpawnSpec spec = Plain("paceline-os-test-tool");
  spec.env = {absl::StrCat("PATH=", scratch_.path())};
  EXPECT_THAT(Spawn(spec),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("paceline-os-test-tool"),
                             HasSubstr("PATH"), HasSubstr(scratch_.path()))));
}

TEST_F(SpawnLookupTest, AFileInPathThatIsNotExecutableIsNamed) {
  const std::string path = Script("paceline-os-test-tool", "", 0644);
  SpawnSpec spec = Plain("paceline-os-test-tool");
  spec.env = {absl::StrCat("PATH=", scratch_.path())};
  EXPECT_THAT(Spawn(spec),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr(path), HasSubstr("not executable"))));
}

TEST_F(SpawnLookupTest, AMissingProgramIsNotFound) {
  EXPECT_THAT(Spawn(Plain(scratch_.path() + "/none")),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr(scratch_.path() + "/none"),
                             HasSubstr("no such file"))));
}

TEST_F(SpawnLookupTest, AMissingWorkingDirectoryIsNamed) {
  SpawnSpec spec = ChildSpec({"exit", "0"});
  spec.working_directory = scratch_.path() + "/none";
  EXPECT_THAT(Spawn(spec),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("working directory"),
                             HasSubstr(scratch_.path() + "/none"))));
}

TEST_F(SpawnLookupTest, AMissingInterpreterIsNamedAsSuch) {
  EXPECT_THAT(Spawn(Plain(Script("script", "#!/nonexistent/sh\n", 0755))),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("interpreter")));
}

TEST_F(SpawnLookupTest, ADirectoryIsNoProgram) {
  EXPECT_THAT(Spawn(Plain(scratch_.path())),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("is a directory")));
}

TEST_F(SpawnLookupTest, ATextFileIsNoProgram) {
  EXPECT_THAT(Spawn(Plain(Script("text", "hello\n", 0755))),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SpawnLookupTest, ArgumentsThatAreTooLongAreInvalid) {
  SpawnSpec spec = ChildSpec({"exit", std::string(1 << 20, 'x')});
  EXPECT_THAT(Spawn(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                    HasSubstr("arguments and environment")));
}

// ---- the end ---------------------------------------------------------------

TEST(TryReapTest, ThereIsNothingToReapWhileTheChildRuns) {
  TestChild child = Start(ChildSpec({"pause"}));
  EXPECT_EQ(child.ReadLine(), "ready");
  EXPECT_FALSE(TryReap(child.pid).has_value());
  kill(child.pid, SIGKILL);
  const WaitStatus status = child.Wait();
  EXPECT_TRUE(status.signaled());
  EXPECT_EQ(status.term_signal(), SIGKILL);
}

TEST(TryReapTest, TheExitCodeIsTold) {
  const WaitStatus status = Start(ChildSpec({"exit", "3"})).Wait();
  EXPECT_TRUE(status.exited());
  EXPECT_EQ(status.exit_code(), 3);
}

TEST(DescribeTest, EndsReadAsPartOfASentence) {
  EXPECT_EQ(Describe(WaitStatus{3 << 8}), "exit status 3");
  EXPECT_EQ(Describe(WaitStatus{SIGSEGV}), "SIGSEGV (segmentation fault)");
  EXPECT_EQ(Describe(WaitStatus{SIGABRT | 0x80}), "SIGABRT (aborted)");
  EXPECT_EQ(Describe(WaitStatus{SIGXCPU}), "SIGXCPU (CPU time limit exceeded)");
}

TEST(DescribeTest, SignalsWithoutANameHaveANumber) {
  EXPECT_EQ(SignalName(SIGTERM), "SIGTERM");
  EXPECT_EQ(SignalName(42), "signal 42");
  EXPECT_EQ(Describe(WaitStatus{42}), "signal 42");
}

// ---- environment and pipes -------------------------------------------------

TEST(ApplyEditsTest, EditsApplyInOrder) {
  std::vector<std::string> env = {"A=1", "AB=2", "C=3", "A=again"};
  ApplyEdits({{"A", "x"}, {"C", std::nullopt}, {"D", ""}, {"A", "y=z"}}, env);
  EXPECT_THAT(env, ElementsAre("AB=2", "D=", "A=y=z"));
}

TEST(CurrentEnvironmentTest, HoldsWhatIsSet) {
  setenv("PACELINE_OS_TEST", "here", 1);
  EXPECT_THAT(CurrentEnvironment(), testing::Contains("PACELINE_OS_TEST=here"));
  unsetenv("PACELINE_OS_TEST");
}

TEST(MakePipeTest, BothEndsAreCloseOnExec) {
  auto pipe = MakePipe();
  auto pair = MakeSocketPair();
  ASSERT_THAT(pipe, IsOk());
  ASSERT_THAT(pair, IsOk());
  for (const Fd* fd :
       {&pipe->first, &pipe->second, &pair->first, &pair->second}) {
    EXPECT_NE(fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST(SetNonBlockingTest, AnEmptyPipeDoesNotBlock) {
  auto pipe = MakePipe();
  ASSERT_THAT(pipe, IsOk());
  ASSERT_THAT(SetNonBlocking(pipe->first.get()), IsOk());
  char byte;
  EXPECT_EQ(read(pipe->first.get(), &byte, 1), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_THAT(SetNonBlocking(-1), testing::Not(IsOk()));
}

}  // namespace
}  // namespace paceline
