// paceline status

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/service_flags.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "common/base/version.h"
#include "common/net/sockets.h"
#include "common/os/host_name.h"
#include "common/wire/codec.h"

namespace paceline {
namespace {

constexpr Duration kAskAgain = std::chrono::milliseconds(200);

// Asks until there is an answer. Errors are whole sentences.
absl::StatusOr<StatusReply> AskForStatus(const std::string& endpoint,
                                         Duration timeout) {
  const SystemClock clock;
  const Instant deadline = clock.Now() + timeout;
  NetContext context;
  auto socket = DealerSocket::Connect(context, endpoint);
  if (!socket.ok()) {
    return socket.status();
  }
  NetPoller poller;
  poller.Add(socket->get());
  const Message hello =
      ClientHello{kFleetProtocolVersion, std::string(ProgramVersion()),
                  HostName(), static_cast<std::uint32_t>(getpid())};
  for (Instant now = clock.Now(); now < deadline; now = clock.Now()) {
    // Whatever is lost is asked again; nothing goes out without a connection.
    if ((*socket)->Send(Encode(hello)).ok()) {
      (void)(*socket)->Send(Encode(StatusRequest{}));
    }
    const Instant until = std::min(deadline, now + kAskAgain);
    while (clock.Now() < until) {
      poller.Wait(clock, until);
      while (std::optional<Received> received = (*socket)->Receive()) {
        absl::StatusOr<Message> message = Decode(received->bytes);
        if (!message.ok()) {
          return absl::DataLossError(
              absl::StrCat("what answers at ", endpoint,
                           " is no coordinator of this version: ",
                           message.status().message()));
        }
        if (auto* refused = std::get_if<Refused>(&*message)) {
          return absl::FailedPreconditionError(
              absl::StrCat("the coordinator at ", endpoint,
                           " refused: ", refused->sentence));
        }
        if (auto* reply = std::get_if<StatusReply>(&*message)) {
          return std::move(*reply);
        }
      }
    }
  }
  return absl::UnavailableError(absl::StrCat(
      "no coordinator answers at ", endpoint, " (waited ",
      FormatDuration(timeout), "). Is it running, and is the address right?"));
}

std::string Table(const StatusReply& reply) {
  std::string text =
      absl::StrCat("coordinator ", PrintableLine(reply.program_version),
                   ", epoch ", reply.epoch, "\n", reply.agents.size(),
                   reply.agents.size() == 1 ? " agent" : " agents", "\n");
  for (const AgentStatus& agent : reply.agents) {
    absl::StrAppend(
        &text,
        absl::StrFormat("  %-20s %-9s %3u slots %4u leases  %s pid %u, heard "
                        "%s ago\n",
                        PrintableLine(agent.name), PrintableLine(agent.state),
                        agent.slots, agent.leases, PrintableLine(agent.host),
                        agent.pid, FormatDuration(agent.last_heard)));
  }
  absl::StrAppend(&text, reply.runs.size(),
                  reply.runs.size() == 1 ? " run\n" : " runs\n");
  for (const RunStatus& run : reply.runs) {
    absl::StrAppend(
        &text, absl::StrFormat(
                   "  %s %-10s %u of %u done, %u bad, %u queued, %s old  "
                   "%s\n",
                   ToString(run.run).substr(0, 8), PrintableLine(run.state),
                   run.settled, run.tests, run.bad, run.queued,
                   FormatDuration(run.age), PrintableLine(run.title)));
  }
  return text;
}

}  // namespace

int StatusCommand(const Invocation& invocation) {
  StatusFlags flags;
  const auto parsed = ReadSettings(invocation, StatusOptionSet(&flags));
  if (!parsed.ok()) {
    WriteSentence(parsed.status().message());
    return static_cast<int>(ExitCode::kUsage);
  }
  if (parsed->help.has_value()) {
    WriteAll(STDOUT_FILENO, *parsed->help);
    return 0;
  }
  const auto reply = AskForStatus(
      flags.coordinator.empty() ? kDefaultEndpoint : flags.coordinator,
      flags.connect_timeout);
  if (!reply.ok()) {
    WriteSentence(reply.status().message());
    return static_cast<int>(ExitCode::kInfrastructure);
  }
  WriteAll(STDOUT_FILENO, Table(*reply));
  return 0;
}

}  // namespace paceline
