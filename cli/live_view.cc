#include "cli/live_view.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/text.h"

namespace paceline {
namespace {

constexpr Duration kFrame = std::chrono::milliseconds(100);
// Without news only times move, and those are shown in seconds.
constexpr Duration kIdleFrame = std::chrono::seconds(1);
constexpr std::size_t kMaxRunning = 8;
constexpr std::size_t kBar = 20;
constexpr std::uint64_t kEnoughForEstimate = 5;

std::string Coloured(absl::string_view text, absl::string_view colour,
                     bool wanted) {
  return wanted ? absl::StrCat(colour, text, "\x1b[0m") : std::string(text);
}

}  // namespace

LiveView::LiveView(Instant start, ViewOptions options,
                   std::function<TerminalShape()> shape, TextSink sink)
    : start_(start),
      options_(options),
      shape_(std::move(shape)),
      sink_(std::move(sink)),
      next_draw_(start) {}

void LiveView::OnDiscovered(Instant, std::uint64_t tests, bool complete) {
  tests_ = tests;
  complete_ = complete;
  Changed();
}

void LiveView::OnDiscoveryError(Instant, const DiscoveryError& error) {
  WriteAbove(absl::StrCat(Coloured("ERROR", "\x1b[31m", options_.colour), " ",
                          PrintableLine(error.target), ": ",
                          Printable(error.message, options_.colour), "\n"));
}

void LiveView::OnAttempt(Instant, const TestRef& test,
                         const AttemptEvent& attempt) {
  if (attempt.verdict.has_value()) {
    settled_ += test.extra ? 0u : 1u;
    bad_ += IsBad(attempt, options_) ? 1u : 0u;
    flaky_ += *attempt.verdict == Verdict::kFlaky ? 1u : 0u;
    skipped_ += *attempt.verdict == Verdict::kSkipped ? 1u : 0u;
  }
  const std::string report = AttemptReport(test, attempt, options_);
  if (!report.empty()) {
    WriteAbove(report);
  }
  Changed();
}

void LiveView::OnRecycled(Instant, absl::string_view suite,
                          const RecycledEvent& event) {
  if (options_.verbosity == Verbosity::kVerbose) {
    WriteAbove(absl::StrCat(
        "RECYCLED worker ", event.worker, " of ", PrintableLine(event.agent),
        " (", PrintableLine(suite), "): ", ToString(event.reason), "\n"));
  }
}

void LiveView::OnNote(Instant, absl::string_view text) {
  if (options_.verbosity != Verbosity::kQuiet) {
    WriteAbove(absl::StrCat("note: ", PrintableLine(text), "\n"));
  }
}

void LiveView::OnProgress(Instant now, const ProgressRef& progress) {
  agents_ = progress.agents;
  slots_ = progress.slots;
  running_.clear();
  for (const RunningRef& running : progress.running) {
    if (running_.size() == kMaxRunning) {
      break;
    }
    running_.push_back({PrintableLine(DisplayName(running.test)),
                        PrintableLine(running.agent), now - running.running});
  }
  Changed();
}

void LiveView::OnEnded(Instant, const RunEnd&) {
  ended_ = true;
  Clear();
}

void LiveView::OnTick(Instant now) {
  const std::optional<Instant> deadline = next_deadline();
  if (deadline.has_value() && now >= *deadline) {
    Draw(now);
  }
}

std::optional<Instant> LiveView::next_deadline() const {
  if (ended_) {
    return std::nullopt;
  }
  return dirty_ ? next_draw_ : next_draw_ - kFrame + kIdleFrame;
}

void LiveView::WriteAbove(absl::string_view lines) {
  // The block comes back with the next frame; drawing it here would mean a
  // frame for every failure.
  sink_(absl::StrCat(EraseText(), lines));
  Changed();
}

void LiveView::Clear() {
  const std::string erase = EraseText();
  if (!erase.empty()) {
    sink_(erase);
  }
}

std::string LiveView::EraseText() {
  if (drawn_.empty()) {
    return "";
  }
  // The cursor stands on the block's last row. A terminal that was made
  // narrower meanwhile has folded long lines into several rows.
  const auto columns = static_cast<std::size_t>(std::max(shape_().columns, 1));
  std::size_t rows = 0;
  for (const std::size_t width : drawn_) {
    rows += std::max<std::size_t>(1, (width + columns - 1) / columns);
  }
  std::string text = "\r";
  if (rows > 1) {
    absl::StrAppend(&text, "\x1b[", rows - 1, "A");
  }
  text += "\x1b[J";
  drawn_.clear();
  return text;
}

void LiveView::Draw(Instant now) {
  const TerminalShape shape = shape_();
  // The last column stays free: some terminals fold a line that fills it.
  const auto columns = static_cast<std::size_t>(std::max(shape.columns, 2)) - 1;
  // A row is left for what scrolls by, and one for the bar.
  const std::size_t most =
      static_cast<std::size_t>(std::max(shape.rows, 2)) - 2;
  std::string text = EraseText();
  const std::string bar = BarLine(now, columns);
  drawn_.push_back(Columns(bar));
  absl::StrAppend(&text, bar);
  for (const Running& running : running_) {
    if (drawn_.size() > most) {
      break;
    }
    std::string line = absl::StrCat(
        "  ",
        FormatDuration(
            std::chrono::floor<std::chrono::milliseconds>(now - running.since)),
        "  ", running.name);
    if (agents_ > 1) {
      absl::StrAppend(&line, "  on ", running.agent);
    }
    line = Fit(line, columns);
    drawn_.push_back(Columns(line));
    absl::StrAppend(&text, "\n", line);
  }
  sink_(text);
  dirty_ = false;
  next_draw_ = now + kFrame;
}

std::string LiveView::BarLine(Instant now, std::size_t columns) const {
  const std::size_t filled =
      tests_ == 0 ? 0
                  : static_cast<std::size_t>(std::min<std::uint64_t>(
                        settled_ * kBar / tests_, kBar));
  std::string counts = absl::StrCat(
      " ", settled_, "/", tests_, complete_ ? "" : "+", "  ",
      FormatDuration(std::chrono::floor<std::chrono::seconds>(now - start_)));
  absl::StrAppend(&counts, TimeLeft(now));
  if (skipped_ > 0) {
    absl::StrAppend(&counts, "  ", skipped_, " skipped");
  }
  if (flaky_ > 0) {
    absl::StrAppend(&counts, "  ", flaky_, " flaky");
  }
  if (agents_ > 1) {
    absl::StrAppend(&counts, "  ", agents_, " agents, ", slots_, " slots");
  }
  const std::string failed =
      bad_ > 0 ? absl::StrCat("  ", bad_, " failed") : std::string();
  const std::string bar = absl::StrCat("[", std::string(filled, '#'),
                                       std::string(kBar - filled, '.'), "]");
  // What failed stays in sight on a narrow terminal.
  const std::size_t taken = bar.size() + failed.size();
  if (taken >= columns) {
    return Fit(absl::StrCat(bar, failed), columns);
  }
  return absl::StrCat(
      Coloured(bar, bad_ > 0 ? "\x1b[31m" : "\x1b[32m", options_.colour),
      Coloured(failed, "\x1b[31m", options_.colour && bad_ > 0),
      Fit(counts, columns - taken));
}

std::string LiveView::TimeLeft(Instant now) const {
  if (!complete_ || settled_ < kEnoughForEstimate || settled_ >= tests_) {
    return "";
  }
  const double left = ToSeconds(now - start_) *
                      static_cast<double>(tests_ - settled_) /
                      static_cast<double>(settled_);
  return absl::StrCat(", ",
                      FormatDuration(std::chrono::ceil<std::chrono::seconds>(
                          FromSeconds(left))),
                      " left");
}

}  // namespace paceline
