#include "worker/ctest/utf8.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

std::uint32_t ByteAt(absl::string_view text, std::size_t i) {
  return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
}

// How many bytes the character at the front of `text`, which is not empty, has;
// 0 if there is none.
std::size_t CharacterSize(absl::string_view text) {
  const std::uint32_t lead = ByteAt(text, 0);
  if (lead < 0x80) {
    return 1;
  }
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) {
    return 0;
  }
  std::uint32_t code = lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((ByteAt(text, i) & 0xc0) != 0x80) {
      return 0;
    }
    code = code << 6 | (ByteAt(text, i) & 0x3f);
  }
  const bool too_long =
      (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return too_long || surrogate || code > 0x10ffff ? 0 : size;
}

}  // namespace

bool IsUtf8(absl::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t size = CharacterSize(bytes);
    if (size == 0) {
      return false;
    }
    bytes.remove_prefix(size);
  }
  return true;
}

std::string ReplaceInvalidUtf8(absl::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t size = CharacterSize(bytes);
    absl::StrAppend(&text,
                    size > 0 ? bytes.substr(0, size) : kReplacementCharacter);
    bytes.remove_prefix(size > 0 ? size : 1);
  }
  return text;
}

}  // namespace paceline
