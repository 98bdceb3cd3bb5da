// The coordinator's rules, each with chosen messages and times.

#include "coordinator/coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/coordinator/coordinator_fixture.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

RunOptions OneATime() {
  RunOptions options;
  options.max_unit_tests = 1;
  return options;
}

TEST_F(CoordinatorTest, ARunWhoseTestsPassIsGreen) {
  Join("a", "alpha", 2, 4);
  Submit({Test("one"), Test("two")}, OneATime());
  for (const Lease& lease : Leases("a")) {
    Finish("a", lease, Outcome::kPassed);
  }
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed),
                                      Pair(TestIndex{1}, Verdict::kPassed)));
  const auto ends = TakeEvents<RunEndedEvent>();
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_TRUE(ends[0].green);
  EXPECT_EQ(ends[0].tests, 2U);
  EXPECT_THAT(Take<RunOver>("a"), SizeIs(1));
}

TEST_F(CoordinatorTest, AFailureIsNotGreenAndEndsTheRun) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kFailed);
  const auto ends = TakeEvents<RunEndedEvent>();
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_FALSE(ends[0].green);
}

TEST_F(CoordinatorTest, ADiscoveryErrorKeepsARunFromBeingGreen) {
  const RunId run = RandomId<RunId>();
  run_ = {run};
  Say("client", SubmitOpen{run, {}});
  Say("client", SubmitComplete{run,
                               0,
                               0,
                               ManifestDigest().Hex(),
                               {{"target", "It cannot be read."}}});
  const auto ends = TakeEvents<RunEndedEvent>();
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_FALSE(ends[0].green);
}

TEST_F(CoordinatorTest, ARunThatIsNotClosedDoesNotEnd) {
  Join("a", "alpha", 1, 1);
  const RunId run = RandomId<RunId>();
  Say("client", SubmitOpen{run, {}});
  SubmitPart part;
  part.run = run;
  part.part = 1;
  part.suites.emplace_back();
  part.suites[0].name = part.suites[0].runner = "suite";
  part.tests = {Test("one")};
  Say("client", part);
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  EXPECT_THAT(Verdicts(), SizeIs(1));
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), IsEmpty());
}

TEST_F(CoordinatorTest, ARepeatedPartIsAcknowledgedAndIgnored) {
  Join("a", "alpha", 1, 8);
  const RunId run = RandomId<RunId>();
  Say("client", SubmitOpen{run, OneATime()});
  SubmitPart part;
  part.run = run;
  part.part = 1;
  part.suites.emplace_back();
  part.suites[0].name = part.suites[0].runner = "suite";
  part.tests = {Test("one")};
  Say("client", part);
  Take<PartKept>("client");
  Say("client", part);
  const auto kept = Take<PartKept>("client");
  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_EQ(kept[0].part, 1U);
  EXPECT_THAT(Leases("a"), SizeIs(1));
}

TEST_F(CoordinatorTest, AManifestThatDoesNotAddUpIsRefused) {
  const RunId run = RandomId<RunId>();
  Say("client", SubmitOpen{run, {}});
  Say("client", SubmitComplete{run, 0, 7, "0000000000000000", {}});
  const auto refused = Take<Refused>("client");
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].code, RefusalCode::kSubmission);
}

TEST_F(CoordinatorTest, ALostAgentsTestsRunElsewhereAndAreShownAsRerun) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const std::vector<Lease> first = Leases("a");
  ASSERT_THAT(first, SizeIs(1));
  Say("a", Started{sessions_["a"], {first[0].token}});
  Join("b", "beta", 1, 1);
  Advance(std::chrono::seconds(29), {"b"});
  EXPECT_THAT(Leases("b"), IsEmpty());
  Advance(std::chrono::seconds(2), {"b"});
  const std::vector<Lease> second = Leases("b");
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].tests[0].attempt, 2U);
  EXPECT_GT(second[0].token, first[0].token);
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].rerun, "rerun: agent lost");
  // The one that was taken for lost comes back, and its result does not count.
  Finish("b", second[0], Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
}

TEST_F(CoordinatorTest, AResultUnderATokenThatIsNotCurrentDoesNotCount) {
  const Hello hello = Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease stale = Leases("a").at(0);
  Advance(std::chrono::seconds(31), {});
  Say("a2", hello);
  const auto welcome = Take<Welcome>("a2");
  ASSERT_THAT(welcome, SizeIs(1));
  sessions_["a2"] = welcome[0].session;
  Finish("a2", stale, Outcome::kFailed);
  EXPECT_THAT(Verdicts(), IsEmpty());
}

TEST_F(CoordinatorTest, ATestIsLostForGoodAfterTwoReruns) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  for (const char* peer : {"b", "c", "d"}) {
    Advance(std::chrono::seconds(31), {});
    Join(peer, peer, 1, 1);
  }
  Advance(std::chrono::seconds(31), {});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kLost)));
}

TEST_F(CoordinatorTest, ANoRerunTestIsLostAtOnce) {
  Join("a", "alpha", 1, 1);
  TestSpec test = Test("one");
  test.no_rerun = true;
  Submit({test});
  Advance(std::chrono::seconds(31), {});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kLost)));
}

TEST_F(CoordinatorTest, OurOwnStallIsNotTheAgentsDeath) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  now_ += std::chrono::minutes(5);
  coordinator_.OnTick(now_);
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
}

TEST_F(CoordinatorTest, APassAfterAFailureIsFlaky) {
  Join("a", "alpha", 1, 8);
  RunOptions options;
  options.retries = 1;
  Submit({Test("one")}, options);
  Finish("a", Leases("a").at(0), Outcome::kFailed);
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(2));
  EXPECT_EQ(attempts[0].rerun, "retry 1 of 1");
  EXPECT_EQ(attempts[1].verdict, Verdict::kFlaky);
}

TEST_F(CoordinatorTest, TooManyFailuresCancelTheRest) {
  Join("a", "alpha", 1, 1);
  RunOptions options = OneATime();
  options.max_fail = 1;
  Submit({Test("one"), Test("two"), Test("three")}, options);
  Finish("a", Leases("a").at(0), Outcome::kFailed);
  for (const Lease& held : Leases("a")) {
    Say("a", Returned{sessions_["a"], {held.token}});
  }
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kFailed),
                                      Pair(TestIndex{1}, Verdict::kNotRun),
                                      Pair(TestIndex{2}, Verdict::kNotRun)));
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
}

TEST_F(CoordinatorTest, ATestOfALockWaitsForTheOther) {
  Join("a", "alpha", 4, 8);
  Constraints lock;
  lock.locks = {"database"};
  Submit({Test("one", lock), Test("two", lock)});
  const std::vector<Lease> first = Leases("a");
  ASSERT_THAT(first, SizeIs(1));
  Finish("a", first[0], Outcome::kPassed);
  EXPECT_THAT(Leases("a"), SizeIs(1));
}

TEST_F(CoordinatorTest, ASerialTestRunsAlone) {
  Join("a", "alpha", 4, 8);
  Constraints serial;
  serial.serial = true;
  Submit({Test("alone", serial), Test("other")});
  const std::vector<Lease> first = Leases("a");
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].tests[0].name, "other");
  Finish("a", first[0], Outcome::kPassed);
  const std::vector<Lease> second = Leases("a");
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].tests[0].name, "alone");
}

TEST_F(CoordinatorTest, AFailedSetUpLeavesItsUsersNotRunAndCleansUp) {
  Join("a", "alpha", 4, 8);
  Constraints setup;
  setup.fixtures_setup = {"f"};
  Constraints user;
  user.fixtures_required = {"f"};
  Constraints cleanup;
  cleanup.fixtures_cleanup = {"f"};
  Submit({Test("use", user), Test("clean", cleanup), Test("set", setup)});
  const std::vector<Lease> first = Leases("a");
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].tests[0].name, "set");
  Finish("a", first[0], Outcome::kFailed);
  const std::vector<Lease> second = Leases("a");
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].tests[0].name, "clean");
  Finish("a", second[0], Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kNotRun),
                                      Pair(TestIndex{1}, Verdict::kPassed),
                                      Pair(TestIndex{2}, Verdict::kFailed)));
}

TEST_F(CoordinatorTest, ASecondAgentOfANameIsRefusedWithItsHolder) {
  Join("a", "alpha", 1, 1);
  Say("b", MakeHello("alpha", 1));
  EXPECT_THAT(Take<Ping>("a"), SizeIs(1));
  now_ += std::chrono::milliseconds(1);
  Say("a", Pong{1});
  now_ += std::chrono::milliseconds(100);
  coordinator_.OnTick(now_);
  const auto refused = Take<Refused>("b");
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].code, RefusalCode::kNameTaken);
  EXPECT_THAT(refused[0].sentence, HasSubstr("process 7"));
}

TEST_F(CoordinatorTest, ASilentHolderOfANameIsFenced) {
  Join("a", "alpha", 1, 1);
  Say("b", MakeHello("alpha", 1));
  for (int i = 0; i < 40; ++i) {
    now_ += std::chrono::milliseconds(100);
    coordinator_.OnTick(now_);
  }
  EXPECT_THAT(Take<Welcome>("b"), SizeIs(1));
}

TEST_F(CoordinatorTest, TheSameInstanceComesBackWithWhatItHolds) {
  Hello hello = Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  hello.held = {{lease.token, true}};
  hello.seq = 2;
  Say("a2", hello);
  const auto welcome = Take<Welcome>("a2");
  ASSERT_THAT(welcome, SizeIs(1));
  EXPECT_THAT(welcome[0].dropped, IsEmpty());
  sessions_["a2"] = welcome[0].session;
  Finish("a2", lease, Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
  EXPECT_THAT(TakeEvents<AttemptEvent>(), SizeIs(1));
}

TEST_F(CoordinatorTest, ALeaseThatNeverReachedItsAgentGoesOutAgain) {
  Hello hello = Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  Leases("a");
  hello.seq = 2;
  Say("a2", hello);
  sessions_["a2"] = Take<Welcome>("a2").at(0).session;
  Want("a2", 0, 1);
  EXPECT_THAT(Leases("a2"), SizeIs(1));
}

// What an old hello says of `held` made units run twice unseen.
TEST_F(CoordinatorTest, AHelloThatCameLateChangesNothing) {
  Hello hello = Join("a", "alpha", 1, 1);
  hello.seq = 2;
  Say("a2", hello);
  sessions_["a2"] = Take<Welcome>("a2").at(0).session;
  Want("a2", 0, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a2").at(0);
  hello.seq = 1;
  Say("a", hello);
  EXPECT_THAT(Take<Welcome>("a"), IsEmpty());
  Finish("a2", lease, Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
}

TEST_F(CoordinatorTest, AnAgentThatMissedAGrantIsAskedWhatItHolds) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  Leases("a");
  Want("a", 0, 1);
  EXPECT_THAT(Take<Rehello>("a"), IsEmpty());
  Advance(std::chrono::seconds(6), {"a"});
  Want("a", 0, 1);
  EXPECT_THAT(Take<Rehello>("a"), SizeIs(1));
}

TEST_F(CoordinatorTest, AStopWithoutAnAnswerIsSaidAgain) {
  Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  Leases("a");
  Say("client", Cancel{run, "enough"});
  EXPECT_THAT(Take<Stop>("a"), SizeIs(1));
  Advance(std::chrono::seconds(6), {"a"});
  EXPECT_THAT(Take<Stop>("a"), SizeIs(1));
}

// The first results of a new agent were taken for later ones, and those
// before them never asked for.
TEST_F(CoordinatorTest, ResultsAfterAGapAreNotAcknowledged) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  Results results;
  results.session = sessions_["a"];
  results.first = 2;
  UnitEndItem end;
  end.run = lease.run;
  end.token = lease.token;
  results.items = {end};
  Say("a", results);
  EXPECT_THAT(Take<ResultAck>("a"), IsEmpty());
}

// While the agent's Draining was on its way the test ran again without a word.
TEST_F(CoordinatorTest, ATestThatWasInterruptedRunsAgainAndIsShownAsRerun) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  Results results;
  results.session = sessions_["a"];
  results.first = 1;
  UnitEndItem end;
  end.run = lease.run;
  end.token = lease.token;
  end.interrupted = {TestIndex{0}};
  results.items = {end};
  Say("a", results);
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].rerun, "rerun: drained");
  EXPECT_EQ(attempts[0].verdict, std::nullopt);
}

TEST_F(CoordinatorTest, ATestThatWasStoppedSaysSo) {
  Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  Say("client", Cancel{run, "enough"});
  Results results;
  results.session = sessions_["a"];
  results.first = 1;
  UnitEndItem end;
  end.run = lease.run;
  end.token = lease.token;
  end.interrupted = {TestIndex{0}};
  results.items = {end};
  Say("a", results);
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].verdict, Verdict::kNotRun);
  EXPECT_EQ(attempts[0].result.message, "stopped while it ran: enough");
}

TEST_F(CoordinatorTest, APartAfterAGapWaitsForTheOneBetween) {
  const RunId run = RandomId<RunId>();
  Say("client", SubmitOpen{run, {}});
  Take<PartKept>("client");
  Say("client", SubmitPart{run, 2, {}, {}});
  Say("client", SubmitComplete{run, 2, 0, "0000000000000000", {}});
  EXPECT_THAT(Take<Refused>("client"), IsEmpty());
  EXPECT_THAT(Take<PartKept>("client"), IsEmpty());
}

TEST_F(CoordinatorTest, AnotherProtocolVersionIsRefusedWithASentence) {
  Hello hello = MakeHello("alpha", 1);
  hello.protocol = 3;
  Say("a", hello);
  const auto refused = Take<Refused>("a");
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].code, RefusalCode::kProtocolVersion);
  EXPECT_THAT(refused[0].sentence, HasSubstr("version 3"));
  EXPECT_THAT(refused[0].sentence, HasSubstr("update the coordinator"));
}

// Any difference was refused, though one step is allowed: a fleet could only
// be updated all at once.
TEST_F(CoordinatorTest, TheNextVersionIsSpokenToInThisOne) {
  Hello hello = MakeHello("alpha", 1);
  hello.protocol = 2;
  Say("a", hello);
  const auto welcome = Take<Welcome>("a");
  ASSERT_THAT(welcome, SizeIs(1));
  EXPECT_EQ(welcome[0].protocol, 1U);
  Say("client", ClientHello{2, "test", "host", 1});
  const auto client = Take<ClientWelcome>("client");
  ASSERT_THAT(client, SizeIs(1));
  EXPECT_EQ(client[0].protocol, 1U);
}

TEST_F(CoordinatorTest, AStrangerIsToldToSayHello) {
  Say("x", Beat{SessionId{1}, 1, {}, {}});
  EXPECT_THAT(Take<Rehello>("x"), SizeIs(1));
}

TEST_F(CoordinatorTest, AClientThatIsGoneForTooLongCancelsItsRun) {
  Join("a", "alpha", 1, 0);
  const RunId run = Submit({Test("one")});
  run_.clear();
  Advance(std::chrono::seconds(125), {"a"});
  Say("client", Attach{run, 0});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kNotRun)));
}

TEST_F(CoordinatorTest, EventsAreToldAgainToAClientThatComesBack) {
  Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  Take<Events>("client");
  Say("client2", Attach{run, 0});
  const auto reply = Take<AttachReply>("client2");
  ASSERT_THAT(reply, SizeIs(1));
  EXPECT_TRUE(reply[0].known);
  EXPECT_TRUE(reply[0].closed);
  const auto events = Take<Events>("client2");
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].first, 1U);
  EXPECT_THAT(events[0].events, SizeIs(2));
}

TEST_F(CoordinatorTest, ARepeatedResultIsAcknowledgedAndNotCountedAgain) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  Finish("a", lease, Outcome::kPassed);
  next_result_["a"] = 0;
  Finish("a", lease, Outcome::kPassed);
  EXPECT_THAT(Take<ResultAck>("a"), SizeIs(2));
  EXPECT_THAT(TakeEvents<AttemptEvent>(), SizeIs(1));
}

TEST_F(CoordinatorTest, AnExtraFailureIsATestOfItsOwn) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  ExtraItem extra;
  extra.run = lease.run;
  extra.token = lease.token;
  extra.worker = 1;
  extra.extra.name = "tear-down";
  extra.extra.result.outcome = Outcome::kError;
  Say("a", Results{sessions_["a"], 1, {extra}});
  next_result_["a"] = 1;
  Finish("a", lease, Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed),
                                      Pair(TestIndex{1}, Verdict::kError)));
  const auto ends = TakeEvents<RunEndedEvent>();
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_FALSE(ends[0].green);
}

class FoundTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    CoordinatorTest::SetUp();
    Join("a", "alpha", 1, 1);
    Submit({Test("one")});
    lease_ = Leases("a").at(0);
  }
  ExtraItem Found(const std::string& name, Outcome outcome) const {
    ExtraItem item;
    item.run = lease_.run;
    item.token = lease_.token;
    item.extra.name = name;
    item.extra.result.outcome = outcome;
    item.extra.found = true;
    return item;
  }
  void Tell(const std::vector<ExtraItem>& items) {
    Results results{sessions_["a"], 1, {}};
    results.items.assign(items.begin(), items.end());
    Say("a", results);
    next_result_["a"] = items.size();
    Finish("a", lease_, Outcome::kPassed);
  }

  Lease lease_;
};

TEST_F(FoundTest, KeepsItsOutcome) {
  Tell({Found("good", Outcome::kPassed), Found("skips", Outcome::kSkipped)});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed),
                                      Pair(TestIndex{1}, Verdict::kPassed),
                                      Pair(TestIndex{2}, Verdict::kSkipped)));
  EXPECT_TRUE(TakeEvents<RunEndedEvent>().at(0).green);
}

TEST_F(FoundTest, FailsTheRunIfItIsBad) {
  Tell({Found("bad", Outcome::kFailed)});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed),
                                      Pair(TestIndex{1}, Verdict::kFailed)));
  EXPECT_FALSE(TakeEvents<RunEndedEvent>().at(0).green);
}

// It runs again with the first test of its module.
TEST_F(FoundTest, HasOneVerdict) {
  Tell({Found("odd", Outcome::kFailed), Found("odd", Outcome::kPassed)});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed),
                                      Pair(TestIndex{1}, Verdict::kFailed)));
}

// Something that a case left behind was found after the case had been told.
class LeakedExtraTest : public CoordinatorTest {
 protected:
  bool IsGreen(bool fail_on_leak) {
    Join("a", "alpha", 1, 1);
    RunOptions options;
    options.fail_on_leak = fail_on_leak;
    Submit({Test("one")}, options);
    const Lease lease = Leases("a").at(0);
    ExtraItem extra;
    extra.run = lease.run;
    extra.token = lease.token;
    extra.extra.name = "left behind";
    extra.extra.result.outcome = Outcome::kPassed;
    extra.extra.result.leaked = true;
    Say("a", Results{sessions_["a"], 1, {extra}});
    next_result_["a"] = 1;
    Finish("a", lease, Outcome::kPassed);
    const auto ends = TakeEvents<RunEndedEvent>();
    return ends.size() == 1 && ends[0].green;
  }
};

TEST_F(LeakedExtraTest, IsAWarning) { EXPECT_TRUE(IsGreen(false)); }
TEST_F(LeakedExtraTest, IsBadWhereLeaksAre) { EXPECT_FALSE(IsGreen(true)); }

TEST_F(CoordinatorTest, PropertiesThatComeLateAreTold) {
  Join("a", "alpha", 1, 2);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  AttemptItem attempt;
  attempt.run = lease.run;
  attempt.token = lease.token;
  attempt.test = lease.tests[0].test;
  attempt.attempt = lease.tests[0].attempt;
  attempt.result.outcome = Outcome::kPassed;
  PropertiesItem late;
  late.run = lease.run;
  late.token = lease.token;
  late.test = attempt.test;
  late.attempt = attempt.attempt;
  late.properties = {{"key", "value"}};
  // Of a test that has no result yet.
  PropertiesItem early = late;
  early.properties = {{"early", "value"}};
  PropertiesItem of_scope = late;
  of_scope.test.reset();
  of_scope.scope = "Foo";
  Say("a", Results{sessions_["a"], 1, {early, attempt, late, of_scope}});
  const auto events = TakeEvents<PropertiesEvent>();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].test, attempt.test);
  EXPECT_EQ(events[0].attempt, attempt.attempt);
  EXPECT_EQ(events[0].properties, late.properties);
  EXPECT_EQ(events[1].test, std::nullopt);
  EXPECT_EQ(events[1].suite, lease.suite);
  EXPECT_EQ(events[1].scope, "Foo");
}

TEST_F(CoordinatorTest, ExtraFailuresOfOneNameAreToldApart) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  Results results{sessions_["a"], 1, {}};
  const std::string longest(kMaxNameBytes, 'x');
  for (const std::string& name :
       {std::string("tear-down"), std::string("tear-down (2)"),
        std::string("tear-down"), std::string("tear-down"), longest, longest}) {
    ExtraItem extra;
    extra.run = lease.run;
    extra.token = lease.token;
    extra.number = static_cast<std::uint32_t>(results.items.size());
    extra.extra.name = name;
    extra.extra.result.outcome = Outcome::kError;
    results.items.emplace_back(std::move(extra));
  }
  Say("a", std::move(results));
  std::vector<std::string> names;
  for (const ExtraTestEvent& event : TakeEvents<ExtraTestEvent>()) {
    names.push_back(event.name);
  }
  EXPECT_THAT(names,
              ElementsAre("tear-down", "tear-down (2)", "tear-down (3)",
                          "tear-down (4)", longest,
                          longest.substr(0, kMaxNameBytes - 4) + " (2)"));
}

TEST_F(CoordinatorTest, AResultCountsOnlyForTheRunOfItsLease) {
  Join("a", "alpha", 2, 4);
  const RunId other = Submit({Test("other")});
  const Lease elsewhere = Leases("a").at(0);
  Submit({Test("one")});
  Lease lease = Leases("a").at(0);
  lease.run = other;
  Finish("a", lease, Outcome::kPassed);
  EXPECT_THAT(Verdicts(), IsEmpty());
}

// The newcomer was welcomed with its first hello; a later one of the same
// connection, that had been on its way, then said that it held nothing, and
// what it ran went out a second time.
TEST_F(CoordinatorTest, ANewcomersLatestHelloIsTheOneThatCounts) {
  Join("a", "alpha", 1, 1);
  Hello hello = MakeHello("alpha", 1);
  Say("b", hello);
  hello.seq = 2;
  Say("b2", hello);
  for (int i = 0; i < 40; ++i) {
    now_ += std::chrono::milliseconds(100);
    coordinator_.OnTick(now_);
  }
  sessions_["b2"] = Take<Welcome>("b2").at(0).session;
  Want("b2", 0, 1);
  Submit({Test("one")});
  const Lease lease = Leases("b2").at(0);
  Say("b2", hello);
  EXPECT_THAT(Take<Welcome>("b2"), IsEmpty());
  Finish("b2", lease, Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
}

// Cancelled between a bad attempt and the end of its unit, a test with a lock
// waited for its retry for ever.
TEST_F(CoordinatorTest, ARetryOfALockedTestIsSettledWhenTheRunIsCancelled) {
  Join("a", "alpha", 1, 1);
  RunOptions options;
  options.retries = 1;
  Constraints lock;
  lock.locks = {"database"};
  const RunId run = Submit({Test("one", lock)}, options);
  const Lease lease = Leases("a").at(0);
  AttemptItem item;
  item.run = run;
  item.token = lease.token;
  item.test = lease.tests[0].test;
  item.attempt = 1;
  item.result.outcome = Outcome::kFailed;
  UnitEndItem end;
  end.run = run;
  end.token = lease.token;
  Say("a", Results{sessions_["a"], 1, {item}});
  Say("client", Cancel{run, "enough"});
  Say("a", Results{sessions_["a"], 2, {end}});
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kFailed)));
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
}

// A part that was on its way when the run was cancelled came after its end.
TEST_F(CoordinatorTest, NothingComesAfterTheEndOfARun) {
  const RunId run = RandomId<RunId>();
  Say("client", SubmitOpen{run, {}});
  Say("client", Cancel{run, "enough"});
  SubmitPart part;
  part.run = run;
  part.part = 1;
  part.suites.emplace_back();
  part.suites[0].name = part.suites[0].runner = "suite";
  part.tests = {Test("one")};
  Say("client", part);
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
  EXPECT_THAT(TakeEvents<AttemptEvent>(), IsEmpty());
}

TEST_F(CoordinatorTest, ADetachedRunThatIsNeverClosedIsGivenUp) {
  const RunId run = RandomId<RunId>();
  RunOptions options;
  options.detach = true;
  Say("client", SubmitOpen{run, options});
  Advance(std::chrono::seconds(125), {});
  Say("client", Attach{run, 0});
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
}

TEST_F(CoordinatorTest, OutputThatWasLostOnTheWayIsCountedAsCut) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  AttemptItem item;
  item.run = lease.run;
  item.token = lease.token;
  item.test = lease.tests[0].test;
  item.attempt = 1;
  item.head_bytes_sent = 100;
  Say("a", Results{sessions_["a"], 1, {item}});
  EXPECT_EQ(TakeEvents<AttemptEvent>().at(0).result.output.cut_bytes, 100U);
}

}  // namespace
}  // namespace paceline
