// The epoch of a coordinator that keeps no journal: a number in a file, greater
// at each start.
//
// The clock alone would do until it is set back, or until two start within a
// second: then tokens of one life could be taken for those of another.

#ifndef PACELINE_COORDINATOR_EPOCH_FILE_H_
#define PACELINE_COORDINATOR_EPOCH_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace paceline {

// Returns the greater of `at_least` and one more than the number in the file at
// `path`, which is there when this returns, whatever happens to the machine.
// Makes the file and its directory where there is none.
//
// Returns kUnavailable, in a sentence, if it cannot be kept.
absl::StatusOr<std::uint32_t> RaiseEpoch(const std::string& path,
                                         std::uint32_t at_least);

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_EPOCH_FILE_H_
