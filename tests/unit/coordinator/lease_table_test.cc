// Tokens, and which leases are current.

#include "coordinator/lease_table.h"

#include <gtest/gtest.h>

#include <vector>

namespace paceline {
namespace {

LeaseState& Grant(LeaseTable& table) {
  return table.Add(table.NextToken(), table.NextUnit());
}

TEST(LeaseTableTest, EachTokenIsGreaterThanAllBefore) {
  LeaseTable table;
  Token last;
  for (int i = 0; i < 1000; ++i) {
    const Token token = Grant(table).token;
    EXPECT_GT(token, last);
    last = token;
    if (i % 3 == 0) {
      table.End(token);
    }
  }
}

TEST(LeaseTableTest, TokensOfALaterLifeAreGreaterThanAllOfAnEarlierOne) {
  LeaseTable earlier;
  earlier.set_epoch(4);
  Token last;
  for (int i = 0; i < 1000; ++i) {
    last = Grant(earlier).token;
  }
  LeaseTable later;
  later.set_epoch(5);
  EXPECT_GT(Grant(later).token, last);
  EXPECT_EQ(later.epoch(), 5U);
}

TEST(LeaseTableTest, NoTokenIsTheZeroToken) {
  LeaseTable table;
  EXPECT_NE(Grant(table).token, Token{});
  EXPECT_EQ(table.Find(Token{}), nullptr);
}

TEST(LeaseTableTest, ALeaseIsFoundByItsTokenAlone) {
  LeaseTable table;
  LeaseState& one = Grant(table);
  LeaseState& other = Grant(table);
  EXPECT_EQ(table.Find(one.token), &one);
  EXPECT_EQ(table.Find(other.token), &other);
  EXPECT_EQ(table.Find({one.token.epoch + 1, one.token.counter}), nullptr);
  EXPECT_EQ(table.Find({one.token.epoch, 99}), nullptr);
  EXPECT_EQ(table.size(), 2U);
}

TEST(LeaseTableTest, ALeaseThatHasEndedIsNeverRevived) {
  LeaseTable table;
  const Token ended = Grant(table).token;
  table.End(ended);
  EXPECT_EQ(table.Find(ended), nullptr);
  EXPECT_EQ(table.size(), 0U);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_NE(Grant(table).token, ended);
  }
  EXPECT_EQ(table.Find(ended), nullptr);
}

TEST(LeaseTableTest, AnEndThatComesTwiceEndsNothingElse) {
  LeaseTable table;
  const Token one = Grant(table).token;
  const Token other = Grant(table).token;
  table.End(one);
  table.End(one);
  EXPECT_NE(table.Find(other), nullptr);
}

TEST(LeaseTableTest, ALeaseStaysWhereItIsWhileOthersComeAndGo) {
  LeaseTable table;
  LeaseState* const lease = &Grant(table);
  const Token token = lease->token;
  for (int i = 0; i < 1000; ++i) {
    const Token other = Grant(table).token;
    if (i % 2 == 0) {
      table.End(other);
    }
  }
  EXPECT_EQ(table.Find(token), lease);
  EXPECT_EQ(lease->token, token);
}

TEST(LeaseTableTest, UnitsHaveNumbersOfTheirOwn) {
  LeaseTable table;
  const UnitId one = Grant(table).unit;
  EXPECT_NE(one, UnitId{});
  const UnitId other = Grant(table).unit;
  EXPECT_GT(other, one);
  // Of what an earlier life gave.
  table.Add({1, 77}, UnitId{500});
  EXPECT_EQ(table.NextUnit(), UnitId{501});
}

TEST(LeaseTableTest, TheTableKnowsWhichTokensOfItsEpochWereGiven) {
  LeaseTable table;
  table.set_epoch(3);
  const Token given = table.NextToken();
  EXPECT_TRUE(table.Gave(given));
  EXPECT_FALSE(table.Gave({3, given.counter + 1}));
  EXPECT_FALSE(table.Gave({2, given.counter}));
  // As an earlier life's records tell.
  table.Gives({3, 40});
  EXPECT_TRUE(table.Gave({3, 40}));
  EXPECT_EQ(table.NextToken(), (Token{3, 41}));
}

TEST(LeaseStateTest, TheCurrentTestIsTheFirstWithoutAResult) {
  LeaseState lease;
  lease.tests = {{.test = TestIndex{5}}, {.test = TestIndex{3}}};
  ASSERT_NE(lease.Current(), nullptr);
  EXPECT_EQ(lease.Current()->test, TestIndex{5});
  lease.Find(TestIndex{5})->done = true;
  EXPECT_EQ(lease.Current()->test, TestIndex{3});
  lease.Find(TestIndex{3})->done = true;
  EXPECT_EQ(lease.Current(), nullptr);
  EXPECT_EQ(lease.Find(TestIndex{4}), nullptr);
}

TEST(LeaseStateTest, ATestIsFoundInWhateverOrderResultsCome) {
  LeaseState lease;
  for (std::uint32_t i = 0; i < 100; ++i) {
    lease.tests.push_back({.test = TestIndex{i * 3}});
  }
  for (const std::uint32_t i : {0U, 1U, 2U, 99U, 50U, 51U, 3U}) {
    ASSERT_NE(lease.Find(TestIndex{i * 3}), nullptr);
    EXPECT_EQ(lease.Find(TestIndex{i * 3})->test, TestIndex{i * 3});
  }
  EXPECT_EQ(lease.Find(TestIndex{1}), nullptr);
}

}  // namespace
}  // namespace paceline
