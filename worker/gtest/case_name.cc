#include "worker/gtest/case_name.h"

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/wire/text.h"

namespace paceline {
std::string CleanName(absl::string_view raw) {
  std::string clean(raw);
  for (std::size_t i = 0; i < clean.size();) {
    const std::size_t length =
        CharacterSize(absl::string_view(clean).substr(i));
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
