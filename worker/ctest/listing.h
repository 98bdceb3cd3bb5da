// Reading what `ctest --show-only=json-v1` printed.
//
// A listing of 100,000 tests has 24 MB: it is read from a file, test by test,
// and no more than one of them is held at a time.

#ifndef PACELINE_WORKER_CTEST_LISTING_H_
#define PACELINE_WORKER_CTEST_LISTING_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/model/manifest.h"
#include "worker/ctest/ctest_test.h"

namespace paceline {

// One test as ctest lists it.
struct ListedTest {
  // Tests of different directories may have the same.
  std::string name;
  // Where add_test was called; empty and 0 where the listing does not say.
  std::string file;
  std::uint32_t line = 0;
  CtestTest test;
  std::vector<std::string> labels;
  bool disabled = false;
  // TIMEOUT; zero: without any limit.
  std::optional<Duration> timeout;
  // DEPENDS. ctest adds the tests of fixtures to it.
  std::vector<std::string> depends;
  // All but `after`.
  Constraints constraints;
};

// Calls `take` for each test in the file at `path`, in order, until it returns
// false. What other programs printed before the listing is passed over. Returns
// how many tests it has that have no name; `take` does not get them.
//
// Returns kDataLoss if the file holds no whole listing, kUnimplemented if it
// is one of another major version, or what reading says. Tests may have been
// taken before.
absl::StatusOr<std::size_t> ReadCtestListing(
    const std::string& path, const std::function<bool(ListedTest)>& take);

}  // namespace paceline

#endif  // PACELINE_WORKER_CTEST_LISTING_H_
