// Telling a GoogleTest program which cases to run.

#ifndef PACELINE_WORKER_GTEST_FILTER_H_
#define PACELINE_WORKER_GTEST_FILTER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace paceline {

// A value for --gtest_filter that selects every case of `names`. Characters
// with a meaning of their own (':', '-', '*') become '?', which matches any
// single one; a filter may so select a case more than it names, never fewer.
std::string FilterFor(const std::vector<absl::string_view>& names);

// Whether the filter for `name` selects `other`, which it does for every name
// that differs only where a special character stands.
bool FilterSelects(absl::string_view name, absl::string_view other);

// A filter longer than this is passed in a flag file: the kernel refuses an
// argument of 128 KiB, and process lists should stay readable.
inline constexpr std::size_t kMaxFilterArgument = 8 * 1024;

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_FILTER_H_
