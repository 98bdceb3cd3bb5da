// A coordinator with chosen time, and what it says kept by peer; it can be
// restarted over its journal.

#ifndef PACELINE_TESTS_UNIT_COORDINATOR_COORDINATOR_FIXTURE_H_
#define PACELINE_TESTS_UNIT_COORDINATOR_COORDINATOR_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/wire/codec.h"
#include "common/wire/manifest_digest.h"
#include "coordinator/coordinator.h"
#include "tests/unit/coordinator/late_journal.h"

namespace paceline {

class CoordinatorTest : public testing::Test, public CoordinatorOutbox {
 protected:
  // As Coordinator, of the life at hand.
  struct Living {
    void OnMessage(Instant now, absl::string_view peer, Message message) {
      life->OnMessage(now, peer, std::move(message));
    }
    void OnMalformed(Instant now, absl::string_view peer,
                     const absl::Status& why) {
      life->OnMalformed(now, peer, why);
    }
    void OnTick(Instant now) { life->OnTick(now); }
    std::unique_ptr<Coordinator> life;
  };

  CoordinatorTest() { EXPECT_TRUE(Begin().ok()); }

  absl::Status Begin() {
    coordinator_.life =
        std::make_unique<Coordinator>(Options(), &journal_, this);
    return coordinator_.life->Recover(now_);
  }
  // The coordinator dies, and what was not committed with it; all connections
  // are gone.
  void Restart() {
    journal_.Restart();
    said_.clear();
    EXPECT_TRUE(Begin().ok());
    coordinator_.OnTick(now_);
  }
  void Commit() {
    journal_.Commit();
    coordinator_.OnTick(now_);
  }

  static CoordinatorOptions Options() {
    CoordinatorOptions options;
    options.program_version = "test";
    return options;
  }

  absl::Status Send(absl::string_view peer, const Message& message) override {
    // Whatever is said must be fit to be sent.
    const absl::StatusOr<Message> decoded = Decode(Encode(message));
    EXPECT_TRUE(decoded.ok()) << decoded.status();
    if (const auto it = broken_.find(std::string(peer)); it != broken_.end()) {
      return it->second;
    }
    said_[std::string(peer)].push_back(message);
    return absl::OkStatus();
  }

  void Say(const std::string& peer, Message message) {
    coordinator_.OnMessage(now_, peer, std::move(message));
    Tick();
  }
  void Tick() { coordinator_.OnTick(now_); }

  // Time passes while agents and clients beat, as they do.
  void Advance(Duration duration, const std::vector<std::string>& beating) {
    const Instant until = now_ + duration;
    while (now_ < until) {
      now_ = std::min(until, now_ + std::chrono::milliseconds(500));
      for (const std::string& peer : beating) {
        coordinator_.OnMessage(now_, peer,
                               Beat{sessions_[peer], ++beats_, {}, {}});
      }
      if (!run_.empty()) {
        coordinator_.OnMessage(now_, "client", ClientBeat{run_.front()});
      }
      coordinator_.OnTick(now_);
    }
  }

  // What was said to `peer` of one kind, taken away.
  template <typename M>
  std::vector<M> Take(const std::string& peer) {
    std::vector<M> taken;
    std::vector<Message> left;
    for (Message& message : said_[peer]) {
      if (auto* one = std::get_if<M>(&message)) {
        taken.push_back(std::move(*one));
      } else {
        left.push_back(std::move(message));
      }
    }
    said_[peer] = std::move(left);
    return taken;
  }

  static Hello MakeHello(const std::string& name, std::uint32_t slots) {
    Hello hello;
    hello.program_version = "test";
    hello.name = name;
    hello.instance = RandomId<InstanceId>();
    hello.host = "host";
    hello.pid = 7;
    hello.slots = slots;
    return hello;
  }

  // Joins and wants `room`.
  Hello Join(const std::string& peer, const std::string& name,
             std::uint32_t slots, std::uint32_t room) {
    Hello hello = MakeHello(name, slots);
    Say(peer, hello);
    const auto welcome = Take<Welcome>(peer);
    EXPECT_EQ(welcome.size(), 1U);
    if (!welcome.empty()) {
      sessions_[peer] = welcome[0].session;
    }
    Want(peer, 0, room);
    return hello;
  }

  void Want(const std::string& peer, std::uint64_t seen, std::uint32_t room) {
    if (beaten_.insert(sessions_[peer]).second) {
      // Every session begins with one.
      Say(peer, Beat{sessions_[peer], ++beats_, {}, {}});
      Take<BeatAck>(peer);
    }
    Say(peer, paceline::Want{sessions_[peer], seen, room});
  }

  static TestSpec Test(const std::string& name,
                       std::optional<Constraints> constraints = std::nullopt) {
    TestSpec test;
    test.name = name;
    test.constraints = std::move(constraints);
    return test;
  }

  static SuiteSpec MakeSuite() {
    SuiteSpec suite;
    suite.name = "suite";
    suite.runner = "command";
    suite.program = "program";
    return suite;
  }

  // Opens a run, and closes nothing.
  RunId Open(RunOptions options = {}) {
    const RunId run = RandomId<RunId>();
    run_ = {run};
    Say("client", SubmitOpen{run, std::move(options)});
    return run;
  }
  static SubmitPart MakePart(RunId run, std::uint32_t number,
                             std::vector<TestSpec> tests) {
    SubmitPart part;
    part.run = run;
    part.part = number;
    if (number == 1) {
      part.suites = {MakeSuite()};
    }
    part.tests = std::move(tests);
    return part;
  }
  static SubmitComplete MakeComplete(RunId run,
                                     const std::vector<SubmitPart>& parts) {
    ManifestDigest digest;
    SubmitComplete complete;
    complete.run = run;
    complete.parts = static_cast<std::uint32_t>(parts.size());
    for (const SubmitPart& part : parts) {
      for (const SuiteSpec& suite : part.suites) {
        digest.Add(suite);
      }
      for (const TestSpec& test : part.tests) {
        digest.Add(test);
      }
      complete.tests += part.tests.size();
    }
    complete.digest = digest.Hex();
    return complete;
  }

  // Submits a whole run of one suite.
  RunId Submit(std::vector<TestSpec> tests, RunOptions options = {}) {
    const RunId run = RandomId<RunId>();
    run_ = {run};
    Say("client", ClientHello{kFleetProtocolVersion, "test", "host", 1});
    Say("client", SubmitOpen{run, std::move(options)});
    const SubmitPart part = MakePart(run, 1, std::move(tests));
    Say("client", part);
    Say("client", MakeComplete(run, {part}));
    return run;
  }

  // The leases that `peer` was granted since.
  std::vector<Lease> Leases(const std::string& peer) {
    std::vector<Lease> leases;
    for (const Grant& grant : Take<Grant>(peer)) {
      leases.insert(leases.end(), grant.leases.begin(), grant.leases.end());
    }
    return leases;
  }

  static AttemptItem MakeAttempt(const Lease& lease, std::size_t test,
                                 Outcome outcome) {
    AttemptItem item;
    item.run = lease.run;
    item.token = lease.token;
    item.test = lease.tests.at(test).test;
    item.attempt = lease.tests.at(test).attempt;
    item.worker = 1;
    item.result.outcome = outcome;
    return item;
  }
  static UnitEndItem MakeEnd(const Lease& lease) {
    return {lease.run, lease.token, 1, {}, {}};
  }
  // The agent sends the next of its results.
  void SendResults(const std::string& peer, std::vector<ResultItem> items) {
    Results results;
    results.session = sessions_[peer];
    results.first = next_result_[peer] + 1;
    results.items = std::move(items);
    next_result_[peer] += results.items.size();
    Say(peer, std::move(results));
  }
  // The agent runs `lease`, each test to `outcome`, and says so.
  void Finish(const std::string& peer, const Lease& lease, Outcome outcome) {
    std::vector<ResultItem> items;
    for (std::size_t i = 0; i < lease.tests.size(); ++i) {
      items.emplace_back(MakeAttempt(lease, i, outcome));
    }
    items.emplace_back(MakeEnd(lease));
    SendResults(peer, std::move(items));
  }

  // Events told to the client, of one kind.
  template <typename E>
  std::vector<E> TakeEvents() {
    for (Events& events : Take<Events>("client")) {
      EXPECT_LE(events.first, events_.size() + 1) << "events have a gap";
      for (std::size_t i = 0; i < events.events.size(); ++i) {
        // What was not acknowledged in time is told again.
        if (events.first + i == events_.size() + 1) {
          events_.push_back(std::move(events.events[i]));
        }
      }
      Say("client", EventsAck{events.run, events_.size()});
    }
    std::vector<E> taken;
    for (const Event& event : events_) {
      if (const auto* one = std::get_if<E>(&event)) {
        taken.push_back(*one);
      }
    }
    return taken;
  }

  // The final verdict of each test, of which each has one at most.
  std::map<TestIndex, Verdict> Verdicts() {
    std::map<TestIndex, Verdict> verdicts;
    for (const AttemptEvent& event : TakeEvents<AttemptEvent>()) {
      if (event.verdict.has_value()) {
        EXPECT_TRUE(verdicts.emplace(event.test, *event.verdict).second)
            << "test " << Value(event.test) << " has two verdicts";
      }
    }
    return verdicts;
  }

  Instant now_ = Instant(std::chrono::hours(1));
  std::map<std::string, std::vector<Message>> said_;
  // Peers that nothing can be sent to, and why.
  std::map<std::string, absl::Status> broken_;
  std::map<std::string, SessionId> sessions_;
  std::map<std::string, std::uint64_t> next_result_;
  std::vector<RunId> run_;
  std::vector<Event> events_;
  std::uint64_t beats_ = 0;
  std::set<SessionId> beaten_;
  LateJournal journal_;
  Living coordinator_;
};

}  // namespace paceline

#endif  // PACELINE_TESTS_UNIT_COORDINATOR_COORDINATOR_FIXTURE_H_
