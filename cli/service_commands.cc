// paceline coordinator, paceline agent

#include <poll.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "agent/agent.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/service_flags.h"
#include "cli/signals.h"
#include "cli/take.h"
#include "cli/terminal.h"
#include "common/base/log.h"
#include "common/os/host_name.h"
#include "common/os/subprocess.h"
#include "coordinator/server.h"

namespace paceline {
namespace {

int Fail(const absl::Status& status, ExitCode code) {
  WriteSentence(status.message());
  return static_cast<int>(code);
}

// The settings of what runs in the background, and says more.
absl::StatusOr<OptionSet::Parsed> ReadServiceSettings(
    const Invocation& invocation, OptionSet options) {
  SetLogLevel(LogLevel::kInfo);
  return ReadSettings(invocation, std::move(options));
}

// In the user's state folder; empty if there is none.
std::string EpochFile(const std::vector<std::string>& environment) {
  std::string state;
  for (absl::string_view variable : environment) {
    if (absl::ConsumePrefix(&variable, "XDG_STATE_HOME=") &&
        !variable.empty()) {
      state = std::string(variable);
      break;
    }
    if (absl::ConsumePrefix(&variable, "HOME=") && !variable.empty()) {
      state = absl::StrCat(variable, "/.local/state");
    }
  }
  return state.empty() ? ""
                       : absl::StrCat(state, "/paceline/coordinator-epoch");
}

}  // namespace

int CoordinatorCommand(const Invocation& invocation) {
  CoordinatorFlags flags;
  const auto parsed =
      ReadServiceSettings(invocation, CoordinatorOptionSet(&flags));
  if (!parsed.ok()) {
    return Fail(parsed.status(), ExitCode::kUsage);
  }
  if (parsed->help.has_value()) {
    WriteAll(STDOUT_FILENO, *parsed->help);
    return 0;
  }
  if (absl::Status complete = CompleteCoordinatorFlags(*parsed, flags);
      !complete.ok()) {
    return Fail(complete, ExitCode::kUsage);
  }
  auto signals = SignalInput::Open();
  if (!signals.ok()) {
    return Fail(signals.status(), ExitCode::kInfrastructure);
  }
  ServerOptions options;
  options.endpoints = flags.listen;
  if (options.endpoints.empty()) {
    options.endpoints.emplace_back(kDefaultEndpoint);
  }
  options.insecure = flags.insecure;
  options.lost_after = flags.lost_after;
  options.own_process = true;
  options.epoch_file = EpochFile(invocation.environment);
  if (options.epoch_file.empty() && flags.journal.empty()) {
    Log(LogLevel::kWarning,
        "neither XDG_STATE_HOME nor HOME is set, so that no epoch is kept; "
        "going by the clock, which must not be set back");
  }
  options.journal = flags.journal;
  options.durability = flags.durability;
  options.keep = flags.keep;
  auto failed = MakePipe();
  if (!failed.ok()) {
    return Fail(failed.status(), ExitCode::kInfrastructure);
  }
  absl::Status failure;
  options.on_failure = [&](const absl::Status& why) {
    failure = why;
    failed->second.Reset();
  };
  NetContext context;
  auto server = Server::Start(context, std::move(options));
  if (!server.ok()) {
    return Fail(server.status(),
                server.status().code() == absl::StatusCode::kPermissionDenied
                    ? ExitCode::kUsage
                    : ExitCode::kInfrastructure);
  }
  WriteAll(STDOUT_FILENO,
           absl::StrCat("paceline coordinator listening at ",
                        absl::StrJoin((*server)->endpoints(), " "), "\n"));
  // A signal, or the end of the pipe.
  pollfd inputs[] = {{(*signals)->fd(), POLLIN, 0},
                     {failed->first.get(), POLLIN, 0}};
  while (poll(inputs, 2, -1) < 0) {
  }
  return inputs[1].revents == 0 ? 0 : Fail(failure, ExitCode::kInfrastructure);
}

int AgentCommand(const Invocation& invocation) {
  AgentFlags flags;
  const auto parsed = ReadServiceSettings(invocation, AgentOptionSet(&flags));
  if (!parsed.ok()) {
    return Fail(parsed.status(), ExitCode::kUsage);
  }
  if (parsed->help.has_value()) {
    WriteAll(STDOUT_FILENO, *parsed->help);
    return 0;
  }
  auto signals = SignalInput::Open();
  if (!signals.ok()) {
    return Fail(signals.status(), ExitCode::kInfrastructure);
  }
  AgentOptions options;
  options.endpoint = flags.connect.empty() ? kDefaultEndpoint : flags.connect;
  options.name = flags.name.empty() ? HostName() : flags.name;
  options.slots = flags.workers == 0 ? AvailableCpus() : flags.workers;
  options.labels = flags.labels;
  options.limits = flags.limits;
  options.output_limit = flags.output_limit;
  options.kill_grace = flags.kill_grace;
  options.slow_warning = flags.slow_warning;
  options.drain_timeout = flags.drain_timeout;
  options.name_patience = flags.name_patience;
  options.max_recycles_per_minute = flags.max_recycles_per_minute;
  options.temp_root = flags.temp_root;
  options.env = invocation.environment;
  WriteAll(STDOUT_FILENO,
           absl::StrCat("paceline agent ", options.name, ": ", options.slots,
                        options.slots == 1 ? " worker" : " workers", " for ",
                        options.endpoint, "\n"));
  NetContext context;
  auto agent = Agent::Start(context, std::move(options));
  if (!agent.ok()) {
    return Fail(agent.status(), ExitCode::kInfrastructure);
  }
  // Signals drain it while this thread waits for its end.
  auto stop = MakePipe();
  if (!stop.ok()) {
    return Fail(stop.status(), ExitCode::kInfrastructure);
  }
  std::thread drainer([&] {
    pollfd inputs[] = {{(*signals)->fd(), POLLIN, 0},
                       {stop->first.get(), POLLIN, 0}};
    while (inputs[1].revents == 0) {
      poll(inputs, 2, -1);
      while (const auto signal = (*signals)->Take()) {
        Log(LogLevel::kInfo, absl::StrCat(*signal, ": draining"));
        (*agent)->Drain();
      }
    }
  });
  const absl::Status left = (*agent)->Join();
  stop->second.Reset();
  drainer.join();
  return left.ok() ? 0 : Fail(left, ExitCode::kInfrastructure);
}

}  // namespace paceline
