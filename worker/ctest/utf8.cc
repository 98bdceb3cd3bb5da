#include "worker/ctest/utf8.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "common/wire/text.h"

namespace paceline {
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
