// Coordinator: clients, their submissions, and what they are told.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/wire/text.h"
#include "common/wire/version.h"
#include "coordinator/coordinator_impl.h"

namespace paceline {

void Coordinator::Impl::Handle(Instant, absl::string_view peer,
                               const ClientHello& hello) {
  const std::optional<std::uint32_t> spoken = SpokenVersion(hello.protocol);
  if (!spoken.has_value()) {
    Send(peer, Refused{RefusalCode::kProtocolVersion,
                       VersionMismatch("this client", hello.protocol,
                                       "the coordinator")});
    return;
  }
  Send(peer,
       ClientWelcome{*spoken, leases_.epoch(), options_.client_beat_interval});
}

Run* Coordinator::Impl::FindRun(Instant now, absl::string_view peer,
                                const RunId& id) {
  const auto it = runs_.find(id);
  if (it == runs_.end()) {
    Send(peer, Refused{RefusalCode::kUnknownRun,
                       absl::StrCat("run ", ToString(id),
                                    " is not known here; start it again")});
    return nullptr;
  }
  it->second->client.last_heard = now;
  untold_runs_.insert(id);
  if (it->second->client.peer != peer) {
    // An earlier life knew it, or its connection was cut and made again unseen:
    // it says what it has seen when it attaches, and is told the rest.
    Send(peer, Rehello{});
  }
  return it->second.get();
}

// ---- submission ------------------------------------------------------------

void Coordinator::Impl::Handle(Instant now, absl::string_view peer,
                               SubmitOpen& open) {
  const RunId id = open.run;
  auto it = runs_.find(id);
  if (it == runs_.end()) {
    Keep(now, RunOpened{id, std::move(open.options)});
    it = runs_.find(id);
    Log(LogLevel::kInfo, absl::StrCat("run opened run=", ToString(id),
                                      " title=", it->second->options().title));
  } else {
    it->second->client.parts.Repeat();
    untold_runs_.insert(id);
  }
  it->second->client.peer = std::string(peer);
  it->second->client.last_heard = now;
}

void Coordinator::Impl::Handle(Instant now, absl::string_view peer,
                               SubmitPart& part) {
  Run* const run = FindRun(now, peer, part.run);
  if (run == nullptr) {
    return;
  }
  if (run->ended()) {
    return;  // nothing comes after the end, which the client is told of
  }
  if (part.part > run->parts() + 1) {
    return;  // the client sends what was lost in between again, and this too
  }
  if (part.part > run->parts()) {
    if (const absl::Status status = run->CheckPart(part); !status.ok()) {
      Reject(now, *run, peer, status);
      return;
    }
    Keep(now, PartAdded{std::move(part)});
  } else {
    run->client.parts.Repeat();
  }
}

void Coordinator::Impl::Handle(Instant now, absl::string_view peer,
                               SubmitComplete& complete) {
  Run* const run = FindRun(now, peer, complete.run);
  if (run == nullptr) {
    return;
  }
  if (run->ended() || complete.parts > run->parts()) {
    return;  // as above
  }
  if (!run->closed()) {
    if (const absl::Status status = run->CheckComplete(complete);
        !status.ok()) {
      Reject(now, *run, peer, status);
      return;
    }
    Keep(now, RunClosed{std::move(complete)});
  } else {
    run->client.complete.Repeat();
  }
}

void Coordinator::Impl::Reject(Instant now, Run& run, absl::string_view peer,
                               const absl::Status& why) {
  Send(peer, Refused{RefusalCode::kSubmission, std::string(why.message())});
  if (!run.ended() && !run.cancelled()) {
    CancelRun(now, run, std::string(why.message()));
  }
}

// ---- following -------------------------------------------------------------

void Coordinator::Impl::Handle(Instant now, absl::string_view peer,
                               const Attach& attach) {
  const auto it = runs_.find(attach.run);
  if (it == runs_.end()) {
    Send(peer, AttachReply{attach.run, false, 0, false});
    return;
  }
  Run& run = *it->second;
  run.client.peer = std::string(peer);
  run.client.last_heard = now;
  run.client.last_ack = now;
  run.events().Rewind(attach.last_event);
  run.client.attach_reply_due = true;
  untold_runs_.insert(attach.run);
}

void Coordinator::Impl::Handle(Instant now, absl::string_view peer,
                               const EventsAck& ack) {
  if (Run* const run = FindRun(now, peer, ack.run)) {
    run->events().Acknowledge(ack.through);
    run->client.last_ack = now;
    NoteSeen(now, *run);
  }
}

void Coordinator::Impl::NoteSeen(Instant now, Run& run) {
  constexpr std::uint64_t kWorthARecord = std::uint64_t{4} << 20;
  const bool all = run.ended() && run.events().empty() &&
                   run.client.recorded_seen < run.events().seen();
  if (all || run.events().seen_bytes() - run.client.recorded_seen_bytes >=
                 kWorthARecord) {
    Keep(now, EventsSeen{run.id(), run.events().seen()});
  }
}

void Coordinator::Impl::Handle(Instant now, absl::string_view peer,
                               const Cancel& cancel) {
  Run* const run = FindRun(now, peer, cancel.run);
  if (run != nullptr && !run->cancelled() && !run->ended()) {
    CancelRun(now, *run, cancel.reason.empty() ? "cancelled" : cancel.reason);
  }
}

void Coordinator::Impl::Handle(Instant now, absl::string_view peer,
                               const ClientBeat& beat) {
  FindRun(now, peer, beat.run);
}

void Coordinator::Impl::CancelRun(Instant now, Run& run, std::string reason) {
  // As long as it can be when it is read back.
  constexpr std::size_t kMaxReason = 1024;
  if (reason.size() > kMaxReason) {
    reason = CutText(reason, kMaxReason);
  }
  Keep(now, RunCancelled{run.id(), std::move(reason)});
  for (const auto& [instance, agent] : agents_) {
    AskForLeases(now, *agent);
  }
}

void Coordinator::Impl::CancelIfTooManyFailed(Instant now, Run& run) {
  if (std::optional<std::string> reason = run.TooManyFailures()) {
    CancelRun(now, run, *std::move(reason));
  }
}

void Coordinator::Impl::LetWorkersLeave(Instant now, Run& run) {
  std::vector<std::string> unheard;
  bool waits = false;
  const bool ask = now >= run.ask_to_leave_at;
  for (const auto& [instance, name] : run.to_leave()) {
    const auto it = agents_.find(instance);
    if (it == agents_.end() ||
        it->second->pool_turn_age >= options_.stuck_lost_after) {
      if (unheard.size() < kMaxNamed) {
        unheard.push_back(name);
      }
      continue;
    }
    waits = true;
    if (ask) {
      Tell(*it->second, RunOver{run.id(), /*answer=*/true}, last_record_);
    }
  }
  if (!waits) {
    EndRun(now, run, std::move(unheard));
  } else if (ask) {
    run.ask_to_leave_at = now + options_.ask_again_after;
  }
}

void Coordinator::Impl::EndRun(Instant now, Run& run,
                               std::vector<std::string> unheard) {
  const std::uint64_t record =
      Keep(now, RunEnded{run.id(), std::move(unheard)});
  for (const auto& [instance, agent] : agents_) {
    Tell(*agent, RunOver{run.id(), /*answer=*/false}, record);
    // A later run has another id; this one's suites are of no use any more.
    for (auto it = agent->suites.begin(); it != agent->suites.end();) {
      it = it->first == run.id() ? agent->suites.erase(it) : std::next(it);
    }
  }
  Log(LogLevel::kInfo, absl::StrCat("run ended run=", ToString(run.id()),
                                    " tests=", run.ledger().tests(),
                                    " bad=", run.ledger().bad()));
}

// A client that lives is heard as often as it beats; no grace is shorter than
// so many of its beats.
constexpr int kLeastGraceBeats = 3;

void Coordinator::Impl::LookAtRuns(Instant now) {
  std::vector<RunId> forgotten;
  for (const auto& [id, owned] : runs_) {
    Run& run = *owned;
    // Of what was read back, and of lost agents.
    CancelIfTooManyFailed(now, run);
    if (run.IsOver()) {
      untold_runs_.insert(id);  // it waits for agents, which may be gone
    }
    const Duration gone = now - run.client.last_heard;
    if (!run.ended() && !run.cancelled() &&
        !(run.options().detach && run.closed()) &&
        gone >= std::max(run.options().client_grace,
                         kLeastGraceBeats * options_.client_beat_interval)) {
      CancelRun(now, run,
                absl::StrCat("the client was gone for ", FormatDuration(gone)));
    }
    if (run.events().in_flight() &&
        now - run.client.last_ack >= options_.ask_again_after) {
      run.client.last_ack = now;
      run.events().SendAgain();
    }
    const bool seen = run.events().empty();
    if (run.ended() && run.client.ended_at.has_value() &&
        now - *run.client.ended_at >= (seen ? options_.forget_seen_after
                                            : options_.forget_unseen_after)) {
      forgotten.push_back(id);
    }
  }
  for (const RunId& id : forgotten) {
    Keep(now, RunForgotten{id});
  }
}

void Coordinator::Impl::TellRuns(Instant now) {
  for (const RunId& id : std::exchange(untold_runs_, {})) {
    const auto it = runs_.find(id);
    if (it == runs_.end()) {
      continue;
    }
    if (it->second->IsOver()) {
      LetWorkersLeave(now, *it->second);
    }
    TellClient(now, *it->second);
    Run& run = *it->second;
    const std::uint64_t kept = journal_->committed();
    if (run.events().waits(kept) || run.client.parts.waits(kept) ||
        run.client.complete.waits(kept)) {
      untold_runs_.insert(id);
    } else {
      untold_runs_.erase(id);
    }
  }
}

void Coordinator::Impl::TellClient(Instant now, Run& run) {
  Run::Client& client = run.client;
  if (client.peer.empty()) {
    return;
  }
  const std::uint64_t kept = journal_->committed();
  if (client.attach_reply_due && client.parts.Get(kept).has_value()) {
    client.attach_reply_due = false;
    Send(client.peer,
         AttachReply{run.id(), true,
                     static_cast<std::uint32_t>(*client.parts.Get(kept)),
                     client.complete.Get(kept).has_value()});
  }
  if (const auto part = client.parts.Due(kept)) {
    client.parts.Told(*part);
    Send(client.peer, PartKept{run.id(), static_cast<std::uint32_t>(*part)});
  }
  if (const auto complete = client.complete.Due(kept)) {
    client.complete.Told(*complete);
    Send(client.peer, SubmitKept{run.id()});
  }
  while (true) {
    const bool idle = !run.events().in_flight();
    const std::optional<Events> events =
        run.events().Next(run.id(), journal_->committed());
    if (!events.has_value()) {
      break;
    }
    const absl::Status sent = outbox_->Send(client.peer, *events);
    if (absl::IsUnavailable(sent)) {
      client.peer.clear();  // nothing is made for it until it is back
      return;
    }
    if (!sent.ok()) {
      break;
    }
    if (idle) {
      client.last_ack = now;
    }
    run.events().Sent(*events);
  }
  if (!run.ended() && now >= client.next_progress) {
    TellProgress(now, run);
  }
}

void Coordinator::Impl::TellProgress(Instant now, Run& run) {
  run.client.next_progress = now + options_.progress_interval;
  Progress progress = MakeProgress(now, run);
  if (run.client.last_progress == progress) {
    return;
  }
  Send(run.client.peer, progress);
  run.client.last_progress = std::move(progress);
}

Progress Coordinator::Impl::MakeProgress(Instant now, const Run& run) const {
  constexpr std::ptrdiff_t kShown = 64;
  Progress progress;
  progress.run = run.id();
  progress.queued = run.queued();
  progress.agents = fleet_.agents;
  progress.slots = fleet_.slots;
  std::vector<const LeaseState*> running;
  for (const auto& [token, lease] : run.open_leases()) {
    if (lease->started && lease->Current() != nullptr) {
      running.push_back(lease);
    }
  }
  const auto shown =
      running.begin() +
      std::min(kShown, static_cast<std::ptrdiff_t>(running.size()));
  std::partial_sort(running.begin(), shown, running.end(),
                    [](const LeaseState* a, const LeaseState* b) {
                      return a->since < b->since;
                    });
  for (auto it = running.begin(); it != shown; ++it) {
    progress.running.push_back(
        {(*it)->Current()->test, (*it)->holder->who.name, now - (*it)->since});
  }
  return progress;
}

// Of what is in a status, the newest `kMaxNamed`, and fewer where names are so
// long that they would not fit into a message.
constexpr std::size_t kStatusBytes = std::size_t{112} * 1024;
// What is around the names of one of them.
constexpr std::size_t kStatusEntryBytes = 96;

void Coordinator::Impl::AddAgents(Instant now, StatusReply& reply) const {
  std::vector<const AgentRecord*> newest;
  for (const auto& [instance, agent] : agents_) {
    newest.push_back(agent.get());
  }
  std::stable_sort(newest.begin(), newest.end(),
                   [](const AgentRecord* a, const AgentRecord* b) {
                     return a->joined_at > b->joined_at;
                   });
  std::size_t bytes = 0;
  for (const AgentRecord* const agent : newest) {
    AgentStatus status;
    status.name = agent->who.name;
    status.host = agent->who.host;
    status.pid = agent->who.pid;
    status.slots = agent->slots();
    status.leases = static_cast<std::uint32_t>(agent->leases.size());
    status.last_heard = now - agent->last_heard;
    if (agent->orphaned() || status.last_heard >= 3 * agent->slowest_beat) {
      status.state = "silent";
    } else if (agent->pool_turn_age >= options_.stuck_shown_after) {
      status.state = "stuck";
    } else {
      status.state = agent->draining ? "draining" : "ready";
    }
    bytes += status.name.size() + status.host.size() + kStatusEntryBytes;
    if (reply.agents.size() == kMaxNamed || bytes > kStatusBytes) {
      break;
    }
    reply.agents.push_back(std::move(status));
  }
}

void Coordinator::Impl::AddRuns(Instant now, StatusReply& reply) {
  constexpr std::size_t kMaxTitle = 512;
  std::vector<Run*> newest;
  for (const auto& [id, run] : runs_) {
    newest.push_back(run.get());
  }
  std::stable_sort(newest.begin(), newest.end(),
                   [](const Run* a, const Run* b) {
                     return a->opened_at() > b->opened_at();
                   });
  std::size_t bytes = 0;
  for (Run* const run : newest) {
    RunStatus status;
    status.run = run->id();
    status.title = CutText(run->options().title, kMaxTitle);
    status.state = run->ended()       ? "ended"
                   : run->cancelled() ? "cancelled"
                   : run->closed()    ? "running"
                                      : "submitting";
    status.tests = run->ledger().tests();
    if (const auto& counts = run->counts.Get(journal_->committed())) {
      status.settled = counts->settled;
      status.bad = counts->bad;
    }
    status.queued = run->queued();
    status.age = now - run->opened_at();
    bytes += status.title.size() + kStatusEntryBytes;
    if (reply.runs.size() == kMaxNamed || bytes > kStatusBytes) {
      break;
    }
    reply.runs.push_back(std::move(status));
  }
}

void Coordinator::Impl::Handle(Instant now, absl::string_view peer,
                               const StatusRequest&) {
  StatusReply reply;
  reply.program_version = options_.program_version;
  reply.epoch = leases_.epoch();
  AddAgents(now, reply);
  AddRuns(now, reply);
  Send(peer, reply);
}

}  // namespace paceline
