// What may be in the strings of a message, and how long ones are cut.

#ifndef PACELINE_COMMON_WIRE_TEXT_H_
#define PACELINE_COMMON_WIRE_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace paceline {

// Prose for one line: a result's message, a reason, a sentence.
inline constexpr std::size_t kMaxLineBytes = 4 * 1024;
// Prose of many lines: a result's details.
inline constexpr std::size_t kMaxDetailsBytes = 64 * 1024;

// How many bytes the UTF-8 character at the start of `text`, which is not
// empty, has; 0 if it starts with none: over-long forms, surrogates and what is
// past U+10FFFF are none.
std::size_t CharacterSize(absl::string_view text);

// `text` if it has at most `limit` bytes; else its first and last parts with a
// mark between them that says how much is missing, `limit` bytes at most in
// all. Does not split a UTF-8 character. `limit` is at least 64.
std::string CutText(absl::string_view text, std::size_t limit);

// Whether `text` is valid UTF-8 without control characters: what a name that
// people read on a terminal must be.
bool IsPrintable(absl::string_view text);

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_TEXT_H_
