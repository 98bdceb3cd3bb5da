// How well, and how much, a coordinator's journal keeps.

#ifndef PACELINE_COORDINATOR_DURABILITY_H_
#define PACELINE_COORDINATOR_DURABILITY_H_

#include <cstdint>

namespace paceline {

// What a commit survives.
enum class Durability : std::uint8_t {
  kProcess,  // the process's death
  kFull,     // that, and the machine's: a commit waits for the disk
};

// Of runs that are over and seen, the newest are kept for reports.
struct JournalKeep {
  std::uint32_t runs = 50;
  std::uint64_t bytes = std::uint64_t{2} << 30;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_DURABILITY_H_
