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
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/pool_effects.h"

namespace paceline {

class TreeDescriber {
 public:
  using Description = std::pair<WorkerId, std::string>;

  // Starts the thread, on which `notify` is called whenever Take has something.
  // Returns kUnavailable in a sentence.
  static absl::StatusOr<std::unique_ptr<TreeDescriber>> Start(
      std::function<void()> notify);
  // Waits for the description that is being made; drops the rest.
  ~TreeDescriber();
  TreeDescriber(const TreeDescriber&) = delete;
  TreeDescriber& operator=(const TreeDescriber&) = delete;

  // The tree below and with `pid`; an unknown one (-1) has an empty text.
  void Begin(WorkerId worker, pid_t pid);
  // What is done since the last call, in order.
  std::vector<Description> Take();

 private:
  explicit TreeDescriber(std::function<void()> notify)
      : notify_(std::move(notify)) {}
  void Run();

  const std::function<void()> notify_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<WorkerId, pid_t>> waiting_;
  std::vector<Description> done_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_TREE_DESCRIBER_H_
