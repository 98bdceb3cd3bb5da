#include "common/wire/version.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/wire/messages.h"

namespace paceline {

std::optional<std::uint32_t> SpokenVersion(std::uint32_t theirs) {
  const std::uint32_t lower = std::min(theirs, kFleetProtocolVersion);
  const std::uint32_t higher = std::max(theirs, kFleetProtocolVersion);
  if (lower == 0 || higher - lower > 1) {
    return std::nullopt;
  }
  return lower;
}

bool CanSpeak(std::uint32_t version) {
  return version <= kFleetProtocolVersion && SpokenVersion(version).has_value();
}

std::string VersionMismatch(absl::string_view they, std::uint64_t theirs,
                            absl::string_view we) {
  return absl::StrCat(they, " speaks version ", theirs,
                      " of the fleet protocol and ", we, " version ",
                      kFleetProtocolVersion, "; update ",
                      theirs > kFleetProtocolVersion ? we : they);
}

}  // namespace paceline
