// Discovery of Python tests: pytest, unittest and doctest.
//
// A collector, which is the framework itself in the user's Python, finds the
// tests and hands them over as it does. With pytest it stays for the run as
// the session that plugins live in, and is told what became of its tests.

#ifndef PACELINE_WORKER_PYTHON_PYTHON_DISCOVERER_H_
#define PACELINE_WORKER_PYTHON_PYTHON_DISCOVERER_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "worker/discovery/discovery.h"

namespace paceline {

class PythonDiscoverer final : public Discoverer {
 public:
  // `runner` is "pytest", "unittest" or "doctest".
  explicit PythonDiscoverer(std::string runner) : runner_(std::move(runner)) {}

  absl::string_view runner() const override { return runner_; }
  // pytest: any Python file, a node id of one, a folder that configures pytest
  // or holds files that are named like tests. The others only where
  // --runner says so.
  bool Recognises(const std::string& path) const override;
  std::vector<std::string> own_keys() const override;
  bool Selects(const Target& target,
               const DiscoveryOptions& options) const override;
  // pytest: -s, --pdb and --trace among the arguments.
  bool WantsTerminal(const Target& target,
                     const DiscoveryOptions& options) const override;
  std::optional<SuiteSpec> ExpectedSuite(
      const Target& target, const DiscoveryOptions& options) const override;
  void Discover(const Target& target, const DiscoveryOptions& options,
                DiscoverySink& sink) const override;

 private:
  const std::string runner_;
};

// The part of a target in front of a node id: "tests/test_a.py" of
// "tests/test_a.py::TestX::test_y[1]".
std::string FileOfNodeId(const std::string& target);

}  // namespace paceline

#endif  // PACELINE_WORKER_PYTHON_PYTHON_DISCOVERER_H_
