// What a collector and its client say to each other.
//
// A collector is a Python program that finds the tests of one suite and then
// stays, to hear of their results. Frames are those of the worker protocol, at
// the descriptor that PACELINE_WORKER_FD names. Both ends come from one
// installation, so there are no versions.
//
// This file is data; collector_codec.h turns it into frames.

#ifndef PACELINE_WORKER_PYTHON_COLLECTOR_MESSAGES_H_
#define PACELINE_WORKER_PYTHON_COLLECTOR_MESSAGES_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/model/manifest.h"
#include "common/model/outcome.h"

namespace paceline {

// ---- client → collector ----------------------------------------------------

struct CollectRequest {
  // Paths, node ids or dotted names, as the user wrote them.
  std::vector<std::string> targets;
  // For the framework, in front of the targets.
  std::vector<std::string> arguments;
  // What may be a scope: module, class, test or auto.
  std::string unit;
  // Hand tests over only when all are known.
  bool collect_first = false;
  // A run follows, and results with it.
  bool keep = false;
  // What an earlier run has found may be taken.
  bool kept = false;
  // Not all of what is found is run.
  bool partial = false;

  friend bool operator==(const CollectRequest&,
                         const CollectRequest&) = default;
};

// One attempt of a test.
struct CollectorResult {
  std::string name;
  Outcome outcome = Outcome::kNotRun;
  Duration duration{};
  std::string report;
  std::string message;
  std::string details;
  // Which one ran it, for people.
  std::string worker;
  // No other attempt follows.
  bool final = false;

  friend bool operator==(const CollectorResult&,
                         const CollectorResult&) = default;
};

// A worker has left; its plugins' words to those of the session.
struct CollectorLeaving {
  std::string worker;
  std::string report;

  friend bool operator==(const CollectorLeaving&,
                         const CollectorLeaving&) = default;
};

// No result follows.
struct CollectorFinish {
  bool interrupted = false;

  friend bool operator==(const CollectorFinish&,
                         const CollectorFinish&) = default;
};

using ToCollector = std::variant<CollectRequest, CollectorResult,
                                 CollectorLeaving, CollectorFinish>;

// ---- collector → client ----------------------------------------------------

// Once, before any test.
struct CollectedSuite {
  std::string name;
  std::string options;
  std::string working_directory;
  bool scopes_share_setup = false;
  std::vector<EnvEdit> env;

  friend bool operator==(const CollectedSuite&,
                         const CollectedSuite&) = default;
};

struct CollectedTest {
  std::string name;
  std::string scope;
  std::string file;
  std::uint32_t line = 0;
  std::vector<std::string> labels;
  // Not empty: known to be skipped, and why.
  std::string skip_reason;
  Duration timeout{};
  std::string payload;

  friend bool operator==(const CollectedTest&, const CollectedTest&) = default;
};

// None is a sign of life, which may come before the suite.
struct CollectedTests {
  std::vector<CollectedTest> tests;

  friend bool operator==(const CollectedTests&,
                         const CollectedTests&) = default;
};

// Part of the suite could not be looked into.
struct CollectorError {
  std::string target;
  std::string message;

  friend bool operator==(const CollectorError&,
                         const CollectorError&) = default;
};

// For people, once.
struct CollectorNote {
  std::string text;

  friend bool operator==(const CollectorNote&, const CollectorNote&) = default;
};

// All tests are told.
struct Collected {
  std::uint64_t tests = 0;
  // Which results are wanted: "none", "bad" (and those with a report) or
  // "all"; and, whatever it says, those of the tests in `also`.
  std::string reports;
  std::vector<std::string> also;

  friend bool operator==(const Collected&, const Collected&) = default;
};

// The last word.
struct CollectorFinished {
  // What people should read at the run's end: a table of coverage, durations,
  // warnings.
  std::string text;
  // Not empty: the run is not good, and why.
  std::string error;

  friend bool operator==(const CollectorFinished&,
                         const CollectorFinished&) = default;
};

using FromCollector =
    std::variant<CollectedSuite, CollectedTests, CollectorError, CollectorNote,
                 Collected, CollectorFinished>;

}  // namespace paceline

#endif  // PACELINE_WORKER_PYTHON_COLLECTOR_MESSAGES_H_
