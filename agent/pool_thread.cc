#include "agent/pool_thread.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
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
constexpr std::size_t kMaxEventBytes = std::size_t{64} << 20;
// Of what a worker itself prints; a result carries no more.
constexpr std::size_t kLastOutput = kMaxInlineOutput;
constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
// Reads of one worker in a row, so that none keeps the others waiting.
constexpr int kReadsPerTurn = 16;
// Of a worker that has ended; its socket may hold a few whole results.
constexpr std::size_t kMaxLastSocketReads =
    (std::size_t{64} << 20) / kReadBytes;
constexpr std::size_t kMaxLastOutputReads = (std::size_t{1} << 20) / kReadBytes;
// A turn that is later than this found the host asleep or us stopped.
constexpr Duration kStall = std::chrono::seconds(5);

std::size_t BytesOf(const TestResult& result) {
  return result.output.head.size() + result.output.tail.size() +
         result.details.size() + result.message.size();
}

// Of what makes an event large.
std::size_t BytesOf(const PoolEvent& event) {
  const auto* const result = std::get_if<PoolResult>(&event);
  if (result == nullptr) {
    return 0;
  }
  if (const auto* attempt = std::get_if<AttemptItem>(&result->item)) {
    return BytesOf(attempt->result);
  }
  const auto* const extra = std::get_if<ExtraItem>(&result->item);
  return extra == nullptr ? 0 : BytesOf(extra->extra.result);
}

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
    // Of all that it wrote: how much came before `last_output`, and how much
    // had been written before all that it has said.
    std::uint64_t dropped = 0;
    std::uint64_t before_words = 0;
    bool broken = false;  // its bytes are no messages
  };

  Impl(const AgentOptions& agent_options, std::function<void()> notify_session)
      : options(agent_options),
        notify(std::move(notify_session)),
        instance(ToString(RandomId<InstanceId>()).substr(0, 12)),
        program(options.program.empty() ? "/proc/self/exe" : options.program),
        pool(Parameters(), options.limits, *this) {}

  ~Impl() override {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      to_describe.clear();
      describer_ends = true;
    }
    described.notify_all();
    if (describer.joinable()) {
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
      Instant now = clock.Now();
      if (turned.has_value() && now - *turned > kStall) {
        // What was said meanwhile first; the rest gets the time back.
        loop->RunOnce(clock, now);
        pool.OnStall(now - *turned);
        now = clock.Now();
      }
      turned = now;
      turned_at.store(now.time_since_epoch().count());
      TakeCommands(now);
      TakeDescriptions(now);
      pool.OnTick(now);
      TellFailedSpawns(now);
      FlushWarden();
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
    if (warden != nullptr) {
      loop->Remove(warden->fd());
      warden.reset();
      // It may have been too slow, and killed before it had killed.
      KillLeftByWarden();
    }
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
      const auto [worker, status] = std::move(failed_spawns.back());
      failed_spawns.pop_back();
      pool.OnSpawnFailed(now, worker, status);
    }
  }

  // Reads workers only while the session keeps up.
  void Throttle() {
    bool pause = false;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      const std::size_t part = paused ? 2 : 1;
      pause = events.size() >= kMaxEvents / part ||
              event_bytes >= kMaxEventBytes / part;
    }
    if (pause == paused) {
      return;
    }
    paused = pause;
    for (auto& [worker, process] : processes) {
      if (process.socket.valid()) {
        Watch(process);
      }
    }
    if (paused) {
      pool.OnPaused(clock.Now());
      return;
    }
    // What was said meanwhile is heard before any clock is looked at.
    loop->RunOnce(clock, clock.Now());
    pool.OnResumed(clock.Now());
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
    PACELINE_ASSIGN_OR_RETURN(warden,
                              WardenClient::Start(program, directories->top()));
    waits_for_warden = false;
    return loop->Add(warden->fd(), EPOLLIN,
                     [this](std::uint32_t) { OnWardenReadable(); });
  }

  // Writable only matters while something waits.
  void FlushWarden() {
    if (warden == nullptr) {
      return;
    }
    warden->Flush();
    const bool wait = warden->has_unsent();
    if (std::exchange(waits_for_warden, wait) != wait) {
      loop->Modify(warden->fd(), EPOLLIN | (wait ? EPOLLOUT : 0U))
          .IgnoreError();
    }
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
        pool.OnSpawnFailed(
            clock.Now(), worker,
            absl::Status(static_cast<absl::StatusCode>(reply.code),
                         reply.text));
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
      // What it left may write for ever.
      for (std::size_t i = 0; i < kMaxLastSocketReads && ReadSocket(worker);
           ++i) {
      }
      for (std::size_t i = 0; i < kMaxLastOutputReads && ReadOutput(worker);
           ++i) {
      }
      if (const auto left = processes.find(worker); left != processes.end()) {
        death.last_output = std::move(left->second.last_output);
        death.dropped_output = left->second.dropped;
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
    KillLeftByWarden();
    kept.clear();
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
      it->second.before_words =
          it->second.dropped + it->second.last_output.size();
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
          if (std::holds_alternative<WorkerTestStarted>(*message)) {
            ForgetOlderOutput(it->second);
          }
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
      const std::size_t over = process.last_output.size() - kLastOutput;
      process.last_output.erase(0, over);
      process.dropped += over;
    }
    return true;
  }

  // What surely came before the test that starts: read before all that the
  // worker had said by then.
  static void ForgetOlderOutput(Process& process) {
    const std::uint64_t older = std::exchange(process.before_words, 0);
    if (older <= process.dropped) {
      process.dropped -= older;
      return;
    }
    process.last_output.erase(0, older - process.dropped);
    process.dropped = 0;
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
    PACELINE_RETURN_IF_ERROR(
        warden->Spawn(worker, launch, WorkerIdValue(worker, instance),
                      std::move(socket.second), std::move(output.second)));
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
      failed_spawns.emplace_back(worker, status);
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
    // Reads /proc and may run a debugger: not on this thread, and one after
    // another, since where one test is over its time others often are too.
    {
      const std::lock_guard<std::mutex> lock(mutex);
      to_describe.emplace_back(worker, pid);
    }
    described.notify_all();
    if (!describer.joinable()) {
      describer = std::thread([this] { Describe(); });
    }
  }

  // The body of `describer`.
  void Describe() {
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      described.wait(lock,
                     [this] { return describer_ends || !to_describe.empty(); });
      if (to_describe.empty()) {
        return;
      }
      const auto [worker, pid] = to_describe.front();
      to_describe.pop_front();
      lock.unlock();
      std::string text = pid > 0 ? ::paceline::DescribeTree(pid) : "";
      lock.lock();
      descriptions.emplace_back(worker, std::move(text));
      loop->Wake();
    }
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
    SparedPids spared;
    for (const auto& [pid, start] : kept) {
      if (StartTime(pid) == start) {
        spared.insert(pid);
      }
    }
    const std::vector<pid_t> below = Descendants(it->second.pid, spared);
    return below.empty() ? own : ::paceline::AddTree(own, below);
  }

  void KeepProcesses(WorkerId worker, const RunId& run,
                     const std::vector<std::uint32_t>& pids) override {
    if (warden == nullptr) {
      return;
    }
    const auto [it, is_new] = runs_with_kept.emplace(run, last_run + 1);
    last_run += is_new ? 1 : 0;
    for (const std::uint32_t number : pids) {
      const auto pid = static_cast<pid_t>(number);
      if (const auto start = StartTime(pid); pid > 0 && start.has_value()) {
        kept[pid] = *start;
        warden->Keep(worker, it->second, pid);
      }
    }
  }

  void EndKept(const RunId& run) override {
    const auto it = runs_with_kept.find(run);
    if (it == runs_with_kept.end()) {
      return;
    }
    if (warden != nullptr) {
      warden->EndKept(it->second);
    }
    runs_with_kept.erase(it);
    if (runs_with_kept.empty()) {
      kept.clear();
    }
  }

  absl::StatusOr<std::string> MakeTempDir(const Token&) override {
    return directories->Make();
  }

  void RemoveTempDir(const std::string& path) override {
    directories->Remove(path);
  }

  void Emit(PoolEvent event) override {
    const std::lock_guard<std::mutex> lock(mutex);
    event_bytes += BytesOf(event);
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
  std::size_t event_bytes = 0;  // of `events`
  std::vector<std::pair<WorkerId, std::string>> descriptions;
  std::deque<std::pair<WorkerId, pid_t>> to_describe;
  std::condition_variable described;
  bool describer_ends = false;

  std::atomic<bool> stopping{false};
  std::atomic<std::int64_t> turned_at{0};

  // The pool thread's alone.
  std::unique_ptr<EventLoop> loop;
  std::unique_ptr<UnitDirectories> directories;
  std::unique_ptr<WardenClient> warden;
  absl::btree_map<WorkerId, Process> processes;
  std::vector<char> buffer = std::vector<char>(kReadBytes);
  std::vector<std::pair<WorkerId, absl::Status>> failed_spawns;
  // What outlives its worker, and since when it runs: the pid alone may be
  // another's by now.
  absl::btree_map<pid_t, std::uint64_t> kept;
  absl::btree_map<RunId, std::uint32_t> runs_with_kept;
  std::uint32_t last_run = 0;
  bool waits_for_warden = false;
  bool paused = false;
  std::optional<Instant> turned;
  bool news = false;
  std::thread describer;
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
  const std::size_t bytes = BytesOf(event);
  impl_->event_bytes -= bytes;
  // The pool may read on.
  if (impl_->events.size() + 1 == kMaxEvents / 2 ||
      (impl_->event_bytes < kMaxEventBytes / 2 &&
       impl_->event_bytes + bytes >= kMaxEventBytes / 2)) {
    impl_->loop->Wake();
  }
  return event;
}

Instant PoolThread::last_turn() const {
  return Instant(Duration(impl_->turned_at.load()));
}

}  // namespace paceline
