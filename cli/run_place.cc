#include "cli/run_place.h"

#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "cli/take.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "common/os/host_name.h"

namespace paceline {
namespace {

// One context holds one run, so the name need not be unique.
constexpr char kInside[] = "inproc://paceline";

// An address of all interfaces is none that anybody can dial.
std::string ForDialling(const std::string& bound) {
  for (const absl::string_view all :
       {"tcp://0.0.0.0:", "tcp://[::]:", "tcp://*:"}) {
    if (absl::StartsWith(bound, all)) {
      return absl::StrCat("tcp://", HostName(), ":", bound.substr(all.size()));
    }
  }
  return bound;
}

}  // namespace

std::string RunPlace::ClientEndpoint(const RunFlags& flags) {
  return flags.coordinator.empty() ? kInside : flags.coordinator;
}

absl::StatusOr<std::unique_ptr<RunPlace>> RunPlace::Start(
    NetContext& context, const RunFlags& flags,
    std::optional<TerminalHandover> terminal, std::optional<SuiteSpec> expected,
    std::function<void(std::string)> on_failure) {
  auto place = std::unique_ptr<RunPlace>(new RunPlace);
  if (!flags.coordinator.empty()) {
    place->endpoint_ = flags.coordinator;
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
  if (!flags.listen.empty()) {
    const std::string& bound = place->server_->endpoints().back();
    place->endpoint_ = ForDialling(bound);
    place->min_agents_ = flags.agents;
    WriteSentence(absl::StrCat("listening at ", bound, " for ",
                               Count(flags.agents, "agent")));
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
  agent.on_left = [report = std::move(on_failure)](const absl::Status& why) {
    if (!why.ok()) {
      report(
          absl::StrCat("the agent of this program has left: ", why.message()));
    }
  };
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
