// What an agent holds: leases that wait, leases that its pool runs, and ended
// ones whose end the coordinator has not acknowledged.
//
// Also the credit that follows from it. A token that was ever here is not
// taken a second time. Pure state: it starts nothing and sends nothing.

#ifndef PACELINE_AGENT_HELD_LEASES_H_
#define PACELINE_AGENT_HELD_LEASES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "agent/pool_queue.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/model/manifest.h"
#include "common/wire/messages.h"

namespace paceline {

class HeldLeases {
 public:
  // Work held ahead of the slots, where units are so short that one a slot
  // would not bridge the way to the coordinator and back.
  static constexpr Duration kAhead = std::chrono::milliseconds(250);

  explicit HeldLeases(std::uint32_t slots) : slots_(slots) {}

  enum class State {
    kUnknown,   // never here
    kWaiting,   // may be given back
    kRunning,   // with the pool
    kEnded,     // may or may not be acknowledged
    kReturned,  // given back; or so long ago that it is forgotten
    kDropped,   // with the pool still, but not current any more
  };
  State state(Token token) const;

  // Takes a lease that has not started. Returns false, and takes nothing, for
  // a token that is or was here, and when kMaxNamed are held.
  bool Add(Lease lease, std::shared_ptr<const SuiteSpec> suite);

  // The token of the lease to start now; none when nothing waits or the next
  // one needs more slots than are free. A unit whose suite has a warm worker
  // may overtake others, but not for ever.
  std::optional<Token> Next() const;
  // `token` is what Next said; its slots are busy until it ends.
  PoolStart Start(Token token);

  // Gives a waiting lease back. Returns false if it does not wait.
  bool Return(Token token);
  // Gives back all that wait (of `run`), oldest first.
  std::vector<Token> ReturnAll();
  std::vector<Token> ReturnAll(RunId run);

  // The pool is done with it. `warm`: its worker stayed. Ended leases are held
  // until Settle; dropped ones are forgotten.
  void End(Token token, bool warm);
  // The coordinator has the unit's end.
  void Settle(Token token);
  // The coordinator says that it is not current. Returns true when the pool
  // has to stop it.
  bool Drop(Token token);
  // Its workers go.
  void ForgetRun(RunId run);

  // For Hello: all but dropped ones, by token.
  std::vector<HeldLease> List() const;
  // How many leases more may come.
  std::uint32_t room() const;
  // A slot is free and nothing waits for it.
  bool starving() const { return waiting_.empty() && busy_ < slots_; }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    Lease lease;
    std::shared_ptr<const SuiteSpec> suite;
  };
  struct Running {
    RunId run;
    SuiteIndex suite{};
    std::uint32_t slots = 1;
    bool dropped = false;
  };
  using SuiteKey = std::pair<RunId, SuiteIndex>;

  // Of those longer ago only the greatest is remembered.
  static constexpr std::size_t kRemembered = 4096;
  static constexpr int kMaxOvertaken = 8;

  std::size_t held() const {
    return waiting_.size() + running_.size() + unsettled_.size();
  }
  void Remember(Token token, State state);
  std::deque<Waiting>::const_iterator FindWaiting(Token token) const;
  template <typename Predicate>
  std::vector<Token> ReturnIf(Predicate predicate);

  std::uint32_t slots_;
  std::uint32_t busy_ = 0;
  std::deque<Waiting> waiting_;
  absl::btree_map<Token, Running> running_;
  absl::btree_set<Token> unsettled_;
  // Idle workers of a suite, as far as one can tell from here.
  absl::btree_map<SuiteKey, std::uint32_t> warm_;
  int overtaken_ = 0;  // how often the oldest waiting one was
  // What units took, as predicted: a moving average.
  Duration predicted_{};

  absl::flat_hash_map<Token, State> past_;
  std::deque<Token> past_order_;
  Token forgotten_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_HELD_LEASES_H_
