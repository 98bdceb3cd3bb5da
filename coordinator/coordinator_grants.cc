// Coordinator: which agent gets which unit.

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "common/wire/codec.h"
#include "coordinator/coordinator_impl.h"

namespace paceline {
namespace {

// Un-started units asked back in one turn, at most.
constexpr std::size_t kMaxTakenBack = 64;

}  // namespace

// ---- the orders ------------------------------------------------------------

void Coordinator::Impl::File(AgentRecord& agent) {
  std::optional<AgentRecord::Place> place;
  if (agent.MayTake()) {
    place.emplace(~agent.free_slots(), agent.who.instance);
  }
  if (place != agent.place) {
    if (agent.place.has_value()) {
      takers_.erase(*agent.place);
    }
    if (place.has_value()) {
      takers_.emplace(*place, &agent);
    }
    agent.place = place;
  }
  const bool overfull = !agent.orphaned() && agent.waiting() > 0 &&
                        agent.busy_slots > agent.slots();
  if (overfull != agent.overfull) {
    agent.overfull = overfull;
    if (overfull) {
      overfull_.insert(agent.who.instance);
    } else {
      overfull_.erase(agent.who.instance);
    }
  }
  const AgentRecord::Share share{agent.orphaned() ? 0U : 1U, agent.slots(),
                                 agent.draining ? 0U : agent.slots()};
  fleet_.agents += share.agents - agent.share.agents;
  fleet_.slots += share.slots - agent.share.slots;
  fleet_.granting += share.granting - agent.share.granting;
  agent.share = share;
}

void Coordinator::Impl::Unfile(AgentRecord& agent) {
  if (agent.place.has_value()) {
    takers_.erase(*agent.place);
  }
  overfull_.erase(agent.who.instance);
  fleet_.agents -= agent.share.agents;
  fleet_.slots -= agent.share.slots;
  fleet_.granting -= agent.share.granting;
}

void Coordinator::Impl::File(Run& run) {
  std::optional<std::pair<std::uint64_t, RunId>> place;
  if (!run.ended() && !run.cancelled()) {
    place.emplace(run.busy_slots(), run.id());
  }
  if (place != run.place) {
    if (run.place.has_value()) {
      open_runs_.erase(*run.place);
    }
    if (place.has_value()) {
      open_runs_.emplace(*place, &run);
    }
    run.place = place;
  }
}

// ---- granting --------------------------------------------------------------

bool Coordinator::Impl::Silent(Instant now, const AgentRecord& agent) const {
  return now - agent.last_heard >=
         static_cast<std::int64_t>(options_.fence_beats) * agent.slowest_beat;
}

bool Coordinator::Impl::HasRoom(Instant now, const AgentRecord& agent) const {
  // One that is silent may be gone, and what it is given would wait until that
  // is known.
  return agent.MayTake() && !Silent(now, agent) &&
         agent.pool_turn_age < options_.stuck_shown_after;
}

void Coordinator::Impl::GrantUnits(Instant now) {
  if (journal_->failing()) {
    return;  // what was handed out now could not be told for long
  }
  work_changed_ = false;
  // Those with a slot free first; and then, one after the other, so that what
  // is there is shared, what is held ahead.
  while (GrantIdle(now)) {
  }
  while (GrantAhead(now)) {
  }
  TakeBack(now);
}

// One unit, to whoever has the most free slots.
bool Coordinator::Impl::GrantIdle(Instant now) {
  for (const auto& [place, agent] : takers_) {
    if (agent->free_slots() == 0) {
      return false;
    }
    if (!HasRoom(now, *agent)) {
      continue;
    }
    if (GrantOne(now, *agent)) {
      return true;
    }
    if (!avoided_) {
      return false;  // what there is nothing of for one, for another neither
    }
  }
  return false;
}

// One unit each, as far as there are.
bool Coordinator::Impl::GrantAhead(Instant now) {
  std::uint64_t most = 0;
  for (const auto& [place, run] : open_runs_) {
    most = std::max(most, run->queued() / (std::uint64_t{2} *
                                           std::max(1U, fleet_.granting)));
  }
  if (most == 0) {
    return false;  // a fair share of what is left is nothing
  }
  // What is granted moves them about.
  std::vector<AgentRecord*> able;
  for (const auto& [place, agent] : takers_) {
    if (agent->waiting() < most) {
      able.push_back(agent);
    }
  }
  bool granted = false;
  for (AgentRecord* const agent : able) {
    granted = (HasRoom(now, *agent) && GrantOne(now, *agent)) || granted;
  }
  return granted;
}

bool Coordinator::Impl::HasOther(Instant now, const AgentRecord& agent) const {
  return std::any_of(agents_.begin(), agents_.end(), [&](const auto& entry) {
    const AgentRecord& other = *entry.second;
    return &other != &agent && other.beaten && !other.draining &&
           !Silent(now, other) &&
           other.pool_turn_age < options_.stuck_shown_after;
  });
}

bool Coordinator::Impl::HoldsBack(const Run& run) const {
  // Of one whose client has left it for good nobody reads anything.
  return run.events().bytes() >= options_.max_unseen_bytes &&
         !(run.options().detach && run.client.peer.empty());
}

bool Coordinator::Impl::GrantOne(Instant now, AgentRecord& agent) {
  const std::uint32_t fleet = fleet_.granting;
  const bool ahead = agent.free_slots() == 0;
  // A unit that it left undone is for another, while there is one.
  const absl::string_view avoiding =
      HasOther(now, agent) ? absl::string_view(agent.who.name) : "";
  avoided_ = false;
  // Runs share: the one with the fewest slots is served first.
  for (const auto& [place, run] : open_runs_) {
    // What is held ahead is no more than a fair share of what is left.
    const std::uint64_t share =
        run->queued() / (std::uint64_t{2} * std::max(1U, fleet));
    if (run->queued() == 0 || (ahead && agent.waiting() >= share) ||
        HoldsBack(*run)) {
      continue;
    }
    std::optional<SuiteIndex> warm;
    if (agent.last_suite.has_value() && agent.last_suite->first == run->id()) {
      warm = agent.last_suite->second;
    }
    if (std::optional<Run::Unit> unit = run->NextUnit(fleet, warm, avoiding)) {
      AgentRecord* taker = nullptr;
      if (!ahead && agent.free_slots() < unit->slots) {
        // One with so many slots, where there is one; else one that has no
        // more and gives it all.
        taker = IdleFor(now, unit->slots, unit->avoid);
      }
      GrantUnit(now, taker != nullptr ? *taker : agent, *run, *std::move(unit));
      return true;
    }
    avoided_ = avoided_ || run->avoided();
  }
  return false;
}

AgentRecord* Coordinator::Impl::IdleFor(Instant now, std::uint32_t slots,
                                        absl::string_view avoid) {
  for (const auto& [place, agent] : takers_) {
    if (agent->free_slots() == 0) {
      break;
    }
    if (agent->who.name != avoid && HasRoom(now, *agent) &&
        agent->CanStart(slots)) {
      return agent;
    }
  }
  return nullptr;
}

void Coordinator::Impl::GrantUnit(Instant now, AgentRecord& agent, Run& run,
                                  Run::Unit unit) {
  LeaseGranted record;
  record.token = leases_.NextToken();
  record.run = run.id();
  record.unit = leases_.NextUnit();
  record.parent = unit.parent;
  record.suite = unit.suite;
  record.wanted_slots = unit.slots;
  record.slots = std::min(unit.slots, agent.slots());
  record.predicted = unit.predicted;
  record.resources = std::move(unit.resources);
  record.holder = agent.who.instance;
  record.agent = agent.who.name;
  record.host = agent.who.host;

  Grant grant;
  grant.session = agent.session;
  Lease& out = grant.leases.emplace_back();
  out.token = record.token;
  out.run = record.run;
  out.unit = record.unit;
  out.parent = record.parent;
  out.suite = record.suite;
  out.slots = record.slots;
  out.predicted = record.predicted;
  for (const TestIndex test : unit.tests) {
    LeasedTest& described = out.tests.emplace_back(run.Describe(test));
    described.env = unit.env;
    record.tests.emplace_back(test, described.attempt);
  }
  const std::uint64_t number = Keep(now, std::move(record));
  ++agent.granted;
  File(agent);
  agent.last_suite = {run.id(), unit.suite};
  if (agent.suites.insert({run.id(), unit.suite}).second) {
    grant.suites.push_back({run.id(), unit.suite, run.SuiteOf(unit.suite)});
    std::size_t bytes =
        EncodedBound(grant.suites[0].spec) + 2 * kMaxEnvelopeBytes;
    for (const LeasedTest& test : out.tests) {
      bytes += EncodedBound(test);
    }
    if (bytes > kMaxMessageBytes) {
      // A long command line and a unit of many tests: one after the other.
      Tell(agent, Grant{agent.session, std::exchange(grant.suites, {}), {}},
           number);
    }
  }
  // Not before the record is kept: of a lease that nobody knows after a restart
  // the tests would run again without a word.
  Tell(agent, std::move(grant), number);
}

std::vector<std::pair<AgentRecord*, std::uint32_t>> Coordinator::Impl::Idle(
    Instant now) {
  std::vector<std::pair<AgentRecord*, std::uint32_t>> idle;
  // Some of it is for what was asked back already.
  std::uint64_t asked_back = slots_asked_back_;
  for (const auto& [place, agent] : takers_) {
    if (agent->free_slots() == 0) {
      break;
    }
    if (HasRoom(now, *agent)) {
      const auto meant = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(agent->free_slots(), asked_back));
      asked_back -= meant;
      if (agent->free_slots() > meant) {
        idle.emplace_back(agent, agent->free_slots() - meant);
      }
    }
  }
  return idle;
}

void Coordinator::Impl::TakeBack(Instant now) {
  if (overfull_.empty()) {
    return;  // what they hold they can start at once
  }
  std::vector<std::pair<AgentRecord*, std::uint32_t>> idle = Idle(now);
  // The least that none could start: nothing that needs more is looked at.
  std::uint32_t too_wide = std::numeric_limits<std::uint32_t>::max();
  for (const InstanceId& instance : overfull_) {
    if (idle.empty()) {
      return;
    }
    AgentRecord& agent = *agents_.at(instance);
    Revoke revoke{agent.session, {}};
    // The youngest would start last.
    for (auto it = agent.leases.rbegin();
         it != agent.leases.rend() && !idle.empty() &&
         revoke.tokens.size() < kMaxTakenBack;
         ++it) {
      LeaseState& lease = *it->second;
      if (lease.started || lease.revoked_at.has_value() ||
          lease.wanted_slots >= too_wide) {
        continue;
      }
      // Where none could start it, it would only go to and fro.
      const auto taker =
          std::find_if(idle.begin(), idle.end(), [&lease](const auto& one) {
            return std::min(lease.wanted_slots, one.first->slots()) <=
                   one.second;
          });
      if (taker == idle.end()) {
        too_wide = lease.wanted_slots;
        continue;
      }
      taker->second -= std::min(lease.wanted_slots, taker->first->slots());
      if (taker->second == 0) {
        idle.erase(taker);
      }
      lease.revoked_at = now;
      agent.slots_asked_back += lease.slots;
      slots_asked_back_ += lease.slots;
      revoke.tokens.push_back(lease.token);
    }
    if (!revoke.tokens.empty()) {
      ExpectAnswer(now, agent);
      Tell(agent, std::move(revoke));
    }
  }
}

}  // namespace paceline
