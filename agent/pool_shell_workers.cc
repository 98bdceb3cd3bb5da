// Workers' processes, and what they say and print: the part of PoolShell that
// reads.

#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/pool_shell.h"
#include "agent/worker_launch.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "worker/protocol/codec.h"

namespace paceline {
namespace {

// Reads of one worker in a row, so that none keeps the others waiting.
constexpr int kReadsPerTurn = 16;
// Of a worker that has ended: its socket may hold a few whole results, and
// what it left may write for ever. A read takes 64 KiB.
constexpr int kMaxLastSocketReads = 1024;
constexpr int kMaxLastOutputReads = 16;

}  // namespace

absl::StatusOr<ProcessChannel::WorkerEnds> PoolShell::AddProcess(
    WorkerId worker, WorkerId warden_id) {
  PACELINE_ASSIGN_OR_RETURN(auto opened, ProcessChannel::Open());
  const std::uint32_t number = FreeNumber();
  const auto [it, is_new] =
      processes_.try_emplace(worker, std::move(opened.first));
  it->second.warden_id = warden_id;
  it->second.number = number;
  by_warden_id_[warden_id] = worker;
  PACELINE_RETURN_IF_ERROR(WatchProcess(worker, it->second));
  return std::move(opened.second);
}

absl::Status PoolShell::TrySpawn(WorkerId worker, WorkerLaunch launch,
                                 bool may_serve) {
  if (warden_ == nullptr) {
    PACELINE_RETURN_IF_ERROR(StartWarden());
  }
  PACELINE_ASSIGN_OR_RETURN(ProcessChannel::WorkerEnds ends,
                            AddProcess(worker, worker));
  std::string mark = WorkerIdValue(worker, instance_);
  if (may_serve) {
    // Workers that it forks have marks of their own, and write them over this
    // one: it is longer than any of them.
    mark = absl::StrFormat("%010dt.%s", Value(TemplateOf(worker)), instance_);
  }
  ApplyEdits(
      {{kWorkerIdVariable, mark},
       {kWorkerNumberVariable, absl::StrCat(processes_.at(worker).number)},
       {kSlotsVariable, absl::StrCat(options_.slots)},
       {kTemplateVariable, may_serve ? "1" : "0"}},
      launch.env);
  launch.terminal = options_.terminal.has_value();
  if (launch.terminal) {
    ApplyEdits({{kTerminalVariable, options_.terminal->lock}}, launch.env);
  }
  return warden_->Spawn(worker, launch, mark, std::move(ends.socket),
                        std::move(ends.output));
}

void PoolShell::StartFresh(WorkerId worker, const WorkerLaunch& launch,
                           bool may_serve) {
  const absl::Status status = TrySpawn(worker, launch, may_serve);
  if (!status.ok()) {
    Drop(worker);
    failed_spawns_.emplace_back(worker, status);
  }
}

void PoolShell::Drop(WorkerId worker) {
  const auto it = processes_.find(worker);
  if (it == processes_.end()) {
    return;
  }
  if (it->second.fork_request.has_value() && warden_ != nullptr) {
    warden_->Forget(it->second.warden_id);
  }
  Unwatch(it->second);
  by_warden_id_.erase(it->second.warden_id);
  processes_.erase(it);
}

// All that it had written comes first.
void PoolShell::OnExit(WorkerId worker, WorkerDeath death) {
  for (int i = 0; i < kMaxLastSocketReads && ReadSocket(worker); ++i) {
  }
  for (int i = 0; i < kMaxLastOutputReads && ReadOutput(worker); ++i) {
  }
  if (const auto left = processes_.find(worker); left != processes_.end()) {
    death.last_output = left->second.channel.TakeLastOutput();
    death.dropped_output = left->second.channel.dropped_output();
  }
  if (IsTemplateProcess(worker)) {
    OnTemplateExit(worker, death);
    return;
  }
  wanted_.erase(worker);
  FollowTemplates(templates_.OnPlain(worker));
  pool_.OnWorkerExited(clock_.Now(), worker, death);
  Drop(worker);
}

// ---- reading ---------------------------------------------------------------

bool PoolShell::ReadSocket(WorkerId worker) {
  auto it = processes_.find(worker);
  if (it == processes_.end()) {
    return false;
  }
  switch (it->second.channel.ReadSocket()) {
    case ProcessChannel::Read::kNothing:
      return false;
    case ProcessChannel::Read::kEnd:
      CloseSocket(it->second);
      if (!IsTemplateProcess(worker)) {
        pool_.OnWorkerClosed(clock_.Now(), worker);
      }
      return false;
    case ProcessChannel::Read::kMore:
      break;
  }
  // With each frame the pool may close this worker, or start others.
  for (; it != processes_.end(); it = processes_.find(worker)) {
    const absl::StatusOr<std::optional<absl::string_view>> frame =
        it->second.channel.NextFrame();
    if (!frame.ok()) {
      OnBroken(worker, frame.status());
      return true;
    }
    if (!frame->has_value()) {
      return true;
    }
    if (!TakeFrame(worker, **frame)) {
      return processes_.contains(worker);
    }
  }
  return false;
}

bool PoolShell::TakeFrame(WorkerId worker, absl::string_view frame) {
  absl::StatusOr<FromWorker> message = DecodeFromWorker(frame);
  if (!message.ok()) {
    OnBroken(worker, message.status());
    return false;
  }
  if (std::holds_alternative<WorkerTestStarted>(*message)) {
    processes_.at(worker).channel.ForgetOlderOutput();
  }
  if (!TakeTemplateMessage(worker, *message)) {
    pool_.OnWorkerMessage(clock_.Now(), worker, *std::move(message));
  }
  return true;
}

void PoolShell::OnBroken(WorkerId worker, const absl::Status& status) {
  processes_.at(worker).channel.GiveUp();
  if (IsTemplateProcess(worker)) {
    Log(LogLevel::kError,
        absl::StrCat("a template broke the protocol reason=\"",
                     status.message(), "\""));
    SignalTree(worker, SIGKILL);
  } else {
    pool_.OnProtocolError(clock_.Now(), worker, status);
  }
}

bool PoolShell::ReadOutput(WorkerId worker) {
  const auto it = processes_.find(worker);
  if (it == processes_.end()) {
    return false;
  }
  ProcessChannel& channel = it->second.channel;
  const ProcessChannel::Read read = channel.ReadOutput();
  if (read == ProcessChannel::Read::kEnd) {
    loop_->Remove(channel.output());
    channel.CloseOutput();
  }
  return read == ProcessChannel::Read::kMore;
}

void PoolShell::OnSocketEvents(WorkerId worker, std::uint32_t ready) {
  if ((ready & EPOLLOUT) != 0) {
    if (const auto it = processes_.find(worker); it != processes_.end()) {
      it->second.channel.Flush();
      Watch(it->second);
    }
  }
  if ((ready & ~std::uint32_t{EPOLLOUT}) != 0) {
    for (int i = 0; i < kReadsPerTurn && ReadSocket(worker); ++i) {
    }
  }
}

// ---- watching --------------------------------------------------------------

void PoolShell::CloseSocket(Process& process) {
  loop_->Remove(process.channel.socket());
  process.channel.CloseSocket();
}

std::uint32_t PoolShell::Interest() const {
  return paused_ ? 0U : static_cast<std::uint32_t>(EPOLLIN);
}

void PoolShell::Watch(const Process& process) {
  if (process.channel.socket() < 0) {
    return;
  }
  std::uint32_t interest = Interest();
  if (process.channel.has_unsent()) {
    interest |= EPOLLOUT;
  }
  loop_->Modify(process.channel.socket(), interest).IgnoreError();
}

absl::Status PoolShell::WatchProcess(WorkerId worker, const Process& process) {
  if (process.channel.socket() >= 0) {
    PACELINE_RETURN_IF_ERROR(loop_->Add(process.channel.socket(), Interest(),
                                        [this, worker](std::uint32_t ready) {
                                          OnSocketEvents(worker, ready);
                                        }));
  }
  if (process.channel.output() < 0) {
    return absl::OkStatus();
  }
  return loop_->Add(
      process.channel.output(), EPOLLIN, [this, worker](std::uint32_t) {
        for (int i = 0; i < kReadsPerTurn && ReadOutput(worker); ++i) {
        }
      });
}

void PoolShell::Unwatch(const Process& process) {
  if (process.channel.socket() >= 0) {
    loop_->Remove(process.channel.socket());
  }
  if (process.channel.output() >= 0) {
    loop_->Remove(process.channel.output());
  }
}

std::uint32_t PoolShell::FreeNumber() const {
  std::vector<std::uint32_t> taken;
  for (const auto& [worker, process] : processes_) {
    // A template that is not ready may still serve as a worker.
    if (!IsTemplateProcess(worker) || !templates_.IsReady(TemplateOf(worker))) {
      taken.push_back(process.number);
    }
  }
  std::sort(taken.begin(), taken.end());
  std::uint32_t number = 0;
  for (const std::uint32_t one : taken) {
    number += one == number ? 1 : 0;
  }
  return number;
}

}  // namespace paceline
