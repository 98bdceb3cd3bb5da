// What an agent holds, in which order it starts, and how much more it takes.

#include "agent/held_leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace paceline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;
using State = HeldLeases::State;

RunId MakeRun(std::uint8_t number) {
  RunId run;
  run.bytes = {number};
  return run;
}

Token TokenOf(std::uint64_t counter) { return {1, counter}; }

struct Spec {
  std::uint64_t counter = 1;
  std::uint32_t slots = 1;
  std::uint32_t suite = 0;
  Duration predicted = seconds(1);
  std::uint8_t run = 1;
};

Lease MakeLease(const Spec& spec) {
  Lease lease;
  lease.token = TokenOf(spec.counter);
  lease.run = MakeRun(spec.run);
  lease.unit = UnitId{spec.counter};
  lease.suite = SuiteIndex{spec.suite};
  lease.slots = spec.slots;
  lease.predicted = spec.predicted;
  return lease;
}

bool Add(HeldLeases& held, const Spec& spec) {
  return held.Add(MakeLease(spec), std::make_shared<const SuiteSpec>());
}

// Starts what is next.
std::optional<Token> StartNext(HeldLeases& held) {
  const std::optional<Token> next = held.Next();
  if (next.has_value()) {
    EXPECT_EQ(held.Start(*next).lease.token, *next);
  }
  return next;
}

// ---- the life of a lease ---------------------------------------------------

TEST(HeldLeasesTest, ALeaseWaitsRunsEndsAndIsSettled) {
  HeldLeases held(1);
  EXPECT_EQ(held.state(TokenOf(1)), State::kUnknown);
  EXPECT_TRUE(Add(held, {}));
  EXPECT_EQ(held.state(TokenOf(1)), State::kWaiting);
  StartNext(held);
  EXPECT_EQ(held.state(TokenOf(1)), State::kRunning);
  held.End(TokenOf(1), /*warm=*/true);
  EXPECT_EQ(held.state(TokenOf(1)), State::kEnded);
  EXPECT_THAT(held.List(), ElementsAre(HeldLease{TokenOf(1), true}));
  held.Settle(TokenOf(1));
  EXPECT_EQ(held.state(TokenOf(1)), State::kEnded);
  EXPECT_THAT(held.List(), IsEmpty());
}

TEST(HeldLeasesTest, ATokenThatWasHereIsNotTakenASecondTime) {
  HeldLeases held(1);
  for (std::uint64_t i = 1; i <= 4; ++i) {
    ASSERT_TRUE(Add(held, {.counter = i}));
  }
  StartNext(held);
  EXPECT_FALSE(Add(held, {.counter = 1})) << "it runs";
  EXPECT_FALSE(Add(held, {.counter = 2})) << "it waits";
  held.End(TokenOf(1), true);
  EXPECT_FALSE(Add(held, {.counter = 1})) << "it has ended";
  held.Settle(TokenOf(1));
  EXPECT_FALSE(Add(held, {.counter = 1})) << "it is settled";
  held.Return(TokenOf(2));
  EXPECT_FALSE(Add(held, {.counter = 2})) << "it was returned";
  held.Drop(TokenOf(3));
  EXPECT_FALSE(Add(held, {.counter = 3})) << "it was dropped";
  EXPECT_THAT(held.List(), ElementsAre(HeldLease{TokenOf(4), false}));
}

// A grant that came a second time, thousands of units later, was run again.
TEST(HeldLeasesTest, ATokenThatIsLongForgottenIsNotTakenEither) {
  HeldLeases held(1);
  constexpr std::uint64_t kMany = 10'000;
  for (std::uint64_t i = 1; i <= kMany; ++i) {
    ASSERT_TRUE(Add(held, {.counter = i}));
    if (i % 2 == 0) {
      held.Return(TokenOf(i));
    } else {
      held.End(*StartNext(held), true);
      held.Settle(TokenOf(i));
    }
  }
  for (std::uint64_t i = 1; i <= kMany; ++i) {
    ASSERT_FALSE(Add(held, {.counter = i})) << i;
  }
  EXPECT_TRUE(Add(held, {.counter = kMany + 1}));
  // Of a later life of the coordinator all tokens are new.
  Lease lease = MakeLease({.counter = 1});
  lease.token.epoch = 2;
  EXPECT_TRUE(held.Add(lease, std::make_shared<const SuiteSpec>()));
}

TEST(HeldLeasesTest, OnlyWhatWaitsCanBeReturned) {
  HeldLeases held(1);
  Add(held, {.counter = 1});
  Add(held, {.counter = 2});
  StartNext(held);
  EXPECT_FALSE(held.Return(TokenOf(1)));
  EXPECT_FALSE(held.Return(TokenOf(9)));
  EXPECT_TRUE(held.Return(TokenOf(2)));
  EXPECT_FALSE(held.Return(TokenOf(2)));
  EXPECT_EQ(held.state(TokenOf(2)), State::kReturned);
  held.End(TokenOf(1), true);
  EXPECT_FALSE(held.Return(TokenOf(1)));
  EXPECT_EQ(held.state(TokenOf(1)), State::kEnded);
}

TEST(HeldLeasesTest, WhatWaitsComesBackOldestFirstOfOneRunOrOfAll) {
  HeldLeases held(1);
  Add(held, {.counter = 5, .run = 1});
  Add(held, {.counter = 2, .run = 2});
  Add(held, {.counter = 4, .run = 1});
  Add(held, {.counter = 3, .run = 2});
  EXPECT_THAT(held.ReturnAll(MakeRun(2)), ElementsAre(TokenOf(2), TokenOf(3)));
  EXPECT_EQ(held.waiting(), 2U);
  EXPECT_THAT(held.ReturnAll(), ElementsAre(TokenOf(5), TokenOf(4)));
  EXPECT_EQ(held.waiting(), 0U);
  EXPECT_EQ(held.state(TokenOf(5)), State::kReturned);
}

TEST(HeldLeasesTest, ADroppedLeaseThatRunsIsToBeStoppedOnce) {
  HeldLeases held(1);
  Add(held, {.counter = 1});
  StartNext(held);
  EXPECT_TRUE(held.Drop(TokenOf(1)));
  EXPECT_FALSE(held.Drop(TokenOf(1)));
  EXPECT_EQ(held.state(TokenOf(1)), State::kDropped);
  EXPECT_THAT(held.List(), IsEmpty());
}

TEST(HeldLeasesTest, ADroppedLeaseKeepsItsSlotUntilItEnds) {
  HeldLeases held(1);
  Add(held, {.counter = 1});
  Add(held, {.counter = 2});
  StartNext(held);
  held.Drop(TokenOf(1));
  EXPECT_EQ(held.Next(), std::nullopt);
  held.End(TokenOf(1), false);
  EXPECT_EQ(held.Next(), TokenOf(2));
  EXPECT_THAT(held.List(), ElementsAre(HeldLease{TokenOf(2), false}))
      << "nobody waits for the end of what was dropped";
}

TEST(HeldLeasesTest, WhatWaitsOrHasEndedIsDroppedWithoutAStop) {
  HeldLeases held(1);
  Add(held, {.counter = 1});
  Add(held, {.counter = 2});
  StartNext(held);
  EXPECT_FALSE(held.Drop(TokenOf(2)));
  held.End(TokenOf(1), true);
  EXPECT_FALSE(held.Drop(TokenOf(1)));
  EXPECT_FALSE(held.Drop(TokenOf(9)));
  EXPECT_THAT(held.List(), IsEmpty());
}

TEST(HeldLeasesTest, AnEndThatComesTwiceFreesOneSlot) {
  HeldLeases held(2);
  for (std::uint64_t i = 1; i <= 4; ++i) {
    Add(held, {.counter = i});
  }
  StartNext(held);
  StartNext(held);
  held.End(TokenOf(1), false);
  held.End(TokenOf(1), false);
  held.End(TokenOf(77), false);
  EXPECT_EQ(StartNext(held), TokenOf(3));
  EXPECT_EQ(StartNext(held), std::nullopt);
}

TEST(HeldLeasesTest, TheListIsInOrderOfTokens) {
  HeldLeases held(2);
  for (const std::uint64_t counter : std::vector<std::uint64_t>{9, 3, 7, 1}) {
    Add(held, {.counter = counter});
  }
  StartNext(held);
  StartNext(held);
  held.End(TokenOf(9), false);
  EXPECT_THAT(
      held.List(),
      ElementsAre(HeldLease{TokenOf(1), false}, HeldLease{TokenOf(3), true},
                  HeldLease{TokenOf(7), false}, HeldLease{TokenOf(9), true}));
}

// ---- what starts next ------------------------------------------------------

TEST(HeldLeasesTest, TheOldestStartsFirstInEachFreeSlot) {
  HeldLeases held(2);
  for (const std::uint64_t counter : std::vector<std::uint64_t>{3, 1, 2}) {
    Add(held, {.counter = counter});
  }
  EXPECT_EQ(StartNext(held), TokenOf(3));
  EXPECT_EQ(StartNext(held), TokenOf(1));
  EXPECT_EQ(StartNext(held), std::nullopt);
  held.End(TokenOf(1), false);
  EXPECT_EQ(StartNext(held), TokenOf(2));
}

TEST(HeldLeasesTest, AWideUnitWaitsForItsSlotsAndIsNotOvertaken) {
  HeldLeases held(3);
  Add(held, {.counter = 1});
  Add(held, {.counter = 2, .slots = 3});
  Add(held, {.counter = 3});
  EXPECT_EQ(StartNext(held), TokenOf(1));
  EXPECT_EQ(StartNext(held), std::nullopt);
  held.End(TokenOf(1), false);
  EXPECT_EQ(StartNext(held), TokenOf(2));
  EXPECT_EQ(StartNext(held), std::nullopt);
  held.End(TokenOf(2), false);
  EXPECT_EQ(StartNext(held), TokenOf(3));
}

TEST(HeldLeasesTest, AUnitThatWantsMoreThanThereIsGetsAll) {
  HeldLeases held(2);
  Add(held, {.counter = 1, .slots = 100});
  Add(held, {.counter = 2});
  EXPECT_EQ(StartNext(held), TokenOf(1));
  EXPECT_EQ(StartNext(held), std::nullopt);
  held.End(TokenOf(1), false);
  EXPECT_EQ(StartNext(held), TokenOf(2));
}

TEST(HeldLeasesTest, AUnitWithAWarmWorkerOvertakesOthers) {
  HeldLeases held(2);
  Add(held, {.counter = 1, .suite = 5});
  StartNext(held);
  held.End(TokenOf(1), /*warm=*/true);
  Add(held, {.counter = 2, .suite = 6});
  Add(held, {.counter = 3, .suite = 5});
  EXPECT_EQ(StartNext(held), TokenOf(3));
  EXPECT_EQ(StartNext(held), TokenOf(2));
}

TEST(HeldLeasesTest, AWorkerThatLeftIsNotWarm) {
  HeldLeases held(2);
  Add(held, {.counter = 1, .suite = 5});
  StartNext(held);
  held.End(TokenOf(1), /*warm=*/false);
  Add(held, {.counter = 2, .suite = 6});
  Add(held, {.counter = 3, .suite = 5});
  EXPECT_EQ(StartNext(held), TokenOf(2));
}

TEST(HeldLeasesTest, AWarmWorkerIsTakenOnce) {
  HeldLeases held(3);
  Add(held, {.counter = 1, .suite = 5});
  StartNext(held);
  held.End(TokenOf(1), true);
  Add(held, {.counter = 2, .suite = 6});
  Add(held, {.counter = 3, .suite = 5});
  Add(held, {.counter = 4, .suite = 5});
  EXPECT_EQ(StartNext(held), TokenOf(3));
  EXPECT_EQ(StartNext(held), TokenOf(2)) << "no worker of suite 5 is idle";
}

TEST(HeldLeasesTest, ARunThatIsForgottenHasNoWarmWorkers) {
  HeldLeases held(2);
  Add(held, {.counter = 1, .suite = 5});
  StartNext(held);
  held.End(TokenOf(1), true);
  held.ForgetRun(MakeRun(1));
  Add(held, {.counter = 2, .suite = 6});
  Add(held, {.counter = 3, .suite = 5});
  EXPECT_EQ(StartNext(held), TokenOf(2));
}

TEST(HeldLeasesTest, NobodyIsOvertakenForEver) {
  HeldLeases held(2);
  Add(held, {.counter = 1, .suite = 5});
  StartNext(held);
  held.End(TokenOf(1), true);
  Add(held, {.counter = 2, .suite = 6});
  std::uint64_t counter = 10;
  int overtaken = 0;
  while (overtaken < 100) {
    Add(held, {.counter = ++counter, .suite = 5});
    const std::optional<Token> started = StartNext(held);
    ASSERT_TRUE(started.has_value());
    if (*started == TokenOf(2)) {
      break;
    }
    ++overtaken;
    held.End(*started, true);
  }
  EXPECT_LE(overtaken, 10);
}

TEST(HeldLeasesTest, AnAgentStarvesWhenASlotIsFreeAndNothingWaits) {
  HeldLeases held(2);
  EXPECT_TRUE(held.starving());
  Add(held, {.counter = 1});
  EXPECT_FALSE(held.starving());
  StartNext(held);
  EXPECT_TRUE(held.starving());
  Add(held, {.counter = 2});
  StartNext(held);
  EXPECT_FALSE(held.starving());
}

// ---- credit ----------------------------------------------------------------

TEST(HeldLeasesTest, RoomIsASlotEachAndAsMuchAhead) {
  HeldLeases held(3);
  EXPECT_EQ(held.room(), 6U);
  for (std::uint64_t i = 1; i <= 6; ++i) {
    Add(held, {.counter = i});
    EXPECT_EQ(held.room(), 6U - i);
  }
  StartNext(held);
  EXPECT_EQ(held.room(), 0U) << "what runs leaves the place it had ahead";
  held.End(TokenOf(1), true);
  EXPECT_EQ(held.room(), 1U);
}

TEST(HeldLeasesTest, OneUnitIsHeldAheadOfEachSlotHoweverLongTheyAre) {
  HeldLeases held(2);
  Add(held, {.counter = 1, .predicted = std::chrono::hours(1)});
  EXPECT_EQ(held.room(), 3U);
}

TEST(HeldLeasesTest, UnitsOfAQuarterOfASecondAreHeldOneASlot) {
  HeldLeases held(2);
  Add(held, {.counter = 1, .predicted = milliseconds(250)});
  EXPECT_EQ(held.room(), 3U);
}

TEST(HeldLeasesTest, AQuarterOfASecondOfQuickUnitsIsHeldAhead) {
  HeldLeases held(2);
  Add(held, {.counter = 1, .predicted = milliseconds(5)});
  // 50 a slot ahead, 2 for the slots, less the one that waits.
  EXPECT_EQ(held.room(), 101U);
}

TEST(HeldLeasesTest, NoMoreThanAMessageCanNameIsEverHeld) {
  HeldLeases held(4);
  Add(held, {.counter = 1, .predicted = std::chrono::microseconds(1)});
  EXPECT_EQ(held.room(), kMaxNamed - 1);
  for (std::uint64_t i = 2; i <= kMaxNamed; ++i) {
    ASSERT_TRUE(
        Add(held, {.counter = i, .predicted = std::chrono::microseconds(1)}));
  }
  EXPECT_EQ(held.room(), 0U);
  EXPECT_FALSE(Add(held, {.counter = 5000}));
  // An ended unit is named in hello as well, until it is settled.
  StartNext(held);
  held.End(TokenOf(1), true);
  EXPECT_EQ(held.room(), 0U);
  EXPECT_EQ(held.List().size(), kMaxNamed);
  held.Settle(TokenOf(1));
  EXPECT_EQ(held.room(), 1U);
  EXPECT_TRUE(Add(held, {.counter = 5000}));
}

TEST(HeldLeasesTest, UnitsOfUnknownLengthAreHeldOneASlot) {
  HeldLeases held(2);
  Add(held, {.counter = 1, .predicted = Duration::zero()});
  EXPECT_EQ(held.room(), 3U);
}

TEST(HeldLeasesTest, OneOddUnitDoesNotChangeWhatUnitsAreTakenToLast) {
  HeldLeases held(1);
  std::uint64_t counter = 0;
  for (int i = 0; i < 50; ++i) {
    Add(held, {.counter = ++counter, .predicted = milliseconds(250)});
    const Token token = *StartNext(held);
    held.End(token, true);
    held.Settle(token);
  }
  Add(held, {.counter = ++counter, .predicted = milliseconds(1)});
  // Two ahead at most, one slot, one of which waits.
  EXPECT_LE(held.room(), 2U);
}

}  // namespace
}  // namespace paceline
