// The keys of every message of the worker protocol, as docs/worker-protocol.md
// has them. See key.h; internal to worker/protocol.

#ifndef PACELINE_WORKER_PROTOCOL_KEYS_H_
#define PACELINE_WORKER_PROTOCOL_KEYS_H_

#include <tuple>

#include "common/wire/like.h"
#include "worker/protocol/key.h"
#include "worker/protocol/messages.h"

namespace paceline {

// Tests in a unit, suites' arguments and the like: what a lease can name.
inline constexpr std::size_t kMaxEntries = 1024;

// ---- parts -----------------------------------------------------------------

template <Like<WorkerHealth> M>
auto WorkerKeys(M& m) {
  return Keys(Optional("rss_bytes", m.rss_bytes, kNumber),
              Optional("peak_rss_bytes", m.peak_rss_bytes, kNumber),
              Optional("open_fds", m.open_fds, kNumber),
              Optional("threads", m.threads, kNumber));
}

template <Like<TestResult> M>
auto WorkerKeys(M& m) {
  return Keys(Required("outcome", m.outcome, kWord),
              Optional("duration", m.duration, kTime),
              Optional("started_unix_ns", m.started_unix_ns, kNumber),
              Optional("message", m.message, kSentence),
              Optional("details", m.details, kTrace),
              Optional("file", m.file, kSentence),
              Optional("line", m.line, kNumber),
              Optional("assertions", m.assertions, kNumber),
              Optional("leaked", m.leaked, kSwitch),
              Optional("output", m.output.head, kCaptured),
              Optional("output_tail", m.output.tail, kCaptured),
              Optional("output_cut_bytes", m.output.cut_bytes, kNumber),
              Optional("health", m.health, kMaybeMap),
              // Far more than are kept: the rest is cut after reading.
              Optional("properties", m.properties,
                       ArrayOf(kProperty, 64 * kMaxEntries)),
              Optional("report", m.report, kCaptured));
}

template <Like<ExtraResult> M>
auto WorkerKeys(M& m) {
  return std::tuple_cat(Keys(Required("name", m.name, kSystemName),
                             Optional("found", m.found, kSwitch)),
                        WorkerKeys(m.result));
}

template <Like<WorkerTest> M>
auto WorkerKeys(M& m) {
  return Keys(Defaulted("kind", m.kind, kRunner),
              Required("name", m.name, kSystemName),
              Optional("timeout", m.timeout, kTime),
              Optional("payload", m.payload, kOpaque),
              Optional("env", m.env, ArrayOf(kEnv, kMaxEntries)));
}

// ---- worker → agent --------------------------------------------------------

template <Like<WorkerHello> M>
auto WorkerKeys(M& m) {
  return Keys(Required("protocol", m.protocol, kNumber),
              Required("runner", m.runner, kRunner),
              Optional("pid", m.pid, kNumber),
              Optional("health", m.health, kMap),
              Optional("tests_in_children", m.tests_in_children, kSwitch),
              Optional("template", m.is_template, kSwitch));
}

template <Like<WorkerSuiteRefused> M>
auto WorkerKeys(M& m) {
  return Keys(Required("request", m.request, kNumber),
              Required("message", m.message, kSentence));
}

template <Like<WorkerTestStarted> M>
auto WorkerKeys(M& m) {
  return Keys(Required("request", m.request, kNumber),
              Required("test", m.test, kNumber));
}

template <Like<WorkerTestDeadline> M>
auto WorkerKeys(M& m) {
  return Keys(Required("request", m.request, kNumber),
              Required("test", m.test, kNumber),
              Required("timeout", m.timeout, kTime));
}

template <Like<WorkerTestFinished> M>
auto WorkerKeys(M& m) {
  return std::tuple_cat(Keys(Required("request", m.request, kNumber),
                             Required("test", m.test, kNumber)),
                        WorkerKeys(m.result));
}

template <Like<WorkerUnitFinished> M>
auto WorkerKeys(M& m) {
  return Keys(Required("request", m.request, kNumber),
              Defaulted("finalize", m.finalize, kWord),
              Optional("message", m.message, kSentence),
              Optional("health", m.health, kMap),
              Optional("extras", m.extras, ArrayOf(kMap, kMaxEntries)));
}

template <Like<WorkerExtra> M>
auto WorkerKeys(M& m) {
  return std::tuple_cat(Keys(Required("request", m.request, kNumber)),
                        WorkerKeys(m.extra));
}

template <Like<WorkerProperties> M>
auto WorkerKeys(M& m) {
  return Keys(Required("request", m.request, kNumber),
              Optional("test", m.test, kNumber),
              Optional("scope", m.scope, kPath),
              Required("properties", m.properties,
                       ArrayOf(kProperty, 64 * kMaxEntries)));
}

template <Like<WorkerFoundStarted> M>
auto WorkerKeys(M& m) {
  return Keys(Required("request", m.request, kNumber),
              Required("name", m.name, kFoundName),
              Optional("timeout", m.timeout, kTime));
}

template <Like<WorkerProcessesKept> M>
auto WorkerKeys(M& m) {
  return Keys(Required("request", m.request, kNumber),
              Required("pids", m.pids, ArrayOf(kNumber, kMaxKept)));
}

template <Like<WorkerTemplateReady> M>
auto WorkerKeys(M& m) {
  return Keys(Required("forkable", m.forkable, kSwitch),
              Optional("message", m.message, kSentence));
}

template <Like<WorkerForked> M>
auto WorkerKeys(M& m) {
  return Keys(Required("request", m.request, kNumber),
              Required("pid", m.pid, kNumber));
}

template <Like<WorkerForkFailed> M>
auto WorkerKeys(M& m) {
  return Keys(Required("request", m.request, kNumber),
              Required("message", m.message, kSentence));
}

template <Like<WorkerLeaving> M>
auto WorkerKeys(M& m) {
  return Keys(Optional("extras", m.extras, ArrayOf(kMap, kMaxEntries)),
              Optional("report", m.report, kCaptured));
}

// ---- agent → worker --------------------------------------------------------

template <Like<WorkerSuite> M>
auto WorkerKeys(M& m) {
  return Keys(
      Required("request", m.request, kNumber),
      Required("name", m.spec.name, kSystemName),
      Required("runner", m.spec.runner, kRunner),
      Optional("worker", m.spec.worker, ArrayOf(kParameter, kMaxEntries)),
      Optional("program", m.spec.program, kPath),
      Optional("arguments", m.spec.arguments, ArrayOf(kParameter, kMaxEntries)),
      Optional("env", m.spec.env, ArrayOf(kEnv, kMaxEntries)),
      Optional("working_directory", m.spec.working_directory, kPath),
      Optional("scopes_share_setup", m.spec.scopes_share_setup, kSwitch),
      Optional("options", m.spec.options, kOpaque),
      Defaulted("output_limit", m.output_limit, kNumber),
      Optional("kill_grace", m.kill_grace, kTime));
}

template <Like<WorkerRunUnit> M>
auto WorkerKeys(M& m) {
  return Keys(Required("request", m.request, kNumber),
              Required("unit", m.unit, kNumber),
              Optional("temp_dir", m.temp_dir, kPath),
              Required("tests", m.tests, ArrayOf(kMap, kMaxEntries)),
              Optional("found", m.found, ArrayOf(kFoundName, kMaxFound)));
}

template <Like<WorkerStop> M>
auto WorkerKeys(M& m) {
  return Keys(Required("request", m.request, kNumber));
}

template <Like<WorkerShutdown> M>
auto WorkerKeys(M&) {
  return Keys();
}

template <Like<WorkerFork> M>
auto WorkerKeys(M& m) {
  return Keys(Required("request", m.request, kNumber),
              Required("worker", m.worker, kSystemName),
              Defaulted("number", m.number, kNumber));
}

template <Like<WorkerServe> M>
auto WorkerKeys(M&) {
  return Keys();
}

}  // namespace paceline

#endif  // PACELINE_WORKER_PROTOCOL_KEYS_H_
