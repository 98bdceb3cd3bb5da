// The processes below one: finding, measuring, stopping them.
//
// Reads /proc. A tree changes while it is read; the functions that kill go
// round until nothing new turns up.

#ifndef PACELINE_COMMON_OS_PROCESS_TREE_H_
#define PACELINE_COMMON_OS_PROCESS_TREE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/model/worker_health.h"

namespace paceline {

// All living descendants of `root`, parents before children, `root` not among
// them. By /proc/PID/task/TID/children; a kernel without it is served by one
// walk over /proc.
std::vector<pid_t> Descendants(pid_t root);

// The direct children of `parent`.
std::vector<pid_t> Children(pid_t parent);

// Sends `signal` to every descendant of `root`, and to `root` itself if
// `including_root`. With SIGKILL it goes round until no new descendant
// appears, at most `max_rounds` times. Returns how many processes got it.
int SignalTree(pid_t root, int signal, bool including_root,
               int max_rounds = 50);

// Where every thread of the tree stands, as text for a timed-out test's
// result: pid, command line, state, kernel wait channel and system call; with
// gdb or eu-stack installed the user-space stacks too, for at most two seconds
// in all. Bounded to `max_bytes`.
std::string DescribeTree(pid_t root, std::size_t max_bytes = 32 * 1024);

// The value of `name` in the initial environment of `pid`; empty when it has
// none or is gone.
std::string InitialEnvironmentValue(pid_t pid, const std::string& name);

}  // namespace paceline

#endif  // PACELINE_COMMON_OS_PROCESS_TREE_H_
