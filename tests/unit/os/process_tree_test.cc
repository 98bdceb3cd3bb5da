#include "common/os/process_tree.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/describe_tree.h"
#include "tests/unit/os/child.h"

namespace paceline {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// The tests' process is the subreaper, as a worker is: what loses its parent
// becomes its child.
class ProcessTreeTest : public testing::Test {
 protected:
  ProcessTreeTest() { prctl(PR_SET_CHILD_SUBREAPER, 1); }
  ~ProcessTreeTest() override {
    SignalTree(getpid(), SIGKILL, /*including_root=*/false);
    ReapAll();
    prctl(PR_SET_CHILD_SUBREAPER, 0);
  }

  // Waits for the end of every child we have or get meanwhile.
  static void ReapAll() {
    while (waitpid(-1, nullptr, 0) > 0) {
    }
  }
};

TEST_F(ProcessTreeTest, DescendantsAreFoundAcrossSessions) {
  TestChild root = Start(ChildSpec({"grow-tree"}));
  ASSERT_EQ(root.ReadLine(), "ready");
  // A child and one in its own session; the orphan is ours.
  EXPECT_THAT(Descendants(root.pid), SizeIs(2));
  const std::vector<pid_t> ours = Descendants(getpid());
  EXPECT_THAT(ours, Contains(root.pid));
  EXPECT_THAT(ours, SizeIs(4));
}

TEST_F(ProcessTreeTest, ParentsComeBeforeTheirChildren) {
  TestChild root = Start(ChildSpec({"grow-tree"}));
  ASSERT_EQ(root.ReadLine(), "ready");
  const std::vector<pid_t> ours = Descendants(getpid());
  for (const pid_t parent : ours) {
    for (const pid_t child : Children(parent)) {
      EXPECT_LT(std::find(ours.begin(), ours.end(), parent),
                std::find(ours.begin(), ours.end(), child));
    }
  }
}

TEST_F(ProcessTreeTest, ChildrenAreTheDirectOnes) {
  TestChild root = Start(ChildSpec({"grow-tree"}));
  ASSERT_EQ(root.ReadLine(), "ready");
  EXPECT_THAT(Children(root.pid), SizeIs(2));
  EXPECT_THAT(Children(getpid()), SizeIs(2));
}

TEST_F(ProcessTreeTest, AChildThatHasEndedIsNotLiving) {
  TestChild child = Start(ChildSpec({"exit", "0"}));
  AwaitReadable(child.pidfd.get());
  EXPECT_THAT(Descendants(getpid()), Not(Contains(child.pid)));
  EXPECT_THAT(Children(getpid()), Not(Contains(child.pid)));
  child.Wait();
  EXPECT_THAT(Descendants(child.pid), IsEmpty());
}

TEST_F(ProcessTreeTest, KillReachesEverySessionAndOrphan) {
  TestChild root = Start(ChildSpec({"grow-tree"}));
  ASSERT_EQ(root.ReadLine(), "ready");
  EXPECT_EQ(SignalTree(getpid(), SIGKILL, /*including_root=*/false), 4);
  ReapAll();
  EXPECT_THAT(Descendants(getpid()), IsEmpty());
}

TEST_F(ProcessTreeTest, KillIncludesTheRootWhereAsked) {
  TestChild root = Start(ChildSpec({"grow-tree"}));
  ASSERT_EQ(root.ReadLine(), "ready");
  const std::vector<pid_t> below = Descendants(root.pid);
  EXPECT_EQ(SignalTree(root.pid, SIGKILL, /*including_root=*/true), 3);
  EXPECT_EQ(root.Wait().term_signal(), SIGKILL);
  for (const pid_t pid : below) {
    // Ours since the root is gone.
    EXPECT_EQ(waitpid(pid, nullptr, 0), pid);
  }
}

TEST_F(ProcessTreeTest, WhatIsSparedIsLeftAlone) {
  TestChild root = Start(ChildSpec({"grow-tree"}));
  ASSERT_EQ(root.ReadLine(), "ready");
  const pid_t spared = Children(root.pid).at(0);
  EXPECT_EQ(SignalTree(root.pid, SIGKILL, /*including_root=*/true, {spared}),
            2);
  root.Wait();
  EXPECT_THAT(Children(getpid()), Contains(spared));
}

TEST_F(ProcessTreeTest, AParentThatReplacesWhatIsKilledLosesTheRace) {
  TestChild root = Start(ChildSpec({"respawn"}));
  ASSERT_EQ(root.ReadLine(), "ready");
  SignalTree(root.pid, SIGKILL, /*including_root=*/true);
  ReapAll();
  EXPECT_THAT(Descendants(getpid()), IsEmpty());
}

TEST_F(ProcessTreeTest, AStoppedTreeIsKilled) {
  TestChild root = Start(ChildSpec({"pause"}));
  ASSERT_EQ(root.ReadLine(), "ready");
  kill(root.pid, SIGSTOP);
  EXPECT_EQ(SignalTree(root.pid, SIGKILL, /*including_root=*/true), 1);
  EXPECT_EQ(root.Wait().term_signal(), SIGKILL);
}

TEST_F(ProcessTreeTest, OtherSignalsAreSentOnceToEach) {
  TestChild root = Start(ChildSpec({"grow-tree"}));
  ASSERT_EQ(root.ReadLine(), "ready");
  EXPECT_EQ(SignalTree(root.pid, SIGTERM, /*including_root=*/true), 3);
  EXPECT_EQ(root.Wait().term_signal(), SIGTERM);
}

TEST_F(ProcessTreeTest, ATreeThatIsGoneTakesNoSignal) {
  TestChild child = Start(ChildSpec({"exit", "0"}));
  child.Wait();
  EXPECT_EQ(SignalTree(child.pid, SIGTERM, /*including_root=*/true), 0);
  EXPECT_EQ(SignalTree(child.pid, SIGKILL, /*including_root=*/true), 0);
}

TEST_F(ProcessTreeTest, TheInitialEnvironmentIsRead) {
  SpawnSpec spec = ChildSpec({"pause"});
  ApplyEdits({{"PACELINE_OS_TEST", "17.ab"}, {"PACELINE_OS_TEST_2", "other"}},
             spec.env);
  TestChild child = Start(spec);
  ASSERT_EQ(child.ReadLine(), "ready");
  EXPECT_EQ(InitialEnvironmentValue(child.pid, "PACELINE_OS_TEST"), "17.ab");
  EXPECT_EQ(InitialEnvironmentValue(child.pid, "PACELINE_OS"), "");
  kill(child.pid, SIGKILL);
  child.Wait();
  EXPECT_EQ(InitialEnvironmentValue(child.pid, "PACELINE_OS_TEST"), "");
}

TEST_F(ProcessTreeTest, ADescriptionNamesEveryProcess) {
  TestChild root = Start(ChildSpec({"grow-tree"}));
  ASSERT_EQ(root.ReadLine(), "ready");
  const std::string text = DescribeTree(root.pid);
  EXPECT_THAT(text, HasSubstr(absl::StrCat("process ", root.pid,
                                           ": os_test "
                                           "--child=grow-tree\n")));
  for (const pid_t pid : Descendants(root.pid)) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("process ", pid, ": ")));
    EXPECT_THAT(text, HasSubstr(absl::StrCat("  thread ", pid, " (")));
  }
}

TEST_F(ProcessTreeTest, ADescriptionIsBounded) {
  TestChild root = Start(ChildSpec({"grow-tree"}));
  ASSERT_EQ(root.ReadLine(), "ready");
  EXPECT_THAT(DescribeTree(root.pid, 100).size(), testing::Le(100U));
}

// A tree of many processes left no room for the stacks, and its list ended in
// the middle of a line.
TEST_F(ProcessTreeTest, ADescriptionOfManyProcessesCountsThoseLeftOut) {
  TestChild root = Start(ChildSpec({"grow-tree"}));
  ASSERT_EQ(root.ReadLine(), "ready");
  const std::string text = DescribeTree(root.pid, 400);
  const std::string list = text.substr(0, text.find("\nstacks of"));
  EXPECT_LE(list.size(), 200U);
  EXPECT_THAT(list, HasSubstr(absl::StrCat("process ", root.pid)));
  EXPECT_THAT(list, testing::EndsWith(" more processes\n"));
}

TEST_F(ProcessTreeTest, ADescriptionOfWhatIsGoneSaysSo) {
  TestChild child = Start(ChildSpec({"exit", "0"}));
  child.Wait();
  EXPECT_THAT(DescribeTree(child.pid), HasSubstr("has ended"));
}

}  // namespace
}  // namespace paceline
