// A run as plain lines, for logs and pipes: no control codes.

#ifndef PACELINE_CLI_PLAIN_VIEW_H_
#define PACELINE_CLI_PLAIN_VIEW_H_

#include <cstdint>
#include <optional>

#include "cli/attempt_text.h"
#include "cli/run_observer.h"

namespace paceline {

// Failures with their output as they come, and a line of progress every ten
// seconds or tenth of the run, whichever is sooner.
class PlainView final : public RunObserver {
 public:
  PlainView(Instant start, ViewOptions options, TextSink sink);

  void OnDiscovered(Instant now, std::uint64_t tests, bool complete) override;
  void OnDiscoveryError(Instant now, const DiscoveryError& error) override;
  void OnAttempt(Instant now, const TestRef& test,
                 const AttemptEvent& attempt) override;
  void OnRecycled(Instant now, absl::string_view suite,
                  const RecycledEvent& event) override;
  void OnNote(Instant now, absl::string_view text) override;
  void OnProgress(Instant now, const ProgressRef& progress) override;
  void OnEnded(Instant now, const RunEnd& end) override;
  void OnTick(Instant now) override;
  std::optional<Instant> next_deadline() const override;

 private:
  void WriteProgress(Instant now);

  const Instant start_;
  const ViewOptions options_;
  const TextSink sink_;
  std::uint64_t tests_ = 0;
  bool complete_ = false;
  std::uint64_t settled_ = 0;
  std::uint64_t bad_ = 0;
  std::size_t running_ = 0;
  bool ended_ = false;
  Instant next_line_{};
  std::uint64_t next_settled_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_CLI_PLAIN_VIEW_H_
