// Nothing is told before the record behind it is committed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/coordinator/coordinator_fixture.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class LateCommitTest : public CoordinatorTest {
 protected:
  // An item that passes the only test of `lease`.
  static AttemptItem Passed(const Lease& lease) {
    AttemptItem item;
    item.run = lease.run;
    item.token = lease.token;
    item.test = lease.tests[0].test;
    item.attempt = lease.tests[0].attempt;
    return item;
  }
};

TEST_F(LateCommitTest, NobodyIsListenedToBeforeTheEpochIsKept) {
  journal_.Restart();
  journal_.late = true;
  ASSERT_TRUE(Begin().ok());
  EXPECT_FALSE(coordinator_.life->ready());
  journal_.Commit();
  EXPECT_TRUE(coordinator_.life->ready());
}

TEST_F(LateCommitTest, AVerdictIsToldAndAcknowledgedAfterItsCommit) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  journal_.late = true;
  Finish("a", lease, Outcome::kPassed);
  EXPECT_THAT(Take<Events>("client"), IsEmpty());
  EXPECT_THAT(Take<ResultAck>("a"), IsEmpty());
  Commit();
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
  EXPECT_THAT(Take<ResultAck>("a"), SizeIs(1));
}

TEST_F(LateCommitTest, WhatWasNotCommittedIsCountedOnceWhenItComesAgain) {
  Hello hello = Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  journal_.late = true;
  Finish("a", lease, Outcome::kPassed);
  Restart();
  Commit();
  hello.held = {{lease.token, true}};
  ++hello.seq;
  Say("a2", hello);
  const auto welcome = Take<Welcome>("a2");
  ASSERT_THAT(welcome, SizeIs(1));
  EXPECT_EQ(welcome[0].acked_through, 0U);
  EXPECT_THAT(welcome[0].dropped, IsEmpty());
  sessions_["a2"] = welcome[0].session;
  Say("client", Attach{run, 0});
  Finish("a2", lease, Outcome::kPassed);
  Commit();
  Commit();
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
}

// What it stopped would have come back as lost, of a run that goes on.
TEST_F(LateCommitTest, NothingIsStoppedBeforeTheCancellationIsKept) {
  Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  ASSERT_THAT(Leases("a"), SizeIs(1));
  journal_.late = true;
  Say("client", Cancel{run, "enough"});
  EXPECT_THAT(Take<Stop>("a"), IsEmpty());
  Commit();
  EXPECT_THAT(Take<Stop>("a"), SizeIs(1));
}

// A grant that waits for a slow disk is not one that was lost on the way.
TEST_F(LateCommitTest, NobodyIsAskedToComeBackForAGrantThatWasNotSent) {
  Join("a", "alpha", 1, 1);
  journal_.late = true;
  Submit({Test("one")});
  Advance(std::chrono::seconds(6), {"a"});
  Want("a", 0, 1);
  EXPECT_THAT(Take<Rehello>("a"), IsEmpty());
  Commit();
  EXPECT_THAT(Leases("a"), SizeIs(1));
  Want("a", 0, 1);
  Advance(std::chrono::seconds(6), {"a"});
  Want("a", 0, 1);
  EXPECT_THAT(Take<Rehello>("a"), SizeIs(1));
}

TEST_F(LateCommitTest, NothingIsHandedOutWhileNothingCanBeKept) {
  Join("a", "alpha", 1, 1);
  journal_.full = true;
  Submit({Test("one")});
  Advance(std::chrono::seconds(1), {"a"});
  EXPECT_THAT(journal_.All<LeaseGranted>(), IsEmpty());
  journal_.full = false;
  Advance(std::chrono::seconds(1), {"a"});
  EXPECT_THAT(Leases("a"), SizeIs(1));
}

TEST_F(LateCommitTest, AGrantWaitsForItsCommit) {
  Join("a", "alpha", 1, 1);
  journal_.late = true;
  Submit({Test("one")});
  EXPECT_THAT(Leases("a"), IsEmpty());
  Commit();
  EXPECT_THAT(Leases("a"), SizeIs(1));
}

TEST_F(LateCommitTest, WhatAnAgentIsToldToForgetIsForgottenFirst) {
  Hello hello = Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  journal_.late = true;
  Advance(std::chrono::seconds(31), {});  // lost, but not yet in the journal
  hello.held = {{lease.token, true}};
  ++hello.seq;
  Say("a2", hello);
  EXPECT_THAT(Take<Welcome>("a2"), IsEmpty());
  Commit();
  const auto welcome = Take<Welcome>("a2");
  ASSERT_THAT(welcome, SizeIs(1));
  EXPECT_THAT(welcome[0].dropped, ElementsAre(lease.token));
}

// The answer took off one part alone, though four may be on their way.
TEST_F(LateCommitTest, AttachTellsOfCommittedPartsOnly) {
  const RunId run = RandomId<RunId>();
  Say("client", SubmitOpen{run, {}});
  SubmitPart first;
  first.run = run;
  first.part = 1;
  first.suites.emplace_back();
  first.suites[0].name = first.suites[0].runner = "suite";
  Say("client", first);
  journal_.late = true;
  for (std::uint32_t part = 2; part <= 4; ++part) {
    Say("client", SubmitPart{run, part, {}, {}});
  }
  ManifestDigest digest;
  digest.Add(first.suites[0]);
  Say("client", SubmitComplete{run, 4, 0, digest.Hex(), {}});
  Say("client", Attach{run, 0});
  const auto early = Take<AttachReply>("client");
  ASSERT_THAT(early, SizeIs(1));
  EXPECT_EQ(early[0].parts_kept, 1U);
  EXPECT_FALSE(early[0].closed);
  Commit();
  Say("client", Attach{run, 0});
  const auto late = Take<AttachReply>("client");
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(late[0].parts_kept, 4U);
  EXPECT_TRUE(late[0].closed);
}

TEST_F(LateCommitTest, ARunIsNotKnownBeforeItsOpeningIsCommitted) {
  journal_.late = true;
  const RunId run = RandomId<RunId>();
  Say("client", SubmitOpen{run, {}});
  Say("client", Attach{run, 0});
  EXPECT_THAT(Take<AttachReply>("client"), IsEmpty());
  EXPECT_THAT(Take<PartKept>("client"), IsEmpty());
  Commit();
  EXPECT_THAT(Take<AttachReply>("client"), SizeIs(1));
  EXPECT_THAT(Take<PartKept>("client"), SizeIs(1));
}

// A piece that was ignored acknowledged the one before it too.
TEST_F(LateCommitTest, OutputIsAcknowledgedInOrder) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease lease = Leases("a").at(0);
  journal_.late = true;
  Output piece;
  piece.session = sessions_["a"];
  piece.seq = 1;
  piece.token = lease.token;
  piece.test = lease.tests[0].test;
  piece.attempt = 1;
  piece.data = "text";
  Say("a", piece);
  piece.seq = 2;
  piece.token = Token{1, 77};  // nobody's
  Say("a", piece);
  EXPECT_THAT(Take<OutputAck>("a"), IsEmpty());
  Commit();
  const auto acks = Take<OutputAck>("a");
  ASSERT_THAT(acks, SizeIs(1));
  EXPECT_EQ(acks[0].through, 2U);
}

TEST_F(LateCommitTest, AcknowledgementsGoOutWhileMoreComes) {
  Join("a", "alpha", 1, 1);
  const RunId run = Submit({Test("one")});
  journal_.late = true;
  Say("a", Results{sessions_["a"], 1, {NoteItem{run, "one"}}});
  journal_.Commit();
  Say("a", Results{sessions_["a"], 2, {NoteItem{run, "two"}}});
  const auto acks = Take<ResultAck>("a");
  ASSERT_THAT(acks, SizeIs(1));
  EXPECT_EQ(acks[0].through, 1U);
}

TEST_F(LateCommitTest, TheStatusCountsCommittedVerdicts) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one"), Test("two")});
  const Lease lease = Leases("a").at(0);
  journal_.late = true;
  Say("a", Results{sessions_["a"], 1, {Passed(lease)}});
  Say("x", StatusRequest{});
  EXPECT_EQ(Take<StatusReply>("x").at(0).runs.at(0).settled, 0U);
  Commit();
  Say("x", StatusRequest{});
  EXPECT_EQ(Take<StatusReply>("x").at(0).runs.at(0).settled, 1U);
}

}  // namespace
}  // namespace paceline
