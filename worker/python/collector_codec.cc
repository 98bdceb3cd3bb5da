#include "worker/python/collector_codec.h"

#include <array>
#include <cstddef>

#include "common/wire/like.h"
#include "worker/protocol/frame_codec.h"

namespace paceline {
namespace {

// A frame of tests; the collector sends a few hundred at a time.
constexpr std::size_t kMaxTests = 4096;
constexpr std::size_t kMaxWords = 64 * 1024;

constexpr TextRule kAnyName{TextKind::kSystem, 16 * 1024};
constexpr TextRule kShortWord{TextKind::kWords, 256};

}  // namespace

template <Like<CollectRequest> M>
auto WorkerKeys(M& m) {
  return Keys(Required("targets", m.targets, ArrayOf(kParameter, kMaxWords)),
              Required("args", m.arguments, ArrayOf(kParameter, kMaxWords)),
              Required("unit", m.unit, kShortWord),
              Defaulted("collect_first", m.collect_first, kSwitch),
              Defaulted("keep", m.keep, kSwitch),
              Defaulted("kept", m.kept, kSwitch),
              Optional("partial", m.partial, kSwitch));
}

template <Like<CollectorResult> M>
auto WorkerKeys(M& m) {
  return Keys(Required("name", m.name, kAnyName),
              Required("outcome", m.outcome, kWord),
              Optional("duration", m.duration, kTime),
              Optional("report", m.report, kCaptured),
              Optional("message", m.message, kSentence),
              Optional("details", m.details, kTrace),
              Optional("worker", m.worker, kShortWord),
              Defaulted("final", m.final, kSwitch));
}

template <Like<CollectorLeaving> M>
auto WorkerKeys(M& m) {
  return Keys(Optional("worker", m.worker, kShortWord),
              Optional("report", m.report, kCaptured));
}

template <Like<CollectorFinish> M>
auto WorkerKeys(M& m) {
  return Keys(Defaulted("interrupted", m.interrupted, kSwitch));
}

template <Like<CollectedSuite> M>
auto WorkerKeys(M& m) {
  return Keys(Required("name", m.name, kAnyName),
              Required("options", m.options, kOpaque),
              Optional("working_directory", m.working_directory, kPath),
              Optional("scopes_share_setup", m.scopes_share_setup, kSwitch),
              Optional("env", m.env, ArrayOf(kEnv, 1024)));
}

template <Like<CollectedTest> M>
auto WorkerKeys(M& m) {
  return Keys(Required("name", m.name, kSystemName),
              Optional("scope", m.scope, kAnyName),
              Optional("file", m.file, kAnyName),
              Optional("line", m.line, kNumber),
              Optional("labels", m.labels, ArrayOf(kAnyName, 1024)),
              Optional("skip_reason", m.skip_reason, kSentence),
              Optional("timeout", m.timeout, kTime),
              Optional("payload", m.payload, kOpaque));
}

template <Like<CollectedTests> M>
auto WorkerKeys(M& m) {
  return Keys(Required("tests", m.tests, ArrayOf(kMap, kMaxTests)));
}

template <Like<CollectorError> M>
auto WorkerKeys(M& m) {
  return Keys(Required("target", m.target, kSentence),
              Required("message", m.message, kTrace));
}

template <Like<CollectorNote> M>
auto WorkerKeys(M& m) {
  return Keys(Required("text", m.text, kTrace));
}

template <Like<Collected> M>
auto WorkerKeys(M& m) {
  return Keys(Required("tests", m.tests, kNumber),
              Required("reports", m.reports, kShortWord),
              Optional("also", m.also, ArrayOf(kAnyName, 1024 * 1024)));
}

template <Like<CollectorFinished> M>
auto WorkerKeys(M& m) {
  return Keys(Optional("text", m.text, kCaptured),
              Optional("error", m.error, kTrace));
}

namespace {

constexpr auto kToCollectorTypes = std::to_array<absl::string_view>(
    {"collect", "result", "leaving", "finish"});
static_assert(kToCollectorTypes.size() == std::variant_size_v<ToCollector>);
constexpr auto kFromCollectorTypes = std::to_array<absl::string_view>(
    {"suite", "tests", "error", "note", "collected", "finished"});
static_assert(kFromCollectorTypes.size() == std::variant_size_v<FromCollector>);

}  // namespace

void AppendFrame(const ToCollector& message, std::string& frames) {
  AppendTyped(message, kToCollectorTypes, frames);
}

absl::StatusOr<FromCollector> DecodeFromCollector(absl::string_view map) {
  return DecodeTyped<FromCollector>(map, kFromCollectorTypes);
}

}  // namespace paceline
