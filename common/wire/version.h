// Who may speak with whom: the versions of both sides of the fleet protocol are
// one step apart at most, and both speak the lower one.

#ifndef PACELINE_COMMON_WIRE_VERSION_H_
#define PACELINE_COMMON_WIRE_VERSION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace paceline {

// The version to speak with somebody who says hello with `theirs`; nothing if
// that is too far from ours.
std::optional<std::uint32_t> SpokenVersion(std::uint32_t theirs);

// Whether what a coordinator welcomes us with, the version that both are to
// speak, is one that we do.
bool CanSpeak(std::uint32_t version);

// A sentence for people, which says whom to update: "agent alpha speaks version
// 3 of the fleet protocol and this coordinator version 1; update this
// coordinator".
std::string VersionMismatch(absl::string_view they, std::uint64_t theirs,
                            absl::string_view we);

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_VERSION_H_
