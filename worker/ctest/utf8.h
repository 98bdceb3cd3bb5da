// Telling text from bytes that are none.

#ifndef PACELINE_WORKER_CTEST_UTF8_H_
#define PACELINE_WORKER_CTEST_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace paceline {

// U+FFFD, which stands where bytes were no text.
inline constexpr absl::string_view kReplacementCharacter = "\xef\xbf\xbd";

bool IsUtf8(absl::string_view bytes);

// `bytes`, with kReplacementCharacter for each byte that is no part of a
// character.
std::string ReplaceInvalidUtf8(absl::string_view bytes);

}  // namespace paceline

#endif  // PACELINE_WORKER_CTEST_UTF8_H_
