// The things that CTest's RESOURCE_GROUPS ask for, and who has which.
//
// A test names groups, each a list of needs; every need is met by one thing of
// its kind with enough free slots, all needs of a test at once or none. Pure
// state.

#ifndef PACELINE_COORDINATOR_RESOURCE_POOLS_H_
#define PACELINE_COORDINATOR_RESOURCE_POOLS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/model/manifest.h"

namespace paceline {

// `slots` of the thing number `thing` of pool number `pool`.
struct ResourcePiece {
  std::uint32_t pool = 0;
  std::uint32_t thing = 0;
  std::uint32_t slots = 0;

  friend bool operator==(const ResourcePiece&, const ResourcePiece&) = default;
};

// One list of pieces a group, in the order of the group's needs.
using ResourceAllocation = std::vector<std::vector<ResourcePiece>>;

class ResourcePools {
 public:
  explicit ResourcePools(std::vector<ResourcePool> pools);

  // Whether the run was given resources at all. Where it was not, CTest
  // ignores what tests ask for, and so do we.
  bool enabled() const { return !pools_.empty(); }

  using Groups = std::vector<std::vector<ResourceNeed>>;

  // Things for all of `groups` from what is free now; nothing if that is not
  // possible. Takes nothing yet.
  std::optional<ResourceAllocation> Find(const Groups& groups) const;

  // Nothing if `groups` can be met while nobody has anything; otherwise a
  // sentence that says which need cannot.
  std::optional<std::string> WhyNever(const Groups& groups) const;

  // Whether `allocation` is of `groups` and of things that there are; what a
  // journal says need not be.
  bool Fits(const Groups& groups, const ResourceAllocation& allocation) const;
  void Take(const ResourceAllocation& allocation);
  void Give(const ResourceAllocation& allocation);

  // CTEST_RESOURCE_GROUP_COUNT and its companions, as ctest sets them.
  std::vector<EnvEdit> Environment(const ResourceAllocation& allocation) const;

 private:
  using Free = std::vector<std::vector<std::uint32_t>>;

  // Bytes of the longest name of a thing of that type.
  std::size_t LongestId(absl::string_view type) const;
  // `gave_up`, if not null, is set where the search was ended, so that there
  // may be a way.
  std::optional<ResourceAllocation> FindIn(Free free, const Groups& groups,
                                           bool* gave_up) const;

  std::vector<ResourcePool> pools_;
  Free all_;  // by pool and thing
  Free free_;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_RESOURCE_POOLS_H_
