// Stand-ins for the agent behind a runner and for the client behind a
// discovery, which remember what they are told.

#ifndef PACELINE_TESTS_SUPPORT_WORKER_FAKES_H_
#define PACELINE_TESTS_SUPPORT_WORKER_FAKES_H_

#include <sys/eventfd.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/fd.h"
#include "worker/discovery/discovery.h"
#include "worker/lib/worker.h"

namespace paceline {

class RecordingSink final : public DiscoverySink {
 public:
  SuiteIndex AddSuite(SuiteSpec suite) override {
    suites.push_back(std::move(suite));
    return static_cast<SuiteIndex>(suites.size() - 1);
  }
  void AddTest(TestSpec test) override { tests.push_back(std::move(test)); }
  void AddError(DiscoveryError error) override {
    errors.push_back(std::move(error));
  }
  void AddNote(std::string text) override { notes.push_back(std::move(text)); }
  void AddListener(SuiteIndex /*suite*/,
                   std::shared_ptr<ResultListener> listener) override {
    listeners.push_back(std::move(listener));
  }
  bool cancelled() const override { return is_cancelled; }

  // Of that name; there must be one.
  const TestSpec& Test(const std::string& name) const {
    const auto found = std::find_if(
        tests.begin(), tests.end(),
        [&name](const TestSpec& test) { return test.name == name; });
    PACELINE_CHECK(found != tests.end());
    return *found;
  }

  bool is_cancelled = false;
  std::vector<SuiteSpec> suites;
  std::vector<TestSpec> tests;
  std::vector<DiscoveryError> errors;
  std::vector<std::string> notes;
  std::vector<std::shared_ptr<ResultListener>> listeners;
};

class RecordingReporter final : public UnitReporter {
 public:
  RecordingReporter() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    PACELINE_CHECK(wake_.valid());
  }

  // Shows from now on, and wakes a runner that waits.
  void RequestStop() {
    stop_ = true;
    Wake();
  }
  void Terminate() {
    terminating_ = true;
    Wake();
  }

  // UnitReporter
  void TestStarted(std::uint32_t test) override {
    started.push_back(test);
    if (on_started) {
      on_started(test);
    }
  }
  void TestFinished(std::uint32_t test, TestResult result) override {
    PACELINE_CHECK(results.emplace(test, std::move(result)).second);
  }
  void TestDeadline(std::uint32_t test, Duration timeout) override {
    deadlines[test].push_back(timeout);
    if (on_deadline) {
      on_deadline();
    }
  }
  void Extra(ExtraResult extra) override { extras.push_back(std::move(extra)); }
  void LateProperties(std::uint32_t test, TestProperties properties) override {
    PACELINE_CHECK(results.contains(test));
    late_properties[test] = std::move(properties);
  }
  bool StopRequested() override {
    asked_ = true;
    return stop_ || terminating_;
  }
  bool Terminating() const override { return terminating_; }
  Duration term_grace() const override { return grace; }
  void Kept(const std::vector<pid_t>& pids) override {
    kept.insert(kept.end(), pids.begin(), pids.end());
  }
  int wake_fd() const override {
    if (on_wait) {
      on_wait(std::exchange(asked_, false));
    }
    return wake_.get();
  }

  // Called while the test is about to start.
  std::function<void(std::uint32_t)> on_started;
  // Called when a test's clock starts anew: while it runs.
  std::function<void()> on_deadline;
  // Called before each wait; whether StopRequested was asked since the last.
  std::function<void(bool)> on_wait;
  std::vector<std::uint32_t> started;
  std::map<std::uint32_t, TestResult> results;
  std::map<std::uint32_t, std::vector<Duration>> deadlines;
  std::vector<ExtraResult> extras;
  std::map<std::uint32_t, TestProperties> late_properties;
  std::vector<pid_t> kept;
  Duration grace{};

 private:
  void Wake() { eventfd_write(wake_.get(), 1); }

  Fd wake_;
  bool stop_ = false;
  bool terminating_ = false;
  mutable bool asked_ = false;
};

}  // namespace paceline

#endif  // PACELINE_TESTS_SUPPORT_WORKER_FAKES_H_
