// All that `paceline coordinator`, `agent` and `status` are told.

#ifndef PACELINE_CLI_SERVICE_FLAGS_H_
#define PACELINE_CLI_SERVICE_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cli/option_set.h"
#include "common/base/clock.h"
#include "common/model/worker_limits.h"
#include "coordinator/durability.h"

namespace paceline {

// Where a coordinator listens, and is looked for, unless that is said.
inline constexpr char kDefaultEndpoint[] = "tcp://127.0.0.1:7878";

struct CoordinatorFlags {
  std::vector<std::string> listen;
  bool insecure = false;
  Duration lost_after = std::chrono::seconds(30);
  std::string journal;
  Durability durability = Durability::kProcess;
  JournalKeep keep;
};

struct AgentFlags {
  std::string connect;
  std::string name;  // default: the host's
  std::uint32_t workers = 0;
  std::vector<std::string> labels;
  WorkerLimits limits;
  std::uint64_t output_limit = std::uint64_t{1} << 20;
  Duration kill_grace = std::chrono::seconds(3);
  Duration slow_warning = std::chrono::seconds(60);
  Duration drain_timeout = std::chrono::seconds(8);
  Duration name_patience = std::chrono::minutes(1);
  std::uint32_t max_recycles_per_minute = 120;
  std::string temp_root;
};

struct StatusFlags {
  std::string coordinator;
  Duration connect_timeout = std::chrono::seconds(10);
};

// Options that fill the flags, which outlive the set.
OptionSet CoordinatorOptionSet(CoordinatorFlags* flags);
OptionSet AgentOptionSet(AgentFlags* flags);
OptionSet StatusOptionSet(StatusFlags* flags);

// Returns kInvalidArgument, with a sentence, for what has no effect without
// something else.
absl::Status CompleteCoordinatorFlags(const OptionSet::Parsed& parsed,
                                      const CoordinatorFlags& flags);

}  // namespace paceline

#endif  // PACELINE_CLI_SERVICE_FLAGS_H_
