#include "cli/run_place.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/take.h"
#include "cli/terminal.h"

namespace paceline {
namespace {

// One context holds one run, so the name need not be unique.
constexpr char kInside[] = "inproc://paceline";

}  // namespace

std::string RunPlace::ClientEndpoint(const RunFlags& flags) {
  return flags.coordinator.empty() ? kInside : flags.coordinator;
}

absl::StatusOr<std::unique_ptr<RunPlace>> RunPlace::Start(
    NetContext& context, const RunFlags& flags,
    std::optional<TerminalHandover> terminal,
    std::optional<SuiteSpec> expected) {
  auto place = std::unique_ptr<RunPlace>(new RunPlace);
  if (!flags.coordinator.empty()) {
    place->name_ = flags.coordinator;
    return place;
  }
  ServerOptions server;
  server.endpoints = {kInside};
  server.insecure = flags.insecure;
  if (!flags.listen.empty()) {
    server.endpoints.push_back(flags.listen);
  }
  auto started = Server::Start(context, std::move(server));
  if (!started.ok()) {
    return started.status();
  }
  place->server_ = *std::move(started);
  place->name_ = kInside;
  if (!flags.listen.empty()) {
    place->name_ = place->server_->endpoints().back();
    place->min_agents_ = flags.agents;
    WriteSentence(absl::StrCat("listening at ", place->name_, " for ",
                               flags.agents, " agents"));
    if (!flags.workers.has_value()) {
      return place;
    }
    // Workers here were asked for too.
    ++place->min_agents_;
  }
  AgentOptions agent;
  agent.endpoint = kInside;
  agent.name = "local";
  agent.slots = flags.workers.value_or(AvailableCpus());
  agent.limits = flags.limits;
  agent.env = flags.discovery.env;
  agent.exit_when_disconnected = true;
  agent.expected = std::move(expected);
  if (terminal.has_value()) {
    agent.terminal = std::move(terminal);
    // Whoever sits at the debugger knows.
    agent.slow_warning = std::chrono::hours(24 * 365);
  }
  auto joined = Agent::Start(context, std::move(agent));
  if (!joined.ok()) {
    return joined.status();
  }
  place->agent_ = *std::move(joined);
  return place;
}

}  // namespace paceline
