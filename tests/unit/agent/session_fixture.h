// An AgentSession with chosen time: the test plays the coordinator, the pool
// and the connection.

#ifndef PACELINE_TESTS_UNIT_AGENT_SESSION_FIXTURE_H_
#define PACELINE_TESTS_UNIT_AGENT_SESSION_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/session.h"
#include "common/wire/codec.h"

namespace paceline {

class SessionTest : public testing::Test, public AgentSession::Effects {
 protected:
  static constexpr SessionId kSession{7};
  static constexpr Duration kBeat = std::chrono::seconds(1);
  static constexpr Duration kLostAfter = std::chrono::seconds(30);

  explicit SessionTest(SessionOptions options = Options())
      : session_(std::move(options), now_, this) {}

  static SessionOptions Options() {
    SessionOptions options;
    options.program_version = "test";
    options.name = "alpha";
    options.instance.bytes = {1};
    options.host = "host";
    options.pid = 42;
    options.slots = 2;
    options.labels = {"linux"};
    return options;
  }

  // ---- AgentSession::Effects

  absl::Status Send(Message message) override {
    EXPECT_TRUE(in_tick_) << "sent outside of OnTick";
    if (!send_status_.ok()) {
      return send_status_;
    }
    // Whatever is said must be fit to be sent.
    const absl::StatusOr<Message> decoded = Decode(Encode(message));
    EXPECT_TRUE(decoded.ok()) << decoded.status();
    log_.emplace_back(Name(message));
    sent_.push_back(std::move(message));
    return absl::OkStatus();
  }
  void ToPool(PoolCommand command) override {
    if (const auto* start = std::get_if<PoolStart>(&command)) {
      log_.push_back("pool start " + ToString(start->lease.token));
    }
    commands_.push_back(std::move(command));
  }
  void Reconnect() override {
    EXPECT_TRUE(in_tick_) << "dialled outside of OnTick";
    ++reconnects_;
  }
  void Leave(absl::Status status) override {
    EXPECT_FALSE(left_.has_value()) << "left twice";
    left_ = std::move(status);
  }

  // ---- what happens

  void Tick() {
    in_tick_ = true;
    session_.OnTick(now_, now_ - pool_age_);
    in_tick_ = false;
  }
  void Hear(Message message) {
    session_.OnMessage(now_, std::move(message));
    Tick();
  }
  void Happen(PoolEvent event) {
    session_.OnPoolEvent(now_, std::move(event));
    Tick();
  }
  // Time passes as in the shell's loop: a turn whenever one is due.
  void Advance(Duration duration) {
    const Instant until = now_ + duration;
    while (now_ < until) {
      const Instant due = std::max(session_.next_deadline(),
                                   now_ + std::chrono::microseconds(1));
      now_ = std::min(until, due);
      Tick();
    }
  }
  // As Advance, while the coordinator acknowledges beats.
  void AdvanceHearing(Duration duration) {
    const Instant until = now_ + duration;
    while (now_ < until) {
      Advance(std::min<Duration>(until - now_, kBeat));
      Hear(BeatAck{1});
    }
  }
  // The process stands still, and then takes a turn.
  void Stall(Duration duration) {
    now_ += duration;
    Tick();
  }

  Welcome MakeWelcome(SessionId session = kSession) const {
    Welcome welcome;
    welcome.session = session;
    welcome.epoch = 1;
    welcome.beat_interval = kBeat;
    welcome.lost_after = kLostAfter;
    return welcome;
  }
  // Says hello and is welcomed.
  void Join() {
    Tick();
    ASSERT_EQ(Take<Hello>().size(), 1U);
    Hear(MakeWelcome());
    Take<Beat>();  // the first comes at once
  }
  // Waits for the hello of another session, and welcomes it.
  Hello JoinAgain(Welcome welcome) {
    Hello hello;
    for (int i = 0; i < 100; ++i) {
      std::vector<Hello> hellos = Take<Hello>();
      if (!hellos.empty()) {
        hello = hellos.back();
        break;
      }
      Advance(std::chrono::milliseconds(100));
    }
    EXPECT_GT(hello.seq, 1U) << "no hello came";
    Hear(std::move(welcome));
    return hello;
  }

  static RunId MakeRun(std::uint8_t number = 1) {
    RunId run;
    run.bytes = {number};
    return run;
  }
  static Token TokenOf(std::uint64_t counter) { return {1, counter}; }
  static Lease MakeLease(std::uint64_t counter, std::size_t tests = 1) {
    Lease lease;
    lease.token = TokenOf(counter);
    lease.run = MakeRun();
    lease.unit = UnitId{counter};
    lease.predicted = std::chrono::seconds(1);
    for (std::size_t i = 0; i < tests; ++i) {
      LeasedTest& test = lease.tests.emplace_back();
      test.test = TestIndex{static_cast<std::uint32_t>(100 * counter + i)};
      test.name = "test";
    }
    return lease;
  }
  static SuiteDefinition MakeSuite(RunId run = MakeRun(),
                                   std::uint32_t suite = 0) {
    SuiteDefinition definition;
    definition.run = run;
    definition.suite = SuiteIndex{suite};
    definition.spec.name = definition.spec.runner = "suite";
    return definition;
  }
  // Leases with these counters are granted, in one message.
  void GrantLeases(const std::vector<std::uint64_t>& counters,
                   SessionId session = kSession) {
    Grant grant;
    grant.session = session;
    grant.suites = {MakeSuite()};
    for (const std::uint64_t counter : counters) {
      grant.leases.push_back(MakeLease(counter));
    }
    Hear(std::move(grant));
  }

  static AttemptItem MakeAttempt(std::uint64_t counter,
                                 std::string output = "") {
    AttemptItem item;
    item.run = MakeRun();
    item.token = TokenOf(counter);
    item.test = MakeLease(counter).tests[0].test;
    item.attempt = 1;
    item.worker = 1;
    item.result.outcome = Outcome::kPassed;
    item.result.output.head = std::move(output);
    return item;
  }
  static UnitEndItem MakeEnd(std::uint64_t counter) {
    UnitEndItem item;
    item.run = MakeRun();
    item.token = TokenOf(counter);
    item.worker = 1;
    return item;
  }
  // The pool ran the one test of the unit, and it passed.
  void FinishUnit(std::uint64_t counter) {
    session_.OnPoolEvent(now_, PoolResult{MakeAttempt(counter)});
    session_.OnPoolEvent(now_, PoolResult{MakeEnd(counter)});
    Tick();
  }

  // ---- what was done

  // The sent messages of one kind, taken away.
  template <typename M>
  std::vector<M> Take() {
    return TakeFrom<M>(sent_);
  }
  template <typename C>
  std::vector<C> TakeCommands() {
    return TakeFrom<C>(commands_);
  }
  // The tokens of the units that went to the pool, taken away.
  std::vector<Token> TakeStarts() {
    std::vector<Token> tokens;
    for (const PoolStart& start : TakeCommands<PoolStart>()) {
      tokens.push_back(start.lease.token);
    }
    return tokens;
  }
  // The numbers of the result items that were sent, taken away.
  std::vector<std::uint64_t> TakeNumbers() {
    std::vector<std::uint64_t> numbers;
    for (const Results& results : Take<Results>()) {
      for (std::size_t i = 0; i < results.items.size(); ++i) {
        numbers.push_back(results.first + i);
      }
    }
    return numbers;
  }

  Instant now_ = Instant(std::chrono::hours(1));
  Duration pool_age_{};
  absl::Status send_status_;
  bool in_tick_ = false;
  std::vector<Message> sent_;
  std::vector<PoolCommand> commands_;
  // Names of messages and starts of units, in order.
  std::vector<std::string> log_;
  int reconnects_ = 0;
  std::optional<absl::Status> left_;
  AgentSession session_;

 private:
  template <typename One, typename All>
  static std::vector<One> TakeFrom(std::vector<All>& all) {
    std::vector<One> taken;
    std::vector<All> left;
    for (All& any : all) {
      if (auto* one = std::get_if<One>(&any)) {
        taken.push_back(std::move(*one));
      } else {
        left.push_back(std::move(any));
      }
    }
    all = std::move(left);
    return taken;
  }
};

}  // namespace paceline

#endif  // PACELINE_TESTS_UNIT_AGENT_SESSION_FIXTURE_H_
