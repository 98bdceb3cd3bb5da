// WorkerPool: what happens to units and workers on one host.
//
// Units come from the session, one lease each; workers are processes that
// serve one suite of one run. The pool puts units on warm workers, watches the
// clock of each test, decides what a worker's death means and to whom it is
// charged, lets the rest of a unit go on in a fresh worker, and replaces
// workers at the end of a unit when a soft ceiling was reached.
//
// A pure state machine: events with their time come in, effects go out through
// PoolEffects. It reads no clock, no /proc and no socket.

#ifndef PACELINE_AGENT_WORKER_POOL_H_
#define PACELINE_AGENT_WORKER_POOL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/pool_effects.h"
#include "agent/pool_queue.h"
#include "agent/recycle_policy.h"
#include "agent/unit_progress.h"
#include "common/base/clock.h"
#include "common/model/worker_limits.h"
#include "common/os/subprocess.h"
#include "worker/protocol/messages.h"

namespace paceline {

// How workers are started and how long they are waited for.
struct WorkerPoolParameters {
  // Workers that may live at once; one that leaves and one that warms up to
  // replace it may overlap.
  std::uint32_t slots = 1;
  // The paceline program, for workers of the built-in runners.
  std::string program = "/proc/self/exe";
  // The base environment of workers, "NAME=value" each.
  std::vector<std::string> env;
  // Makes PACELINE_WORKER_ID unique on the host.
  std::string instance;
  // Output kept per test.
  std::uint64_t output_limit = 1024 * 1024;
  // A worker that has not said hello by then, from when it was begun, never
  // will.
  Duration hello_bound = std::chrono::seconds(30);
  // From a request to leave to TERM, and from TERM to KILL.
  Duration kill_grace = std::chrono::seconds(3);
  // From a request to leave to TERM, for a suite whose workers have last words:
  // they tear down what they have set up for all their tests.
  Duration leave_bound = std::chrono::seconds(60);
  // A description of the tree that takes longer is done without.
  Duration describe_bound = std::chrono::seconds(4);
  // What outlives KILL by this is given up.
  Duration reap_bound = std::chrono::seconds(10);
  // Silence between tests of a unit, set-up and tear-down of scopes included;
  // the next test's timeout if that is longer.
  Duration between_tests = std::chrono::minutes(10);
  // Silence before the first test of a unit that has a timeout, or that timeout
  // if it is longer.
  Duration before_first = std::chrono::minutes(1);
  // For how long it is tried to start a worker where something runs short.
  Duration spawn_bound = std::chrono::minutes(1);
  // A test that runs this long is logged.
  Duration slow_warning = std::chrono::seconds(60);
  std::uint32_t max_recycles_per_minute = 120;
};

// The end of a worker's process.
struct WorkerDeath {
  // Absent when the warden was lost with it; `reason` says so then.
  std::optional<WaitStatus> status;
  std::string reason;
  // The end of what it wrote to its standard output and error.
  std::string last_output;
  // How much of it came before that.
  std::uint64_t dropped_output = 0;

  CapturedOutput Output() const;
};

class WorkerPool {
 public:
  WorkerPool(WorkerPoolParameters parameters, const WorkerLimits& limits,
             PoolEffects& effects);

  void OnCommand(Instant now, const PoolCommand& command);

  // The worker waits for what is loading what it needs, for as long as that
  // may take. From within PoolEffects::Spawn, too.
  void OnSpawnWaits(WorkerId worker);
  // It waits no more: its process is being made.
  void OnSpawnBegun(Instant now, WorkerId worker);
  // `status` names the program and what was wrong. kUnavailable and
  // kResourceExhausted pass: it is tried again.
  void OnSpawnFailed(Instant now, WorkerId worker, const absl::Status& status);
  void OnWorkerMessage(Instant now, WorkerId worker, FromWorker message);
  // The worker's bytes are no message; nothing more is read from it.
  void OnProtocolError(Instant now, WorkerId worker,
                       const absl::Status& status);
  // The worker closed its socket; its end should follow.
  void OnWorkerClosed(Instant now, WorkerId worker);
  void OnTreeDescribed(Instant now, WorkerId worker, std::string stacks);
  // All that the worker had written has come in as messages before.
  void OnWorkerExited(Instant now, WorkerId worker, const WorkerDeath& death);

  // Workers are not read from now on, and what they do not seem to say is not
  // held against them, until OnResumed. What had come is read before that.
  void OnPaused(Instant now);
  void OnResumed(Instant now);
  // For so long nobody was looked at: the host slept, or we were stopped.
  void OnStall(Duration length);

  void OnTick(Instant now);
  std::optional<Instant> next_deadline() const;

  // Whether it has a unit or a worker of `run`.
  bool Serves(const RunId& run) const;

 private:
  // Why a worker is being ended.
  enum class Cause {
    kNone,
    kLeaving,     // nothing is wrong: asked to shut down
    kTimedOut,    // its test is over its time
    kStopped,     // its unit was stopped, and the grace is over
    kDrained,     // its unit outlived the drain
    kMisbehaved,  // it broke the protocol
  };
  // How far its ending has come; the next follows at the worker's deadline.
  enum class Stage { kAsked, kDescribing, kTerminated, kKilled };

  struct Worker {
    WorkerId id{};
    SuiteKey key;
    std::shared_ptr<const SuiteSpec> suite;
    std::optional<Instant> hello_at;
    bool tests_in_children = false;
    std::uint64_t last_request = 0;
    std::uint64_t suite_request = 0;
    std::uint32_t units_served = 0;
    // What it runs, or will run when it has said hello.
    std::optional<Token> unit;
    // To be replaced, and so given nothing more.
    bool retiring = false;
    // Warms up in the place of this one.
    std::optional<WorkerId> replaces;
    // Leaves as soon as it is idle.
    bool run_over = false;
    bool closed = false;
    // It has said what it had to say at the end.
    bool last_words_said = false;
    Instant idle_since;

    Cause cause = Cause::kNone;
    Stage stage = Stage::kAsked;
    std::string cause_text;
    std::string stacks;
    Duration grace{};
    // Of hello, of the end that must follow a closed socket, or of the stage.
    std::optional<Instant> deadline;
    // Descriptions asked for and not yet come: only the last one counts.
    std::uint32_t descriptions = 0;
    // What it still said of its test while being ended.
    std::optional<TestResult> reported;
    // The test that runs began while the worker was being ended, and is not to
    // blame for that.
    bool began_late = false;
    // It finished its unit while being ended.
    bool unit_done = false;
    // The last test that it told of came to a violent end.
    bool told_of_violence = false;
  };

  struct Unit {
    explicit Unit(Lease lease) : progress(std::move(lease)) {}

    UnitProgress progress;
    std::shared_ptr<const SuiteSpec> suite;
    std::optional<WorkerId> worker;
    WorkerId last_worker{};
    std::string temp_dir;
    // Workers in a row that died without finishing a test of it.
    std::uint32_t barren = 0;
    // A worker ended it early once already.
    bool cut_short = false;
    // It needs a worker, and may have one then: at once, or at the next
    // worker's end where that is absent.
    bool waits = false;
    bool fresh_only = false;
    std::optional<Instant> place_at;
    // No worker could be started for it, since then.
    std::optional<Instant> failing_since;
    Duration spawn_wait{};
    // Nothing more of it is started.
    bool stopping = false;
    std::string stop_reason;
    std::optional<Instant> stop_at;
    // When silence between tests becomes a fault.
    std::optional<Instant> quiet_until;
    std::uint32_t extras = 0;
    // Its worker told a failure outside of tests.
    bool failure_told = false;
    // The found test that runs; its clock is quiet_until.
    std::optional<std::string> found;
    Duration found_timeout{};
    // Those that have their result.
    std::vector<std::string> found_told;
    // Tests that had begun when we ended its worker in order to end the unit,
    // or that it began after that.
    std::vector<TestIndex> interrupted;
    UnitEnd end;
  };

  // Commands.
  void Start(Instant now, const PoolStart& start);
  void Stop(Instant now, const PoolStop& stop);
  void EndRun(Instant now, const PoolRunOver& over);
  void Drain(Instant now, const PoolDrain& drain);
  void EndDrain(Instant now);
  // The time of the drain is over, and this unit still runs.
  void CutOff(Instant now, Worker& worker, const Unit& unit);

  // Units on workers.
  void Place(Instant now, Unit& unit, bool fresh_only);
  Worker* FindFree(const SuiteKey& key, bool fresh_only);
  void MakeRoom(Instant now);
  void PlaceWaiting(Instant now);
  // Whether the unit waits for another try to start a worker for it.
  bool TryLater(Instant now, Unit& unit, const absl::Status& status);
  Worker& SpawnWorker(Instant now, const SuiteKey& key,
                      std::shared_ptr<const SuiteSpec> suite);
  void SendUnit(Instant now, Worker& worker, Unit& unit);
  void Detach(Instant now, Unit& unit);
  void SetIdle(Instant now, Worker& worker);
  // Whether the unit's next step is its end or another worker.
  void Continue(Instant now, Token token);
  void EndUnit(Token token);
  void FailRest(Unit& unit, WorkerId worker, absl::string_view sentence,
                absl::string_view details);
  void ExpectTest(Instant now, Unit& unit);

  // What workers say.
  void OnHello(Instant now, Worker& worker, const WorkerHello& message);
  void OnRefused(Instant now, Worker& worker,
                 const WorkerSuiteRefused& message);
  void OnLeaving(Worker& worker, WorkerLeaving message);
  void OnTestStarted(Instant now, Worker& worker,
                     const WorkerTestStarted& message);
  void OnTestDeadline(Instant now, Worker& worker,
                      const WorkerTestDeadline& message);
  void OnTestFinished(Instant now, Worker& worker, WorkerTestFinished message);
  void OnUnitFinished(Instant now, Worker& worker, WorkerUnitFinished message);
  void OnKept(Instant now, Worker& worker, const WorkerProcessesKept& message);
  void OnExtra(Instant now, Worker& worker, WorkerExtra message);
  void OnFoundStarted(Instant now, Worker& worker, WorkerFoundStarted message);
  void OnProperties(Instant now, Worker& worker, WorkerProperties message);
  // The same from a worker that is being ended.
  void OnLastWords(Instant now, Worker& worker, FromWorker message);
  void OnLastWordsOfEndedUnit(Instant now, Unit& unit,
                              const FromWorker& message);
  void OnLastResult(Instant now, Worker& worker, Unit& unit,
                    WorkerTestFinished message);
  void OnLastExtra(Worker& worker, Unit& unit, ExtraResult extra);
  // The end of a worker that is over its time is called off: it can go on.
  void CallOff(Instant now, Worker& worker, Unit& unit, TestResult result);
  void Refuse(Instant now, Worker& worker, absl::string_view sentence);
  void Violation(Instant now, Worker& worker, absl::string_view what);
  // Extra failures and how the tear-down went.
  void TakeEnd(Unit& unit, WorkerId worker, WorkerUnitFinished& message);

  // What is due of a unit on a worker.
  void LookAtUnit(Instant now, Worker& worker, Unit& unit);
  // Of what it says; false where it is over its time.
  bool LookAtTest(Instant now, Worker& worker, Unit& unit);
  // Whether a deadline is one for words, which cannot come while paused.
  bool AwaitsWords(const Worker& worker) const {
    return paused_at_.has_value() && worker.cause == Cause::kNone;
  }

  // Endings.
  void Leave(Instant now, Worker& worker);
  void End(Instant now, Worker& worker, Cause cause, std::string text,
           Duration grace);
  void Terminate(Instant now, Worker& worker);
  void Kill(Instant now, Worker& worker);
  void OnStageDue(Instant now, Worker& worker);
  void OnTimeout(Instant now, Worker& worker, Duration timeout);
  void Retire(Instant now, Worker& worker, const RecycleReason& reason);
  void OnReplacementSettled(Instant now, const Worker& replacement);
  void NoteIdleEnd(const Worker& worker, absl::string_view how);
  // Of a worker that was asked to leave: names what it can have left undone.
  void JudgeLeave(const Worker& worker, const WorkerDeath& death);
  // Charges the death of `worker` to what it ran.
  void Charge(Instant now, const Worker& worker, const WorkerDeath& death,
              Unit& unit);
  void ChargeRunning(Instant now, const Worker& worker,
                     const WorkerDeath& death, Unit& unit);
  void ChargeFound(const Worker& worker, const WorkerDeath& death, Unit& unit);
  // What the death of `worker` is for what it ran.
  TestResult ResultOfDeath(const Worker& worker,
                           const WorkerDeath& death) const;
  // The running test is no one's fault.
  void RunAgain(const Worker& worker, Unit& unit);
  void OnBarrenDeath(const Worker& worker, const WorkerDeath& death,
                     absl::string_view what, Unit& unit);

  void EmitAttempt(const Unit& unit, WorkerId worker, std::size_t index,
                   TestResult result);
  void EmitExtra(Unit& unit, WorkerId worker, ExtraResult extra);
  // The found test that ran is over.
  void EmitFound(Unit& unit, WorkerId worker, TestResult result);
  void EmitProperties(const Unit& unit, std::optional<std::size_t> index,
                      WorkerProperties message);
  void EmitLateExtra(const Worker& worker, ExtraResult extra);
  void EmitNote(const RunId& run, std::string text);
  // What a worker's end may have been waited for.
  void TellIfLeft(const RunId& run);
  void TellIfEmpty();

  Worker* FindWorker(WorkerId id);
  Unit* UnitOf(const Worker& worker);

  WorkerPoolParameters parameters_;
  RecyclePolicy policy_;
  PoolEffects& effects_;
  std::uint32_t last_worker_ = 0;
  absl::btree_map<WorkerId, std::unique_ptr<Worker>> workers_;
  absl::btree_map<Token, std::unique_ptr<Unit>> units_;
  // Suites that a worker refused, with its sentence: the next would too.
  absl::btree_map<SuiteKey, std::string> refused_;
  // Suites of which a test began somewhere.
  absl::btree_set<SuiteKey> seen_to_run_;
  // Runs that are over and whose last worker's end is to be told.
  absl::btree_set<RunId> leaving_runs_;
  std::optional<Instant> paused_at_;
  bool draining_ = false;
  bool drain_over_ = false;
  bool empty_told_ = false;
  std::optional<Instant> drain_at_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_WORKER_POOL_H_
