// What is said seldom, and with how much left out.

#include "coordinator/seldom.h"

#include <gtest/gtest.h>

#include <chrono>

namespace paceline {
namespace {

using std::chrono::milliseconds;

TEST(SeldomTest, WhatWasNotSaidIsCounted) {
  const Instant start{std::chrono::hours(1)};
  Seldom seldom(milliseconds(1000));
  EXPECT_EQ(seldom.Say(start), 0U);
  EXPECT_EQ(seldom.Say(start), std::nullopt);
  EXPECT_EQ(seldom.Say(start + milliseconds(999)), std::nullopt);
  EXPECT_EQ(seldom.Say(start + milliseconds(1000)), 2U);
  EXPECT_EQ(seldom.Say(start + milliseconds(2000)), 0U);
}

}  // namespace
}  // namespace paceline
