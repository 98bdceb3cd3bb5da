#include "tests/unit/protocol/sample_frames.h"

#include <chrono>
#include <string>

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

WorkerHealth SampleHealth() {
  WorkerHealth health;
  health.rss_bytes = 300 << 20;
  health.open_fds = 17;
  health.threads = 4;  // and no peak
  return health;
}

TestResult SampleResult() {
  TestResult result;
  result.outcome = Outcome::kFailed;
  result.duration = milliseconds(1500);
  result.started_unix_ns = 1'700'000'000'000'000'000;
  result.message = "expected 1, got 2";
  result.details = "foo_test.cc:42\nexpected 1, got 2";
  result.file = "foo_test.cc";
  result.line = 42;
  result.assertions = 7;
  result.leaked = true;
  result.output.head = std::string("\x00\xff head", 7);
  result.output.tail = "tail";
  result.output.cut_bytes = 1'000'000;
  result.health = SampleHealth();
  result.properties = {{"key", "value"}, {"key", ""}};
  result.report = "\xfe report";
  return result;
}

}  // namespace

std::vector<FromWorker> SamplesFromWorker() {
  return {
      WorkerHello{1, "gtest", 4321, SampleHealth(), true, true},
      WorkerSuiteRefused{7, "no such program: /src/build/foo_test"},
      WorkerTestStarted{8, 3},
      WorkerTestDeadline{8, 3, milliseconds(2500)},
      WorkerTestFinished{8, 3, SampleResult()},
      WorkerUnitFinished{8,
                         Outcome::kError,
                         "tear-down failed",
                         SampleHealth(),
                         {{"foo_test: environment", SampleResult()}}},
      WorkerProcessesKept{8, {4321, 4322}},
      WorkerTemplateReady{true, "why"},
      WorkerForked{9, 4322},
      WorkerForkFailed{9, "no more processes"},
      WorkerLeaving{{{"gw0: session fixture db", SampleResult()}}, "{}"},
      WorkerExtra{8, {"foo_test: environment", SampleResult(), true}},
      WorkerProperties{8, 3, "Foo", {{"key", "value"}, {"key", ""}}},
      WorkerFoundStarted{8, "foo.py::found", milliseconds(2500)},
  };
}

std::vector<ToWorker> SamplesToWorker() {
  WorkerSuite suite;
  suite.request = 7;
  suite.spec.name = "foo_test";
  suite.spec.runner = "gtest";
  suite.spec.worker = {"/usr/bin/worker", "--flag"};
  suite.spec.program = "/src/build/foo_test";
  suite.spec.arguments = {"--verbose", ""};
  suite.spec.env = {{"PATH", "/bin"}, {"HOME", std::nullopt}};
  suite.spec.working_directory = "/src/build";
  suite.spec.scopes_share_setup = true;
  suite.spec.options = std::string("\x81\x00", 2);
  suite.output_limit = 65'536;
  suite.kill_grace = milliseconds(2500);

  WorkerRunUnit unit;
  unit.request = 8;
  unit.unit = 12;
  unit.temp_dir = "/tmp/paceline/unit-12";
  unit.tests = {
      {"run_doctest",
       "Foo.Bar",
       seconds(5),
       "\xc0payload",
       {{"CTEST_RESOURCE_GROUP_COUNT", "1"}, {"HOME", std::nullopt}}},
      {"run_test", "Foo.Baz", {}, "", {}},
  };
  unit.found = {"foo.py::found"};
  return {suite,
          unit,
          WorkerStop{9},
          WorkerShutdown{},
          WorkerFork{9, "17.3f9a1c2e", 4},
          WorkerServe{}};
}

}  // namespace paceline
