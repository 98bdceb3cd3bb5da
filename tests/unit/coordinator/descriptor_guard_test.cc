// When the coordinator stops to take connections, and when it begins again.

#include "coordinator/descriptor_guard.h"

#include <gtest/gtest.h>

#include <optional>

namespace paceline {
namespace {

TEST(DescriptorGuardTest, ItStopsWhileSomeAreLeftAndBeginsAgainBelow) {
  DescriptorGuard guard(1064);
  EXPECT_EQ(guard.most(), 1000U);
  EXPECT_FALSE(guard.Look(999));
  EXPECT_TRUE(guard.listening());
  EXPECT_TRUE(guard.Look(1000));
  EXPECT_FALSE(guard.listening());
  EXPECT_FALSE(guard.Look(1000)) << "that is said once";
  EXPECT_FALSE(guard.Look(900)) << "not to and fro";
  EXPECT_TRUE(guard.Look(899));
  EXPECT_TRUE(guard.listening());
}

TEST(DescriptorGuardTest, WhereTheyCannotBeCountedThereAreTooFew) {
  DescriptorGuard guard(1064);
  EXPECT_TRUE(guard.Look(std::nullopt));
  EXPECT_FALSE(guard.listening());
}

TEST(DescriptorGuardTest, ALowLimitLeavesSomeForConnections) {
  EXPECT_EQ(DescriptorGuard(100).most(), 50U);
}

}  // namespace
}  // namespace paceline
