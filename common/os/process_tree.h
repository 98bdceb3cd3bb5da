// The processes below one: finding, measuring, stopping them.
//
// Reads /proc. A tree changes while it is read; the functions that kill go
// round until nothing new turns up.

#ifndef PACELINE_COMMON_OS_PROCESS_TREE_H_
#define PACELINE_COMMON_OS_PROCESS_TREE_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace paceline {

// Processes that are left alone, with all below them.
using SparedPids = absl::flat_hash_set<pid_t>;

// All living descendants of `root`, parents before children, `root` not among
// them, without those in `spared` and below. By /proc/PID/task/TID/children; a
// kernel without it is served by one walk over /proc.
std::vector<pid_t> Descendants(pid_t root, const SparedPids& spared = {});

// The living direct children of `parent`.
std::vector<pid_t> Children(pid_t parent);

// Sends `signal` to every descendant of `root`, and to `root` itself if
// `including_root`. With SIGKILL it goes round until no new descendant
// appears, at most `max_rounds` times. Leaves `spared` alone. Returns how many
// processes got it.
int SignalTree(pid_t root, int signal, bool including_root,
               const SparedPids& spared = {}, int max_rounds = 50);

// When `pid` started, in the kernel's clock ticks since boot: with the pid it
// names one process for ever. Nothing if it is gone.
std::optional<std::uint64_t> StartTime(pid_t pid);

// The value of `name` in the initial environment of `pid`; empty when it has
// none or is gone.
std::string InitialEnvironmentValue(pid_t pid, const std::string& name);

}  // namespace paceline

#endif  // PACELINE_COMMON_OS_PROCESS_TREE_H_
