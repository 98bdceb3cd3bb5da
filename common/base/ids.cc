#include "common/base/ids.h"

#include <sys/random.h>

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace paceline {
namespace ids_internal {

std::array<std::uint8_t, 16> RandomBytes() {
  std::array<std::uint8_t, 16> bytes{};
  // At most 256 bytes are never cut short once the pool is ready: getrandom(2).
  PACELINE_CHECK(getrandom(bytes.data(), bytes.size(), 0) ==
                 static_cast<ssize_t>(bytes.size()));
  return bytes;
}

std::string Hex(const std::array<std::uint8_t, 16>& bytes) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

absl::StatusOr<std::array<std::uint8_t, 16>> ParseHex(absl::string_view text) {
  std::array<std::uint8_t, 16> bytes{};
  if (text.size() != 2 * bytes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("an id has 32 hexadecimal digits, not ", text.size()));
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    int digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      return absl::InvalidArgumentError(absl::StrCat(
          "an id has hexadecimal digits only; number ", i + 1, " is none"));
    }
    bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] << 4 | digit);
  }
  return bytes;
}

}  // namespace ids_internal

std::string ToString(const Token& token) {
  return absl::StrCat(token.epoch, ".", token.counter);
}

}  // namespace paceline
