#include "worker/protocol/codec.h"

#include <array>
#include <cstdint>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "worker/protocol/frame_codec.h"
#include "worker/protocol/keys.h"

namespace paceline {
namespace {

// The values of the key "type", in the order of the variants' alternatives.
constexpr auto kFromWorkerTypes = std::to_array<absl::string_view>(
    {"hello", "suite_refused", "test_started", "test_deadline", "test_finished",
     "unit_finished", "processes_kept", "template_ready", "forked",
     "fork_failed", "leaving", "extra", "properties", "found_started"});
static_assert(kFromWorkerTypes.size() == std::variant_size_v<FromWorker>);
constexpr auto kToWorkerTypes = std::to_array<absl::string_view>(
    {"suite", "run_unit", "stop", "shutdown", "fork", "serve"});
static_assert(kToWorkerTypes.size() == std::variant_size_v<ToWorker>);

void CutResult(TestResult& result) {
  CutProperties(result.properties);
  if (result.report.size() > kMaxReportBytes) {
    result.report.clear();
  }
}

}  // namespace

void CutParts(FromWorker& message) {
  if (auto* finished = std::get_if<WorkerTestFinished>(&message)) {
    CutResult(finished->result);
  } else if (auto* unit = std::get_if<WorkerUnitFinished>(&message)) {
    for (ExtraResult& extra : unit->extras) {
      CutResult(extra.result);
    }
  } else if (auto* leaving = std::get_if<WorkerLeaving>(&message)) {
    for (ExtraResult& extra : leaving->extras) {
      CutResult(extra.result);
    }
  } else if (auto* extra = std::get_if<WorkerExtra>(&message)) {
    CutResult(extra->extra.result);
  } else if (auto* late = std::get_if<WorkerProperties>(&message)) {
    CutProperties(late->properties);
  }
}

void AppendFrame(const FromWorker& message, std::string& frames) {
  AppendTyped(message, kFromWorkerTypes, frames);
}

void AppendFrame(const ToWorker& message, std::string& frames) {
  AppendTyped(message, kToWorkerTypes, frames);
}

absl::StatusOr<FromWorker> DecodeFromWorker(absl::string_view map) {
  absl::StatusOr<FromWorker> message =
      DecodeTyped<FromWorker>(map, kFromWorkerTypes);
  if (message.ok()) {
    CutParts(*message);
  }
  return message;
}

absl::StatusOr<ToWorker> DecodeToWorker(absl::string_view map) {
  return DecodeTyped<ToWorker>(map, kToWorkerTypes);
}

}  // namespace paceline
