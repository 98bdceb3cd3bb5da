// What this runner's discovery tells its worker in SuiteSpec::options.

#ifndef PACELINE_WORKER_GTEST_SUITE_OPTIONS_H_
#define PACELINE_WORKER_GTEST_SUITE_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace paceline {

struct GtestSuiteOptions {
  bool also_run_disabled = false;
  // GoogleTest's own shuffling, with this seed (0: GoogleTest picks one).
  std::optional<std::uint32_t> shuffle_seed;

  friend bool operator==(const GtestSuiteOptions&,
                         const GtestSuiteOptions&) = default;
};

// "also_run_disabled shuffle=17".
std::string ToString(const GtestSuiteOptions& options);

// Returns kInvalidArgument, naming the word, for what ToString never writes.
absl::StatusOr<GtestSuiteOptions> ParseGtestSuiteOptions(
    absl::string_view text);

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_SUITE_OPTIONS_H_
