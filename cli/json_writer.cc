#include "cli/json_writer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/version.h"
#include "common/model/recycle_reason.h"

namespace paceline {
namespace {

using Json = nlohmann::ordered_json;

constexpr Duration kFlushAfter = std::chrono::milliseconds(50);
constexpr std::size_t kFlushBytes = 64 * 1024;

std::string Text(absl::string_view text) { return std::string(text); }

Json NewEvent(Instant start, Instant now, const char* name) {
  return {{"event", name}, {"time", ToSeconds(now - start)}};
}

// Output may be any bytes; JSON is UTF-8.
std::string Line(const Json& event) {
  return event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json HealthJson(const WorkerHealth& health) {
  Json json = Json::object();
  if (health.rss_bytes.has_value()) {
    json["rss_bytes"] = *health.rss_bytes;
  }
  if (health.peak_rss_bytes.has_value()) {
    json["peak_rss_bytes"] = *health.peak_rss_bytes;
  }
  if (health.open_fds.has_value()) {
    json["open_fds"] = *health.open_fds;
  }
  if (health.threads.has_value()) {
    json["threads"] = *health.threads;
  }
  return json;
}

Json PropertiesJson(const TestProperties& properties) {
  Json json = Json::array();
  for (const auto& [name, value] : properties) {
    json.push_back({{"name", name}, {"value", value}});
  }
  return json;
}

void AddResult(const TestResult& result, Json& event) {
  event["outcome"] = Text(ToString(result.outcome));
  event["duration"] = ToSeconds(result.duration);
  if (result.started_unix_ns != 0) {
    event["started"] = static_cast<double>(result.started_unix_ns) / 1e9;
  }
  if (!result.message.empty()) {
    event["message"] = result.message;
  }
  if (!result.details.empty()) {
    event["details"] = result.details;
  }
  if (!result.file.empty()) {
    event["failed_at"] = {{"file", result.file}, {"line", result.line}};
  }
  if (result.assertions > 0) {
    event["assertions"] = result.assertions;
  }
  if (result.leaked) {
    event["leaked"] = true;
  }
  if (!result.output.empty()) {
    Json output = {{"head", result.output.head}};
    if (result.output.cut_bytes > 0) {
      output["cut_bytes"] = result.output.cut_bytes;
    }
    if (!result.output.tail.empty()) {
      output["tail"] = result.output.tail;
    }
    event["output"] = std::move(output);
  }
  if (result.health.has_value()) {
    event["health"] = HealthJson(*result.health);
  }
  if (!result.properties.empty()) {
    event["properties"] = PropertiesJson(result.properties);
  }
}

const char* SignalName(RecycleSignal signal) {
  switch (signal) {
    case RecycleSignal::kMemory:
      return "memory";
    case RecycleSignal::kDescriptors:
      return "descriptors";
    case RecycleSignal::kAge:
      return "age";
  }
  return "unknown";
}

}  // namespace

JsonWriter::JsonWriter(Instant start, const RunId& run, absl::string_view title,
                       std::unique_ptr<ReportFile> file)
    : start_(start), file_(std::move(file)) {
  Json event = NewEvent(start_, start, "run_started");
  event["run"] = ToString(run);
  event["title"] = Text(title);
  event["version"] = Text(ProgramVersion());
  Write(start, Line(event));
}

void JsonWriter::OnDiscovered(Instant now, std::uint64_t tests, bool complete) {
  if (!complete) {
    return;
  }
  Json event = NewEvent(start_, now, "discovered");
  event["tests"] = tests;
  Write(now, Line(event));
}

void JsonWriter::OnDiscoveryError(Instant now, const DiscoveryError& error) {
  Json event = NewEvent(start_, now, "discovery_error");
  event["target"] = error.target;
  event["message"] = error.message;
  Write(now, Line(event));
}

void JsonWriter::OnAttempt(Instant now, const TestRef& test,
                           const AttemptEvent& attempt) {
  Json event = NewEvent(start_, now, "attempt");
  event["suite"] = Text(test.suite);
  event["test"] = Text(test.name);
  if (!test.scope.empty()) {
    event["scope"] = Text(test.scope);
  }
  if (!test.file.empty()) {
    event["file"] = Text(test.file);
    event["line"] = test.line;
  }
  event["attempt"] = attempt.attempt;
  if (attempt.verdict.has_value()) {
    event["verdict"] = Text(ToString(*attempt.verdict));
  }
  if (!attempt.rerun.empty()) {
    event["rerun"] = attempt.rerun;
  }
  if (!attempt.agent.empty()) {
    event["agent"] = attempt.agent;
    event["host"] = attempt.host;
    event["worker"] = attempt.worker;
  }
  AddResult(attempt.result, event);
  Write(now, Line(event));
}

void JsonWriter::OnTestProperties(Instant now, const TestRef& test,
                                  std::uint32_t attempt,
                                  const TestProperties& properties) {
  Json event = NewEvent(start_, now, "properties");
  event["suite"] = Text(test.suite);
  event["test"] = Text(test.name);
  event["attempt"] = attempt;
  event["properties"] = PropertiesJson(properties);
  Write(now, Line(event));
}

void JsonWriter::OnScopeProperties(Instant now, absl::string_view suite,
                                   absl::string_view scope,
                                   const TestProperties& properties) {
  Json event = NewEvent(start_, now, "properties");
  event["suite"] = Text(suite);
  if (!scope.empty()) {
    event["scope"] = Text(scope);
  }
  event["properties"] = PropertiesJson(properties);
  Write(now, Line(event));
}

void JsonWriter::OnRecycled(Instant now, absl::string_view suite,
                            const RecycledEvent& recycled) {
  Json event = NewEvent(start_, now, "recycled");
  event["agent"] = recycled.agent;
  event["worker"] = recycled.worker;
  event["suite"] = Text(suite);
  event["signal"] = SignalName(recycled.reason.signal);
  event["reading"] = recycled.reason.reading;
  event["ceiling"] = recycled.reason.ceiling;
  event["reason"] = ToString(recycled.reason);
  Write(now, Line(event));
}

void JsonWriter::OnNote(Instant now, absl::string_view text) {
  Json event = NewEvent(start_, now, "note");
  event["text"] = Text(text);
  Write(now, Line(event));
}

void JsonWriter::OnEnded(Instant now, const RunEnd& end) {
  Json event = NewEvent(start_, now, "run_ended");
  event["green"] = end.green;
  event["cancelled"] = end.cancelled;
  event["tests"] = end.tests;
  event["without_verdict"] = end.without_verdict;
  if (!end.reason.empty()) {
    event["reason"] = end.reason;
  }
  if (!end.failure.empty()) {
    event["failure"] = end.failure;
  }
  Write(now, Line(event));
  Flush();
}

void JsonWriter::WriteExit(Instant now, int exit_code,
                           absl::string_view reason) {
  Json event = NewEvent(start_, now, "exit");
  event["code"] = exit_code;
  event["reason"] = Text(reason);
  Write(now, Line(event));
  Flush();
}

void JsonWriter::OnTick(Instant now) {
  if (flush_at_.has_value() && now >= *flush_at_) {
    Flush();
  }
}

void JsonWriter::Write(Instant now, const std::string& line) {
  pending_ += line;
  if (!flush_at_.has_value()) {
    flush_at_ = now + kFlushAfter;
  }
  if (pending_.size() >= kFlushBytes) {
    Flush();
  }
}

void JsonWriter::Flush() {
  file_->AppendLines(pending_);
  pending_.clear();
  flush_at_.reset();
}

}  // namespace paceline
