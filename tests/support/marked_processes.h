// Finding the processes that a test has started, however far they have gone
// from it, to see that none of them is left.
//
// They are known by a variable in the environment that they were started with.
// What clears its environment is not found.

#ifndef PACELINE_TESTS_SUPPORT_MARKED_PROCESSES_H_
#define PACELINE_TESTS_SUPPORT_MARKED_PROCESSES_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/os/subprocess.h"

namespace paceline {

struct MarkedProcess {
  pid_t pid;
  Fd pidfd;
};

// A mark that no other test has.
class ProcessMark {
 public:
  ProcessMark();

  // To be put into the environment of what is to be found.
  EnvEdit env() const;
  // All living processes that carry it.
  std::vector<MarkedProcess> Find() const;

 private:
  std::string value_;
};

// How many of `processes` are still there at the end of `limit`, all told.
// Those are killed.
int LeftAfter(const std::vector<MarkedProcess>& processes, Duration limit);

}  // namespace paceline

#endif  // PACELINE_TESTS_SUPPORT_MARKED_PROCESSES_H_
