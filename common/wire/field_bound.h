// Adds up how many bytes FieldWriter can take at most, without writing.
// Internal to common/wire.

#ifndef PACELINE_COMMON_WIRE_FIELD_BOUND_H_
#define PACELINE_COMMON_WIRE_FIELD_BOUND_H_

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "common/wire/field.h"

namespace paceline {

class FieldBound {
 public:
  template <typename T>
  static std::size_t Of(const T& value, const StructRule&) {
    return kHeader +
           std::apply(
               [](const auto&... items) {
                 return (std::size_t{0} + ... + Of(items.value, items.rule));
               },
               WireFields(value));
  }

  template <typename... Ts>
  static std::size_t Of(const std::variant<Ts...>& value, const OneOfRule&) {
    return kNumber +
           std::visit([](const auto& held) { return Of(held, kStruct); },
                      value);
  }

 private:
  // The longest header of an array, a string or binary, and the longest number.
  static constexpr std::size_t kHeader = 5;
  static constexpr std::size_t kNumber = 9;

  template <typename T>
  static std::size_t Of(const T&, const IntegerRule&) {
    return kNumber;
  }
  template <typename T>
  static std::size_t Of(const T&, const ChoiceRule&) {
    return kNumber;
  }
  static std::size_t Of(bool, const FlagRule&) { return 1; }
  static std::size_t Of(Duration, const SpanRule&) { return kNumber; }
  template <typename T>
  static std::size_t Of(const T& value, const RandomIdRule&) {
    return kHeader + value.bytes.size();
  }
  static std::size_t Of(const Token&, const LeaseTokenRule&) {
    return kHeader + 2 * kNumber;
  }
  static std::size_t Of(const std::string& value, const StringRule& rule) {
    return kHeader + (rule.kind == StringKind::kProse
                          ? std::min(value.size(), rule.max)
                          : value.size());
  }
  template <typename T, typename R>
  static std::size_t Of(const std::optional<T>& value,
                        const MaybeRule<R>& rule) {
    return value.has_value() ? Of(*value, rule.rule) : 1;
  }
  template <typename A, typename B, typename First, typename Second>
  static std::size_t Of(const std::pair<A, B>& value,
                        const PairRule<First, Second>& rule) {
    return kHeader + Of(value.first, rule.first) +
           Of(value.second, rule.second);
  }
  template <typename T, typename R>
  static std::size_t Of(const std::vector<T>& values, const ListRule<R>& rule) {
    std::size_t sum = kHeader;
    for (const T& value : values) {
      sum += Of(value, rule.each);
    }
    return sum;
  }
};

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_FIELD_BOUND_H_
