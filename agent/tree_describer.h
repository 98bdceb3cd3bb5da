// Says where every thread of a process tree stands, on a thread of its own.
//
// Reading /proc and running a debugger takes seconds, which the pool thread
// has not. One tree after another: where one test is over its time others
// often are too.

#ifndef PACELINE_AGENT_TREE_DESCRIBER_H_
#define PACELINE_AGENT_TREE_DESCRIBER_H_

#include <sys/types.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/pool_effects.h"

namespace paceline {

class TreeDescriber {
 public:
  using Description = std::pair<WorkerId, std::string>;

  // `notify` is called on the other thread whenever Take has something.
  explicit TreeDescriber(std::function<void()> notify);
  // Waits for the description that is being made; drops the rest.
  ~TreeDescriber();
  TreeDescriber(const TreeDescriber&) = delete;
  TreeDescriber& operator=(const TreeDescriber&) = delete;

  // The tree below and with `pid`; an unknown one (-1) has an empty text.
  void Begin(WorkerId worker, pid_t pid);
  // What is done since the last call, in order.
  std::vector<Description> Take();

 private:
  void Run();

  const std::function<void()> notify_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<WorkerId, pid_t>> waiting_;
  std::vector<Description> done_;
  bool ends_ = false;
  // Started with the first tree.
  std::thread thread_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_TREE_DESCRIBER_H_
