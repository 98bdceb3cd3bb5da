// The command and the environment that a worker of a suite is started with.

#ifndef PACELINE_AGENT_WORKER_LAUNCH_H_
#define PACELINE_AGENT_WORKER_LAUNCH_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/pool_effects.h"
#include "common/model/manifest.h"

namespace paceline {

// Names a worker in its own environment, and so in that of whatever it leaves
// behind: "17.3f9a1c2e", the worker's number and its agent's instance. Unique
// on the host, so that a test may name a database after it.
inline constexpr char kWorkerIdVariable[] = "PACELINE_WORKER_ID";
// The smallest number, from 0, that no other living worker of the agent has.
inline constexpr char kWorkerNumberVariable[] = "PACELINE_WORKER_NUMBER";
// How many workers the agent has room for.
inline constexpr char kSlotsVariable[] = "PACELINE_SLOTS";
// "1" in a process that may be a template.
inline constexpr char kTemplateVariable[] = "PACELINE_WORKER_TEMPLATE";
// Only where the worker has the terminal: TerminalHandover::lock.
inline constexpr char kTerminalVariable[] = "PACELINE_WORKER_TERMINAL";

std::string WorkerIdValue(WorkerId worker, absl::string_view instance);

// `program` is the paceline program, which is the worker of the built-in
// runners; `base_env` is the agent's, edited by the suite.
WorkerLaunch MakeWorkerLaunch(const SuiteSpec& suite, WorkerId worker,
                              const std::string& program,
                              const std::vector<std::string>& base_env,
                              absl::string_view instance);

}  // namespace paceline

#endif  // PACELINE_AGENT_WORKER_LAUNCH_H_
