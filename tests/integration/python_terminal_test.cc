// pytest suites whose tests have the terminal: -s, --pdb, --trace.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/debian_python.h"
#include "tests/support/program.h"
#include "tests/support/terminal_program.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Not;

class PythonTerminalTest : public DebianPythonTest {
 protected:
  void SetUp() override {
    DebianPythonTest::SetUp();
    scratch_.Write("pytest.ini", "[pytest]\n");
    scratch_.Write("test_bad.py", R"(
def test_good(): pass
def test_bad():
    secret = 40 + 1
    assert secret == 42
def test_after(): pass
)");
    scratch_.Write("test_asks.py", R"(
def test_asks():
    print("printed by", "the test")
    assert input("name? ") == "ann"
)");
  }

  std::vector<std::string> Command(std::vector<std::string> arguments) {
    std::vector<std::string> argv = {PacelinePath(), "run", "--python",
                                     kDebianPython};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return argv;
  }
  ProgramOptions Options() {
    return {.env = {{"XDG_CACHE_HOME", scratch_.path()}},
            .working_directory = scratch_.path()};
  }
  std::unique_ptr<TerminalProgram> Start(std::vector<std::string> arguments) {
    return std::make_unique<TerminalProgram>(Command(std::move(arguments)),
                                             Options());
  }

  ScratchDir scratch_;
};

TEST_F(PythonTerminalTest, PdbHasThePromptAndTheVerdictsStand) {
  const auto run = Start({"test_bad.py", "--pdb", "-j", "3"});
  ASSERT_TRUE(run->WaitFor("entering PDB")) << run->screen();
  ASSERT_TRUE(run->WaitFor("(Pdb) "));
  run->Type("p secret\n");
  EXPECT_TRUE(run->WaitFor("41"));
  ASSERT_TRUE(run->WaitFor("(Pdb) "));
  run->Type("c\n");
  EXPECT_EQ(run->WaitForExit(), 1) << run->screen();
  EXPECT_THAT(run->screen(), HasSubstr("one worker, not more"));
  EXPECT_THAT(run->screen(), HasSubstr("2 passed, 1 failed"));
}

TEST_F(PythonTerminalTest, CtrlCAtThePromptIsTheDebuggersAndElseCancels) {
  scratch_.Write("test_waits.py", R"(
import signal
def test_waits():
    breakpoint()
    print("now it", "waits")
    while True:
        signal.pause()
)");
  const auto run = Start({"test_waits.py", "-s"});
  ASSERT_TRUE(run->WaitFor("(Pdb) ")) << run->screen();
  ASSERT_TRUE(run->TypeUntil(kCtrlC, "--KeyboardInterrupt--")) << run->screen();
  ASSERT_TRUE(run->WaitFor("(Pdb) "));
  run->Type("c\n");
  ASSERT_TRUE(run->WaitFor("now it waits"));
  run->Type(kCtrlC);
  EXPECT_EQ(run->WaitForExit(), 130) << run->screen();
}

// pytest calls no hook when a breakpoint is met after `continue`.
TEST_F(PythonTerminalTest, CtrlCIsTheDebuggersAtALaterBreakpointToo) {
  const auto run = Start({"test_bad.py::test_bad", "--trace"});
  ASSERT_TRUE(run->WaitFor("(Pdb) ")) << run->screen();
  run->Type("b 5\n");
  ASSERT_TRUE(run->WaitFor("(Pdb) "));
  run->Type("c\n");
  ASSERT_TRUE(run->WaitFor("-> assert secret == 42")) << run->screen();
  ASSERT_TRUE(run->WaitFor("(Pdb) "));
  ASSERT_TRUE(run->TypeUntil(kCtrlC, "--KeyboardInterrupt--")) << run->screen();
  run->Type("c\n");
  EXPECT_EQ(run->WaitForExit(), 1) << run->screen();
}

TEST_F(PythonTerminalTest, QuittingTheDebuggerLeavesTheFailureAFailure) {
  const auto run = Start({"test_bad.py", "--pytest-arg=--pdb"});
  ASSERT_TRUE(run->WaitFor("(Pdb) ")) << run->screen();
  run->Type("q\n");
  EXPECT_NE(run->WaitForExit(), 0);
  EXPECT_THAT(run->screen(), HasSubstr("1 passed, 1 failed, 1 not_run"));
}

TEST_F(PythonTerminalTest, NoTimeLimitHoldsInTheDebugger) {
  const auto run =
      Start({"test_bad.py::test_bad", "--pdb", "--timeout", "300ms"});
  ASSERT_TRUE(run->WaitFor("(Pdb) ")) << run->screen();
  // What it is for: the prompt is there for longer than the limit and its
  // grace.
  run->Type("import time; time.sleep(5); print('still', 'there')\n");
  ASSERT_TRUE(run->WaitFor("still there")) << run->screen();
  ASSERT_TRUE(run->WaitFor("(Pdb) "));
  run->Type("c\n");
  EXPECT_EQ(run->WaitForExit(), 1) << run->screen();
  EXPECT_THAT(run->screen(), HasSubstr("1 failed"));
}

TEST_F(PythonTerminalTest, WithoutCaptureTestsPrintAndRead) {
  for (const char* const flag :
       {"-s", "--capture=no", "--pytest-arg=-s", "--pytest-arg=-vs"}) {
    const auto run = Start({"test_asks.py", flag});
    ASSERT_TRUE(run->WaitFor("printed by the test")) << run->screen();
    ASSERT_TRUE(run->WaitFor("name? "));
    run->Type("ann\n");
    EXPECT_EQ(run->WaitForExit(), 0) << run->screen();
    EXPECT_THAT(run->screen(), HasSubstr("1 passed"));
  }
}

TEST_F(PythonTerminalTest, WithoutATerminalStandardInputAndOutputDo) {
  const auto run = RunProgram(Command({"test_asks.py", "-s"}), Options());
  // Nobody types: the end of /dev/null is an error in the test.
  EXPECT_EQ(run->exit_code(), 1);
  EXPECT_THAT(run->out(), HasSubstr("printed by the test"));
}

TEST_F(PythonTerminalTest, AReportHasStandardOutputForItself) {
  const auto run =
      RunProgram(Command({"test_asks.py", "-s", "--json", "-"}), Options());
  EXPECT_THAT(run->out(), Not(HasSubstr("printed by the test\n")));
  EXPECT_THAT(run->err(), HasSubstr("printed by the test\n"));
}

TEST_F(PythonTerminalTest, AFleetHasNoTerminal) {
  for (const char* const place :
       {"--coordinator=tcp://127.0.0.1:9", "--listen=tcp://127.0.0.1:*"}) {
    const auto run = RunProgram(
        Command({"test_asks.py", "--pytest-arg=--pdb", place}), Options());
    EXPECT_EQ(run->exit_code(), 2) << run->err();
    EXPECT_THAT(run->err(), HasSubstr("on other machines"));
  }
}

// An ini file's --pdb is for plain pytest: nobody is at the prompt here.
TEST_F(PythonTerminalTest, ADebuggerInTheConfigurationStartsNowhere) {
  scratch_.Write("pytest.ini", "[pytest]\naddopts = --pdb --trace\n");
  const auto run = RunProgram(Command({"test_bad.py"}), Options());
  EXPECT_EQ(run->exit_code(), 1) << run->out();
  EXPECT_THAT(run->out(), HasSubstr("2 passed, 1 failed"));
}

}  // namespace
}  // namespace paceline
