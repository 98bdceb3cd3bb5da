// Which known name somebody most likely meant.

#ifndef PACELINE_COMMON_CONFIG_NEAREST_H_
#define PACELINE_COMMON_CONFIG_NEAREST_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace paceline {

// Insertions, deletions, replacements and swaps of neighbours that turn `a`
// into `b`.
std::size_t EditDistance(absl::string_view a, absl::string_view b);

// The candidate with the smallest distance, the first of equals; empty when
// there is none at all.
std::string Nearest(absl::string_view name,
                    const std::vector<std::string>& candidates);

}  // namespace paceline

#endif  // PACELINE_COMMON_CONFIG_NEAREST_H_
