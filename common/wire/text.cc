#include "common/wire/text.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

bool IsContinuation(char c) {
  return (static_cast<std::uint8_t>(c) & 0xc0) == 0x80;
}

// Moves `at` back to where a character begins, at most over the three bytes
// that can follow the first of one: other bytes are not UTF-8 anyway.
std::size_t CharacterStart(absl::string_view text, std::size_t at) {
  for (int i = 0; i < 3 && at > 0 && IsContinuation(text[at]); ++i) {
    --at;
  }
  return at;
}

// The character at the start of `text`: its length in bytes, 0 if it is not
// valid. Over-long forms, surrogates and what is past U+10FFFF are not.
std::size_t Character(absl::string_view text, std::uint32_t& code) {
  const auto lead = static_cast<std::uint8_t>(text[0]);
  std::size_t length = 0;
  std::uint32_t smallest = 0;
  if (lead < 0x80) {
    code = lead;
    return 1;
  }
  if ((lead & 0xe0) == 0xc0) {
    length = 2;
    smallest = 0x80;
    code = lead & 0x1f;
  } else if ((lead & 0xf0) == 0xe0) {
    length = 3;
    smallest = 0x800;
    code = lead & 0x0f;
  } else if ((lead & 0xf8) == 0xf0) {
    length = 4;
    smallest = 0x10000;
    code = lead & 0x07;
  } else {
    return 0;
  }
  if (text.size() < length) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[i])) {
      return 0;
    }
    code = (code << 6) | (static_cast<std::uint8_t>(text[i]) & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < smallest || surrogate || code > 0x10ffff ? 0 : length;
}

}  // namespace

std::size_t CharacterSize(absl::string_view text) {
  std::uint32_t code = 0;
  return Character(text, code);
}

std::string CutText(absl::string_view text, std::size_t limit) {
  if (text.size() <= limit) {
    return std::string(text);
  }
  // The mark's number is at most as long as the whole text's.
  const std::size_t room =
      limit - absl::StrCat("\n[", text.size(), " bytes cut]\n").size();
  const std::size_t head = CharacterStart(text, room / 2);
  std::size_t tail = text.size() - room / 2;
  for (int i = 0; i < 3 && tail < text.size() && IsContinuation(text[tail]);
       ++i) {
    ++tail;
  }
  return absl::StrCat(text.substr(0, head), "\n[", tail - head, " bytes cut]\n",
                      text.substr(tail));
}

bool IsPrintable(absl::string_view text) {
  while (!text.empty()) {
    std::uint32_t code = 0;
    const std::size_t length = Character(text, code);
    // C0, DEL and C1 move cursors and colour terminals.
    if (length == 0 || code < 0x20 || (code >= 0x7f && code <= 0x9f)) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace paceline
