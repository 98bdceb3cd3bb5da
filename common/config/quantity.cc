#include "common/config/quantity.h"

#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace paceline {
namespace {

struct Unit {
  absl::string_view name;
  double factor;
};

constexpr double kKibi = 1024;
constexpr Unit kByteUnits[] = {
    {"", 1},
    {"b", 1},
    {"k", kKibi},
    {"kib", kKibi},
    {"m", kKibi* kKibi},
    {"mib", kKibi* kKibi},
    {"g", kKibi* kKibi* kKibi},
    {"gib", kKibi* kKibi* kKibi},
    {"t", kKibi* kKibi* kKibi* kKibi},
    {"tib", kKibi* kKibi* kKibi* kKibi},
    {"kb", 1e3},
    {"mb", 1e6},
    {"gb", 1e9},
    {"tb", 1e12},
};

constexpr Unit kTimeUnits[] = {
    {"us", 1e-6}, {"ms", 1e-3}, {"s", 1},    {"sec", 1},
    {"m", 60},    {"min", 60},  {"h", 3600}, {"d", 86400},
};

constexpr absl::string_view kByteForms =
    "say a size such as 1GiB, 512M or 4096 (bytes)";
constexpr absl::string_view kTimeForms =
    "say a time such as 90s, 10m, 1h30m or 250ms";

absl::Status Bad(absl::string_view text, absl::string_view forms) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not understood: ", forms));
}

// Takes a decimal number without sign or exponent off the front.
std::optional<double> TakeNumber(absl::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() &&
         (absl::ascii_isdigit(static_cast<unsigned char>(text[size])) ||
          text[size] == '.')) {
    ++size;
  }
  double value = 0;
  if (size == 0 || !absl::SimpleAtod(text.substr(0, size), &value)) {
    return std::nullopt;
  }
  text.remove_prefix(size);
  return value;
}

absl::string_view TakeWord(absl::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() &&
         absl::ascii_isalpha(static_cast<unsigned char>(text[size]))) {
    ++size;
  }
  const absl::string_view word = text.substr(0, size);
  text.remove_prefix(size);
  return word;
}

template <std::size_t N>
std::optional<double> FactorOf(absl::string_view name, const Unit (&units)[N]) {
  for (const Unit& unit : units) {
    if (absl::EqualsIgnoreCase(unit.name, name)) {
      return unit.factor;
    }
  }
  return std::nullopt;
}

bool IsNone(absl::string_view text) {
  return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(text), "none");
}

// Turns a parser of T into one of a ceiling.
template <typename T>
absl::StatusOr<std::optional<T>> Limit(
    absl::string_view text, absl::StatusOr<T> (*parse)(absl::string_view)) {
  if (IsNone(text)) {
    return std::optional<T>();
  }
  const absl::StatusOr<T> value = parse(text);
  if (!value.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(value.status().message(), ", or none"));
  }
  if (*value == T{}) {
    return absl::InvalidArgumentError(
        "a ceiling of zero would be reached by every worker: say none to have "
        "no ceiling");
  }
  return std::optional<T>(*value);
}

}  // namespace

absl::StatusOr<std::uint32_t> ParseCount(absl::string_view text) {
  std::uint32_t value = 0;
  const absl::string_view stripped = absl::StripAsciiWhitespace(text);
  if (stripped.empty() ||
      !absl::ascii_isdigit(static_cast<unsigned char>(stripped.front())) ||
      !absl::SimpleAtoi(stripped, &value)) {
    return Bad(text, "say a whole number such as 4");
  }
  return value;
}

absl::StatusOr<std::uint64_t> ParseBytes(absl::string_view text) {
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  const std::optional<double> number = TakeNumber(rest);
  if (!number.has_value()) {
    return Bad(text, kByteForms);
  }
  const std::optional<double> factor =
      FactorOf(absl::StripLeadingAsciiWhitespace(rest), kByteUnits);
  // 2^63 keeps the product well inside what the conversion can hold.
  if (!factor.has_value() || *number * *factor > 9.2e18) {
    return Bad(text, kByteForms);
  }
  return static_cast<std::uint64_t>(*number * *factor);
}

absl::StatusOr<Duration> ParseDuration(absl::string_view text) {
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  double seconds = 0;
  bool first = true;
  do {
    const std::optional<double> number = TakeNumber(rest);
    if (!number.has_value()) {
      return Bad(text, kTimeForms);
    }
    rest = absl::StripLeadingAsciiWhitespace(rest);
    const absl::string_view unit = TakeWord(rest);
    rest = absl::StripLeadingAsciiWhitespace(rest);
    if (unit.empty() && first && rest.empty()) {
      seconds = *number;
      break;
    }
    const std::optional<double> factor = FactorOf(unit, kTimeUnits);
    if (!factor.has_value()) {
      return Bad(text, kTimeForms);
    }
    seconds += *number * *factor;
    first = false;
  } while (!rest.empty());
  // A century: more is a slip, and would overflow sums of instants.
  if (seconds > 100 * 365.25 * 86400) {
    return Bad(text, kTimeForms);
  }
  return FromSeconds(seconds);
}

absl::StatusOr<bool> ParseBool(absl::string_view text) {
  bool value = false;
  const absl::string_view stripped = absl::StripAsciiWhitespace(text);
  if (absl::EqualsIgnoreCase(stripped, "on")) {
    return true;
  }
  if (absl::EqualsIgnoreCase(stripped, "off")) {
    return false;
  }
  if (!absl::SimpleAtob(stripped, &value)) {
    return Bad(text, "say true or false");
  }
  return value;
}

absl::StatusOr<std::optional<std::uint32_t>> ParseCountLimit(
    absl::string_view text) {
  return Limit<std::uint32_t>(text, &ParseCount);
}

absl::StatusOr<std::optional<std::uint64_t>> ParseByteLimit(
    absl::string_view text) {
  return Limit<std::uint64_t>(text, &ParseBytes);
}

absl::StatusOr<std::optional<Duration>> ParseDurationLimit(
    absl::string_view text) {
  return Limit<Duration>(text, &ParseDuration);
}

}  // namespace paceline
