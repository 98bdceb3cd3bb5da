// What a run came to: counts, what failed, what was slow, what was replaced,
// and the facts that the exit code is drawn from.

#ifndef PACELINE_CLI_SUMMARY_H_
#define PACELINE_CLI_SUMMARY_H_

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "cli/attempt_text.h"
#include "cli/exit_code.h"
#include "cli/run_observer.h"

namespace paceline {

class Summary final : public RunObserver {
 public:
  Summary(Instant start, ViewOptions options);

  void OnDiscoveryError(Instant now, const DiscoveryError& error) override;
  void OnAttempt(Instant now, const TestRef& test,
                 const AttemptEvent& attempt) override;
  void OnRecycled(Instant now, absl::string_view suite,
                  const RecycledEvent& event) override;
  void OnEnded(Instant now, const RunEnd& end) override;

  // Fills in all that was seen; the rest of `facts` is as it was.
  void AddTo(RunFacts& facts) const;

  // Whole lines. Failures' output was shown as it came and is not repeated.
  std::string Text(const RunFacts& facts) const;

 private:
  // Enough to name a test, and short, so that a run in which everything fails
  // is bounded too.
  struct Line {
    std::string name;
    std::string message;
  };
  struct List {
    std::vector<Line> lines;
    std::uint64_t count = 0;
  };
  struct Slow {
    Duration duration{};
    std::string name;
  };
  // Tests that were not run, for one reason.
  struct NotRun {
    std::uint64_t count = 0;
    std::vector<std::string> names;  // of the first few
  };
  struct Recycles {
    std::uint64_t count = 0;
    std::string last;
  };

  static void Note(List& list, absl::string_view name,
                   absl::string_view message);
  void NoteNotRun(const std::string& name, absl::string_view reason);
  void AppendNotRun(std::string& text) const;
  void AppendList(absl::string_view title, const List& list,
                  std::string& text) const;

  const Instant start_;
  const ViewOptions options_;
  Duration wall_{};
  RunEnd end_;
  std::array<std::uint64_t, kVerdictCount> verdicts_{};
  std::uint64_t test_failures_ = 0;
  std::uint64_t infrastructure_failures_ = 0;
  std::uint64_t recycled_ = 0;
  List unseen_;  // targets that could not be looked into
  List bad_;
  // By the reason. One cancellation makes thousands of them.
  absl::btree_map<std::string, NotRun> not_run_;
  std::uint64_t not_run_elsewhere_ = 0;  // for reasons past the bound
  List flaky_;
  List leaked_;
  // By the reason that was given.
  absl::btree_map<std::string, std::uint64_t> reruns_;
  absl::btree_map<std::pair<std::string, RecycleSignal>, Recycles> recycles_;
  std::vector<Slow> slowest_;  // the slowest first
};

}  // namespace paceline

#endif  // PACELINE_CLI_SUMMARY_H_
