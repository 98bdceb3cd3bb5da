#include "worker/protocol/codec.h"

#include <array>
#include <cstdint>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "worker/protocol/key_reader.h"
#include "worker/protocol/key_writer.h"
#include "worker/protocol/keys.h"

namespace paceline {
namespace {

// The values of the key "type", in the order of the variants' alternatives.
constexpr auto kFromWorkerTypes = std::to_array<absl::string_view>(
    {"hello", "suite_refused", "test_started", "test_deadline", "test_finished",
     "unit_finished", "processes_kept"});
static_assert(kFromWorkerTypes.size() == std::variant_size_v<FromWorker>);
constexpr auto kToWorkerTypes =
    std::to_array<absl::string_view>({"suite", "run_unit", "stop", "shutdown"});
static_assert(kToWorkerTypes.size() == std::variant_size_v<ToWorker>);

// A result's properties are cut to this many and to this many bytes in all, so
// that a result fits into one message of the fleet.
constexpr std::size_t kMaxProperties = 256;
constexpr std::size_t kMaxPropertiesBytes = 64 * 1024;
constexpr std::size_t kCutMarkBytes = 64;

void CutProperties(TestResult& result) {
  auto& properties = result.properties;
  std::size_t bytes = 0;
  std::size_t fitting = 0;  // with the mark behind them
  for (std::size_t i = 0; i < properties.size(); ++i) {
    bytes += properties[i].first.size() + properties[i].second.size();
    if (i + 1 < kMaxProperties &&
        bytes + kCutMarkBytes <= kMaxPropertiesBytes) {
      fitting = i + 1;
    }
  }
  if (properties.size() <= kMaxProperties && bytes <= kMaxPropertiesBytes) {
    return;
  }
  const std::size_t cut = properties.size() - fitting;
  properties.resize(fitting);
  properties.emplace_back("paceline.properties_cut", absl::StrCat(cut));
}

void CutParts(FromWorker& message) {
  if (auto* finished = std::get_if<WorkerTestFinished>(&message)) {
    CutProperties(finished->result);
  } else if (auto* unit = std::get_if<WorkerUnitFinished>(&message)) {
    for (ExtraResult& extra : unit->extras) {
      CutProperties(extra.result);
    }
  }
}

template <typename Variant, std::size_t N>
void Append(const Variant& message,
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

template <typename Variant, std::size_t N>
absl::StatusOr<Variant> DecodeMap(
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

}  // namespace

void AppendFrame(const FromWorker& message, std::string& frames) {
  Append(message, kFromWorkerTypes, frames);
}

void AppendFrame(const ToWorker& message, std::string& frames) {
  Append(message, kToWorkerTypes, frames);
}

absl::StatusOr<FromWorker> DecodeFromWorker(absl::string_view map) {
  absl::StatusOr<FromWorker> message =
      DecodeMap<FromWorker>(map, kFromWorkerTypes);
  if (message.ok()) {
    CutParts(*message);
  }
  return message;
}

absl::StatusOr<ToWorker> DecodeToWorker(absl::string_view map) {
  return DecodeMap<ToWorker>(map, kToWorkerTypes);
}

}  // namespace paceline
