// The names of things: strong types, so that a session is never passed where a
// unit is meant.

#ifndef PACELINE_COMMON_BASE_IDS_H_
#define PACELINE_COMMON_BASE_IDS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace paceline {

// 128 random bits; prints as 32 lower-case hexadecimal digits. `Tag` keeps
// different kinds apart.
template <typename Tag>
struct Id128 {
  std::array<std::uint8_t, 16> bytes{};

  friend auto operator<=>(const Id128&, const Id128&) = default;
  friend bool operator==(const Id128&, const Id128&) = default;
  bool is_zero() const { return *this == Id128{}; }

  template <typename H>
  friend H AbslHashValue(H state, const Id128& id) {
    return H::combine(std::move(state), id.bytes);
  }
};

struct RunTag;
struct InstanceTag;
// Chosen by the client, one per submission.
using RunId = Id128<RunTag>;
// Chosen by an agent's process at start: tells a restart from a second holder
// of the same name.
using InstanceId = Id128<InstanceTag>;

namespace ids_internal {
std::array<std::uint8_t, 16> RandomBytes();
std::string Hex(const std::array<std::uint8_t, 16>& bytes);
absl::StatusOr<std::array<std::uint8_t, 16>> ParseHex(absl::string_view text);
}  // namespace ids_internal

// From the kernel's random source.
template <typename Id>
Id RandomId() {
  return Id{ids_internal::RandomBytes()};
}

template <typename Tag>
std::string ToString(const Id128<Tag>& id) {
  return ids_internal::Hex(id.bytes);
}

// Returns kInvalidArgument unless `text` is 32 hexadecimal digits.
template <typename Id>
absl::StatusOr<Id> ParseId(absl::string_view text) {
  auto bytes = ids_internal::ParseHex(text);
  if (!bytes.ok()) {
    return bytes.status();
  }
  return Id{*bytes};
}

// One registration of an agent; new at every hello. Never zero on the wire.
enum class SessionId : std::uint64_t {};

// A unit of one run; unique within a coordinator's life. Never zero.
enum class UnitId : std::uint64_t {};

// The position of a test in its run's manifest, from zero. Tests that appear
// while a run goes on (failures of a set-up that no discovered test explains)
// get the numbers after the manifest's.
enum class TestIndex : std::uint32_t {};

// The position of a suite in its run's manifest, from zero.
enum class SuiteIndex : std::uint32_t {};

// The fencing token of a lease. Tokens of a coordinator's life share an epoch;
// the epoch is raised before the coordinator listens, so a later life's tokens
// are all greater. The zero token is nobody's.
struct Token {
  std::uint32_t epoch = 0;
  std::uint64_t counter = 0;

  friend auto operator<=>(const Token&, const Token&) = default;
  friend bool operator==(const Token&, const Token&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const Token& token) {
    return H::combine(std::move(state), token.epoch, token.counter);
  }
};

// "3.1042": epoch, counter.
std::string ToString(const Token& token);

// The underlying number of a strong id.
template <typename Enum>
constexpr auto Value(Enum id) {
  return static_cast<std::underlying_type_t<Enum>>(id);
}

}  // namespace paceline

#endif  // PACELINE_COMMON_BASE_IDS_H_
