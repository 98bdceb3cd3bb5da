#include "agent/recycle_policy.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

namespace paceline {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr Instant kStart{std::chrono::hours(1)};
constexpr Duration kYoung = std::chrono::seconds(1);
constexpr std::uint32_t kNoCap = 1000;

SuiteKey Key(std::uint8_t run, std::uint32_t suite) {
  SuiteKey key;
  key.run.bytes[0] = run;
  key.suite = SuiteIndex{suite};
  return key;
}

WorkerLimits Memory(std::uint64_t bytes) {
  WorkerLimits limits = WorkerLimits::Unlimited();
  limits.max_rss_bytes = bytes;
  return limits;
}

WorkerHealth Rss(std::uint64_t bytes) {
  WorkerHealth health;
  health.rss_bytes = bytes;
  return health;
}

TEST(RecyclePolicyTest, AWorkerOverItsCeilingAtHelloRaisesItOnceAndSaysSo) {
  RecyclePolicy policy(Memory(100 * kMiB), kNoCap);
  const auto note = policy.OnHello(Key(1, 0), "big", Rss(200 * kMiB));
  ASSERT_TRUE(note.has_value());
  EXPECT_EQ(*note,
            "suite big: a fresh worker holds 200.0 MiB of memory before its "
            "first test, so the ceiling of 100.0 MiB of memory cannot be met; "
            "for this suite it is 225.0 MiB of memory from here on (raise the "
            "agent's ceiling, or make the suite smaller)");
  EXPECT_EQ(policy.LimitsOf(Key(1, 0)).max_rss_bytes, 225 * kMiB);
  // A larger one raises it further, without another word.
  EXPECT_EQ(policy.OnHello(Key(1, 0), "big", Rss(300 * kMiB)), std::nullopt);
  EXPECT_EQ(policy.LimitsOf(Key(1, 0)).max_rss_bytes, 325 * kMiB);
}

TEST(RecyclePolicyTest, OtherSuitesAndRunsKeepTheConfiguredCeiling) {
  RecyclePolicy policy(Memory(100 * kMiB), kNoCap);
  policy.OnHello(Key(1, 0), "big", Rss(200 * kMiB));
  EXPECT_EQ(policy.LimitsOf(Key(1, 1)).max_rss_bytes, 100 * kMiB);
  EXPECT_EQ(policy.LimitsOf(Key(2, 0)).max_rss_bytes, 100 * kMiB);
}

TEST(RecyclePolicyTest, ARaisedCeilingStillRecycles) {
  RecyclePolicy policy(Memory(100 * kMiB), kNoCap);
  policy.OnHello(Key(1, 0), "big", Rss(200 * kMiB));
  EXPECT_EQ(policy
                .OnUnitEnd(kStart, Key(1, 0), "big", Rss(225 * kMiB - 1),
                           kYoung, /*first_unit=*/false)
                .reason,
            std::nullopt);
  EXPECT_EQ(policy
                .OnUnitEnd(kStart, Key(1, 0), "big", Rss(225 * kMiB), kYoung,
                           /*first_unit=*/false)
                .reason,
            (RecycleReason{RecycleSignal::kMemory, 225 * kMiB, 225 * kMiB}));
}

TEST(RecyclePolicyTest, TheSecondFreshWorkerInARowOverItsCeilingRaisesIt) {
  RecyclePolicy policy(Memory(100 * kMiB), kNoCap);
  const auto first = policy.OnUnitEnd(kStart, Key(1, 0), "lazy",
                                      Rss(160 * kMiB), kYoung, true);
  EXPECT_TRUE(first.reason.has_value());
  EXPECT_EQ(first.note, std::nullopt);
  const auto second = policy.OnUnitEnd(kStart, Key(1, 0), "lazy",
                                       Rss(150 * kMiB), kYoung, true);
  EXPECT_EQ(second.reason, std::nullopt);
  EXPECT_TRUE(second.note.has_value());
  // The larger of the two readings and a quarter of the configured ceiling.
  EXPECT_EQ(policy.LimitsOf(Key(1, 0)).max_rss_bytes, 185 * kMiB);
}

TEST(RecyclePolicyTest, AFreshWorkerBelowItsCeilingBreaksTheRow) {
  RecyclePolicy policy(Memory(100 * kMiB), kNoCap);
  const auto unit_end = [&policy](std::uint64_t rss) {
    return policy.OnUnitEnd(kStart, Key(1, 0), "leaky", Rss(rss), kYoung,
                            /*first_unit=*/true);
  };
  EXPECT_TRUE(unit_end(150 * kMiB).reason.has_value());
  EXPECT_FALSE(unit_end(50 * kMiB).reason.has_value());
  EXPECT_TRUE(unit_end(150 * kMiB).reason.has_value());
  EXPECT_EQ(policy.LimitsOf(Key(1, 0)).max_rss_bytes, 100 * kMiB);
}

TEST(RecyclePolicyTest, WhatOneWorkerHeldBeforeTheRowRaisesNoCeiling) {
  RecyclePolicy policy(Memory(100 * kMiB), kNoCap);
  const auto unit_end = [&policy](std::uint64_t rss) {
    policy.OnUnitEnd(kStart, Key(1, 0), "leaky", Rss(rss), kYoung,
                     /*first_unit=*/true);
  };
  unit_end(5000 * kMiB);
  unit_end(50 * kMiB);
  unit_end(110 * kMiB);
  unit_end(120 * kMiB);
  EXPECT_EQ(policy.LimitsOf(Key(1, 0)).max_rss_bytes, 145 * kMiB);
}

TEST(RecyclePolicyTest, WorkersThatServedBeforeNeverRaiseACeiling) {
  RecyclePolicy policy(Memory(100 * kMiB), kNoCap);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(policy
                    .OnUnitEnd(kStart, Key(1, 0), "leaky", Rss(150 * kMiB),
                               kYoung, /*first_unit=*/false)
                    .reason.has_value());
  }
  EXPECT_EQ(policy.LimitsOf(Key(1, 0)).max_rss_bytes, 100 * kMiB);
}

TEST(RecyclePolicyTest, RecyclesPerMinuteAreCapped) {
  RecyclePolicy policy(Memory(100 * kMiB), /*max_per_minute=*/2);
  const auto recycled = [&policy](Instant now) {
    return policy
        .OnUnitEnd(now, Key(1, 0), "leaky", Rss(150 * kMiB), kYoung,
                   /*first_unit=*/false)
        .reason.has_value();
  };
  EXPECT_TRUE(recycled(kStart));
  EXPECT_TRUE(recycled(kStart + std::chrono::seconds(30)));
  EXPECT_FALSE(recycled(kStart + std::chrono::seconds(60) - Duration(1)));
  EXPECT_TRUE(recycled(kStart + std::chrono::seconds(60)));
  EXPECT_FALSE(recycled(kStart + std::chrono::seconds(61)));
}

TEST(RecyclePolicyTest, WhatWasLearntOfARunGoesWithIt) {
  RecyclePolicy policy(Memory(100 * kMiB), kNoCap);
  policy.OnHello(Key(1, 7), "big", Rss(200 * kMiB));
  policy.OnHello(Key(2, 7), "big", Rss(200 * kMiB));
  RunId run;
  run.bytes[0] = 1;
  policy.Forget(run);
  EXPECT_EQ(policy.LimitsOf(Key(1, 7)).max_rss_bytes, 100 * kMiB);
  EXPECT_EQ(policy.LimitsOf(Key(2, 7)).max_rss_bytes, 225 * kMiB);
}

}  // namespace
}  // namespace paceline
