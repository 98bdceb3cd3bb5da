// What of all that was found is run, how often, and in which order.
//
// Stands between a runner's discovery and whoever collects the manifest:
// applies --filter, --label and --shard, adds what selected tests need
// (fixtures), repeats and shuffles, and gives suites names and environments of
// their own.

#ifndef PACELINE_CLI_SELECTION_H_
#define PACELINE_CLI_SELECTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "cli/discovery_feed.h"
#include "cli/filter.h"
#include "cli/repetition.h"
#include "worker/discovery/discovery.h"

namespace paceline {

struct SelectionOptions {
  Filter filter;
  Shard shard;
  std::uint32_t repeat = 1;
  // Whole manifest in another order, the same for the same seed.
  std::optional<std::uint64_t> shuffle_seed;
  // Before a suite's own edits.
  std::vector<EnvEdit> env;
};

class Selection final : public DiscoverySink {
 public:
  using Output = std::function<void(Found)>;
  // Takes who wants to hear of the suite of this name.
  using ListenerOutput =
      std::function<void(std::string, std::shared_ptr<ResultListener>)>;
  // `cancelled` is asked by runners.
  Selection(SelectionOptions options, Output output,
            std::function<bool()> cancelled, ListenerOutput listeners = {});

  // What follows is of `target`, as the user wrote it.
  void BeginTarget(std::string target);
  // Adds the fixtures that its tests need. True if it yielded a test or an
  // error, selected or not.
  bool EndTarget();
  // Everything that was held back, and DiscoveryOver.
  void Finish();

  SuiteIndex AddSuite(SuiteSpec suite) override;
  void AddTest(TestSpec test) override;
  void AddError(DiscoveryError error) override;
  void AddNote(std::string text) override;
  void AddListener(SuiteIndex suite,
                   std::shared_ptr<ResultListener> listener) override;
  bool cancelled() const override { return cancelled_(); }

 private:
  struct Suite {
    FoundSuite found;
    // Its number in the manifest, once a test of it was selected.
    std::optional<SuiteIndex> number;
    // Fixtures that selected tests name, and tests that were not selected but
    // may have to be added for them.
    absl::btree_set<std::string> needed;
    std::vector<TestSpec> held;
    // A test that was kept needs something of others, so that all repetitions
    // are one suite: locks, fixtures and order hold within one.
    bool repeats_within = false;
  };

  void Emit(TestSpec test);
  void EmitRound(std::uint32_t round);

  const SelectionOptions options_;
  const Output output_;
  const std::function<bool()> cancelled_;
  const ListenerOutput listeners_;

  std::string target_;
  // What shards know the target by: the same however its path is written.
  std::string target_key_;
  absl::btree_map<std::string, std::uint32_t> target_keys_;
  bool target_yielded_ = false;
  std::vector<Suite> suites_;
  absl::btree_map<std::string, std::uint32_t> suite_names_;
  std::uint32_t suites_emitted_ = 0;
  // For repetitions and shuffled runs: what was selected, with the suites'
  // positions in suites_.
  std::vector<TestSpec> kept_;
  std::vector<RepeatedFixtures> fixtures_;  // of suites_, while they repeat
  std::uint64_t selected_ = 0;
  std::uint64_t in_shard_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_CLI_SELECTION_H_
