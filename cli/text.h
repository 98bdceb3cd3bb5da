// Bytes that tests wrote, made fit for where people read them.

#ifndef PACELINE_CLI_TEXT_H_
#define PACELINE_CLI_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace paceline {

// Takes one character off the front of `text`; U+FFFD for a byte that is not
// part of a valid one. `text` is not empty.
std::uint32_t TakeCharacter(absl::string_view& text);

void AppendUtf8(std::uint32_t character, std::string& text);

// Valid UTF-8 without control characters but newline and tab: escape sequences
// are dropped, other control characters become U+FFFD. With `keep_colour`,
// sequences that only set colours stay.
std::string Printable(absl::string_view bytes, bool keep_colour);

// Printable, and on one line: newlines become spaces.
std::string PrintableLine(absl::string_view bytes);

// XML 1.0 text or attribute value: escaped, and valid UTF-8 without the
// characters that XML forbids, each of which becomes U+FFFD.
std::string XmlEscape(absl::string_view bytes);

// Columns of a terminal that printable `text` takes; colour takes none.
std::size_t Columns(absl::string_view text);

// Printable one-line `text` cut to `columns`, the cut marked by "…".
std::string Fit(absl::string_view text, std::size_t columns);

// Every line of `text` behind `prefix`; ends with a newline unless empty.
std::string Indent(absl::string_view text, absl::string_view prefix);

// "1 test", "2 tests"; `many` where an 's' does not make it.
std::string Count(std::uint64_t count, absl::string_view one,
                  absl::string_view many = "");

// As a word of a shell's command line.
std::string ShellQuote(absl::string_view text);

}  // namespace paceline

#endif  // PACELINE_CLI_TEXT_H_
