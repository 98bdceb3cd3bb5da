// The language in which the fields of the fleet's messages are written down.
//
// Each struct is described once, by a WireFields overload that returns its
// fields in wire order, each with a name and a rule:
//
//   template <Like<Revoke> M>
//   auto WireFields(M& m) {
//     return Fields(Item("session", m.session, kNonZero),
//                   Item("tokens", m.tokens, List(kLeaseToken)));
//   }
//
// FieldWriter, FieldReader and FieldBound walk the same description, so that
// the three cannot drift apart, and the arity is the number of items.
// Internal to common/wire and to coordinator/record_codec.cc.

#ifndef PACELINE_COMMON_WIRE_FIELD_H_
#define PACELINE_COMMON_WIRE_FIELD_H_

#include <cstdint>
#include <limits>
#include <tuple>

#include "common/wire/checked_reader.h"
#include "common/wire/like.h"
#include "common/wire/messages.h"
#include "common/wire/text.h"

namespace paceline {

// ---- rules -----------------------------------------------------------------

// An integer or a strong id, in the closed range; its own type's range holds
// as well.
struct IntegerRule {
  std::uint64_t min = 0;
  std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
};
inline constexpr IntegerRule kAny;
inline constexpr IntegerRule kNonZero{1};
// Numbers of a sequence: far from the end of their type, so that whoever adds
// to one need not look.
inline constexpr IntegerRule kSequence{1, kMaxSequence};
inline constexpr IntegerRule kSequenceOrNone{0, kMaxSequence};

struct FlagRule {};
inline constexpr FlagRule kFlag;

// An enum class with the values 0 to count - 1.
struct ChoiceRule {
  std::uint64_t count;
};

// A Duration, in nanoseconds, from zero to kMaxSpan. The writer clamps.
struct SpanRule {};
inline constexpr SpanRule kSpan;

// An Id128; never zero.
struct RandomIdRule {};
inline constexpr RandomIdRule kRandomId;

// A Token; never the zero one.
struct LeaseTokenRule {};
inline constexpr LeaseTokenRule kLeaseToken;

// How a string is checked.
enum class StringKind {
  kLabel,  // read by people on terminals: UTF-8 without control characters
  kName,   // goes into argument lists, environments and paths: no NUL
  kProse,  // anything; the writer cuts it to its bound, with a mark
  kBytes,  // anything, as MessagePack's binary
};
struct StringRule {
  StringKind kind;
  std::size_t max;
  std::size_t min = 0;
};
inline constexpr StringRule kLabel{StringKind::kLabel, kMaxLabelBytes};
inline constexpr StringRule kNonEmptyLabel{StringKind::kLabel, kMaxLabelBytes,
                                           1};
inline constexpr StringRule kName{StringKind::kName, kMaxNameBytes};
inline constexpr StringRule kNonEmptyName{StringKind::kName, kMaxNameBytes, 1};
inline constexpr StringRule kArgument{StringKind::kName, kMaxArgumentBytes};
inline constexpr StringRule kLine{StringKind::kProse, kMaxLineBytes};
inline constexpr StringRule kDetails{StringKind::kProse, kMaxDetailsBytes};
inline constexpr StringRule kPayload{StringKind::kBytes, kMaxPayloadBytes};
inline constexpr StringRule kInlineOutput{StringKind::kBytes, kMaxInlineOutput};
inline constexpr StringRule kOutputChunk{StringKind::kBytes, kMaxOutputChunk};

// A struct that has a WireFields of its own.
struct StructRule {};
inline constexpr StructRule kStruct;

// A std::variant of such structs: [position in the variant, fields…].
struct OneOfRule {};
inline constexpr OneOfRule kOneOf;

// A std::optional: nil or the value.
template <typename R>
struct MaybeRule {
  R rule;
};
template <typename R>
constexpr MaybeRule<R> Maybe(R rule) {
  return {rule};
}

// A std::pair: [first, second].
template <typename First, typename Second>
struct PairRule {
  First first;
  Second second;
};
template <typename First, typename Second>
constexpr PairRule<First, Second> Pair(First first, Second second) {
  return {first, second};
}

// A std::vector.
template <typename R>
struct ListRule {
  R each;
  std::size_t max;
};
template <typename R>
constexpr ListRule<R> List(R each, std::size_t max = kMaxNamed) {
  return {each, max};
}

// ---- items -----------------------------------------------------------------

// One field of a message at hand. T is const when it is only read.
template <typename T, typename R>
struct FieldItem {
  const char* name;
  T& value;
  R rule;
};

template <typename T, typename R>
constexpr FieldItem<T, R> Item(const char* name, T& value, R rule) {
  return {name, value, rule};
}

template <typename... Items>
constexpr std::tuple<Items...> Fields(Items... items) {
  return {items...};
}

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_FIELD_H_
