// Coordinator: which agent gets which unit.

#include <algorithm>
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

std::uint32_t Coordinator::Impl::FleetSlots() const {
  std::uint32_t slots = 0;
  for (const auto& [instance, agent] : agents_) {
    slots += agent->draining ? 0 : agent->slots();
  }
  return slots;
}

bool Coordinator::Impl::HasRoom(Instant now, const AgentRecord& agent) const {
  // One that is silent may be gone, and what it is given would wait until that
  // is known.
  return now - agent.last_heard <
             static_cast<std::int64_t>(options_.fence_beats) *
                 agent.beat_interval &&
         agent.beaten && !agent.draining && !agent.peer.empty() &&
         !agent.full &&
         agent.credit() > 0 && agent.leases.size() < kMaxNamed &&
         agent.pool_turn_age < options_.stuck_shown_after;
}

void Coordinator::Impl::GrantUnits(Instant now) {
  // Those with a slot free first; and then, one after the other, so that what
  // is there is shared, what is held ahead.
  for (const bool ahead : {false, true}) {
    bool granted = true;
    while (granted) {
      granted = false;
      for (const auto& [instance, agent] : agents_) {
        if (HasRoom(now, *agent) &&
            (ahead || agent->busy_slots < agent->slots())) {
          granted = GrantOne(now, *agent) || granted;
        }
      }
    }
  }
  work_changed_ = false;
  TakeBack(now);
}

bool Coordinator::Impl::GrantOne(Instant now, AgentRecord& agent) {
  const std::uint32_t fleet = FleetSlots();
  const bool ahead = agent.busy_slots >= agent.slots();
  // Runs share: the one with the fewest leases out is served first.
  std::vector<Run*> order;
  for (const auto& [id, run] : runs_) {
    // What is held ahead is no more than a fair share of what is left.
    const std::uint64_t share =
        run->queued() / (std::uint64_t{2} * std::max(1U, fleet));
    if (!run->ended() && !run->cancelled() &&
        (!ahead || agent.waiting() < share)) {
      order.push_back(run.get());
    }
  }
  std::stable_sort(order.begin(), order.end(), [](const Run* a, const Run* b) {
    return a->leases() < b->leases();
  });
  for (Run* const run : order) {
    std::optional<SuiteIndex> warm;
    if (agent.last_suite.has_value() && agent.last_suite->first == run->id()) {
      warm = agent.last_suite->second;
    }
    if (std::optional<Run::Unit> unit = run->NextUnit(fleet, warm)) {
      AgentRecord* const other = ahead || agent.CanStart(unit->slots)
                                     ? nullptr
                                     : IdleFor(now, unit->slots);
      GrantUnit(now, other != nullptr ? *other : agent, *run, *std::move(unit));
      return true;
    }
  }
  return false;
}

AgentRecord* Coordinator::Impl::IdleFor(Instant now, std::uint32_t slots) {
  for (const auto& [instance, agent] : agents_) {
    if (HasRoom(now, *agent) && agent->CanStart(slots)) {
      return agent.get();
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
  agent.last_granted = now;
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

void Coordinator::Impl::TakeBack(Instant now) {
  // What each agent could start at once, and is not yet meant for it.
  std::vector<std::pair<AgentRecord*, std::uint32_t>> idle;
  for (const auto& [instance, agent] : agents_) {
    if (HasRoom(now, *agent) && agent->CanStart(1)) {
      idle.emplace_back(agent.get(), agent->slots() - agent->busy_slots);
    }
  }
  if (idle.empty()) {
    return;
  }
  // Some of it is for what was asked back already.
  std::uint32_t asked_back = 0;
  for (const auto& [instance, agent] : agents_) {
    asked_back += agent->slots_asked_back;
  }
  for (auto& [agent, slots] : idle) {
    const std::uint32_t meant = std::min(slots, asked_back);
    slots -= meant;
    asked_back -= meant;
  }
  for (const auto& [instance, agent] : agents_) {
    if (agent->busy_slots <= agent->slots() || agent->orphaned()) {
      continue;  // what it holds it can start at once, or nobody is there
    }
    Revoke revoke{agent->session, {}};
    // The youngest would start last.
    for (auto it = agent->leases.rbegin();
         it != agent->leases.rend() && revoke.tokens.size() < kMaxTakenBack;
         ++it) {
      LeaseState& lease = *it->second;
      if (lease.started || lease.revoked_at.has_value()) {
        continue;
      }
      // Where none could start it, it would only go to and fro.
      const auto taker =
          std::find_if(idle.begin(), idle.end(), [&lease](const auto& one) {
            return std::min(lease.wanted_slots, one.first->slots()) <=
                   one.second;
          });
      if (taker == idle.end()) {
        continue;
      }
      taker->second -= std::min(lease.wanted_slots, taker->first->slots());
      lease.revoked_at = now;
      agent->slots_asked_back += lease.slots;
      revoke.tokens.push_back(lease.token);
    }
    if (!revoke.tokens.empty()) {
      ExpectAnswer(now, *agent);
      Tell(*agent, std::move(revoke));
    }
  }
}

}  // namespace paceline
