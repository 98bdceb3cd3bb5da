// The program's version, as CMakeLists.txt has it.

#ifndef PACELINE_COMMON_BASE_VERSION_H_
#define PACELINE_COMMON_BASE_VERSION_H_

#include "absl/strings/string_view.h"

namespace paceline {

// "0.1.0"
absl::string_view ProgramVersion();

}  // namespace paceline

#endif  // PACELINE_COMMON_BASE_VERSION_H_
