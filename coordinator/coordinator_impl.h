// The inside of Coordinator: agents, leases and runs brought together.
//
// Split by who speaks: coordinator_agents.cc (sessions, what agents say),
// coordinator_clients.cc (submissions, events), coordinator_grants.cc (who gets
// what). coordinator_records.cc has the changes that are journalled, which are
// made there alone; coordinator.cc has the turn of the loop.

#ifndef PACELINE_COORDINATOR_COORDINATOR_IMPL_H_
#define PACELINE_COORDINATOR_COORDINATOR_IMPL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "coordinator/agent_record.h"
#include "coordinator/coordinator.h"
#include "coordinator/lease_table.h"
#include "coordinator/run.h"
#include "coordinator/seldom.h"

namespace paceline {

class Coordinator::Impl {
 public:
  Impl(CoordinatorOptions options, Journal* journal, CoordinatorOutbox* outbox)
      : options_(std::move(options)), journal_(journal), outbox_(outbox) {}

  absl::Status Recover(Instant now);
  bool ready() const { return committed(epoch_record_); }
  void OnMessage(Instant now, absl::string_view peer, Message message);
  void OnMalformed(Instant now, absl::string_view peer,
                   const absl::Status& why);
  bool Shutdown();
  void OnTick(Instant now);
  Instant next_deadline() const;

 private:
  // ---- agents (coordinator_agents.cc)
  void Handle(Instant now, absl::string_view peer, Hello& hello);
  void Handle(Instant now, AgentRecord& agent, const Beat& beat);
  void Handle(Instant now, AgentRecord& agent, const Want& want);
  void Handle(Instant now, AgentRecord& agent, const Started& started);
  void Handle(Instant now, AgentRecord& agent, Output& output);
  void Handle(Instant now, AgentRecord& agent, Results& results);
  void Handle(Instant now, AgentRecord& agent, const Returned& returned);
  void Handle(Instant now, AgentRecord& agent, const Kept& kept);
  void Handle(Instant now, AgentRecord& agent, const Draining& draining);
  void Handle(Instant now, AgentRecord& agent, const Goodbye& goodbye);
  template <typename M>
  void HandleInSession(Instant now, absl::string_view peer, M& message);
  // Tokens of this life must be greater than all before.
  void LookAtEpochs(Instant now, const Hello& hello);
  void Welcome(Instant now, AgentRecord& agent, absl::string_view peer,
               const Hello& hello);
  AgentRecord& AddAgent(Instant now, const Hello& hello);
  // Another instance wants the holder's name.
  void AddClaim(Instant now, AgentRecord& holder, absl::string_view peer,
                const Hello& hello);
  // Whether it is there.
  void AskHolder(Instant now, AgentRecord& holder);
  // Its leases are lost, and it is forgotten.
  void LoseAgent(Instant now, AgentRecord& agent, absl::string_view why);
  void LoseLeases(Instant now, AgentRecord& agent, absl::string_view why);
  void LoseLease(Instant now, LeaseState& lease, absl::string_view why);
  void ReturnLease(Instant now, LeaseState& lease);
  void LookAtAgents(Instant now);
  void LookAtClaim(Instant now, AgentRecord& agent);
  // Says again what the agent is to stop, and what it is to give back.
  void AskForLeases(Instant now, AgentRecord& agent);
  // A Revoke or Stop went out: see that it is answered.
  void ExpectAnswer(Instant now, AgentRecord& agent);
  Duration BeatInterval() const;
  Duration LostAfter(const AgentRecord& agent) const;
  AgentRecord* FindAgent(absl::string_view peer);
  // Once `record` is committed, and all that was told before has gone.
  void Tell(AgentRecord& agent, Message message, std::uint64_t record = 0);
  void SendUnsent(AgentRecord& agent);
  // Writes down what the run's client has seen, where that is worth a record.
  void NoteSeen(Instant now, Run& run);

  // ---- clients (coordinator_clients.cc)
  void Handle(Instant now, absl::string_view peer, const ClientHello& hello);
  void Handle(Instant now, absl::string_view peer, SubmitOpen& open);
  void Handle(Instant now, absl::string_view peer, SubmitPart& part);
  void Handle(Instant now, absl::string_view peer, SubmitComplete& complete);
  void Handle(Instant now, absl::string_view peer, const Attach& attach);
  void Handle(Instant now, absl::string_view peer, const EventsAck& ack);
  void Handle(Instant now, absl::string_view peer, const Cancel& cancel);
  void Handle(Instant now, absl::string_view peer, const ClientBeat& beat);
  void Handle(Instant now, absl::string_view peer, const StatusRequest&);
  void AddAgents(Instant now, StatusReply& reply) const;
  void AddRuns(Instant now, StatusReply& reply);
  // The run, if it is known and open; otherwise the peer is told.
  Run* FindRun(Instant now, absl::string_view peer, const RunId& id);
  void Reject(Instant now, Run& run, absl::string_view peer,
              const absl::Status& why);
  void CancelRun(Instant now, Run& run, std::string reason);
  void CancelIfTooManyFailed(Instant now, Run& run);
  void LookAtRuns(Instant now);
  // What is left of a run that is over: the last words of its workers, and
  // when those are said, or their agents gone, its end.
  void LetWorkersLeave(Instant now, Run& run);
  void EndRun(Instant now, Run& run, std::vector<std::string> unheard);
  void TellClient(Instant now, Run& run);
  void TellProgress(Instant now, Run& run);
  Progress MakeProgress(Instant now, const Run& run) const;
  void Send(absl::string_view peer, const Message& message) {
    // Whatever is lost here is asked for again.
    outbox_->Send(peer, message).IgnoreError();
  }

  // ---- who gets what (coordinator_grants.cc)
  void GrantUnits(Instant now);
  bool GrantOne(Instant now, AgentRecord& agent);
  void GrantUnit(Instant now, AgentRecord& agent, Run& run, Run::Unit unit);
  bool HasRoom(Instant now, const AgentRecord& agent) const;
  bool Silent(Instant now, const AgentRecord& agent) const;
  // Whether another agent is there that takes units, now or some time.
  bool HasOther(Instant now, const AgentRecord& agent) const;
  // An agent that would start a unit of `slots` at once, other than `avoid`;
  // null if none would.
  AgentRecord* IdleFor(Instant now, std::uint32_t slots,
                       absl::string_view avoid);
  // Whether so many of its events are unseen that it gets nothing more: they
  // are kept in memory until its client has read them.
  bool HoldsBack(const Run& run) const;
  bool GrantIdle(Instant now);
  bool GrantAhead(Instant now);
  // Takes what has not started back from agents with more than enough, for
  // those with nothing to do.
  void TakeBack(Instant now);
  // Those that could start something at once, with the slots that are not
  // meant for what was asked back already.
  std::vector<std::pair<AgentRecord*, std::uint32_t>> Idle(Instant now);
  // Puts an agent or a run where it belongs in the orders below; to be called
  // after each change of what they go by.
  void File(AgentRecord& agent);
  void Unfile(AgentRecord& agent);
  void File(Run& run);

  // What was kept and may be told now.
  void TellAgents();
  void TellRuns(Instant now);
  bool committed(std::uint64_t record) const {
    return record <= journal_->committed();
  }

  // ---- what is journalled (coordinator_records.cc)
  // Takes `record` down and makes the change; returns its number.
  template <typename R>
  std::uint64_t Keep(Instant now, R record);
  // The changes. What an earlier life wrote has passed Check before; what this
  // one writes is checked by who decides it.
  void Apply(Instant now, EpochRaised& raised, std::uint64_t record);
  void Apply(Instant now, RunOpened& opened, std::uint64_t record);
  void Apply(Instant now, PartAdded& added, std::uint64_t record);
  void Apply(Instant now, RunClosed& closed, std::uint64_t record);
  void Apply(Instant now, LeaseGranted& granted, std::uint64_t record);
  void Apply(Instant now, OutputKept& kept, std::uint64_t record);
  void Apply(Instant now, ResultsKept& kept, std::uint64_t record);
  void Apply(Instant now, LeaseEnded& ended, std::uint64_t record);
  void Apply(Instant now, RunCancelled& cancelled, std::uint64_t record);
  void Apply(Instant now, RunEnded& ended, std::uint64_t record);
  void Apply(Instant now, RunForgotten& forgotten, std::uint64_t record);
  void Apply(Instant now, EventsSeen& seen, std::uint64_t record);
  void Apply(Instant now, AgentRecord& agent, ResultItem& item,
             const ResultsKept& kept, std::uint64_t record);
  // Returns kDataLoss if what was kept cannot have happened now.
  absl::Status Check(const Record& record) const;
  absl::Status Replay(Instant now, Record record);
  // The agent that holds or held a lease; one that has not said hello yet is
  // there for its leases alone.
  AgentRecord& Holder(Instant now, const InstanceId& instance,
                      const std::string& name, const std::string& host);
  void MarkStarted(Instant now, LeaseState& lease);
  // The run has heard of the lease's end.
  void ForgetLease(LeaseState& lease);

  const CoordinatorOptions options_;
  Journal* const journal_;
  CoordinatorOutbox* const outbox_;

  // The last one appended, and the one behind the epoch.
  std::uint64_t last_record_ = 0;
  std::uint64_t epoch_record_ = 0;
  LeaseTable leases_;
  absl::btree_map<InstanceId, std::unique_ptr<AgentRecord>> agents_;
  absl::flat_hash_map<std::string, AgentRecord*> by_peer_;
  absl::btree_map<RunId, std::unique_ptr<Run>> runs_;
  // How much is kept of the outboxes of agents that an earlier life knew.
  absl::btree_map<InstanceId, std::uint64_t> recovered_results_;
  // So that no decision looks at them all: the agents that may be given a unit,
  // those with the most free slots first; those that hold more than they have
  // slots for; the runs that go on, the one with the fewest slots first; and
  // who may have to be told something.
  absl::btree_map<AgentRecord::Place, AgentRecord*> takers_;
  absl::btree_set<InstanceId> overfull_;
  absl::btree_map<std::pair<std::uint64_t, RunId>, Run*> open_runs_;
  absl::btree_set<InstanceId> untold_agents_;
  absl::btree_set<RunId> untold_runs_;
  AgentRecord::Share fleet_;
  // The last GrantOne found nothing for its agent that another might have.
  bool avoided_ = false;
  std::uint64_t slots_asked_back_ = 0;
  std::uint64_t sessions_ = 0;
  std::uint64_t nonces_ = 0;

  Seldom malformed_{std::chrono::seconds(1)};
  // Something changed that may let an agent have a unit.
  bool work_changed_ = false;
  Instant next_look_{};
  // When the loop was expected to turn at the latest; nothing before the first.
  std::optional<Instant> due_;
  Instant first_turn_{};
};

template <typename R>
std::uint64_t Coordinator::Impl::Keep(Instant now, R record) {
  const std::optional<RunId> id = RunOf(record);
  Record kept = std::move(record);
  last_record_ = journal_->Append(kept);
  Apply(now, std::get<R>(kept), last_record_);
  if (id.has_value()) {
    if (const auto it = runs_.find(*id); it != runs_.end()) {
      const Ledger& ledger = it->second->ledger();
      it->second->counts.Set({ledger.settled(), ledger.bad()}, last_record_,
                             journal_->committed());
      File(*it->second);
      untold_runs_.insert(*id);
    }
  }
  work_changed_ = true;
  return last_record_;
}

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_COORDINATOR_IMPL_H_
