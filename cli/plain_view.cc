#include "cli/plain_view.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/text.h"

namespace paceline {
namespace {

constexpr Duration kInterval = std::chrono::seconds(10);
// A run this short needs no line of progress but for time.
constexpr std::uint64_t kFewTests = 100;

}  // namespace

PlainView::PlainView(Instant start, ViewOptions options, TextSink sink)
    : start_(start),
      options_(options),
      sink_(std::move(sink)),
      next_line_(start + kInterval) {}

void PlainView::OnDiscovered(Instant, std::uint64_t tests, bool complete) {
  tests_ = tests;
  if (complete && !complete_) {
    next_settled_ = settled_ + tests / 10;
  }
  complete_ = complete;
}

void PlainView::OnDiscoveryError(Instant, const DiscoveryError& error) {
  sink_(absl::StrCat("ERROR ", PrintableLine(error.target), ": ",
                     Printable(error.message, false), "\n"));
}

void PlainView::OnAttempt(Instant now, const TestRef& test,
                          const AttemptEvent& attempt) {
  if (attempt.verdict.has_value()) {
    settled_ += test.extra ? 0u : 1u;
    bad_ += IsBad(attempt, options_) ? 1u : 0u;
  }
  const std::string report = AttemptReport(test, attempt, options_);
  if (!report.empty()) {
    sink_(report);
  }
  if (complete_ && tests_ >= kFewTests && settled_ >= next_settled_ &&
      settled_ < tests_) {
    WriteProgress(now);
  }
}

void PlainView::OnRecycled(Instant, absl::string_view suite,
                           const RecycledEvent& event) {
  if (options_.verbosity == Verbosity::kVerbose) {
    sink_(absl::StrCat("RECYCLED worker ", event.worker, " of ",
                       PrintableLine(event.agent), " (", PrintableLine(suite),
                       "): ", ToString(event.reason), "\n"));
  }
}

void PlainView::OnNote(Instant, absl::string_view text) {
  if (options_.verbosity != Verbosity::kQuiet) {
    sink_(absl::StrCat("note: ", PrintableLine(text), "\n"));
  }
}

void PlainView::OnProgress(Instant, const ProgressRef& progress) {
  running_ = progress.running.size();
}

void PlainView::OnEnded(Instant, const RunEnd&) { ended_ = true; }

void PlainView::OnTick(Instant now) {
  if (!ended_ && now >= next_line_) {
    WriteProgress(now);
  }
}

std::optional<Instant> PlainView::next_deadline() const {
  return ended_ ? std::nullopt : std::optional<Instant>(next_line_);
}

void PlainView::WriteProgress(Instant now) {
  next_line_ = now + kInterval;
  next_settled_ = settled_ + tests_ / 10;
  if (options_.verbosity == Verbosity::kQuiet) {
    return;
  }
  sink_(absl::StrCat("[", FormatDuration(now - start_), "] ", settled_, " of ",
                     tests_, complete_ ? "" : " found so far", " done, ", bad_,
                     " failed, ", running_, " running\n"));
}

}  // namespace paceline
