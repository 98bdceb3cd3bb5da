// Reads what field.h describes from bytes that nobody has vouched for.
// Internal to common/wire.
//
// A Value overload returns false at the first thing that is wrong; on the way
// out each level puts its name in front, so that the good path pays nothing
// for an error that says "grant.leases[3].tests: 2000 entries, at most 1024".

#ifndef PACELINE_COMMON_WIRE_FIELD_READER_H_
#define PACELINE_COMMON_WIRE_FIELD_READER_H_

#include <algorithm>
#include <array>
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
#include "common/wire/field.h"
#include "common/wire/msgpack_reader.h"

namespace paceline {

class FieldReader {
 public:
  explicit FieldReader(absl::string_view bytes) : in_(bytes) {}

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

  // Nothing may be left.
  bool End();

  // What went wrong: ".leases[3].tests: 2000 entries, at most 1024".
  std::string Error() const;

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

  bool Value(bool& value, const FlagRule&);
  bool Value(Duration& value, const SpanRule&);
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
    bool good = false;
    const bool known =
        ((tag == Is &&
          (good = Body(value.template emplace<Is>(), count), true)) ||
         ...);
    return known ? good : UnknownTag(tag);
  }

  template <typename T, typename R>
  bool Value(std::optional<T>& value, const MaybeRule<R>& rule) {
    if (in_.ReadNil()) {
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

  bool Integer(std::uint64_t min, std::uint64_t max, std::uint64_t& value);
  bool RandomId(absl::string_view& bytes, std::size_t size);
  bool Array(std::uint32_t& count);
  bool Exactly(std::uint32_t count, std::uint32_t arity);
  bool AtMost(std::uint32_t count, std::size_t max);
  bool UnknownTag(std::uint64_t tag);

  // These note what is wrong and return false.
  bool Fail(std::string reason);
  bool Wrong(absl::string_view expected);
  void Inside(const char* name);
  void Inside(std::uint32_t index);

  MsgpackReader in_;
  std::string path_;
  std::string reason_;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_FIELD_READER_H_
