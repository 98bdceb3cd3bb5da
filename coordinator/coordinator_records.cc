// Coordinator: the changes that are journalled.
//
// Each is made by one function, when it happens and when it is read back, from
// nothing but the record and what the records before it have made. So the
// events of a run come out with the same numbers in every life.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "coordinator/coordinator_impl.h"

namespace paceline {

AgentRecord& Coordinator::Impl::Holder(Instant now, const InstanceId& instance,
                                       const std::string& name,
                                       const std::string& host) {
  std::unique_ptr<AgentRecord>& agent = agents_[instance];
  if (agent == nullptr) {
    agent = std::make_unique<AgentRecord>();
    agent->who.instance = instance;
    agent->who.slots = 0;
    agent->who.seq = 0;
    agent->beat_interval = options_.beat_interval;
    agent->slowest_beat = options_.beat_interval;
    agent->joined_at = now;
    agent->last_heard = now;
  }
  if (agent->orphaned() && !name.empty()) {
    agent->who.name = name;
    agent->who.host = host;
  }
  return *agent;
}

// ---- the changes -----------------------------------------------------------

void Coordinator::Impl::Apply(Instant, EpochRaised& raised, std::uint64_t) {
  leases_.set_epoch(raised.epoch);
}

void Coordinator::Impl::Apply(Instant now, RunOpened& opened,
                              std::uint64_t record) {
  auto run = std::make_unique<Run>(opened.run, std::move(opened.options),
                                   options_, now);
  run->client.parts.Add(0, record, journal_->committed());
  run->client.last_heard = now;
  runs_.emplace(opened.run, std::move(run));
}

void Coordinator::Impl::Apply(Instant, PartAdded& added, std::uint64_t record) {
  Run& run = *runs_.at(added.part.run);
  run.AddPart(std::move(added.part), record);
  run.client.parts.Add(run.parts(), record, journal_->committed());
}

void Coordinator::Impl::Apply(Instant, RunClosed& closed,
                              std::uint64_t record) {
  Run& run = *runs_.at(closed.complete.run);
  run.Close(closed.complete, record);
  run.client.complete.Add(1, record, journal_->committed());
}

void Coordinator::Impl::Apply(Instant now, LeaseGranted& granted,
                              std::uint64_t) {
  AgentRecord& agent = Holder(now, granted.holder, granted.agent, granted.host);
  Run& run = *runs_.at(granted.run);
  LeaseState& lease = leases_.Add(granted.token, granted.unit);
  lease.run = &run;
  lease.holder = &agent;
  lease.agent = granted.agent;
  lease.host = granted.host;
  lease.suite = granted.suite;
  lease.wanted_slots = granted.wanted_slots;
  lease.slots = granted.slots;
  lease.constrained = run.constrained(granted.tests.front().first);
  lease.since = now;
  for (const auto& [test, attempt] : granted.tests) {
    lease.tests.push_back({test, attempt});
  }
  run.OnGranted(lease, granted.holder);
  agent.leases[lease.token] = &lease;
  agent.busy_slots += lease.slots;
  File(agent);
}

void Coordinator::Impl::Apply(Instant, OutputKept& kept, std::uint64_t record) {
  LeaseState* const lease = leases_.Find(kept.output.token);
  if (lease == nullptr || lease->holder->who.instance != kept.holder) {
    return;
  }
  LeasedAttempt* const attempt = lease->Find(kept.output.test);
  if (attempt != nullptr && !attempt->done &&
      attempt->attempt == kept.output.attempt) {
    lease->run->OnOutput(*attempt, std::move(kept.output), record);
  }
}

void Coordinator::Impl::Apply(Instant now, ResultsKept& kept,
                              std::uint64_t record) {
  AgentRecord& agent = Holder(now, kept.holder, "", "");
  agent.results_through = kept.first + kept.items.size() - 1;
  Run& run = *runs_.at(kept.run);
  std::uint64_t number = kept.first;
  for (ResultItem& item : kept.items) {
    if (run.TakesItem(kept.holder, number++)) {
      Apply(now, agent, item, kept, record);
    }
  }
}

void Coordinator::Impl::Apply(Instant now, AgentRecord& agent, ResultItem& item,
                              const ResultsKept& kept, std::uint64_t record) {
  if (auto* note = std::get_if<NoteItem>(&item)) {
    runs_.at(kept.run)->AddNote(std::move(note->text), record);
    return;
  }
  if (auto* extra = std::get_if<LateExtraItem>(&item)) {
    runs_.at(kept.run)->OnLateExtra(std::move(*extra), agent.who.name,
                                    agent.who.host, record);
    return;
  }
  if (auto* report = std::get_if<WorkerReportItem>(&item)) {
    runs_.at(kept.run)->OnWorkerReport(std::move(*report), agent.who.name,
                                       record);
    return;
  }
  if (std::holds_alternative<RunLeftItem>(item)) {
    runs_.at(kept.run)->OnLeft(kept.holder);
    return;
  }
  const Token token = std::visit(
      [](const auto& one) {
        if constexpr (requires { one.token; }) {
          return one.token;
        } else {
          return Token{};
        }
      },
      std::as_const(item));
  LeaseState* const lease = leases_.Find(token);
  if (lease == nullptr || lease->holder != &agent ||
      lease->run->id() != kept.run) {
    // Late: the lease was given to another since. It does not count.
    Log(LogLevel::kDebug, absl::StrCat("a late result of ", agent.who.name,
                                       " under token ", ToString(token)));
    return;
  }
  Run& run = *lease->run;
  MarkStarted(now, *lease);
  lease->since = now;
  if (auto* attempt = std::get_if<AttemptItem>(&item)) {
    run.OnAttempt(*lease, std::move(*attempt), record);
  } else if (auto* extra = std::get_if<ExtraItem>(&item)) {
    run.OnExtra(*lease, std::move(*extra), record);
  } else if (auto* late = std::get_if<PropertiesItem>(&item)) {
    run.OnProperties(*lease, std::move(*late), record);
  } else {
    run.OnUnitEnd(*lease, std::get<UnitEndItem>(item), kept.draining, record);
    ForgetLease(*lease);
  }
}

void Coordinator::Impl::Apply(Instant, LeaseEnded& ended,
                              std::uint64_t record) {
  LeaseState& lease = *leases_.Find(ended.token);
  switch (ended.end) {
    case LeaseEnd::kReturned:
      lease.run->OnReturned(lease, record);
      break;
    case LeaseEnd::kLost:
      lease.run->OnLost(lease, ended.drained, ended.why, record);
      break;
  }
  ForgetLease(lease);
}

void Coordinator::Impl::Apply(Instant, RunCancelled& cancelled,
                              std::uint64_t record) {
  runs_.at(cancelled.run)->Cancel(std::move(cancelled.reason), record);
}

void Coordinator::Impl::Apply(Instant now, RunEnded& ended,
                              std::uint64_t record) {
  Run& run = *runs_.at(ended.run);
  run.End(ended.unheard, record);
  run.client.ended_at = now;
}

void Coordinator::Impl::Apply(Instant, RunForgotten& forgotten, std::uint64_t) {
  runs_.erase(forgotten.run);
}

void Coordinator::Impl::Apply(Instant, EventsSeen& seen, std::uint64_t) {
  Run& run = *runs_.at(seen.run);
  run.events().Seen(seen.through);
  run.client.recorded_seen = seen.through;
  run.client.recorded_seen_bytes = run.events().seen_bytes();
}

void Coordinator::Impl::MarkStarted(Instant now, LeaseState& lease) {
  if (!lease.started) {
    lease.started = true;
    lease.since = now;
    ++lease.holder->started_leases;
    if (lease.revoked_at.has_value()) {
      lease.holder->slots_asked_back -= lease.slots;
      slots_asked_back_ -= lease.slots;
    }
    File(*lease.holder);
  }
}

void Coordinator::Impl::ForgetLease(LeaseState& lease) {
  AgentRecord& agent = *lease.holder;
  agent.busy_slots -= lease.slots;
  if (lease.started) {
    --agent.started_leases;
  } else if (lease.revoked_at.has_value()) {
    agent.slots_asked_back -= lease.slots;
    slots_asked_back_ -= lease.slots;
  }
  agent.leases.erase(lease.token);
  leases_.End(lease.token);
  File(agent);
}

// ---- reading back ----------------------------------------------------------

absl::Status Coordinator::Impl::Check(const Record& record) const {
  const std::optional<RunId> id = RunOf(record);
  if (!id.has_value()) {
    return absl::OkStatus();
  }
  const auto it = runs_.find(*id);
  const Run* const run = it == runs_.end() ? nullptr : it->second.get();
  if (std::holds_alternative<RunOpened>(record)) {
    return run == nullptr ? absl::OkStatus()
                          : absl::DataLossError("it is opened twice");
  }
  if (run == nullptr) {
    return absl::DataLossError("it was never opened");
  }
  if (run->ended() && !std::holds_alternative<RunForgotten>(record) &&
      !std::holds_alternative<EventsSeen>(record)) {
    return absl::DataLossError("it goes on after its end");
  }
  if (const auto* added = std::get_if<PartAdded>(&record)) {
    return run->CheckPart(added->part);
  }
  if (const auto* closed = std::get_if<RunClosed>(&record)) {
    return run->closed() ? absl::DataLossError("it is closed twice")
                         : run->CheckComplete(closed->complete);
  }
  if (const auto* granted = std::get_if<LeaseGranted>(&record)) {
    // No token is given twice, and none out of turn.
    const bool again =
        granted->token.epoch != leases_.epoch() || leases_.Gave(granted->token);
    return again ? absl::DataLossError(absl::StrCat(
                       "token ", ToString(granted->token), " is out of order"))
                 : run->CheckTaken(*granted);
  }
  if (const auto* ended = std::get_if<LeaseEnded>(&record)) {
    const LeaseState* const lease = leases_.Find(ended->token);
    return lease != nullptr && lease->run == run
               ? absl::OkStatus()
               : absl::DataLossError(absl::StrCat(
                     "lease ", ToString(ended->token), " is not open"));
  }
  if (std::holds_alternative<RunCancelled>(record) && run->cancelled()) {
    return absl::DataLossError("it is cancelled twice");
  }
  if (std::holds_alternative<RunEnded>(record) && !run->IsOver()) {
    return absl::DataLossError("it ends before it is over");
  }
  if (std::holds_alternative<RunForgotten>(record) && run->leases() > 0) {
    return absl::DataLossError("it is forgotten while leases are out");
  }
  return absl::OkStatus();
}

absl::Status Coordinator::Impl::Replay(Instant now, Record record) {
  if (const absl::Status status = Check(record); !status.ok()) {
    const std::optional<RunId> run = RunOf(record);
    return absl::DataLossError(
        absl::StrCat("run ", run.has_value() ? ToString(*run) : "-", ": ",
                     status.message()));
  }
  if (const auto* granted = std::get_if<LeaseGranted>(&record)) {
    // In its own life the unit was taken before the record was written.
    runs_.at(granted->run)->Take(*granted);
    leases_.Gives(granted->token);
  }
  // Record 0: what is read back is committed.
  std::visit([this, now](auto& one) { Apply(now, one, 0); }, record);
  return absl::OkStatus();
}

absl::Status Coordinator::Impl::Recover(Instant now) {
  next_look_ = now;
  leases_.set_epoch(0);
  PACELINE_RETURN_IF_ERROR(journal_->Load(
      [&](Record record) { return Replay(now, std::move(record)); }));
  // Orphans: those that hold leases, and those whose last words a run awaits.
  absl::btree_set<InstanceId> awaited;
  for (const auto& [id, run] : runs_) {
    for (const auto& [instance, name] : run->to_leave()) {
      if (!run->ended()) {
        awaited.insert(instance);
      }
    }
  }
  for (auto it = agents_.begin(); it != agents_.end();) {
    recovered_results_[it->first] = it->second->results_through;
    if (it->second->leases.empty() && !awaited.contains(it->first)) {
      Unfile(*it->second);
      it = agents_.erase(it);
    } else {
      ++it;
    }
  }
  for (const auto& [id, run] : runs_) {
    File(*run);
    run->counts.Set({run->ledger().settled(), run->ledger().bad()}, 0, 0);
  }
  // No token of an earlier life is taken for one of this.
  epoch_record_ = Keep(
      now,
      EpochRaised{std::max({1U, options_.first_epoch, leases_.epoch() + 1})});
  if (!runs_.empty()) {
    Log(LogLevel::kInfo,
        absl::StrCat("the journal was read back runs=", runs_.size(),
                     " orphaned=", leases_.size()));
  }
  return absl::OkStatus();
}

}  // namespace paceline
