#include "common/config/nearest.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(EditDistanceTest, CountsEveryKindOfSlip) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
  EXPECT_EQ(EditDistance("workers", "worker"), 1u);
  EXPECT_EQ(EditDistance("workers", "wprkers"), 1u);
  EXPECT_EQ(EditDistance("workers", "wrokers"), 1u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

TEST(NearestTest, TakesTheFirstOfEquals) {
  EXPECT_EQ(Nearest("max-rsss", {"workers", "max-fds", "max-rss"}), "max-rss");
  EXPECT_EQ(Nearest("b", {"a", "c"}), "a");
  EXPECT_EQ(Nearest("b", {}), "");
}

}  // namespace
}  // namespace paceline
