#include "coordinator/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/net/endpoint.h"
#include "common/os/health_reader.h"
#include "common/wire/codec.h"
#include "coordinator/coordinator.h"
#include "coordinator/descriptor_guard.h"
#include "coordinator/durable_journal.h"
#include "coordinator/epoch_file.h"
#include "coordinator/in_memory_journal.h"
#include "coordinator/seldom.h"

namespace paceline {
namespace {

// Messages taken in before timers and answers get their turn.
constexpr int kMessagesPerTurn = 1000;

// How often descriptors are counted.
constexpr Duration kCountInterval = std::chrono::seconds(1);
// What is told at the end is heard within this, or not at all; and how often
// it is said again until all have hung up.
constexpr Duration kFarewell = std::chrono::milliseconds(500);
constexpr Duration kFarewellInterval = std::chrono::milliseconds(25);

// Where the journal ends with the process, no token may be given twice.
std::uint32_t FirstEpoch(const ServerOptions& options) {
  const auto seconds = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(
          std::chrono::system_clock::now().time_since_epoch())
          .count());
  if (options.epoch_file.empty()) {
    return seconds;
  }
  const absl::StatusOr<std::uint32_t> raised =
      RaiseEpoch(options.epoch_file, seconds);
  if (!raised.ok()) {
    Log(LogLevel::kWarning,
        absl::StrCat(raised.status().message(),
                     "; going by the clock, which must not be set back"));
    return seconds;
  }
  return *raised;
}

// Returns how many descriptors this process may have from now on.
std::uint64_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return 1024;
  }
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

CoordinatorOptions MachineOptions(const ServerOptions& options) {
  CoordinatorOptions machine;
  machine.program_version = std::string(ProgramVersion());
  machine.first_epoch = FirstEpoch(options);
  machine.beat_interval = options.beat_interval;
  machine.lost_after = options.lost_after;
  return machine;
}

}  // namespace

struct Server::Impl : public CoordinatorOutbox {
  explicit Impl(ServerOptions server_options)
      : options(std::move(server_options)) {
    if (options.own_process) {
      descriptors.emplace(RaiseDescriptorLimit());
    }
  }

  // Nobody can be heard before this has returned: what this life grants must
  // never be taken for what another one did.
  absl::Status Recover() {
    if (options.journal.empty()) {
      journal = std::make_unique<InMemoryJournal>();
    } else {
      PACELINE_ASSIGN_OR_RETURN(
          auto opened,
          DurableJournal::Open({.path = options.journal,
                                .durability = options.durability,
                                .keep = options.keep,
                                .on_change = [this] { poller.Wake(); }}));
      durable = opened.get();
      journal = std::move(opened);
    }
    coordinator.emplace(MachineOptions(options), journal.get(), this);
    PACELINE_RETURN_IF_ERROR(coordinator->Recover(clock.Now()));
    PACELINE_RETURN_IF_ERROR(journal->Sync());
    PACELINE_CHECK(coordinator->ready());
    return absl::OkStatus();
  }

  absl::Status Send(absl::string_view peer, const Message& message) override {
    absl::Status sent = socket->Send(peer, Encode(message));
    if (absl::IsInvalidArgument(sent)) {
      // Of all that is told the machine sees that it fits.
      Log(LogLevel::kError,
          absl::StrCat("not sent message=", Name(message), " reason=\"",
                       sent.message(), "\"; please report this"));
    }
    return sent;
  }

  void Loop() {
    while (!stopping.load()) {
      // Input before timers: what came while this thread was held up is older
      // than the deadlines that passed meanwhile.
      int taken = 0;
      while (taken < kMessagesPerTurn) {
        std::optional<Received> received = socket->Receive();
        if (!received.has_value()) {
          break;
        }
        ++taken;
        absl::StatusOr<Message> message = Decode(received->bytes);
        const Instant now = clock.Now();
        if (message.ok()) {
          coordinator->OnMessage(now, received->peer, *std::move(message));
        } else {
          coordinator->OnMalformed(now, received->peer, message.status());
        }
      }
      const Instant now = clock.Now();
      coordinator->OnTick(now);
      if (!LookAtJournal(now)) {
        return;
      }
      CountDescriptors(now);
      SayMalformed(now);
      if (taken < kMessagesPerTurn) {
        Instant deadline = coordinator->next_deadline();
        if (descriptors.has_value()) {
          deadline = std::min(deadline, next_count);
        }
        if (failing_since.has_value()) {
          deadline =
              std::min(deadline, *failing_since + options.journal_patience);
        }
        poller.Wait(clock, deadline);
      }
    }
    if (durable == nullptr) {
      SayFarewell();
    }
  }

  // False when it has failed for too long.
  bool LookAtJournal(Instant now) {
    if (!journal->failing()) {
      failing_since.reset();
      return true;
    }
    failing_since = failing_since.value_or(now);
    const absl::Status state = durable->state();
    if (state.ok() || (now - *failing_since < options.journal_patience &&
                       !absl::IsDataLoss(state))) {
      return true;
    }
    options.on_failure(state);
    return false;
  }

  // The connections stay open until their other ends have heard why: a DEALER
  // with ZMQ_IMMEDIATE drops what it has not read when its connection closes
  // (measured: one of a hundred farewells on a busy machine).
  void SayFarewell() {
    const Instant until = clock.Now() + kFarewell;
    while (coordinator->Shutdown()) {
      const Instant now = clock.Now();
      if (now >= until) {
        break;
      }
      std::this_thread::sleep_for(std::min(kFarewellInterval, until - now));
    }
  }

  void CountDescriptors(Instant now) {
    if (!descriptors.has_value() || now < next_count) {
      return;
    }
    next_count = now + kCountInterval;
    std::optional<std::uint32_t> open = CountFdsByStat();
    if (!open.has_value()) {
      open = CountFdsByPoll();
    }
    descriptors->Look(open);
    if (descriptors->listening() == listening) {
      return;
    }
    const absl::Status status = descriptors->listening()
                                    ? socket->ListenAgain()
                                    : socket->StopListening();
    if (!status.ok()) {
      // Tried again at the next count.
      if (door_stuck.Say(now).has_value()) {
        Log(LogLevel::kWarning,
            absl::StrCat(open.has_value() ? absl::StrCat(*open) : "all",
                         " descriptors are open, and whether connections are "
                         "taken cannot be changed: ",
                         std::string(status.message())));
      }
      return;
    }
    listening = descriptors->listening();
    if (listening) {
      Log(LogLevel::kInfo, "taking connections again");
    } else {
      Log(LogLevel::kWarning,
          absl::StrCat("no further connections are taken: ",
                       open.has_value() ? absl::StrCat(*open) : "all",
                       " descriptors are open, and ", descriptors->most(),
                       " is the most for them; raise the limit (ulimit -n, "
                       "LimitNOFILE=)"));
    }
  }

  void SayMalformed(Instant now) {
    if (socket->malformed() == malformed) {
      return;
    }
    if (wrong_shape.Say(now).has_value()) {
      Log(LogLevel::kWarning,
          absl::StrCat(socket->malformed() - malformed,
                       " messages of the wrong shape were dropped; whoever "
                       "sends them does not speak the fleet protocol"));
      malformed = socket->malformed();
    }
  }

  const ServerOptions options;
  const SystemClock clock;
  std::unique_ptr<RouterSocket> socket;
  NetPoller poller;
  std::unique_ptr<Journal> journal;
  DurableJournal* durable = nullptr;  // `journal`, if it is one
  std::optional<Instant> failing_since;
  std::optional<Coordinator> coordinator;
  std::optional<DescriptorGuard> descriptors;
  bool listening = true;  // what the socket was last told
  Instant next_count{};
  Seldom door_stuck{std::chrono::minutes(1)};
  Seldom wrong_shape{std::chrono::seconds(1)};
  std::uint64_t malformed = 0;
  std::atomic<bool> stopping{false};
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(NetContext& context,
                                                      ServerOptions options) {
  for (const std::string& endpoint : options.endpoints) {
    PACELINE_RETURN_IF_ERROR(ValidateEndpoint(endpoint, /*listening=*/true));
    if (!options.insecure && !IsLocal(endpoint)) {
      return absl::PermissionDeniedError(absl::StrCat(
          endpoint,
          " can be reached from other machines, and there are no keys yet: "
          "whoever reaches it can run programs on the agents. Listen on "
          "tcp://127.0.0.1:PORT, or say --insecure in full"));
    }
  }
  auto impl = std::make_unique<Impl>(std::move(options));
  PACELINE_RETURN_IF_ERROR(impl->Recover());
  PACELINE_ASSIGN_OR_RETURN(
      impl->socket, RouterSocket::Bind(context, impl->options.endpoints));
  impl->poller.Add(impl->socket.get());
  Impl* const loop = impl.get();
  impl->thread = std::thread([loop] { loop->Loop(); });
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  impl_->stopping.store(true);
  impl_->poller.Wake();
  impl_->thread.join();
}

const std::vector<std::string>& Server::endpoints() const {
  return impl_->socket->endpoints();
}

}  // namespace paceline
