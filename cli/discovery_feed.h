// What discovery finds, on its way from the thread that looks to the one that
// hands it over.
//
// Bounded: who discovers waits while the coordinator is behind, so that a
// manifest is never in memory whole.

#ifndef PACELINE_CLI_DISCOVERY_FEED_H_
#define PACELINE_CLI_DISCOVERY_FEED_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "worker/discovery/discovery.h"

namespace paceline {

// A suite and what the user called its target.
struct FoundSuite {
  SuiteSpec spec;
  std::string target;
};

// For people to read, once.
struct DiscoveryNote {
  std::string text;
};

struct DiscoveryOver {
  // Tests that the user's selection matches, and those in this shard.
  std::uint64_t selected = 0;
  std::uint64_t in_shard = 0;
};

using Found = std::variant<FoundSuite, TestSpec, DiscoveryError, DiscoveryNote,
                           DiscoveryOver>;

// Thread-safe. One side puts, the other takes.
class DiscoveryFeed {
 public:
  // `wake` is called, on the putting thread, when there is something to take
  // again.
  explicit DiscoveryFeed(std::function<void()> wake);

  // Waits while the feed is full; throws `found` away once cancelled.
  void Put(Found found);
  bool cancelled() const;

  // Everything there is; never waits.
  std::deque<Found> Take();
  // Whoever puts stops soon, and never waits again.
  void Cancel();

 private:
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::deque<Found> found_;
  bool cancelled_ = false;
};

}  // namespace paceline

#endif  // PACELINE_CLI_DISCOVERY_FEED_H_
