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

#include <vector>

#include "absl/container/btree_set.h"

namespace paceline {

// One a process: it looks at all children of the calling process, so no child
// of another purpose may run when it is asked.
class LeftBehind {
 public:
  // Kills and reaps every descendant but what is kept. One system call where
  // nothing was left.
  void End();

  // Keeps all that is left now. Returns the children that were not kept
  // before; all below them is kept with them.
  std::vector<pid_t> Keep();

 private:
  // Reaps what has ended; false when no child is left.
  bool Reap();
  std::vector<pid_t> NotKept() const;

  absl::btree_set<pid_t> kept_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_LIB_LEFT_BEHIND_H_
