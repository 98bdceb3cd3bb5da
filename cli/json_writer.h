// The run as JSON, one event a line, as it happens. docs/json-events.md
// describes the events.

#ifndef PACELINE_CLI_JSON_WRITER_H_
#define PACELINE_CLI_JSON_WRITER_H_

#include <memory>
#include <optional>
#include <string>

#include "cli/report_file.h"
#include "cli/run_observer.h"
#include "common/base/ids.h"

namespace paceline {

class JsonWriter final : public RunObserver {
 public:
  // Begins with "run_started".
  JsonWriter(Instant start, const RunId& run, absl::string_view title,
             std::unique_ptr<ReportFile> file);

  void OnDiscovered(Instant now, std::uint64_t tests, bool complete) override;
  void OnDiscoveryError(Instant now, const DiscoveryError& error) override;
  void OnAttempt(Instant now, const TestRef& test,
                 const AttemptEvent& attempt) override;
  void OnTestProperties(Instant now, const TestRef& test, std::uint32_t attempt,
                        const TestProperties& properties) override;
  void OnScopeProperties(Instant now, absl::string_view suite,
                         absl::string_view scope,
                         const TestProperties& properties) override;
  void OnRecycled(Instant now, absl::string_view suite,
                  const RecycledEvent& event) override;
  void OnNote(Instant now, absl::string_view text) override;
  void OnEnded(Instant now, const RunEnd& end) override;
  void OnTick(Instant now) override;
  std::optional<Instant> next_deadline() const override { return flush_at_; }

  // The last line, after everything else is known.
  void WriteExit(Instant now, int exit_code, absl::string_view reason);

  const absl::Status& status() const { return file_->status(); }

 private:
  void Write(Instant now, const std::string& line);
  void Flush();

  const Instant start_;
  const std::unique_ptr<ReportFile> file_;
  std::string pending_;
  std::optional<Instant> flush_at_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_JSON_WRITER_H_
