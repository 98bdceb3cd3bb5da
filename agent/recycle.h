// The recycle decision: whether a worker is replaced at the end of a unit.
//
// Pure: a reading, an age and the ceilings go in, a reason or nothing comes
// out. What follows from the reason (a replacement is warmed up, the worker
// leaves) is WorkerPool's; ceilings that no worker can meet are
// RecyclePolicy's.

#ifndef PACELINE_AGENT_RECYCLE_H_
#define PACELINE_AGENT_RECYCLE_H_

#include <optional>

#include "common/base/clock.h"
#include "common/model/recycle_reason.h"
#include "common/model/worker_health.h"
#include "common/model/worker_limits.h"

namespace paceline {

// The first ceiling reached, in the order memory, descriptors, age; a reading
// equal to its ceiling has reached it. An absent ceiling or an absent reading
// skips that signal.
std::optional<RecycleReason> EvaluateRecycle(const WorkerHealth& health,
                                             Duration age,
                                             const WorkerLimits& limits);

}  // namespace paceline

#endif  // PACELINE_AGENT_RECYCLE_H_
