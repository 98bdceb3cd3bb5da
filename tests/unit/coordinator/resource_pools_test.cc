// Who gets what of a resource specification, and what can never be met.

#include "coordinator/resource_pools.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Optional;
using Groups = ResourcePools::Groups;

ResourcePool Pool(const std::string& type,
                  const std::vector<std::uint32_t>& slots) {
  ResourcePool pool{type, {}};
  for (std::size_t i = 0; i < slots.size(); ++i) {
    pool.things.emplace_back(absl::StrCat(type, i), slots[i]);
  }
  return pool;
}

// A variable of 200 KB is one that no message holds.
TEST(ResourcePoolsTest, ThingsWithNamesThatDoNotFitIntoAMessageAreRefused) {
  const ResourcePools pools({{"gpu", {{std::string(2000, 'x'), 1000}}}});
  const Groups many = {std::vector<ResourceNeed>(100, ResourceNeed{"gpu", 1})};
  EXPECT_THAT(pools.WhyNever(many), Optional(HasSubstr("shorter ids")));
  const Groups few = {std::vector<ResourceNeed>(10, ResourceNeed{"gpu", 1})};
  EXPECT_EQ(pools.WhyNever(few), std::nullopt);
}

TEST(ResourcePoolsTest, AnAllocationFitsItsGroupsAndThePools) {
  const ResourcePools pools({{"gpu", {{"0", 2}}}, {"key", {{"0", 1}}}});
  const Groups groups = {{{"gpu", 1}}};
  EXPECT_TRUE(pools.Fits(groups, {{{0, 0, 1}}}));
  EXPECT_FALSE(pools.Fits(groups, {{{77, 0, 1}}}));
  EXPECT_FALSE(pools.Fits(groups, {{{0, 5, 1}}}));
  EXPECT_FALSE(pools.Fits(groups, {{{1, 0, 1}}}));
  EXPECT_FALSE(pools.Fits(groups, {{}}));
  EXPECT_FALSE(pools.Fits(groups, {}));
}

ResourcePools Gpus() {
  return ResourcePools({Pool("gpus", {4, 2}), Pool("keys", {1})});
}

// How many slots of each thing of a kind are taken.
std::map<std::uint32_t, std::uint32_t> Taken(
    const ResourceAllocation& allocation, std::uint32_t pool) {
  std::map<std::uint32_t, std::uint32_t> taken;
  for (const auto& group : allocation) {
    for (const ResourcePiece& piece : group) {
      if (piece.pool == pool) {
        taken[piece.thing] += piece.slots;
      }
    }
  }
  return taken;
}

TEST(ResourcePoolsTest, WithoutASpecificationNothingIsEnabled) {
  EXPECT_FALSE(ResourcePools({}).enabled());
  EXPECT_TRUE(Gpus().enabled());
}

TEST(ResourcePoolsTest, ANeedIsMetByOneThingWithEnoughSlots) {
  const ResourcePools pools = Gpus();
  const auto found = pools.Find({{{"gpus", 3}}});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ((*found)[0][0], (ResourcePiece{0, 0, 3}));
  EXPECT_EQ(pools.Find({{{"gpus", 5}}}), std::nullopt)
      << "six slots in all, but no thing has five";
}

TEST(ResourcePoolsTest, AllNeedsAreMetAtOnceOrNone) {
  ResourcePools pools = Gpus();
  EXPECT_EQ(pools.Find({{{"gpus", 1}, {"keys", 1}, {"keys", 1}}}),
            std::nullopt);
  const auto found = pools.Find({{{"gpus", 4}}, {{"gpus", 2}, {"keys", 1}}});
  ASSERT_TRUE(found.has_value());
  pools.Take(*found);
  EXPECT_EQ(pools.Find({{{"gpus", 1}}}), std::nullopt);
  EXPECT_EQ(pools.Find({{{"keys", 1}}}), std::nullopt);
  pools.Give(*found);
  EXPECT_NE(pools.Find({{{"gpus", 4}}, {{"gpus", 2}, {"keys", 1}}}),
            std::nullopt);
}

TEST(ResourcePoolsTest, WhatIsTakenIsNotFoundAgain) {
  ResourcePools pools = Gpus();
  for (int i = 0; i < 6; ++i) {
    const auto found = pools.Find({{{"gpus", 1}}});
    ASSERT_TRUE(found.has_value()) << i;
    pools.Take(*found);
  }
  EXPECT_EQ(pools.Find({{{"gpus", 1}}}), std::nullopt);
}

// As ctest does.
TEST(ResourcePoolsTest, TestsAreSpreadOverThings) {
  ResourcePools pools({Pool("gpus", {2, 2})});
  const auto first = pools.Find({{{"gpus", 1}}});
  pools.Take(*first);
  const auto second = pools.Find({{{"gpus", 1}}});
  EXPECT_NE((*first)[0][0].thing, (*second)[0][0].thing);
}

// The largest thing for the first need would leave none for the second.
TEST(ResourcePoolsTest, OtherThingsAreTriedWhereAChoiceLeavesANeedUnmet) {
  const ResourcePools pools({Pool("gpus", {3, 3})});
  const auto found =
      pools.Find({{{"gpus", 2}, {"gpus", 1}, {"gpus", 2}, {"gpus", 1}}});
  ASSERT_TRUE(found.has_value());
  const auto taken = Taken(*found, 0);
  EXPECT_EQ(taken.at(0), 3U);
  EXPECT_EQ(taken.at(1), 3U);
}

TEST(ResourcePoolsTest, WhatCanBeMetWhileNothingIsTakenCanBeMet) {
  ResourcePools pools = Gpus();
  pools.Take(*pools.Find({{{"gpus", 4}}}));
  EXPECT_EQ(pools.WhyNever({{{"gpus", 4}}}), std::nullopt);
}

TEST(ResourcePoolsTest, AnUnknownKindIsNamed) {
  EXPECT_THAT(Gpus().WhyNever({{{"gpus", 1}, {"fpgas", 1}}}),
              Optional(HasSubstr("\"fpgas\"")));
}

TEST(ResourcePoolsTest, ANeedThatNoThingCanMeetIsNamed) {
  EXPECT_THAT(Gpus().WhyNever({{{"gpus", 7}}}),
              Optional(HasSubstr("7 slots of one \"gpus\"")));
}

TEST(ResourcePoolsTest, GroupsThatAreTooMuchTogetherAreNamed) {
  EXPECT_THAT(Gpus().WhyNever({{{"gpus", 4}}, {{"gpus", 4}}}),
              Optional(HasSubstr("at once")));
}

// Thousands of needs that just do not fit would be looked at for hours.
TEST(ResourcePoolsTest, TheSearchGivesUpInTime) {
  std::vector<std::uint32_t> slots;
  for (std::uint32_t i = 0; i < 20; ++i) {
    slots.push_back(3 + i % 5);
  }
  const ResourcePools pools({Pool("gpus", slots)});
  // Of 100 slots 90 are asked for, but in pairs only 44 of them can be met.
  Groups groups(1, std::vector<ResourceNeed>(45, ResourceNeed{"gpus", 2}));
  EXPECT_NE(pools.WhyNever(groups), std::nullopt);
  groups[0].resize(40);
  EXPECT_EQ(pools.WhyNever(groups), std::nullopt);
}

TEST(ResourcePoolsTest, GivingBackTwiceMakesNothingOutOfNothing) {
  ResourcePools pools = Gpus();
  const auto found = pools.Find({{{"gpus", 4}}});
  pools.Take(*found);
  pools.Give(*found);
  pools.Give(*found);
  EXPECT_EQ(pools.Find({{{"gpus", 5}}}), std::nullopt);
}

TEST(ResourcePoolsTest, TheEnvironmentSaysWhatATestWasGiven) {
  const ResourcePools pools = Gpus();
  const auto found =
      pools.Find({{{"gpus", 2}, {"gpus", 2}, {"keys", 1}}, {{"gpus", 1}}});
  ASSERT_TRUE(found.has_value());
  const std::vector<EnvEdit> env = pools.Environment(*found);
  EXPECT_THAT(env, Contains(EnvEdit{"CTEST_RESOURCE_GROUP_COUNT", "2"}));
  EXPECT_THAT(env, Contains(EnvEdit{"CTEST_RESOURCE_GROUP_0", "gpus,keys"}));
  EXPECT_THAT(env, Contains(EnvEdit{"CTEST_RESOURCE_GROUP_1", "gpus"}));
  EXPECT_THAT(env, Contains(EnvEdit{"CTEST_RESOURCE_GROUP_0_KEYS",
                                    "id:keys0,slots:1"}));
  EXPECT_EQ(env.size(), 6U);
}

// The search called itself once for each, as deep as a message could hold.
TEST(ResourcePoolsTest, ATestCanNameOnlySoManyResources) {
  ResourcePool pool;
  pool.type = "gpus";
  for (int i = 0; i < 300; ++i) {
    pool.things.emplace_back(std::to_string(i), 1000);
  }
  const ResourcePools pools({pool});
  EXPECT_EQ(pools.WhyNever({std::vector<ResourceNeed>(256, {"gpus", 1})}),
            std::nullopt);
  EXPECT_THAT(
      pools.WhyNever({std::vector<ResourceNeed>(257, {"gpus", 1})}),
      testing::Optional(testing::HasSubstr("257 resources, and at most 256")));
  EXPECT_THAT(pools.WhyNever(ResourcePools::Groups(20'000)),
              testing::Optional(testing::HasSubstr("at most 256")));
}

// It was called more than there is, which need not be so.
TEST(ResourcePoolsTest, ASearchThatIsGivenUpSaysSo) {
  ResourcePool pool;
  pool.type = "gpus";
  // 100 things of 5, to be filled with 3 and 2 and a little too much.
  for (int i = 0; i < 40; ++i) {
    pool.things.emplace_back(std::to_string(i),
                             static_cast<std::uint32_t>(100 + i));
  }
  const ResourcePools pools({pool});
  std::vector<ResourceNeed> needs;
  for (int i = 0; i < 40; ++i) {
    needs.push_back({"gpus", 60});
    needs.push_back({"gpus", 59});
  }
  const auto why = pools.WhyNever({needs});
  ASSERT_TRUE(why.has_value());
  EXPECT_THAT(*why, testing::HasSubstr("in 20000 steps"));
}

}  // namespace
}  // namespace paceline
