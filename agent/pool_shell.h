// The shell around WorkerPool: its processes, sockets, pipes and directories.
//
// All that PoolThread (agent/pool_thread.h) does on its thread. Three parts in
// three files: the loop, the warden and PoolEffects (pool_shell.cc), what
// workers say and print (pool_shell_workers.cc), and the templates that
// workers are forked of (pool_shell_templates.cc). What happens to a unit is
// decided in WorkerPool and which worker is forked in TemplateSet; nothing is
// decided here.

#ifndef PACELINE_AGENT_POOL_SHELL_H_
#define PACELINE_AGENT_POOL_SHELL_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.h"
#include "agent/news_gate.h"
#include "agent/pool_effects.h"
#include "agent/pool_mailbox.h"
#include "agent/process_channel.h"
#include "agent/template_set.h"
#include "agent/tree_describer.h"
#include "agent/unit_directories.h"
#include "agent/warden_client.h"
#include "agent/worker_pool.h"
#include "common/base/clock.h"
#include "common/os/event_loop.h"

namespace paceline {

// Belongs to the pool thread, but for the methods that say otherwise.
class PoolShell : public PoolEffects {
 public:
  // `notify` is called when the new events in `mailbox` are to be taken
  // (agent/news_gate.h); both outlive this.
  PoolShell(const AgentOptions& options, PoolMailbox& mailbox,
            std::function<void()> notify);
  ~PoolShell() override = default;

  // Starts the warden. Returns kUnavailable with a sentence when it, the
  // directory for units, or a thread cannot be had. Called before the thread
  // starts.
  absl::Status Begin();
  // The body of the thread: turns until Stop is called, lets the workers
  // leave, and returns when the warden is gone.
  void Run();

  // Safe from any thread: makes Run return, and turn once more.
  void Stop();
  void Wake() { loop_->Wake(); }
  // When the loop last turned. Safe from any thread.
  Instant last_turn() const { return Instant(Duration(turned_at_.load())); }

  // ---- PoolEffects ---------------------------------------------------------

  void Spawn(WorkerId worker, const WorkerLaunch& launch) override;
  void Send(WorkerId worker, const ToWorker& message) override;
  void SignalTree(WorkerId worker, int signal) override;
  void DescribeTree(WorkerId worker) override;
  void CloseWorker(WorkerId worker) override;
  WorkerHealth AddTree(WorkerId worker, const WorkerHealth& own) override;
  void KeepProcesses(WorkerId worker, const RunId& run,
                     const std::vector<std::uint32_t>& pids) override;
  void EndKept(const RunId& run) override;
  absl::StatusOr<std::string> MakeTempDir(const Token& token) override;
  void RemoveTempDir(const std::string& path) override;
  void Emit(PoolEvent event) override;

 private:
  // A worker's process and what leads to it.
  struct Process {
    explicit Process(ProcessChannel opened) : channel(std::move(opened)) {}

    ProcessChannel channel;
    pid_t pid = -1;  // until the warden or the template tells
    // Who it is to the warden; not the worker's own number where a template
    // was started under that.
    WorkerId warden_id{};
    // The smallest that no other worker has; suites number ports and databases
    // by it.
    std::uint32_t number = 0;
    // Asked of a template, and not answered yet.
    std::optional<std::uint64_t> fork_request;
    // The template that was asked.
    WorkerId forked_of{};
    // To be sent when its pid is known.
    int signal_later = 0;
  };

  WorkerPoolParameters Parameters() const;

  // ---- the loop (pool_shell.cc) --------------------------------------------

  void LetWorkersLeave();
  void Turn(std::optional<Instant> no_later);
  void TakeCommands(Instant now);
  void TakeDescriptions(Instant now);
  void TellFailedSpawns(Instant now);
  // Reads workers only while the session keeps up.
  void Throttle();

  // ---- the warden (pool_shell.cc) ------------------------------------------

  absl::Status StartWarden();
  void FlushWarden();
  void OnWardenReadable();
  void OnReply(const WardenReply& reply);
  void OnWardenGone();
  WorkerId WardenIdOf(WorkerId worker) const;

  // ---- workers (pool_shell_workers.cc) -------------------------------------

  // Makes room for a worker that the warden knows as `warden_id`; what the
  // worker gets comes back.
  absl::StatusOr<ProcessChannel::WorkerEnds> AddProcess(WorkerId worker,
                                                        WorkerId warden_id);
  absl::Status TrySpawn(WorkerId worker, WorkerLaunch launch, bool may_serve);
  void StartFresh(WorkerId worker, const WorkerLaunch& launch, bool may_serve);
  void Drop(WorkerId worker);
  void OnExit(WorkerId worker, WorkerDeath death);
  // Both are false when there is nothing more to read now.
  bool ReadSocket(WorkerId worker);
  bool ReadOutput(WorkerId worker);
  // False when no more of this worker's frames are to be looked at.
  bool TakeFrame(WorkerId worker, absl::string_view frame);
  void OnBroken(WorkerId worker, const absl::Status& status);
  void OnSocketEvents(WorkerId worker, std::uint32_t ready);
  void CloseSocket(Process& process);
  // What the socket is watched for, of a worker with nothing unsent.
  std::uint32_t Interest() const;
  void Watch(const Process& process);
  absl::Status WatchProcess(WorkerId worker, const Process& process);
  void Unwatch(const Process& process);
  std::uint32_t FreeNumber() const;

  // ---- templates (pool_shell_templates.cc) ---------------------------------

  // Started before any suite is known (AgentOptions::expected).
  struct Expected {
    WorkerLaunch launch;
    // Once it has been heard.
    std::optional<WorkerHello> hello;
  };
  void StartExpected();
  // Whether `worker`, of a suite that has no template yet, is given the process
  // that was started ahead. It is ended if it does not fit.
  bool TakeExpected(WorkerId worker, const WorkerLaunch& launch);

  // A template is in `processes_` under a number of its own, since the worker
  // that was asked for under its first one is forked of it.
  static WorkerId TemplateProcess(WorkerId id);
  static bool IsTemplateProcess(WorkerId id);
  static WorkerId TemplateOf(WorkerId process);

  // Gives a process another number.
  void Rename(WorkerId from, WorkerId to);
  // Whether `message` was about templates, and so is nothing for the pool.
  bool TakeTemplateMessage(WorkerId id, const FromWorker& message);
  bool TakeHello(WorkerId id, const WorkerHello& hello);
  std::optional<WorkerId> FindFork(std::uint64_t request) const;
  void OnForked(const WorkerForked& forked);
  void OnForkFailed(const WorkerForkFailed& failed);
  void FollowTemplates(const TemplateSet::Next& next);
  // Starts what waited for a template and gets none, or says that it has ended
  // where nobody wants it any more.
  void StartWanted(WorkerId worker);
  // `worker` waits for a template, and is not wanted any more.
  void GiveUpWanted(WorkerId worker);
  void Fork(WorkerId worker);
  absl::Status TryFork(WorkerId worker, const TemplateSet::Key& key);
  void OnTemplateExit(WorkerId process, const WorkerDeath& death);
  void LeaveTemplates(const RunId& run);
  // Those of runs of which there is nothing else here, and that nobody may
  // ever say to be over.
  void LeaveUnusedTemplates();
  void LeaveTemplate(WorkerId process);
  // Kills templates that have not left in time, or take too long to load.
  void EndTemplates(Instant now);

  const AgentOptions options_;
  PoolMailbox& mailbox_;
  const std::function<void()> notify_;
  const std::string instance_;
  const std::string program_;
  const SystemClock clock_;

  std::atomic<bool> stopping_{false};
  std::atomic<std::int64_t> turned_at_{0};

  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<UnitDirectories> directories_;
  std::unique_ptr<WardenClient> warden_;
  absl::btree_map<WorkerId, Process> processes_;
  absl::btree_map<WorkerId, WorkerId> by_warden_id_;

  std::optional<Expected> expected_;
  TemplateSet templates_;
  // How to start those that may be forked and have not said hello.
  absl::btree_map<WorkerId, WorkerLaunch> wanted_;
  // Templates that are to leave, or that load their suite, and when they are
  // killed.
  absl::btree_map<WorkerId, Instant> leaving_templates_;
  absl::btree_map<WorkerId, Instant> loading_templates_;
  std::uint64_t last_fork_request_ = 0;

  // Told in the next turn, not from within the pool's own call.
  std::vector<std::pair<WorkerId, absl::Status>> failed_spawns_;
  std::vector<WorkerId> never_started_;

  // What outlives its worker, and since when it runs: the pid alone may be
  // another's by now.
  absl::btree_map<pid_t, std::uint64_t> kept_;
  absl::btree_map<RunId, std::uint32_t> runs_with_kept_;
  std::uint32_t last_run_ = 0;

  std::optional<Instant> turned_;
  bool waits_for_warden_ = false;
  bool paused_ = false;
  Instant paused_at_;
  NewsGate news_;
  // The pool has no worker left, and takes none any more.
  bool empty_ = false;
  WorkerPool pool_;
  // Last: its thread wakes the loop.
  std::unique_ptr<TreeDescriber> describer_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_POOL_SHELL_H_
