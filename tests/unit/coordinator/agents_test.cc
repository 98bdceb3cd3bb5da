// Agents and their names: who is welcomed, asked, refused, fenced and lost.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/coordinator/coordinator_fixture.h"

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class AgentsTest : public CoordinatorTest {
 protected:
  // Time passes and only `beating` are heard, in steps as of the real loop.
  void Pass(Duration duration, const std::vector<std::string>& beating = {}) {
    const Instant until = now_ + duration;
    while (now_ < until) {
      now_ = std::min(until, now_ + milliseconds(100));
      for (const std::string& peer : beating) {
        coordinator_.OnMessage(now_, peer,
                               Beat{sessions_[peer], ++beats_, {}, {}});
      }
      Tick();
    }
  }
  std::vector<AgentStatus> Agents() {
    Say("observer", StatusRequest{});
    const auto replies = Take<StatusReply>("observer");
    return replies.empty() ? std::vector<AgentStatus>() : replies.back().agents;
  }
};

// ---- sessions --------------------------------------------------------------

TEST_F(AgentsTest, AWelcomeSaysTheSessionTheEpochAndTheTimes) {
  Say("a", MakeHello("alpha", 2));
  const auto welcome = Take<Welcome>("a");
  ASSERT_THAT(welcome, SizeIs(1));
  EXPECT_NE(welcome[0].session, SessionId{});
  EXPECT_EQ(welcome[0].epoch, 1U);
  EXPECT_EQ(welcome[0].beat_interval, seconds(1));
  EXPECT_EQ(welcome[0].lost_after, seconds(30));
  EXPECT_EQ(welcome[0].acked_through, 0U);
  EXPECT_THAT(welcome[0].dropped, IsEmpty());
}

TEST_F(AgentsTest, ABeatIsAnswered) {
  Join("a", "alpha", 1, 0);
  Say("a", Beat{sessions_["a"], 17, {}, {}});
  EXPECT_THAT(Take<BeatAck>("a"),
              ElementsAre(BeatAck{17, seconds(1), seconds(30)}));
}

TEST_F(AgentsTest, TheSameInstanceReplacesItsOldSession) {
  Hello hello = Join("a", "alpha", 1, 1);
  hello.seq = 2;
  Say("a2", hello);
  const auto welcome = Take<Welcome>("a2");
  ASSERT_THAT(welcome, SizeIs(1));
  EXPECT_NE(welcome[0].session, sessions_["a"]);
  EXPECT_THAT(Take<Ping>("a"), IsEmpty());
  EXPECT_THAT(Agents(), SizeIs(1));
  // The old connection is a stranger's now.
  Say("a", Beat{sessions_["a"], 1, {}, {}});
  EXPECT_THAT(Take<Rehello>("a"), SizeIs(1));
}

TEST_F(AgentsTest, AMessageOfAnOldSessionChangesNothing) {
  Hello hello = Join("a", "alpha", 1, 0);
  const SessionId old = sessions_["a"];
  hello.seq = 2;
  Say("a", hello);
  Submit({Test("one")});
  Say("a", paceline::Want{old, 0, 5});
  EXPECT_THAT(Leases("a"), IsEmpty());
}

TEST_F(AgentsTest, SessionsOfDifferentLivesDiffer) {
  Join("a", "alpha", 1, 0);
  const SessionId before = sessions_["a"];
  Restart();
  Join("b", "alpha", 1, 0);
  EXPECT_NE(sessions_["b"], before);
}

TEST_F(AgentsTest, ALostAgentIsAStranger) {
  Hello hello = Join("a", "alpha", 1, 0);
  Pass(seconds(31));
  Say("a", Beat{sessions_["a"], 1, {}, {}});
  EXPECT_THAT(Take<Rehello>("a"), SizeIs(1));
  hello.seq = 2;
  Say("a", hello);
  EXPECT_THAT(Take<Welcome>("a"), SizeIs(1));
}

TEST_F(AgentsTest, AMessageForOthersIsRefused) {
  Say("a", BeatAck{1});
  const auto refused = Take<Refused>("a");
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].code, RefusalCode::kMalformed);
}

TEST_F(AgentsTest, WhatIsNoMessageIsAnsweredWithASentence) {
  coordinator_.OnMalformed(
      now_, "x", absl::InvalidArgumentError("grant.leases[3]: no map"));
  coordinator_.OnMalformed(now_, "y",
                           absl::UnimplementedError("version 9; install"));
  EXPECT_THAT(
      Take<Refused>("x"),
      ElementsAre(Refused{RefusalCode::kMalformed, "grant.leases[3]: no map"}));
  EXPECT_THAT(Take<Refused>("y"),
              ElementsAre(Refused{RefusalCode::kProtocolVersion,
                                  "version 9; install"}));
}

// ---- silence ---------------------------------------------------------------

TEST_F(AgentsTest, AnAgentIsLostAfterThirtySecondsOfSilenceAndNotBefore) {
  Join("a", "alpha", 1, 0);
  Pass(milliseconds(29'900));
  EXPECT_THAT(Agents(), SizeIs(1));
  Pass(milliseconds(200));
  EXPECT_THAT(Agents(), IsEmpty());
}

TEST_F(AgentsTest, AnyMessageIsASignOfLife) {
  Join("a", "alpha", 1, 0);
  for (const Message& message :
       {Message(paceline::Want{sessions_["a"], 0, 0}), Message(Pong{5}),
        Message(Returned{SessionId{99}, {}})}) {
    Pass(seconds(29));
    Say("a", message);
  }
  Pass(seconds(29));
  EXPECT_THAT(Agents(), SizeIs(1));
}

TEST_F(AgentsTest, WhoIsSilentIsShownAndGivenNothing) {
  Join("a", "alpha", 1, 1);
  Pass(seconds(4));
  ASSERT_THAT(Agents(), SizeIs(1));
  EXPECT_EQ(Agents()[0].state, "silent");
  Submit({Test("one")});
  EXPECT_THAT(Leases("a"), IsEmpty());
  Say("a", Beat{sessions_["a"], 1, {}, {}});
  EXPECT_EQ(Agents()[0].state, "ready");
  Pass(milliseconds(100));
  EXPECT_THAT(Leases("a"), SizeIs(1));
}

TEST_F(AgentsTest, WhatCameInDuringOurStallIsTakenInBeforeAnybodyIsLost) {
  Join("a", "alpha", 1, 0);
  Pass(seconds(20), {"a"});
  now_ += seconds(60);
  coordinator_.OnMessage(now_, "a", Beat{sessions_["a"], 1, {}, {}});
  Tick();
  EXPECT_THAT(Agents(), SizeIs(1));
}

TEST_F(AgentsTest, OurStallMovesDeadlinesAndDoesNotSuspendThem) {
  Join("a", "alpha", 1, 0);
  Pass(seconds(20));
  now_ += seconds(60);
  Tick();
  EXPECT_THAT(Agents(), SizeIs(1));
  Pass(seconds(9));
  EXPECT_THAT(Agents(), SizeIs(1));
  Pass(seconds(2));
  EXPECT_THAT(Agents(), IsEmpty());
}

// ---- stuck -----------------------------------------------------------------

TEST_F(AgentsTest, AnAgentWhosePoolStandsStillIsShownAndGivenNothing) {
  Join("a", "alpha", 1, 1);
  Say("a", Beat{sessions_["a"], 1, seconds(11), {}});
  EXPECT_EQ(Agents().at(0).state, "stuck");
  Submit({Test("one")});
  EXPECT_THAT(Leases("a"), IsEmpty());
  Say("a", Beat{sessions_["a"], 2, milliseconds(5), {}});
  Pass(milliseconds(100));
  EXPECT_THAT(Leases("a"), SizeIs(1));
}

TEST_F(AgentsTest, AfterTwoMinutesOfStandingStillItsLeasesAreLost) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  ASSERT_THAT(Leases("a"), SizeIs(1));
  Say("a", Beat{sessions_["a"], 1, seconds(119), {}});
  EXPECT_THAT(TakeEvents<AttemptEvent>(), IsEmpty());
  Say("a", Beat{sessions_["a"], 2, seconds(121), {}});
  Pass(milliseconds(200));
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].result.outcome, Outcome::kLost);
  EXPECT_EQ(attempts[0].result.message, "agent stuck");
}

// It was forgotten, joined again within milliseconds, was given the tests that
// it had lost, and lost them again, three times in four seconds: all of them
// were lost for good, and it went on for as long as it was stuck.
TEST_F(AgentsTest, AStuckAgentIsKeptAndEatsNoTests) {
  Hello hello = Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const std::vector<Lease> leases = Leases("a");
  ASSERT_THAT(leases, SizeIs(1));
  Say("a", Beat{sessions_["a"], 1, seconds(121), {}});
  Pass(milliseconds(200));
  ASSERT_THAT(TakeEvents<AttemptEvent>(), SizeIs(1));
  EXPECT_EQ(Agents().at(0).state, "stuck");
  EXPECT_EQ(Agents().at(0).leases, 0U);
  // It learns what it has lost.
  EXPECT_THAT(Take<Rehello>("a"), SizeIs(1));
  hello.held = {{leases[0].token, true}};
  hello.seq = 2;
  Say("a2", hello);
  const auto welcome = Take<Welcome>("a2");
  ASSERT_THAT(welcome, SizeIs(1));
  EXPECT_THAT(welcome[0].dropped, ElementsAre(leases[0].token));
  sessions_["a2"] = welcome[0].session;
  EXPECT_EQ(Agents().at(0).state, "stuck");
  // It has credit before it is known how its pool does, and after.
  Say("a2", paceline::Want{sessions_["a2"], 0, 1});
  EXPECT_THAT(Leases("a2"), IsEmpty());
  Say("a2", Beat{sessions_["a2"], 1, seconds(122), {}});
  Pass(milliseconds(200));
  EXPECT_THAT(Leases("a2"), IsEmpty());
  EXPECT_THAT(Take<Rehello>("a2"), IsEmpty());
  EXPECT_THAT(TakeEvents<AttemptEvent>(), SizeIs(1));
  Say("a2", Beat{sessions_["a2"], 2, milliseconds(1), {}});
  EXPECT_THAT(Leases("a2"), SizeIs(1));
}

// ---- beats of a large fleet ------------------------------------------------

TEST_F(AgentsTest, ALargeFleetBeatsMoreSlowlyAndIsLostLater) {
  Duration interval{};
  Duration lost_after{};
  for (int i = 0; i < 2000; ++i) {
    const std::string name = absl::StrCat("agent-", i);
    coordinator_.OnMessage(now_, name, MakeHello(name, 1));
    const auto welcome = Take<Welcome>(name);
    ASSERT_THAT(welcome, SizeIs(1));
    EXPECT_GE(welcome[0].beat_interval, interval);
    interval = welcome[0].beat_interval;
    lost_after = welcome[0].lost_after;
  }
  EXPECT_GE(interval, seconds(10)) << "200 beats a second";
  EXPECT_LT(interval, milliseconds(10'100));
  EXPECT_EQ(lost_after, 5 * interval) << "never under five beats";
}

// Whole seconds were divided: 399 agents beat as often as 200 do.
TEST_F(AgentsTest, FractionsOfASecondCount) {
  Duration interval{};
  for (int i = 0; i < 300; ++i) {
    const std::string name = absl::StrCat("agent-", i);
    coordinator_.OnMessage(now_, name, MakeHello(name, 1));
    interval = Take<Welcome>(name).at(0).beat_interval;
  }
  EXPECT_EQ(interval, milliseconds(1500));
}

// It was fixed when an agent joined: the first of a thousand beat once a second
// for ever.
TEST_F(AgentsTest, TheIntervalFollowsTheFleet) {
  Join("a", "alpha", 1, 0);
  std::vector<std::string> others;
  for (int i = 0; i < 599; ++i) {
    others.push_back(absl::StrCat("agent-", i));
    coordinator_.OnMessage(now_, others.back(), MakeHello(others.back(), 1));
    sessions_[others.back()] = Take<Welcome>(others.back()).at(0).session;
  }
  Say("a", Beat{sessions_["a"], 1, {}, {}});
  EXPECT_EQ(Take<BeatAck>("a").at(0).beat_interval, seconds(3));
  for (const std::string& other : others) {
    coordinator_.OnMessage(now_, other, Goodbye{sessions_[other]});
  }
  // What it was told may not have been heard: it may still beat as before.
  Say("a", Beat{sessions_["a"], 2, {}, {}});
  EXPECT_EQ(Take<BeatAck>("a").at(0).beat_interval, seconds(1));
  Pass(seconds(8));
  EXPECT_EQ(Agents().at(0).state, "ready");
  Pass(seconds(2));
  EXPECT_EQ(Agents().at(0).state, "silent");
}

// ---- names -----------------------------------------------------------------

TEST_F(AgentsTest, AnotherInstanceWaitsForTheHoldersAnswer) {
  Join("a", "alpha", 1, 0);
  Pass(milliseconds(500));
  Say("b", MakeHello("alpha", 1));
  EXPECT_THAT(Take<Ping>("a"), SizeIs(1));
  Pass(seconds(2));
  EXPECT_THAT(said_["b"], IsEmpty());
}

TEST_F(AgentsTest, AHolderThatAnswersKeepsItsNameAndIsNamed) {
  Join("a", "alpha", 1, 0);
  Pass(milliseconds(500));
  Say("b", MakeHello("alpha", 1));
  now_ += milliseconds(1);
  const auto pings = Take<Ping>("a");
  ASSERT_THAT(pings, SizeIs(1));
  Say("a", Pong{pings[0].nonce});
  Pass(milliseconds(200));
  const auto refused = Take<Refused>("b");
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].code, RefusalCode::kNameTaken);
  EXPECT_THAT(refused[0].sentence, HasSubstr("alpha"));
  EXPECT_THAT(refused[0].sentence, HasSubstr("host host"));
  EXPECT_THAT(refused[0].sentence, HasSubstr("process 7"));
  EXPECT_THAT(Take<Welcome>("b"), IsEmpty());
}

TEST_F(AgentsTest, ANewcomerThatTriesAgainIsAskedForAgain) {
  Join("a", "alpha", 1, 0);
  Hello hello = MakeHello("alpha", 1);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    hello.seq = i;
    Say(absl::StrCat("b", i), hello);
    EXPECT_THAT(Take<Ping>("a"), SizeIs(1));
    Pass(milliseconds(100));
    Say("a", Beat{sessions_["a"], i, {}, {}});
    Pass(milliseconds(100));
    EXPECT_THAT(Take<Refused>(absl::StrCat("b", i)), SizeIs(1));
  }
}

TEST_F(AgentsTest, AHolderThatIsSilentForThreeBeatsIsFenced) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  const Lease held = Leases("a").at(0);
  Pass(milliseconds(500));
  Say("b", MakeHello("alpha", 1));
  Pass(milliseconds(2'900));
  EXPECT_THAT(Take<Welcome>("b"), IsEmpty());
  Pass(milliseconds(200));
  const auto welcome = Take<Welcome>("b");
  ASSERT_THAT(welcome, SizeIs(1));
  EXPECT_THAT(Agents(), SizeIs(1));
  // What it held may have started.
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].rerun, "rerun: agent lost");
  // Its results do not count any more.
  Finish("a", held, Outcome::kPassed);
  EXPECT_THAT(Verdicts(), IsEmpty());
  EXPECT_THAT(Take<Rehello>("a"), SizeIs(1));
}

TEST_F(AgentsTest, ANameIsFreeOnceItsHolderIsGone) {
  Join("a", "alpha", 1, 0);
  Say("a", Goodbye{sessions_["a"]});
  Say("b", MakeHello("alpha", 1));
  EXPECT_THAT(Take<Welcome>("b"), SizeIs(1));
}

TEST_F(AgentsTest, WhoWaitsForANameIsToldWhenItsHolderLeaves) {
  Join("a", "alpha", 1, 0);
  Say("b", MakeHello("alpha", 1));
  Say("a", Goodbye{sessions_["a"]});
  EXPECT_THAT(Take<Rehello>("b"), SizeIs(1));
}

// The newcomer had said hello twice before the holder was fenced, and was
// welcomed with what the first said. The second, that came twice, counted as a
// new one: units that the agent had begun in between were taken for returned,
// and ran twice unseen.
TEST_F(AgentsTest, WhoIsWelcomedToANameIsWelcomedByItsLatestHello) {
  Join("a", "alpha", 1, 0);
  Submit({Test("one"), Test("two")});
  Hello hello = MakeHello("alpha", 1);
  hello.seq = 1;
  Say("b1", hello);
  Pass(seconds(1));
  hello.seq = 2;
  Say("b2", hello);
  Pass(seconds(3));
  EXPECT_THAT(Take<Welcome>("b1"), IsEmpty());
  const auto welcome = Take<Welcome>("b2");
  ASSERT_THAT(welcome, SizeIs(1));
  sessions_["b2"] = welcome[0].session;
  Want("b2", 0, 1);
  const std::vector<Lease> leases = Leases("b2");
  ASSERT_THAT(leases, SizeIs(1));
  Say("b2", Started{sessions_["b2"], {leases[0].token}});
  Say("b2", hello);
  EXPECT_THAT(Take<Welcome>("b2"), IsEmpty());
  Finish("b2", leases[0], Outcome::kPassed);
  EXPECT_THAT(Verdicts(), SizeIs(leases[0].tests.size()));
}

// A claim of "alpha" was kept while its instance joined as "beta", and
// overwrote that record when alpha was lost: its leases were left dangling.
TEST_F(AgentsTest, AClaimOfWhoHasJoinedUnderAnotherNameIsDropped) {
  Join("a", "alpha", 1, 0);
  Hello hello = MakeHello("alpha", 1);
  Say("b", hello);
  hello.name = "beta";
  hello.seq = 2;
  Say("b2", hello);
  const auto welcome = Take<Welcome>("b2");
  ASSERT_THAT(welcome, SizeIs(1));
  sessions_["b2"] = welcome[0].session;
  Say("b2", Beat{sessions_["b2"], 1, {}, {}});
  Want("b2", 0, 1);
  Submit({Test("1")});
  const std::vector<Lease> leases = Leases("b2");
  ASSERT_THAT(leases, SizeIs(1));
  Advance(seconds(40), {"b2"});  // alpha is lost
  EXPECT_THAT(Take<Welcome>("b"), IsEmpty());
  EXPECT_THAT(Take<Welcome>("b2"), IsEmpty());
  Finish("b2", leases[0], Outcome::kPassed);
  EXPECT_THAT(Verdicts(), ElementsAre(Pair(TestIndex{0}, Verdict::kPassed)));
}

TEST_F(AgentsTest, AnInstanceKeepsItsName) {
  Hello hello = Join("a", "alpha", 1, 0);
  hello.name = "beta";
  hello.seq = 2;
  Say("a2", hello);
  EXPECT_THAT(Take<Welcome>("a2"), IsEmpty());
  const auto refused = Take<Refused>("a2");
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].code, RefusalCode::kNotAllowed);
  EXPECT_THAT(refused[0].sentence, HasSubstr("alpha"));
  EXPECT_THAT(refused[0].sentence, HasSubstr("beta"));
}

// Each took the other's place and began the time anew: the dead holder kept
// its name until it was lost.
TEST_F(AgentsTest, TwoThatWantANameDoNotKeepItsDeadHolderAlive) {
  Join("a", "alpha", 1, 0);
  Hello one = MakeHello("alpha", 1);
  Hello other = MakeHello("alpha", 1);
  for (int i = 0; i < 8; ++i) {
    one.seq = other.seq = static_cast<std::uint64_t>(i) + 1;
    Say(absl::StrCat("one-", i), one);
    Advance(milliseconds(250), {});
    Say(absl::StrCat("other-", i), other);
    Advance(milliseconds(250), {});
  }
  std::size_t welcomed = 0;
  for (int i = 0; i < 8; ++i) {
    welcomed += Take<Welcome>(absl::StrCat("one-", i)).size() +
                Take<Welcome>(absl::StrCat("other-", i)).size();
  }
  EXPECT_GE(welcomed, 1U);
}

TEST_F(AgentsTest, AHolderIsAskedAgainWhereTheQuestionMayBeLost) {
  Join("a", "alpha", 1, 0);
  Say("b", MakeHello("alpha", 1));
  EXPECT_THAT(Take<Ping>("a"), SizeIs(1));
  Advance(milliseconds(1500), {});
  EXPECT_THAT(Take<Ping>("a"), SizeIs(1));
}

TEST_F(AgentsTest, AnEarlierHelloThatComesLateDoesNotTakeTheClaimOver) {
  Join("a", "alpha", 1, 0);
  Hello hello = MakeHello("alpha", 1);
  hello.seq = 2;
  Say("b2", hello);
  hello.seq = 1;
  Say("b1", hello);
  Pass(milliseconds(3'200));
  EXPECT_THAT(Take<Welcome>("b2"), SizeIs(1));
  EXPECT_THAT(Take<Welcome>("b1"), IsEmpty());
}

// ---- leaving ---------------------------------------------------------------

TEST_F(AgentsTest, AnAgentThatDrainsIsGivenNothing) {
  Join("a", "alpha", 1, 1);
  Say("a", Draining{sessions_["a"]});
  Submit({Test("one")});
  Want("a", 0, 1);
  EXPECT_THAT(Leases("a"), IsEmpty());
  EXPECT_EQ(Agents().at(0).state, "draining");
}

TEST_F(AgentsTest, AnAgentThatComesBackDoesNotDrainAnyMore) {
  Hello hello = Join("a", "alpha", 1, 1);
  Say("a", Draining{sessions_["a"]});
  hello.seq = 2;
  Say("a2", hello);
  sessions_["a2"] = Take<Welcome>("a2").at(0).session;
  Want("a2", 0, 1);
  Submit({Test("one")});
  EXPECT_THAT(Leases("a2"), SizeIs(1));
}

TEST_F(AgentsTest, WhatADrainedAgentLeavesBehindRunsAgainAndIsShown) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  ASSERT_THAT(Leases("a"), SizeIs(1));
  Say("a", Draining{sessions_["a"]});
  Say("a", Goodbye{sessions_["a"]});
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].rerun, "rerun: drained");
  Join("b", "beta", 1, 1);
  EXPECT_THAT(Leases("b"), SizeIs(1));
}

// Its Draining was lost on the way, and the test counted as lost.
TEST_F(AgentsTest, WhoSaysGoodbyeHasDrained) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  ASSERT_THAT(Leases("a"), SizeIs(1));
  Say("a", Goodbye{sessions_["a"]});
  const auto attempts = TakeEvents<AttemptEvent>();
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].rerun, "rerun: drained");
}

// The shell holds the connections until whoever was told has hung up.
TEST_F(AgentsTest, ThatItStopsIsSaidUntilAllHaveHungUp) {
  Join("a", "alpha", 1, 1);
  Submit({Test("one")});
  EXPECT_TRUE(coordinator_.life->Shutdown());
  EXPECT_THAT(Take<Refused>("a"), SizeIs(1));
  EXPECT_THAT(Take<Refused>("client"), SizeIs(1));
  broken_["a"] = absl::UnavailableError("gone");
  EXPECT_TRUE(coordinator_.life->Shutdown());
  EXPECT_THAT(Take<Refused>("client"), SizeIs(1));
  broken_["client"] = absl::UnavailableError("gone");
  EXPECT_FALSE(coordinator_.life->Shutdown());
}

}  // namespace
}  // namespace paceline
