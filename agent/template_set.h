// Which workers are forked, of which template, and which are started fresh.
//
// A template is a process that has loaded a suite and forks workers of it, in
// milliseconds where a fresh start takes the time of all imports. A suite whose
// worker program can be one says so (SuiteSpec::forks); its first process then
// says hello as a template, or after all does not. WorkerPool knows nothing of
// this; it asks for workers and hears of their ends.
//
// Pure state: no processes, no clock. The shell is PoolShell.

#ifndef PACELINE_AGENT_TEMPLATE_SET_H_
#define PACELINE_AGENT_TEMPLATE_SET_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "agent/pool_effects.h"
#include "common/base/clock.h"
#include "common/base/ids.h"

namespace paceline {

class TemplateSet {
 public:
  // One suite of one run.
  using Key = std::pair<RunId, SuiteIndex>;

  // What a template's answer or end means for those who wait for it.
  struct Next {
    // To be forked now.
    std::vector<WorkerId> fork;
    // This one is the process of the template itself, which is to serve.
    std::optional<WorkerId> serve;
    // To be started fresh.
    std::vector<WorkerId> fresh;
    // This template forks nothing, and nobody wants the worker that it could
    // be: it is to leave.
    std::optional<WorkerId> leave;
  };

  // What is to be done about a worker that was asked for.
  enum class Way {
    kFresh,     // start it; it is no template
    kMayServe,  // start it, and tell it that it may be a template
    kFork,      // have the suite's template fork it
    kWait,      // for what becomes of the first process of the suite
  };
  // `worker` of a suite that forks is wanted.
  Way OnWanted(Instant now, WorkerId worker, const Key& key);
  // The template that forks workers of `key`; none where nothing is known of
  // the suite any more.
  std::optional<WorkerId> TemplateOf(const Key& key) const;

  // `worker`, which was told that it may be, says that it is a template. The
  // worker of that number is still wanted. Returns false, and changes nothing,
  // if it was not told so.
  bool OnTemplateHello(WorkerId worker);
  // It said hello as a plain worker, or ended without a word: there will be no
  // template. A no-op for all other workers.
  Next OnPlain(WorkerId worker);
  // Whether it forks: it serves as no worker itself any more.
  bool IsReady(WorkerId id) const;

  Next OnReady(WorkerId id, bool forkable);
  // Its process has ended. A suite whose template dies before it was ready
  // gets no other.
  Next OnGone(WorkerId id);
  // Nobody wants `worker` any more.
  void OnDropped(WorkerId worker);
  // The templates of `run`, which are to leave; forgets all of the run.
  std::vector<WorkerId> OnRunOver(const RunId& run);
  // Runs of which nothing was wanted for a minute: their end may not have been
  // heard.
  std::vector<RunId> Unused(Instant now) const;

 private:
  enum class State { kAsked, kLoading, kReady, kNone };
  struct Template {
    State state = State::kAsked;
    WorkerId id{};
    std::vector<WorkerId> waiting;
    Instant last_wanted;
  };

  absl::btree_map<Key, Template> templates_;
  // Of templates that have said so.
  absl::btree_map<WorkerId, Key> by_id_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_TEMPLATE_SET_H_
