#include "worker/ctest/resource_spec.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace paceline {
namespace {

using Json = nlohmann::json;

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

// Lower-case letters, digits and underscores, as ctest wants names of kinds;
// ids may begin with a digit.
bool IsName(absl::string_view text, bool is_id) {
  if (text.empty() ||
      (!is_id && absl::ascii_isdigit(static_cast<unsigned char>(text[0])))) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return absl::ascii_islower(byte) || absl::ascii_isdigit(byte) || c == '_';
  });
}

absl::Status CheckVersion(const Json& spec) {
  const auto version = spec.find("version");
  if (version == spec.end() || !version->is_object() ||
      version->find("major") == version->end() ||
      version->find("minor") == version->end()) {
    return Bad("\"version\" with \"major\" and \"minor\" is missing");
  }
  if ((*version)["major"] != 1 || (*version)["minor"] != 0) {
    return Bad("only version 1.0 is known");
  }
  return absl::OkStatus();
}

absl::Status AddThing(const Json& thing, ResourcePool& pool) {
  if (!thing.is_object() || !thing.contains("id") || !thing["id"].is_string() ||
      !IsName(thing["id"].get<std::string>(), /*is_id=*/true)) {
    return Bad(absl::StrCat("a resource of \"", pool.type,
                            "\" has no \"id\" of lower-case letters, digits "
                            "and underscores"));
  }
  std::string id = thing["id"].get<std::string>();
  std::uint32_t slots = 1;
  if (thing.contains("slots")) {
    const Json& count = thing["slots"];
    if (!count.is_number_unsigned() ||
        count.get<std::uint64_t>() > std::numeric_limits<int>::max()) {
      return Bad(
          absl::StrCat("\"slots\" of ", pool.type, " ", id, " is no count"));
    }
    slots = count.get<std::uint32_t>();
  }
  pool.things.emplace_back(std::move(id), slots);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ResourcePool>> ParseResourceSpec(
    absl::string_view json) {
  const Json spec = Json::parse(json.begin(), json.end(), nullptr,
                                /*allow_exceptions=*/false);
  if (!spec.is_object()) {
    return Bad("it is no JSON object");
  }
  PACELINE_RETURN_IF_ERROR(CheckVersion(spec));
  const auto local = spec.find("local");
  if (local == spec.end() || !local->is_array() || local->size() != 1 ||
      !local->front().is_object()) {
    return Bad("\"local\" is no list of one object");
  }
  std::vector<ResourcePool> pools;
  for (const auto& [type, things] : local->front().items()) {
    if (!IsName(type, /*is_id=*/false)) {
      return Bad(absl::StrCat("\"", type, "\" is no name of a resource"));
    }
    if (!things.is_array()) {
      return Bad(absl::StrCat("\"", type, "\" is no list of resources"));
    }
    ResourcePool& pool = pools.emplace_back();
    pool.type = type;
    for (const Json& thing : things) {
      PACELINE_RETURN_IF_ERROR(AddThing(thing, pool));
    }
  }
  return pools;
}

absl::StatusOr<std::vector<ResourcePool>> ReadResourceSpec(
    const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat("cannot read the resource specification file ", path));
  }
  const std::string text(std::istreambuf_iterator<char>(file), {});
  absl::StatusOr<std::vector<ResourcePool>> pools = ParseResourceSpec(text);
  if (!pools.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the resource specification file ", path,
                     " is not as CTest wants it: ", pools.status().message()));
  }
  return pools;
}

}  // namespace paceline
