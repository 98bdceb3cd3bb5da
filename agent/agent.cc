#include "agent/agent.h"

#include <unistd.h>

#include <atomic>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/pool_thread.h"
#include "agent/session.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/os/host_name.h"
#include "common/os/start_thread.h"
#include "common/wire/codec.h"

namespace paceline {
namespace {

// Messages, and events of the pool, taken in before the rest gets its turn.
constexpr int kPerTurn = 1000;
// For the last messages of an agent that leaves.
constexpr Duration kLinger = std::chrono::milliseconds(500);

SessionOptions MachineOptions(const AgentOptions& options) {
  SessionOptions session;
  session.program_version = std::string(ProgramVersion());
  session.name = options.name;
  session.instance = RandomId<InstanceId>();
  session.host = HostName();
  session.pid = static_cast<std::uint32_t>(getpid());
  session.slots = options.slots;
  session.labels = options.labels;
  session.drain_timeout = options.drain_timeout;
  session.name_patience = options.name_patience;
  session.exit_when_disconnected = options.exit_when_disconnected;
  for (std::size_t i = 0; i < sizeof session.seed; ++i) {
    session.seed = session.seed << 8 | session.instance.bytes[i];
  }
  return session;
}

}  // namespace

struct Agent::Impl : public AgentSession::Effects {
  Impl(NetContext& net, AgentOptions agent_options)
      : context(net),
        options(std::move(agent_options)),
        session(MachineOptions(options), clock.Now(), this) {}

  absl::Status Begin() {
    PACELINE_ASSIGN_OR_RETURN(
        pool, PoolThread::Start(options, [this] { poller.Wake(); }));
    PACELINE_ASSIGN_OR_RETURN(socket,
                              DealerSocket::Connect(context, options.endpoint));
    poller.Add(socket.get());
    absl::StatusOr<std::thread> started =
        StartThread("the session", [this] { Loop(); });
    if (!started.ok()) {
      poller.Remove(socket.get());
      return started.status();
    }
    thread = *std::move(started);
    return absl::OkStatus();
  }

  void Loop() {
    while (!session.left() && !aborting.load()) {
      bool more = TakeMessages();
      more = TakePoolEvents() || more;
      TakeDrains();
      session.OnTick(clock.Now(), pool->last_turn());
      if (!more && !session.left()) {
        poller.Wait(clock, session.next_deadline());
      }
    }
    socket->set_linger(kLinger);
    // Workers end here, before anybody is told that the agent has left.
    pool.reset();
    poller.Remove(socket.get());
    socket.reset();
    left.set_value();
  }

  // These return whether there may be more.
  bool TakeMessages() {
    for (int i = 0; i < kPerTurn; ++i) {
      std::optional<Received> received = socket->Receive();
      if (!received.has_value()) {
        return false;
      }
      absl::StatusOr<Message> message = Decode(received->bytes);
      const Instant now = clock.Now();
      if (message.ok()) {
        session.OnMessage(now, *std::move(message));
      } else {
        session.OnMalformed(now, message.status());
      }
    }
    return true;
  }

  bool TakePoolEvents() {
    for (int i = 0; i < kPerTurn; ++i) {
      if (!session.accepting()) {
        return false;
      }
      std::optional<PoolEvent> event = pool->Pop();
      if (!event.has_value()) {
        return false;
      }
      session.OnPoolEvent(clock.Now(), *std::move(event));
    }
    return true;
  }

  void TakeDrains() {
    for (int asked = drains.exchange(0); asked > 0; --asked) {
      session.Drain(clock.Now());
    }
  }

  // ---- AgentSession::Effects -----------------------------------------------

  absl::Status Send(Message message) override {
    return socket->Send(Encode(message));
  }

  void ToPool(PoolCommand command) override { pool->Push(std::move(command)); }

  void Reconnect() override {
    absl::StatusOr<std::unique_ptr<DealerSocket>> fresh =
        DealerSocket::Connect(context, options.endpoint);
    if (!fresh.ok()) {
      Log(LogLevel::kError, fresh.status().message());
      return;  // the session tries again
    }
    poller.Remove(socket.get());
    socket = *std::move(fresh);
    poller.Add(socket.get());
  }

  void Leave(absl::Status status) override {
    outcome = std::move(status);
    if (options.on_left) {
      options.on_left(outcome);
    }
  }

  NetContext& context;
  const AgentOptions options;
  const SystemClock clock;
  NetPoller poller;
  std::unique_ptr<DealerSocket> socket;
  std::unique_ptr<PoolThread> pool;
  AgentSession session;
  absl::Status outcome;
  std::atomic<bool> aborting{false};
  std::atomic<int> drains{0};
  std::promise<void> left;
  std::shared_future<void> has_left = left.get_future().share();
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<Agent>> Agent::Start(NetContext& context,
                                                    AgentOptions options) {
  auto impl = std::make_unique<Impl>(context, std::move(options));
  PACELINE_RETURN_IF_ERROR(impl->Begin());
  return std::unique_ptr<Agent>(new Agent(std::move(impl)));
}

Agent::Agent(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Agent::~Agent() {
  impl_->aborting.store(true);
  impl_->poller.Wake();
  impl_->thread.join();
}

void Agent::Drain() {
  impl_->drains.fetch_add(1);
  impl_->poller.Wake();
}

absl::Status Agent::Join() {
  impl_->has_left.wait();
  return impl_->outcome;
}

}  // namespace paceline
