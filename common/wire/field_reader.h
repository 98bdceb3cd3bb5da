// Reads what field.h describes from bytes that nobody has vouched for.
// Internal as field.h is.

#ifndef PACELINE_COMMON_WIRE_FIELD_READER_H_
#define PACELINE_COMMON_WIRE_FIELD_READER_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/wire/checked_reader.h"
#include "common/wire/field.h"

namespace paceline {

class FieldReader : public CheckedReader {
 public:
  using CheckedReader::CheckedReader;

  // The array's header, and the number after it. `fields` is what follows.
  bool Tag(std::uint64_t& tag, std::uint32_t& fields);

  // The fields of `message`, of which there are `count`.
  template <typename M>
  bool Body(M& message, std::uint32_t count) {
    return std::apply(
        [&](const auto&... items) {
          constexpr std::uint32_t kArity = sizeof...(items);
          return Exactly(count, kArity) && (Named(items) && ...);
        },
        WireFields(message));
  }

 private:
  template <typename T, typename R>
  bool Named(const FieldItem<T, R>& item) {
    if (Value(item.value, item.rule)) [[likely]] {
      return true;
    }
    Inside(item.name);
    return false;
  }

  template <typename T>
  bool Value(T& value, const IntegerRule& rule) {
    using Number = typename NumberOf<T>::type;
    const auto max = std::min(
        rule.max,
        static_cast<std::uint64_t>(std::numeric_limits<Number>::max()));
    std::uint64_t number = 0;
    if (!Integer(rule.min, max, number)) {
      return false;
    }
    value = static_cast<T>(number);
    return true;
  }

  template <typename T>
  bool Value(T& value, const ChoiceRule& rule) {
    std::uint64_t number = 0;
    if (!Integer(0, rule.count - 1, number)) {
      return false;
    }
    value = static_cast<T>(number);
    return true;
  }

  bool Value(bool& value, const FlagRule&) { return Bool(value); }
  bool Value(Duration& value, const SpanRule&) { return Span(value); }
  bool Value(Token& value, const LeaseTokenRule&);
  bool Value(std::string& value, const StringRule& rule);

  template <typename Tag>
  bool Value(Id128<Tag>& value, const RandomIdRule&) {
    absl::string_view bytes;
    if (!RandomId(bytes, value.bytes.size())) {
      return false;
    }
    std::memcpy(value.bytes.data(), bytes.data(), value.bytes.size());
    return !value.is_zero() || Fail("is zero");
  }

  template <typename T>
  bool Value(T& value, const StructRule&) {
    std::uint32_t count = 0;
    return Array(count) && Body(value, count);
  }

  template <typename... Ts>
  bool Value(std::variant<Ts...>& value, const OneOfRule&) {
    std::uint64_t tag = 0;
    std::uint32_t count = 0;
    if (!Tag(tag, count)) {
      return false;
    }
    return Alternative(value, tag, count, std::index_sequence_for<Ts...>{});
  }

  template <typename V, std::size_t... Is>
  bool Alternative(V& value, std::uint64_t tag, std::uint32_t count,
                   std::index_sequence<Is...>) {
    if (tag >= sizeof...(Is)) {
      return UnknownTag(tag);
    }
    return ((tag == Is && Body(value.template emplace<Is>(), count)) || ...);
  }

  template <typename T, typename R>
  bool Value(std::optional<T>& value, const MaybeRule<R>& rule) {
    if (in().ReadNil()) {
      value.reset();
      return true;
    }
    return Value(value.emplace(), rule.rule);
  }

  template <typename A, typename B, typename First, typename Second>
  bool Value(std::pair<A, B>& value, const PairRule<First, Second>& rule) {
    std::uint32_t count = 0;
    return Array(count) && Exactly(count, 2) &&
           Value(value.first, rule.first) && Value(value.second, rule.second);
  }

  template <typename T, typename R>
  bool Value(std::vector<T>& values, const ListRule<R>& rule) {
    std::uint32_t count = 0;
    if (!Array(count) || !AtMost(count, rule.max)) {
      return false;
    }
    // No more than there are bytes: MsgpackReader has looked.
    values.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!Value(values.emplace_back(), rule.each)) {
        Inside(i);
        return false;
      }
    }
    return true;
  }

  // The type in which a number is kept.
  template <typename T>
  struct Identity {
    using type = T;
  };
  template <typename T>
  struct NumberOf : std::conditional_t<std::is_enum_v<T>,
                                       std::underlying_type<T>, Identity<T>> {};

  bool RandomId(absl::string_view& bytes, std::size_t size);
  bool UnknownTag(std::uint64_t tag);
};

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_FIELD_READER_H_
