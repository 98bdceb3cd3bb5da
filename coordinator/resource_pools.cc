#include "coordinator/resource_pools.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace paceline {
namespace {

// Steps of the search below; real specifications need a handful.
constexpr int kMaxSteps = 20'000;
// What the variables that name the things may take in a message, for all needs
// of a test.
constexpr std::size_t kMaxIdBytes = std::size_t{64} * 1024;
// Needs and groups of one test: the search goes as deep as there are needs.
constexpr std::size_t kMaxNeeds = 256;

std::size_t CountNeeds(const std::vector<std::vector<ResourceNeed>>& groups) {
  std::size_t needs = 0;
  for (const std::vector<ResourceNeed>& group : groups) {
    needs += group.size();
  }
  return std::max(needs, groups.size());
}

struct FlatNeed {
  std::size_t group = 0;
  std::size_t place = 0;  // within the group
  std::uint32_t pool = 0;
  std::uint32_t slots = 0;
};

// Meets `needs` from number `next` on out of `free`, the largest first, trying
// other things when a choice leaves a later need unmet.
bool Meet(const std::vector<FlatNeed>& needs, std::size_t next, int& steps,
          std::vector<std::vector<std::uint32_t>>& free,
          ResourceAllocation& allocation) {
  if (next == needs.size()) {
    return true;
  }
  const FlatNeed& need = needs[next];
  std::vector<std::uint32_t>& things = free[need.pool];
  // The thing with the most room first spreads tests over things, as ctest
  // does.
  std::vector<std::uint32_t> order(things.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(
      order.begin(), order.end(),
      [&](std::uint32_t a, std::uint32_t b) { return things[a] > things[b]; });
  std::optional<std::uint32_t> tried;
  for (const std::uint32_t thing : order) {
    if (things[thing] < need.slots || ++steps > kMaxSteps) {
      return false;
    }
    if (tried == things[thing]) {
      continue;  // as full as one that did not help
    }
    tried = things[thing];
    things[thing] -= need.slots;
    allocation[need.group][need.place] =
        ResourcePiece{need.pool, thing, need.slots};
    if (Meet(needs, next + 1, steps, free, allocation)) {
      return true;
    }
    things[thing] += need.slots;
  }
  return false;
}

std::vector<std::vector<std::uint32_t>> SlotsOf(
    const std::vector<ResourcePool>& pools) {
  std::vector<std::vector<std::uint32_t>> slots;
  for (const ResourcePool& pool : pools) {
    std::vector<std::uint32_t>& things = slots.emplace_back();
    for (const auto& [id, count] : pool.things) {
      things.push_back(count);
    }
  }
  return slots;
}

}  // namespace

ResourcePools::ResourcePools(std::vector<ResourcePool> pools)
    : pools_(std::move(pools)), all_(SlotsOf(pools_)), free_(all_) {}

std::optional<ResourceAllocation> ResourcePools::FindIn(Free free,
                                                        const Groups& groups,
                                                        bool* gave_up) const {
  std::vector<FlatNeed> needs;
  ResourceAllocation allocation;
  for (std::size_t group = 0; group < groups.size(); ++group) {
    allocation.emplace_back(groups[group].size());
    for (std::size_t place = 0; place < groups[group].size(); ++place) {
      const ResourceNeed& need = groups[group][place];
      const auto pool = std::find_if(
          pools_.begin(), pools_.end(),
          [&](const ResourcePool& p) { return p.type == need.type; });
      if (pool == pools_.end()) {
        return std::nullopt;
      }
      needs.push_back({group, place,
                       static_cast<std::uint32_t>(pool - pools_.begin()),
                       need.slots});
    }
  }
  std::stable_sort(
      needs.begin(), needs.end(),
      [](const FlatNeed& a, const FlatNeed& b) { return a.slots > b.slots; });
  int steps = 0;
  if (!Meet(needs, 0, steps, free, allocation)) {
    if (gave_up != nullptr) {
      *gave_up = steps > kMaxSteps;
    }
    return std::nullopt;
  }
  return allocation;
}

std::optional<ResourceAllocation> ResourcePools::Find(
    const Groups& groups) const {
  return FindIn(free_, groups, nullptr);
}

std::size_t ResourcePools::LongestId(absl::string_view type) const {
  std::size_t longest = 0;
  for (const ResourcePool& pool : pools_) {
    if (pool.type == type) {
      for (const auto& [id, slots] : pool.things) {
        longest = std::max(longest, id.size());
      }
    }
  }
  return longest;
}

std::optional<std::string> ResourcePools::WhyNever(const Groups& groups) const {
  if (const std::size_t needs = CountNeeds(groups); needs > kMaxNeeds) {
    return absl::StrCat("its resource groups name ", needs,
                        " resources, and at most ", kMaxNeeds,
                        " can be given to one test");
  }
  std::size_t bytes = 0;
  for (const std::vector<ResourceNeed>& group : groups) {
    for (const ResourceNeed& need : group) {
      bytes += LongestId(need.type);
    }
  }
  if (bytes > kMaxIdBytes) {
    return absl::StrCat("the names of the things that it needs may take ",
                        bytes, " bytes, and at most ", kMaxIdBytes,
                        " can be handed to a test; give them shorter ids");
  }
  bool gave_up = false;
  if (FindIn(all_, groups, &gave_up).has_value()) {
    return std::nullopt;
  }
  for (const std::vector<ResourceNeed>& group : groups) {
    for (const ResourceNeed& need : group) {
      const auto pool = std::find_if(
          pools_.begin(), pools_.end(),
          [&](const ResourcePool& p) { return p.type == need.type; });
      if (pool == pools_.end()) {
        return absl::StrCat("it needs the resource \"", need.type,
                            "\", which the resource specification does not "
                            "name");
      }
      std::uint32_t most = 0;
      for (const auto& [id, slots] : pool->things) {
        most = std::max(most, slots);
      }
      if (need.slots > most) {
        return absl::StrCat(
            "it needs ", need.slots, " slots of one \"", need.type,
            "\", and the resource specification has at most ", most);
      }
    }
  }
  if (gave_up) {
    return absl::StrCat("no way to meet its resource groups was found in ",
                        kMaxSteps,
                        " steps; ask for fewer resources, or for more alike");
  }
  return std::string(
      "its resource groups ask for more at once than the resource "
      "specification has");
}

bool ResourcePools::Fits(const Groups& groups,
                         const ResourceAllocation& allocation) const {
  if (allocation.size() != groups.size()) {
    return false;
  }
  for (std::size_t group = 0; group < groups.size(); ++group) {
    if (allocation[group].size() != groups[group].size()) {
      return false;
    }
    for (std::size_t place = 0; place < groups[group].size(); ++place) {
      const ResourcePiece& piece = allocation[group][place];
      if (piece.pool >= pools_.size() ||
          piece.thing >= pools_[piece.pool].things.size() ||
          pools_[piece.pool].type != groups[group][place].type) {
        return false;
      }
    }
  }
  return true;
}

void ResourcePools::Take(const ResourceAllocation& allocation) {
  for (const auto& group : allocation) {
    for (const ResourcePiece& piece : group) {
      // A journal may name things that are taken; never below zero.
      std::uint32_t& free = free_[piece.pool][piece.thing];
      free -= std::min(free, piece.slots);
    }
  }
}

void ResourcePools::Give(const ResourceAllocation& allocation) {
  for (const auto& group : allocation) {
    for (const ResourcePiece& piece : group) {
      std::uint32_t& free = free_[piece.pool][piece.thing];
      free = std::min(free + piece.slots, all_[piece.pool][piece.thing]);
    }
  }
}

std::vector<EnvEdit> ResourcePools::Environment(
    const ResourceAllocation& allocation) const {
  std::vector<EnvEdit> env;
  env.push_back(
      {"CTEST_RESOURCE_GROUP_COUNT", absl::StrCat(allocation.size())});
  for (std::size_t group = 0; group < allocation.size(); ++group) {
    const std::string prefix = absl::StrCat("CTEST_RESOURCE_GROUP_", group);
    std::map<std::string, std::vector<std::string>> by_type;
    for (const ResourcePiece& piece : allocation[group]) {
      const ResourcePool& pool = pools_[piece.pool];
      by_type[pool.type].push_back(absl::StrCat(
          "id:", pool.things[piece.thing].first, ",slots:", piece.slots));
    }
    env.push_back({prefix, absl::StrJoin(by_type, ",",
                                         [](std::string* out, const auto& t) {
                                           out->append(t.first);
                                         })});
    for (const auto& [type, pieces] : by_type) {
      env.push_back({absl::StrCat(prefix, "_", absl::AsciiStrToUpper(type)),
                     absl::StrJoin(pieces, ";")});
    }
  }
  return env;
}

}  // namespace paceline
