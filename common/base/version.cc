#include "common/base/version.h"

namespace paceline {

absl::string_view ProgramVersion() { return PACELINE_VERSION; }

}  // namespace paceline
