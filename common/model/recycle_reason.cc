#include "common/model/recycle_reason.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/clock.h"

namespace paceline {
namespace {

std::string FormatAge(std::uint64_t nanoseconds) {
  constexpr auto kMost =
      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return FormatDuration(Duration(
      static_cast<std::int64_t>(nanoseconds < kMost ? nanoseconds : kMost)));
}

}  // namespace

std::string FormatBytes(std::uint64_t bytes) {
  if (bytes < 1024) {
    return absl::StrCat(bytes, " B");
  }
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB",
                                           "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  int unit = 0;
  while (value >= 1023.95 && unit < 5) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", unit >= 2 ? 2 : 1, value, kUnits[unit]);
}

std::string ToString(const RecycleReason& reason) {
  switch (reason.signal) {
    case RecycleSignal::kMemory:
      return absl::StrCat("memory ", FormatBytes(reason.reading),
                          " >= ", FormatBytes(reason.ceiling));
    case RecycleSignal::kDescriptors:
      return absl::StrCat("descriptors ", reason.reading,
                          " >= ", reason.ceiling);
    case RecycleSignal::kAge:
      return absl::StrCat("age ", FormatAge(reason.reading),
                          " >= ", FormatAge(reason.ceiling));
  }
  return "unknown";
}

}  // namespace paceline
