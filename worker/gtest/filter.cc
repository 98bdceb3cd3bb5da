#include "worker/gtest/filter.h"

#include <algorithm>

namespace paceline {
namespace {

bool IsSpecial(char c) { return c == ':' || c == '-' || c == '*' || c == '\n'; }

}  // namespace

std::string FilterFor(const std::vector<absl::string_view>& names) {
  std::string filter;
  for (const absl::string_view name : names) {
    if (!filter.empty()) {
      filter.push_back(':');
    }
    for (const char c : name) {
      filter.push_back(IsSpecial(c) ? '?' : c);
    }
  }
  return filter;
}

bool FilterSelects(absl::string_view name, absl::string_view other) {
  return name.size() == other.size() &&
         std::equal(
             name.begin(), name.end(), other.begin(),
             [](char a, char b) { return a == b || a == '?' || IsSpecial(a); });
}

}  // namespace paceline
