// Coordinator: agents, their sessions, and what they say.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "coordinator/coordinator_impl.h"

namespace paceline {

Duration Coordinator::Impl::BeatInterval() const {
  const auto fleet = static_cast<std::int64_t>(agents_.size() + 1);
  const Duration scaled =
      std::chrono::seconds(fleet) /
      static_cast<std::int64_t>(std::max(1U, options_.max_beats_per_second));
  return std::max(options_.beat_interval, scaled);
}

Duration Coordinator::Impl::LostAfter(const AgentRecord& agent) const {
  return std::max(
      options_.lost_after,
      static_cast<std::int64_t>(options_.min_lost_beats) * agent.beat_interval);
}

AgentRecord* Coordinator::Impl::FindAgent(absl::string_view peer) {
  const auto it = by_peer_.find(peer);
  return it == by_peer_.end() ? nullptr : it->second;
}

void Coordinator::Impl::Tell(AgentRecord& agent, Message message) {
  if (agent.peer.empty()) {
    return;  // it will be asked for everything at its next hello
  }
  if (!agent.unsent.empty() ||
      absl::IsResourceExhausted(outbox_->Send(agent.peer, message))) {
    agent.unsent.push_back(std::move(message));
  }
}

// ---- joining and leaving ---------------------------------------------------

void Coordinator::Impl::Handle(Instant now, absl::string_view peer,
                               Hello& hello) {
  if (hello.protocol != kFleetProtocolVersion) {
    Send(peer, Refused{RefusalCode::kProtocolVersion,
                       absl::StrCat("agent ", hello.name, " speaks version ",
                                    hello.protocol,
                                    " of the fleet protocol and this "
                                    "coordinator version ",
                                    kFleetProtocolVersion,
                                    "; install the same paceline on both")});
    return;
  }
  if (const auto it = agents_.find(hello.instance); it != agents_.end()) {
    if (hello.seq > it->second->who.seq) {
      Welcome(now, *it->second, peer, hello);
    }
    return;
  }
  for (const auto& [instance, holder] : agents_) {
    if (holder->who.name != hello.name) {
      continue;
    }
    if (!holder->claim.has_value() ||
        holder->claim->hello.instance != hello.instance) {
      Tell(*holder, Ping{++nonces_});
      holder->claim = AgentRecord::Claim{std::string(peer), hello, now};
    } else {
      holder->claim->peer = std::string(peer);
    }
    return;  // answered when the holder has answered, or has not
  }
  Welcome(now, AddAgent(now, hello), peer, hello);
}

AgentRecord& Coordinator::Impl::AddAgent(Instant now, const Hello& hello) {
  auto owned = std::make_unique<AgentRecord>();
  AgentRecord& agent = *owned;
  agent.joined_at = now;
  // Whoever acknowledged what came before has kept it.
  agent.acked_through = hello.first_result - 1;
  agents_[hello.instance] = std::move(owned);
  return agent;
}

void Coordinator::Impl::Welcome(Instant now, AgentRecord& agent,
                                absl::string_view peer, const Hello& hello) {
  if (!agent.peer.empty()) {
    by_peer_.erase(agent.peer);
  }
  const bool joined = agent.session == SessionId{};
  agent.who = hello;
  agent.who.held.clear();
  // Never a number of an earlier life.
  agent.session = SessionId{std::uint64_t{leases_.epoch()} << 32 | ++sessions_};
  agent.peer = std::string(peer);
  by_peer_[agent.peer] = &agent;
  agent.beat_interval = BeatInterval();
  agent.last_heard = now;
  agent.pool_turn_age = Duration::zero();
  agent.draining = false;
  agent.granted = 0;
  agent.want_sum = 0;
  agent.suites.clear();
  agent.unsent.clear();
  agent.ask_again_at.reset();
  agent.output_through = 0;
  agent.output_ack_record.reset();

  paceline::Welcome welcome;
  welcome.session = agent.session;
  welcome.epoch = leases_.epoch();
  welcome.beat_interval = agent.beat_interval;
  welcome.lost_after = LostAfter(agent);
  // Only what is committed may be forgotten.
  if (!agent.ack_record.has_value()) {
    welcome.acked_through = agent.acked_through;
  }
  absl::btree_set<Token> held;
  for (const HeldLease& one : hello.held) {
    LeaseState* const lease = leases_.Find(one.token);
    if (lease == nullptr || lease->holder != &agent) {
      welcome.dropped.push_back(one.token);
      continue;
    }
    held.insert(one.token);
    if (one.started && !lease->started) {
      lease->started = true;
      lease->since = now;
      ++agent.started_leases;
    }
  }
  outbox_->Send(agent.peer, welcome).IgnoreError();
  // What it does not hold never reached it, or was on its way back.
  std::vector<LeaseState*> gone;
  for (const auto& [token, lease] : agent.leases) {
    if (!held.contains(token)) {
      gone.push_back(lease);
    }
  }
  for (LeaseState* const lease : gone) {
    if (lease->started) {
      LoseLease(*lease, "agent lost: it no longer holds the unit");
    } else {
      ReturnLease(*lease);
    }
  }
  AskForLeases(now, agent);
  work_changed_ = true;
  Log(LogLevel::kInfo,
      absl::StrCat("agent ", agent.who.name, joined ? " joined" : " is back",
                   " host=", agent.who.host, " pid=", agent.who.pid,
                   " slots=", agent.who.slots));
}

void Coordinator::Impl::LoseAgent(AgentRecord& agent, absl::string_view why) {
  Log(LogLevel::kWarning, absl::StrCat("agent ", agent.who.name, ": ", why,
                                       " leases=", agent.leases.size()));
  while (!agent.leases.empty()) {
    LoseLease(*agent.leases.begin()->second, why);
  }
  if (!agent.peer.empty()) {
    by_peer_.erase(agent.peer);
  }
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
  if (agent.last_heard > agent.claim->asked_at) {
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
      static_cast<std::int64_t>(options_.fence_beats) * agent.beat_interval) {
    const AgentRecord::Claim claim = *std::exchange(agent.claim, std::nullopt);
    LoseAgent(agent, "agent lost: it was silent, and another has its name");
    Welcome(now, AddAgent(now, claim.hello), claim.peer, claim.hello);
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
      LoseAgent(agent, "agent lost");
    } else if (agent.pool_turn_age + silent >= options_.stuck_lost_after) {
      LoseAgent(agent, "agent stuck");
    } else {
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
    Tell(agent, Stop{agent.session, std::move(tokens), options_.stop_grace,
                     run->cancel_reason()});
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
  agent.pool_turn_age = beat.pool_turn_age;
  Send(agent.peer, BeatAck{beat.seq});
}

void Coordinator::Impl::Handle(Instant now, AgentRecord& agent,
                               const Want& want) {
  agent.want_sum = want.grants_seen + want.room;
  work_changed_ = true;
  if (want.grants_seen < agent.granted &&
      now - agent.last_granted >= options_.ask_again_after) {
    // A grant was lost on the way: its next hello says which.
    Send(agent.peer, Rehello{});
  }
}

void Coordinator::Impl::Handle(Instant now, AgentRecord& agent,
                               const Started& started) {
  for (const Token token : started.tokens) {
    LeaseState* const lease = leases_.Find(token);
    if (lease != nullptr && lease->holder == &agent && !lease->started) {
      lease->started = true;
      lease->since = now;
      ++agent.started_leases;
      work_changed_ = true;
    }
  }
}

void Coordinator::Impl::Handle(Instant, AgentRecord& agent, Output& output) {
  if (output.seq != agent.output_through + 1) {
    return;  // of what was sent again, or after a gap that will be filled
  }
  agent.output_through = output.seq;
  LeaseState* const lease = leases_.Find(output.token);
  std::uint64_t record = journal_->committed();
  if (lease != nullptr && lease->holder == &agent) {
    LeasedAttempt* const attempt = lease->Find(output.test);
    if (attempt != nullptr && !attempt->done &&
        attempt->attempt == output.attempt) {
      Record kept = OutputKept{agent.who.instance, std::move(output)};
      record = journal_->Append(kept);
      lease->run->OnOutput(*lease, *attempt,
                           std::move(std::get<OutputKept>(kept).output),
                           record);
    }
  }
  agent.output_ack_record = record;
}

void Coordinator::Impl::Handle(Instant now, AgentRecord& agent,
                               Results& results) {
  const std::uint64_t expected = agent.acked_through + 1;
  if (results.first > expected) {
    return;  // the agent sends what is between again
  }
  const std::uint64_t skip = expected - results.first;
  if (skip >= results.items.size()) {
    agent.ack_record = agent.ack_record.value_or(journal_->committed());
    return;
  }
  Record kept =
      ResultsKept{agent.who.instance, agent.draining, std::move(results)};
  const std::uint64_t record = journal_->Append(kept);
  Results& mine = std::get<ResultsKept>(kept).results;
  agent.acked_through = mine.first + mine.items.size() - 1;
  agent.ack_record = record;
  for (std::size_t i = skip; i < mine.items.size(); ++i) {
    TakeResult(now, agent, mine.items[i], record);
  }
}

void Coordinator::Impl::TakeResult(Instant now, AgentRecord& agent,
                                   ResultItem& item, std::uint64_t record) {
  if (auto* note = std::get_if<NoteItem>(&item)) {
    if (const auto it = runs_.find(note->run); it != runs_.end()) {
      it->second->AddNote(std::move(note->text), record);
    }
    return;
  }
  const Token token = std::visit(
      [](const auto& one) {
        if constexpr (std::is_same_v<decltype(one), const NoteItem&>) {
          return Token{};
        } else {
          return one.token;
        }
      },
      std::as_const(item));
  LeaseState* const lease = leases_.Find(token);
  if (lease == nullptr || lease->holder != &agent) {
    // Late: the lease was given to another since. It does not count.
    Log(LogLevel::kDebug, absl::StrCat("a late result of ", agent.who.name,
                                       " under token ", ToString(token)));
    return;
  }
  Run& run = *lease->run;
  if (!lease->started) {
    lease->started = true;
    ++agent.started_leases;
  }
  lease->since = now;
  if (auto* attempt = std::get_if<AttemptItem>(&item)) {
    run.OnAttempt(*lease, std::move(*attempt), record);
    if (std::optional<std::string> reason = run.TooManyFailures()) {
      CancelRun(now, run, *std::move(reason));
    }
  } else if (auto* extra = std::get_if<ExtraItem>(&item)) {
    run.OnExtra(*lease, std::move(*extra), record);
  } else {
    run.OnUnitEnd(*lease, std::get<UnitEndItem>(item), agent.draining, record);
    ForgetLease(*lease);
  }
  work_changed_ = true;
}

void Coordinator::Impl::Handle(Instant, AgentRecord& agent,
                               const Returned& returned) {
  for (const Token token : returned.tokens) {
    LeaseState* const lease = leases_.Find(token);
    if (lease != nullptr && lease->holder == &agent && !lease->started) {
      ReturnLease(*lease);
    }
  }
}

void Coordinator::Impl::ReturnLease(LeaseState& lease) {
  Run& run = *lease.run;
  const std::uint64_t record = journal_->Append(
      LeaseEnded{run.id(), lease.token, LeaseEnd::kReturned, ""});
  run.OnReturned(lease, record);
  ForgetLease(lease);
  work_changed_ = true;
}

void Coordinator::Impl::LoseLease(LeaseState& lease, absl::string_view why) {
  Run& run = *lease.run;
  const std::uint64_t record = journal_->Append(
      LeaseEnded{run.id(), lease.token, LeaseEnd::kLost, std::string(why)});
  run.OnLost(lease, lease.holder->draining, why, record);
  ForgetLease(lease);
  work_changed_ = true;
}

void Coordinator::Impl::ForgetLease(LeaseState& lease) {
  AgentRecord& agent = *lease.holder;
  agent.busy_slots -= lease.slots;
  if (lease.started) {
    --agent.started_leases;
  }
  agent.leases.erase(lease.token);
  leases_.End(lease.token);
}

void Coordinator::Impl::Handle(Instant now, AgentRecord& agent,
                               const Kept& kept) {
  for (const Token token : kept.tokens) {
    LeaseState* const lease = leases_.Find(token);
    if (lease != nullptr && lease->holder == &agent) {
      lease->revoked_at.reset();
      if (!lease->started) {
        lease->started = true;
        lease->since = now;
        ++agent.started_leases;
      }
    }
  }
}

void Coordinator::Impl::Handle(Instant, AgentRecord& agent, const Draining&) {
  agent.draining = true;
  agent.want_sum = 0;
}

void Coordinator::Impl::Handle(Instant, AgentRecord& agent, const Goodbye&) {
  LoseAgent(agent, agent.leases.empty() ? "left" : "agent drained");
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
  for (const auto& [instance, agent] : agents_) {
    while (!agent->unsent.empty() && !agent->peer.empty()) {
      const absl::Status sent =
          outbox_->Send(agent->peer, agent->unsent.front());
      if (absl::IsResourceExhausted(sent)) {
        break;
      }
      agent->unsent.pop_front();
    }
    if (agent->ack_record.has_value() && committed(*agent->ack_record) &&
        outbox_
            ->Send(agent->peer, ResultAck{agent->session, agent->acked_through})
            .ok()) {
      agent->ack_record.reset();
    }
    if (agent->output_ack_record.has_value() &&
        committed(*agent->output_ack_record) &&
        outbox_
            ->Send(agent->peer,
                   OutputAck{agent->session, agent->output_through})
            .ok()) {
      agent->output_ack_record.reset();
    }
  }
}

}  // namespace paceline
