#include "cli/summary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/text.h"

namespace paceline {
namespace {

constexpr std::size_t kMaxLines = 100;
constexpr std::size_t kMaxRecycleLines = 10;
constexpr std::size_t kMaxNotRunNames = 3;
constexpr std::size_t kSlowest = 5;
// Shorter tests are not worth naming.
constexpr Duration kSlow = std::chrono::milliseconds(100);

}  // namespace

Summary::Summary(Instant start, ViewOptions options)
    : start_(start), options_(options) {}

void Summary::Note(List& list, absl::string_view name,
                   absl::string_view message) {
  if (list.count++ < kMaxLines) {
    list.lines.push_back(
        {PrintableLine(name), Fit(PrintableLine(message), 200)});
  }
}

void Summary::OnDiscoveryError(Instant, const DiscoveryError& error) {
  const absl::string_view message = error.message;
  Note(unseen_, error.target, message.substr(0, message.find('\n')));
}

void Summary::OnAttempt(Instant, const TestRef& test,
                        const AttemptEvent& attempt) {
  if (!attempt.rerun.empty()) {
    ++reruns_[attempt.rerun];
  }
  if (!attempt.verdict.has_value()) {
    return;
  }
  const Verdict verdict = *attempt.verdict;
  const TestResult& result = attempt.result;
  ++verdicts_[static_cast<std::size_t>(verdict)];
  if (IsBad(attempt, options_)) {
    if (IsGood(verdict, /*fail_on_flaky=*/false) || IsTestFailure(verdict)) {
      ++test_failures_;
    } else {
      ++infrastructure_failures_;
    }
    if (verdict == Verdict::kNotRun) {
      NoteNotRun(DisplayName(test), result.message);
    } else {
      Note(bad_, DisplayName(test),
           absl::StrCat(VerdictWord(verdict, false),
                        result.message.empty() ? "" : ": ", result.message));
    }
  }
  if (verdict == Verdict::kFlaky) {
    Note(flaky_, DisplayName(test),
         absl::StrCat("passed at attempt ", attempt.attempt));
  }
  if (result.leaked) {
    Note(leaked_, DisplayName(test),
         "something it left behind held its output");
  }
  if (result.duration >= kSlow &&
      (slowest_.size() < kSlowest ||
       result.duration > slowest_.back().duration)) {
    const auto at = std::upper_bound(
        slowest_.begin(), slowest_.end(), result.duration,
        [](Duration d, const Slow& slow) { return d > slow.duration; });
    slowest_.insert(at, {result.duration, PrintableLine(DisplayName(test))});
    if (slowest_.size() > kSlowest) {
      slowest_.pop_back();
    }
  }
}

void Summary::OnRecycled(Instant, absl::string_view suite,
                         const RecycledEvent& event) {
  ++recycled_;
  Recycles& recycles = recycles_[{PrintableLine(suite), event.reason.signal}];
  ++recycles.count;
  recycles.last = ToString(event.reason);
}

void Summary::OnEnded(Instant now, const RunEnd& end) {
  wall_ = now - start_;
  end_ = end;
}

void Summary::AddTo(RunFacts& facts) const {
  facts.test_failures = test_failures_;
  facts.infrastructure_failures = infrastructure_failures_;
  facts.discovery_errors = unseen_.count;
  facts.without_verdict = end_.without_verdict;
  facts.green = end_.green;
  if (facts.failure.empty()) {
    facts.failure = end_.failure;
  }
}

void Summary::NoteNotRun(const std::string& name, absl::string_view reason) {
  const std::string why =
      reason.empty() ? "no reason is known" : Fit(PrintableLine(reason), 200);
  if (not_run_.size() == kMaxLines && !not_run_.contains(why)) {
    ++not_run_elsewhere_;
    return;
  }
  NotRun& entry = not_run_[why];
  if (entry.count++ < kMaxNotRunNames) {
    entry.names.push_back(PrintableLine(name));
  }
}

void Summary::AppendNotRun(std::string& text) const {
  if (not_run_.empty()) {
    return;
  }
  text += "Not run:\n";
  for (const auto& [reason, entry] : not_run_) {
    absl::StrAppend(
        &text, "  ",
        entry.count > 1 ? absl::StrCat(entry.count, " tests: ") : "",
        absl::StrJoin(entry.names, ", "),
        entry.count > entry.names.size() ? ", …" : "", "  (", reason, ")\n");
  }
  if (not_run_elsewhere_ > 0) {
    absl::StrAppend(&text, "  … and ", not_run_elsewhere_, " more\n");
  }
}

void Summary::AppendList(absl::string_view title, const List& list,
                         std::string& text) const {
  if (list.count == 0) {
    return;
  }
  absl::StrAppend(&text, title, ":\n");
  for (const Line& line : list.lines) {
    absl::StrAppend(&text, "  ", line.name, "  (", line.message, ")\n");
  }
  if (list.count > list.lines.size()) {
    absl::StrAppend(&text, "  … and ", list.count - list.lines.size(),
                    " more\n");
  }
}

std::string Summary::Text(const RunFacts& facts) const {
  std::string text;
  if (options_.verbosity != Verbosity::kQuiet) {
    for (const Slow& slow : slowest_) {
      absl::StrAppend(&text, text.empty() ? "Slowest:\n" : "", "  ",
                      FormatDuration(slow.duration), "  ", slow.name, "\n");
    }
  }
  if (!recycles_.empty()) {
    absl::StrAppend(&text, "Replaced ", Count(recycled_, "worker", "workers"),
                    ":\n");
    std::size_t lines = 0;
    for (const auto& [key, recycles] : recycles_) {
      if (++lines > kMaxRecycleLines) {
        absl::StrAppend(&text, "  … and ", recycles_.size() - kMaxRecycleLines,
                        " more reasons\n");
        break;
      }
      absl::StrAppend(&text, "  ", recycles.count, " of ", key.first, ": ",
                      recycles.count > 1 ? "last " : "", recycles.last, "\n");
    }
  }
  for (const auto& [reason, count] : reruns_) {
    absl::StrAppend(&text, count, " more ", count == 1 ? "attempt" : "attempts",
                    ": ", PrintableLine(reason), "\n");
  }
  AppendList("Leaked", leaked_, text);
  AppendList("Flaky", flaky_, text);
  if (end_.tests > 0) {  // else it was said just now
    AppendList("Not looked into", unseen_, text);
  }
  AppendNotRun(text);
  AppendList("Bad", bad_, text);

  std::vector<std::string> counts;
  for (int i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    const std::uint64_t count = verdicts_[static_cast<std::size_t>(i)];
    if (count > 0) {
      counts.push_back(absl::StrCat(count, " ", ToString(verdict)));
    }
  }
  if (end_.without_verdict > 0) {
    counts.push_back(absl::StrCat(end_.without_verdict, " without a verdict"));
  }
  absl::StrAppend(&text, Count(end_.tests, "test", "tests"), " in ",
                  FormatDuration(wall_), counts.empty() ? "" : ": ",
                  absl::StrJoin(counts, ", "), "\n");
  // Why it is not green is in the last line anyway.
  if (end_.cancelled && !end_.reason.empty() && facts.failure != end_.reason) {
    absl::StrAppend(&text, PrintableLine(end_.reason), "\n");
  }
  const bool good = DecideExitCode(facts) == ExitCode::kGreen;
  // A failure's sentence goes to standard error.
  const std::string why = ExplainExitCode(facts);
  const std::string verdict = why == facts.failure ? "not green" : why;
  if (options_.colour) {
    absl::StrAppend(&text, good ? "\x1b[32m" : "\x1b[31m", verdict,
                    "\x1b[0m\n");
  } else {
    absl::StrAppend(&text, verdict, "\n");
  }
  return text;
}

}  // namespace paceline
