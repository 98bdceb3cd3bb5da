#include "cli/junit_writer.h"

#include <algorithm>
#include <ctime>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/text.h"

namespace paceline {
namespace {

constexpr Duration kFlushAfter = std::chrono::milliseconds(100);
constexpr std::size_t kFlushBytes = 64 * 1024;
constexpr absl::string_view kEnd = "</testsuite>\n";

// What readers of JUnit files tell apart.
enum class Kind { kPassed, kFailure, kError, kSkipped };

Kind KindOf(const AttemptEvent& attempt, const JunitOptions& options) {
  const Verdict verdict = *attempt.verdict;
  if (verdict == Verdict::kSkipped) {
    return Kind::kSkipped;
  }
  if (!IsGood(verdict, options.fail_on_flaky)) {
    return IsTestFailure(verdict) || verdict == Verdict::kFlaky ? Kind::kFailure
                                                                : Kind::kError;
  }
  return options.fail_on_leak && attempt.result.leaked ? Kind::kFailure
                                                       : Kind::kPassed;
}

std::string Attribute(absl::string_view name, absl::string_view value) {
  // As they are, a reader would turn them into spaces.
  return absl::StrCat(
      " ", name, "=\"",
      absl::StrReplaceAll(XmlEscape(value), {{"\n", "&#10;"}, {"\t", "&#9;"}}),
      "\"");
}

// A scope that begins the test's name is its class, as GoogleTest has it.
std::pair<absl::string_view, absl::string_view> ClassAndName(
    const TestRef& test) {
  if (!test.scope.empty() && test.name.size() > test.scope.size() + 1 &&
      absl::StartsWith(test.name, test.scope) &&
      test.name[test.scope.size()] == '.') {
    return {test.scope, test.name.substr(test.scope.size() + 1)};
  }
  return {test.suite, test.name};
}

std::string Details(const TestRef& test, const TestResult& result) {
  const std::string position = Position(test, result);
  return absl::StrCat(
      position.empty() ? "" : absl::StrCat(XmlEscape(position), "\n"),
      XmlEscape(result.details));
}

// <failure message="…" type="timed_out">details</failure>
std::string Problem(absl::string_view element, absl::string_view type,
                    const TestRef& test, const TestResult& result) {
  return absl::StrCat("<", element, Attribute("message", result.message),
                      Attribute("type", type), ">", Details(test, result), "</",
                      element, ">\n");
}

// An attempt before the last one.
std::string EarlierProblem(const TestRef& test, const TestResult& result) {
  return absl::StrCat(
      "<rerunFailure", Attribute("message", result.message),
      Attribute("type", ToString(result.outcome)), "><stackTrace>",
      Details(test, result), "</stackTrace>",
      result.output.empty()
          ? ""
          : absl::StrCat("<system-out>", OutputText(result.output, XmlEscape),
                         "</system-out>"),
      "</rerunFailure>\n");
}

constexpr absl::string_view kPropertiesEnd = "</properties>\n";
// Of what suites and scopes recorded, so that memory is bounded.
constexpr std::size_t kMaxScopeProperties = std::size_t{1} << 20;

void AppendProperty(absl::string_view name, absl::string_view value,
                    std::string& xml) {
  absl::StrAppend(&xml, "<property", Attribute("name", name),
                  Attribute("value", value), "/>\n");
}

// The one thing that Surefire's schema does not have: other writers of such
// files (GoogleTest, pytest) put them here, and readers look for them here.
std::string Properties(const TestRef& test, const AttemptEvent& attempt) {
  std::string xml = "<properties>\n";
  AppendProperty("paceline.suite", test.suite, xml);
  AppendProperty("paceline.verdict", ToString(*attempt.verdict), xml);
  if (!test.file.empty()) {
    AppendProperty("paceline.file", test.file, xml);
    AppendProperty("paceline.line", absl::StrCat(test.line), xml);
  }
  if (attempt.attempt > 1) {
    AppendProperty("paceline.attempt", absl::StrCat(attempt.attempt), xml);
  }
  if (!attempt.rerun.empty()) {
    AppendProperty("paceline.rerun", attempt.rerun, xml);
  }
  if (!attempt.agent.empty()) {
    AppendProperty("paceline.agent", attempt.agent, xml);
    AppendProperty("paceline.host", attempt.host, xml);
    AppendProperty("paceline.worker", absl::StrCat(attempt.worker), xml);
  }
  if (attempt.result.leaked) {
    AppendProperty("paceline.leaked", "true", xml);
  }
  if (attempt.result.health.has_value()) {
    const WorkerHealth& health = *attempt.result.health;
    if (health.rss_bytes.has_value()) {
      AppendProperty("paceline.rss_bytes", absl::StrCat(*health.rss_bytes),
                     xml);
    }
    if (health.peak_rss_bytes.has_value()) {
      AppendProperty("paceline.peak_rss_bytes",
                     absl::StrCat(*health.peak_rss_bytes), xml);
    }
    if (health.open_fds.has_value()) {
      AppendProperty("paceline.open_fds", absl::StrCat(*health.open_fds), xml);
    }
    if (health.threads.has_value()) {
      AppendProperty("paceline.threads", absl::StrCat(*health.threads), xml);
    }
  }
  for (const auto& [name, value] : attempt.result.properties) {
    AppendProperty(name, value, xml);
  }
  return absl::StrCat(xml, kPropertiesEnd);
}

std::string Timestamp(std::int64_t unix_ns) {
  const std::time_t seconds = unix_ns / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d", utc.tm_year + 1900,
                         utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                         utc.tm_sec);
}

}  // namespace

JunitWriter::JunitWriter(Instant start, JunitOptions options,
                         std::unique_ptr<ReportFile> file)
    : start_(start), options_(std::move(options)), file_(std::move(file)) {
  if (file_->seekable()) {
    Flush(start);
  }
}

// Always of the same length, so that it can be written again.
std::string JunitWriter::Head(Instant now) const {
  const std::string counts = absl::StrFormat(
      " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" "
      "time=\"%.3f\"",
      tests_, failures_, errors_, skipped_, ToSeconds(now - start_));
  // Four numbers of up to 20 digits and a time.
  constexpr std::size_t kWidth = 160;
  const std::string padded =
      counts + std::string(kWidth - std::min(kWidth, counts.size()), ' ');
  return absl::StrCat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite",
                      Attribute("name", options_.title), padded,
                      ">\n<properties>\n<property", " name=\"hostname\"",
                      Attribute("value", options_.host),
                      "/>\n<property name=\"timestamp\"",
                      Attribute("value", Timestamp(options_.started_unix_ns)),
                      "/>\n</properties>\n");
}

void JunitWriter::OnDiscoveryError(Instant now, const DiscoveryError& error) {
  ++errors_;
  Add(now, absl::StrCat("<testcase", Attribute("name", error.target),
                        Attribute("classname", "discovery"),
                        " time=\"0.000\">\n<error",
                        Attribute("message", error.message),
                        " type=\"discovery\"></error>\n</testcase>\n"));
}

void JunitWriter::OnAttempt(Instant now, const TestRef& test,
                            const AttemptEvent& attempt) {
  const TestResult& result = attempt.result;
  if (!attempt.verdict.has_value()) {
    if (!IsGood(result.outcome)) {
      // Whether it is a flaky or a repeated failure is known at the end.
      earlier_[test.index] += EarlierProblem(test, result);
    }
    return;
  }
  const auto [class_name, name] = ClassAndName(test);
  std::string xml = absl::StrCat(
      "<testcase", Attribute("name", name), Attribute("classname", class_name),
      absl::StrFormat(" time=\"%.3f\"", ToSeconds(result.duration)), ">\n",
      Properties(test, attempt));
  places_[test.index] = {size() + xml.size() - kPropertiesEnd.size(),
                         attempt.attempt};
  const Kind kind = KindOf(attempt, options_);
  const absl::string_view type =
      kind == Kind::kFailure && result.leaked && IsGood(result.outcome)
          ? "leaked"
          : ToString(*attempt.verdict);
  // The schema has them in this order.
  if (kind == Kind::kFailure) {
    ++failures_;
    xml += Problem("failure", type, test, result);
  }
  if (const auto earlier = earlier_.find(test.index);
      earlier != earlier_.end()) {
    xml += kind == Kind::kPassed
               ? absl::StrReplaceAll(earlier->second,
                                     {{"<rerunFailure ", "<flakyFailure "},
                                      {"</rerunFailure>", "</flakyFailure>"}})
               : earlier->second;
    earlier_.erase(earlier);
  }
  if (kind == Kind::kSkipped) {
    ++skipped_;
    absl::StrAppend(&xml, "<skipped", Attribute("message", result.message),
                    "/>\n");
  }
  if (kind == Kind::kError) {
    ++errors_;
    xml += Problem("error", type, test, result);
  }
  if (!result.output.empty()) {
    absl::StrAppend(&xml, "<system-out>", OutputText(result.output, XmlEscape),
                    "</system-out>\n");
  }
  Add(now, xml + "</testcase>\n");
}

void JunitWriter::OnTestProperties(Instant /*now*/, const TestRef& test,
                                   std::uint32_t attempt,
                                   const TestProperties& properties) {
  const auto place = places_.find(test.index);
  if (place == places_.end() || place->second.attempt != attempt) {
    return;  // of an attempt that did not settle the test
  }
  std::string xml;
  for (const auto& [name, value] : properties) {
    AppendProperty(name, value, xml);
  }
  late_.Add(place->second.at, xml);
}

void JunitWriter::OnScopeProperties(Instant /*now*/, absl::string_view suite,
                                    absl::string_view scope,
                                    const TestProperties& properties) {
  for (const auto& [key, value] : properties) {
    std::string name = scope.empty()
                           ? absl::StrCat(suite, ": ", key)
                           : absl::StrCat(suite, ": ", scope, ": ", key);
    const std::size_t bytes = name.size() + value.size();
    if (scope_properties_bytes_ + bytes > kMaxScopeProperties) {
      return;
    }
    scope_properties_bytes_ += bytes;
    scope_properties_[std::move(name)] = value;
  }
}

std::string JunitWriter::ScopeProperties() const {
  if (scope_properties_.empty()) {
    return "";
  }
  std::string xml = "<properties>\n";
  for (const auto& [name, value] : scope_properties_) {
    AppendProperty(name, value, xml);
  }
  return absl::StrCat(xml, kPropertiesEnd);
}

void JunitWriter::Add(Instant now, std::string testcase) {
  ++tests_;
  pending_ += testcase;
  if (!flush_at_.has_value()) {
    flush_at_ = now + kFlushAfter;
  }
  if (pending_.size() >= kFlushBytes && file_->seekable()) {
    Flush(now);
  }
}

void JunitWriter::OnTick(Instant now) {
  if (flush_at_.has_value() && now >= *flush_at_ && file_->seekable()) {
    Flush(now);
  }
}

std::optional<Instant> JunitWriter::next_deadline() const {
  return file_->seekable() ? flush_at_ : std::nullopt;
}

void JunitWriter::OnEnded(Instant now, const RunEnd& end) {
  if (!end.failure.empty() || end.without_verdict > 0) {
    // Without it, what is missing would look like a run that is all good.
    ++errors_;
    std::vector<std::string> what;
    if (end.without_verdict > 0) {
      what.push_back(Count(end.without_verdict, "test has no verdict",
                           "tests have no verdict"));
    }
    if (!end.failure.empty()) {
      what.push_back(end.failure);
    }
    Add(now, absl::StrCat("<testcase name=\"run\" classname=\"paceline\" "
                          "time=\"0.000\">\n<error",
                          Attribute("message", absl::StrJoin(what, ": ")),
                          " type=\"not_run\"></error>\n</testcase>\n"));
  }
  const std::string head = Head(now);
  if (file_->seekable()) {
    Flush(now);
    if (!late_.empty() || !scope_properties_.empty()) {
      file_->PutIn(head.size(), ScopeProperties(), late_);
    }
    return;
  }
  // Where nothing can be written over, the counts come first and so all of it
  // comes last.
  file_->Append(absl::StrCat(head, ScopeProperties()));
  std::size_t at = 0;
  file_->Keep(late_.ForEach([&](std::uint64_t before, absl::string_view text) {
    file_->Append(absl::string_view(pending_).substr(at, before - at));
    file_->Append(text);
    at = before;
    return file_->status();
  }));
  file_->Append(absl::StrCat(absl::string_view(pending_).substr(at), kEnd));
  pending_.clear();
}

void JunitWriter::Flush(Instant now) {
  flush_at_.reset();
  const std::string head = Head(now);
  if (written_ == 0) {
    pending_.insert(0, head);
  }
  // The end goes out with what it ends; what it overwrites was an end too.
  const bool was_well = file_->status().ok();
  file_->WriteAt(written_, pending_ + std::string(kEnd));
  if (was_well && !file_->status().ok() && written_ > 0) {
    // A full disk: what is there stays a whole file.
    file_->CutOff(written_, kEnd);
  }
  written_ += pending_.size();
  pending_.clear();
  file_->WriteAt(0, head);
}

}  // namespace paceline
