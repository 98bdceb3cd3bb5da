// Reads what key.h describes from a map that a worker, or for a worker its
// agent, has sent. Unknown keys are passed over. Internal to worker/protocol.

#ifndef PACELINE_WORKER_PROTOCOL_KEY_READER_H_
#define PACELINE_WORKER_PROTOCOL_KEY_READER_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/model/outcome.h"
#include "common/wire/checked_reader.h"
#include "worker/protocol/key.h"

namespace paceline {

class KeyReader : public CheckedReader {
 public:
  using CheckedReader::CheckedReader;

  // The value of the map's key "type"; moves over the whole map.
  bool Type(absl::string_view& type);

  template <typename M>
  bool Map(M& message) {
    return std::apply(
        [&](const auto&... items) {
          std::uint32_t count = 0;
          if (!MapHeader(count)) {
            return false;
          }
          std::uint32_t seen = 0;
          for (; count > 0; --count) {
            absl::string_view key;
            if (!Key(key)) {
              return false;
            }
            Match match = Match::kNone;
            std::uint32_t bit = 1;
            // Stops at the item that has the key, with its bit.
            const bool known = ((match = Try(items, key, (seen & bit) != 0),
                                 match != Match::kNone || (bit <<= 1, false)) ||
                                ...);
            if (match == Match::kBad || (!known && !PassOver())) {
              return false;
            }
            seen |= known ? bit : 0;
          }
          std::uint32_t bit = 1;
          return (Found(items, std::exchange(bit, bit << 1) & seen) && ...);
        },
        WorkerKeys(message));
  }

 private:
  enum class Match { kNone, kGood, kBad };

  template <typename T, typename R>
  Match Try(const KeyItem<T, R>& item, absl::string_view key, bool twice) {
    bool seconds = false;
    if constexpr (std::is_same_v<R, TimeRule>) {
      seconds = key == item.name;
      absl::string_view stem = key;
      if (!seconds &&
          !(absl::ConsumeSuffix(&stem, "_ns") && stem == item.name)) {
        return Match::kNone;
      }
    } else if (key != item.name) {
      return Match::kNone;
    }
    bool good = false;
    if (twice) {
      good = Fail("is given twice");
    } else if constexpr (std::is_same_v<R, TimeRule>) {
      good = seconds ? Seconds(item.value) : Span(item.value);
    } else {
      good = Value(item.value, item.rule);
    }
    if (!good) {
      Inside(key);
    }
    return good ? Match::kGood : Match::kBad;
  }

  // Whether an item was seen or need not be.
  template <typename T, typename R>
  bool Found(const KeyItem<T, R>& item, std::uint32_t seen) {
    if (seen != 0 || item.presence != Presence::kRequired) {
      return true;
    }
    Fail("is missing");
    Inside(item.name);
    return false;
  }

  template <typename T>
  bool Value(T& value, const NumberRule& rule) {
    const auto max = std::min(
        rule.max, static_cast<std::uint64_t>(std::numeric_limits<T>::max()));
    std::uint64_t number = 0;
    if (!Integer(0, max, number)) {
      return false;
    }
    value = static_cast<T>(number);
    return true;
  }
  template <typename T>
  bool Value(std::optional<T>& value, const NumberRule& rule) {
    if (in().ReadNil()) {
      value.reset();
      return true;
    }
    return Value(value.emplace(), rule);
  }
  bool Value(bool& value, const SwitchRule&) { return Bool(value); }
  bool Value(Outcome& value, const WordRule&);
  bool Value(std::string& value, const TextRule& rule);
  bool Value(EnvEdit& value, const EnvRule&);
  bool Value(std::pair<std::string, std::string>& value, const PropertyRule&);
  template <typename T>
  bool Value(T& value, const MapRule&) {
    return in().ReadNil() || Map(value);
  }
  template <typename T>
  bool Value(std::optional<T>& value, const MaybeMapRule&) {
    if (in().ReadNil()) {
      value.reset();
      return true;
    }
    return Map(value.emplace());
  }
  template <typename T, typename R>
  bool Value(std::vector<T>& values, const ArrayRule<R>& rule) {
    std::uint32_t count = 0;
    if (!Array(count) || !AtMost(count, rule.max)) {
      return false;
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!Value(values.emplace_back(), rule.each)) {
        Inside(i);
        return false;
      }
    }
    return true;
  }

  bool MapHeader(std::uint32_t& count);
  bool Key(absl::string_view& key);
  // Moves over the value of a key that is not known here.
  bool PassOver();
  bool Seconds(Duration& value);
  // A string, or binary.
  bool Text(absl::string_view& text);
};

}  // namespace paceline

#endif  // PACELINE_WORKER_PROTOCOL_KEY_READER_H_
