// A coordinator that is killed and started again over its journal.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/coordinator/coordinator_fixture.h"

namespace paceline {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class RestartTest : public CoordinatorTest {
 protected:
  static RunOptions OneATime() {
    RunOptions options;
    options.max_unit_tests = 1;
    return options;
  }

  // The agent behind `hello` comes back on `peer`, holding `held`.
  Welcome ComeBack(const std::string& peer, Hello& hello,
                   std::vector<HeldLease> held) {
    hello.held = std::move(held);
    ++hello.seq;
    Say(peer, hello);
    const auto welcome = Take<Welcome>(peer);
    EXPECT_THAT(welcome, SizeIs(1));
    sessions_[peer] = welcome.at(0).session;
    return welcome.at(0);
  }

  // Changes the records of one kind that are kept.
  template <typename R>
  void Alter(void (*change)(R&)) {
    for (std::string& bytes : journal_.kept) {
      absl::StatusOr<Record> record = DecodeRecord(bytes);
      ASSERT_TRUE(record.ok()) << record.status();
      if (auto* one = std::get_if<R>(&*record)) {
        change(*one);
        bytes = EncodeRecord(*record);
      }
    }
  }

  // The client comes back with what it has seen.
  AttachReply AttachAgain(RunId run) {
    Say("client", Attach{run, events_.size()});
    const auto reply = Take<AttachReply>("client");
    EXPECT_THAT(reply, SizeIs(1));
    return reply.at(0);
  }
};

TEST_F(RestartTest, WhatAnAgentStillRunsIsAdoptedAndNotRunAgain) {
  Hello hello = Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  Restart();
  EXPECT_THAT(ComeBack("a2", hello, {{lease.token, true}}).dropped, IsEmpty());
  AttachAgain(run);
  Want("a2", 0, 4);
  EXPECT_THAT(Leases("a2"), IsEmpty());
  Finish("a2", lease, Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
  EXPECT_THAT(TakeEvents<AttemptEvent>(), SizeIs(1));
  EXPECT_TRUE(TakeEvents<RunEndedEvent>().at(0).green);
}

TEST_F(RestartTest, WhatTheClientHasSeenIsNotHeldAgain) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  TakeEvents<RunEndedEvent>();
  TakeEvents<RunEndedEvent>();
  EXPECT_EQ(journal_.All<EventsSeen>().size(), 1U);
  Restart();
  // It is forgotten as one that was seen to its end.
  Advance(seconds(61), {});
  EXPECT_THAT(journal_.All<RunForgotten>(), SizeIs(1));
}

TEST_F(RestartTest, ALeaseOfATestTwiceIsDamage) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  Alter<LeaseGranted>(
      [](LeaseGranted& granted) { granted.tests.push_back(granted.tests[0]); });
  journal_.Restart();
  EXPECT_TRUE(absl::IsDataLoss(Begin()));
}

TEST_F(RestartTest, ALeaseOfThingsThatThereAreNotIsDamage) {
  RunOptions options;
  options.resources = {{"gpu", {{"0", 2}}}};
  Join("a", "alpha", 1, 1);
  Constraints gpu;
  gpu.resource_groups = {{{"gpu", 1}}};
  Submit({Test("one", gpu)}, options);
  Alter<LeaseGranted>([](LeaseGranted& granted) {
    granted.resources = {{{77, 0, 1}}};
  });
  journal_.Restart();
  EXPECT_TRUE(absl::IsDataLoss(Begin()));
}

TEST_F(RestartTest, WhatNobodyNamesIsLostWhenTheWindowEnds) {
  Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  Restart();
  AttachAgain(run);
  Join("b", "beta", 1, 1);
  Advance(seconds(44), {"b"});
  EXPECT_THAT(Leases("b"), IsEmpty());
  Advance(seconds(2), {"b"});
  const std::vector<Lease> second = Leases("b");
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].tests[0].attempt, 2U);
  EXPECT_GT(second[0].token, lease.token);
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].agent, "alpha");
  EXPECT_EQ(attempts[0].rerun, "rerun: agent lost");
}

TEST_F(RestartTest, ALeaseThatWasDeclaredLostIsNotAdopted) {
  Hello hello = Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  Restart();
  AttachAgain(run);
  Advance(seconds(46), {});
  EXPECT_THAT(ComeBack("a2", hello, {{lease.token, true}}).dropped,
              ElementsAre(lease.token));
  // Nor in the life after that.
  Restart();
  EXPECT_THAT(ComeBack("a3", hello, {{lease.token, true}}).dropped,
              ElementsAre(lease.token));
}

TEST_F(RestartTest, AnotherInstanceCannotAdoptALease) {
  Hello hello = Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  Restart();
  Hello other = MakeHello("beta", 1);
  EXPECT_THAT(ComeBack("b", other, {{lease.token, true}}).dropped,
              ElementsAre(lease.token));
  EXPECT_THAT(ComeBack("a2", hello, {{lease.token, true}}).dropped, IsEmpty());
}

TEST_F(RestartTest, OfTwoClaimsOfAUnitTheHigherTokenWins) {
  Hello alpha = Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  const Lease first = Leases("a").at(0);
  Hello beta = Join("b", "beta", 1, 1);
  Advance(seconds(31), {"b"});
  const Lease second = Leases("b").at(0);
  Restart();
  EXPECT_THAT(ComeBack("a2", alpha, {{first.token, true}}).dropped,
              ElementsAre(first.token));
  EXPECT_THAT(ComeBack("b2", beta, {{second.token, true}}).dropped, IsEmpty());
  AttachAgain(run);
  Finish("b2", second, Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
}

TEST_F(RestartTest, AGrantThatNeverReachedItsAgentGoesOutAgain) {
  Hello hello = Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  Leases("a");
  Restart();
  ComeBack("a2", hello, {});
  Want("a2", 0, 1);
  const std::vector<Lease> again = Leases("a2");
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].tests[0].attempt, 1U);
  AttachAgain(run);
  EXPECT_THAT(TakeEvents<AttemptEvent>(), IsEmpty());
}

TEST_F(RestartTest, EventsKeepTheirNumbersAndAreNotToldAgain) {
  Hello hello = Join("a", "alpha", 2, 2);
  const RunId run =
      Submit({Test("one"), Test("two"), Test("three")}, OneATime());
  std::vector<Lease> leases = Leases("a");
  ASSERT_THAT(leases, SizeIs(2));
  Finish("a", leases[0], Outcome::kFailed);
  EXPECT_THAT(Verdicts(), SizeIs(1));
  Restart();
  ComeBack("a2", hello, {{leases[1].token, true}});
  next_result_["a2"] = next_result_["a"];
  AttachAgain(run);
  EXPECT_THAT(Take<Events>("client"), IsEmpty());
  Finish("a2", leases[1], Outcome::kPassed);
  const auto news = Take<Events>("client");
  ASSERT_THAT(news, SizeIs(1));
  EXPECT_EQ(news[0].first, events_.size() + 1);
}

TEST_F(RestartTest, ASubmissionGoesOnWithItsPartsNumbers) {
  const RunId run = RandomId<RunId>();
  Say("client", SubmitOpen{run, {}});
  SubmitPart part;
  part.run = run;
  part.part = 1;
  part.suites.emplace_back();
  part.suites[0].name = part.suites[0].runner = "suite";
  part.tests = {Test("one")};
  Say("client", part);
  Restart();
  const AttachReply reply = AttachAgain(run);
  EXPECT_TRUE(reply.known);
  EXPECT_EQ(reply.parts_kept, 1U);
  EXPECT_FALSE(reply.closed);
  ManifestDigest digest;
  digest.Add(part.suites[0]);
  digest.Add(part.tests[0]);
  digest.Add(Test("two"));
  Say("client", SubmitPart{run, 2, {}, {Test("two")}});
  Say("client", SubmitComplete{run, 2, 2, digest.Hex(), {}});
  EXPECT_THAT(Take<SubmitKept>("client"), SizeIs(1));
}

TEST_F(RestartTest, ResultsThatWereKeptAreKnownToBe) {
  Hello hello = Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  Results results;
  results.session = sessions_["a"];
  results.first = 1;
  AttemptItem item;
  item.run = run;
  item.token = lease.token;
  item.test = lease.tests[0].test;
  item.attempt = 1;
  results.items = {item, NoteItem{run, "look here"}};
  Say("a", results);
  Restart();
  EXPECT_EQ(ComeBack("a2", hello, {{lease.token, true}}).acked_through, 2U);
  AttachAgain(run);
  // The acknowledgement was lost, and the agent says it all again.
  results.session = sessions_["a2"];
  Say("a2", results);
  EXPECT_THAT(TakeEvents<NoteEvent>(), SizeIs(1));
  EXPECT_THAT(Verdicts(), SizeIs(1));
}

TEST_F(RestartTest, ACancelledRunStaysSoAndItsOrphansAreStopped) {
  Hello hello = Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one"), Test("two")}, OneATime());
  const Lease lease = Leases("a").at(0);
  Say("client", Cancel{run, "enough"});
  Restart();
  ComeBack("a2", hello, {{lease.token, true}});
  const auto stop = Take<Stop>("a2");
  ASSERT_THAT(stop, SizeIs(1));
  EXPECT_THAT(stop[0].tokens, ElementsAre(lease.token));
  EXPECT_EQ(stop[0].reason, "enough");
}

TEST_F(RestartTest, AnOrphansLockIsStillTaken) {
  Hello hello = Join("a", "alpha", 4, 8);
  Constraints lock;
  lock.locks = {"database"};
  Submit({Test("one", lock), Test("two", lock)});
  const Lease lease = Leases("a").at(0);
  Restart();
  ComeBack("a2", hello, {{lease.token, true}});
  Want("a2", 0, 8);
  EXPECT_THAT(Leases("a2"), IsEmpty());
  Finish("a2", lease, Outcome::kPassed);
  EXPECT_THAT(Leases("a2"), SizeIs(1));
}

TEST_F(RestartTest, ARetryThatWasWaitingGoesOutOnce) {
  Hello hello = Join("a", "alpha", 1, 1);
  RunOptions options;
  options.retries = 1;
  Submit({Test("one")}, options);
  Finish("a", Leases("a").at(0), Outcome::kFailed);
  Restart();
  ComeBack("a2", hello, {});
  Want("a2", 0, 4);
  const std::vector<Lease> retry = Leases("a2");
  ASSERT_THAT(retry, SizeIs(1));
  EXPECT_EQ(retry[0].tests[0].attempt, 2U);
  // And what was granted is not granted again.
  Restart();
  ComeBack("a3", hello, {{retry[0].token, true}});
  Want("a3", 0, 4);
  EXPECT_THAT(Leases("a3"), IsEmpty());
}

TEST_F(RestartTest, ANameIsKeptForWhoMayBeOnItsWayBack) {
  Hello hello = Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  Restart();
  Hello twin = MakeHello("alpha", 1);
  Say("b", twin);
  Advance(seconds(10), {});
  EXPECT_THAT(Take<Welcome>("b"), IsEmpty());
  EXPECT_THAT(ComeBack("a2", hello, {{lease.token, true}}).dropped, IsEmpty());
}

TEST_F(RestartTest, ANameIsGivenAwayWhenNobodyComesBackForIt) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  Leases("a");
  Restart();
  Say("b", MakeHello("alpha", 1));
  Advance(seconds(16), {});
  EXPECT_THAT(Take<Welcome>("b"), SizeIs(1));
}

TEST_F(RestartTest, AClientOfAnEarlierLifeIsAskedToComeBack) {
  Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  Restart();
  Say("client2", ClientBeat{run});
  EXPECT_THAT(Take<Rehello>("client2"), SizeIs(1));
}

TEST_F(RestartTest, TheClientsGraceBeginsAnew) {
  const RunId run = Submit({Test("one")});
  run_.clear();
  Advance(seconds(110), {});
  Restart();
  Advance(seconds(110), {});
  AttachAgain(run);
  EXPECT_THAT(Verdicts(), IsEmpty());
}

TEST_F(RestartTest, EveryLifesTokensAreGreater) {
  Hello hello = Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Token first = Leases("a").at(0).token;
  for (int i = 0; i < 3; ++i) {
    Restart();
    ComeBack("a", hello, {});
    Want("a", 0, 1);
    const Token next = Leases("a").at(0).token;
    EXPECT_GT(next.epoch, first.epoch + static_cast<std::uint32_t>(i));
  }
}

// A coordinator without a durable journal began in the second in which the one
// before it had begun: two leases had one token.
TEST_F(RestartTest, AnAgentThatHoldsALaterTokenRaisesTheEpoch) {
  Hello hello = MakeHello("alpha", 1);
  const Token unknown{Options().first_epoch + 3, 1};
  EXPECT_THAT(ComeBack("a", hello, {{unknown, true}}).dropped,
              ElementsAre(unknown));
  Want("a", 0, 1);
  Submit({Test("one")});
  EXPECT_GT(Leases("a").at(0).token, unknown);
}

TEST_F(RestartTest, AJournalThatContradictsItselfIsAnError) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  std::string granted;
  for (const std::string& bytes : journal_.kept) {
    if (std::holds_alternative<LeaseGranted>(*DecodeRecord(bytes))) {
      granted = bytes;
    }
  }
  journal_.kept.push_back(granted);
  journal_.Restart();
  const absl::Status status = Begin();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("out of order"));
}

TEST_F(RestartTest, ARunThatEndedIsRememberedUntilItsClientHasSeenIt) {
  Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  Finish("a", Leases("a").at(0), Outcome::kPassed);
  Restart();
  EXPECT_TRUE(AttachAgain(run).known);
  EXPECT_THAT(TakeEvents<RunEndedEvent>(), SizeIs(1));
  Advance(std::chrono::minutes(2), {});
  Restart();
  EXPECT_FALSE(AttachAgain(run).known);
}

}  // namespace
}  // namespace paceline
