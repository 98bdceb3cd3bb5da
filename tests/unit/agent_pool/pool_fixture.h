// A WorkerPool among recorded effects: the test plays the session, the clock
// and every worker.

#ifndef PACELINE_TESTS_UNIT_AGENT_POOL_POOL_FIXTURE_H_
#define PACELINE_TESTS_UNIT_AGENT_POOL_POOL_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/pool_effects.h"
#include "agent/worker_pool.h"

namespace paceline {

// Keeps what the pool did, in order.
class RecordedEffects final : public PoolEffects {
 public:
  void Spawn(WorkerId worker, const WorkerLaunch& launch) override {
    spawned.push_back(worker);
    launches.push_back(launch);
  }
  void Send(WorkerId worker, const ToWorker& message) override {
    sent[worker].push_back(message);
  }
  void SignalTree(WorkerId worker, int signal) override {
    signals.emplace_back(worker, signal);
  }
  void DescribeTree(WorkerId worker) override { described.push_back(worker); }
  void CloseWorker(WorkerId worker) override { closed.push_back(worker); }
  WorkerHealth AddTree(WorkerId /*worker*/, const WorkerHealth& own) override {
    WorkerHealth whole = own;
    if (whole.rss_bytes.has_value()) {
      *whole.rss_bytes += tree_rss_bytes;
    }
    return whole;
  }
  void KeepProcesses(WorkerId /*worker*/, const RunId& run,
                     const std::vector<std::uint32_t>& pids) override {
    std::vector<std::uint32_t>& of_run = kept[run];
    of_run.insert(of_run.end(), pids.begin(), pids.end());
  }
  void EndKept(const RunId& run) override { kept.erase(run); }
  absl::StatusOr<std::string> MakeTempDir(const Token& token) override {
    if (!temp_dir_error.ok()) {
      return temp_dir_error;
    }
    temp_dirs.push_back("/tmp/unit-" + ToString(token));
    return temp_dirs.back();
  }
  void RemoveTempDir(const std::string& path) override {
    std::erase(temp_dirs, path);
  }
  void Emit(PoolEvent event) override { events.push_back(std::move(event)); }

  // The results of one kind, in order.
  template <typename Item>
  std::vector<Item> Items() const {
    std::vector<Item> items;
    for (const PoolEvent& event : events) {
      if (const auto* result = std::get_if<PoolResult>(&event)) {
        if (const auto* item = std::get_if<Item>(&result->item)) {
          items.push_back(*item);
        }
      }
    }
    return items;
  }
  // The messages of one kind that `worker` got, in order.
  template <typename Message>
  std::vector<Message> SentTo(WorkerId worker) const {
    std::vector<Message> messages;
    if (const auto it = sent.find(worker); it != sent.end()) {
      for (const ToWorker& message : it->second) {
        if (const auto* found = std::get_if<Message>(&message)) {
          messages.push_back(*found);
        }
      }
    }
    return messages;
  }
  bool empty_told() const {
    return !events.empty() && std::holds_alternative<PoolEmpty>(events.back());
  }

  std::vector<WorkerId> spawned;
  std::vector<WorkerLaunch> launches;
  std::map<WorkerId, std::vector<ToWorker>> sent;
  std::vector<std::pair<WorkerId, int>> signals;
  std::vector<WorkerId> described;
  std::vector<WorkerId> closed;
  std::map<RunId, std::vector<std::uint32_t>> kept;
  std::vector<std::string> temp_dirs;
  std::vector<PoolEvent> events;
  // What the processes below every worker hold.
  std::uint64_t tree_rss_bytes = 0;
  absl::Status temp_dir_error;
};

class PoolTest : public testing::Test {
 protected:
  void Make(std::uint32_t slots, const WorkerLimits& limits) {
    parameters_.slots = slots;
    parameters_.program = "paceline";
    parameters_.instance = "aa";
    pool_ = std::make_unique<WorkerPool>(parameters_, limits, effects_);
  }
  void SetUp() override { Make(2, WorkerLimits::Unlimited()); }

  // A unit of tests "t0", "t1", … of a suite of a run.
  void Start(std::uint64_t token, std::size_t tests, std::uint32_t suite = 0,
             std::uint8_t run = 1) {
    PoolStart start;
    start.lease.token = Token{1, token};
    start.lease.run.bytes[0] = run;
    start.lease.unit = UnitId{token};
    start.lease.suite = SuiteIndex{suite};
    for (std::size_t i = 0; i < tests; ++i) {
      LeasedTest test;
      test.test = TestIndex{static_cast<std::uint32_t>(i)};
      test.name = "t" + std::to_string(i);
      test.timeout = timeout_;
      start.lease.tests.push_back(test);
    }
    auto spec = std::make_shared<SuiteSpec>();
    spec->name = "suite" + std::to_string(suite);
    spec->runner = "gtest";
    spec->last_words = last_words_;
    start.suite = std::move(spec);
    pool_->OnCommand(now_, start);
  }

  WorkerId worker(std::uint32_t number) const { return WorkerId{number}; }
  // The request that the worker serves.
  std::uint64_t Request(WorkerId id) const {
    const auto units = effects_.SentTo<WorkerRunUnit>(id);
    return units.empty() ? 0 : units.back().request;
  }

  void Say(WorkerId id, FromWorker message) {
    pool_->OnWorkerMessage(now_, id, std::move(message));
  }
  void Hello(WorkerId id, const WorkerHealth& health = {},
             bool tests_in_children = false) {
    WorkerHello hello;
    hello.runner = "gtest";
    hello.health = health;
    hello.tests_in_children = tests_in_children;
    Say(id, hello);
  }
  void Started(WorkerId id, std::uint32_t test) {
    Say(id, WorkerTestStarted{Request(id), test});
  }
  void Finished(WorkerId id, std::uint32_t test,
                Outcome outcome = Outcome::kPassed) {
    WorkerTestFinished finished;
    finished.request = Request(id);
    finished.test = test;
    finished.result.outcome = outcome;
    Say(id, finished);
  }
  void Run(WorkerId id, std::uint32_t test) {
    Started(id, test);
    Finished(id, test);
  }
  void UnitFinished(WorkerId id, const WorkerHealth& health = {},
                    Outcome finalize = Outcome::kPassed) {
    WorkerUnitFinished finished;
    finished.request = Request(id);
    finished.finalize = finalize;
    finished.health = health;
    Say(id, finished);
  }
  // As waitpid gives it: a signal, or an exit status shifted.
  void Exited(WorkerId id, int raw, std::string last_output = "") {
    WorkerDeath death;
    death.status = WaitStatus{raw};
    death.last_output = std::move(last_output);
    pool_->OnWorkerExited(now_, id, death);
  }
  // Goes to the pool's next deadline; fails unless it is `after` from now.
  void TickAfter(Duration after) {
    ASSERT_TRUE(pool_->next_deadline().has_value());
    ASSERT_EQ(*pool_->next_deadline() - now_, after);
    now_ += after;
    pool_->OnTick(now_);
  }

  std::vector<AttemptItem> Attempts() const {
    return effects_.Items<AttemptItem>();
  }
  std::vector<UnitEndItem> Ends() const {
    return effects_.Items<UnitEndItem>();
  }

  WorkerPoolParameters parameters_;
  RecordedEffects effects_;
  std::unique_ptr<WorkerPool> pool_;
  Instant now_{std::chrono::hours(1)};
  Duration timeout_ = std::chrono::seconds(10);
  bool last_words_ = false;  // of the suites of units that start
};

}  // namespace paceline

#endif  // PACELINE_TESTS_UNIT_AGENT_POOL_POOL_FIXTURE_H_
