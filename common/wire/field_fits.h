// Whether FieldReader would take what FieldWriter makes of a value, without
// writing. Cheap, and says no more than yes or no: why not is for the reader to
// say. Knows the rules of what manifests are made of. Internal to common/wire.

#ifndef PACELINE_COMMON_WIRE_FIELD_FITS_H_
#define PACELINE_COMMON_WIRE_FIELD_FITS_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "common/wire/field.h"
#include "common/wire/text.h"

namespace paceline {

class FieldFits {
 public:
  template <typename T>
  static bool In(const T& value, const StructRule&) {
    return std::apply(
        [](const auto&... items) {
          return (In(items.value, items.rule) && ...);
        },
        WireFields(value));
  }

 private:
  template <typename T>
  static bool In(const T& value, const IntegerRule& rule) {
    const auto number = static_cast<std::uint64_t>(value);
    return rule.min <= number && number <= rule.max;
  }
  // The writer makes it fit.
  static bool In(Duration, const SpanRule&) { return true; }
  static bool In(bool, const FlagRule&) { return true; }
  static bool In(const std::string& value, const StringRule& rule) {
    if (rule.kind == StringKind::kProse) {
      return true;  // the writer cuts it
    }
    return value.size() >= rule.min && value.size() <= rule.max &&
           (rule.kind != StringKind::kLabel || IsPrintable(value)) &&
           (rule.kind != StringKind::kName ||
            value.find('\0') == std::string::npos);
  }
  template <typename T, typename R>
  static bool In(const std::optional<T>& value, const MaybeRule<R>& rule) {
    return !value.has_value() || In(*value, rule.rule);
  }
  template <typename T, typename R>
  static bool In(const std::vector<T>& values, const ListRule<R>& rule) {
    return values.size() <= rule.max &&
           std::all_of(values.begin(), values.end(), [&rule](const T& value) {
             return In(value, rule.each);
           });
  }
};

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_FIELD_FITS_H_
