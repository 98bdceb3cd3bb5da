// What the coordinator knows of one agent: passive data of the fleet.

#ifndef PACELINE_COORDINATOR_AGENT_RECORD_H_
#define PACELINE_COORDINATOR_AGENT_RECORD_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/wire/messages.h"
#include "coordinator/kept_value.h"
#include "coordinator/lease_table.h"

namespace paceline {

struct AgentRecord {
  // Another instance that wants the name, and when the holder was asked.
  struct Claim {
    std::string peer;
    Hello hello;
    Instant asked_at;
    Instant ask_again_at;
  };

  // A message, and the record that has to be committed before.
  struct Unsent {
    Message message;
    std::uint64_t record = 0;
  };

  // Its place among those that may be given something: the most free slots
  // first.
  using Place = std::pair<std::uint32_t, InstanceId>;
  // What it counts for in the fleet.
  struct Share {
    std::uint32_t agents = 0;
    std::uint32_t slots = 0;
    std::uint32_t granting = 0;  // slots that may be given something, some time
  };

  Hello who;  // without its `held`
  Instant joined_at;

  // The session; zero for one that an earlier life of the coordinator knew and
  // that has not said hello to this one: its leases are orphans.
  SessionId session{};
  std::string peer;
  // As last told, and the longest that it may beat at.
  Duration beat_interval{};
  Duration slowest_beat{};
  Instant last_heard;
  // As its last beat said; before the first of a session, as that of the one
  // before. Nothing is given to it until `beaten`: its pool may be stuck.
  Duration pool_turn_age{};
  bool beaten = false;
  bool draining = false;
  // Leases in this session: granted, and of those the ones it was told of.
  std::uint64_t granted = 0;
  std::uint64_t told = 0;
  // Since when it says that it has not seen one of those.
  std::optional<Instant> unseen_since;
  std::uint64_t want_sum = 0;  // grants seen and room, as last told
  // Suites that this session was told of.
  absl::btree_set<std::pair<RunId, SuiteIndex>> suites;
  std::optional<std::pair<RunId, SuiteIndex>> last_suite;
  // What could not be sent yet, in order; `full`: for want of room.
  std::deque<Unsent> unsent;
  bool full = false;
  std::uint64_t output_through = 0;
  AckQueue output_acks;

  // When the oldest Revoke or Stop without an answer is said again.
  std::optional<Instant> ask_again_at;

  // Of the instance, across sessions.
  std::uint64_t results_through = 0;
  AckQueue result_acks;

  absl::btree_map<Token, LeaseState*> leases;
  std::uint32_t busy_slots = 0;  // of all its leases
  std::uint32_t started_leases = 0;
  // Of what it was asked to give back and has not started.
  std::uint32_t slots_asked_back = 0;
  std::optional<Claim> claim;

  // As the coordinator has filed it (Impl::File).
  std::optional<Place> place;
  Share share;
  bool overfull = false;

  bool orphaned() const { return session == SessionId{}; }
  std::uint32_t slots() const { return who.slots; }
  std::uint32_t waiting() const {
    return static_cast<std::uint32_t>(leases.size()) - started_leases;
  }
  // Whether a unit that needs `wanted` slots would start at once.
  bool CanStart(std::uint32_t wanted) const {
    return busy_slots + std::min(wanted, slots()) <= slots();
  }
  std::uint32_t free_slots() const {
    return slots() > busy_slots ? slots() - busy_slots : 0;
  }
  std::uint64_t credit() const {
    return want_sum > granted ? want_sum - granted : 0;
  }
  // Whether it may be given a unit, unless it is silent or stuck.
  bool MayTake() const {
    return beaten && !draining && !peer.empty() && !full && credit() > 0 &&
           leases.size() < kMaxNamed;
  }
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_AGENT_RECORD_H_
