// Numbers as people write them in flags, variables and paceline.toml.

#ifndef PACELINE_COMMON_CONFIG_QUANTITY_H_
#define PACELINE_COMMON_CONFIG_QUANTITY_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"

namespace paceline {

// All return kInvalidArgument, with the forms that are accepted, for anything
// else; the caller adds which flag or key it was.

// "17".
absl::StatusOr<std::uint32_t> ParseCount(absl::string_view text);

// "1GiB", "512M" (as MiB), "1.5 GB", "4096".
absl::StatusOr<std::uint64_t> ParseBytes(absl::string_view text);

// "10m", "1h30m", "250ms", "1.5s"; a bare number is seconds.
absl::StatusOr<Duration> ParseDuration(absl::string_view text);

// "true", "yes", "on", "1" and their opposites.
absl::StatusOr<bool> ParseBool(absl::string_view text);

// Ceilings: as above, or "none". Zero is refused, because a ceiling of zero is
// reached by every worker.
absl::StatusOr<std::optional<std::uint32_t>> ParseCountLimit(
    absl::string_view text);
absl::StatusOr<std::optional<std::uint64_t>> ParseByteLimit(
    absl::string_view text);
absl::StatusOr<std::optional<Duration>> ParseDurationLimit(
    absl::string_view text);

}  // namespace paceline

#endif  // PACELINE_COMMON_CONFIG_QUANTITY_H_
