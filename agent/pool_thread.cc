#include "agent/pool_thread.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "agent/unit_directories.h"
#include "agent/warden_client.h"
#include "agent/worker_launch.h"
#include "agent/worker_pool.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/os/event_loop.h"
#include "common/os/health_reader.h"
#include "common/os/process_tree.h"
#include "worker/protocol/codec.h"

namespace paceline {
namespace {

constexpr Duration kTurnInterval = std::chrono::milliseconds(500);
// Events that may wait for the session before workers are no longer read.
constexpr std::size_t kMaxEvents = 4096;
// Of what a worker itself prints; a result carries no more.
constexpr std::size_t kLastOutput = kMaxInlineOutput;
constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
// Reads of one worker in a row, so that none keeps the others waiting.
constexpr int kReadsPerTurn = 16;

}  // namespace

struct PoolThread::Impl : public PoolEffects {
  // A worker's process and what leads to it.
  struct Process {
    Fd socket;
    Fd output;
    pid_t pid = -1;
    FrameReader frames;
    std::string unsent;
    std::string last_output;
    bool broken = false;  // its bytes are no messages
  };

  Impl(const AgentOptions& agent_options, std::function<void()> notify_session)
      : options(agent_options),
        notify(std::move(notify_session)),
        instance(ToString(RandomId<InstanceId>()).substr(0, 12)),
        program(options.program.empty() ? "/proc/self/exe" : options.program),
        pool(Parameters(), options.limits, *this) {}

  ~Impl() override {
    for (std::thread& describer : describers) {
      describer.join();
    }
  }

  WorkerPoolParameters Parameters() const {
    WorkerPoolParameters parameters;
    parameters.slots = options.slots;
    parameters.program = program;
    parameters.env = options.env;
    parameters.instance = instance;
    parameters.output_limit = options.output_limit;
    parameters.kill_grace = options.kill_grace;
    parameters.slow_warning = options.slow_warning;
    parameters.max_recycles_per_minute = options.max_recycles_per_minute;
    return parameters;
  }

  absl::Status Begin() {
    PACELINE_ASSIGN_OR_RETURN(loop, EventLoop::Create());
    PACELINE_ASSIGN_OR_RETURN(directories,
                              UnitDirectories::Create(options.temp_root));
    PACELINE_RETURN_IF_ERROR(StartWarden());
    turned_at.store(clock.Now().time_since_epoch().count());
    thread = std::thread([this] { Loop(); });
    return absl::OkStatus();
  }

  void Finish() {
    stopping.store(true);
    loop->Wake();
    if (thread.joinable()) {
      thread.join();
    }
  }

  // ---- the loop ------------------------------------------------------------

  void Loop() {
    while (!stopping.load()) {
      const Instant now = clock.Now();
      turned_at.store(now.time_since_epoch().count());
      TakeCommands(now);
      TakeDescriptions(now);
      pool.OnTick(now);
      TellFailedSpawns(now);
      Throttle();
      if (std::exchange(news, false)) {
        notify();
      }
      Instant until = failed_spawns.empty() ? now + kTurnInterval : now;
      if (const auto due = pool.next_deadline();
          due.has_value() && *due < until) {
        until = *due;
      }
      loop->RunOnce(clock, until);
    }
    loop->Remove(warden->fd());
    warden.reset();
    processes.clear();
  }

  void TakeCommands(Instant now) {
    std::deque<PoolCommand> taken;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      taken.swap(commands);
    }
    for (const PoolCommand& command : taken) {
      pool.OnCommand(now, command);
    }
  }

  void TakeDescriptions(Instant now) {
    std::vector<std::pair<WorkerId, std::string>> taken;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      taken.swap(descriptions);
    }
    for (auto& [worker, text] : taken) {
      pool.OnTreeDescribed(now, worker, std::move(text));
    }
  }

  void TellFailedSpawns(Instant now) {
    while (!failed_spawns.empty()) {
      const auto [worker, sentence] = std::move(failed_spawns.back());
      failed_spawns.pop_back();
      pool.OnSpawnFailed(now, worker, sentence);
    }
  }

  // Reads workers only while the session keeps up.
  void Throttle() {
    std::size_t waiting = 0;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      waiting = events.size();
    }
    const bool pause =
        paused ? waiting > kMaxEvents / 2 : waiting >= kMaxEvents;
    if (pause == paused) {
      return;
    }
    paused = pause;
    for (auto& [worker, process] : processes) {
      if (process.socket.valid()) {
        Watch(process);
      }
    }
  }

  std::uint32_t Interest() const {
    return paused ? 0U : static_cast<std::uint32_t>(EPOLLIN);
  }

  void Watch(const Process& process) {
    std::uint32_t wanted = Interest();
    if (!process.unsent.empty()) {
      wanted |= EPOLLOUT;
    }
    loop->Modify(process.socket.get(), wanted).IgnoreError();
  }

  // ---- the warden ----------------------------------------------------------

  absl::Status StartWarden() {
    PACELINE_ASSIGN_OR_RETURN(warden, WardenClient::Start(program));
    return loop->Add(warden->fd(), EPOLLIN,
                     [this](std::uint32_t) { OnWardenReadable(); });
  }

  void OnWardenReadable() {
    bool gone = false;
    while (const std::optional<WardenReply> reply = warden->Receive(gone)) {
      OnReply(*reply);
    }
    if (gone) {
      OnWardenGone();
    }
  }

  void OnReply(const WardenReply& reply) {
    const WorkerId worker{reply.worker};
    switch (reply.kind) {
      case WardenReplyKind::kSpawned:
        if (const auto it = processes.find(worker); it != processes.end()) {
          it->second.pid = reply.pid;
        }
        return;
      case WardenReplyKind::kSpawnFailed:
        Drop(worker);
        pool.OnSpawnFailed(clock.Now(), worker, reply.text);
        return;
      case WardenReplyKind::kExited: {
        WorkerDeath death;
        death.status = WaitStatus{reply.status};
        OnExit(worker, std::move(death));
        return;
      }
    }
  }

  // All that it had written comes first.
  void OnExit(WorkerId worker, WorkerDeath death) {
    if (const auto it = processes.find(worker); it != processes.end()) {
      while (ReadSocket(worker)) {
      }
      while (ReadOutput(worker)) {
      }
      if (const auto left = processes.find(worker); left != processes.end()) {
        death.last_output = std::move(left->second.last_output);
      }
    }
    pool.OnWorkerExited(clock.Now(), worker, death);
    Drop(worker);
  }

  void OnWardenGone() {
    Log(LogLevel::kError,
        "the warden is gone; ending what it left and starting another");
    loop->Remove(warden->fd());
    warden.reset();
    KillLeftByWarden(instance);
    std::vector<WorkerId> lost;
    for (const auto& [worker, process] : processes) {
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

  // ---- workers -------------------------------------------------------------

  // False when there is nothing more to read now.
  bool ReadSocket(WorkerId worker) {
    auto it = processes.find(worker);
    if (it == processes.end() || !it->second.socket.valid()) {
      return false;
    }
    const ssize_t n =
        recv(it->second.socket.get(), buffer.data(), buffer.size(), 0);
    if (n < 0) {
      return errno == EINTR;
    }
    if (n == 0) {
      CloseSocket(it->second);
      pool.OnWorkerClosed(clock.Now(), worker);
      return false;
    }
    if (it->second.broken) {
      return true;
    }
    it->second.frames.Append({buffer.data(), static_cast<std::size_t>(n)});
    while (true) {
      absl::StatusOr<std::optional<absl::string_view>> frame =
          it->second.frames.Next();
      absl::Status status = frame.status();
      if (status.ok()) {
        if (!frame->has_value()) {
          return true;
        }
        absl::StatusOr<FromWorker> message = DecodeFromWorker(**frame);
        status = message.status();
        if (status.ok()) {
          pool.OnWorkerMessage(clock.Now(), worker, *std::move(message));
        }
      }
      // The pool may have closed this worker, or started others.
      it = processes.find(worker);
      if (it == processes.end()) {
        return false;
      }
      if (!status.ok()) {
        it->second.broken = true;
        pool.OnProtocolError(clock.Now(), worker, status);
        return true;
      }
    }
  }

  bool ReadOutput(WorkerId worker) {
    const auto it = processes.find(worker);
    if (it == processes.end() || !it->second.output.valid()) {
      return false;
    }
    Process& process = it->second;
    const ssize_t n = read(process.output.get(), buffer.data(), buffer.size());
    if (n < 0) {
      return errno == EINTR;
    }
    if (n == 0) {
      loop->Remove(process.output.get());
      process.output.Reset();
      return false;
    }
    process.last_output.append(buffer.data(), static_cast<std::size_t>(n));
    if (process.last_output.size() > kLastOutput) {
      process.last_output.erase(0, process.last_output.size() - kLastOutput);
    }
    return true;
  }

  void OnSocketEvents(WorkerId worker, std::uint32_t ready) {
    if ((ready & EPOLLOUT) != 0) {
      if (const auto it = processes.find(worker); it != processes.end()) {
        Flush(it->second);
      }
    }
    if ((ready & ~std::uint32_t{EPOLLOUT}) != 0) {
      for (int i = 0; i < kReadsPerTurn && ReadSocket(worker); ++i) {
      }
    }
  }

  void Flush(Process& process) {
    if (!process.socket.valid()) {
      return;
    }
    while (!process.unsent.empty()) {
      const ssize_t n = send(process.socket.get(), process.unsent.data(),
                             process.unsent.size(), MSG_NOSIGNAL);
      if (n < 0) {
        if (errno == EINTR) {
          continue;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
          process.unsent.clear();  // it is gone, which its end will tell
        }
        break;
      }
      process.unsent.erase(0, static_cast<std::size_t>(n));
    }
    Watch(process);
  }

  void CloseSocket(Process& process) {
    if (process.socket.valid()) {
      loop->Remove(process.socket.get());
      process.socket.Reset();
    }
  }

  void Drop(WorkerId worker) {
    const auto it = processes.find(worker);
    if (it == processes.end()) {
      return;
    }
    CloseSocket(it->second);
    if (it->second.output.valid()) {
      loop->Remove(it->second.output.get());
    }
    processes.erase(it);
  }

  absl::Status TrySpawn(WorkerId worker, const WorkerLaunch& launch) {
    if (warden == nullptr) {
      PACELINE_RETURN_IF_ERROR(StartWarden());
    }
    PACELINE_ASSIGN_OR_RETURN(auto socket, MakeSocketPair());
    PACELINE_ASSIGN_OR_RETURN(auto output, MakePipe());
    PACELINE_RETURN_IF_ERROR(SetNonBlocking(socket.first.get()));
    PACELINE_RETURN_IF_ERROR(SetNonBlocking(output.first.get()));
    PACELINE_RETURN_IF_ERROR(warden->Spawn(worker, launch,
                                           WorkerIdValue(worker, instance),
                                           socket.second, output.second));
    Process& process = processes[worker];
    process.socket = std::move(socket.first);
    process.output = std::move(output.first);
    PACELINE_RETURN_IF_ERROR(loop->Add(process.socket.get(), Interest(),
                                       [this, worker](std::uint32_t ready) {
                                         OnSocketEvents(worker, ready);
                                       }));
    return loop->Add(
        process.output.get(), EPOLLIN, [this, worker](std::uint32_t) {
          for (int i = 0; i < kReadsPerTurn && ReadOutput(worker); ++i) {
          }
        });
  }

  // ---- PoolEffects ---------------------------------------------------------

  void Spawn(WorkerId worker, const WorkerLaunch& launch) override {
    const absl::Status status = TrySpawn(worker, launch);
    if (!status.ok()) {
      // Not from within the pool's own call.
      Drop(worker);
      failed_spawns.emplace_back(worker, status.message());
    }
  }

  void Send(WorkerId worker, const ToWorker& message) override {
    const auto it = processes.find(worker);
    if (it == processes.end() || !it->second.socket.valid()) {
      return;
    }
    const bool idle = it->second.unsent.empty();
    AppendFrame(message, it->second.unsent);
    if (idle) {
      const ssize_t n = send(it->second.socket.get(), it->second.unsent.data(),
                             it->second.unsent.size(), MSG_NOSIGNAL);
      if (n > 0) {
        it->second.unsent.erase(0, static_cast<std::size_t>(n));
      }
    }
    if (!it->second.unsent.empty()) {
      Watch(it->second);
    }
  }

  void SignalTree(WorkerId worker, int signal) override {
    if (warden != nullptr) {
      warden->Signal(worker, signal);
    }
  }

  void DescribeTree(WorkerId worker) override {
    const auto it = processes.find(worker);
    const pid_t pid = it == processes.end() ? -1 : it->second.pid;
    // Reads /proc and may run a debugger: not on this thread. Timeouts are
    // rare; a thread each is cheap enough.
    describers.emplace_back([this, worker, pid] {
      std::string text = pid > 0 ? ::paceline::DescribeTree(pid) : "";
      {
        const std::lock_guard<std::mutex> lock(mutex);
        descriptions.emplace_back(worker, std::move(text));
      }
      loop->Wake();
    });
  }

  void CloseWorker(WorkerId worker) override {
    const auto it = processes.find(worker);
    if (it == processes.end()) {
      return;
    }
    // Its last words are still read; ours end here.
    Flush(it->second);
    if (it->second.socket.valid()) {
      shutdown(it->second.socket.get(), SHUT_WR);
    }
  }

  WorkerHealth AddTree(WorkerId worker, const WorkerHealth& own) override {
    const auto it = processes.find(worker);
    if (it == processes.end() || it->second.pid <= 0) {
      return own;
    }
    const std::vector<pid_t> below = Descendants(it->second.pid);
    return below.empty() ? own : ::paceline::AddTree(own, below);
  }

  absl::StatusOr<std::string> MakeTempDir(const Token&) override {
    return directories->Make();
  }

  void RemoveTempDir(const std::string& path) override {
    directories->Remove(path);
  }

  void Emit(PoolEvent event) override {
    const std::lock_guard<std::mutex> lock(mutex);
    events.push_back(std::move(event));
    news = true;
  }

  const AgentOptions options;
  const std::function<void()> notify;
  const std::string instance;
  const std::string program;
  const SystemClock clock;

  std::mutex mutex;
  std::deque<PoolCommand> commands;
  std::deque<PoolEvent> events;
  std::vector<std::pair<WorkerId, std::string>> descriptions;

  std::atomic<bool> stopping{false};
  std::atomic<std::int64_t> turned_at{0};

  // The pool thread's alone.
  std::unique_ptr<EventLoop> loop;
  std::unique_ptr<UnitDirectories> directories;
  std::unique_ptr<WardenClient> warden;
  absl::btree_map<WorkerId, Process> processes;
  std::vector<char> buffer = std::vector<char>(kReadBytes);
  std::vector<std::pair<WorkerId, std::string>> failed_spawns;
  bool paused = false;
  bool news = false;
  std::vector<std::thread> describers;
  WorkerPool pool;
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<PoolThread>> PoolThread::Start(
    const AgentOptions& options, std::function<void()> notify_session) {
  auto impl = std::make_unique<Impl>(options, std::move(notify_session));
  PACELINE_RETURN_IF_ERROR(impl->Begin());
  return std::unique_ptr<PoolThread>(new PoolThread(std::move(impl)));
}

PoolThread::PoolThread(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

PoolThread::~PoolThread() { impl_->Finish(); }

void PoolThread::Push(PoolCommand command) {
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->commands.push_back(std::move(command));
  }
  impl_->loop->Wake();
}

std::optional<PoolEvent> PoolThread::Pop() {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  if (impl_->events.empty()) {
    return std::nullopt;
  }
  PoolEvent event = std::move(impl_->events.front());
  impl_->events.pop_front();
  if (impl_->events.size() == kMaxEvents / 2) {
    impl_->loop->Wake();
  }
  return event;
}

Instant PoolThread::last_turn() const {
  return Instant(Duration(impl_->turned_at.load()));
}

}  // namespace paceline
