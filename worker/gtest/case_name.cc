#include "worker/gtest/case_name.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace paceline {
namespace {

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// The length of the UTF-8 character that `text` starts with; 0 if it starts
// with none (surrogates, overlong forms and what is over U+10FFFF included).
std::size_t CharacterLength(absl::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const auto second =
      text.size() > 1 ? static_cast<unsigned char>(text[1]) : 0U;
  std::size_t length = 0;
  if (lead < 0x80U) {
    return 1;
  }
  if (lead >= 0xC2U && lead <= 0xDFU) {
    length = 2;
  } else if (lead >= 0xE0U && lead <= 0xEFU) {
    length = 3;
    if ((lead == 0xE0U && second < 0xA0U) ||
        (lead == 0xEDU && second > 0x9FU)) {
      return 0;
    }
  } else if (lead >= 0xF0U && lead <= 0xF4U) {
    length = 4;
    if ((lead == 0xF0U && second < 0x90U) ||
        (lead == 0xF4U && second > 0x8FU)) {
      return 0;
    }
  }
  if (length == 0 || text.size() < length ||
      !std::all_of(text.begin() + 1,
                   text.begin() + static_cast<std::ptrdiff_t>(length),
                   IsContinuation)) {
    return 0;
  }
  return length;
}

}  // namespace

std::string CleanName(absl::string_view raw) {
  std::string clean(raw);
  for (std::size_t i = 0; i < clean.size();) {
    const std::size_t length =
        CharacterLength(absl::string_view(clean).substr(i));
    if (length == 0) {
      clean[i] = '?';
      ++i;
    } else {
      i += length;
    }
  }
  return clean;
}

std::string FullName(absl::string_view suite, absl::string_view test) {
  return CleanName(absl::StrCat(suite, ".", test));
}

bool IsOfSuite(absl::string_view name, absl::string_view suite) {
  return absl::ConsumePrefix(&name, suite) && absl::ConsumePrefix(&name, ".") &&
         !absl::StrContains(name, ".");
}

bool IsDisabled(absl::string_view suite, absl::string_view test) {
  const auto matches = [](absl::string_view name) {
    return absl::StartsWith(name, "DISABLED_") ||
           absl::StrContains(name, "/DISABLED_");
  };
  return matches(suite) || matches(test);
}

}  // namespace paceline
