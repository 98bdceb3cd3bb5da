// The seam between a runner's discovery and whoever collects a manifest.
//
// Discovery is done once, by the client. It hands over suites and tests as it
// finds them, so that the first units run while it goes on.

#ifndef PACELINE_WORKER_DISCOVERY_DISCOVERY_H_
#define PACELINE_WORKER_DISCOVERY_DISCOVERY_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/model/manifest.h"
#include "common/model/outcome.h"

namespace paceline {

// One attempt, as whoever discovered the test hears of it.
struct HeardResult {
  std::string test;
  Outcome outcome = Outcome::kNotRun;
  // The test's, where this attempt settled it.
  std::optional<Verdict> verdict;
  Duration duration{};
  std::string message;
  std::string details;
  // What the worker sent for the discoverer alone (TestResult::report).
  std::string report;
  std::string worker;
};

// Somebody who stays after discovery, to hear what becomes of its tests: the
// session that a framework's plugins live in.
class ResultListener {
 public:
  virtual ~ResultListener() = default;
  // Never waits.
  virtual void OnResult(HeardResult result) = 0;
  // A worker has left, and this is what it had for the listener: see
  // SuiteSpec::last_words. Never waits.
  virtual void OnWorkerReport(std::string /*worker*/, std::string /*report*/) {}

  struct End {
    // For people, at the run's end; may be empty.
    std::string text;
    // Not empty: the run is not good, and why.
    std::string error;
  };
  // No result follows. Waits, but not for ever, and no longer when `cancelled`,
  // which is asked a few times a second, says so.
  virtual End Finish(bool interrupted,
                     const std::function<bool()>& cancelled) = 0;
};

// What Python runners are told.
struct PythonOptions {
  // The interpreter; empty: look for it.
  std::string python;
  // For the framework, in front of the targets.
  std::vector<std::string> arguments;
  // module, class, test or auto.
  std::string unit = "auto";
  bool collect_first = false;
  // Collect, whatever is known from an earlier run.
  bool no_collection_cache = false;
};

// One thing the user asked to run.
struct Target {
  std::string path;  // as the user wrote it
  // For the test binary (gtest), or the command's own.
  std::vector<std::string> arguments;
};

struct DiscoveryOptions {
  // A listing that takes longer is a discovery error.
  Duration timeout = std::chrono::seconds(60);
  // The client's environment for the tests, "NAME=value" each.
  std::vector<std::string> env;
  // Variables that the user named (`pass_env`, `env`): a runner that clears
  // variables of its framework leaves these as they are.
  std::vector<std::string> named_env;
  // gtest
  bool also_run_disabled = false;
  bool gtest_shuffle = false;
  std::uint32_t gtest_seed = 0;
  // ctest's own selection, passed on to it as it is.
  std::string ctest_config;                  // -C
  std::vector<std::string> ctest_selection;  // -R … -E … -L … -LE …
  bool ctest_rerun_failed = false;
  // The run has a resource specification.
  bool ctest_resources = false;
  std::string ctest_program = "ctest";
  PythonOptions python;
  // Of what is found not all is run: --filter, --label, --shard.
  bool partial = false;
  // A run follows: who wants to hear its results may stay.
  bool keep_listeners = false;
};

// Receives what is found, in order. All calls come on the discovering thread.
class DiscoverySink {
 public:
  virtual ~DiscoverySink() = default;
  virtual SuiteIndex AddSuite(SuiteSpec suite) = 0;
  // `test.suite` is one that AddSuite returned.
  virtual void AddTest(TestSpec test) = 0;
  virtual void AddError(DiscoveryError error) = 0;
  // What people should read, once.
  virtual void AddNote(std::string /*text*/) {}
  // `listener` is to hear what becomes of the tests of `suite`. Sinks that run
  // nothing throw it away.
  virtual void AddListener(SuiteIndex /*suite*/,
                           std::shared_ptr<ResultListener> /*listener*/) {}
  // True when the user has had enough: discovery returns soon.
  virtual bool cancelled() const = 0;
};

// One runner's discovery.
class Discoverer {
 public:
  virtual ~Discoverer() = default;
  virtual absl::string_view runner() const = 0;
  // Whether `path` looks like one of this runner's targets. Looks, and runs
  // nothing that could run tests.
  virtual bool Recognises(const std::string& path) const = 0;
  // The keys of `paceline run` that mean something to this runner alone:
  // "tests-regex". Said for targets that are all of other runners, they would
  // be ignored silently.
  virtual std::vector<std::string> own_keys() const { return {}; }
  // Whether the target's arguments or the runner's own options select tests,
  // so that finding none is not a fault of the target.
  virtual bool Selects(const Target& /*target*/,
                       const DiscoveryOptions& /*options*/) const {
    return false;
  }
  // Whether the target's tests want the user's terminal for themselves.
  virtual bool WantsTerminal(const Target& /*target*/,
                             const DiscoveryOptions& /*options*/) const {
    return false;
  }
  // The suite that Discover is likely to find, as far as it decides how its
  // workers are started, so that one can be started meanwhile. Looks, and runs
  // nothing.
  virtual std::optional<SuiteSpec> ExpectedSuite(
      const Target& /*target*/, const DiscoveryOptions& /*options*/) const {
    return std::nullopt;
  }
  // Failures are told to the sink; a target that yields no test and no error
  // is the caller's to report.
  virtual void Discover(const Target& target, const DiscoveryOptions& options,
                        DiscoverySink& sink) const = 0;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_DISCOVERY_DISCOVERY_H_
