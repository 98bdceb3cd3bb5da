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

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
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
  // And of that what was left out (Run::LeavesOutTexts).
  std::uint64_t left_out = 0;
};

struct LeaseState {
  Token token;
  Run* run = nullptr;
  AgentRecord* holder = nullptr;
  // The holder's name and host, for people.
  std::string agent;
  std::string host;
  UnitId unit{};
  SuiteIndex suite{};
  // What the unit needs; its holder, with fewer, gives it all it has.
  std::uint32_t wanted_slots = 1;
  std::uint32_t slots = 1;
  // Its one test is in the run's constraint graph.
  bool constrained = false;
  bool started = false;
  // An extra came from it, which says what failed beside its tests.
  bool explained = false;
  std::vector<LeasedAttempt> tests;
  // When the current test began, as far as one can tell from here.
  Instant since;
  // When it was last asked for with Revoke.
  std::optional<Instant> revoked_at;

  LeasedAttempt* Find(TestIndex test);
  // The first test without a result; none if all have one.
  const LeasedAttempt* Current() const;

  // Results come in the order of the tests: where the last one was found, and
  // before which all have one.
  std::size_t found = 0;
  mutable std::size_t current = 0;
};

class LeaseTable {
 public:
  void set_epoch(std::uint32_t epoch) {
    epoch_ = epoch;
    counter_ = 0;
  }
  std::uint32_t epoch() const { return epoch_; }

  // The greatest so far.
  Token NextToken() { return {epoch_, ++counter_}; }
  // `token` was given in an earlier life, in the epoch at hand.
  void Gives(Token token) { counter_ = token.counter; }
  // Whether `token` was given in this epoch.
  bool Gave(Token token) const {
    return token.epoch == epoch_ && token.counter <= counter_;
  }
  // A lease under a token that had none.
  LeaseState& Add(Token token, UnitId unit);
  // Null if the token is not current.
  LeaseState* Find(Token token) const;
  // Ends the lease; the reference to it dies.
  void End(Token token);

  UnitId NextUnit() { return UnitId{units_ + 1}; }
  std::size_t size() const { return leases_.size(); }

 private:
  std::uint32_t epoch_ = 1;
  std::uint64_t counter_ = 0;
  std::uint64_t units_ = 0;
  absl::flat_hash_map<Token, std::unique_ptr<LeaseState>> leases_;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_LEASE_TABLE_H_
