#include "common/model/recycle_reason.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(RecycleReasonTest, PrintsReadingAndCeilingOfEachSignal) {
  EXPECT_EQ(ToString(RecycleReason{RecycleSignal::kMemory, 1299227607,
                                   std::uint64_t{1} << 30}),
            "memory 1.21 GiB >= 1.00 GiB");
  EXPECT_EQ(ToString(RecycleReason{RecycleSignal::kDescriptors, 204, 200}),
            "descriptors 204 >= 200");
  EXPECT_EQ(ToString(RecycleReason{RecycleSignal::kAge, 602'000'000'000,
                                   600'000'000'000}),
            "age 10 min 02 s >= 10 min 00 s");
}

TEST(RecycleReasonTest, BytesPrintInTheLargestFittingUnit) {
  EXPECT_EQ(FormatBytes(17), "17 B");
  EXPECT_EQ(FormatBytes(4096), "4.0 KiB");
  EXPECT_EQ(FormatBytes(std::uint64_t{312} << 20), "312.0 MiB");
  EXPECT_EQ(FormatBytes((std::uint64_t{1} << 30) - 1), "1.00 GiB");
}

}  // namespace
}  // namespace paceline
