#include "cli/run_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/wire/codec.h"
#include "tests/support/fake_clock.h"

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const RunId kRun = {{7}};

// Keeps what the client did.
class FakeWorld final : public ClientEffects {
 public:
  void Send(Message message) override { sent.push_back(std::move(message)); }
  void Reconnect() override { ++reconnects; }

  template <typename M>
  std::vector<M> Take() {
    std::vector<M> taken;
    for (Message& message : sent) {
      if (M* m = std::get_if<M>(&message)) {
        taken.push_back(std::move(*m));
      }
    }
    sent.clear();
    return taken;
  }

  std::vector<Message> sent;
  int reconnects = 0;
};

class Recorder final : public RunObserver {
 public:
  void OnAttempt(Instant, const TestRef& test,
                 const AttemptEvent& attempt) override {
    attempts.push_back(absl::StrCat(
        test.name, "#", attempt.attempt, " ",
        attempt.verdict.has_value() ? ToString(*attempt.verdict) : "-"));
    outputs.push_back(attempt.result.output);
  }
  void OnNote(Instant, absl::string_view text) override {
    notes.emplace_back(text);
  }
  void OnProgress(Instant, const ProgressRef& progress) override {
    running = progress.running.size();
  }
  void OnDiscovered(Instant, std::uint64_t tests, bool complete) override {
    discovered.push_back(absl::StrCat(tests, complete ? "" : "+"));
  }
  void OnDiscoveryError(Instant, const DiscoveryError& error) override {
    errors.push_back(error.message);
  }

  std::vector<std::string> attempts;
  std::vector<CapturedOutput> outputs;
  std::vector<std::string> notes;
  std::vector<std::string> discovered;
  std::vector<std::string> errors;
  std::size_t running = 0;
};

class RunClientTest : public testing::Test {
 protected:
  RunClient& Make(RunClientOptions options = {}) {
    options.run = kRun;
    if (!inside_) {
      options.coordinator = "tcp://host:7878";
    }
    client_.emplace(clock_.Now(), std::move(options), world_, recorder_);
    return *client_;
  }

  // Greeted, with `tests` tests handed over and kept.
  RunClient& MakeRunning(int tests, RunClientOptions options = {}) {
    RunClient& client = Make(std::move(options));
    client.OnMessage(clock_.Now(), Welcome());
    AddTests(tests);
    client.DiscoveryDone(clock_.Now());
    client.OnMessage(clock_.Now(), PartKept{kRun, 0});
    client.OnMessage(clock_.Now(), PartKept{kRun, 1});
    client.OnMessage(clock_.Now(), SubmitKept{kRun});
    client.OnMessage(clock_.Now(), Progress{kRun, 1, 2, 0, {}});
    world_.sent.clear();
    return client;
  }

  void AddTests(int tests) {
    SuiteSpec suite;
    suite.name = "s";
    suite.runner = "gtest";
    const SuiteIndex index = client_->AddSuite(clock_.Now(), suite, "s");
    for (int i = 0; i < tests; ++i) {
      TestSpec test;
      test.suite = index;
      test.name = absl::StrCat("t", i);
      client_->AddTest(clock_.Now(), test);
    }
  }

  static ClientWelcome Welcome() {
    return {kFleetProtocolVersion, 1, seconds(5)};
  }

  static AttemptEvent Passed(std::uint32_t test) {
    AttemptEvent event;
    event.test = static_cast<TestIndex>(test);
    event.attempt = 1;
    event.agent = "a";
    event.result.outcome = Outcome::kPassed;
    event.verdict = Verdict::kPassed;
    return event;
  }

  void Tick(Duration step) {
    clock_.Advance(step);
    client_->OnTick(clock_.Now());
  }

  // The coordinator is in this program.
  bool inside_ = false;
  FakeClock clock_;
  FakeWorld world_;
  Recorder recorder_;
  std::optional<RunClient> client_;
};

TEST_F(RunClientTest, HandsOverTheFirstTestBeforeDiscoveryIsDone) {
  RunClient& client = Make();
  EXPECT_THAT(world_.Take<ClientHello>(), SizeIs(1));
  client.OnMessage(clock_.Now(), Welcome());
  AddTests(1);
  client.OnTick(clock_.Now());
  EXPECT_TRUE(client.opened());
  EXPECT_THAT(world_.Take<SubmitPart>(), SizeIs(1));
}

// A part that is too large was not sent, every two seconds for ever.
TEST_F(RunClientTest, WhatFitsIntoNoMessageIsADiscoveryError) {
  RunClient& client = Make();
  client.OnMessage(clock_.Now(), Welcome());
  world_.sent.clear();
  SuiteSpec large;
  large.name = "large";
  large.runner = "command";
  large.arguments.assign(3, std::string(100'000, 'a'));
  const SuiteIndex suite = client.AddSuite(clock_.Now(), large, "target");
  TestSpec test;
  test.suite = suite;
  test.name = "its test";
  client.AddTest(clock_.Now(), test);
  AddTests(1);
  test.suite = SuiteIndex{1};
  test.name = "long";
  test.constraints.emplace();
  test.constraints->after.assign(20, std::string(16'000, 'n'));
  client.AddTest(clock_.Now(), test);
  client.DiscoveryDone(clock_.Now());
  EXPECT_THAT(recorder_.errors,
              ElementsAre(testing::AllOf(HasSubstr("\"large\" cannot be run"),
                                         HasSubstr("bytes")),
                          HasSubstr("\"long\" cannot be run")));
  client.OnMessage(clock_.Now(), PartKept{kRun, 0});
  client.OnTick(clock_.Now());
  std::size_t tests = 0;
  std::vector<DiscoveryError> errors;
  for (const Message& message : world_.sent) {
    EXPECT_LE(Encode(message).size(), kMaxMessageBytes);
    EXPECT_TRUE(Decode(Encode(message)).ok());
    if (const auto* part = std::get_if<SubmitPart>(&message)) {
      tests += part->tests.size();
    } else if (const auto* complete = std::get_if<SubmitComplete>(&message)) {
      errors = complete->errors;
      EXPECT_EQ(complete->tests, 1U);
    }
  }
  EXPECT_EQ(tests, 1U);
  EXPECT_THAT(errors, SizeIs(2));
}

// The coordinator refused the whole manifest for it, and nothing ran.
TEST_F(RunClientTest, ATestThatNoManifestMayHoldIsADiscoveryErrorOfItsOwn) {
  RunClient& client = Make();
  client.OnMessage(clock_.Now(), Welcome());
  AddTests(1);
  TestSpec test;
  test.suite = SuiteIndex{0};
  test.name.assign(20'000, 'n');
  client.AddTest(clock_.Now(), test);
  client.DiscoveryDone(clock_.Now());
  ASSERT_THAT(recorder_.errors, SizeIs(1));
  EXPECT_THAT(
      recorder_.errors[0],
      testing::EndsWith("cannot be run: name: is 20000 bytes, at most 16384"));
  EXPECT_LT(recorder_.errors[0].size(), 400U);
  client.OnMessage(clock_.Now(), PartKept{kRun, 0});
  client.OnTick(clock_.Now());
  for (const Message& message : world_.sent) {
    EXPECT_TRUE(Decode(Encode(message)).ok());
    if (const auto* part = std::get_if<SubmitPart>(&message)) {
      EXPECT_THAT(part->tests, SizeIs(1));
    }
  }
}

TEST_F(RunClientTest, AWelcomeInAVersionItDoesNotSpeakIsTheEnd) {
  RunClient& client = Make();
  client.OnMessage(clock_.Now(), ClientWelcome{2, 1, seconds(5)});
  ASSERT_TRUE(client.done());
  EXPECT_THAT(client.end().failure, HasSubstr("update this program"));
}

TEST_F(RunClientTest, SaysHelloAgainUntilItIsWelcome) {
  Make();
  Tick(milliseconds(5));
  Tick(milliseconds(10));
  EXPECT_THAT(world_.Take<ClientHello>(), SizeIs(3));
}

TEST_F(RunClientTest, GivesUpOnACoordinatorThatNeverAnswers) {
  RunClient& client = Make();
  for (int i = 0; i < 25 && !client.done(); ++i) {
    Tick(milliseconds(500));
  }
  ASSERT_TRUE(client.done());
  EXPECT_THAT(client.end().failure, HasSubstr("tcp://host:7878"));
  EXPECT_GT(world_.reconnects, 0);
  EXPECT_FALSE(client.end().green);
}

TEST_F(RunClientTest, ARunWithAllItsVerdictsIsGreen) {
  RunClient& client = MakeRunning(2);
  client.OnMessage(clock_.Now(), Events{kRun, 1, {Passed(0), Passed(1)}});
  client.OnMessage(clock_.Now(),
                   Events{kRun, 3, {RunEndedEvent{true, false, "", 2}}});
  ASSERT_TRUE(client.done());
  EXPECT_TRUE(client.end().green);
  EXPECT_EQ(client.end().tests, 2u);
  EXPECT_THAT(recorder_.attempts, ElementsAre("t0#1 passed", "t1#1 passed"));
  const auto acks = world_.Take<EventsAck>();
  ASSERT_THAT(acks, SizeIs(2));
  EXPECT_EQ(acks.back().through, 3u);
}

// It waited for the end of a run that the coordinator had never heard of.
TEST_F(RunClientTest, ACancelledRunThatWasNeverOpenedIsOver) {
  RunClient& client = Make();
  client.OnMessage(clock_.Now(), Welcome());
  AddTests(1);
  client.OnTick(clock_.Now());
  client.Cancel(clock_.Now(), "interrupted");
  EXPECT_FALSE(client.done());
  client.OnMessage(clock_.Now(),
                   Refused{RefusalCode::kUnknownRun, "not known here"});
  ASSERT_TRUE(client.done());
  EXPECT_TRUE(client.end().cancelled);
  EXPECT_FALSE(client.end().green);
}

// The run ended before the client had asked a second time.
TEST_F(RunClientTest, GreenThoughSubmitKeptWasLost) {
  RunClient& client = Make();
  client.OnMessage(clock_.Now(), Welcome());
  AddTests(1);
  client.DiscoveryDone(clock_.Now());
  client.OnMessage(clock_.Now(), PartKept{kRun, 1});
  client.OnMessage(
      clock_.Now(),
      Events{kRun, 1, {Passed(0), RunEndedEvent{true, false, "", 1}}});
  EXPECT_TRUE(client.end().green);
}

TEST_F(RunClientTest, NeverGreenWithATestUnaccountedFor) {
  RunClient& client = MakeRunning(2);
  client.OnMessage(
      clock_.Now(),
      Events{kRun, 1, {Passed(0), RunEndedEvent{true, false, "", 2}}});
  EXPECT_FALSE(client.end().green);
  EXPECT_EQ(client.end().without_verdict, 1u);
}

TEST_F(RunClientTest, NeverGreenBeforeTheManifestIsClosed) {
  RunClient& client = Make();
  client.OnMessage(clock_.Now(), Welcome());
  AddTests(1);
  client.OnTick(clock_.Now());
  client.OnMessage(clock_.Now(), PartKept{kRun, 1});
  client.OnMessage(
      clock_.Now(),
      Events{kRun, 1, {Passed(0), RunEndedEvent{true, false, "", 1}}});
  EXPECT_FALSE(client.end().green);
}

TEST_F(RunClientTest, ASecondVerdictIsNotCounted) {
  RunClient& client = MakeRunning(1);
  client.OnMessage(clock_.Now(), Events{kRun, 1, {Passed(0), Passed(0)}});
  EXPECT_TRUE(client.done());
  EXPECT_THAT(client.end().failure, HasSubstr("second verdict"));
}

TEST_F(RunClientTest, ATestThatIsNotThereEndsTheRun) {
  RunClient& client = MakeRunning(1);
  client.OnMessage(clock_.Now(), Events{kRun, 1, {Passed(77)}});
  EXPECT_TRUE(client.done());
  EXPECT_THAT(client.end().failure, HasSubstr("77"));
}

TEST_F(RunClientTest, RepeatedEventsAreSeenOnce) {
  RunClient& client = MakeRunning(2);
  client.OnMessage(clock_.Now(), Events{kRun, 1, {Passed(0)}});
  client.OnMessage(clock_.Now(), Events{kRun, 1, {Passed(0), Passed(1)}});
  EXPECT_THAT(recorder_.attempts, SizeIs(2));
  EXPECT_FALSE(client.done());
}

TEST_F(RunClientTest, AGapInEventsIsAskedForOnce) {
  RunClient& client = MakeRunning(3);
  client.OnMessage(clock_.Now(), Events{kRun, 2, {Passed(1)}});
  client.OnMessage(clock_.Now(), Events{kRun, 3, {Passed(2)}});
  EXPECT_TRUE(recorder_.attempts.empty());
  const auto attaches = world_.Take<Attach>();
  ASSERT_THAT(attaches, SizeIs(1));
  EXPECT_EQ(attaches[0].last_event, 0u);
}

TEST_F(RunClientTest, PutsOutputThatCameAheadBackTogether) {
  RunClient& client = MakeRunning(1);
  AttemptEvent passed = Passed(0);
  passed.result.output.cut_bytes = 5;
  const TestIndex test{0};
  client.OnMessage(clock_.Now(),
                   Events{kRun,
                          1,
                          {OutputEvent{test, 1, false, "he"},
                           OutputEvent{test, 1, false, "ad"},
                           OutputEvent{test, 1, true, "tail"}, passed}});
  ASSERT_THAT(recorder_.outputs, SizeIs(1));
  EXPECT_EQ(recorder_.outputs[0], (CapturedOutput{"head", "tail", 5}));
}

TEST_F(RunClientTest, AnExtraTestNeedsAVerdictToo) {
  RunClient& client = MakeRunning(1);
  const TestIndex extra{1};
  client.OnMessage(
      clock_.Now(),
      Events{kRun, 1, {Passed(0), ExtraTestEvent{extra, SuiteIndex{0}, "x"}}});
  client.OnMessage(clock_.Now(),
                   Events{kRun, 3, {RunEndedEvent{true, false, "", 2}}});
  EXPECT_EQ(client.end().tests, 2u);
  EXPECT_EQ(client.end().without_verdict, 1u);
  EXPECT_FALSE(client.end().green);
}

TEST_F(RunClientTest, AsksAgainForWhatWasNotAcknowledged) {
  RunClient& client = Make();
  client.OnMessage(clock_.Now(), Welcome());
  AddTests(1);
  client.OnTick(clock_.Now());
  world_.sent.clear();
  Tick(seconds(2));
  EXPECT_THAT(world_.sent, testing::Not(testing::IsEmpty()));
  EXPECT_THAT(world_.Take<SubmitPart>(), SizeIs(1));
}

TEST_F(RunClientTest, ComesBackAfterSilence) {
  RunClient& client = MakeRunning(2);
  client.OnMessage(clock_.Now(), Events{kRun, 1, {Passed(0)}});
  world_.sent.clear();
  for (int i = 0; i < 21; ++i) {
    Tick(seconds(1));
  }
  EXPECT_EQ(world_.reconnects, 1);
  EXPECT_THAT(world_.Take<ClientHello>(), testing::Not(testing::IsEmpty()));
  client.OnMessage(clock_.Now(), Welcome());
  const auto attaches = world_.Take<Attach>();
  ASSERT_THAT(attaches, SizeIs(1));
  EXPECT_EQ(attaches[0].last_event, 1u);
  client.OnMessage(clock_.Now(), AttachReply{kRun, true, 1, true});
  client.OnMessage(
      clock_.Now(),
      Events{kRun, 2, {Passed(1), RunEndedEvent{true, false, "", 2}}});
  EXPECT_TRUE(client.end().green);
}

TEST_F(RunClientTest, ResumesItsPartsWhereTheCoordinatorHasThem) {
  RunClient& client = Make();
  client.OnMessage(clock_.Now(), Welcome());
  AddTests(3 * static_cast<int>(kMaxNamed));
  Tick(milliseconds(5));
  ASSERT_THAT(world_.Take<SubmitPart>(), SizeIs(3));
  client.OnMessage(clock_.Now(), Rehello{});
  client.OnMessage(clock_.Now(), Welcome());
  client.OnMessage(clock_.Now(), AttachReply{kRun, true, 2, false});
  const auto parts = world_.Take<SubmitPart>();
  ASSERT_THAT(parts, SizeIs(1));
  EXPECT_EQ(parts[0].part, 3u);
}

// They forgot when to ask again, and the client looked at what was not there.
TEST_F(RunClientTest, ALateAcknowledgementDoesNotStopItFromAttaching) {
  RunClient& client = MakeRunning(2);
  client.OnMessage(clock_.Now(), Rehello{});
  client.OnMessage(clock_.Now(), Welcome());
  EXPECT_THAT(world_.Take<Attach>(), SizeIs(1));
  client.OnMessage(clock_.Now(), PartKept{kRun, 1});
  client.OnMessage(clock_.Now(), SubmitKept{kRun});
  ASSERT_TRUE(client.next_deadline().has_value());
  Tick(seconds(3));
  EXPECT_THAT(world_.Take<Attach>(), SizeIs(1));
}

TEST_F(RunClientTest, ARunThatTheCoordinatorForgotIsOver) {
  RunClient& client = MakeRunning(1);
  client.OnMessage(clock_.Now(), Rehello{});
  client.OnMessage(clock_.Now(), Welcome());
  client.OnMessage(clock_.Now(), AttachReply{kRun, false, 0, false});
  EXPECT_TRUE(client.done());
  EXPECT_THAT(client.end().failure, HasSubstr("no longer knows"));
}

TEST_F(RunClientTest, ARefusalIsPassedOn) {
  RunClient& client = Make();
  client.OnMessage(clock_.Now(),
                   Refused{RefusalCode::kProtocolVersion, "update the client"});
  EXPECT_TRUE(client.done());
  EXPECT_THAT(client.end().failure, HasSubstr("update the client"));
}

TEST_F(RunClientTest, SaysThatNoAgentIsThereAndGivesUp) {
  RunClientOptions options;
  options.agent_wait = seconds(30);
  RunClient& client = Make(options);
  client.OnMessage(clock_.Now(), Welcome());
  AddTests(1);
  client.DiscoveryDone(clock_.Now());
  client.OnMessage(clock_.Now(), PartKept{kRun, 1});
  client.OnMessage(clock_.Now(), SubmitKept{kRun});
  Tick(seconds(1));
  EXPECT_TRUE(recorder_.notes.empty());
  Tick(seconds(1));
  ASSERT_THAT(recorder_.notes, SizeIs(1));
  EXPECT_THAT(recorder_.notes[0], HasSubstr("no agent"));
  Tick(seconds(10));
  client.OnMessage(clock_.Now(), AttachReply{kRun, true, 1, true});
  Tick(seconds(18));
  ASSERT_THAT(world_.Take<Cancel>(), SizeIs(1));
  AttemptEvent not_run = Passed(0);
  not_run.agent.clear();
  not_run.verdict = Verdict::kNotRun;
  client.OnMessage(
      clock_.Now(),
      Events{kRun, 1, {not_run, RunEndedEvent{false, true, "", 1}}});
  EXPECT_TRUE(client.done());
  EXPECT_THAT(client.end().failure, HasSubstr("no agent joined within 30 s"));
}

// "paceline agent --connect inproc://paceline", it advised.
TEST_F(RunClientTest, NobodyIsToldToDialThisProgram) {
  inside_ = true;
  RunClient& client = MakeRunning(1);
  client.OnMessage(clock_.Now(), Progress{kRun, 0, 0, 1, {}});
  Tick(seconds(1));
  for (int i = 0; i < 8; ++i) {
    clock_.Advance(seconds(10));
    client.OnMessage(clock_.Now(), AttachReply{kRun, true, 1, true});
    client.OnTick(clock_.Now());
  }
  EXPECT_TRUE(client.done());
  EXPECT_THAT(client.end().failure,
              testing::EndsWith("none came back within 60 s"));
}

TEST_F(RunClientTest, SaysAtOnceThatAllAgentsAreGone) {
  RunClient& client = MakeRunning(1);
  client.OnMessage(clock_.Now(), Progress{kRun, 0, 0, 1, {}});
  client.OnTick(clock_.Now());
  EXPECT_THAT(recorder_.notes, ElementsAre(HasSubstr("all agents are gone")));
  client.OnMessage(clock_.Now(), Progress{kRun, 1, 2, 1, {}});
  EXPECT_THAT(recorder_.notes, SizeIs(2));
  EXPECT_FALSE(client.done());
}

TEST_F(RunClientTest, WaitsForItsAgents) {
  RunClientOptions options;
  options.min_agents = 2;
  RunClient& client = Make(options);
  client.OnMessage(clock_.Now(), Welcome());
  AddTests(1);
  client.OnTick(clock_.Now());
  EXPECT_FALSE(client.opened());
  AgentStatus ready;
  ready.state = "ready";
  AgentStatus draining;
  draining.state = "draining";
  client.OnMessage(clock_.Now(), StatusReply{"", 1, {ready, draining}, {}});
  EXPECT_FALSE(client.opened());
  client.OnMessage(clock_.Now(), StatusReply{"", 1, {ready, ready}, {}});
  EXPECT_TRUE(client.opened());
}

// Each answer made it ask again at once: it took most of a CPU while it waited.
TEST_F(RunClientTest, WhileItWaitsForAgentsItAsksFiveTimesASecond) {
  RunClientOptions options;
  options.min_agents = 2;
  RunClient& client = Make(options);
  client.OnMessage(clock_.Now(), Welcome());
  EXPECT_THAT(world_.Take<StatusRequest>(), SizeIs(1));
  client.OnMessage(clock_.Now(), StatusReply{"", 1, {}, {}});
  client.OnTick(clock_.Now());
  Tick(milliseconds(199));
  EXPECT_THAT(world_.sent, testing::IsEmpty());
  EXPECT_EQ(*client.next_deadline(), clock_.Now() + milliseconds(1));
  Tick(milliseconds(1));
  EXPECT_THAT(world_.Take<StatusRequest>(), SizeIs(1));
}

// It was complete, and a moment later it was said to go on.
TEST_F(RunClientTest, DiscoveryThatIsCompleteStaysSo) {
  MakeRunning(3);
  Tick(milliseconds(1));
  EXPECT_THAT(recorder_.discovered, ElementsAre("3"));
}

TEST_F(RunClientTest, GivesUpOnAgentsThatDoNotJoin) {
  RunClientOptions options;
  options.min_agents = 2;
  RunClient& client = Make(options);
  client.OnMessage(clock_.Now(), Welcome());
  for (int i = 0; i < 61 && !client.done(); ++i) {
    Tick(seconds(1));
    client.OnMessage(clock_.Now(), StatusReply{"", 1, {}, {}});
  }
  EXPECT_THAT(client.end().failure, HasSubstr("0 of 2 agents"));
}

TEST_F(RunClientTest, ACancelledRunEndsWhenTheCoordinatorSaysSo) {
  RunClient& client = MakeRunning(1);
  client.Cancel(clock_.Now(), "interrupted");
  EXPECT_THAT(world_.Take<Cancel>(), SizeIs(1));
  Tick(seconds(2));
  EXPECT_THAT(world_.Take<Cancel>(), SizeIs(1));
  EXPECT_FALSE(client.done());
  client.OnMessage(clock_.Now(),
                   Events{kRun, 1, {RunEndedEvent{false, true, "why", 1}}});
  EXPECT_TRUE(client.done());
  EXPECT_TRUE(client.end().cancelled);
}

TEST_F(RunClientTest, ACancelledRunIsGivenUpInTheEnd) {
  RunClient& client = MakeRunning(1);
  client.Cancel(clock_.Now(), "interrupted");
  Tick(seconds(15));
  EXPECT_TRUE(client.done());
  EXPECT_TRUE(client.end().cancelled);
}

TEST_F(RunClientTest, CancellingBeforeAnythingWasHandedOverEndsAtOnce) {
  RunClient& client = Make();
  client.Cancel(clock_.Now(), "interrupted");
  EXPECT_TRUE(client.done());
}

TEST_F(RunClientTest, BeatsAndAsksForAWordInAQuietRun) {
  MakeRunning(1);
  for (int i = 0; i < 12; ++i) {
    Tick(seconds(1));
  }
  EXPECT_GE(world_.sent.size(), 3u);
  EXPECT_THAT(world_.Take<Attach>(), testing::Not(testing::IsEmpty()));
}

// A loop that sleeps until the next deadline must neither spin nor miss one.
TEST_F(RunClientTest, DeadlinesLieAheadOnceServed) {
  RunClient& client = MakeRunning(1);
  for (int i = 0; i < 200 && !client.done(); ++i) {
    const std::optional<Instant> deadline = client.next_deadline();
    ASSERT_TRUE(deadline.has_value());
    clock_.Set(std::max(clock_.Now(), *deadline));
    client.OnTick(clock_.Now());
    if (!client.done()) {
      ASSERT_GT(*client.next_deadline(), clock_.Now());
    }
  }
  EXPECT_TRUE(client.done());  // the coordinator never answered again
}

}  // namespace
}  // namespace paceline
