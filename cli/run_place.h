// Where a run's tests run: here, on the agents of a coordinator, or on agents
// that dial this very process.

#ifndef PACELINE_CLI_RUN_PLACE_H_
#define PACELINE_CLI_RUN_PLACE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/agent.h"
#include "cli/run_flags.h"
#include "common/model/manifest.h"
#include "common/net/sockets.h"
#include "coordinator/server.h"

namespace paceline {

// Local mode is the same coordinator and the same agent as a fleet's, met over
// inproc://.
class RunPlace {
 public:
  // Starts what `flags` ask for. Errors are whole sentences.
  // With a `terminal`, workers here have it; one of an `expected` suite is
  // started at once. `on_failure` is told in a sentence, on another thread,
  // that this place is no more.
  static absl::StatusOr<std::unique_ptr<RunPlace>> Start(
      NetContext& context, const RunFlags& flags,
      std::optional<TerminalHandover> terminal,
      std::optional<SuiteSpec> expected,
      std::function<void(std::string)> on_failure);

  // Where the client dials; known before anything is started.
  static std::string ClientEndpoint(const RunFlags& flags);

  // Where others dial the coordinator, as sentences say it; empty where none
  // can.
  const std::string& endpoint() const { return endpoint_; }
  // So many agents are waited for before the first test.
  std::uint32_t min_agents() const { return min_agents_; }

 private:
  RunPlace() = default;

  std::string endpoint_;
  std::uint32_t min_agents_ = 0;
  // The agent leaves before its coordinator does.
  std::unique_ptr<Server> server_;
  std::unique_ptr<Agent> agent_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_RUN_PLACE_H_
