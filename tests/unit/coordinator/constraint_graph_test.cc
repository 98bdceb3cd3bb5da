// Tests that ask something of the rest of their run: who may start when, and
// who never will.

#include "coordinator/constraint_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;

Constraints Locks(std::vector<std::string> locks) {
  Constraints constraints;
  constraints.locks = std::move(locks);
  return constraints;
}
Constraints After(std::vector<std::string> names) {
  Constraints constraints;
  constraints.after = std::move(names);
  return constraints;
}
Constraints SetsUp(const std::string& fixture) {
  Constraints constraints;
  constraints.fixtures_setup = {fixture};
  return constraints;
}
Constraints Requires(const std::string& fixture) {
  Constraints constraints;
  constraints.fixtures_required = {fixture};
  return constraints;
}
Constraints CleansUp(const std::string& fixture) {
  Constraints constraints;
  constraints.fixtures_cleanup = {fixture};
  return constraints;
}
Constraints Serial() {
  Constraints constraints;
  constraints.serial = true;
  return constraints;
}
Constraints Needs(const std::string& type, std::uint32_t slots) {
  Constraints constraints;
  constraints.resource_groups = {{{type, slots}}};
  return constraints;
}

// A graph with the rest of a run around it, by the names of tests.
class Tests {
 public:
  void UseResources(std::vector<ResourcePool> pools) {
    graph_ = ConstraintGraph(std::move(pools));
  }
  TestIndex Add(const std::string& name,
                std::optional<Constraints> constraints = std::nullopt,
                std::uint32_t suite = 0) {
    while (store_.suites() <= suite) {
      store_.AddSuite({});
    }
    TestSpec spec;
    spec.name = name;
    spec.suite = SuiteIndex{suite};
    const TestIndex test = store_.AddTest(spec);
    ledger_.Add();
    tests_[name] = test;
    if (constraints.has_value()) {
      graph_.Add(test, spec.suite, *std::move(constraints));
    }
    return test;
  }
  void Close() {
    graph_.Close(store_, ledger_);
    SettleUnrunnable();
  }

  // The names of all tests that may start now; they run from here on.
  std::vector<std::string> Start(bool others_wait = false) {
    std::vector<std::string> names;
    while (auto choice = graph_.Take(running_.size(), others_wait)) {
      const std::string name(store_.NameOf(choice->test));
      EXPECT_TRUE(running_.insert(name).second) << name << " runs already";
      choices_[name] = *choice;
      names.push_back(name);
    }
    return names;
  }
  // `name`, which runs, ends with this verdict.
  // By value: a test may name what stands in `running_` itself.
  void End(std::string name, Verdict verdict = Verdict::kPassed) {
    EXPECT_EQ(running_.erase(name), 1U) << name << " does not run";
    Settle(name, verdict);
    graph_.Release(tests_.at(name), /*again=*/false);
    SettleUnrunnable();
  }
  // `name`, which runs, is to run once more.
  void Again(std::string name) {
    EXPECT_EQ(running_.erase(name), 1U);
    graph_.Release(tests_.at(name), /*again=*/true);
  }
  void Settle(const std::string& name, Verdict verdict) {
    ledger_.Settle(tests_.at(name), verdict);
    graph_.OnVerdict(tests_.at(name), IsGood(verdict, false), name);
  }
  void SettleUnrunnable() {
    while (true) {
      const auto list = graph_.TakeUnrunnable();
      if (list.empty()) {
        return;
      }
      for (const ConstraintGraph::Unrunnable& one : list) {
        const std::string name(store_.NameOf(one.test));
        EXPECT_TRUE(unrunnable_.emplace(name, one.why).second);
        Settle(name, Verdict::kNotRun);
      }
    }
  }

  TestStore store_;
  Ledger ledger_{Ledger::Policy{}};
  ConstraintGraph graph_{{}};
  std::map<std::string, TestIndex> tests_;
  std::set<std::string> running_;
  std::map<std::string, ConstraintGraph::Choice> choices_;
  std::map<std::string, std::string> unrunnable_;
};

class ConstraintGraphTest : public testing::Test, protected Tests {};

// ---- locks -----------------------------------------------------------------

TEST_F(ConstraintGraphTest, TestsOfOneLockRunOneAfterTheOther) {
  Add("one", Locks({"db"}));
  Add("two", Locks({"db"}));
  Add("other", Locks({"port"}));
  Close();
  EXPECT_THAT(Start(), ElementsAre("one", "other"));
  End("other");
  EXPECT_THAT(Start(), IsEmpty());
  End("one", Verdict::kFailed);
  EXPECT_THAT(Start(), ElementsAre("two"));
}

TEST_F(ConstraintGraphTest, ALockIsThatOfItsSuite) {
  Add("one", Locks({"db"}), 0);
  Add("two", Locks({"db"}), 1);
  Close();
  EXPECT_THAT(Start(), ElementsAre("one", "two"));
}

TEST_F(ConstraintGraphTest, ALockNamedTwiceIsOneLock) {
  Add("one", Locks({"db", "db"}));
  Add("two", Locks({"db"}));
  Close();
  EXPECT_THAT(Start(), ElementsAre("one"));
  End("one");
  EXPECT_THAT(Start(), ElementsAre("two"));
}

TEST_F(ConstraintGraphTest, SeveralLocksAreTakenAtOnceOrNotAtAll) {
  Add("a", Locks({"a"}));
  Add("both", Locks({"a", "b"}));
  Add("b", Locks({"b"}));
  Close();
  EXPECT_THAT(Start(), ElementsAre("a", "b"));
  End("a");
  EXPECT_THAT(Start(), IsEmpty());
  End("b");
  EXPECT_THAT(Start(), ElementsAre("both"));
}

// It was woken for the one lock and put aside for the other: whoever waits for
// the first must not wait for it.
TEST_F(ConstraintGraphTest, ALockThatIsLeftFreeIsOfferedOn) {
  Add("holds a", Locks({"a"}));
  Add("holds b", Locks({"b"}));
  Add("both", Locks({"a", "b"}));
  Add("waits for a", Locks({"a"}));
  Close();
  EXPECT_THAT(Start(), ElementsAre("holds a", "holds b"));
  End("holds a");
  EXPECT_THAT(Start(), ElementsAre("waits for a"));
  End("holds b");
  EXPECT_THAT(Start(), IsEmpty());
  End("waits for a");
  EXPECT_THAT(Start(), ElementsAre("both"));
}

TEST_F(ConstraintGraphTest, ATestThatRunsAgainGivesItsLockBackMeanwhile) {
  Add("one", Locks({"db"}));
  Add("two", Locks({"db"}));
  Close();
  Start();
  Again("one");
  EXPECT_EQ(graph_.waiting(), 2U);
  EXPECT_THAT(Start(), SizeIs(1));
  End(*running_.begin());
  EXPECT_THAT(Start(), SizeIs(1));
}

// ---- room ------------------------------------------------------------------

TEST_F(ConstraintGraphTest, AChoiceSaysHowMuchRoomItsTestTakes) {
  Constraints wide;
  wide.slots = 4;
  Add("wide", wide);
  Constraints none;
  none.slots = 0;
  none.locks = {"db"};
  Add("none", none);
  Close();
  Start();
  EXPECT_EQ(choices_.at("wide").slots, 4U);
  EXPECT_EQ(choices_.at("none").slots, 1U) << "nothing takes no room";
}

// ---- alone -----------------------------------------------------------------

TEST_F(ConstraintGraphTest, ASerialTestRunsWhenNothingElseDoesOrWaits) {
  Add("alone", Serial());
  Add("lock", Locks({"db"}));
  Close();
  EXPECT_THAT(Start(), ElementsAre("lock"));
  End("lock");
  EXPECT_EQ(graph_.Take(/*running=*/1, /*others_wait=*/false), std::nullopt);
  EXPECT_EQ(graph_.Take(/*running=*/0, /*others_wait=*/true), std::nullopt);
  EXPECT_THAT(Start(), ElementsAre("alone"));
  EXPECT_TRUE(graph_.serial_runs());
}

TEST_F(ConstraintGraphTest, NothingStartsWhileASerialTestRuns) {
  Add("alone", Serial());
  Add("alone too", Serial());
  Add("after", After({"alone"}));
  Close();
  EXPECT_THAT(Start(), ElementsAre("alone"));
  // The verdict comes before the lease has ended.
  Settle("alone", Verdict::kPassed);
  EXPECT_EQ(graph_.Take(1, false), std::nullopt);
  graph_.Release(tests_.at("alone"), false);
  running_.clear();
  EXPECT_FALSE(graph_.serial_runs());
  EXPECT_THAT(Start(), ElementsAre("after"));
  End("after");
  EXPECT_THAT(Start(), ElementsAre("alone too"));
}

TEST_F(ConstraintGraphTest, ASerialTestThatRunsAgainIsAloneAgain) {
  Add("alone", Serial());
  Add("lock", Locks({"db"}));
  Close();
  Start();
  End("lock");
  Start();
  Again("alone");
  EXPECT_FALSE(graph_.serial_runs());
  EXPECT_EQ(graph_.Take(1, false), std::nullopt);
  EXPECT_THAT(Start(), ElementsAre("alone"));
}

// ---- order -----------------------------------------------------------------

TEST_F(ConstraintGraphTest, ATestWaitsForThoseItNamesHoweverTheyEnd) {
  Add("last", After({"first", "second"}));
  Add("first");
  Add("second", Locks({"db"}));
  Close();
  EXPECT_THAT(Start(), ElementsAre("second"));
  End("second", Verdict::kFailed);
  EXPECT_THAT(Start(), IsEmpty());
  Settle("first", Verdict::kLost);
  EXPECT_THAT(Start(), ElementsAre("last"));
  EXPECT_THAT(unrunnable_, IsEmpty());
}

TEST_F(ConstraintGraphTest, OneThatWasNotSelectedIsNotWaitedFor) {
  Add("last", After({"first"}));
  Close();
  EXPECT_THAT(Start(), ElementsAre("last"));
}

TEST_F(ConstraintGraphTest, NamesAreThoseOfTheSuite) {
  Add("last", After({"first"}), 0);
  Add("first", std::nullopt, 1);
  Close();
  EXPECT_THAT(Start(), ElementsAre("last"));
}

TEST_F(ConstraintGraphTest, OneThatHasItsVerdictAtTheCloseIsNotWaitedFor) {
  Add("first");
  Settle("first", Verdict::kSkipped);
  Add("last", After({"first"}));
  Close();
  EXPECT_THAT(Start(), ElementsAre("last"));
}

TEST_F(ConstraintGraphTest, BeforeTheCloseNobodyWhoNamesAnotherStarts) {
  Add("last", After({"first"}));
  Add("lock", Locks({"db"}));
  EXPECT_THAT(Start(), ElementsAre("lock"));
}

TEST_F(ConstraintGraphTest, ThoseThatOthersWaitForGoFirst) {
  Add("nobody waits", Locks({"a"}));
  Constraints both = After({"root"});
  both.locks = {"b"};
  Add("middle", both);
  Add("last", After({"middle"}));
  Add("root");
  Add("nobody waits either", After({"root"}));
  Close();
  Settle("root", Verdict::kPassed);
  EXPECT_THAT(Start().at(0), "middle");
}

TEST_F(ConstraintGraphTest, ACycleIsNamedAndDoesNotHang) {
  Add("a", After({"b"}));
  Add("b", After({"c"}));
  Add("c", After({"a"}));
  Add("behind", After({"a"}));
  Add("fine", After({"root"}));
  Add("root");
  Close();
  EXPECT_THAT(unrunnable_,
              UnorderedElementsAre(Pair("a", HasSubstr("cycle")),
                                   Pair("b", HasSubstr("cycle")),
                                   Pair("c", HasSubstr("cycle")),
                                   Pair("behind", HasSubstr("\"a\""))));
  EXPECT_THAT(unrunnable_.at("a"), HasSubstr("\"b\""));
  EXPECT_EQ(graph_.waiting(), 1U);
  Settle("root", Verdict::kPassed);
  EXPECT_THAT(Start(), ElementsAre("fine"));
}

TEST_F(ConstraintGraphTest, ACycleThroughAFixtureIsNamed) {
  Constraints setup = SetsUp("f");
  setup.after = {"use"};
  Add("set", setup);
  Add("use", Requires("f"));
  Close();
  EXPECT_THAT(unrunnable_, SizeIs(2));
}

// ---- fixtures --------------------------------------------------------------

TEST_F(ConstraintGraphTest, AFixtureIsSetUpUsedAndCleanedUp) {
  Add("clean", CleansUp("f"));
  Add("use 1", Requires("f"));
  Add("use 2", Requires("f"));
  Add("set 1", SetsUp("f"));
  Add("set 2", SetsUp("f"));
  Close();
  EXPECT_THAT(Start(), ElementsAre("set 1", "set 2"));
  End("set 1");
  EXPECT_THAT(Start(), IsEmpty());
  End("set 2");
  EXPECT_THAT(Start(), ElementsAre("use 1", "use 2"));
  End("use 1", Verdict::kFailed);
  EXPECT_THAT(Start(), IsEmpty());
  End("use 2");
  EXPECT_THAT(Start(), ElementsAre("clean"));
}

TEST_F(ConstraintGraphTest, WithoutItsSetUpNobodyRunsAndTheSetUpIsNamed) {
  for (const Verdict verdict :
       {Verdict::kFailed, Verdict::kTimedOut, Verdict::kCrashed,
        Verdict::kKilled, Verdict::kError, Verdict::kLost, Verdict::kNotRun}) {
    SCOPED_TRACE(std::string(ToString(verdict)));
    Tests tests;
    tests.Add("set", SetsUp("f"));
    tests.Add("use", Requires("f"));
    tests.Close();
    tests.Start();
    tests.End("set", verdict);
    EXPECT_THAT(tests.unrunnable_,
                ElementsAre(Pair("use", HasSubstr("\"set\""))));
    EXPECT_THAT(tests.Start(), IsEmpty());
  }
}

TEST_F(ConstraintGraphTest, CleanUpRunsEvenWhereNobodyUsedTheFixture) {
  Add("set", SetsUp("f"));
  Add("use", Requires("f"));
  Add("clean", CleansUp("f"));
  Close();
  Start();
  End("set", Verdict::kCrashed);
  EXPECT_THAT(unrunnable_, ElementsAre(Pair("use", HasSubstr("\"set\""))));
  EXPECT_THAT(Start(), ElementsAre("clean"));
}

TEST_F(ConstraintGraphTest, ASkippedSetUpLetsItsUsersRun) {
  Add("set", SetsUp("f"));
  Add("use", Requires("f"));
  Close();
  Start();
  End("set", Verdict::kSkipped);
  EXPECT_THAT(Start(), ElementsAre("use"));
}

TEST_F(ConstraintGraphTest, AFlakySetUpLetsItsUsersRun) {
  Add("set", SetsUp("f"));
  Add("use", Requires("f"));
  Close();
  Start();
  End("set", Verdict::kFlaky);
  EXPECT_THAT(Start(), ElementsAre("use"));
}

TEST_F(ConstraintGraphTest, ASetUpThatIsRetriedIsWaitedFor) {
  Add("set", SetsUp("f"));
  Add("use", Requires("f"));
  Close();
  Start();
  Again("set");
  EXPECT_THAT(unrunnable_, IsEmpty());
  EXPECT_THAT(Start(), ElementsAre("set"));
  End("set");
  EXPECT_THAT(Start(), ElementsAre("use"));
}

TEST_F(ConstraintGraphTest, OneFailedSetUpOfTwoIsEnough) {
  Add("set 1", SetsUp("f"));
  Add("set 2", SetsUp("f"));
  Add("use", Requires("f"));
  Close();
  Start();
  End("set 1", Verdict::kFailed);
  EXPECT_THAT(unrunnable_, IsEmpty()) << "the other one is not done";
  End("set 2");
  EXPECT_THAT(unrunnable_, ElementsAre(Pair("use", HasSubstr("\"set 1\""))));
}

TEST_F(ConstraintGraphTest, AFailedSetUpReachesThroughFixturesOfFixtures) {
  Add("base", SetsUp("base"));
  Constraints second = SetsUp("top");
  second.fixtures_required = {"base"};
  Add("top", second);
  Add("use", Requires("top"));
  Add("clean", CleansUp("base"));
  Close();
  Start();
  End("base", Verdict::kFailed);
  EXPECT_THAT(unrunnable_,
              UnorderedElementsAre(Pair("top", HasSubstr("\"base\"")),
                                   Pair("use", HasSubstr("\"top\""))));
  EXPECT_THAT(Start(), ElementsAre("clean"));
}

// To depend on it as well must not make the need go away.
TEST_F(ConstraintGraphTest, ASetUpThatIsAlsoNamedStillHasToEndWell) {
  Constraints user = Requires("f");
  user.after = {"set"};
  Add("use", user);
  Add("set", SetsUp("f"));
  Close();
  Start();
  End("set", Verdict::kFailed);
  EXPECT_THAT(unrunnable_, SizeIs(1));
}

TEST_F(ConstraintGraphTest, ASetUpThatFailedBeforeTheCloseCountsToo) {
  Constraints setup = SetsUp("f");
  Add("set", setup);
  Add("use", Requires("f"));
  Settle("set", Verdict::kNotRun);
  Close();
  EXPECT_THAT(unrunnable_, ElementsAre(Pair("use", HasSubstr("\"set\""))));
}

TEST_F(ConstraintGraphTest, AFixtureThatNobodySetsUpIsNotWaitedFor) {
  Add("use", Requires("f"));
  Close();
  EXPECT_THAT(Start(), ElementsAre("use"));
}

// ---- resources -------------------------------------------------------------

std::vector<ResourcePool> Gpus(std::uint32_t slots) {
  return {{"gpus", {{"0", slots}}}};
}

TEST_F(ConstraintGraphTest, ResourcesAreHeldUntilTheLeaseEnds) {
  UseResources(Gpus(3));
  Add("one", Needs("gpus", 2));
  Add("two", Needs("gpus", 2));
  Add("small", Needs("gpus", 1));
  Close();
  EXPECT_THAT(Start(), ElementsAre("one", "small"));
  EXPECT_THAT(choices_.at("one").env, SizeIs(3));
  EXPECT_THAT(choices_.at("one").resources, SizeIs(1));
  End("small");
  EXPECT_THAT(Start(), IsEmpty());
  End("one");
  EXPECT_THAT(Start(), ElementsAre("two"));
}

TEST_F(ConstraintGraphTest, WithoutASpecificationResourcesAreNotLookedAt) {
  Add("one", Needs("gpus", 1000));
  Close();
  EXPECT_THAT(Start(), ElementsAre("one"));
  EXPECT_THAT(choices_.at("one").env, IsEmpty());
}

TEST_F(ConstraintGraphTest, ANeedThatCanNeverBeMetIsNamedAndDoesNotHang) {
  UseResources(Gpus(3));
  Add("too much", Needs("gpus", 4));
  Add("unknown", Needs("fpgas", 1));
  Add("after", After({"too much"}));
  SettleUnrunnable();
  Close();
  EXPECT_THAT(unrunnable_,
              UnorderedElementsAre(Pair("too much", HasSubstr("at most 3")),
                                   Pair("unknown", HasSubstr("\"fpgas\""))));
  EXPECT_THAT(Start(), ElementsAre("after"));
}

TEST_F(ConstraintGraphTest, ASerialTestGetsItsResourcesToo) {
  UseResources(Gpus(1));
  Constraints both = Needs("gpus", 1);
  both.serial = true;
  Add("alone", both);
  Close();
  EXPECT_THAT(Start(), ElementsAre("alone"));
  EXPECT_THAT(choices_.at("alone").resources, SizeIs(1));
}

// Woken by a resource, put aside for a lock: the lock's holder has none to
// give back, and the one behind must have its turn all the same.
TEST_F(ConstraintGraphTest, ALockAndAResourceTogetherDoNotHang) {
  UseResources(Gpus(1));
  Constraints both = Needs("gpus", 1);
  both.locks = {"db"};
  Add("gpu", Needs("gpus", 1));
  Add("db", Locks({"db"}));
  Add("both", both);
  Add("gpu too", Needs("gpus", 1));
  Close();
  EXPECT_THAT(Start(), ElementsAre("gpu", "db"));
  End("gpu");
  EXPECT_THAT(Start(), ElementsAre("gpu too"));
  End("db");
  EXPECT_THAT(Start(), IsEmpty());
  End("gpu too");
  EXPECT_THAT(Start(), ElementsAre("both"));
}

TEST_F(ConstraintGraphTest, ManyThatWaitForAResourceAllGetTheirTurn) {
  UseResources(Gpus(4));
  for (std::uint32_t i = 0; i < 100; ++i) {
    Add(absl::StrCat("t", i), Needs("gpus", 1 + i % 4));
  }
  Close();
  int ended = 0;
  for (int turn = 0; turn < 1000 && ended < 100; ++turn) {
    Start();
    ASSERT_FALSE(running_.empty());
    End(*running_.begin());
    ++ended;
  }
  EXPECT_EQ(graph_.waiting(), 0U);
}

// ---- settled without having run --------------------------------------------

TEST_F(ConstraintGraphTest, WhatIsSettledMeanwhileDoesNotStart) {
  Add("lock 1", Locks({"db"}));
  Add("lock 2", Locks({"db"}));
  Add("ready", Locks({"port"}));
  Add("alone", Serial());
  Add("blocked", After({"lock 1"}));
  Close();
  ASSERT_TRUE(graph_.Take(0, false).has_value());
  ASSERT_TRUE(graph_.Take(1, false).has_value());
  running_ = {"lock 1", "ready"};
  EXPECT_EQ(graph_.waiting(), 3U);
  for (const std::string name : {"lock 2", "alone", "blocked"}) {
    EXPECT_TRUE(graph_.waits(tests_.at(name)));
    Settle(name, Verdict::kNotRun);
    EXPECT_FALSE(graph_.waits(tests_.at(name)));
  }
  EXPECT_EQ(graph_.waiting(), 0U);
  End("lock 1");
  End("ready");
  EXPECT_THAT(Start(), IsEmpty());
}

TEST_F(ConstraintGraphTest, WhatRunsDoesNotWait) {
  Add("one", Locks({"db"}));
  Add("free");
  Close();
  EXPECT_TRUE(graph_.contains(tests_.at("one")));
  EXPECT_FALSE(graph_.contains(tests_.at("free")));
  EXPECT_TRUE(graph_.waits(tests_.at("one")));
  EXPECT_FALSE(graph_.waits(tests_.at("free")));
  Start();
  EXPECT_FALSE(graph_.waits(tests_.at("one")));
  End("one");
  EXPECT_FALSE(graph_.waits(tests_.at("one")));
}

// ---- all of it at random ---------------------------------------------------

// Whoever may not run with whom, and who waits though nothing is in its way.
class ConstraintGraphPropertyTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kSlots = 4;

  explicit ConstraintGraphPropertyTest() = default;

  void RunSeed(std::uint32_t seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937 random(seed);
    const auto below = [&random](std::uint32_t bound) {
      return static_cast<std::uint32_t>(random() % bound);
    };
    const auto chance = [&below](std::uint32_t percent) {
      return below(100) < percent;
    };
    Tests tests;
    tests.UseResources(Gpus(kSlots));
    std::vector<Constraints> all;
    int with_resources = 0;
    for (std::uint32_t i = 0; i < 40; ++i) {
      Constraints needs;
      for (const std::string lock : {"a", "b", "c"}) {
        if (chance(20)) {
          needs.locks.push_back(lock);
        }
      }
      // More would not all be looked at when a resource is given back.
      if (with_resources < 15 && chance(30)) {
        ++with_resources;
        needs.resource_groups = {{{"gpus", 1 + below(kSlots)}}};
      }
      for (int k = 0; i > 0 && k < 2 && chance(30); ++k) {
        needs.after.push_back(absl::StrCat(below(i)));
      }
      needs.serial = chance(5);
      needs.slots = 1 + below(3);
      all.push_back(needs);
      tests.Add(absl::StrCat(i), needs);
    }
    tests.Close();
    ASSERT_THAT(tests.unrunnable_, IsEmpty());
    std::set<std::string> ended;
    while (ended.size() < all.size()) {
      tests.Start();
      ASSERT_FALSE(tests.running_.empty()) << "nothing runs, and not all ended";
      Check(tests, all, ended);
      auto it = tests.running_.begin();
      std::advance(it, random() % tests.running_.size());
      const std::string name = *it;
      if (chance(15)) {
        tests.Again(name);
      } else {
        tests.End(name, chance(30) ? Verdict::kFailed : Verdict::kPassed);
        ended.insert(name);
      }
    }
    EXPECT_EQ(tests.graph_.waiting(), 0U);
  }

 private:
  static const Constraints& Of(const std::vector<Constraints>& all,
                               const std::string& name) {
    return all[static_cast<std::size_t>(std::stoi(name))];
  }
  static std::uint32_t GpusOf(const Constraints& needs) {
    return needs.resource_groups.empty() ? 0
                                         : needs.resource_groups[0][0].slots;
  }

  static void Check(const Tests& tests, const std::vector<Constraints>& all,
                    const std::set<std::string>& ended) {
    std::set<std::string> locked;
    std::uint32_t gpus = 0;
    bool serial = false;
    for (const std::string& name : tests.running_) {
      const Constraints& needs = Of(all, name);
      for (const std::string& lock : needs.locks) {
        EXPECT_TRUE(locked.insert(lock).second) << lock << " is taken twice";
      }
      gpus += GpusOf(needs);
      serial = serial || needs.serial;
      for (const std::string& before : needs.after) {
        EXPECT_TRUE(ended.contains(before)) << name << " before " << before;
      }
    }
    EXPECT_LE(gpus, kSlots);
    EXPECT_TRUE(!serial || tests.running_.size() == 1) << "not alone";
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string name = absl::StrCat(i);
      if (serial || all[i].serial || ended.contains(name) ||
          tests.running_.contains(name)) {
        continue;
      }
      bool waits = gpus + GpusOf(all[i]) > kSlots;
      for (const std::string& lock : all[i].locks) {
        waits = waits || locked.contains(lock);
      }
      for (const std::string& before : all[i].after) {
        waits = waits || !ended.contains(before);
      }
      EXPECT_TRUE(waits) << name << " waits for nothing";
    }
  }
};

TEST_F(ConstraintGraphPropertyTest, AllEndNoneClashAndNoneWaitsForNothing) {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    RunSeed(seed);
    if (HasFailure()) {
      break;
    }
  }
}

// ---- order -----------------------------------------------------------------

// Who is waited for is known at the closing; those that named nobody had taken
// their places by then, and a verdict without an attempt left them there.
TEST(ConstraintOrderTest, WhoIsWaitedForGoesFirstThoughItNamesNobody) {
  Tests tests;
  Constraints lock;
  lock.locks = {"lock"};
  tests.Add("one", lock);
  tests.Add("two", lock);
  Constraints after;
  after.after = {"two"};
  tests.Add("three", after);
  tests.Close();
  EXPECT_THAT(tests.Start(), ElementsAre("two"));
}

TEST(ConstraintOrderTest, TheLongestGoesFirstAndTheUnknownBeforeIt) {
  TestStore store;
  Ledger ledger(Ledger::Policy{});
  const std::vector<double> seconds = {
      1, 3, std::numeric_limits<double>::infinity(), 2};
  ConstraintGraph graph(
      {}, [&seconds](TestIndex test) { return seconds[Value(test)]; });
  store.AddSuite({});
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    TestSpec spec;
    spec.name = std::to_string(i);
    Constraints constraints;
    constraints.slots = 2;
    ledger.Add();
    graph.Add(store.AddTest(spec), SuiteIndex{0}, constraints);
  }
  graph.Close(store, ledger);
  std::vector<std::uint32_t> order;
  while (const auto choice = graph.Take(order.size(), false)) {
    order.push_back(Value(choice->test));
  }
  EXPECT_THAT(order, ElementsAre(2, 1, 3, 0));
}

TEST(ConstraintOrderTest, WhatAnAgentLeftUndoneIsForAnother) {
  TestStore store;
  Ledger ledger(Ledger::Policy{});
  ConstraintGraph graph({});
  store.AddSuite({});
  TestSpec spec;
  spec.name = "one";
  Constraints constraints;
  constraints.slots = 2;
  ledger.Add();
  const TestIndex test = store.AddTest(spec);
  graph.Add(test, SuiteIndex{0}, constraints);
  graph.Close(store, ledger);
  ASSERT_TRUE(graph.Take(0, false, "sick").has_value());
  graph.Release(test, /*again=*/true, "sick");
  EXPECT_EQ(graph.Take(0, false, "sick"), std::nullopt);
  EXPECT_TRUE(graph.avoided());
  EXPECT_TRUE(graph.Take(0, false, "well").has_value());
}

}  // namespace
}  // namespace paceline
