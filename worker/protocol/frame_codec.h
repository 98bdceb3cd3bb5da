// Frames of any set of messages that key.h describes: a std::variant, and the
// value of the key "type" for each of its alternatives. Internal to those who
// define such a set.

#ifndef PACELINE_WORKER_PROTOCOL_FRAME_CODEC_H_
#define PACELINE_WORKER_PROTOCOL_FRAME_CODEC_H_

#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "worker/protocol/key_reader.h"
#include "worker/protocol/key_writer.h"
#include "worker/protocol/messages.h"

namespace paceline {

// Appends the whole frame, length included. `types` are in the order of the
// variant's alternatives.
template <typename Variant, std::size_t N>
void AppendTyped(const Variant& message,
                 const std::array<absl::string_view, N>& types,
                 std::string& frames) {
  const std::size_t start = frames.size();
  frames.append(4, '\0');
  KeyWriter writer(frames);
  std::visit(
      [&](const auto& held) { writer.Map(types[message.index()], held); },
      message);
  const std::size_t length = frames.size() - start - 4;
  for (std::size_t i = 0; i < 4; ++i) {
    frames[start + i] = static_cast<char>(length >> (24 - 8 * i));
  }
}

// Fills the alternative of `message` at `position`.
template <typename Variant, std::size_t... Is>
bool ReadMap(KeyReader& reader, std::size_t position, Variant& message,
             std::index_sequence<Is...>) {
  return ((position == Is && reader.Map(message.template emplace<Is>())) ||
          ...);
}

// Returns kInvalidArgument, naming the field, and kUnimplemented for an unknown
// type.
template <typename Variant, std::size_t N>
absl::StatusOr<Variant> DecodeTyped(
    absl::string_view map, const std::array<absl::string_view, N>& types) {
  if (map.size() > kMaxWorkerFrame) {
    return absl::InvalidArgumentError(absl::StrCat(
        "message: ", map.size(), " bytes, at most ", kMaxWorkerFrame));
  }
  KeyReader ahead(map);
  absl::string_view type;
  if (!ahead.Type(type) || !ahead.End()) {
    return absl::InvalidArgumentError(absl::StrCat("message", ahead.Error()));
  }
  std::size_t position = 0;
  while (position < N && types[position] != type) {
    ++position;
  }
  if (position == N) {
    return absl::UnimplementedError(
        absl::StrCat("message.type: \"", absl::CHexEscape(type.substr(0, 40)),
                     "\" is not known to version ", kWorkerProtocolVersion));
  }
  absl::StatusOr<Variant> message = Variant();
  KeyReader reader(map);
  if (!ReadMap(reader, position, *message, std::make_index_sequence<N>{})) {
    return absl::InvalidArgumentError(absl::StrCat(type, reader.Error()));
  }
  return message;
}

}  // namespace paceline

#endif  // PACELINE_WORKER_PROTOCOL_FRAME_CODEC_H_
