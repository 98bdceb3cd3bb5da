// Who gets what, and how much of it ahead.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/coordinator/coordinator_fixture.h"

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class GrantsTest : public CoordinatorTest {
 protected:
  static RunOptions OneATime() {
    RunOptions options;
    options.max_unit_tests = 1;
    return options;
  }
  static std::vector<TestSpec> Tests(int count) {
    std::vector<TestSpec> tests;
    for (int i = 0; i < count; ++i) {
      tests.push_back(Test(absl::StrCat("test ", i)));
    }
    return tests;
  }
  static Constraints Slots(std::uint32_t slots) {
    Constraints constraints;
    constraints.slots = slots;
    return constraints;
  }
  static Constraints Lock(const std::string& name) {
    Constraints constraints;
    constraints.locks = {name};
    return constraints;
  }
  // A second run, of another client.
  RunId SubmitAnother(std::vector<TestSpec> tests, RunOptions options) {
    const RunId run = RandomId<RunId>();
    Say("client2", SubmitOpen{run, std::move(options)});
    const SubmitPart part = MakePart(run, 1, std::move(tests));
    Say("client2", part);
    Say("client2", MakeComplete(run, {part}));
    return run;
  }
  void Start(const std::string& peer, const Lease& lease) {
    Say(peer, Started{sessions_[peer], {lease.token}});
  }
  void StartAll(const std::string& peer, const std::vector<Lease>& leases) {
    for (const Lease& lease : leases) {
      Start(peer, lease);
    }
  }
};

// ---- credit ----------------------------------------------------------------

TEST_F(GrantsTest, NobodyIsGivenMoreThanWasAskedFor) {
  Join("a", "alpha", 4, 3);
  Submit(Tests(1000), OneATime());
  EXPECT_THAT(Leases("a"), SizeIs(3));
  Want("a", 0, 3);  // it has seen none of them yet
  EXPECT_THAT(Leases("a"), IsEmpty());
  Want("a", 3, 2);
  EXPECT_THAT(Leases("a"), SizeIs(2));
}

TEST_F(GrantsTest, ACreditThatIsTakenBackIsNotUsed) {
  Join("a", "alpha", 4, 4);
  Want("a", 0, 0);
  Submit(Tests(10), OneATime());
  EXPECT_THAT(Leases("a"), IsEmpty());
}

TEST_F(GrantsTest, NobodyHoldsMoreUnitsThanAMessageCanName) {
  Join("a", "alpha", 2, 5000);
  Submit(Tests(20'000), OneATime());
  EXPECT_THAT(Leases("a"), SizeIs(kMaxNamed));
}

TEST_F(GrantsTest, WhatIsHeldAheadIsNoMoreThanAFairShareOfWhatIsLeft) {
  Join("a", "alpha", 2, 100);
  Join("b", "beta", 2, 0);
  Submit(Tests(41), OneATime());
  StartAll("a", Leases("a"));
  // An eighth of what is left as it is handed out: with 4 held ahead there are
  // 35 left, and 35 / 8 is 4.
  EXPECT_THAT(Leases("a"), SizeIs(4));
}

TEST_F(GrantsTest, NothingIsHeldAheadOfTheLastTests) {
  Join("a", "alpha", 2, 100);
  Submit(Tests(5), OneATime());
  const std::vector<Lease> leases = Leases("a");
  EXPECT_THAT(leases, SizeIs(2));
  StartAll("a", leases);
  EXPECT_THAT(Leases("a"), IsEmpty());
}

TEST_F(GrantsTest, FreeSlotsComeBeforeWhatIsHeldAhead) {
  Join("a", "alpha", 1, 50);
  Join("b", "beta", 1, 50);
  Submit(Tests(6), OneATime());
  const std::vector<Lease> leases = Leases("a");
  EXPECT_THAT(leases, SizeIs(1));
  EXPECT_THAT(Leases("b"), SizeIs(1));
  StartAll("a", leases);
  EXPECT_THAT(Leases("a"), SizeIs(1));
}

TEST_F(GrantsTest, ASuiteIsDefinedOnceForASession) {
  Hello hello = Join("a", "alpha", 1, 1);
  Submit(Tests(5), OneATime());
  auto grants = Take<Grant>("a");
  ASSERT_THAT(grants, SizeIs(1));
  EXPECT_THAT(grants[0].suites, SizeIs(1));
  EXPECT_EQ(grants[0].suites[0].spec, MakeSuite());
  Finish("a", grants[0].leases[0], Outcome::kPassed);
  Want("a", 1, 1);
  grants = Take<Grant>("a");
  ASSERT_THAT(grants, SizeIs(1));
  EXPECT_THAT(grants[0].suites, IsEmpty());
  Finish("a", grants[0].leases[0], Outcome::kPassed);
  hello.seq = 2;
  Say("a2", hello);
  sessions_["a2"] = Take<Welcome>("a2").at(0).session;
  Want("a2", 0, 1);
  grants = Take<Grant>("a2");
  ASSERT_THAT(grants, SizeIs(1));
  EXPECT_THAT(grants[0].suites, SizeIs(1));
}

// Together they were over the bound of a message, which vanished; the agent was
// asked what it holds, and the same grant vanished again.
TEST_F(GrantsTest, ALargeSuiteAndALargeUnitGoOneAfterTheOther) {
  Join("a", "alpha", 1, 1);
  const RunId run = Open();
  std::vector<TestSpec> tests;
  for (int i = 0; i < 4; ++i) {
    tests.push_back(Test(absl::StrCat(i)));
    tests.back().payload = std::string(30 * 1024, 'p');
    tests.back().scope = "scope";
  }
  SubmitPart part = MakePart(run, 1, {});
  part.suites[0].arguments = {std::string(120 * 1024, 'a'),
                              std::string(100 * 1024, 'b')};
  part.suites[0].scopes_share_setup = true;
  const SubmitPart second = MakePart(run, 2, tests);
  Say("client", part);
  Say("client", second);
  Say("client", MakeComplete(run, {part, second}));
  const auto grants = Take<Grant>("a");
  ASSERT_THAT(grants, SizeIs(2));
  EXPECT_THAT(grants[0].suites, SizeIs(1));
  EXPECT_THAT(grants[0].leases, IsEmpty());
  EXPECT_THAT(grants[1].suites, IsEmpty());
  ASSERT_THAT(grants[1].leases, SizeIs(1));
  EXPECT_THAT(grants[1].leases[0].tests, SizeIs(4));
  for (const Grant& grant : grants) {
    EXPECT_LE(Encode(grant).size(), kMaxMessageBytes);
  }
}

TEST_F(GrantsTest, ALeaseSaysWhatItsTestsNeed) {
  Join("a", "alpha", 1, 1);
  RunOptions options;
  options.default_timeout = seconds(77);
  TestSpec test = Test("one");
  test.payload = "payload";
  TestSpec limited = Test("two");
  limited.timeout = seconds(5);
  const RunId run = Submit({test, limited}, options);
  const std::vector<Lease> leases = Leases("a");
  ASSERT_THAT(leases, SizeIs(1));
  EXPECT_EQ(leases[0].run, run);
  EXPECT_EQ(leases[0].slots, 1U);
  ASSERT_THAT(leases[0].tests, SizeIs(1));
  EXPECT_EQ(leases[0].tests[0],
            (LeasedTest{TestIndex{0}, 1, "one", seconds(77), "payload", {}}));
  Finish("a", leases[0], Outcome::kPassed);
  Want("a", 1, 1);
  EXPECT_EQ(Leases("a").at(0).tests.at(0).timeout, seconds(5));
}

TEST_F(GrantsTest, AGrantThatDoesNotFitIntoTheQueueFollowsLater) {
  Join("a", "alpha", 1, 3);
  broken_["a"] = absl::ResourceExhaustedError("full");
  Submit(Tests(9), OneATime());
  broken_.clear();
  EXPECT_THAT(Leases("a"), IsEmpty());
  Tick();
  EXPECT_THAT(Leases("a"), SizeIs(testing::Ge(1)));
  EXPECT_EQ(journal_.All<LeaseGranted>().size(), 1U)
      << "and nothing more is given to a connection that is full";
}

TEST_F(GrantsTest, WhatCouldNotBeSentIsNotMeantForTheNextSession) {
  Hello hello = Join("a", "alpha", 1, 3);
  broken_["a"] = absl::ResourceExhaustedError("full");
  Submit(Tests(9), OneATime());
  broken_.clear();
  hello.seq = 2;
  Say("a2", hello);
  const auto welcome = Take<Welcome>("a2");
  ASSERT_THAT(welcome, SizeIs(1));
  EXPECT_THAT(Leases("a2"), IsEmpty());
  sessions_["a2"] = welcome[0].session;
  Want("a2", 0, 1);
  const auto grants = Take<Grant>("a2");
  ASSERT_THAT(grants, SizeIs(1));
  EXPECT_EQ(grants[0].session, welcome[0].session);
}

// ---- several runs ----------------------------------------------------------

TEST_F(GrantsTest, RunsShareTheFleet) {
  const RunId one = Submit(Tests(100), OneATime());
  const RunId other = SubmitAnother(Tests(100), OneATime());
  Join("a", "alpha", 8, 8);
  std::map<RunId, int> leases;
  for (const Lease& lease : Leases("a")) {
    ++leases[lease.run];
  }
  EXPECT_EQ(leases[one], 4);
  EXPECT_EQ(leases[other], 4);
}

// Units of one slot and of four counted the same.
TEST_F(GrantsTest, RunsShareSlotsAndNotUnits) {
  Constraints wide;
  wide.slots = 3;
  std::vector<TestSpec> tests;
  for (int i = 0; i < 20; ++i) {
    tests.push_back(Test(absl::StrCat(i), wide));
  }
  const RunId one = Submit(tests);
  const RunId other = SubmitAnother(Tests(100), OneATime());
  Join("a", "alpha", 12, 12);
  std::map<RunId, std::uint32_t> slots;
  std::uint32_t all = 0;
  for (const Lease& lease : Leases("a")) {
    // The rest is held ahead.
    if (all + lease.slots <= 12) {
      slots[lease.run] += lease.slots;
      all += lease.slots;
    }
  }
  EXPECT_EQ(slots[one], 6U);
  EXPECT_EQ(slots[other], 6U);
}

TEST_F(GrantsTest, ARunWithNothingToDoLeavesItsShareToOthers) {
  Submit({Test("one", Lock("db")), Test("two", Lock("db"))}, OneATime());
  const RunId other = SubmitAnother(Tests(100), OneATime());
  Join("a", "alpha", 8, 8);
  std::map<RunId, int> leases;
  for (const Lease& lease : Leases("a")) {
    ++leases[lease.run];
  }
  EXPECT_EQ(leases[other], 7);
}

TEST_F(GrantsTest, ASerialTestIsAloneInItsRunAndNotInTheFleet) {
  Constraints serial;
  serial.serial = true;
  Submit({Test("alone", serial), Test("alone too", serial)});
  SubmitAnother(Tests(3), OneATime());
  Join("a", "alpha", 4, 4);
  EXPECT_THAT(Leases("a"), SizeIs(1 + 3));
}

// ---- wide tests ------------------------------------------------------------

TEST_F(GrantsTest, AWideTestTakesNoMoreThanItsAgentHas) {
  Join("a", "alpha", 2, 4);
  Submit({Test("wide", Slots(64)), Test("other")});
  const std::vector<Lease> leases = Leases("a");
  ASSERT_THAT(leases, SizeIs(1)) << "there is no slot left for the other";
  EXPECT_EQ(leases[0].slots, 2U);
}

TEST_F(GrantsTest, AWideTestThatHasEndedFreesAllOfItsSlots) {
  Join("a", "alpha", 4, 8);
  Submit({Test("wide", Slots(3)), Test("wide too", Slots(4))});
  const std::vector<Lease> wide = Leases("a");
  ASSERT_THAT(wide, SizeIs(2));
  EXPECT_EQ(wide[0].slots, 3U);
  EXPECT_EQ(wide[1].slots, 4U);
  for (const Lease& lease : wide) {
    Start("a", lease);
    Finish("a", lease, Outcome::kPassed);
  }
  SubmitAnother(Tests(4), OneATime());
  EXPECT_THAT(Leases("a"), SizeIs(4));
}

// It went to an idle agent of two slots, and ran on those.
TEST_F(GrantsTest, AWideTestGoesToWhoHasThatManySlots) {
  Join("a", "alpha", 2, 4);
  Join("b", "beta", 8, 8);
  Submit({Test("one")}, OneATime());
  StartAll("b", Leases("b"));
  SubmitAnother({Test("wide", Slots(7))}, {});
  EXPECT_THAT(Leases("a"), IsEmpty());
  const std::vector<Lease> leases = Leases("b");
  ASSERT_THAT(leases, SizeIs(1));
  EXPECT_EQ(leases[0].slots, 7U);
}

TEST_F(GrantsTest, AWideTestGoesWhereItCanStart) {
  Join("a", "alpha", 4, 8);
  Submit({Test("first")}, OneATime());
  ASSERT_THAT(Leases("a"), SizeIs(1));
  Join("b", "beta", 2, 4);
  SubmitAnother({Test("wide", Slots(4))}, {});
  EXPECT_THAT(Leases("a"), IsEmpty()) << "one of its four slots is busy";
  const std::vector<Lease> leases = Leases("b");
  ASSERT_THAT(leases, SizeIs(1));
  EXPECT_EQ(leases[0].slots, 2U);
}

// ---- taking back -----------------------------------------------------------

class TakingBackTest : public GrantsTest {
 protected:
  // Alpha runs one unit and holds two more, all that is left, when beta comes.
  void HoldAhead() {
    Join("a", "alpha", 1, 100);
    Submit(Tests(7), OneATime());
    held_ = Leases("a");
    ASSERT_THAT(held_, SizeIs(2));
    Start("a", held_[0]);
    for (const Lease& lease : Leases("a")) {
      held_.push_back(lease);
    }
    ASSERT_THAT(held_, SizeIs(3));
    Join("c", "gamma", 4, 4);
    StartAll("c", Leases("c"));
    ASSERT_THAT(Take<Revoke>("a"), IsEmpty());
  }

  std::vector<Lease> held_;
};

TEST_F(TakingBackTest, TheYoungestUnitIsAskedBackForWhoHasNothingToDo) {
  HoldAhead();
  Join("b", "beta", 1, 1);
  EXPECT_THAT(Take<Revoke>("a"),
              ElementsAre(Revoke{sessions_["a"], {held_[2].token}}));
}

TEST_F(TakingBackTest, WhoEndsOrIsLostWhileItIsAskedLeavesNothingAskedFor) {
  HoldAhead();
  Join("b", "beta", 2, 4);
  ASSERT_THAT(Take<Revoke>("a"), SizeIs(1));
  Say("a", Goodbye{sessions_["a"]});
  EXPECT_GE(Leases("b").size(), 2U);
}

TEST_F(TakingBackTest, AUnitIsLeasedAgainOnlyOnceItWasReturned) {
  HoldAhead();
  Join("b", "beta", 1, 1);
  EXPECT_THAT(Leases("b"), IsEmpty());
  Say("a", Returned{sessions_["a"], {held_[2].token}});
  const std::vector<Lease> leases = Leases("b");
  ASSERT_THAT(leases, SizeIs(1));
  EXPECT_EQ(leases[0].tests, held_[2].tests);
  EXPECT_GT(leases[0].token, held_[2].token);
}

TEST_F(TakingBackTest, WhoeverComesNextIsServedToo) {
  HoldAhead();
  Join("b", "beta", 1, 1);
  Take<Revoke>("a");
  Say("a", Returned{sessions_["a"], {held_[2].token}});
  Start("b", Leases("b").at(0));
  EXPECT_THAT(Take<Revoke>("a"), IsEmpty());
  Join("d", "delta", 1, 1);
  EXPECT_THAT(Take<Revoke>("a"),
              ElementsAre(Revoke{sessions_["a"], {held_[1].token}}));
}

TEST_F(TakingBackTest, WhoeverComesAfterAUnitWasKeptIsServedToo) {
  HoldAhead();
  Join("b", "beta", 1, 1);
  Take<Revoke>("a");
  Say("a", Kept{sessions_["a"], {held_[2].token}});
  Advance(milliseconds(100), {"a", "b", "c"});
  EXPECT_THAT(Take<Revoke>("a"),
              ElementsAre(Revoke{sessions_["a"], {held_[1].token}}));
}

TEST_F(TakingBackTest, AUnitThatIsKeptStays) {
  HoldAhead();
  Join("b", "beta", 1, 1);
  Take<Revoke>("a");
  Say("a", Kept{sessions_["a"], {held_[2].token}});
  EXPECT_THAT(Leases("b"), IsEmpty());
  Advance(seconds(20), {"a", "b", "c"});
  for (const Revoke& revoke : Take<Revoke>("a")) {
    EXPECT_THAT(revoke.tokens, ElementsAre(held_[1].token));
  }
}

TEST_F(TakingBackTest, WhatHasStartedIsNotAskedBack) {
  HoldAhead();
  Start("a", held_[1]);
  Start("a", held_[2]);
  Join("b", "beta", 1, 1);
  EXPECT_THAT(Take<Revoke>("a"), IsEmpty());
}

TEST_F(TakingBackTest, AQuestionWithoutAnAnswerIsAskedAgain) {
  HoldAhead();
  Join("b", "beta", 1, 1);
  EXPECT_THAT(Take<Revoke>("a"), SizeIs(1));
  Advance(milliseconds(4'500), {"a", "b", "c"});
  EXPECT_THAT(Take<Revoke>("a"), IsEmpty());
  Advance(seconds(1), {"a", "b", "c"});
  EXPECT_THAT(Take<Revoke>("a"),
              ElementsAre(Revoke{sessions_["a"], {held_[2].token}}));
  Advance(seconds(5), {"a", "b", "c"});
  EXPECT_THAT(Take<Revoke>("a"), SizeIs(1));
}

// With each turn until the answer another one was asked back.
TEST_F(TakingBackTest, NoMoreIsAskedBackThanThereAreFreeSlots) {
  HoldAhead();
  Join("b", "beta", 1, 1);
  Advance(seconds(3), {"a", "b", "c"});
  EXPECT_THAT(Take<Revoke>("a"),
              ElementsAre(Revoke{sessions_["a"], {held_[2].token}}));
}

TEST_F(TakingBackTest, WhatItsAgentCanStartAtOnceStaysThere) {
  Join("a", "alpha", 3, 3);
  Submit(Tests(3), OneATime());
  ASSERT_THAT(Leases("a"), SizeIs(3));
  Join("b", "beta", 4, 4);
  EXPECT_THAT(Take<Revoke>("a"), IsEmpty());
}

TEST_F(TakingBackTest, AWideUnitIsNotAskedBackForWhoCannotStartItEither) {
  Join("a", "alpha", 2, 4);
  Submit({Test("first", Lock("db")), Test("wide", Slots(2))}, OneATime());
  const std::vector<Lease> leases = Leases("a");
  ASSERT_THAT(leases, SizeIs(2));
  Start("a", leases[0]);
  Join("b", "beta", 2, 2);
  SubmitAnother({Test("other")}, OneATime());
  StartAll("b", Leases("b"));
  Take<Revoke>("a");
  Advance(seconds(2), {"a", "b"});
  EXPECT_THAT(Take<Revoke>("a"), IsEmpty());
}

// It was returned, given back to the agent with a slot free but not enough of
// them, and asked back again, hundreds of times a second.
TEST_F(TakingBackTest, AWideUnitDoesNotGoToAndFro) {
  // Whatever the order of the agents.
  for (int i = 0; i < 8; ++i) {
    const std::string suffix = absl::StrCat(i);
    const std::string a = "a" + suffix;
    const std::string b = "b" + suffix;
    Join(a, a, 4, 8);
    const RunId run =
        Submit({Test("first", Lock("db")), Test("wide", Slots(4))}, OneATime());
    std::vector<Lease> leases = Leases(a);
    ASSERT_THAT(leases, SizeIs(2));
    Start(a, leases[0]);
    Join(b, b, 1, 2);
    int revoked = 0;
    int granted = 0;
    std::uint64_t seen = leases.size();
    for (int turn = 0; turn < 50; ++turn) {
      now_ += milliseconds(1);
      for (const Revoke& revoke : Take<Revoke>(a)) {
        revoked += static_cast<int>(revoke.tokens.size());
        Say(a, Returned{sessions_[a], revoke.tokens});
      }
      const std::vector<Lease> again = Leases(a);
      seen += again.size();
      granted += static_cast<int>(again.size() + Leases(b).size());
      Want(a, seen, 8);
      Want(b, 0, 2);
    }
    EXPECT_LE(revoked, 1);
    EXPECT_LE(granted, 1);
    Say("client", Cancel{run, "enough"});
    Say(a, Goodbye{sessions_[a]});
    Say(b, Goodbye{sessions_[b]});
    said_.clear();
    events_.clear();
  }
}

}  // namespace
}  // namespace paceline
