// What a test leaves running when it is over, and its end.
//
// A worker whose tests are processes is the subreaper of them all: what a test
// leaves behind becomes a child of the worker, whatever it did to hide. It is
// ended before the next test begins, so that thousands of tests that each
// leave something do not fill the host. Some may leave what the tests after
// them need, a fixture's server: that is kept.

#ifndef PACELINE_WORKER_LIB_LEFT_BEHIND_H_
#define PACELINE_WORKER_LIB_LEFT_BEHIND_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"

namespace paceline {

// In the environment of a test that may leave something: what NewMark returned.
inline constexpr char kFixtureVariable[] = "PACELINE_FIXTURE";

// One a process: it looks at all children of the calling process, so no child
// of another purpose may run when it is asked.
class LeftBehind {
 public:
  // Kills and reaps every descendant but what is kept. One system call where
  // nothing was left. Returns the children that are kept from now on: a kept
  // process may end, and what it has started then comes to us under pids that
  // nobody knows, but with its mark.
  std::vector<pid_t> End();

  // For the environment of a test whose processes may be kept.
  std::string NewMark();

  // Keeps all that is left now, and whatever has `mark` in its initial
  // environment later. Returns the children that were not kept before; all
  // below them is kept with them.
  std::vector<pid_t> Keep(const std::string& mark);

 private:
  bool IsKept(pid_t pid) const;
  void Add(pid_t pid);

  // When each started, in case that its number is given to another.
  absl::btree_map<pid_t, std::uint64_t> kept_;
  absl::btree_set<std::string> marks_;
  std::uint64_t last_mark_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_LIB_LEFT_BEHIND_H_
