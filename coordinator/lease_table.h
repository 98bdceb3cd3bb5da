// The lease table: which agent holds which unit, under which token.
//
// A lease is the coordinator's promise that no other agent runs the unit while
// the holder's session lives. It is the only record of who runs what: whatever
// an agent reports is checked against it by its token. A lease that has ended
// never comes back.
//
// Pure state: no clock, no messages.

#ifndef PACELINE_COORDINATOR_LEASE_TABLE_H_
#define PACELINE_COORDINATOR_LEASE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/base/clock.h"
#include "common/base/ids.h"

namespace paceline {

class Run;
struct AgentRecord;

// A test of a leased unit.
struct LeasedAttempt {
  TestIndex test{};
  std::uint32_t attempt = 1;
  bool done = false;
  // Of output that came ahead of its result.
  std::uint32_t head_bytes = 0;
  std::uint32_t tail_bytes = 0;
};

struct LeaseState {
  Token token;
  Run* run = nullptr;
  AgentRecord* holder = nullptr;
  UnitId unit{};
  SuiteIndex suite{};
  // What the unit needs; its holder, with fewer, gives it all it has.
  std::uint32_t wanted_slots = 1;
  std::uint32_t slots = 1;
  Duration predicted{};
  // Its one test is in the run's constraint graph.
  bool constrained = false;
  bool started = false;
  // A bad result or an extra came from it.
  bool explained = false;
  std::vector<LeasedAttempt> tests;
  Instant granted_at;
  // When the current test began, as far as one can tell from here.
  Instant since;
  // When it was last asked for with Revoke.
  std::optional<Instant> revoked_at;

  LeasedAttempt* Find(TestIndex test);
  // The first test without a result; none if all have one.
  const LeasedAttempt* Current() const;
};

class LeaseTable {
 public:
  void set_epoch(std::uint32_t epoch) { epoch_ = epoch; }
  std::uint32_t epoch() const { return epoch_; }

  // A new lease under a new token, the greatest so far.
  LeaseState& Grant();
  // Null if the token is not current.
  LeaseState* Find(Token token);
  // Ends the lease; the reference to it dies.
  void End(Token token);

  UnitId NextUnit() { return UnitId{++units_}; }
  std::size_t size() const { return leases_.size(); }

 private:
  std::uint32_t epoch_ = 1;
  std::uint64_t counter_ = 0;
  std::uint64_t units_ = 0;
  absl::flat_hash_map<Token, std::unique_ptr<LeaseState>> leases_;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_LEASE_TABLE_H_
