#include "agent/pool_thread.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "agent/template_set.h"
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

// Sends all of `frame`, with `fds` on its first byte.
absl::Status SendWithDescriptors(int socket, absl::string_view frame,
                                 const std::array<int, 2>& fds) {
  iovec data{const_cast<char*>(frame.data()), frame.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(header), fds.data(), sizeof fds);
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  // A few hundred bytes: a socket that takes only some of them is not read.
  return sent == static_cast<ssize_t>(frame.size())
             ? absl::OkStatus()
             : absl::UnavailableError("its socket is full or closed");
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
    // Who it is to the warden; not the worker's own number where a template
    // was started under that.
    WorkerId warden_id{};
    // The smallest that no other worker has; suites number ports and databases
    // by it.
    std::uint32_t number = 0;
    // Asked of a template, and not answered yet.
    std::optional<std::uint64_t> fork_request;
    // To be sent when its pid is known.
    int signal_later = 0;
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
      Turn(std::nullopt);
    }
    LetWorkersLeave();
    if (warden != nullptr) {
      loop->Remove(warden->fd());
      warden.reset();
      // It may have been too slow, and killed before it had killed.
      KillLeftByWarden();
    }
    processes.clear();
  }

  // Workers tear down what they have set up for all their units; what takes
  // longer than it may is killed with the warden.
  void LetWorkersLeave() {
    const Instant deadline = clock.Now() + 2 * options.kill_grace;
    pool.OnCommand(clock.Now(), PoolDrain{});
    while (!empty && warden != nullptr && clock.Now() < deadline) {
      Turn(deadline);
    }
  }

  void Turn(std::optional<Instant> no_later) {
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
    EndTemplates(now);
    TellFailedSpawns(now);
    FlushWarden();
    Throttle();
    // Who is told may be gone by the time we leave.
    if (std::exchange(news, false) && !stopping.load()) {
      notify();
    }
    Instant until = failed_spawns.empty() && never_started.empty()
                        ? now + kTurnInterval
                        : now;
    if (const auto due = pool.next_deadline();
        due.has_value() && *due < until) {
      until = *due;
    }
    if (no_later.has_value()) {
      until = std::min(until, *no_later);
    }
    loop->RunOnce(clock, until);
  }

  void TakeCommands(Instant now) {
    std::deque<PoolCommand> taken;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      taken.swap(commands);
    }
    for (const PoolCommand& command : taken) {
      pool.OnCommand(now, command);
      if (const auto* over = std::get_if<PoolRunOver>(&command)) {
        for (const WorkerId id : templates.OnRunOver(over->run)) {
          Send(TemplateProcess(id), WorkerShutdown{});
          CloseWorker(TemplateProcess(id));
          leaving_templates.emplace(TemplateProcess(id),
                                    now + options.kill_grace);
        }
      }
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
    while (!never_started.empty()) {
      const WorkerId worker = never_started.back();
      never_started.pop_back();
      WorkerDeath death;
      death.reason = "it was ended before it was forked";
      pool.OnWorkerExited(now, worker, death);
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
    std::uint32_t interest = Interest();
    if (!process.unsent.empty()) {
      interest |= EPOLLOUT;
    }
    loop->Modify(process.socket.get(), interest).IgnoreError();
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
    const auto known = by_warden_id.find(WorkerId{reply.worker});
    if (known == by_warden_id.end()) {
      return;  // dropped meanwhile
    }
    const WorkerId worker = known->second;
    switch (reply.kind) {
      case WardenReplyKind::kSpawned:
        if (const auto it = processes.find(worker); it != processes.end()) {
          it->second.pid = reply.pid;
        }
        return;
      case WardenReplyKind::kSpawnFailed:
        Drop(worker);
        FollowTemplates(templates.OnPlain(worker));
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
    if (IsTemplateProcess(worker)) {
      OnTemplateExit(worker, death);
      return;
    }
    FollowTemplates(templates.OnPlain(worker));
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
      if (!IsTemplateProcess(worker)) {
        pool.OnWorkerClosed(clock.Now(), worker);
      }
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
          if (!TakeTemplateMessage(worker, *message)) {
            pool.OnWorkerMessage(clock.Now(), worker, *std::move(message));
          } else if (!processes.contains(worker)) {
            return false;  // known by another number now
          }
        }
      }
      // The pool may have closed this worker, or started others.
      it = processes.find(worker);
      if (it == processes.end()) {
        return false;
      }
      if (!status.ok()) {
        it->second.broken = true;
        if (IsTemplateProcess(worker)) {
          Log(LogLevel::kError,
              absl::StrCat("a template broke the protocol reason=\"",
                           status.message(), "\""));
          SignalTree(worker, SIGKILL);
        } else {
          pool.OnProtocolError(clock.Now(), worker, status);
        }
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
    by_warden_id.erase(it->second.warden_id);
    processes.erase(it);
  }

  // The ends of a new worker's socket and output.
  struct Ends {
    Fd socket;
    Fd output;
  };

  // Makes room for a worker that the warden knows as `warden_id`; what the
  // worker gets comes back.
  absl::StatusOr<Ends> AddProcess(WorkerId worker, WorkerId warden_id) {
    PACELINE_ASSIGN_OR_RETURN(auto socket, MakeSocketPair());
    PACELINE_ASSIGN_OR_RETURN(auto output, MakePipe());
    PACELINE_RETURN_IF_ERROR(SetNonBlocking(socket.first.get()));
    PACELINE_RETURN_IF_ERROR(SetNonBlocking(output.first.get()));
    const std::uint32_t number = FreeNumber();
    Process& process = processes[worker];
    process.socket = std::move(socket.first);
    process.output = std::move(output.first);
    process.warden_id = warden_id;
    process.number = number;
    by_warden_id[warden_id] = worker;
    PACELINE_RETURN_IF_ERROR(WatchProcess(worker, process));
    return Ends{std::move(socket.second), std::move(output.second)};
  }

  absl::Status WatchProcess(WorkerId worker, const Process& process) {
    if (process.socket.valid()) {
      PACELINE_RETURN_IF_ERROR(loop->Add(process.socket.get(), Interest(),
                                         [this, worker](std::uint32_t ready) {
                                           OnSocketEvents(worker, ready);
                                         }));
    }
    if (!process.output.valid()) {
      return absl::OkStatus();
    }
    return loop->Add(
        process.output.get(), EPOLLIN, [this, worker](std::uint32_t) {
          for (int i = 0; i < kReadsPerTurn && ReadOutput(worker); ++i) {
          }
        });
  }

  std::uint32_t FreeNumber() const {
    std::vector<std::uint32_t> taken;
    for (const auto& [worker, process] : processes) {
      if (!IsTemplateProcess(worker)) {
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

  absl::Status TrySpawn(WorkerId worker, WorkerLaunch launch, bool may_serve) {
    if (warden == nullptr) {
      PACELINE_RETURN_IF_ERROR(StartWarden());
    }
    PACELINE_ASSIGN_OR_RETURN(Ends ends, AddProcess(worker, worker));
    std::string mark = WorkerIdValue(worker, instance);
    if (may_serve) {
      // Workers that it forks have marks of their own.
      mark = absl::StrCat(Value(worker), "t.", instance);
    }
    ApplyEdits(
        {{kWorkerIdVariable, mark},
         {kWorkerNumberVariable, absl::StrCat(processes.at(worker).number)},
         {kSlotsVariable, absl::StrCat(options.slots)},
         {kTemplateVariable, may_serve ? "1" : "0"}},
        launch.env);
    return warden->Spawn(worker, launch, mark, std::move(ends.socket),
                         std::move(ends.output));
  }

  void StartFresh(WorkerId worker, const WorkerLaunch& launch, bool may_serve) {
    const absl::Status status = TrySpawn(worker, launch, may_serve);
    if (!status.ok()) {
      // Not from within the pool's own call.
      Drop(worker);
      failed_spawns.emplace_back(worker, status);
    }
  }

  // ---- templates -----------------------------------------------------------

  // A template is in `processes` under a number of its own, since the worker
  // that was asked for under its first one is forked of it.
  static constexpr std::uint32_t kTemplateBit = 0x4000'0000;
  static constexpr std::uint32_t kForkedBit = 0x8000'0000;
  static WorkerId TemplateProcess(WorkerId id) {
    return WorkerId{Value(id) | kTemplateBit};
  }
  static bool IsTemplateProcess(WorkerId id) {
    return (Value(id) & kTemplateBit) != 0;
  }
  static WorkerId TemplateOf(WorkerId process) {
    return WorkerId{Value(process) & ~kTemplateBit};
  }

  // Gives a process another number.
  void Rename(WorkerId from, WorkerId to) {
    auto node = processes.extract(from);
    Process& process = node.mapped();
    if (process.socket.valid()) {
      loop->Remove(process.socket.get());
    }
    if (process.output.valid()) {
      loop->Remove(process.output.get());
    }
    by_warden_id[process.warden_id] = to;
    node.key() = to;
    const auto inserted = processes.insert(std::move(node));
    WatchProcess(to, inserted.position->second).IgnoreError();
  }

  // Whether `message` was about templates, and so is nothing for the pool.
  bool TakeTemplateMessage(WorkerId id, const FromWorker& message) {
    if (const auto* hello = std::get_if<WorkerHello>(&message);
        hello != nullptr && !IsTemplateProcess(id)) {
      if (!hello->is_template) {
        wanted.erase(id);
        FollowTemplates(templates.OnPlain(id));
        return false;
      }
      const auto launch = wanted.find(id);
      if (launch == wanted.end() || !templates.OnTemplateHello(id)) {
        return false;
      }
      const WorkerId process = TemplateProcess(id);
      Rename(id, process);
      WorkerSuite suite;
      suite.request = 1;
      suite.spec = *launch->second.suite;
      suite.output_limit = options.output_limit;
      Send(process, suite);
      return true;
    }
    if (!IsTemplateProcess(id)) {
      return false;
    }
    const WorkerId base = TemplateOf(id);
    if (const auto* ready = std::get_if<WorkerTemplateReady>(&message)) {
      if (!ready->forkable) {
        Log(LogLevel::kInfo,
            absl::StrCat("workers are started fresh, not forked reason=\"",
                         ready->message, "\""));
      }
      FollowTemplates(templates.OnReady(base, ready->forkable));
    } else if (std::holds_alternative<WorkerSuiteRefused>(message)) {
      // As a worker it refuses the suite again, where that is answered.
      FollowTemplates(templates.OnReady(base, /*forkable=*/false));
    } else if (const auto* forked = std::get_if<WorkerForked>(&message)) {
      OnForked(*forked);
    } else if (const auto* failed = std::get_if<WorkerForkFailed>(&message)) {
      Log(LogLevel::kWarning,
          absl::StrCat("a template cannot fork; starting a worker fresh "
                       "reason=\"",
                       failed->message, "\""));
      if (const auto worker = FindFork(failed->request)) {
        Drop(*worker);
        StartWanted(*worker);
      }
    }
    return true;
  }

  std::optional<WorkerId> FindFork(std::uint64_t request) const {
    for (const auto& [worker, process] : processes) {
      if (process.fork_request == request) {
        return worker;
      }
    }
    return std::nullopt;
  }

  void OnForked(const WorkerForked& forked) {
    const std::optional<WorkerId> worker = FindFork(forked.request);
    if (!worker.has_value() || warden == nullptr) {
      return;
    }
    Process& process = processes.at(*worker);
    process.fork_request.reset();
    process.pid = static_cast<pid_t>(forked.pid);
    warden->WatchForked(process.warden_id, process.pid,
                        WorkerIdValue(*worker, instance));
    if (process.signal_later != 0) {
      warden->Signal(process.warden_id, process.signal_later);
    }
  }

  void FollowTemplates(const TemplateSet::Next& next) {
    for (const WorkerId worker : next.fork) {
      Fork(worker);
    }
    if (next.serve.has_value()) {
      Rename(TemplateProcess(*next.serve), *next.serve);
      Send(*next.serve, WorkerServe{});
    }
    for (const WorkerId worker : next.fresh) {
      StartWanted(worker);
    }
  }

  // Starts what waited for a template and gets none.
  void StartWanted(WorkerId worker) {
    const auto launch = wanted.find(worker);
    if (launch != wanted.end()) {
      StartFresh(worker, launch->second, /*may_serve=*/false);
    }
  }

  void Fork(WorkerId worker) {
    const auto launch = wanted.find(worker);
    if (launch == wanted.end()) {
      return;
    }
    const absl::Status status = TryFork(worker, *launch->second.forks);
    if (!status.ok()) {
      Log(LogLevel::kWarning,
          absl::StrCat("a template takes no request; starting a worker fresh "
                       "reason=\"",
                       status.message(), "\""));
      Drop(worker);
      StartWanted(worker);
    }
  }

  absl::Status TryFork(WorkerId worker, const TemplateSet::Key& key) {
    const auto of = processes.find(TemplateProcess(templates.TemplateOf(key)));
    if (of == processes.end() || !of->second.socket.valid() ||
        !of->second.unsent.empty()) {
      return absl::UnavailableError("it is gone, or does not read");
    }
    const int socket = of->second.socket.get();
    PACELINE_ASSIGN_OR_RETURN(
        Ends ends, AddProcess(worker, WorkerId{Value(worker) | kForkedBit}));
    Process& process = processes.at(worker);
    process.fork_request = ++last_fork_request;
    WorkerFork fork;
    fork.request = last_fork_request;
    fork.worker = WorkerIdValue(worker, instance);
    fork.number = process.number;
    std::string frame;
    AppendFrame(fork, frame);
    return SendWithDescriptors(socket, frame,
                               {ends.socket.get(), ends.output.get()});
  }

  void OnTemplateExit(WorkerId process, const WorkerDeath& death) {
    const bool leaving = leaving_templates.erase(process) > 0;
    if (!leaving) {
      Log(LogLevel::kWarning,
          absl::StrCat("a template has ended how=\"",
                       death.status.has_value()
                           ? ::paceline::Describe(*death.status)
                           : death.reason,
                       "\" last_output=\"", death.last_output, "\""));
    }
    Drop(process);
    // What it was asked for and has not told of may be there or not: what is
    // there is nobody's, and ended as such.
    std::vector<WorkerId> untold;
    for (const auto& [worker, one] : processes) {
      if (one.fork_request.has_value()) {
        untold.push_back(worker);
      }
    }
    const TemplateSet::Next next = templates.OnGone(TemplateOf(process));
    for (const WorkerId worker : untold) {
      if (wanted.contains(worker)) {
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

  // Kills templates of runs that are over and that have not left in time.
  void EndTemplates(Instant now) {
    for (auto& [process, deadline] : leaving_templates) {
      if (now >= deadline) {
        SignalTree(process, SIGKILL);
        deadline = now + options.kill_grace;
      }
    }
  }

  // ---- PoolEffects ---------------------------------------------------------

  void Spawn(WorkerId worker, const WorkerLaunch& launch) override {
    if (!launch.forks.has_value()) {
      StartFresh(worker, launch, /*may_serve=*/false);
      return;
    }
    wanted.emplace(worker, launch);
    switch (templates.OnWanted(worker, *launch.forks)) {
      case TemplateSet::Way::kFresh:
        StartFresh(worker, launch, /*may_serve=*/false);
        break;
      case TemplateSet::Way::kMayServe:
        StartFresh(worker, launch, /*may_serve=*/true);
        break;
      case TemplateSet::Way::kFork:
        Fork(worker);
        break;
      case TemplateSet::Way::kWait:
        break;
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
    const auto it = processes.find(worker);
    if (it == processes.end()) {
      GiveUpWanted(worker);
    } else if (it->second.fork_request.has_value()) {
      it->second.signal_later = signal;
    } else if (warden != nullptr) {
      warden->Signal(it->second.warden_id, signal);
    }
  }

  // `worker` waits for a template, and is not wanted any more.
  void GiveUpWanted(WorkerId worker) {
    if (wanted.erase(worker) > 0) {
      templates.OnDropped(worker);
      never_started.push_back(worker);
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
      GiveUpWanted(worker);
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
        warden->Keep(WardenIdOf(worker), it->second, pid);
      }
    }
  }

  WorkerId WardenIdOf(WorkerId worker) const {
    const auto it = processes.find(worker);
    return it == processes.end() ? worker : it->second.warden_id;
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
    empty = empty || std::holds_alternative<PoolEmpty>(event);
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
  absl::btree_map<WorkerId, WorkerId> by_warden_id;
  TemplateSet templates;
  // How to start those that may be forked and have not said hello.
  absl::btree_map<WorkerId, WorkerLaunch> wanted;
  std::vector<WorkerId> never_started;
  // Templates of runs that are over, and when they are killed.
  absl::btree_map<WorkerId, Instant> leaving_templates;
  std::uint64_t last_fork_request = 0;
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
  // The pool has no worker left, and takes none any more.
  bool empty = false;
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
