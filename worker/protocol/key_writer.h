// Writes what key.h describes as a MessagePack map. Internal to
// worker/protocol.

#ifndef PACELINE_WORKER_PROTOCOL_KEY_WRITER_H_
#define PACELINE_WORKER_PROTOCOL_KEY_WRITER_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/model/outcome.h"
#include "common/wire/checked_reader.h"
#include "common/wire/msgpack_writer.h"
#include "worker/protocol/key.h"

namespace paceline {

class KeyWriter {
 public:
  explicit KeyWriter(std::string& out) : out_(out) {}

  // A map whose key "type" is `type`; without that key where `type` is empty.
  template <typename M>
  void Map(absl::string_view type, const M& message) {
    std::apply(
        [&](const auto&... items) {
          const std::size_t typed = type.empty() ? 0 : 1;
          out_.Map((typed + ... + (Written(items) ? 1 : 0)));
          if (!type.empty()) {
            out_.String("type");
            out_.String(type);
          }
          (Entry(items), ...);
        },
        WorkerKeys(message));
  }

 private:
  template <typename T, typename R>
  static bool Written(const KeyItem<T, R>& item) {
    return item.presence != Presence::kOptional ||
           item.value != std::remove_const_t<T>{};
  }

  template <typename T, typename R>
  void Entry(const KeyItem<T, R>& item) {
    if (!Written(item)) {
      return;
    }
    if constexpr (std::is_same_v<R, TimeRule>) {
      out_.String(absl::StrCat(item.name, "_ns"));
    } else {
      out_.String(item.name);
    }
    Value(item.value, item.rule);
  }

  template <typename T>
  void Value(const T& value, const NumberRule&) {
    out_.Uint(static_cast<std::uint64_t>(value));
  }
  // Reports' wall-clock times; before 1970 is as good as unknown.
  void Value(const std::int64_t& value, const NumberRule&) {
    out_.Uint(static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0)));
  }
  template <typename T>
  void Value(const std::optional<T>& value, const NumberRule& rule) {
    if (value.has_value()) {
      Value(*value, rule);
    } else {
      out_.Nil();
    }
  }
  void Value(bool value, const SwitchRule&) { out_.Bool(value); }
  void Value(Outcome value, const WordRule&) { out_.String(ToString(value)); }
  void Value(Duration value, const TimeRule&) {
    out_.Int(std::clamp(value, Duration::zero(), kMaxSpan).count());
  }
  void Value(const std::string& value, const TextRule& rule) {
    if (rule.kind == TextKind::kData) {
      out_.Binary(value);
    } else if (rule.kind == TextKind::kProse && value.size() > rule.max) {
      out_.String(CutText(value, rule.max));
    } else {
      out_.String(value);
    }
  }
  template <typename T>
  void Value(const T& value, const MapRule&) {
    Map("", value);
  }
  template <typename T>
  void Value(const std::optional<T>& value, const MaybeMapRule&) {
    if (value.has_value()) {
      Map("", *value);
    } else {
      out_.Nil();
    }
  }
  void Value(const EnvEdit& value, const EnvRule&) {
    out_.Array(2);
    out_.String(value.name);
    if (value.value.has_value()) {
      out_.String(*value.value);
    } else {
      out_.Nil();
    }
  }
  void Value(const std::pair<std::string, std::string>& value,
             const PropertyRule&) {
    out_.Array(2);
    out_.String(value.first);
    out_.String(value.second);
  }
  template <typename T, typename R>
  void Value(const std::vector<T>& values, const ArrayRule<R>& rule) {
    out_.Array(values.size());
    for (const T& value : values) {
      Value(value, rule.each);
    }
  }

  MsgpackWriter out_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_PROTOCOL_KEY_WRITER_H_
