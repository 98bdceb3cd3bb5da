// An agent: one per host, owns a worker pool, works for one coordinator.
//
// The shell around the two state machines (agent/session.h, agent/
// worker_pool.h): it starts a session thread, which owns the DEALER socket,
// and a pool thread, which owns processes. The same class serves
// `paceline agent` over TCP and a local run over inproc://.

#ifndef PACELINE_AGENT_AGENT_H_
#define PACELINE_AGENT_AGENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/model/manifest.h"
#include "common/model/worker_limits.h"
#include "common/net/sockets.h"

namespace paceline {

// Local mode, with one slot: workers have the standard input, output and error
// of this program and are in its process group, so that the terminal, and what
// is typed there, is theirs as much as ours.
struct TerminalHandover {
  // What they get as standard output: 2 where ours is a report's.
  int output = 1;
  // The file whose locks say who uses the terminal (cli/terminal_lock.h).
  std::string lock;
};

struct AgentOptions {
  std::string endpoint;
  std::string name;
  std::uint32_t slots = 1;
  std::vector<std::string> labels;
  WorkerLimits limits;
  std::uint64_t output_limit = 1024 * 1024;  // kept per test
  // TERM to KILL.
  Duration kill_grace = std::chrono::seconds(3);
  Duration slow_warning = std::chrono::seconds(60);
  Duration drain_timeout = std::chrono::seconds(8);
  // How long to ask for a name that another agent has.
  Duration name_patience = std::chrono::minutes(1);
  std::uint32_t max_recycles_per_minute = 120;
  // Where units get their TMPDIRs; empty: a fresh directory under $TMPDIR.
  std::string temp_root;
  // The base environment of tests: "NAME=value" each.
  std::vector<std::string> env;
  // The paceline program, started for the warden and for workers of the
  // built-in runners; empty: /proc/self/exe.
  std::string program;
  // Local mode: give up when the coordinator is gone instead of dialling
  // again.
  bool exit_when_disconnected = false;
  // Called once, on a thread of the agent's, when it leaves by itself: with
  // what Join returns.
  std::function<void(const absl::Status&)> on_left;
  std::optional<TerminalHandover> terminal;
  // Local mode: a suite that the run is likely to bring, as far as it decides
  // how its workers are started. A process is started for it at once, which
  // becomes the suite's template if it comes.
  std::optional<SuiteSpec> expected;
  // A template that takes longer to load its suite is ended, and its suite's
  // workers start fresh.
  Duration load_bound = std::chrono::minutes(10);
};

class Agent {
 public:
  // Starts the warden and both threads. Returns kUnavailable with a sentence
  // when the warden cannot be started.
  static absl::StatusOr<std::unique_ptr<Agent>> Start(NetContext& context,
                                                      AgentOptions options);
  // Ends workers at once if they were not drained.
  ~Agent();

  // Begins to drain; returns at once. Safe from any thread; a second call ends
  // workers at once.
  void Drain();
  // Waits until the agent has left (after Drain, or when refused for good).
  // OK after a drain; otherwise the reason in a sentence: kUnimplemented for a
  // protocol version, kAlreadyExists for a name that stays taken.
  absl::Status Join();

 private:
  struct Impl;
  explicit Agent(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The body of the hidden `paceline warden` subcommand: parent and subreaper of
// all workers of an agent (agent/warden.h). `fd` is its socket to the agent.
int RunWarden(int fd);

}  // namespace paceline

#endif  // PACELINE_AGENT_AGENT_H_
