// The list of cases that a GoogleTest program writes
// (--gtest_list_tests --gtest_output=json:FILE).

#ifndef PACELINE_WORKER_GTEST_LISTING_H_
#define PACELINE_WORKER_GTEST_LISTING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace paceline {

struct ListedCase {
  std::string suite;
  std::string name;
  std::string file;
  std::uint32_t line = 0;

  friend bool operator==(const ListedCase&, const ListedCase&) = default;
};

// The cases in the order in which the program runs them.
//
// Returns kInvalidArgument with a fragment that says where when `json` is not
// whole, or no list of cases.
absl::StatusOr<std::vector<ListedCase>> ParseListing(absl::string_view json);

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_LISTING_H_
