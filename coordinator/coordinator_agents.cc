// Coordinator: agents, their sessions, and what they say.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/wire/version.h"
#include "coordinator/coordinator_impl.h"

namespace paceline {

Duration Coordinator::Impl::BeatInterval() const {
  const auto fleet =
      static_cast<std::int64_t>(std::max<std::size_t>(1, agents_.size()));
  const Duration second = std::chrono::seconds(1);
  const Duration scaled =
      second * fleet /
      static_cast<std::int64_t>(std::max(1U, options_.max_beats_per_second));
  return std::max(options_.beat_interval, scaled);
}

Duration Coordinator::Impl::LostAfter(const AgentRecord& agent) const {
  if (agent.orphaned()) {
    return options_.adoption_window;
  }
  return std::max(
      options_.lost_after,
      static_cast<std::int64_t>(options_.min_lost_beats) * agent.slowest_beat);
}

AgentRecord* Coordinator::Impl::FindAgent(absl::string_view peer) {
  const auto it = by_peer_.find(peer);
  return it == by_peer_.end() ? nullptr : it->second;
}

void Coordinator::Impl::Tell(AgentRecord& agent, Message message,
                             std::uint64_t record) {
  if (agent.peer.empty()) {
    return;  // it will be asked for everything at its next hello
  }
  agent.unsent.push_back({std::move(message), record});
  untold_agents_.insert(agent.who.instance);
  if (!agent.full) {
    SendUnsent(agent);
  }
}

void Coordinator::Impl::SendUnsent(AgentRecord& agent) {
  const bool was_full = agent.full;
  while (!agent.unsent.empty() && committed(agent.unsent.front().record)) {
    agent.full = absl::IsResourceExhausted(
        outbox_->Send(agent.peer, agent.unsent.front().message));
    if (agent.full) {
      break;
    }
    if (const auto* grant = std::get_if<Grant>(&agent.unsent.front().message)) {
      agent.told += grant->leases.size();
    }
    agent.unsent.pop_front();
  }
  if (agent.full != was_full) {
    File(agent);
    work_changed_ = true;
  }
}

// ---- joining and leaving ---------------------------------------------------

void Coordinator::Impl::Handle(Instant now, absl::string_view peer,
                               Hello& hello) {
  if (!SpokenVersion(hello.protocol).has_value()) {
    Send(peer, Refused{RefusalCode::kProtocolVersion,
                       VersionMismatch(absl::StrCat("agent ", hello.name),
                                       hello.protocol, "the coordinator")});
    return;
  }
  LookAtEpochs(now, hello);
  if (const auto it = agents_.find(hello.instance); it != agents_.end()) {
    if (hello.name != it->second->who.name) {
      Send(peer, Refused{RefusalCode::kNotAllowed,
                         absl::StrCat("agent ", it->second->who.name,
                                      " now calls itself ", hello.name,
                                      "; stop it and start it again under its "
                                      "new name")});
    } else if (hello.seq > it->second->who.seq) {
      Welcome(now, *it->second, peer, hello);
    }
    return;
  }
  for (const auto& [instance, holder] : agents_) {
    if (holder->who.name == hello.name) {
      AddClaim(now, *holder, peer, hello);
      return;  // answered when the holder has answered, or has not
    }
  }
  Welcome(now, AddAgent(now, hello), peer, hello);
}

void Coordinator::Impl::AddClaim(Instant now, AgentRecord& holder,
                                 absl::string_view peer, const Hello& hello) {
  std::optional<AgentRecord::Claim>& claim = holder.claim;
  if (!claim.has_value()) {
    claim = AgentRecord::Claim{std::string(peer), hello, now, now};
    AskHolder(now, holder);
  } else if (hello.instance != claim->hello.instance ||
             hello.seq > claim->hello.seq) {
    // Whoever asks last waits on; but the holder's time to answer does not
    // begin anew: two that ask in turn would never see it fenced.
    claim->peer = std::string(peer);
    claim->hello = hello;
  }
}

void Coordinator::Impl::AskHolder(Instant now, AgentRecord& holder) {
  holder.claim->ask_again_at = now + holder.beat_interval;
  Tell(holder, Ping{++nonces_});
}

void Coordinator::Impl::LookAtEpochs(Instant now, const Hello& hello) {
  // Far from the end of the type, whatever somebody says.
  constexpr std::uint32_t kHighest = 0xffff0000U;
  std::uint32_t highest = 0;
  for (const HeldLease& held : hello.held) {
    const Token token = held.token;
    if (token.epoch < kHighest &&
        (token.epoch > leases_.epoch() ||
         (token.epoch == leases_.epoch() && !leases_.Gave(token)))) {
      highest = std::max(highest, token.epoch);
    }
  }
  if (highest > 0) {
    // An earlier life that kept no journal began when the clock said more.
    Log(LogLevel::kWarning,
        absl::StrCat("agent ", hello.name, " holds a lease of epoch ", highest,
                     ", this is ", leases_.epoch(), "; going on with ",
                     highest + 1));
    Keep(now, EpochRaised{highest + 1});
  }
}

AgentRecord& Coordinator::Impl::AddAgent(Instant now, const Hello& hello) {
  auto owned = std::make_unique<AgentRecord>();
  AgentRecord& agent = *owned;
  agent.joined_at = now;
  if (const auto it = recovered_results_.find(hello.instance);
      it != recovered_results_.end()) {
    agent.results_through = it->second;
  }
  const bool added =
      agents_.try_emplace(hello.instance, std::move(owned)).second;
  PACELINE_CHECK(added);
  return agent;
}

void Coordinator::Impl::Welcome(Instant now, AgentRecord& agent,
                                absl::string_view peer, const Hello& hello) {
  if (!agent.peer.empty()) {
    by_peer_.erase(agent.peer);
  }
  const bool joined = agent.orphaned();
  agent.who = hello;
  agent.who.held.clear();
  // Whoever acknowledged what comes before has kept it, or nobody needs it.
  agent.results_through =
      std::max(agent.results_through, hello.first_result - 1);
  // Never a number of an earlier life.
  agent.session = SessionId{std::uint64_t{leases_.epoch()} << 32 | ++sessions_};
  agent.peer = std::string(peer);
  by_peer_[agent.peer] = &agent;
  agent.beat_interval = BeatInterval();
  agent.slowest_beat = agent.beat_interval;
  agent.last_heard = now;
  agent.beaten = false;
  agent.draining = false;
  agent.granted = 0;
  agent.told = 0;
  agent.unseen_since.reset();
  agent.want_sum = 0;
  agent.suites.clear();
  agent.unsent.clear();
  agent.full = false;
  agent.ask_again_at.reset();
  agent.output_through = 0;
  agent.output_acks = {};
  agent.result_acks = {};
  agent.result_acks.Add(agent.results_through, last_record_,
                        journal_->committed());
  agent.result_acks.Told(agent.results_through);

  paceline::Welcome welcome;
  welcome.protocol = SpokenVersion(hello.protocol).value();
  welcome.session = agent.session;
  welcome.epoch = leases_.epoch();
  welcome.beat_interval = agent.beat_interval;
  welcome.lost_after = LostAfter(agent);
  welcome.acked_through = agent.results_through;
  absl::btree_set<Token> held;
  for (const HeldLease& one : hello.held) {
    LeaseState* const lease = leases_.Find(one.token);
    if (lease == nullptr || lease->holder != &agent) {
      welcome.dropped.push_back(one.token);
      continue;
    }
    held.insert(one.token);
    if (one.started) {
      MarkStarted(now, *lease);
    }
  }
  // What it is told to forget must be ended in the journal too: else a
  // coordinator that reads it back would wait for it.
  Tell(agent, std::move(welcome), last_record_);
  // What it does not hold never reached it, or was on its way back. That holds
  // for orphans too: what they have begun they hold until it is acknowledged.
  std::vector<LeaseState*> gone;
  for (const auto& [token, lease] : agent.leases) {
    if (!held.contains(token)) {
      gone.push_back(lease);
    }
  }
  for (LeaseState* const lease : gone) {
    if (lease->started) {
      LoseLease(now, *lease, "agent lost: it no longer holds the unit");
    } else {
      ReturnLease(now, *lease);
    }
  }
  AskForLeases(now, agent);
  File(agent);
  work_changed_ = true;
  Log(LogLevel::kInfo,
      absl::StrCat("agent ", agent.who.name, joined ? " joined" : " is back",
                   " host=", agent.who.host, " pid=", agent.who.pid,
                   " slots=", agent.who.slots));
}

void Coordinator::Impl::LoseLeases(Instant now, AgentRecord& agent,
                                   absl::string_view why) {
  while (!agent.leases.empty()) {
    LoseLease(now, *agent.leases.begin()->second, why);
  }
}

void Coordinator::Impl::LoseAgent(Instant now, AgentRecord& agent,
                                  absl::string_view why) {
  // One that leaves in good order is no news.
  Log(agent.draining && agent.leases.empty() ? LogLevel::kInfo
                                             : LogLevel::kWarning,
      absl::StrCat("agent ", agent.who.name, ": ", why,
                   " leases=", agent.leases.size()));
  LoseLeases(now, agent, why);
  if (!agent.peer.empty()) {
    by_peer_.erase(agent.peer);
  }
  Unfile(agent);
  work_changed_ = true;
  const std::optional<AgentRecord::Claim> claim = std::move(agent.claim);
  const InstanceId instance = agent.who.instance;
  agents_.erase(instance);
  if (claim.has_value()) {
    // Whoever wanted the name asks again.
    Send(claim->peer, Rehello{});
  }
}

void Coordinator::Impl::LookAtClaim(Instant now, AgentRecord& agent) {
  if (!agent.claim.has_value()) {
    return;
  }
  if (agents_.contains(agent.claim->hello.instance)) {
    agent.claim.reset();  // it has joined under another name since
    return;
  }
  if (agent.orphaned() && now - first_turn_ < options_.return_window) {
    return;  // it may be on its way back
  }
  if (!agent.orphaned() && agent.last_heard > agent.claim->asked_at) {
    Send(agent.claim->peer,
         Refused{RefusalCode::kNameTaken,
                 absl::StrCat("the name ", agent.who.name,
                              " is taken by the agent on host ", agent.who.host,
                              ", process ", agent.who.pid,
                              "; give this one another with --name, or stop "
                              "that one")});
    agent.claim.reset();
    return;
  }
  if (now - agent.claim->asked_at >=
      static_cast<std::int64_t>(options_.fence_beats) * agent.slowest_beat) {
    const AgentRecord::Claim claim = *std::exchange(agent.claim, std::nullopt);
    LoseAgent(now, agent,
              "agent lost: it was silent, and another has its name");
    Welcome(now, AddAgent(now, claim.hello), claim.peer, claim.hello);
  } else if (now >= agent.claim->ask_again_at) {
    AskHolder(now, agent);  // that may have been lost
  }
}

void Coordinator::Impl::LookAtAgents(Instant now) {
  std::vector<InstanceId> instances;
  for (const auto& [instance, agent] : agents_) {
    instances.push_back(instance);
  }
  for (const InstanceId& instance : instances) {
    const auto it = agents_.find(instance);
    if (it == agents_.end()) {
      continue;
    }
    AgentRecord& agent = *it->second;
    const Duration silent = now - agent.last_heard;
    if (silent >= LostAfter(agent)) {
      LoseAgent(now, agent, "agent lost");
    } else {
      if (agent.pool_turn_age + silent >= options_.stuck_lost_after &&
          !agent.leases.empty()) {
        // It stays, and is shown; were it forgotten it would join again with
        // slots that nobody knows to be stuck. Its next hello names what it
        // holds, and the welcome what of that is lost.
        Log(LogLevel::kWarning,
            absl::StrCat("agent ", agent.who.name,
                         ": agent stuck leases=", agent.leases.size()));
        LoseLeases(now, agent, "agent stuck");
        Send(agent.peer, Rehello{});
      }
      if (agent.ask_again_at.has_value() && now >= *agent.ask_again_at) {
        AskForLeases(now, agent);
      }
      LookAtClaim(now, agent);
    }
  }
}

void Coordinator::Impl::AskForLeases(Instant now, AgentRecord& agent) {
  agent.ask_again_at.reset();
  paceline::Revoke revoke{agent.session, {}};
  absl::btree_map<Run*, std::vector<Token>> stopped;
  for (const auto& [token, lease] : agent.leases) {
    if (lease->run->cancelled()) {
      stopped[lease->run].push_back(token);
    } else if (lease->revoked_at.has_value()) {
      revoke.tokens.push_back(token);
    }
  }
  if (!stopped.empty() || !revoke.tokens.empty()) {
    ExpectAnswer(now, agent);
  }
  for (auto& [run, tokens] : stopped) {
    // What is stopped would come back as lost were the cancellation not kept.
    Tell(agent,
         Stop{agent.session, std::move(tokens), options_.stop_grace,
              run->cancel_reason()},
         last_record_);
  }
  if (!revoke.tokens.empty()) {
    Tell(agent, std::move(revoke));
  }
}

void Coordinator::Impl::ExpectAnswer(Instant now, AgentRecord& agent) {
  if (!agent.ask_again_at.has_value()) {
    agent.ask_again_at = now + options_.ask_again_after;
  }
}

// ---- what they say ---------------------------------------------------------

void Coordinator::Impl::Handle(Instant, AgentRecord& agent, const Beat& beat) {
  agent.beaten = true;
  agent.pool_turn_age = beat.pool_turn_age;
  File(agent);
  work_changed_ = true;
  // The fleet grows and shrinks. Until it has heard of it the agent beats as
  // before.
  agent.slowest_beat = agent.beat_interval;
  agent.beat_interval = BeatInterval();
  agent.slowest_beat = std::max(agent.slowest_beat, agent.beat_interval);
  Send(agent.peer, BeatAck{beat.seq, agent.beat_interval, LostAfter(agent)});
}

void Coordinator::Impl::Handle(Instant now, AgentRecord& agent,
                               const Want& want) {
  agent.want_sum = want.grants_seen + want.room;
  File(agent);
  work_changed_ = true;
  if (want.grants_seen >= agent.told) {
    agent.unseen_since.reset();
  } else if (!agent.unseen_since.has_value()) {
    agent.unseen_since = now;
  } else if (now - *agent.unseen_since >= options_.ask_again_after) {
    // A grant was lost on the way: its next hello says which.
    Send(agent.peer, Rehello{});
  }
}

void Coordinator::Impl::Handle(Instant now, AgentRecord& agent,
                               const Started& started) {
  for (const Token token : started.tokens) {
    LeaseState* const lease = leases_.Find(token);
    if (lease != nullptr && lease->holder == &agent) {
      MarkStarted(now, *lease);
      work_changed_ = true;
    }
  }
}

void Coordinator::Impl::Handle(Instant now, AgentRecord& agent,
                               Output& output) {
  if (output.seq != agent.output_through + 1) {
    return;  // of what was sent again, or after a gap that will be filled
  }
  agent.output_through = output.seq;
  LeaseState* const lease = leases_.Find(output.token);
  std::uint64_t record = 0;
  if (lease != nullptr && lease->holder == &agent) {
    const LeasedAttempt* const attempt = lease->Find(output.test);
    if (attempt != nullptr && !attempt->done &&
        attempt->attempt == output.attempt) {
      record = Keep(now, OutputKept{lease->run->id(), agent.who.instance,
                                    std::move(output)});
    }
  }
  agent.output_acks.Add(agent.output_through, record, journal_->committed());
}

void Coordinator::Impl::Handle(Instant now, AgentRecord& agent,
                               Results& results) {
  const std::uint64_t expected = agent.results_through + 1;
  if (results.first + results.items.size() > kMaxSequence) {
    Send(agent.peer, Refused{RefusalCode::kMalformed,
                             "results.first: numbers have come to their end"});
    return;
  }
  if (results.first > expected) {
    return;  // the agent sends what is between again
  }
  const std::uint64_t skip = expected - results.first;
  if (skip >= results.items.size()) {
    agent.result_acks.Repeat();
    return;
  }
  const auto run_of = [](const ResultItem& item) {
    return std::visit([](const auto& one) { return one.run; }, item);
  };
  std::uint64_t record = 0;
  for (auto at = results.items.begin() + static_cast<std::ptrdiff_t>(skip);
       at != results.items.end();) {
    const RunId id = run_of(*at);
    const auto end = std::find_if(
        at, results.items.end(),
        [&](const ResultItem& item) { return run_of(item) != id; });
    ResultsKept kept{
        id, agent.who.instance, agent.draining, agent.results_through + 1, {}};
    kept.items.assign(std::make_move_iterator(at),
                      std::make_move_iterator(end));
    at = end;
    const auto run = runs_.find(id);
    if (run == runs_.end() || run->second->ended()) {
      agent.results_through += kept.items.size();  // nobody waits for them
      continue;
    }
    record = Keep(now, std::move(kept));
    CancelIfTooManyFailed(now, *run->second);
  }
  agent.result_acks.Add(agent.results_through, record, journal_->committed());
}

void Coordinator::Impl::Handle(Instant now, AgentRecord& agent,
                               const Returned& returned) {
  for (const Token token : returned.tokens) {
    LeaseState* const lease = leases_.Find(token);
    if (lease != nullptr && lease->holder == &agent && !lease->started) {
      ReturnLease(now, *lease);
    }
  }
}

void Coordinator::Impl::ReturnLease(Instant now, LeaseState& lease) {
  Keep(now, LeaseEnded{lease.run->id(), lease.token, LeaseEnd::kReturned,
                       /*drained=*/false, ""});
}

void Coordinator::Impl::LoseLease(Instant now, LeaseState& lease,
                                  absl::string_view why) {
  Keep(now, LeaseEnded{lease.run->id(), lease.token, LeaseEnd::kLost,
                       lease.holder->draining, std::string(why)});
}

void Coordinator::Impl::Handle(Instant now, AgentRecord& agent,
                               const Kept& kept) {
  for (const Token token : kept.tokens) {
    LeaseState* const lease = leases_.Find(token);
    if (lease != nullptr && lease->holder == &agent) {
      MarkStarted(now, *lease);
      lease->revoked_at.reset();
    }
  }
}

void Coordinator::Impl::Handle(Instant, AgentRecord& agent, const Draining&) {
  agent.draining = true;
  agent.want_sum = 0;
  File(agent);
}

void Coordinator::Impl::Handle(Instant now, AgentRecord& agent,
                               const Goodbye&) {
  agent.draining = true;  // should that not have been heard
  LoseAgent(now, agent, agent.leases.empty() ? "left" : "agent drained");
}

template <typename M>
void Coordinator::Impl::HandleInSession(Instant now, absl::string_view peer,
                                        M& message) {
  AgentRecord* const agent = FindAgent(peer);
  if (agent == nullptr) {
    Send(peer, Rehello{});
    return;
  }
  agent->last_heard = now;
  untold_agents_.insert(agent->who.instance);
  if (message.session == agent->session) {
    Handle(now, *agent, message);
  }
}

void Coordinator::Impl::OnMessage(Instant now, absl::string_view peer,
                                  Message message) {
  std::visit(
      [&](auto& one) {
        using M = std::decay_t<decltype(one)>;
        if constexpr (requires { Handle(now, peer, one); }) {
          Handle(now, peer, one);
        } else if constexpr (std::is_same_v<M, Pong>) {
          if (AgentRecord* const agent = FindAgent(peer)) {
            agent->last_heard = now;
          }
        } else if constexpr (requires(AgentRecord & agent) {
                               Handle(now, agent, one);
                             }) {
          HandleInSession(now, peer, one);
        } else {
          // What a coordinator says; nobody says it to one.
          Send(peer, Refused{RefusalCode::kMalformed,
                             "this message is not for a coordinator"});
        }
      },
      message);
}

void Coordinator::Impl::TellAgents() {
  const std::uint64_t committed = journal_->committed();
  for (const InstanceId& instance : std::exchange(untold_agents_, {})) {
    const auto it = agents_.find(instance);
    if (it == agents_.end() || it->second->peer.empty()) {
      continue;
    }
    AgentRecord* const agent = it->second.get();
    SendUnsent(*agent);
    if (!agent->unsent.empty() || agent->result_acks.waits(committed) ||
        agent->output_acks.waits(committed)) {
      untold_agents_.insert(instance);  // for room, or for a commit
    }
    if (const auto through = agent->result_acks.Due(committed);
        through.has_value() &&
        outbox_->Send(agent->peer, ResultAck{agent->session, *through}).ok()) {
      agent->result_acks.Told(*through);
    }
    if (const auto through = agent->output_acks.Due(committed);
        through.has_value() &&
        outbox_->Send(agent->peer, OutputAck{agent->session, *through}).ok()) {
      agent->output_acks.Told(*through);
    }
  }
}

}  // namespace paceline
