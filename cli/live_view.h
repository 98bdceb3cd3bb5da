// A run on a terminal: what scrolls by stays above a few lines that are drawn
// again and again.

#ifndef PACELINE_CLI_LIVE_VIEW_H_
#define PACELINE_CLI_LIVE_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/attempt_text.h"
#include "cli/run_observer.h"
#include "cli/terminal.h"

namespace paceline {

// A bar with counts and an estimate of the time left, and what runs now. Drawn
// at most ten times a second. The cursor is left where it is, nothing of the
// terminal's state is changed: whatever ends the program, the terminal is
// usable.
class LiveView final : public RunObserver {
 public:
  // `shape` says how large the terminal is now.
  LiveView(Instant start, ViewOptions options,
           std::function<TerminalShape()> shape, TextSink sink);

  void OnDiscovered(Instant now, std::uint64_t tests, bool complete) override;
  void OnDiscoveryError(Instant now, const DiscoveryError& error) override;
  void OnAttempt(Instant now, const TestRef& test,
                 const AttemptEvent& attempt) override;
  void OnRecycled(Instant now, absl::string_view suite,
                  const RecycledEvent& event) override;
  void OnNote(Instant now, absl::string_view text) override;
  void OnProgress(Instant now, const ProgressRef& progress) override;
  // Takes the lines away.
  void OnEnded(Instant now, const RunEnd& end) override;
  void OnTick(Instant now) override;
  std::optional<Instant> next_deadline() const override;

  // Prints whole lines above; for log lines and sentences of others.
  void WriteAbove(absl::string_view lines);
  // Takes the lines away at once, to leave the terminal to somebody else.
  void Clear();

 private:
  struct Running {
    std::string name;
    std::string agent;
    Instant since{};
  };

  void Changed() { dirty_ = true; }
  void Draw(Instant now);
  std::string EraseText();
  std::string BarLine(Instant now, std::size_t columns) const;
  std::string TimeLeft(Instant now) const;

  const Instant start_;
  const ViewOptions options_;
  const std::function<TerminalShape()> shape_;
  const TextSink sink_;

  std::uint64_t tests_ = 0;
  bool complete_ = false;
  std::uint64_t settled_ = 0;
  std::uint64_t bad_ = 0;
  std::uint64_t flaky_ = 0;
  std::uint64_t skipped_ = 0;
  std::uint32_t agents_ = 0;
  std::uint32_t slots_ = 0;
  std::vector<Running> running_;

  bool dirty_ = true;
  bool ended_ = false;
  // The widths of the lines that are drawn now, and when they may be drawn
  // again.
  std::vector<std::size_t> drawn_;
  Instant next_draw_{};
};

}  // namespace paceline

#endif  // PACELINE_CLI_LIVE_VIEW_H_
