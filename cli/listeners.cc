#include "cli/listeners.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace paceline {
namespace {

// "tests" and "tests [2/3]" are of the suite "tests".
bool IsOf(absl::string_view name, absl::string_view suite) {
  return absl::ConsumePrefix(&name, suite) &&
         (name.empty() ||
          (absl::StartsWith(name, " [") && absl::EndsWith(name, "]")));
}

}  // namespace

void Listeners::Add(std::string suite,
                    std::shared_ptr<ResultListener> listener) {
  const std::lock_guard lock(mutex_);
  entries_.push_back({std::move(suite), std::move(listener)});
}

void Listeners::OnAttempt(Instant /*now*/, const TestRef& test,
                          const AttemptEvent& attempt) {
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : entries_) {
    if (!IsOf(test.suite, entry.suite)) {
      continue;
    }
    HeardResult heard;
    heard.test = std::string(test.name);
    heard.outcome = attempt.result.outcome;
    heard.verdict = attempt.verdict;
    heard.duration = attempt.result.duration;
    heard.message = attempt.result.message;
    heard.details = attempt.result.details;
    heard.report = attempt.result.report;
    if (!attempt.agent.empty()) {
      heard.worker = absl::StrCat(attempt.agent, ":", attempt.worker);
    }
    entry.listener->OnResult(std::move(heard));
    return;
  }
}

void Listeners::OnWorkerReport(Instant /*now*/, absl::string_view suite,
                               absl::string_view worker, std::string report) {
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : entries_) {
    if (IsOf(suite, entry.suite)) {
      entry.listener->OnWorkerReport(std::string(worker), std::move(report));
      return;
    }
  }
}

ResultListener::End Listeners::Finish(bool interrupted,
                                      const std::function<bool()>& cancelled) {
  std::vector<Entry> entries;
  {
    const std::lock_guard lock(mutex_);
    entries.swap(entries_);
  }
  ResultListener::End all;
  for (const Entry& entry : entries) {
    const ResultListener::End end =
        entry.listener->Finish(interrupted, cancelled);
    all.text += end.text;
    if (!all.text.empty() && all.text.back() != '\n') {
      all.text += '\n';
    }
    if (all.error.empty()) {
      all.error = end.error;
    }
  }
  return all;
}

}  // namespace paceline
