// Templates, and the workers that are forked of them: the shell around
// TemplateSet (agent/template_set.h).

#include <signal.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/pool_shell.h"
#include "agent/worker_launch.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/os/subprocess.h"

namespace paceline {
namespace {

constexpr std::uint32_t kTemplateBit = 0x4000'0000;
// Set in the warden's number of a worker that was forked.
constexpr std::uint32_t kForkedBit = 0x8000'0000;
// The process of a suite that is only expected; no worker has the number 0.
constexpr WorkerId kExpectedProcess{kTemplateBit};

// Whether the same command would run in the same place. What tells one worker
// from another is not looked at.
bool StartsAlike(WorkerLaunch one, WorkerLaunch other) {
  for (WorkerLaunch* const launch : {&one, &other}) {
    ApplyEdits({{kWorkerIdVariable, ""}}, launch->env);
    std::sort(launch->env.begin(), launch->env.end());
  }
  return one.argv == other.argv && one.env == other.env &&
         one.working_directory == other.working_directory &&
         one.reaps == other.reaps;
}

}  // namespace

WorkerId PoolShell::TemplateProcess(WorkerId id) {
  return WorkerId{Value(id) | kTemplateBit};
}

bool PoolShell::IsTemplateProcess(WorkerId id) {
  return (Value(id) & kTemplateBit) != 0;
}

WorkerId PoolShell::TemplateOf(WorkerId process) {
  return WorkerId{Value(process) & ~kTemplateBit};
}

// ---- ahead of its suite ----------------------------------------------------

void PoolShell::StartExpected() {
  if (!options_.expected.has_value() || options_.terminal.has_value()) {
    return;
  }
  expected_.emplace();
  expected_->launch = MakeWorkerLaunch(*options_.expected, kExpectedProcess,
                                       program_, options_.env, instance_);
  const absl::Status status =
      TrySpawn(kExpectedProcess, expected_->launch, /*may_serve=*/true);
  if (!status.ok()) {
    // It will be met again, and told, by whoever needs a worker.
    Drop(kExpectedProcess);
    expected_.reset();
  }
}

bool PoolShell::TakeExpected(WorkerId worker, const WorkerLaunch& launch) {
  if (!expected_.has_value()) {
    return false;
  }
  const Expected expected = *std::exchange(expected_, std::nullopt);
  const bool is_worker =
      expected.hello.has_value() && !expected.hello->is_template;
  if (is_worker || !StartsAlike(expected.launch, launch)) {
    LeaveTemplate(kExpectedProcess);
    return false;
  }
  Rename(kExpectedProcess, worker);
  if (expected.hello.has_value()) {
    TakeHello(worker, *expected.hello);
  }
  return true;
}

void PoolShell::Rename(WorkerId from, WorkerId to) {
  auto node = processes_.extract(from);
  Unwatch(node.mapped());
  by_warden_id_[node.mapped().warden_id] = to;
  node.key() = to;
  const auto inserted = processes_.insert(std::move(node));
  WatchProcess(to, inserted.position->second).IgnoreError();
}

// ---- what is said ----------------------------------------------------------

bool PoolShell::TakeTemplateMessage(WorkerId id, const FromWorker& message) {
  if (!IsTemplateProcess(id)) {
    const auto* const hello = std::get_if<WorkerHello>(&message);
    return hello != nullptr && TakeHello(id, *hello);
  }
  if (id == kExpectedProcess) {
    const auto* const hello = std::get_if<WorkerHello>(&message);
    if (hello != nullptr && expected_.has_value()) {
      expected_->hello = *hello;
    }
    return true;
  }
  const WorkerId base = TemplateOf(id);
  if (const auto* ready = std::get_if<WorkerTemplateReady>(&message)) {
    if (!ready->forkable) {
      Log(LogLevel::kInfo,
          absl::StrCat("workers are started fresh, not forked reason=\"",
                       ready->message, "\""));
    }
    loading_templates_.erase(id);
    FollowTemplates(templates_.OnReady(base, ready->forkable));
  } else if (std::holds_alternative<WorkerSuiteRefused>(message)) {
    loading_templates_.erase(id);
    // As a worker it refuses the suite again, where that is answered.
    FollowTemplates(templates_.OnReady(base, /*forkable=*/false));
  } else if (const auto* forked = std::get_if<WorkerForked>(&message)) {
    OnForked(*forked);
  } else if (const auto* failed = std::get_if<WorkerForkFailed>(&message)) {
    OnForkFailed(*failed);
  }
  return true;
}

bool PoolShell::TakeHello(WorkerId id, const WorkerHello& hello) {
  if (!hello.is_template) {
    wanted_.erase(id);
    FollowTemplates(templates_.OnPlain(id));
    return false;
  }
  const auto launch = wanted_.find(id);
  if (launch == wanted_.end() || !templates_.OnTemplateHello(id)) {
    return false;
  }
  const WorkerId process = TemplateProcess(id);
  Rename(id, process);
  WorkerSuite suite;
  suite.request = 1;
  suite.spec = *launch->second.suite;
  suite.output_limit = options_.output_limit;
  Send(process, suite);
  loading_templates_[process] = clock_.Now() + options_.load_bound;
  pool_.OnSpawnWaits(id);
  return true;
}

std::optional<WorkerId> PoolShell::FindFork(std::uint64_t request) const {
  for (const auto& [worker, process] : processes_) {
    if (process.fork_request == request) {
      return worker;
    }
  }
  return std::nullopt;
}

void PoolShell::OnForked(const WorkerForked& forked) {
  const std::optional<WorkerId> worker = FindFork(forked.request);
  if (!worker.has_value() || warden_ == nullptr) {
    return;
  }
  Process& process = processes_.at(*worker);
  process.fork_request.reset();
  process.pid = static_cast<pid_t>(forked.pid);
  warden_->WatchForked(process.warden_id, process.pid);
  if (process.signal_later != 0) {
    warden_->Signal(process.warden_id, process.signal_later);
  }
}

void PoolShell::OnForkFailed(const WorkerForkFailed& failed) {
  Log(LogLevel::kWarning,
      absl::StrCat("a template cannot fork; starting a worker fresh reason=\"",
                   failed.message, "\""));
  if (const auto worker = FindFork(failed.request)) {
    Drop(*worker);
    StartWanted(*worker);
  }
}

// ---- what is done ----------------------------------------------------------

void PoolShell::FollowTemplates(const TemplateSet::Next& next) {
  for (const WorkerId worker : next.fork) {
    Fork(worker);
  }
  if (next.serve.has_value()) {
    Rename(TemplateProcess(*next.serve), *next.serve);
    Send(*next.serve, WorkerServe{});
    pool_.OnSpawnBegun(clock_.Now(), *next.serve);
  }
  if (next.leave.has_value()) {
    LeaveTemplate(TemplateProcess(*next.leave));
  }
  for (const WorkerId worker : next.fresh) {
    StartWanted(worker);
  }
}

void PoolShell::StartWanted(WorkerId worker) {
  const auto launch = wanted_.find(worker);
  if (launch == wanted_.end()) {
    never_started_.push_back(worker);
    return;
  }
  pool_.OnSpawnBegun(clock_.Now(), worker);
  StartFresh(worker, launch->second, /*may_serve=*/false);
}

void PoolShell::GiveUpWanted(WorkerId worker) {
  if (wanted_.erase(worker) > 0) {
    templates_.OnDropped(worker);
    never_started_.push_back(worker);
  }
}

void PoolShell::Fork(WorkerId worker) {
  const auto launch = wanted_.find(worker);
  if (launch == wanted_.end()) {
    return;
  }
  const absl::Status status = TryFork(worker, *launch->second.forks);
  if (!status.ok()) {
    Log(LogLevel::kWarning,
        absl::StrCat(
            "a template takes no request; starting a worker fresh reason=\"",
            status.message(), "\""));
    Drop(worker);
    StartWanted(worker);
    return;
  }
  pool_.OnSpawnBegun(clock_.Now(), worker);
}

absl::Status PoolShell::TryFork(WorkerId worker, const TemplateSet::Key& key) {
  const std::optional<WorkerId> id = templates_.TemplateOf(key);
  if (!id.has_value() || !processes_.contains(TemplateProcess(*id))) {
    return absl::UnavailableError("it is gone");
  }
  const WorkerId process = TemplateProcess(*id);
  PACELINE_ASSIGN_OR_RETURN(
      ProcessChannel::WorkerEnds ends,
      AddProcess(worker, WorkerId{Value(worker) | kForkedBit}));
  Process& forked = processes_.at(worker);
  forked.fork_request = ++last_fork_request_;
  forked.forked_of = process;
  WorkerFork fork;
  fork.request = last_fork_request_;
  fork.worker = WorkerIdValue(worker, instance_);
  fork.number = forked.number;
  if (warden_ == nullptr || !warden_->Expect(forked.warden_id, fork.worker)) {
    return absl::UnavailableError("the warden is gone or busy");
  }
  return processes_.at(process).channel.SendWithDescriptors(
      fork, {ends.socket.get(), ends.output.get()});
}

void PoolShell::OnTemplateExit(WorkerId process, const WorkerDeath& death) {
  const bool leaving = leaving_templates_.erase(process) > 0;
  if (process == kExpectedProcess) {
    expected_.reset();
    Drop(process);
    return;
  }
  loading_templates_.erase(process);
  if (!leaving) {
    Log(LogLevel::kWarning,
        absl::StrCat(
            "a template has ended how=\"",
            death.status.has_value() ? Describe(*death.status) : death.reason,
            "\" last_output=\"", death.last_output, "\""));
  }
  Drop(process);
  // What it was asked for and has not told of may be there or not: what is
  // there is nobody's, and ended as such.
  std::vector<WorkerId> untold;
  for (const auto& [worker, one] : processes_) {
    if (one.fork_request.has_value() && one.forked_of == process) {
      untold.push_back(worker);
    }
  }
  const TemplateSet::Next next = templates_.OnGone(TemplateOf(process));
  for (const WorkerId worker : untold) {
    if (wanted_.contains(worker)) {
      Drop(worker);
      StartWanted(worker);
    } else {
      WorkerDeath lost;
      lost.reason = "the template that forked it was killed";
      OnExit(worker, std::move(lost));
    }
  }
  FollowTemplates(next);
}

void PoolShell::LeaveTemplates(const RunId& run) {
  for (const WorkerId id : templates_.OnRunOver(run)) {
    LeaveTemplate(TemplateProcess(id));
  }
}

void PoolShell::LeaveUnusedTemplates() {
  for (const RunId& run : templates_.Unused(clock_.Now())) {
    if (!pool_.Serves(run)) {
      LeaveTemplates(run);
    }
  }
}

void PoolShell::LeaveTemplate(WorkerId process) {
  Send(process, WorkerShutdown{});
  CloseWorker(process);
  loading_templates_.erase(process);
  leaving_templates_.emplace(process, clock_.Now() + options_.kill_grace);
}

void PoolShell::EndTemplates(Instant now) {
  for (auto& [process, deadline] : leaving_templates_) {
    if (now >= deadline) {
      SignalTree(process, SIGKILL);
      deadline = now + options_.kill_grace;
    }
  }
  if (paused_) {
    return;  // it may have said that it is ready
  }
  for (auto& [process, deadline] : loading_templates_) {
    if (now >= deadline) {
      Log(LogLevel::kWarning,
          absl::StrCat("a template has not loaded its suite within ",
                       FormatDuration(options_.load_bound),
                       "; starting workers fresh"));
      SignalTree(process, SIGKILL);
      deadline = now + options_.kill_grace;
    }
  }
}

}  // namespace paceline
