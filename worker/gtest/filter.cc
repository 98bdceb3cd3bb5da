#include "worker/gtest/filter.h"

namespace paceline {

std::string FilterFor(const std::vector<absl::string_view>& names) {
  std::string filter;
  for (const absl::string_view name : names) {
    if (!filter.empty()) {
      filter.push_back(':');
    }
    for (const char c : name) {
      const bool special = c == ':' || c == '-' || c == '*' || c == '\n';
      filter.push_back(special ? '?' : c);
    }
  }
  return filter;
}

}  // namespace paceline
