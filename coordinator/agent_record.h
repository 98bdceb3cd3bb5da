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
#include "coordinator/lease_table.h"

namespace paceline {

struct AgentRecord {
  // Another instance that wants the name, and when the holder was asked.
  struct Claim {
    std::string peer;
    Hello hello;
    Instant asked_at;
  };

  Hello who;  // without its `held`
  Instant joined_at;

  // The session; its peer is empty while the agent was told to say hello.
  SessionId session{};
  std::string peer;
  Duration beat_interval{};
  Instant last_heard;
  Duration pool_turn_age{};
  bool draining = false;
  std::uint64_t granted = 0;  // leases, in this session
  Instant last_granted;
  std::uint64_t want_sum = 0;  // grants seen and room, as last told
  // Suites that this session was told of.
  absl::btree_set<std::pair<RunId, SuiteIndex>> suites;
  std::optional<std::pair<RunId, SuiteIndex>> last_suite;
  // What could not be sent yet, in order.
  std::deque<Message> unsent;
  std::uint64_t output_through = 0;
  std::optional<std::uint64_t> output_ack_record;

  // When the oldest Revoke or Stop without an answer is said again.
  std::optional<Instant> ask_again_at;

  // Of the instance, across sessions.
  std::uint64_t acked_through = 0;
  // Told when the record is committed.
  std::optional<std::uint64_t> ack_record;

  absl::btree_map<Token, LeaseState*> leases;
  std::uint32_t busy_slots = 0;  // of all its leases
  std::uint32_t started_leases = 0;
  std::optional<Claim> claim;

  std::uint32_t slots() const { return who.slots; }
  std::uint32_t waiting() const {
    return static_cast<std::uint32_t>(leases.size()) - started_leases;
  }
  // Whether a unit that needs `wanted` slots would start at once.
  bool CanStart(std::uint32_t wanted) const {
    return busy_slots + std::min(wanted, slots()) <= slots();
  }
  std::uint64_t credit() const {
    return want_sum > granted ? want_sum - granted : 0;
  }
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_AGENT_RECORD_H_
