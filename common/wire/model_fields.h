// The fields of what manifests and results are made of. See field.h; internal
// to common/wire.

#ifndef PACELINE_COMMON_WIRE_MODEL_FIELDS_H_
#define PACELINE_COMMON_WIRE_MODEL_FIELDS_H_

#include "common/model/manifest.h"
#include "common/model/outcome.h"
#include "common/model/recycle_reason.h"
#include "common/model/result.h"
#include "common/model/worker_health.h"
#include "common/wire/field.h"

namespace paceline {

inline constexpr ChoiceRule kOutcome{kOutcomeCount};
inline constexpr ChoiceRule kVerdict{kVerdictCount};
inline constexpr StringRule kReport{StringKind::kBytes, kMaxReportBytes};

template <Like<EnvEdit> M>
auto WireFields(M& m) {
  return Fields(Item("name", m.name, kNonEmptyName),
                Item("value", m.value, Maybe(kArgument)));
}

template <Like<SuiteSpec> M>
auto WireFields(M& m) {
  return Fields(Item("name", m.name, kNonEmptyName),
                Item("runner", m.runner, kNonEmptyLabel),
                Item("worker", m.worker, List(kArgument)),
                Item("program", m.program, kName),
                Item("arguments", m.arguments, List(kArgument)),
                Item("env", m.env, List(kStruct)),
                Item("working_directory", m.working_directory, kName),
                Item("scopes_share_setup", m.scopes_share_setup, kFlag),
                Item("forks", m.forks, kFlag),
                Item("last_words", m.last_words, kFlag),
                Item("options", m.options, kPayload));
}

template <Like<ResourceNeed> M>
auto WireFields(M& m) {
  return Fields(Item("type", m.type, kNonEmptyName),
                Item("slots", m.slots, kNonZero));
}

template <Like<Constraints> M>
auto WireFields(M& m) {
  return Fields(
      Item("slots", m.slots, kNonZero), Item("serial", m.serial, kFlag),
      Item("locks", m.locks, List(kName)), Item("after", m.after, List(kName)),
      Item("fixtures_required", m.fixtures_required, List(kName)),
      Item("fixtures_setup", m.fixtures_setup, List(kName)),
      Item("fixtures_cleanup", m.fixtures_cleanup, List(kName)),
      Item("resource_groups", m.resource_groups, List(List(kStruct))));
}

template <Like<TestSpec> M>
auto WireFields(M& m) {
  return Fields(
      Item("suite", m.suite, kAny), Item("name", m.name, kNonEmptyName),
      Item("scope", m.scope, kName), Item("file", m.file, kName),
      Item("line", m.line, kAny), Item("timeout", m.timeout, Maybe(kSpan)),
      Item("labels", m.labels, List(kName)),
      Item("constraints", m.constraints, Maybe(kStruct)),
      Item("skip_reason", m.skip_reason, Maybe(kLine)),
      Item("payload", m.payload, kPayload),
      Item("no_rerun", m.no_rerun, kFlag));
}

template <Like<DiscoveryError> M>
auto WireFields(M& m) {
  return Fields(Item("target", m.target, kLine),
                Item("message", m.message, kLine));
}

template <Like<ResourcePool> M>
auto WireFields(M& m) {
  return Fields(Item("type", m.type, kNonEmptyName),
                Item("things", m.things, List(Pair(kNonEmptyName, kAny))));
}

template <Like<RunOptions> M>
auto WireFields(M& m) {
  return Fields(Item("title", m.title, kLine), Item("retries", m.retries, kAny),
                Item("max_fail", m.max_fail, kAny),
                Item("default_timeout", m.default_timeout, kSpan),
                Item("on_lost", m.on_lost, ChoiceRule{2}),
                Item("fail_on_flaky", m.fail_on_flaky, kFlag),
                Item("fail_on_leak", m.fail_on_leak, kFlag),
                Item("detach", m.detach, kFlag),
                Item("client_grace", m.client_grace, kSpan),
                Item("max_unit_tests", m.max_unit_tests, kAny),
                Item("keep_order", m.keep_order, kFlag),
                Item("resources", m.resources, List(kStruct)));
}

template <Like<WorkerHealth> M>
auto WireFields(M& m) {
  return Fields(Item("rss_bytes", m.rss_bytes, Maybe(kAny)),
                Item("peak_rss_bytes", m.peak_rss_bytes, Maybe(kAny)),
                Item("open_fds", m.open_fds, Maybe(kAny)),
                Item("threads", m.threads, Maybe(kAny)));
}

template <Like<RecycleReason> M>
auto WireFields(M& m) {
  return Fields(Item("signal", m.signal, ChoiceRule{3}),
                Item("reading", m.reading, kAny),
                Item("ceiling", m.ceiling, kAny));
}

template <Like<CapturedOutput> M>
auto WireFields(M& m) {
  return Fields(Item("head", m.head, kInlineOutput),
                Item("tail", m.tail, kInlineOutput),
                Item("cut_bytes", m.cut_bytes, kAny));
}

inline constexpr auto kProperties = List(Pair(kLine, kDetails));

template <Like<TestResult> M>
auto WireFields(M& m) {
  return Fields(
      Item("outcome", m.outcome, kOutcome), Item("duration", m.duration, kSpan),
      Item("started_unix_ns", m.started_unix_ns, kAny),
      Item("message", m.message, kLine), Item("details", m.details, kDetails),
      Item("file", m.file, kLine), Item("line", m.line, kAny),
      Item("assertions", m.assertions, kAny), Item("leaked", m.leaked, kFlag),
      Item("output", m.output, kStruct),
      Item("health", m.health, Maybe(kStruct)),
      Item("properties", m.properties, kProperties),
      Item("report", m.report, kReport));
}

template <Like<ExtraResult> M>
auto WireFields(M& m) {
  return Fields(Item("name", m.name, kNonEmptyName),
                Item("result", m.result, kStruct),
                Item("found", m.found, kFlag));
}

template <Like<UnitEnd> M>
auto WireFields(M& m) {
  return Fields(Item("finalize", m.finalize, kOutcome),
                Item("message", m.message, kLine),
                Item("health", m.health, Maybe(kStruct)),
                Item("recycled", m.recycled, Maybe(kStruct)));
}

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_MODEL_FIELDS_H_
