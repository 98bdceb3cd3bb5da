#include "tests/unit/wire/sample_messages.h"

#include <chrono>

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr SessionId kSession{77};
constexpr Token kToken{3, 1042};

InstanceId SampleInstance() {
  InstanceId id;
  id.bytes.fill(0xab);
  return id;
}

WorkerHealth SampleHealth() {
  WorkerHealth health;
  health.rss_bytes = 300 << 20;
  health.open_fds = 17;
  health.threads = 4;  // and no peak
  return health;
}

Results SampleResults() {
  Results results;
  results.session = kSession;
  results.first = 9;

  AttemptItem attempt;
  attempt.run = SampleRun();
  attempt.token = kToken;
  attempt.test = TestIndex{5};
  attempt.attempt = 2;
  attempt.worker = 6;
  attempt.head_bytes_sent = 70'000;
  attempt.tail_bytes_sent = 80'000;
  attempt.result = SampleResult();
  results.items.emplace_back(attempt);

  ExtraItem extra;
  extra.run = SampleRun();
  extra.token = kToken;
  extra.number = 1;
  extra.worker = 6;
  extra.extra.name = "foo_test: environment tear-down";
  extra.extra.result.outcome = Outcome::kError;
  extra.extra.found = true;
  results.items.emplace_back(extra);

  UnitEndItem end;
  end.run = SampleRun();
  end.token = kToken;
  end.worker = 6;
  end.interrupted = {TestIndex{7}};
  end.end.finalize = Outcome::kError;
  end.end.message = "tear-down failed";
  end.end.health = SampleHealth();
  end.end.recycled = RecycleReason{RecycleSignal::kDescriptors, 204, 200};
  results.items.emplace_back(end);

  results.items.emplace_back(NoteItem{SampleRun(), "the ceiling was raised"});
  results.items.emplace_back(PropertiesItem{
      SampleRun(), kToken, TestIndex{5}, 2, "Foo", {{"key", "value"}}});
  results.items.emplace_back(
      LateExtraItem{SampleRun(), SuiteIndex{1}, 6, extra.extra});
  results.items.emplace_back(
      WorkerReportItem{SampleRun(), SuiteIndex{1}, 6, "coverage", true});
  results.items.emplace_back(RunLeftItem{SampleRun()});
  return results;
}

Events SampleEvents() {
  Events events;
  events.run = SampleRun();
  events.first = 12;

  OutputEvent output;
  output.test = TestIndex{5};
  output.attempt = 2;
  output.tail = true;
  output.data = std::string("\x00\xff out", 6);
  events.events.emplace_back(output);

  AttemptEvent attempt;
  attempt.test = TestIndex{5};
  attempt.attempt = 2;
  attempt.agent = "agent-1";
  attempt.host = "build-7";
  attempt.worker = 6;
  attempt.result = SampleResult();
  attempt.verdict = Verdict::kFlaky;
  attempt.rerun = "retry 1 of 2";
  events.events.emplace_back(attempt);

  events.events.emplace_back(
      ExtraTestEvent{TestIndex{100}, SuiteIndex{1}, "foo_test: tear-down"});
  events.events.emplace_back(RecycledEvent{
      "agent-1", 6, SuiteIndex{1},
      RecycleReason{RecycleSignal::kAge, 600'000'000'001, 600'000'000'000}});
  events.events.emplace_back(NoteEvent{"agent-1 was lost"});
  events.events.emplace_back(RunEndedEvent{true, true, "interrupted", 101});
  events.events.emplace_back(PropertiesEvent{
      SuiteIndex{1}, TestIndex{5}, 2, "Foo", {{"key", "value"}, {"key", ""}}});
  events.events.emplace_back(
      WorkerReportEvent{SuiteIndex{1}, "agent-1", 6, "coverage", true});
  return events;
}

RunOptions SampleOptions() {
  RunOptions options;
  options.title = "build/";
  options.retries = 2;
  options.max_fail = 3;
  options.default_timeout = seconds(90);
  options.on_lost = OnLost::kLost;
  options.fail_on_flaky = true;
  options.fail_on_leak = true;
  options.detach = true;
  options.client_grace = seconds(30);
  options.max_unit_tests = 50;
  options.keep_order = true;
  options.resources = {{"gpu", {{"0", 2}, {"1", 4}}}};
  return options;
}

}  // namespace

RunId SampleRun() {
  RunId id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(i + 1);
  }
  return id;
}

TestResult SampleResult() {
  TestResult result;
  result.outcome = Outcome::kCrashed;
  result.duration = milliseconds(1500);
  result.started_unix_ns = 1'700'000'000'000'000'000;
  result.message = "SIGSEGV (segmentation fault)";
  result.details = "stack\n#0 main";
  result.file = "foo_test.cc";
  result.line = 42;
  result.assertions = 7;
  result.leaked = true;
  result.output.head = std::string("\x00\xff head", 7);
  result.output.tail = "tail";
  result.output.cut_bytes = 1'000'000'000'000;
  result.health = SampleHealth();
  result.properties = {{"key", "value"}, {"key", ""}};
  result.report = "\xfe report";
  return result;
}

SuiteSpec SampleSuite() {
  SuiteSpec suite;
  suite.name = "foo_test";
  suite.runner = "gtest";
  suite.worker = {"/usr/bin/worker", "--flag"};
  suite.program = "/src/build/foo_test";
  suite.arguments = {"--verbose", ""};
  suite.env = {{"PATH", "/bin"}, {"HOME", std::nullopt}};
  suite.working_directory = "/src/build";
  suite.scopes_share_setup = true;
  suite.forks = true;
  suite.last_words = true;
  suite.options = std::string("\x81\x00", 2);
  return suite;
}

TestSpec SampleTest() {
  TestSpec test;
  test.suite = SuiteIndex{1};
  test.name = "Foo.Bar";
  test.scope = "Foo";
  test.file = "foo_test.cc";
  test.line = 40;
  test.timeout = seconds(5);
  test.labels = {"slow", "network"};
  Constraints constraints;
  constraints.slots = 4;
  constraints.serial = true;
  constraints.locks = {"database"};
  constraints.after = {"Foo.First"};
  constraints.fixtures_required = {"server"};
  constraints.fixtures_setup = {"cache"};
  constraints.fixtures_cleanup = {"disk"};
  constraints.resource_groups = {{{"gpu", 2}, {"port", 1}}, {}};
  test.constraints = constraints;
  test.skip_reason = "disabled";
  test.payload = "\xc0payload";
  test.no_rerun = true;
  return test;
}

Lease SampleLease() {
  Lease lease;
  lease.token = kToken;
  lease.run = SampleRun();
  lease.unit = UnitId{8};
  lease.parent = UnitId{7};
  lease.suite = SuiteIndex{1};
  lease.slots = 2;
  lease.predicted = milliseconds(250);
  LeasedTest test;
  test.test = TestIndex{5};
  test.attempt = 2;
  test.name = "Foo.Bar";
  test.timeout = seconds(5);
  test.payload = "\xc0payload";
  test.env = {{"CTEST_RESOURCE_GROUP_COUNT", "1"}};
  lease.tests = {test};
  return lease;
}

std::vector<Message> SampleMessages() {
  const RunId run = SampleRun();
  const std::vector<Token> tokens = {kToken, Token{0, 1}, Token{1, 0}};
  return {
      Hello{1,
            "0.1.0",
            "agent-1",
            SampleInstance(),
            "build-7",
            4321,
            8,
            {"linux", "größe"},
            {{kToken, true}, {Token{3, 1043}, false}},
            9,
            2},
      Beat{kSession,
           300,
           milliseconds(3),
           {{run, kToken, TestIndex{5}, milliseconds(1234)}}},
      Want{kSession, 70'000, 16},
      Started{kSession, tokens},
      Output{kSession, 5, kToken, TestIndex{5}, 2, true, 65'536,
             std::string("\x00\x01\xfe", 3)},
      SampleResults(),
      Returned{kSession, tokens},
      Kept{kSession, tokens},
      Draining{kSession},
      Goodbye{kSession},
      Pong{0xffff'ffff'ffff'ffff},

      Welcome{1, kSession, 3, seconds(1), seconds(30), 8, tokens},
      Refused{RefusalCode::kNameTaken, "agent-1 is host a, pid 7: rename it"},
      Rehello{},
      BeatAck{300, seconds(1), seconds(30)},
      Grant{kSession, {{run, SuiteIndex{1}, SampleSuite()}}, {SampleLease()}},
      Revoke{kSession, tokens},
      Stop{kSession, tokens, seconds(2), "cancelled"},
      ResultAck{kSession, 12},
      OutputAck{kSession, 5},
      RunOver{run, true},
      Ping{99},

      ClientHello{1, "0.1.0", "laptop", 99},
      SubmitOpen{run, SampleOptions()},
      SubmitPart{run, 1, {SampleSuite()}, {SampleTest()}},
      SubmitComplete{
          run, 3, 2048, "cbf29ce484222325", {{"bar_test", "it crashed"}}},
      Attach{run, 41},
      EventsAck{run, 42},
      Cancel{run, "interrupted"},
      ClientBeat{run},
      StatusRequest{},

      ClientWelcome{1, 3, seconds(1)},
      PartKept{run, 2},
      SubmitKept{run},
      AttachReply{run, true, 3, true},
      SampleEvents(),
      Progress{run, 3, 12, 900, {{TestIndex{5}, "agent-1", seconds(3)}}},
      StatusReply{"0.1.0",
                  3,
                  {{"agent-1", "build-7", 4321, "ready", 8, 5, seconds(1)}},
                  {{run, "build/", "running", 100, 50, 2, 30, seconds(60)}}},
  };
}

}  // namespace paceline
