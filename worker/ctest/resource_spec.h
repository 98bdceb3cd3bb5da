// Reading CTest's resource specification file: what the tests of a run may be
// given of with RESOURCE_GROUPS.

#ifndef PACELINE_WORKER_CTEST_RESOURCE_SPEC_H_
#define PACELINE_WORKER_CTEST_RESOURCE_SPEC_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/model/manifest.h"

namespace paceline {

// The kinds of resources in `json`, by name.
//
// Returns kInvalidArgument, naming what is wrong, for a text that ctest
// refuses, or in which it would pass over something in silence.
absl::StatusOr<std::vector<ResourcePool>> ParseResourceSpec(
    absl::string_view json);

// Of the file at `path`. Returns kNotFound if it cannot be read; errors name
// the file.
absl::StatusOr<std::vector<ResourcePool>> ReadResourceSpec(
    const std::string& path);

}  // namespace paceline

#endif  // PACELINE_WORKER_CTEST_RESOURCE_SPEC_H_
