// RecycleReason: why a worker was replaced at the end of a unit.

#ifndef PACELINE_COMMON_MODEL_RECYCLE_REASON_H_
#define PACELINE_COMMON_MODEL_RECYCLE_REASON_H_

#include <cstdint>
#include <string>

namespace paceline {

// The numbers are part of the fleet protocol.
enum class RecycleSignal : std::uint8_t {
  kMemory = 0,       // reading and ceiling in bytes
  kDescriptors = 1,  // reading and ceiling are counts
  kAge = 2,          // reading and ceiling in nanoseconds
};

struct RecycleReason {
  RecycleSignal signal = RecycleSignal::kMemory;
  std::uint64_t reading = 0;
  std::uint64_t ceiling = 0;

  friend bool operator==(const RecycleReason&, const RecycleReason&) = default;
};

// "memory 1.21 GiB >= 1.00 GiB", "descriptors 204 >= 200",
// "age 10 min 02 s >= 10 min 00 s".
std::string ToString(const RecycleReason& reason);

// "1.21 GiB", "312.0 MiB", "4.0 KiB", "17 B".
std::string FormatBytes(std::uint64_t bytes);

}  // namespace paceline

#endif  // PACELINE_COMMON_MODEL_RECYCLE_REASON_H_
