// Writes what field.h describes as MessagePack. Internal as field.h is.

#ifndef PACELINE_COMMON_WIRE_FIELD_WRITER_H_
#define PACELINE_COMMON_WIRE_FIELD_WRITER_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/wire/field.h"
#include "common/wire/msgpack_writer.h"

namespace paceline {

class FieldWriter {
 public:
  explicit FieldWriter(std::string& out) : out_(out) {}

  // [tag, fields…]
  template <typename M>
  void Tagged(std::uint64_t tag, const M& message) {
    std::apply(
        [&](const auto&... items) {
          out_.Array(1 + sizeof...(items));
          out_.Uint(tag);
          (Value(items.value, items.rule), ...);
        },
        WireFields(message));
  }

 private:
  template <typename T>
  void Value(const T& value, const IntegerRule&) {
    out_.Uint(static_cast<std::uint64_t>(value));
  }

  // Reports' wall-clock times; before 1970 is as good as unknown.
  void Value(const std::int64_t& value, const IntegerRule&) {
    out_.Uint(static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0)));
  }

  void Value(bool value, const FlagRule&) { out_.Bool(value); }

  template <typename T>
  void Value(T value, const ChoiceRule&) {
    out_.Uint(static_cast<std::uint64_t>(value));
  }

  void Value(Duration value, const SpanRule&) {
    out_.Int(std::clamp(value, Duration::zero(), kMaxSpan).count());
  }

  template <typename Tag>
  void Value(const Id128<Tag>& value, const RandomIdRule&) {
    out_.Binary(absl::string_view(
        reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()));
  }

  void Value(const Token& value, const LeaseTokenRule&) {
    out_.Array(2);
    out_.Uint(value.epoch);
    out_.Uint(value.counter);
  }

  void Value(const std::string& value, const StringRule& rule) {
    if (rule.kind == StringKind::kBytes) {
      out_.Binary(value);
    } else if (rule.kind == StringKind::kProse && value.size() > rule.max) {
      out_.String(CutText(value, rule.max));
    } else {
      out_.String(value);
    }
  }

  template <typename T>
  void Value(const T& value, const StructRule&) {
    std::apply(
        [&](const auto&... items) {
          out_.Array(sizeof...(items));
          (Value(items.value, items.rule), ...);
        },
        WireFields(value));
  }

  template <typename... Ts>
  void Value(const std::variant<Ts...>& value, const OneOfRule&) {
    std::visit([&](const auto& held) { Tagged(value.index(), held); }, value);
  }

  template <typename T, typename R>
  void Value(const std::optional<T>& value, const MaybeRule<R>& rule) {
    if (value.has_value()) {
      Value(*value, rule.rule);
    } else {
      out_.Nil();
    }
  }

  template <typename A, typename B, typename First, typename Second>
  void Value(const std::pair<A, B>& value,
             const PairRule<First, Second>& rule) {
    out_.Array(2);
    Value(value.first, rule.first);
    Value(value.second, rule.second);
  }

  template <typename T, typename R>
  void Value(const std::vector<T>& values, const ListRule<R>& rule) {
    out_.Array(values.size());
    for (const T& value : values) {
      Value(value, rule.each);
    }
  }

  MsgpackWriter out_;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_FIELD_WRITER_H_
