#include "cli/client_loop.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/wire/codec.h"

namespace paceline {
namespace {

// Messages of one turn, so that signals and timers get their turn too.
constexpr int kMaxMessages = 256;

}  // namespace

absl::StatusOr<std::unique_ptr<ClientLoop>> ClientLoop::Create(
    NetContext& context, std::string endpoint, const Clock& clock,
    SignalInput& signals) {
  auto loop = std::unique_ptr<ClientLoop>(
      new ClientLoop(context, std::move(endpoint), clock, signals));
  auto socket = DealerSocket::Connect(context, loop->endpoint_);
  if (!socket.ok()) {
    return socket.status();
  }
  loop->socket_ = *std::move(socket);
  loop->poller_.Add(loop->socket_.get());
  loop->poller_.AddFd(signals.fd());
  return loop;
}

ClientLoop::ClientLoop(NetContext& context, std::string endpoint,
                       const Clock& clock, SignalInput& signals)
    : context_(context),
      endpoint_(std::move(endpoint)),
      clock_(clock),
      signals_(signals),
      feed_([this] { poller_.Wake(); }) {}

void ClientLoop::GiveUp(std::string sentence) {
  {
    const std::lock_guard lock(given_up_mutex_);
    given_up_ = std::move(sentence);
  }
  poller_.Wake();
}

void ClientLoop::Send(Message message) {
  if (socket_ == nullptr) {
    return;
  }
  absl::Status sent = socket_->Send(Encode(message));
  if (absl::IsInvalidArgument(sent)) {
    // It would be sent again for ever.
    GiveUp(absl::StrCat("the message ", Name(message),
                        " cannot be sent: ", sent.message()));
  } else if (!sent.ok() && LogEnabled(LogLevel::kDebug)) {
    // What is lost is asked for again.
    Log(LogLevel::kDebug, absl::StrCat("not sent message=", Name(message),
                                       " reason=\"", sent.message(), "\""));
  }
}

void ClientLoop::Reconnect() {
  if (socket_ != nullptr) {
    poller_.Remove(socket_.get());
    socket_.reset();
  }
  auto socket = DealerSocket::Connect(context_, endpoint_);
  if (!socket.ok()) {
    Log(LogLevel::kWarning, socket.status().message());
    return;
  }
  socket_ = *std::move(socket);
  poller_.Add(socket_.get());
}

void ClientLoop::TakeFound(Instant now, RunClient& client,
                           RunObserver& observer) {
  while (client.wants_more()) {
    if (found_.empty()) {
      found_ = feed_.Take();
      if (found_.empty()) {
        return;
      }
    }
    Found found = std::move(found_.front());
    found_.pop_front();
    if (auto* suite = std::get_if<FoundSuite>(&found)) {
      client.AddSuite(now, std::move(suite->spec), suite->target);
    } else if (auto* test = std::get_if<TestSpec>(&found)) {
      client.AddTest(now, std::move(*test));
    } else if (auto* error = std::get_if<DiscoveryError>(&found)) {
      client.AddError(now, std::move(*error));
    } else if (auto* note = std::get_if<DiscoveryNote>(&found)) {
      observer.OnNote(now, note->text);
    } else {
      discovery_ = std::get<DiscoveryOver>(found);
      client.DiscoveryDone(now);
    }
  }
}

void ClientLoop::TakeMessages(RunClient& client) {
  for (int i = 0; i < kMaxMessages && socket_ != nullptr; ++i) {
    std::optional<Received> received = socket_->Receive();
    if (!received.has_value()) {
      return;
    }
    absl::StatusOr<Message> message = Decode(received->bytes);
    if (absl::IsUnimplemented(message.status())) {
      client.GiveUp(std::string(message.status().message()));
      return;
    }
    if (!message.ok()) {
      Log(LogLevel::kWarning,
          absl::StrCat("a message from the coordinator was dropped reason=\"",
                       message.status().message(), "\""));
      continue;
    }
    client.OnMessage(clock_.Now(), *std::move(message));
  }
}

ClientLoop::Result ClientLoop::Run(RunClientOptions options,
                                   RunObserver& observer,
                                   const std::function<bool()>& is_debuggers,
                                   const std::function<void()>& leave_now) {
  Result result;
  const std::string goes_on =
      absl::StrCat(": run ", ToString(options.run).substr(0, 8),
                   " goes on without this program. See what becomes of it "
                   "with: paceline status --coordinator ",
                   options.coordinator);
  const bool detached = options.options.detach;
  RunClient client(clock_.Now(), std::move(options), *this, observer);
  while (!client.done()) {
    TakeFound(clock_.Now(), client, observer);
    client.OnTick(clock_.Now());
    {
      const std::lock_guard lock(given_up_mutex_);
      if (!given_up_.empty()) {
        client.GiveUp(given_up_);
      }
    }
    observer.OnTick(clock_.Now());
    if (client.done()) {
      break;
    }
    std::optional<Instant> deadline = client.next_deadline();
    if (const std::optional<Instant> other = observer.next_deadline()) {
      deadline = deadline.has_value() ? std::min(*deadline, *other) : other;
    }
    poller_.Wait(clock_, deadline);
    TakeMessages(client);
    while (std::optional<std::string> signal = signals_.Take()) {
      if (*signal == "SIGINT" && is_debuggers()) {
        continue;
      }
      if (result.interrupted) {
        leave_now();
      }
      result.interrupted = true;
      if (detached && *signal != "SIGINT" && client.handed_over()) {
        client.GiveUp(absl::StrCat(*signal, goes_on));
        break;
      }
      feed_.Cancel();
      found_.clear();
      const Instant now = clock_.Now();
      observer.OnNote(now, absl::StrCat(*signal,
                                        ": stopping what runs; once more to "
                                        "leave at once"));
      client.Cancel(now, absl::StrCat("interrupted by ", *signal));
    }
  }
  feed_.Cancel();
  result.end = client.end();
  result.discovery = discovery_;
  // So that the coordinator learns at once that all events were seen.
  if (socket_ != nullptr) {
    socket_->set_linger(std::chrono::seconds(1));
  }
  return result;
}

}  // namespace paceline
