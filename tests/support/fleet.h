// A fleet of real processes for tests: one coordinator and some agents over
// TCP on loopback.

#ifndef PACELINE_TESTS_SUPPORT_FLEET_H_
#define PACELINE_TESTS_SUPPORT_FLEET_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace paceline {

// A coordinator on a free port of loopback.
class CoordinatorProgram {
 public:
  // Fails the test when the coordinator does not come up. `arguments` follow
  // `--listen`.
  explicit CoordinatorProgram(std::vector<std::string> arguments = {},
                              std::string listen = "tcp://127.0.0.1:*");

  // Kills it, and starts another one like it at the same endpoint. Not over
  // TCP: while nobody listens at a port that the system chose, it may choose it
  // for another connection, even that of whoever dials it.
  void KillAndStartAgain();

  // "tcp://127.0.0.1:PORT"
  const std::string& endpoint() const { return endpoint_; }
  Program& program() { return *program_; }

 private:
  void Start();

  std::vector<std::string> argv_;
  std::unique_ptr<Program> program_;
  std::string endpoint_;
};

// With agents "agent-0", "agent-1", … that have joined.
class Fleet {
 public:
  struct Options {
    std::size_t agents = 3;
    int workers = 2;
    std::string listen = "tcp://127.0.0.1:*";
    std::vector<std::string> coordinator_arguments = {};
    std::vector<std::string> agent_arguments = {};
    ProgramOptions agent_options = {};
  };

  explicit Fleet(Options options);

  const std::string& endpoint() const { return coordinator_.endpoint(); }
  Program& coordinator() { return coordinator_.program(); }
  void RestartCoordinator() { coordinator_.KillAndStartAgain(); }
  Program& agent(std::size_t i) { return *agents_[i]; }

 private:
  CoordinatorProgram coordinator_;
  std::vector<std::unique_ptr<Program>> agents_;
};

}  // namespace paceline

#endif  // PACELINE_TESTS_SUPPORT_FLEET_H_
