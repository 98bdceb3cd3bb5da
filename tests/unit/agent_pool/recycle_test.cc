#include "agent/recycle.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>

namespace paceline {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr Duration kYoung = std::chrono::seconds(1);

WorkerHealth Reading(std::uint64_t rss_bytes, std::uint32_t open_fds) {
  WorkerHealth health;
  health.rss_bytes = rss_bytes;
  health.open_fds = open_fds;
  return health;
}

TEST(EvaluateRecycleTest, BelowEveryCeilingAWorkerStays) {
  EXPECT_EQ(
      EvaluateRecycle(Reading(kGiB - 1, 199),
                      std::chrono::minutes(10) - Duration(1), WorkerLimits()),
      std::nullopt);
}

TEST(EvaluateRecycleTest, AReadingEqualToItsCeilingHasReachedIt) {
  EXPECT_EQ(EvaluateRecycle(Reading(kGiB, 0), kYoung, WorkerLimits()),
            (RecycleReason{RecycleSignal::kMemory, kGiB, kGiB}));
  EXPECT_EQ(EvaluateRecycle(Reading(0, 200), kYoung, WorkerLimits()),
            (RecycleReason{RecycleSignal::kDescriptors, 200, 200}));
  EXPECT_EQ(
      EvaluateRecycle(Reading(0, 0), std::chrono::minutes(10), WorkerLimits()),
      (RecycleReason{RecycleSignal::kAge, 600'000'000'000, 600'000'000'000}));
}

TEST(EvaluateRecycleTest, JustBelowACeilingOneSignalHidesNoOther) {
  const Duration old = std::chrono::minutes(10);
  EXPECT_EQ(EvaluateRecycle(Reading(kGiB - 1, 200), kYoung, {})->signal,
            RecycleSignal::kDescriptors);
  EXPECT_EQ(EvaluateRecycle(Reading(kGiB - 1, 199), old, {})->signal,
            RecycleSignal::kAge);
}

TEST(EvaluateRecycleTest, TheLargestReadingsAndCeilingsAreNumbersLikeOthers) {
  constexpr auto kMostBytes = std::numeric_limits<std::uint64_t>::max();
  constexpr auto kMostFds = std::numeric_limits<std::uint32_t>::max();
  const WorkerLimits limits{kMostBytes, kMostFds, Duration::max()};
  EXPECT_EQ(EvaluateRecycle(Reading(kMostBytes - 1, kMostFds - 1),
                            Duration::max() - Duration(1), limits),
            std::nullopt);
  EXPECT_EQ(EvaluateRecycle(Reading(kMostBytes, 0), kYoung, limits)->reading,
            kMostBytes);
  EXPECT_EQ(EvaluateRecycle(Reading(0, kMostFds), kYoung, limits)->reading,
            kMostFds);
  EXPECT_EQ(EvaluateRecycle(Reading(0, 0), Duration::max(), limits)->signal,
            RecycleSignal::kAge);
}

TEST(EvaluateRecycleTest, MemoryComesBeforeDescriptorsAndThoseBeforeAge) {
  const Duration old = std::chrono::hours(1);
  const auto first = EvaluateRecycle(Reading(2 * kGiB, 900), old, {});
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->signal, RecycleSignal::kMemory);
  const auto second = EvaluateRecycle(Reading(0, 900), old, {});
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->signal, RecycleSignal::kDescriptors);
  const auto third = EvaluateRecycle(Reading(0, 0), old, {});
  ASSERT_TRUE(third.has_value());
  EXPECT_EQ(third->signal, RecycleSignal::kAge);
}

TEST(EvaluateRecycleTest, AnAbsentReadingSkipsItsSignalAlone) {
  WorkerHealth health = Reading(2 * kGiB, 900);
  health.rss_bytes.reset();
  const auto reason = EvaluateRecycle(health, kYoung, WorkerLimits());
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->signal, RecycleSignal::kDescriptors);
  health.open_fds.reset();
  EXPECT_EQ(EvaluateRecycle(health, kYoung, WorkerLimits()), std::nullopt);
  EXPECT_EQ(EvaluateRecycle(health, std::chrono::hours(1), {})->signal,
            RecycleSignal::kAge);
}

TEST(EvaluateRecycleTest, AnAbsentCeilingSkipsItsSignalAlone) {
  const WorkerHealth health = Reading(2 * kGiB, 900);
  const Duration old = std::chrono::hours(1);
  WorkerLimits limits;
  limits.max_rss_bytes.reset();
  EXPECT_EQ(EvaluateRecycle(health, old, limits)->signal,
            RecycleSignal::kDescriptors);
  limits.max_open_fds.reset();
  EXPECT_EQ(EvaluateRecycle(health, old, limits)->signal, RecycleSignal::kAge);
  EXPECT_EQ(EvaluateRecycle(health, old, WorkerLimits::Unlimited()),
            std::nullopt);
}

TEST(EvaluateRecycleTest, ACeilingOfZeroIsReachedByAnyReading) {
  WorkerLimits limits = WorkerLimits::Unlimited();
  limits.max_open_fds = 0;
  EXPECT_EQ(EvaluateRecycle(Reading(0, 0), kYoung, limits),
            (RecycleReason{RecycleSignal::kDescriptors, 0, 0}));
  EXPECT_EQ(EvaluateRecycle(WorkerHealth(), kYoung, limits), std::nullopt);
}

TEST(EvaluateRecycleTest, EachReasonPrintsItsReadingAndItsCeiling) {
  EXPECT_EQ(ToString(*EvaluateRecycle(Reading(1299227607, 0), kYoung, {})),
            "memory 1.21 GiB >= 1.00 GiB");
  EXPECT_EQ(ToString(*EvaluateRecycle(Reading(0, 204), kYoung, {})),
            "descriptors 204 >= 200");
  EXPECT_EQ(
      ToString(*EvaluateRecycle(Reading(0, 0), std::chrono::seconds(602), {})),
      "age 10 min 02 s >= 10 min 00 s");
}

}  // namespace
}  // namespace paceline
