#include "tests/simulation/world.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace paceline::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Attempt = SimulatedClient::Attempt;

// After trouble a run has this long, of its own time, to end.
constexpr Duration kPatience = minutes(30);
// And everything this long to come to rest: a run is forgotten after a minute.
constexpr Duration kRest = minutes(3);

Trouble AnyTrouble(Random& random) {
  Trouble trouble;
  // One in twenty is a fleet in which nothing goes wrong.
  if (random.Chance(0.05)) {
    return trouble;
  }
  const auto some = [&random](Duration shortest, Duration longest) {
    return random.Chance(0.4) ? random.Between(shortest, longest) : Duration{};
  };
  if (random.Chance(0.4)) {
    trouble.faults.drop = random.Chance(0.5) ? 0.002 : 0.05;
  }
  if (random.Chance(0.4)) {
    trouble.faults.repeat = random.Chance(0.5) ? 0.005 : 0.1;
  }
  if (random.Chance(0.4)) {
    trouble.faults.lag = 0.01;
  }
  trouble.cuts = some(seconds(1), seconds(20));
  trouble.holds = some(seconds(10), seconds(60));
  trouble.deaths = some(seconds(15), seconds(90));
  trouble.drains = some(seconds(15), seconds(90));
  trouble.freezes = some(seconds(10), seconds(60));
  trouble.stalls = some(seconds(10), seconds(60));
  trouble.cancel = random.Chance(0.05);
  trouble.client_vanishes = !trouble.cancel && random.Chance(0.05);
  return trouble;
}

RunOptions AnyOptions(Random& random) {
  RunOptions options;
  options.title = "simulated";
  options.retries =
      random.Chance(0.5) ? static_cast<std::uint32_t>(random.Between(1, 2)) : 0;
  options.on_lost = random.Chance(0.1) ? OnLost::kLost : OnLost::kRerun;
  options.max_fail =
      random.Chance(0.1) ? static_cast<std::uint32_t>(random.Between(1, 5)) : 0;
  options.max_unit_tests =
      random.Chance(0.2) ? static_cast<std::uint32_t>(random.Between(1, 9)) : 0;
  options.keep_order = random.Chance(0.2);
  return options;
}

// What a single execution of it comes to, where that is always the same.
std::optional<Outcome> Always(Behaviour behaviour) {
  switch (behaviour) {
    case Behaviour::kPasses:
      return Outcome::kPassed;
    case Behaviour::kFails:
      return Outcome::kFailed;
    case Behaviour::kSkips:
      return Outcome::kSkipped;
    case Behaviour::kCrashes:
      return Outcome::kCrashed;
    case Behaviour::kHangs:
      return Outcome::kTimedOut;
    case Behaviour::kFailsTheFirstTime:
      return std::nullopt;
  }
  return std::nullopt;
}

bool Gone(const Attempt& attempt) {
  return attempt.outcome == Outcome::kLost ||
         attempt.outcome == Outcome::kKilled;
}

}  // namespace

World::World(std::uint64_t seed)
    : random_(seed),
      network_(&events_, &random_),
      workload_(&random_),
      options_(AnyOptions(random_)),
      trouble_(AnyTrouble(random_)),
      trouble_until_(events_.now() + random_.Between(seconds(5), minutes(4))),
      coordinator_(&events_, &network_) {
  network_.set_faults(trouble_.faults);
  agents_.resize(kAgents);
  for (int i = 0; i < kAgents; ++i) {
    slots_.push_back(static_cast<std::uint32_t>(random_.Between(1, 4)));
    events_.After(random_.Between(milliseconds(0), seconds(3)),
                  [this, i] { StartAgent(i); });
  }
  client_ = std::make_unique<SimulatedClient>(&events_, &random_, &network_,
                                              &workload_, options_);
}

World::~World() = default;

void World::StartAgent(int agent) {
  const auto i = static_cast<std::size_t>(agent);
  agents_[i] = std::make_unique<SimulatedAgent>(
      &events_, &random_, &network_, &workload_, absl::StrCat("agent-", agent),
      slots_[i]);
}

void World::Every(Duration mean, std::function<void()> what) {
  if (mean == Duration::zero()) {
    return;
  }
  events_.After(random_.Between(Duration::zero(), 2 * mean),
                [this, mean, what = std::move(what)] {
                  if (troubled()) {
                    what();
                    Every(mean, what);
                  }
                });
}

int World::AnyDealer() {
  const std::vector<int> dealers = network_.dealers();
  return dealers.empty() ? 0 : dealers[random_.Between(0, dealers.size() - 1)];
}

bool World::Step(Instant until) {
  if (!events_.Step(until)) {
    return false;
  }
  for (int i = 0; i < kAgents; ++i) {
    std::unique_ptr<SimulatedAgent>& agent =
        agents_[static_cast<std::size_t>(i)];
    if (agent != nullptr && agent->left()) {
      // Comes back, as under docker-compose.
      agent.reset();
      events_.After(random_.Between(milliseconds(50), seconds(5)),
                    [this, i] { StartAgent(i); });
    }
  }
  return true;
}

std::vector<std::string> World::Run() {
  const auto any_agent = [this] { return random_.Between(0, kAgents - 1); };
  Every(trouble_.cuts, [this] {
    network_.Cut(AnyDealer(), random_.Between(milliseconds(1), seconds(8)));
  });
  Every(trouble_.holds, [this] {
    network_.Hold(AnyDealer(), random_.Between(seconds(1), seconds(50)));
  });
  Every(trouble_.deaths, [this, any_agent] {
    const std::size_t i = any_agent();
    if (agents_[i] != nullptr) {
      agents_[i].reset();
      events_.After(random_.Between(milliseconds(50), seconds(20)),
                    [this, i] { StartAgent(static_cast<int>(i)); });
    }
  });
  Every(trouble_.drains, [this, any_agent] {
    const std::size_t i = any_agent();
    if (agents_[i] != nullptr) {
      agents_[i]->Drain();
    }
  });
  Every(trouble_.freezes, [this, any_agent] {
    const std::size_t i = any_agent();
    if (agents_[i] != nullptr) {
      agents_[i]->FreezeHost(events_.now() +
                             random_.Between(milliseconds(100), seconds(50)));
    }
  });
  Every(trouble_.stalls, [this] {
    coordinator_.Freeze(events_.now() +
                        random_.Between(milliseconds(100), seconds(25)));
  });
  events_.At(trouble_until_, [this] { network_.set_faults({}); });
  if (trouble_.cancel) {
    events_.After(random_.Between(milliseconds(1), seconds(60)),
                  [this] { client_->Cancel(); });
  }
  Instant client_gone = Instant::max();
  if (trouble_.client_vanishes) {
    client_gone = events_.now() + random_.Between(milliseconds(1), seconds(60));
  }

  std::vector<std::string> wrong;
  const Instant until = trouble_until_ + kPatience;
  while (!client_->done() && events_.now() < client_gone &&
         Step(std::min(until, client_gone))) {
  }
  if (client_->done()) {
    CheckEnd(wrong);
  } else if (events_.now() < client_gone) {
    wrong.push_back(absl::StrCat(
        "the run has not ended ", FormatDuration(kPatience),
        " after the last trouble; ", workload_.running(), " tests run"));
  } else {
    client_.reset();
  }
  CheckRest(wrong);
  return wrong;
}

std::string World::Describe() const {
  return absl::StrCat(
      "tests=", workload_.tests().size(), " drop=", trouble_.faults.drop,
      " repeat=", trouble_.faults.repeat, " lag=", trouble_.faults.lag,
      " cuts=", FormatDuration(trouble_.cuts),
      " holds=", FormatDuration(trouble_.holds),
      " deaths=", FormatDuration(trouble_.deaths),
      " drains=", FormatDuration(trouble_.drains),
      " freezes=", FormatDuration(trouble_.freezes),
      " stalls=", FormatDuration(trouble_.stalls), " cancel=", trouble_.cancel,
      " vanishes=", trouble_.client_vanishes, " retries=", options_.retries,
      " max_fail=", options_.max_fail,
      " executions=", workload_.executions().size(),
      " messages=", network_.messages(),
      " took=", FormatDuration(events_.now() - Instant(std::chrono::hours(1))));
}

// ---- what has to hold ------------------------------------------------------

void World::CheckEnd(std::vector<std::string>& wrong) const {
  const RunEnd& end = client_->end();
  if (!end.failure.empty()) {
    wrong.push_back(absl::StrCat("the client gave up: ", end.failure));
    return;
  }
  for (const std::string& extra : client_->extras()) {
    wrong.push_back(absl::StrCat("a test that nobody wrote: ", extra));
  }
  bool all_good = true;
  for (std::size_t test = 0; test < workload_.tests().size(); ++test) {
    const std::vector<Attempt>& attempts = client_->attempts()[test];
    all_good = all_good && !attempts.empty() &&
               attempts.back().verdict.has_value() &&
               IsGood(*attempts.back().verdict, false);
    if (!end.cancelled || !attempts.empty()) {
      CheckTest(test, wrong);
    }
  }
  if (end.green && (!all_good || end.cancelled)) {
    wrong.push_back("green, though not every test has a good verdict");
  }
  if (!end.green && all_good && !end.cancelled) {
    wrong.push_back(
        absl::StrCat("not green, though all is well: ", end.reason));
  }
  if (end.cancelled && !trouble_.cancel && options_.max_fail == 0) {
    wrong.push_back(absl::StrCat("cancelled by nobody: ", end.reason));
  }
  CheckLocks(wrong);
  CheckOrder(wrong);
}

void World::CheckTest(std::size_t test, std::vector<std::string>& wrong) const {
  const Workload::Test& script = workload_.tests()[test];
  const std::vector<Attempt>& attempts = client_->attempts()[test];
  const bool cancelled = client_->end().cancelled;
  const auto complain = [&](absl::string_view what) {
    std::string seen;
    for (const Attempt& attempt : attempts) {
      absl::StrAppend(
          &seen, " #", attempt.number, " ", ToString(attempt.outcome), "/",
          attempt.verdict.has_value() ? ToString(*attempt.verdict) : "-", " ",
          attempt.rerun);
    }
    wrong.push_back(absl::StrCat(
        "suite-", Value(script.spec.suite), " ", script.spec.name, ": ", what,
        "; executed ", script.executions.size(), " times, told of as", seen));
  };
  if (attempts.empty()) {
    complain("nothing was told of it");
    return;
  }
  std::uint32_t bad = 0;
  std::uint32_t lost = 0;
  std::uint32_t begun = 0;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const Attempt& attempt = attempts[i];
    const bool last = i + 1 == attempts.size();
    begun += attempt.number > 0 ? 1U : 0U;
    if (attempt.verdict.has_value() != last) {
      complain("not exactly one verdict, at the end");
      return;
    }
    if (!last && attempt.rerun.empty()) {
      complain("run again without a word");
    }
    if (attempt.outcome == Outcome::kNotRun) {
      if (!cancelled) {
        complain("not run");
      }
    } else if (Gone(attempt)) {
      lost += attempt.outcome == Outcome::kLost ? 1U : 0U;
    } else {
      const std::optional<Outcome> always = Always(script.behaviour);
      if (always.has_value() ? attempt.outcome != *always
                             : attempt.outcome != Outcome::kPassed &&
                                   attempt.outcome != Outcome::kFailed) {
        complain("an outcome that it cannot have");
      }
      bad += IsGood(attempt.outcome) ? 0U : 1U;
    }
  }
  const Attempt& last = attempts.back();
  const Verdict verdict = *last.verdict;
  if (IsGood(last.outcome)) {
    if (verdict != (bad > 0 ? Verdict::kFlaky : ToVerdict(last.outcome))) {
      complain("the verdict is not what its attempts say");
    }
  } else if (!cancelled && !Gone(last) && bad != options_.retries + 1) {
    complain("not retried as often as was asked for");
  } else if (!Gone(last) && verdict != ToVerdict(last.outcome)) {
    complain("the verdict is not what its last attempt says");
  }
  const bool once = options_.on_lost == OnLost::kLost || script.spec.no_rerun;
  if (verdict == Verdict::kLost && !cancelled && !once && lost < 3) {
    complain("lost too early");
  }
  if (lost > 0 && trouble_.faults.drop == 0 && trouble_.deaths == Duration{} &&
      trouble_.holds == Duration{} && trouble_.freezes == Duration{} &&
      trouble_.drains == Duration{} && trouble_.cuts == Duration{} &&
      trouble_.stalls == Duration{}) {
    complain("lost, though no agent was");
  }
  if (script.executions.size() > begun) {
    complain("executed more often than anybody was told");
  }
  if (verdict != Verdict::kNotRun && verdict != Verdict::kLost &&
      script.executions.empty()) {
    complain("a verdict without an execution");
  }
  if (once && script.executions.size() > bad + 1) {
    complain("executed again though it must not be");
  }
}

void World::CheckLocks(std::vector<std::string>& wrong) const {
  // An agent that is thought lost may still be at it.
  const auto was_gone = [this](std::size_t test) {
    const std::vector<Attempt>& attempts = client_->attempts()[test];
    return std::any_of(attempts.begin(), attempts.end(), Gone);
  };
  for (const Execution& a : workload_.executions()) {
    const std::optional<Constraints>& needs =
        workload_.tests()[a.test].spec.constraints;
    if (!needs.has_value() || was_gone(a.test)) {
      continue;
    }
    for (const Execution& b : workload_.executions()) {
      const std::optional<Constraints>& other =
          workload_.tests()[b.test].spec.constraints;
      const bool apart = &a == &b ||
                         b.began >= a.ended.value_or(Instant::max()) ||
                         a.began >= b.ended.value_or(Instant::max());
      if (apart || was_gone(b.test)) {
        continue;
      }
      bool together = needs->serial;
      for (const std::string& lock : needs->locks) {
        together = together || (other.has_value() &&
                                workload_.tests()[a.test].spec.suite ==
                                    workload_.tests()[b.test].spec.suite &&
                                std::count(other->locks.begin(),
                                           other->locks.end(), lock) > 0);
      }
      if (together) {
        wrong.push_back(
            absl::StrCat("tests ", a.test, " and ", b.test, " ran at once"));
      }
    }
  }
}

void World::CheckOrder(std::vector<std::string>& wrong) const {
  for (std::size_t test = 0; test < workload_.tests().size(); ++test) {
    const Workload::Test& later = workload_.tests()[test];
    if (later.executions.empty()) {
      continue;
    }
    const Instant began = workload_.executions()[later.executions[0]].began;
    for (const std::size_t before : later.after) {
      const std::vector<Attempt>& attempts = client_->attempts()[before];
      if (std::any_of(attempts.begin(), attempts.end(), Gone)) {
        continue;
      }
      for (const std::size_t execution : workload_.tests()[before].executions) {
        if (workload_.executions()[execution].ended.value_or(Instant::max()) >
            began) {
          wrong.push_back(
              absl::StrCat("test ", test, " did not wait for ", before));
        }
      }
    }
  }
}

void World::CheckRest(std::vector<std::string>& wrong) {
  const Instant rest = std::max(events_.now(), trouble_until_) + kRest;
  while (Step(rest)) {
  }
  if (workload_.running() != 0) {
    wrong.push_back(absl::StrCat(workload_.running(),
                                 " tests still run after the run's end"));
  }
  std::optional<StatusReply> status;
  const int observer = network_.Dial([&status](Message message) {
    if (auto* reply = std::get_if<StatusReply>(&message)) {
      status = *reply;
    }
  });
  network_.SendToRouter(observer, StatusRequest{});
  const Instant answer = events_.now() + seconds(30);
  while (!status.has_value() && Step(answer)) {
  }
  network_.Hang(observer);
  if (!status.has_value()) {
    wrong.push_back("the coordinator does not answer");
    return;
  }
  for (const AgentStatus& agent : status->agents) {
    if (agent.leases != 0 || agent.state != "ready") {
      wrong.push_back(absl::StrCat(agent.name, " is ", agent.state,
                                   " and holds ", agent.leases, " leases"));
    }
  }
  if (status->agents.size() != kAgents) {
    wrong.push_back(absl::StrCat(status->agents.size(), " agents of ", kAgents,
                                 " are there at the end"));
  }
  for (const RunStatus& run : status->runs) {
    if (run.state != "ended") {
      wrong.push_back(absl::StrCat("a run is still ", run.state));
    }
  }
}

}  // namespace paceline::simulation
