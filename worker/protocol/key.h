// The language in which the keys of the worker protocol's maps are written
// down: the counterpart of common/wire/field.h for maps whose readers are
// other people's programs.
//
// Each struct is described once, by a WorkerKeys overload; KeyWriter and
// KeyReader walk the same description. Internal to worker/protocol.

#ifndef PACELINE_WORKER_PROTOCOL_KEY_H_
#define PACELINE_WORKER_PROTOCOL_KEY_H_

#include <cstdint>
#include <limits>
#include <tuple>

#include "common/model/manifest.h"
#include "common/wire/text.h"
#include "worker/protocol/messages.h"

namespace paceline {

// ---- rules -----------------------------------------------------------------

// The type's own range holds as well.
struct NumberRule {
  std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
};
inline constexpr NumberRule kNumber;

struct SwitchRule {};
inline constexpr SwitchRule kSwitch;

// An Outcome as a word. `lost` is not for a worker to say.
struct WordRule {};
inline constexpr WordRule kWord;

// A Duration: under the key's name with "_ns" as whole nanoseconds, which is
// what we write; under the name alone as seconds, which may be a float.
struct TimeRule {};
inline constexpr TimeRule kTime;

// How a string is checked. All kinds may come as MessagePack's string or
// binary: libraries differ in which they write.
enum class TextKind {
  kWords,   // UTF-8 without control characters
  kSystem,  // goes into argument lists, environments and paths: no NUL
  kProse,   // anything; what is over the bound is cut, with a mark
  kData,    // anything; written as binary
};
struct TextRule {
  TextKind kind;
  std::size_t max;
  std::size_t min = 0;
};
inline constexpr TextRule kRunner{TextKind::kWords, 256, 1};
inline constexpr TextRule kSystemName{TextKind::kSystem, kMaxWorkerName, 1};
// So that kMaxFound of them fit into a frame.
inline constexpr TextRule kFoundName{TextKind::kSystem, 4 * 1024, 1};
inline constexpr TextRule kPath{TextKind::kSystem, 16 * 1024};
inline constexpr TextRule kParameter{TextKind::kSystem, 128 * 1024};
inline constexpr TextRule kSentence{TextKind::kProse, kMaxLineBytes};
inline constexpr TextRule kTrace{TextKind::kProse, kMaxDetailsBytes};
inline constexpr TextRule kOpaque{TextKind::kData, kMaxPayloadBytes};
inline constexpr TextRule kCaptured{TextKind::kData, kMaxWorkerFrame};

// A map that has WorkerKeys of its own; nil stands for one without keys.
struct MapRule {};
inline constexpr MapRule kMap;

// A std::optional of such a map; nil stands for none.
struct MaybeMapRule {};
inline constexpr MaybeMapRule kMaybeMap;

// An EnvEdit: [name, value], or [name, nil] to unset it.
struct EnvRule {};
inline constexpr EnvRule kEnv;

// A pair of strings: [name, value].
struct PropertyRule {};
inline constexpr PropertyRule kProperty;

template <typename R>
struct ArrayRule {
  R each;
  std::size_t max;
};
template <typename R>
constexpr ArrayRule<R> ArrayOf(R each, std::size_t max) {
  return {each, max};
}

// ---- keys ------------------------------------------------------------------

enum class Presence {
  kRequired,   // must be there
  kDefaulted,  // may be absent; we always write it
  kOptional,   // may be absent; we do not write T{}, which is the default
};

// One key of a map at hand. T is const when it is only read.
template <typename T, typename R>
struct KeyItem {
  Presence presence;
  const char* name;
  T& value;
  R rule;
};

template <typename T, typename R>
constexpr KeyItem<T, R> Required(const char* name, T& value, R rule) {
  return {Presence::kRequired, name, value, rule};
}
template <typename T, typename R>
constexpr KeyItem<T, R> Defaulted(const char* name, T& value, R rule) {
  return {Presence::kDefaulted, name, value, rule};
}
template <typename T, typename R>
constexpr KeyItem<T, R> Optional(const char* name, T& value, R rule) {
  return {Presence::kOptional, name, value, rule};
}

template <typename... Items>
constexpr std::tuple<Items...> Keys(Items... items) {
  return {items...};
}

}  // namespace paceline

#endif  // PACELINE_WORKER_PROTOCOL_KEY_H_
