// The run as a JUnit file, in the dialect of Maven's Surefire and of those who
// read it.
//
// The file is whole XML at any moment but within a write: each write ends it
// anew, and the next one goes over that end. A run that is killed leaves a
// valid file with all it had told.

#ifndef PACELINE_CLI_JUNIT_WRITER_H_
#define PACELINE_CLI_JUNIT_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "cli/attempt_text.h"
#include "cli/report_file.h"
#include "cli/run_observer.h"

namespace paceline {

struct JunitOptions {
  std::string title;
  std::string host;
  std::int64_t started_unix_ns = 0;
  bool fail_on_flaky = false;
  bool fail_on_leak = false;
};

class JunitWriter final : public RunObserver {
 public:
  JunitWriter(Instant start, JunitOptions options,
              std::unique_ptr<ReportFile> file);

  void OnDiscoveryError(Instant now, const DiscoveryError& error) override;
  void OnAttempt(Instant now, const TestRef& test,
                 const AttemptEvent& attempt) override;
  void OnEnded(Instant now, const RunEnd& end) override;
  void OnTick(Instant now) override;
  std::optional<Instant> next_deadline() const override;

  const absl::Status& status() const { return file_->status(); }

 private:
  void Add(Instant now, std::string testcase);
  void Flush(Instant now);
  std::string Head(Instant now) const;

  const Instant start_;
  const JunitOptions options_;
  const std::unique_ptr<ReportFile> file_;

  // Attempts of tests that have no verdict yet, as elements.
  absl::btree_map<TestIndex, std::string> earlier_;
  std::uint64_t tests_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t skipped_ = 0;
  // Written up to here, the end not counted.
  std::uint64_t written_ = 0;
  std::string pending_;
  std::optional<Instant> flush_at_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_JUNIT_WRITER_H_
