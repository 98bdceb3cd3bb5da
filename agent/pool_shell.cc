#include "agent/pool_shell.h"

#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <deque>

#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/os/health_reader.h"
#include "common/os/process_tree.h"

namespace paceline {
namespace {

constexpr Duration kTurnInterval = std::chrono::milliseconds(500);
// A turn that is later than this found the host asleep or us stopped.
constexpr Duration kStall = std::chrono::seconds(5);

}  // namespace

PoolShell::PoolShell(const AgentOptions& options, PoolMailbox& mailbox,
                     std::function<void()> notify)
    : options_(options),
      mailbox_(mailbox),
      notify_(std::move(notify)),
      instance_(ToString(RandomId<InstanceId>()).substr(0, 12)),
      program_(options.program.empty() ? "/proc/self/exe" : options.program),
      pool_(Parameters(), options.limits, *this) {}

WorkerPoolParameters PoolShell::Parameters() const {
  WorkerPoolParameters parameters;
  parameters.slots = options_.slots;
  parameters.program = program_;
  parameters.env = options_.env;
  parameters.instance = instance_;
  parameters.output_limit = options_.output_limit;
  parameters.kill_grace = options_.kill_grace;
  parameters.slow_warning = options_.slow_warning;
  parameters.max_recycles_per_minute = options_.max_recycles_per_minute;
  return parameters;
}

absl::Status PoolShell::Begin() {
  PACELINE_ASSIGN_OR_RETURN(loop_, EventLoop::Create());
  PACELINE_ASSIGN_OR_RETURN(directories_,
                            UnitDirectories::Create(options_.temp_root));
  PACELINE_ASSIGN_OR_RETURN(describer_,
                            TreeDescriber::Start([this] { loop_->Wake(); }));
  PACELINE_RETURN_IF_ERROR(StartWarden());
  StartExpected();
  turned_at_.store(clock_.Now().time_since_epoch().count());
  return absl::OkStatus();
}

// ---- the loop --------------------------------------------------------------

void PoolShell::Run() {
  while (!stopping_.load()) {
    Turn(std::nullopt);
  }
  LetWorkersLeave();
  if (warden_ != nullptr) {
    loop_->Remove(warden_->fd());
    warden_.reset();
    // It may have been too slow, and killed before it had killed.
    KillLeftByWarden();
  }
  processes_.clear();
}

void PoolShell::Stop() {
  stopping_.store(true);
  loop_->Wake();
}

// Workers tear down what they have set up for all their units; what takes
// longer than it may is killed with the warden.
void PoolShell::LetWorkersLeave() {
  const Instant deadline = clock_.Now() + 2 * options_.kill_grace;
  pool_.OnCommand(clock_.Now(), PoolDrain{});
  while (!empty_ && warden_ != nullptr && clock_.Now() < deadline) {
    Turn(deadline);
  }
}

void PoolShell::Turn(std::optional<Instant> no_later) {
  Instant now = clock_.Now();
  if (turned_.has_value() && now - *turned_ > kStall) {
    // What was said meanwhile first; the rest gets the time back.
    loop_->RunOnce(clock_, now);
    pool_.OnStall(now - *turned_);
    for (auto& [process, deadline] : loading_templates_) {
      deadline += now - *turned_;
    }
    now = clock_.Now();
  }
  turned_ = now;
  turned_at_.store(now.time_since_epoch().count());
  TakeCommands(now);
  TakeDescriptions(now);
  pool_.OnTick(now);
  EndTemplates(now);
  TellFailedSpawns(now);
  FlushWarden();
  Throttle();
  // Who is told may be gone by the time we leave.
  if (news_.TakeDue(now, paused_) && !stopping_.load()) {
    notify_();
  }
  Instant until = failed_spawns_.empty() && never_started_.empty()
                      ? now + kTurnInterval
                      : now;
  if (const auto due = pool_.next_deadline(); due.has_value() && *due < until) {
    until = *due;
  }
  if (const auto due = news_.next_deadline(); due.has_value()) {
    until = std::min(until, *due);
  }
  if (no_later.has_value()) {
    until = std::min(until, *no_later);
  }
  loop_->RunOnce(clock_, until);
}

void PoolShell::TakeCommands(Instant now) {
  for (const PoolCommand& command : mailbox_.TakeCommands()) {
    pool_.OnCommand(now, command);
    if (const auto* over = std::get_if<PoolRunOver>(&command)) {
      LeaveTemplates(over->run);
    }
  }
}

void PoolShell::TakeDescriptions(Instant now) {
  for (auto& [worker, text] : describer_->Take()) {
    pool_.OnTreeDescribed(now, worker, std::move(text));
  }
}

void PoolShell::TellFailedSpawns(Instant now) {
  while (!failed_spawns_.empty()) {
    const auto [worker, status] = std::move(failed_spawns_.back());
    failed_spawns_.pop_back();
    wanted_.erase(worker);
    FollowTemplates(templates_.OnPlain(worker));
    pool_.OnSpawnFailed(now, worker, status);
  }
  while (!never_started_.empty()) {
    const WorkerId worker = never_started_.back();
    never_started_.pop_back();
    WorkerDeath death;
    death.reason = "it was ended before it was forked";
    pool_.OnWorkerExited(now, worker, death);
  }
}

void PoolShell::Throttle() {
  const bool pause = mailbox_.IsFull(paused_);
  if (pause == paused_) {
    return;
  }
  paused_ = pause;
  for (const auto& [worker, process] : processes_) {
    Watch(process);
  }
  if (paused_) {
    paused_at_ = clock_.Now();
    pool_.OnPaused(paused_at_);
    return;
  }
  // What was said meanwhile is heard before any clock is looked at.
  loop_->RunOnce(clock_, clock_.Now());
  const Instant now = clock_.Now();
  pool_.OnResumed(now);
  for (auto& [process, deadline] : loading_templates_) {
    deadline += now - paused_at_;
  }
}

// ---- the warden ------------------------------------------------------------

absl::Status PoolShell::StartWarden() {
  PACELINE_ASSIGN_OR_RETURN(
      warden_, WardenClient::Start(program_, directories_->directory(),
                                   options_.terminal));
  waits_for_warden_ = false;
  return loop_->Add(warden_->fd(), EPOLLIN,
                    [this](std::uint32_t) { OnWardenReadable(); });
}

// Writable only matters while something waits.
void PoolShell::FlushWarden() {
  if (warden_ == nullptr) {
    return;
  }
  warden_->Flush();
  const bool wait = warden_->has_unsent();
  if (std::exchange(waits_for_warden_, wait) != wait) {
    loop_->Modify(warden_->fd(), EPOLLIN | (wait ? EPOLLOUT : 0U))
        .IgnoreError();
  }
}

void PoolShell::OnWardenReadable() {
  bool gone = false;
  while (const std::optional<WardenReply> reply = warden_->Receive(gone)) {
    OnReply(*reply);
  }
  if (gone) {
    OnWardenGone();
  }
}

void PoolShell::OnReply(const WardenReply& reply) {
  const auto known = by_warden_id_.find(WorkerId{reply.worker});
  if (known == by_warden_id_.end()) {
    return;  // dropped meanwhile
  }
  const WorkerId worker = known->second;
  switch (reply.kind) {
    case WardenReplyKind::kSpawned:
      if (const auto it = processes_.find(worker); it != processes_.end()) {
        it->second.pid = reply.pid;
      }
      return;
    case WardenReplyKind::kSpawnFailed:
      Drop(worker);
      wanted_.erase(worker);
      FollowTemplates(templates_.OnPlain(worker));
      pool_.OnSpawnFailed(
          clock_.Now(), worker,
          absl::Status(static_cast<absl::StatusCode>(reply.code), reply.text));
      return;
    case WardenReplyKind::kExited: {
      WorkerDeath death;
      death.status = WaitStatus{reply.status};
      OnExit(worker, std::move(death));
      return;
    }
  }
}

void PoolShell::OnWardenGone() {
  Log(LogLevel::kError,
      "the warden is gone; ending what it left and starting another");
  loop_->Remove(warden_->fd());
  warden_.reset();
  KillLeftByWarden();
  kept_.clear();
  std::vector<WorkerId> lost;
  for (const auto& [worker, process] : processes_) {
    lost.push_back(worker);
  }
  if (const absl::Status started = StartWarden(); !started.ok()) {
    Log(LogLevel::kError, started.message());
  }
  for (const WorkerId worker : lost) {
    WorkerDeath death;
    death.reason = "the warden that watched it was killed";
    OnExit(worker, std::move(death));
  }
}

WorkerId PoolShell::WardenIdOf(WorkerId worker) const {
  const auto it = processes_.find(worker);
  return it == processes_.end() ? worker : it->second.warden_id;
}

// ---- PoolEffects -----------------------------------------------------------

void PoolShell::Spawn(WorkerId worker, const WorkerLaunch& launch) {
  LeaveUnusedTemplates();
  // A template's forks would be strangers to the terminal's process group.
  if (!launch.forks.has_value() || options_.terminal.has_value()) {
    StartFresh(worker, launch, /*may_serve=*/false);
    return;
  }
  wanted_.emplace(worker, launch);
  switch (templates_.OnWanted(clock_.Now(), worker, *launch.forks)) {
    case TemplateSet::Way::kFresh:
      StartFresh(worker, launch, /*may_serve=*/false);
      break;
    case TemplateSet::Way::kMayServe:
      if (!TakeExpected(worker, launch)) {
        StartFresh(worker, launch, /*may_serve=*/true);
      }
      break;
    case TemplateSet::Way::kFork:
      Fork(worker);
      break;
    case TemplateSet::Way::kWait:
      pool_.OnSpawnWaits(worker);
      break;
  }
}

void PoolShell::Send(WorkerId worker, const ToWorker& message) {
  const auto it = processes_.find(worker);
  if (it == processes_.end()) {
    return;
  }
  it->second.channel.Send(message);
  if (it->second.channel.has_unsent()) {
    Watch(it->second);
  }
}

void PoolShell::SignalTree(WorkerId worker, int signal) {
  const auto it = processes_.find(worker);
  if (it == processes_.end()) {
    GiveUpWanted(worker);
    return;
  }
  wanted_.erase(worker);
  if (it->second.fork_request.has_value()) {
    it->second.signal_later = signal;
  } else if (warden_ != nullptr) {
    warden_->Signal(it->second.warden_id, signal);
  }
}

void PoolShell::DescribeTree(WorkerId worker) {
  const auto it = processes_.find(worker);
  describer_->Begin(worker, it == processes_.end() ? -1 : it->second.pid);
}

void PoolShell::CloseWorker(WorkerId worker) {
  const auto it = processes_.find(worker);
  if (it == processes_.end()) {
    GiveUpWanted(worker);
    return;
  }
  wanted_.erase(worker);
  it->second.channel.EndSending();
}

WorkerHealth PoolShell::AddTree(WorkerId worker, const WorkerHealth& own) {
  const auto it = processes_.find(worker);
  if (it == processes_.end() || it->second.pid <= 0) {
    return own;
  }
  SparedPids spared;
  for (const auto& [pid, start] : kept_) {
    if (StartTime(pid) == start) {
      spared.insert(pid);
    }
  }
  const std::vector<pid_t> below = Descendants(it->second.pid, spared);
  return below.empty() ? own : ::paceline::AddTree(own, below);
}

void PoolShell::KeepProcesses(WorkerId worker, const RunId& run,
                              const std::vector<std::uint32_t>& pids) {
  if (warden_ == nullptr) {
    return;
  }
  const auto [it, is_new] = runs_with_kept_.emplace(run, last_run_ + 1);
  last_run_ += is_new ? 1 : 0;
  for (const std::uint32_t number : pids) {
    const auto pid = static_cast<pid_t>(number);
    if (const auto start = StartTime(pid); pid > 0 && start.has_value()) {
      kept_[pid] = *start;
      warden_->Keep(WardenIdOf(worker), it->second, pid);
    }
  }
}

void PoolShell::EndKept(const RunId& run) {
  const auto it = runs_with_kept_.find(run);
  if (it == runs_with_kept_.end()) {
    return;
  }
  if (warden_ != nullptr) {
    warden_->EndKept(it->second);
  }
  runs_with_kept_.erase(it);
  if (runs_with_kept_.empty()) {
    kept_.clear();
  }
}

absl::StatusOr<std::string> PoolShell::MakeTempDir(const Token&) {
  return directories_->Make();
}

void PoolShell::RemoveTempDir(const std::string& path) {
  directories_->Remove(path);
}

void PoolShell::Emit(PoolEvent event) {
  empty_ = empty_ || std::holds_alternative<PoolEmpty>(event);
  news_.Add(event);
  mailbox_.PushEvent(std::move(event));
}

}  // namespace paceline
