// What the processes of a tree are doing, as text for people.

#ifndef PACELINE_COMMON_OS_DESCRIBE_TREE_H_
#define PACELINE_COMMON_OS_DESCRIBE_TREE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace paceline {

// Where every thread of the tree stands, as text for a timed-out test's
// result: pid, command line, state, kernel wait channel and system call; with
// gdb or eu-stack installed the user-space stacks too, for at most two seconds
// in all. Bounded to `max_bytes`, of which the list of processes takes half at
// most; those left out are counted.
std::string DescribeTree(pid_t root, std::size_t max_bytes = 32 * 1024);

}  // namespace paceline

#endif  // PACELINE_COMMON_OS_DESCRIBE_TREE_H_
