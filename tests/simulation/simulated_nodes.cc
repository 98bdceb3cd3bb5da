#include "tests/simulation/simulated_nodes.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/check.h"

namespace paceline::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

template <typename Id>
Id AnyId(Random& random) {
  Id id;
  for (std::uint8_t& byte : id.bytes) {
    byte = static_cast<std::uint8_t>(random.Bits());
  }
  return id;
}

SessionOptions AgentOptions(Random& random, std::string name,
                            std::uint32_t slots) {
  SessionOptions options;
  options.program_version = "simulation";
  options.name = std::move(name);
  options.instance = AnyId<InstanceId>(random);
  options.host = "host-of-" + options.name;
  options.pid = 7;
  options.slots = slots;
  options.seed = random.Bits();
  return options;
}

// Low enough to be reached.
WorkerLimits AgentLimits() {
  WorkerLimits limits;
  limits.max_rss_bytes = std::uint64_t{200} << 20;
  return limits;
}

CoordinatorOptions TheCoordinatorOptions() {
  CoordinatorOptions options;
  options.program_version = "simulation";
  return options;
}

}  // namespace

// ---- an agent --------------------------------------------------------------

SimulatedAgent::SimulatedAgent(EventQueue* events, Random* random,
                               Network* network,
                               std::vector<Workload*> workloads,
                               std::string name, std::uint32_t slots)
    : Node(events),
      network_(network),
      pool_(events, random, std::move(workloads), slots, AgentLimits(),
            [this](PoolEvent event) {
              Post([this, event = std::move(event)](Instant now) {
                if (!session_.left()) {
                  session_.OnPoolEvent(now, event);
                }
              });
            }),
      session_(AgentOptions(*random, std::move(name), slots), events->now(),
               this) {
  Dial();
  WakeAt(events->now());
}

SimulatedAgent::~SimulatedAgent() { network_->Hang(dealer_); }

void SimulatedAgent::Dial() {
  dealer_ = network_->Dial([this](Message message) {
    Post([this, message = std::move(message)](Instant now) {
      session_.OnMessage(now, message);
    });
  });
}

void SimulatedAgent::FreezeHost(Instant until) {
  Freeze(until);
  pool_.Freeze(until);
}

void SimulatedAgent::Drain() {
  Post([this](Instant now) { session_.Drain(now); });
}

void SimulatedAgent::Tick(Instant now) {
  if (!session_.left()) {
    session_.OnTick(now, pool_.last_turn());
  }
}

Instant SimulatedAgent::NextDeadline() const {
  return session_.next_deadline();
}

absl::Status SimulatedAgent::Send(Message message) {
  return network_->SendToRouter(dealer_, message);
}

void SimulatedAgent::ToPool(PoolCommand command) {
  pool_.Push(std::move(command));
}

void SimulatedAgent::Reconnect() {
  network_->Hang(dealer_);
  Dial();
}

void SimulatedAgent::Leave(absl::Status /*status*/) {}

// ---- the coordinator -------------------------------------------------------

SimulatedCoordinator::SimulatedCoordinator(EventQueue* events, Random* random,
                                           Network* network,
                                           JournalStore* store,
                                           Duration slowest_commit)
    : Node(events),
      network_(network),
      store_(store),
      journal_(events, random, store, slowest_commit,
               [this] { Post([](Instant) {}); }),
      coordinator_(TheCoordinatorOptions(), &journal_, this) {
  if (const absl::Status status = coordinator_.Recover(events->now());
      !status.ok()) {
    store->Complain(status.ToString());
  }
  WakeAt(events->now());
}

SimulatedCoordinator::~SimulatedCoordinator() { network_->RouterDown(); }

void SimulatedCoordinator::Tick(Instant now) {
  if (!coordinator_.ready()) {
    return;
  }
  if (!listening_) {
    listening_ = true;
    network_->RouterUp([this](const std::string& peer, Message message) {
      if (const auto* hello = std::get_if<Hello>(&message)) {
        instances_[peer] = hello->instance;
      }
      Post([this, peer, message = std::move(message)](Instant then) {
        coordinator_.OnMessage(then, peer, message);
      });
    });
  }
  coordinator_.OnTick(now);
}

Instant SimulatedCoordinator::NextDeadline() const {
  return listening_ ? coordinator_.next_deadline() : Instant::max();
}

absl::Status SimulatedCoordinator::Send(absl::string_view peer,
                                        const Message& message) {
  std::optional<InstanceId> instance;
  if (const auto it = instances_.find(peer); it != instances_.end()) {
    instance = it->second;
  }
  journal_.ObserveTold(message, instance);
  const absl::Status status = network_->SendToDealer(peer, message);
  if (const auto* events = std::get_if<Events>(&message);
      events != nullptr && status.ok()) {
    store_->ObserveTold(*events);
  }
  return status;
}

// ---- a client --------------------------------------------------------------

SimulatedClient::SimulatedClient(EventQueue* events, Random* random,
                                 Network* network, const Workload* workload,
                                 RunOptions options)
    : Node(events),
      random_(random),
      network_(network),
      workload_(workload),
      run_(AnyId<RunId>(*random)),
      dealer_(0),
      client_((Dial(), events->now()), Options(std::move(options)), *this,
              *this),
      next_find_(events->now()),
      attempts_(workload->tests().size()) {
  WakeAt(events->now());
}

SimulatedClient::~SimulatedClient() { network_->Hang(dealer_); }

RunClientOptions SimulatedClient::Options(RunOptions options) {
  RunClientOptions client;
  client.run = run_;
  client.options = std::move(options);
  client.program_version = "simulation";
  client.host = "client";
  client.pid = 1;
  client.coordinator = "simulated";
  // All may be gone for a while; they come back.
  client.connect_timeout = minutes(5);
  client.reconnect_timeout = minutes(10);
  client.agent_wait = minutes(10);
  client.cancel_timeout = minutes(10);
  return client;
}

void SimulatedClient::Dial() {
  dealer_ = network_->Dial([this](Message message) {
    Post([this, message = std::move(message)](Instant now) {
      client_.OnMessage(now, message);
    });
  });
}

void SimulatedClient::Cancel() {
  Post([this](Instant now) { client_.Cancel(now, "cancelled by its user"); });
}

void SimulatedClient::Tick(Instant now) {
  // A discovery that takes its time, in pieces.
  while (!discovery_done_ && now >= next_find_ && client_.wants_more() &&
         !client_.done()) {
    if (tests_found_ == workload_->tests().size()) {
      while (suites_found_ < workload_->suites().size()) {
        client_.AddSuite(now, workload_->suites()[suites_found_++], "target");
      }
      discovery_done_ = true;
      client_.DiscoveryDone(now);
      break;
    }
    const TestSpec& next = workload_->tests()[tests_found_].spec;
    while (suites_found_ <= Value(next.suite)) {
      client_.AddSuite(now, workload_->suites()[suites_found_++], "target");
    }
    client_.AddTest(now, next);
    ++tests_found_;
    if (random_->Chance(0.05)) {
      next_find_ = now + random_->Between(milliseconds(1), milliseconds(500));
    }
  }
  client_.OnTick(now);
}

Instant SimulatedClient::NextDeadline() const {
  if (client_.done()) {
    return Instant::max();
  }
  const Instant next = client_.next_deadline().value_or(Instant::max());
  return discovery_done_ || !client_.wants_more() ? next
                                                  : std::min(next, next_find_);
}

void SimulatedClient::Send(Message message) {
  network_->SendToRouter(dealer_, message).IgnoreError();
}

void SimulatedClient::Reconnect() {
  network_->Hang(dealer_);
  Dial();
}

void SimulatedClient::OnAttempt(Instant /*now*/, const TestRef& test,
                                const AttemptEvent& attempt) {
  const std::size_t index = Value(test.index);
  if (index >= attempts_.size()) {
    extras_.push_back(absl::StrCat(test.name, ": ", attempt.result.message));
    return;
  }
  CheckOutput(test, attempt);
  attempts_[index].push_back({attempt.attempt, attempt.result.outcome,
                              attempt.verdict, attempt.rerun});
}

void SimulatedClient::CheckOutput(const TestRef& test,
                                  const AttemptEvent& attempt) {
  const Outcome outcome = attempt.result.outcome;
  if (attempt.attempt == 0 ||
      (outcome != Outcome::kPassed && outcome != Outcome::kFailed &&
       outcome != Outcome::kSkipped)) {
    return;
  }
  const CapturedOutput& output = attempt.result.output;
  const std::string text = output.head + output.tail;
  const auto complain = [&](absl::string_view what) {
    wrong_.push_back(absl::StrCat(test.name, " attempt ", attempt.attempt, ": ",
                                  what, ": ", text.substr(0, 40)));
  };
  std::size_t execution = 0;
  if (text.empty() && output.cut_bytes > 0) {
    return;  // all of it was lost on the way, and that is said
  }
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, "execution ")) {
    complain("its output is not its own");
    return;
  }
  const std::size_t digits =
      std::min(rest.find_first_not_of("0123456789"), rest.size());
  if (!absl::SimpleAtoi(rest.substr(0, digits), &execution) ||
      execution >= workload_->executions().size() ||
      workload_->executions()[execution].test != Value(test.index)) {
    complain("its output is another's");
    return;
  }
  if (!executions_.insert(execution).second) {
    complain("one execution was counted twice");
  }
  if (text.size() + output.cut_bytes !=
      workload_->executions()[execution].output_bytes) {
    complain(absl::StrCat("its output has ", text.size(), " bytes of ",
                          workload_->executions()[execution].output_bytes));
  }
  if (rest.substr(digits).find_first_not_of('x') != absl::string_view::npos) {
    complain("its output is out of order");
  }
}

void SimulatedClient::OnRecycled(Instant /*now*/, absl::string_view /*suite*/,
                                 const RecycledEvent& /*event*/) {
  ++recycled_;
}

void SimulatedClient::OnNote(Instant /*now*/, absl::string_view text) {
  notes_.emplace_back(text);
}

}  // namespace paceline::simulation
