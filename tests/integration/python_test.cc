// Python suites, run by the program as people run it: verdicts, what goes
// wrong, recycling, and the same on a fleet.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/fd.h"
#include "tests/support/debian_python.h"
#include "tests/support/fleet.h"
#include "tests/support/program.h"
#include "tests/support/run_events.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

class PythonTest : public DebianPythonTest {
 protected:
  // Runs `paceline run --python … ARGUMENTS` in the scratch directory.
  std::unique_ptr<Program> Run(std::vector<std::string> arguments) {
    std::vector<std::string> argv = {PacelinePath(), "run",    "--python",
                                     kDebianPython,  "--json", EventsPath()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return RunProgram(std::move(argv),
                      {.env = {{"FIXTURE_LOG", FixtureLog()},
                               {"XDG_CACHE_HOME", scratch_.path()}},
                       .working_directory = scratch_.path(),
                       .limit = std::chrono::minutes(3)});
  }

  // Each test's verdict, by its name.
  std::map<std::string, std::string> Verdicts() {
    std::map<std::string, std::string> verdicts;
    for (const RunEvents::Attempt& attempt :
         ReadEvents(EventsPath()).attempts) {
      if (!attempt.verdict.empty()) {
        EXPECT_TRUE(verdicts.emplace(attempt.test, attempt.verdict).second)
            << attempt.test;
      }
    }
    return verdicts;
  }

  std::string EventsPath() const { return scratch_.path() + "/events.json"; }
  std::string FixtureLog() const { return scratch_.path() + "/fixtures"; }

  ScratchDir scratch_;
};

// A suite whose tests depend on a file that no collection is known to read.
class StalePythonTest : public PythonTest {
 protected:
  // Has been run, and is kept, with the tests "one" and "two".
  void SetUp() override {
    scratch_.Write("tests/pytest.ini", "[pytest]\n");
    scratch_.Write("tests/test_a.py", R"(
import pytest, os
with open(os.path.dirname(__file__) + "/cases.csv") as file:
    CASES = file.read().split()
@pytest.mark.parametrize("case", CASES)
def test_case(case):
    assert case != "bad"
    if case == "exit":
        os._exit(3)
)");
    SetCases("one two");
    EXPECT_EQ(Run({"tests"})->exit_code(), 0);
    EXPECT_EQ(Run({"tests"})->exit_code(), 0);
    EXPECT_THAT(Verdicts(), UnorderedElementsAre(Pair(Case("one"), "passed"),
                                                 Pair(Case("two"), "passed")));
  }
  void SetCases(const std::string& cases) {
    scratch_.Write("tests/cases.csv", cases);
  }
  static std::string Case(absl::string_view name) {
    return absl::StrCat("test_a.py::test_case[", name, "]");
  }
};

TEST_F(StalePythonTest, WhatIsNewRunsAndWhatIsGoneIsNoFailure) {
  SetCases("one bad three");
  const auto stale = Run({"tests", "--junit", scratch_.path() + "/junit.xml"});
  EXPECT_EQ(stale->exit_code(), 1) << stale->err();
  EXPECT_THAT(Verdicts(), UnorderedElementsAre(Pair(Case("one"), "passed"),
                                               Pair(Case("bad"), "failed"),
                                               Pair(Case("three"), "passed"),
                                               Pair(Case("two"), "skipped")));
  EXPECT_THAT(stale->out(),
              AllOf(HasSubstr("Gone since the kept collection: " + Case("two")),
                    HasSubstr("assert 'bad' != 'bad'")));
  EXPECT_THAT(ReadJunit(scratch_.path() + "/junit.xml"),
              AllOf(Contains(Pair(HasSubstr("bad"), "failure")),
                    Contains(Pair(HasSubstr("three"), "passed")),
                    Contains(Pair(HasSubstr("two"), "skipped"))));
  const auto fresh = Run({"tests"});
  EXPECT_EQ(fresh->exit_code(), 1);
  EXPECT_THAT(fresh->out(), Not(HasSubstr("kept")));
  EXPECT_THAT(Verdicts(), UnorderedElementsAre(Pair(Case("one"), "passed"),
                                               Pair(Case("bad"), "failed"),
                                               Pair(Case("three"), "passed")));
}

TEST_F(StalePythonTest, WhereAllIsGoodTheRunIsGreen) {
  SetCases("one three");
  EXPECT_EQ(Run({"tests"})->exit_code(), 0);
  EXPECT_THAT(Verdicts(), UnorderedElementsAre(Pair(Case("one"), "passed"),
                                               Pair(Case("three"), "passed"),
                                               Pair(Case("two"), "skipped")));
}

TEST_F(StalePythonTest, ANewTestThatTakesItsWorkerAlongIsNamed) {
  SetCases("exit one three");
  const auto stale = Run({"tests"});
  EXPECT_EQ(stale->exit_code(), 1) << stale->err();
  EXPECT_THAT(Verdicts(), UnorderedElementsAre(Pair(Case("exit"), "crashed"),
                                               Pair(Case("one"), "passed"),
                                               Pair(Case("three"), "passed"),
                                               Pair(Case("two"), "skipped")));
  EXPECT_THAT(stale->out(), HasSubstr("and run: " + Case("exit")));
}

TEST_F(StalePythonTest, AFilterLeavesItToTheNextRun) {
  SetCases("one bad");
  const auto stale = Run({"tests", "--filter", "test_case"});
  EXPECT_EQ(stale->exit_code(), 3);
  EXPECT_THAT(stale->out() + stale->err(), HasSubstr("run again"));
  EXPECT_THAT(Verdicts(), UnorderedElementsAre(Pair(Case("one"), "passed"),
                                               Pair(Case("bad"), "error"),
                                               Pair(Case("two"), "error")));
  EXPECT_EQ(Run({"tests", "--filter", "test_case"})->exit_code(), 1);
}

TEST_F(StalePythonTest, AFleetCorrectsItToo) {
  SetCases("one bad");
  const Fleet fleet({.agents = 2, .workers = 1});
  const auto stale = Run({"tests", "--coordinator", fleet.endpoint()});
  EXPECT_EQ(stale->exit_code(), 1) << stale->err();
  EXPECT_THAT(Verdicts(), UnorderedElementsAre(Pair(Case("one"), "passed"),
                                               Pair(Case("bad"), "failed"),
                                               Pair(Case("two"), "skipped")));
}

TEST_F(PythonTest, VerdictsArePytests) {
  scratch_.Write("tests/test_a.py", R"(
import pytest
def test_passes(): pass
def test_fails(): assert 1 == 2
@pytest.mark.parametrize("n", ["a::b", "x y", "[z]"])
def test_names(n): pass
@pytest.mark.skip(reason="not here")
def test_skips(): pass
@pytest.mark.xfail
def test_xfails(): assert 0
@pytest.mark.xfail
def test_xpasses(): pass
@pytest.mark.xfail(strict=True)
def test_xpasses_strictly(): pass
@pytest.fixture
def broken(): raise RuntimeError("set-up")
def test_set_up_fails(broken): pass
)");
  scratch_.Write("tests/test_skipped.py",
                 "import pytest\npytest.importorskip('no_such_module')\n");
  const auto run = Run({"tests"});
  EXPECT_EQ(run->exit_code(), 1) << run->err();
  EXPECT_THAT(Verdicts(),
              UnorderedElementsAre(
                  Pair("tests/test_a.py::test_passes", "passed"),
                  Pair("tests/test_a.py::test_fails", "failed"),
                  Pair("tests/test_a.py::test_names[a::b]", "passed"),
                  Pair("tests/test_a.py::test_names[x y]", "passed"),
                  Pair("tests/test_a.py::test_names[[z]]", "passed"),
                  Pair("tests/test_a.py::test_skips", "skipped"),
                  Pair("tests/test_a.py::test_xfails", "xfailed"),
                  Pair("tests/test_a.py::test_xpasses", "xpassed"),
                  Pair("tests/test_a.py::test_xpasses_strictly", "failed"),
                  Pair("tests/test_a.py::test_set_up_fails", "error"),
                  Pair("tests/test_skipped.py", "skipped")));
  EXPECT_THAT(run->out(), HasSubstr("assert 1 == 2"));
}

TEST_F(PythonTest, ACrashIsChargedToTheTestThatRan) {
  scratch_.Write("test_a.py", R"(
import os, signal
def test_before(): pass
def test_crashes(): os.kill(os.getpid(), signal.SIGSEGV)
def test_leaves(): os._exit(0)
def test_after(): pass
)");
  const auto run = Run({"test_a.py"});
  EXPECT_EQ(run->exit_code(), 1) << run->err();
  EXPECT_THAT(Verdicts(),
              UnorderedElementsAre(Pair("test_a.py::test_before", "passed"),
                                   Pair("test_a.py::test_crashes", "crashed"),
                                   Pair("test_a.py::test_leaves", "crashed"),
                                   Pair("test_a.py::test_after", "passed")));
  EXPECT_THAT(run->out(), HasSubstr("SIGSEGV"));
}

TEST_F(PythonTest, AModuleThatCannotBeImportedIsNamedAndOthersRun) {
  scratch_.Write("tests/test_good.py", "def test_one(): pass\n");
  scratch_.Write("tests/test_bad.py", "import no_such_module\n");
  scratch_.Write("tests/test_worse.py", "def broken(:\n");
  const auto run = Run({"tests"});
  EXPECT_EQ(run->exit_code(), 3) << run->err();
  EXPECT_THAT(run->out(),
              AllOf(HasSubstr("tests/test_bad.py"), HasSubstr("no_such_module"),
                    HasSubstr("tests/test_worse.py")));
  EXPECT_THAT(Verdicts(), UnorderedElementsAre(
                              Pair("tests/test_good.py::test_one", "passed")));
}

TEST_F(PythonTest, ABrokenConftestIsNamed) {
  scratch_.Write("tests/conftest.py", "raise RuntimeError('of conftest')\n");
  scratch_.Write("tests/test_a.py", "def test_one(): pass\n");
  const auto run = Run({"tests"});
  EXPECT_EQ(run->exit_code(), 3);
  EXPECT_THAT(run->out() + run->err(), HasSubstr("of conftest"));
}

TEST_F(PythonTest, APythonThatIsNotThereIsOneSentence) {
  scratch_.Write("test_a.py", "def test_one(): pass\n");
  const auto run = RunProgram(
      {PacelinePath(), "run", "--python", "/no/such/python", "test_a.py"},
      {.env = {}, .working_directory = scratch_.path()});
  EXPECT_EQ(run->exit_code(), 3);
  EXPECT_THAT(run->out() + run->err(), HasSubstr("/no/such/python"));
}

TEST_F(PythonTest, SelectionIsPytests) {
  scratch_.Write("test_a.py", R"(
def test_one(): pass
def test_two(): pass
class TestX:
  def test_three(self): pass
)");
  EXPECT_EQ(Run({"test_a.py", "-k", "two"})->exit_code(), 0);
  EXPECT_THAT(Verdicts(),
              UnorderedElementsAre(Pair("test_a.py::test_two", "passed")));
  EXPECT_EQ(Run({"test_a.py::TestX::test_three"})->exit_code(), 0);
  EXPECT_THAT(Verdicts(), UnorderedElementsAre(
                              Pair("test_a.py::TestX::test_three", "passed")));
  EXPECT_EQ(Run({"test_a.py", "-k", "nothing"})->exit_code(), 4);
}

TEST_F(PythonTest, PluginsOfTheControllerHearOfAllResults) {
  scratch_.Write("test_a.py",
                 "def test_one(): pass\ndef test_two(): assert 0\n");
  const auto run =
      Run({"test_a.py", "--pytest-arg=--junitxml=own.xml", "--durations=1"});
  EXPECT_EQ(run->exit_code(), 1) << run->err();
  EXPECT_THAT(ReadJunit(scratch_.path() + "/own.xml"),
              UnorderedElementsAre(Pair("test_a.test_one", "passed"),
                                   Pair("test_a.test_two", "failure")));
  EXPECT_THAT(run->out(), HasSubstr("slowest"));
}

// Over 64 KiB they were dropped on the way, and the node was never down.
TEST_F(PythonTest, LongWordsOfAWorkerReachTheController) {
  scratch_.Write("conftest.py",
                 "import pytest\n"
                 "def pytest_sessionfinish(session):\n"
                 "    if hasattr(session.config, 'workeroutput'):\n"
                 "        session.config.workeroutput['mine'] = 'x' * 70_000\n"
                 "@pytest.hookimpl(optionalhook=True)\n"
                 "def pytest_testnodedown(node, error):\n"
                 "    with open('down', 'a') as down:\n"
                 "        print(len(node.workeroutput['mine']), file=down)\n");
  scratch_.Write("test_a.py", "def test_one(): pass\n");
  const auto run = Run({"test_a.py", "--workers", "1"});
  EXPECT_EQ(run->exit_code(), 0) << run->err();
  EXPECT_EQ(ReadFile(scratch_.path() + "/down"), "70000\n");
}

// It was ignored until the session's end, and then the program was gone before
// its summary.
TEST_F(PythonTest, AnInterruptWhileTheSessionEndsIsNotLost) {
  const std::string fifo = scratch_.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const Fd ready(open(fifo.c_str(), O_RDWR | O_CLOEXEC));
  scratch_.Write("conftest.py",
                 "import os, time\n"
                 "def pytest_sessionfinish(session):\n"
                 "    if not hasattr(session.config, 'workerinput'):\n"
                 "        with open('fifo', 'w') as fifo:\n"
                 "            fifo.write('x')\n"
                 "        time.sleep(1000)\n");
  scratch_.Write("test_a.py", "def test_one(): pass\n");
  Program run({PacelinePath(), "run", "--python", kDebianPython, "test_a.py"},
              {.env = {{"XDG_CACHE_HOME", scratch_.path()}},
               .working_directory = scratch_.path(),
               .limit = std::chrono::minutes(2)});
  pollfd input{ready.get(), POLLIN, 0};
  ASSERT_EQ(poll(&input, 1, 60'000), 1) << run.err();
  run.Signal(SIGINT);
  ASSERT_TRUE(run.WaitFor("once more to leave at once")) << run.out();
  run.Signal(SIGINT);
  ASSERT_TRUE(run.WaitForExit());
  EXPECT_EQ(run.exit_code(), 130) << run.err();
  EXPECT_THAT(run.out(), HasSubstr("1 passed"));
}

// What the fixtures of tests/programs/python/leaking wrote: every scope is
// torn down by the process that set it up.
void ExpectScopesWhole(const std::string& log) {
  std::multiset<std::string> open;
  std::set<std::string> processes;
  for (const absl::string_view line :
       absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    std::string text(line);
    processes.insert(text.substr(0, text.find(' ')));
    if (absl::StrContains(text, " set-up ")) {
      open.insert(text.replace(text.find(" set-up "), 8, " "));
    } else {
      const auto set_up =
          open.find(text.replace(text.find(" tear-down "), 11, " "));
      ASSERT_NE(set_up, open.end()) << line;
      open.erase(set_up);
    }
  }
  EXPECT_THAT(open, IsEmpty());
  EXPECT_FALSE(processes.empty());
}

class LeakingPythonTest : public PythonTest {
 protected:
  std::string Suite(absl::string_view file) {
    return absl::StrCat(PACELINE_SOURCE_DIR, "/tests/programs/python/leaking/",
                        file);
  }
};

TEST_F(LeakingPythonTest, MemoryRecyclesBetweenUnits) {
  const auto run =
      Run({"--max-rss", "128MiB", "--max-fds", "none", "--max-age", "none",
           "--unit", "test", "-j", "1", Suite("test_memory.py"),
           "--pytest-arg=-p", "--pytest-arg=no:cacheprovider"});
  EXPECT_EQ(run->exit_code(), 0) << run->out() << run->err();
  EXPECT_EQ(Verdicts().size(), 6U);
  const RunEvents events = ReadEvents(EventsPath());
  ASSERT_THAT(events.recycles, Not(IsEmpty()));
  for (const RunEvents::Recycle& recycle : events.recycles) {
    EXPECT_EQ(recycle.signal, "memory");
  }
}

TEST_F(LeakingPythonTest, DescriptorsRecycleBetweenUnits) {
  const auto run = Run({"--max-fds", "100", "--unit", "test", "-j", "1",
                        Suite("test_descriptors.py"), "--pytest-arg=-p",
                        "--pytest-arg=no:cacheprovider"});
  EXPECT_EQ(run->exit_code(), 0) << run->out() << run->err();
  EXPECT_EQ(Verdicts().size(), 6U);
  const RunEvents events = ReadEvents(EventsPath());
  ASSERT_THAT(events.recycles, Not(IsEmpty()));
  for (const RunEvents::Recycle& recycle : events.recycles) {
    EXPECT_EQ(recycle.signal, "descriptors");
  }
}

TEST_F(LeakingPythonTest, WhatOnlyAModuleHoldsRecyclesNothing) {
  const auto run =
      Run({"--max-fds", "200", "-j", "1", Suite("test_module_descriptors.py"),
           "--pytest-arg=-p", "--pytest-arg=no:cacheprovider"});
  EXPECT_EQ(run->exit_code(), 0) << run->out() << run->err();
  EXPECT_EQ(Verdicts().size(), 2U);
  EXPECT_THAT(ReadEvents(EventsPath()).recycles, IsEmpty());
  ExpectScopesWhole(ReadFile(FixtureLog()));
}

// A suite whose Python processes write down that they start.
class StartsPythonTest : public PythonTest {
 protected:
  void SetUp() override {
    scratch_.Write("site/sitecustomize.py", R"(
import os, sys
with open(os.environ["FIXTURE_LOG"], "a") as log:
    print(sys.orig_argv[-2], file=log)
)");
    scratch_.Write("test_a.py", "def test_one(): pass\n");
  }
  std::unique_ptr<Program> RunHere() {
    return Run({"--env", absl::StrCat("PYTHONPATH=", scratch_.path(), "/site"),
                "test_a.py"});
  }
  // "collect" or "worker" each.
  std::vector<std::string> Starts() {
    return absl::StrSplit(ReadFile(FixtureLog()), '\n', absl::SkipEmpty());
  }
};

TEST_F(StartsPythonTest, ATemplateStartsWhileTestsAreLookedFor) {
  // In the collector this waits for the template, else it fails.
  scratch_.Write("conftest.py", R"(
import os, time
until = time.monotonic() + 60
while "worker" not in open(os.environ["FIXTURE_LOG"]).read():
    assert time.monotonic() < until, "no worker was started"
    time.sleep(0.01)
)");
  const auto run = RunHere();
  EXPECT_EQ(run->exit_code(), 0) << run->out() << run->err();
  EXPECT_THAT(Starts(), UnorderedElementsAre("collect", "worker"));
}

TEST_F(StartsPythonTest, ATemplateThatDoesNotFitIsReplaced) {
  scratch_.Write("conftest.py", R"(
import os
os.environ["PYTHONWARNINGS"] = "ignore"
)");
  const auto run = RunHere();
  EXPECT_EQ(run->exit_code(), 0) << run->out() << run->err();
  EXPECT_THAT(Starts(), UnorderedElementsAre("collect", "worker", "worker"));
}

TEST_F(PythonTest, UnittestAndDoctestNeedNoPytest) {
  scratch_.Write("checks.py", R"(
"""A module with examples.

>>> 1 + 1
2
"""
import unittest
class Checks(unittest.TestCase):
  def test_passes(self): pass
  def test_fails(self): self.assertEqual(1, 2)
)");
  auto run = Run({"--runner", "unittest", "checks.py"});
  EXPECT_EQ(run->exit_code(), 1) << run->out() << run->err();
  EXPECT_THAT(Verdicts(),
              UnorderedElementsAre(Pair("checks.Checks.test_passes", "passed"),
                                   Pair("checks.Checks.test_fails", "failed")));
  run = Run({"--runner", "doctest", "checks.py"});
  EXPECT_EQ(run->exit_code(), 0) << run->out() << run->err();
  EXPECT_EQ(Verdicts().size(), 1U);
}

TEST_F(PythonTest, AFleetSaysTheSame) {
  for (int i = 0; i < 12; ++i) {
    scratch_.Write(absl::StrCat("tests/test_", i, ".py"),
                   absl::StrCat("def test_one(): pass\n"
                                "def test_two(): assert ",
                                i % 4, " != 0\n"));
  }
  const auto here = Run({"tests"});
  const std::map<std::string, std::string> expected = Verdicts();
  EXPECT_EQ(expected.size(), 24U);
  const Fleet fleet({.agents = 3, .workers = 1});
  const auto there = Run({"tests", "--coordinator", fleet.endpoint()});
  EXPECT_EQ(there->exit_code(), here->exit_code()) << there->err();
  EXPECT_EQ(Verdicts(), expected);
}

// A run used to end with its last test, and what failed after it was a note.
TEST_F(PythonTest, ASessionFixtureThatFailsAtTheEndFailsTheRun) {
  scratch_.Write("test_a.py", R"(
import pytest, time
@pytest.fixture(scope="session")
def server():
    yield
    time.sleep(4)  # longer than a worker gets that has nothing to tear down
    raise RuntimeError("the server did not stop")
def test_uses_it(server): pass
)");
  const auto run = Run({"test_a.py"});
  EXPECT_NE(run->exit_code(), 0);
  EXPECT_THAT(Verdicts(), UnorderedElementsAre(
                              Pair("test_a.py::test_uses_it", "passed"),
                              Pair("gw0: session fixture server", "error")));
  EXPECT_THAT(run->out(), HasSubstr("the server did not stop"));
}

// The reports had been closed by then: both called the run good.
TEST_F(PythonTest, ASessionThatDiesAtItsEndIsInBothReports) {
  scratch_.Write("conftest.py", R"(
import os
def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        os._exit(7)
)");
  scratch_.Write("test_a.py", "def test_one(): pass\n");
  const std::string junit = scratch_.path() + "/junit.xml";
  const auto run = Run({"test_a.py", "--junit", junit});
  EXPECT_EQ(run->exit_code(), 3) << run->out() << run->err();
  EXPECT_EQ(ReadEvents(EventsPath()).green, false);
  EXPECT_THAT(ReadFile(EventsPath()), HasSubstr("\"failure\":"));
  EXPECT_THAT(ReadJunit(junit), Contains(Pair("paceline.run", "error")));
}

// The run was green, and plain pytest exits 1.
TEST_F(PythonTest, APluginThatRaisesAtTheEndOfTheSessionFailsTheRun) {
  scratch_.Write("conftest.py", R"(
def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        raise RuntimeError("the report could not be sent")
)");
  scratch_.Write("test_a.py", "def test_one(): pass\n");
  const auto run = Run({"test_a.py"});
  EXPECT_EQ(run->exit_code(), 3) << run->out() << run->err();
  EXPECT_THAT(run->err(), HasSubstr("the report could not be sent"));
  EXPECT_EQ(ReadEvents(EventsPath()).green, false);
}

TEST_F(PythonTest, AWorkerThatDiesInItsSessionsTearDownFailsTheRun) {
  scratch_.Write("test_a.py", R"(
import os, pytest, signal
@pytest.fixture(scope="session")
def server():
    yield
    os.kill(os.getpid(), signal.SIGSEGV)
def test_uses_it(server): pass
)");
  const auto run = Run({"test_a.py"});
  EXPECT_NE(run->exit_code(), 0);
  EXPECT_THAT(run->out(), HasSubstr("SIGSEGV"));
  EXPECT_THAT(Verdicts(), Contains(Pair("test_a.py::test_uses_it", "passed")));
}

TEST_F(PythonTest, CoverageOfAllWorkersAndAgentsEndsUpInOneTable) {
  const auto probe = RunProgram({kDebianPython, "-c", "import pytest_cov"});
  if (probe->exit_code() != 0) {
    GTEST_SKIP() << kDebianPython << " has no pytest-cov";
  }
  std::string code;
  for (int i = 0; i < 6; ++i) {
    absl::StrAppend(&code, "def f", i, "():\n    return ", i, "\n");
    scratch_.Write(absl::StrCat("tests/test_", i, ".py"),
                   absl::StrCat("import code_under_test\n"
                                "def test_one(together):\n"
                                "    assert code_under_test.f",
                                i, "() == ", i, "\n"));
  }
  scratch_.Write("code_under_test.py", code);
  // No test ends before each of the workers runs one.
  scratch_.Write("conftest.py", R"(
import os, pathlib, time, pytest
@pytest.fixture
def together():
    wanted = int(pathlib.Path("workers").read_text())
    running = pathlib.Path("running")
    (running / str(os.getpid())).touch()
    until = time.monotonic() + 60
    while len(list(running.iterdir())) < wanted:
        assert time.monotonic() < until, "some workers were given no test"
        time.sleep(0.01)
)");
  const auto gather = [this](int workers) {
    const std::filesystem::path running =
        std::filesystem::path(scratch_.path()) / "running";
    std::filesystem::remove_all(running);
    std::filesystem::create_directory(running);
    scratch_.Write("workers", absl::StrCat(workers));
  };
  const std::vector<std::string> arguments = {
      "--unit", "test", "tests", "--pytest-arg=--cov=code_under_test",
      "--pytest-arg=--cov-report=term"};
  std::vector<std::string> here_arguments = arguments;
  here_arguments.insert(here_arguments.end(), {"--workers", "2"});
  gather(2);
  const auto here = Run(here_arguments);
  EXPECT_EQ(here->exit_code(), 0) << here->out() << here->err();
  EXPECT_THAT(here->out(), ContainsRegex("code_under_test.py +12 +0 +100%"));
  const Fleet fleet({.agents = 3, .workers = 1});
  std::vector<std::string> there_arguments = arguments;
  there_arguments.insert(there_arguments.end(),
                         {"--coordinator", fleet.endpoint()});
  gather(3);
  const auto there = Run(there_arguments);
  EXPECT_EQ(there->exit_code(), 0) << there->out() << there->err();
  EXPECT_THAT(there->out(), ContainsRegex("code_under_test.py +12 +0 +100%"));
}

}  // namespace
}  // namespace paceline
