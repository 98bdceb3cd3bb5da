// What discovery produces: suites, tests, and what they need of each other.
//
// Passive data that the client fills, the fleet protocol carries, and the
// coordinator plans from. What is inside `SuiteSpec::options` and
// `TestSpec::payload` is known to the suite's runner alone.

#ifndef PACELINE_COMMON_MODEL_MANIFEST_H_
#define PACELINE_COMMON_MODEL_MANIFEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace paceline {

// One edit of an environment: `value` absent unsets `name`.
struct EnvEdit {
  std::string name;
  std::optional<std::string> value;

  friend bool operator==(const EnvEdit&, const EnvEdit&) = default;
};

// One source of tests and how to run it.
struct SuiteSpec {
  // Unique in its run; what people read: "foo_test", "build".
  std::string name;
  // gtest, ctest, pytest, unittest, doctest, command, or somebody else's.
  std::string runner;
  // The worker program and its arguments. Empty: the agent's own program knows
  // the runner.
  std::vector<std::string> worker;
  // The test program (gtest), or the directory or file the tests come from.
  std::string program;
  // The user's arguments, passed to the program after the runner's own.
  std::vector<std::string> arguments;
  // In order, over the agent's base environment.
  std::vector<EnvEdit> env;
  // Absolute. Empty: the agent's own.
  std::string working_directory;
  // Whether tests of one scope must stay in order on one worker.
  bool scopes_share_setup = false;
  // Whether its worker program can load the suite once and fork workers of it.
  bool forks = false;
  // Whether its workers may have something to say as they leave, which the run
  // waits for: failures of what they tear down last, reports of plugins.
  bool last_words = false;
  // For the runner alone; bounded by kMaxPayloadBytes.
  std::string options;

  friend bool operator==(const SuiteSpec&, const SuiteSpec&) = default;
};

// Needs `slots` of one thing of kind `type` (CTest's RESOURCE_GROUPS).
struct ResourceNeed {
  std::string type;
  std::uint32_t slots = 1;

  friend bool operator==(const ResourceNeed&, const ResourceNeed&) = default;
};

// What a test needs of the rest of its run. Names of fixtures, locks and tests
// are those of its own suite.
struct Constraints {
  // Room it takes (CTest's PROCESSORS); more than an agent has means all of
  // that agent.
  std::uint32_t slots = 1;
  // Runs while nothing else of the run does (RUN_SERIAL).
  bool serial = false;
  // No two tests that name the same lock run at once (RESOURCE_LOCK).
  std::vector<std::string> locks;
  // Names of tests that must have ended first, however they ended (DEPENDS).
  std::vector<std::string> after;
  // Fixtures whose set-up tests must have ended well first; else not_run.
  std::vector<std::string> fixtures_required;
  // Fixtures that this test sets up: before all that require them.
  std::vector<std::string> fixtures_setup;
  // Fixtures that this test cleans up: after all that require them, always.
  std::vector<std::string> fixtures_cleanup;
  // One entry a group, each a list of needs met at once.
  std::vector<std::vector<ResourceNeed>> resource_groups;

  // Whether nothing is asked, so that the test may share a unit with others.
  bool trivial() const { return *this == Constraints{}; }

  friend bool operator==(const Constraints&, const Constraints&) = default;
};

// The smallest thing that gets a verdict.
struct TestSpec {
  SuiteIndex suite{};
  // Unique in its suite. (suite name, test name) is a test's identity.
  std::string name;
  // Tests of a scope share set-up; may be empty.
  std::string scope;
  // Where it is defined; empty and 0 where that is not known.
  std::string file;
  std::uint32_t line = 0;
  // The framework's own limit; absent: the run's default.
  std::optional<Duration> timeout;
  std::vector<std::string> labels;
  // Absent in most tests, and so cheap there.
  std::optional<Constraints> constraints;
  // Set when no process is needed to know that the test is skipped; says why
  // ("disabled").
  std::optional<std::string> skip_reason;
  // For the runner alone; bounded by kMaxPayloadBytes.
  std::string payload;
  // Never run a second time after its agent was lost.
  bool no_rerun = false;

  friend bool operator==(const TestSpec&, const TestSpec&) = default;
};

// A part of discovery that failed, so that the run cannot be green.
struct DiscoveryError {
  std::string target;
  // A whole sentence: what happened and what to do.
  std::string message;

  friend bool operator==(const DiscoveryError&,
                         const DiscoveryError&) = default;
};

// A payload or option block larger than this is a discovery error.
inline constexpr std::size_t kMaxPayloadBytes = 48 * 1024;

// What happens to a test whose agent vanished.
enum class OnLost : std::uint8_t {
  kRerun = 0,  // once more elsewhere, twice a test at most
  kLost = 1,   // the verdict is lost at once
};

// One kind of resource in CTest's resource specification file.
struct ResourcePool {
  std::string type;
  // Each thing's id and how many slots it has.
  std::vector<std::pair<std::string, std::uint32_t>> things;

  friend bool operator==(const ResourcePool&, const ResourcePool&) = default;
};

// What the client asks of a run as a whole.
struct RunOptions {
  std::string title;  // for people: the command line's targets
  // Further attempts of a test after a bad one.
  std::uint32_t retries = 0;
  // Cancel the rest after this many bad verdicts; 0: never.
  std::uint32_t max_fail = 0;
  // For tests whose framework states none.
  Duration default_timeout = std::chrono::minutes(10);
  OnLost on_lost = OnLost::kRerun;
  bool fail_on_flaky = false;
  bool fail_on_leak = false;
  // Go on when the client is gone.
  bool detach = false;
  // Cancel when the client has been gone this long.
  Duration client_grace = std::chrono::minutes(2);
  // Tests in a unit at most; 0: the planner decides.
  std::uint32_t max_unit_tests = 0;
  // Hand units out as submitted (a shuffled run), not longest first.
  bool keep_order = false;
  // What the run's tests may be given of (RESOURCE_GROUPS).
  std::vector<ResourcePool> resources;

  friend bool operator==(const RunOptions&, const RunOptions&) = default;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_MODEL_MANIFEST_H_
