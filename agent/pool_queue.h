// What the session thread and the pool thread of an agent tell each other.
//
// Two bounded queues with an eventfd each; no ZeroMQ socket and no pointer to
// anything mutable is shared. The session owns leases that have not started;
// a lease given to the pool counts as started.

#ifndef PACELINE_AGENT_POOL_QUEUE_H_
#define PACELINE_AGENT_POOL_QUEUE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/model/manifest.h"
#include "common/wire/messages.h"

namespace paceline {

// ---- session → pool --------------------------------------------------------

// Run this unit now: the session has seen that `lease.slots` slots are free.
struct PoolStart {
  Lease lease;
  std::shared_ptr<const SuiteSpec> suite;
};

// As the Stop message: finish the current test, leave the rest; past `grace`
// TERM, grace, KILL. Zero grace: TERM at once.
struct PoolStop {
  Token token;
  Duration grace{};
  std::string reason;
};

// Workers of this run leave. `answer`: RunLeftItem when none is left.
struct PoolRunOver {
  RunId run;
  bool answer = false;
};

// Let running units finish until `deadline`, then end them; workers leave as
// they become idle. Answered by PoolEmpty.
struct PoolDrain {
  Duration timeout{};
};

using PoolCommand = std::variant<PoolStart, PoolStop, PoolRunOver, PoolDrain>;

// ---- pool → session --------------------------------------------------------

// For beats: what a slot runs.
struct PoolTestStarted {
  RunId run;
  Token token;
  TestIndex test{};
};

// A finished attempt (its output still whole inside), an extra failure, a
// unit's end, a note, or what is said at a worker's end and a run's. A
// UnitEndItem frees the lease's slots.
struct PoolResult {
  ResultItem item;
};

// After PoolDrain: no worker is left.
struct PoolEmpty {};

using PoolEvent = std::variant<PoolTestStarted, PoolResult, PoolEmpty>;

}  // namespace paceline

#endif  // PACELINE_AGENT_POOL_QUEUE_H_
