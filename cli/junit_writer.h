// The run as a JUnit file, in the dialect of Maven's Surefire and of those who
// read it.
//
// The file is whole XML at any moment but within a write: each write ends it
// anew, and the next one goes over that end. A run that is killed leaves a
// valid file with all it had told.
//
// Properties that come after their test was written, as GoogleTest's do, are
// put in at the run's end, all in one step.

#ifndef PACELINE_CLI_JUNIT_WRITER_H_
#define PACELINE_CLI_JUNIT_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "cli/attempt_text.h"
#include "cli/late_texts.h"
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
  void OnTestProperties(Instant now, const TestRef& test, std::uint32_t attempt,
                        const TestProperties& properties) override;
  void OnScopeProperties(Instant now, absl::string_view suite,
                         absl::string_view scope,
                         const TestProperties& properties) override;
  void OnEnded(Instant now, const RunEnd& end) override;
  void OnTick(Instant now) override;
  std::optional<Instant> next_deadline() const override;

  const absl::Status& status() const { return file_->status(); }

 private:
  // Where more properties of a test go.
  struct Place {
    std::uint64_t at = 0;
    std::uint32_t attempt = 0;
  };

  // How much there is before what is added next.
  std::uint64_t size() const { return written_ + pending_.size(); }
  void Add(Instant now, std::string testcase);
  std::string ScopeProperties() const;
  void Flush(Instant now);
  std::string Head(Instant now) const;

  const Instant start_;
  const JunitOptions options_;
  const std::unique_ptr<ReportFile> file_;

  // Attempts of tests that have no verdict yet, as elements.
  absl::btree_map<TestIndex, std::string> earlier_;
  // Of tests that have a verdict.
  absl::btree_map<TestIndex, Place> places_;
  LateTexts late_;
  // Of scopes and suites. The last value counts, as in GoogleTest.
  absl::btree_map<std::string, std::string> scope_properties_;
  std::size_t scope_properties_bytes_ = 0;
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
