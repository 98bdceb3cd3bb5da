// Looks into targets on a thread of its own, so that first tests run while it
// goes on.

#ifndef PACELINE_CLI_DISCOVERY_THREAD_H_
#define PACELINE_CLI_DISCOVERY_THREAD_H_

#include <functional>
#include <thread>
#include <vector>

#include "cli/discovery_feed.h"
#include "cli/listeners.h"
#include "cli/run_flags.h"
#include "cli/targets.h"

namespace paceline {

// Looks into all of `targets`, in order. A target that yields nothing at all is
// an error, unless a selection of ctest's own is why.
void DiscoverAll(const RunFlags& flags,
                 const std::vector<ChosenTarget>& targets,
                 const Selection::Output& output,
                 const std::function<bool()>& cancelled,
                 const Selection::ListenerOutput& listeners = {});

class DiscoveryThread {
 public:
  // All that is referred to outlives it.
  DiscoveryThread(const RunFlags& flags,
                  const std::vector<ChosenTarget>& targets, DiscoveryFeed& feed,
                  Listeners& listeners);
  // Cancels and waits.
  ~DiscoveryThread();

 private:
  DiscoveryFeed& feed_;
  std::thread thread_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_DISCOVERY_THREAD_H_
