#include "cli/junit_writer.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/text.h"
#include "common/model/recycle_reason.h"

namespace paceline {
namespace {

constexpr Duration kFlushAfter = std::chrono::milliseconds(100);
constexpr std::size_t kFlushBytes = 64 * 1024;
constexpr absl::string_view kEnd = "</testsuite>\n</testsuites>\n";

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
  return absl::StrCat(" ", name, "=\"", XmlEscape(value), "\"");
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

std::string OutputText(const CapturedOutput& output) {
  std::string text = XmlEscape(output.head);
  if (output.cut_bytes > 0) {
    absl::StrAppend(&text, "\n[", FormatBytes(output.cut_bytes),
                    " of output cut here]\n");
  }
  absl::StrAppend(&text, XmlEscape(output.tail));
  return text;
}

// <failure message="…" type="timed_out">details</failure>
std::string Problem(absl::string_view element, absl::string_view type,
                    const TestRef& test, const TestResult& result) {
  const std::string position = Position(test, result);
  return absl::StrCat(
      "<", element, Attribute("message", result.message),
      Attribute("type", type), ">",
      position.empty() ? "" : absl::StrCat(XmlEscape(position), "\n"),
      XmlEscape(result.details), "</", element, ">\n");
}

void AppendProperty(absl::string_view name, absl::string_view value,
                    std::string& xml) {
  absl::StrAppend(&xml, "<property", Attribute("name", name),
                  Attribute("value", value), "/>\n");
}

std::string Properties(const TestRef& test, const AttemptEvent& attempt) {
  std::string xml = "<properties>\n";
  AppendProperty("paceline.suite", test.suite, xml);
  AppendProperty("paceline.verdict", ToString(*attempt.verdict), xml);
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
  return xml + "</properties>\n";
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
  return absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"paceline",
      "\"", padded, ">\n<testsuite", Attribute("name", options_.title),
      Attribute("hostname", options_.host),
      Attribute("timestamp", Timestamp(options_.started_unix_ns)), padded,
      ">\n");
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
      absl::StrAppend(
          &earlier_[test.index],
          Problem("rerunFailure", ToString(result.outcome), test, result));
    }
    return;
  }
  const auto [class_name, name] = ClassAndName(test);
  std::string xml = absl::StrCat(
      "<testcase", Attribute("name", name), Attribute("classname", class_name),
      absl::StrFormat(" time=\"%.6f\"", ToSeconds(result.duration)));
  if (!test.file.empty()) {
    absl::StrAppend(&xml, Attribute("file", test.file),
                    absl::StrCat(" line=\"", test.line, "\""));
  }
  if (*attempt.verdict == Verdict::kNotRun) {
    absl::StrAppend(&xml, " status=\"notrun\"");
  }
  absl::StrAppend(&xml, ">\n", Properties(test, attempt));
  const Kind kind = KindOf(attempt, options_);
  const absl::string_view type =
      kind == Kind::kFailure && result.leaked && IsGood(result.outcome)
          ? "leaked"
          : ToString(*attempt.verdict);
  switch (kind) {
    case Kind::kPassed:
      break;
    case Kind::kFailure:
      ++failures_;
      absl::StrAppend(&xml, Problem("failure", type, test, result));
      break;
    case Kind::kError:
      ++errors_;
      absl::StrAppend(&xml, Problem("error", type, test, result));
      break;
    case Kind::kSkipped:
      ++skipped_;
      absl::StrAppend(&xml, "<skipped", Attribute("message", result.message),
                      "/>\n");
      break;
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
  if (!result.output.empty()) {
    absl::StrAppend(&xml, "<system-out>", OutputText(result.output),
                    "</system-out>\n");
  }
  Add(now, xml + "</testcase>\n");
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
    Add(now, absl::StrCat(
                 "<testcase name=\"run\" classname=\"paceline\" "
                 "time=\"0.000\">\n<error",
                 Attribute("message",
                           absl::StrCat(
                               end.without_verdict, " tests have no verdict",
                               end.failure.empty() ? "" : ": ", end.failure)),
                 " type=\"not_run\"></error>\n</testcase>\n"));
  }
  if (file_->seekable()) {
    Flush(now);
    return;
  }
  // Where nothing can be written over, the counts come first and so all of it
  // comes last.
  file_->Append(absl::StrCat(Head(now), pending_, kEnd));
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
