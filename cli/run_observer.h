// Those who are told what happens in a run: the views, the reports, the
// summary. They decide nothing.

#ifndef PACELINE_CLI_RUN_OBSERVER_H_
#define PACELINE_CLI_RUN_OBSERVER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cli/test_table.h"
#include "common/base/clock.h"
#include "common/model/manifest.h"
#include "common/wire/messages.h"

namespace paceline {

// A test that runs now.
struct RunningRef {
  TestRef test;
  absl::string_view agent;
  Duration running{};
};

// What runs now. A few a second at most, and some may be missed.
struct ProgressRef {
  std::uint32_t agents = 0;
  std::uint32_t slots = 0;
  std::vector<RunningRef> running;  // the longest running first
};

// How the run ended, as far as the client could see.
struct RunEnd {
  bool green = false;
  bool cancelled = false;
  // Of a cancellation, or of not being green; may be empty.
  std::string reason;
  // Set when the run did not end but was given up: a sentence.
  std::string failure;
  // Tests with those that discovery did not name, and how many of them have
  // no verdict.
  std::uint64_t tests = 0;
  std::uint64_t without_verdict = 0;
};

// All views of names are good until the run's table goes; those into events
// only during the call.
class RunObserver {
 public:
  virtual ~RunObserver() = default;

  // Tests known so far; `complete` once discovery is over.
  virtual void OnDiscovered(Instant /*now*/, std::uint64_t /*tests*/,
                            bool /*complete*/) {}
  virtual void OnDiscoveryError(Instant /*now*/,
                                const DiscoveryError& /*error*/) {}
  // One attempt ended; its output is whole. `attempt.verdict` is set when that
  // settled the test, which happens once a test.
  virtual void OnAttempt(Instant /*now*/, const TestRef& /*test*/,
                         const AttemptEvent& /*attempt*/) {}
  // What a test recorded, where that came to be known after its attempt.
  virtual void OnTestProperties(Instant /*now*/, const TestRef& /*test*/,
                                std::uint32_t /*attempt*/,
                                const TestProperties& /*properties*/) {}
  // What was recorded for a scope, or for the suite where `scope` is empty;
  // once a process of the suite.
  virtual void OnScopeProperties(Instant /*now*/, absl::string_view /*suite*/,
                                 absl::string_view /*scope*/,
                                 const TestProperties& /*properties*/) {}
  virtual void OnRecycled(Instant /*now*/, absl::string_view /*suite*/,
                          const RecycledEvent& /*event*/) {}
  // A worker of `suite` has left, and this is what it had for whoever
  // discovered its tests.
  virtual void OnWorkerReport(Instant /*now*/, absl::string_view /*suite*/,
                              absl::string_view /*worker*/,
                              std::string /*report*/) {}
  // Something that people should read, from the coordinator, an agent or us.
  virtual void OnNote(Instant /*now*/, absl::string_view /*text*/) {}
  virtual void OnProgress(Instant /*now*/, const ProgressRef& /*progress*/) {}
  // The last call but for OnTick, once nothing can change how it ended any
  // more. Whoever holds the run makes it.
  virtual void OnEnded(Instant /*now*/, const RunEnd& /*end*/) {}

  // For those that draw as time passes.
  virtual void OnTick(Instant /*now*/) {}
  virtual std::optional<Instant> next_deadline() const { return std::nullopt; }
};

// Tells several, in order.
class ObserverList final : public RunObserver {
 public:
  // Not owned.
  void Add(RunObserver* observer) { observers_.push_back(observer); }

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
  void OnWorkerReport(Instant now, absl::string_view suite,
                      absl::string_view worker, std::string report) override;
  void OnNote(Instant now, absl::string_view text) override;
  void OnProgress(Instant now, const ProgressRef& progress) override;
  void OnEnded(Instant now, const RunEnd& end) override;
  void OnTick(Instant now) override;
  std::optional<Instant> next_deadline() const override;

 private:
  std::vector<RunObserver*> observers_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_RUN_OBSERVER_H_
