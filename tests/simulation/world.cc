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
  trouble.crashes = some(seconds(10), seconds(90));
  trouble.stuck = random.Chance(0.2) ? seconds(60) : Duration{};
  trouble.twins = random.Chance(0.2) ? seconds(30) : Duration{};
  if (random.Chance(0.4)) {
    trouble.commit = random.Chance(0.5) ? milliseconds(10) : milliseconds(800);
  }
  trouble.faults.queue =
      random.Chance(0.2) ? static_cast<int>(random.Between(2, 20)) : 0;
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
  options.fail_on_flaky = random.Chance(0.2);
  if (random.Chance(0.7)) {
    ResourcePool& pool = options.resources.emplace_back();
    pool.type = "thing";
    for (std::uint32_t i = 0; i < Workload::kThings; ++i) {
      pool.things.emplace_back(absl::StrCat(i), Workload::kThingSlots);
    }
  }
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

bool Trouble::any() const {
  for (const Duration mean :
       {cuts, holds, deaths, drains, freezes, stalls, crashes, stuck, twins}) {
    if (mean != Duration::zero()) {
      return true;
    }
  }
  return faults.drop > 0 || faults.queue > 0;
}

World::World(std::uint64_t seed)
    : random_(seed),
      network_(&events_, &random_),
      trouble_(AnyTrouble(random_)),
      trouble_until_(events_.now() + random_.Between(seconds(5), minutes(4))) {
  network_.set_faults(trouble_.faults);
  StartCoordinator();
  const std::uint64_t runs = random_.Chance(0.3) ? 2 : 1;
  for (std::uint64_t i = 0; i < runs; ++i) {
    runs_.push_back(
        std::make_unique<SimulatedRun>(&random_, absl::StrCat("run-", i, "-")));
    SimulatedRun& run = *runs_.back();
    workloads_.push_back(&run.workload);
    run.options = AnyOptions(random_);
    run.cancel = random_.Chance(0.05);
    run.vanishes = !run.cancel && random_.Chance(0.05);
    run.options.detach = random_.Chance(run.vanishes ? 0.5 : 0.05);
    events_.After(
        i == 0 ? Duration{} : random_.Between(seconds(0), seconds(40)),
        [this, &run] { StartRun(run); });
  }
  agents_.resize(kAgents);
  for (int i = 0; i < kAgents; ++i) {
    slots_.push_back(static_cast<std::uint32_t>(random_.Between(1, 4)));
    events_.After(random_.Between(milliseconds(0), seconds(3)),
                  [this, i] { StartAgent(i); });
  }
}

World::~World() = default;

void World::StartAgent(int agent) {
  const auto i = static_cast<std::size_t>(agent);
  agents_[i] = std::make_unique<SimulatedAgent>(
      &events_, &random_, &network_, workloads_, absl::StrCat("agent-", agent),
      slots_[i]);
}

void World::StartRun(SimulatedRun& run) {
  run.client = std::make_unique<SimulatedClient>(&events_, &random_, &network_,
                                                 &run.workload, run.options);
  if (run.cancel) {
    events_.After(random_.Between(milliseconds(1), seconds(60)), [&run] {
      if (run.client != nullptr) {
        run.client->Cancel();
      }
    });
  }
  if (run.vanishes) {
    run.gone_at = events_.now() + random_.Between(milliseconds(1), seconds(60));
  }
}

void World::StartCoordinator() {
  coordinator_ = std::make_unique<SimulatedCoordinator>(
      &events_, &random_, &network_, &store_, trouble_.commit);
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

SimulatedAgent* World::AnyAgent() {
  return agents_[random_.Between(0, kAgents - 1)].get();
}

bool World::Step(Instant until) {
  for (const std::unique_ptr<SimulatedRun>& run : runs_) {
    if (run->client != nullptr && events_.now() >= run->gone_at) {
      if (run->client->done()) {
        run->gone_at = Instant::max();
      } else {
        run->client.reset();
      }
    }
  }
  if (!events_.Step(until)) {
    return false;
  }
  for (int i = 0; i < kAgents; ++i) {
    std::unique_ptr<SimulatedAgent>& agent =
        agents_[static_cast<std::size_t>(i)];
    if (agent == nullptr) {
      continue;
    }
    if (agent->overfull()) {
      store_.Complain(
          absl::StrCat("agent-", i, " runs more than it has slots"));
    }
    if (agent->left()) {
      // Comes back, as under docker-compose.
      agent.reset();
      events_.After(random_.Between(milliseconds(50), seconds(5)),
                    [this, i] { StartAgent(i); });
    }
  }
  return true;
}

void World::StartTrouble() {
  Every(trouble_.cuts, [this] {
    network_.Cut(AnyDealer(), random_.Between(milliseconds(1), seconds(8)));
  });
  Every(trouble_.holds, [this] {
    network_.Hold(AnyDealer(), random_.Between(seconds(1), seconds(50)));
  });
  Every(trouble_.deaths, [this] {
    const std::size_t i = random_.Between(0, kAgents - 1);
    if (agents_[i] != nullptr) {
      agents_[i].reset();
      events_.After(random_.Between(milliseconds(50), seconds(20)),
                    [this, i] { StartAgent(static_cast<int>(i)); });
    }
  });
  Every(trouble_.drains, [this] {
    if (SimulatedAgent* const agent = AnyAgent()) {
      agent->Drain();
    }
  });
  Every(trouble_.freezes, [this] {
    if (SimulatedAgent* const agent = AnyAgent()) {
      agent->FreezeHost(events_.now() +
                        random_.Between(milliseconds(100), seconds(50)));
    }
  });
  Every(trouble_.stuck, [this] {
    if (SimulatedAgent* const agent = AnyAgent()) {
      agent->FreezePool(events_.now() +
                        random_.Between(seconds(5), seconds(150)));
    }
  });
  Every(trouble_.stalls, [this] {
    if (coordinator_ != nullptr) {
      coordinator_->Freeze(events_.now() +
                           random_.Between(milliseconds(100), seconds(25)));
    }
  });
  Every(trouble_.crashes, [this] {
    if (coordinator_ == nullptr) {
      return;
    }
    ++crashes_;
    coordinator_.reset();
    events_.After(random_.Chance(0.8)
                      ? random_.Between(milliseconds(20), seconds(5))
                      : random_.Between(seconds(5), seconds(60)),
                  [this] { StartCoordinator(); });
  });
  Every(trouble_.twins, [this] {
    const std::uint64_t i = random_.Between(0, kAgents - 1);
    twin_ = std::make_unique<SimulatedAgent>(&events_, &random_, &network_,
                                             workloads_,
                                             absl::StrCat("agent-", i), 2);
  });
  events_.At(trouble_until_, [this] {
    network_.set_faults({});
    twin_.reset();
  });
}

bool World::Over(const SimulatedRun& run) const {
  return run.client == nullptr ? run.gone_at <= events_.now()
                               : run.client->done();
}

std::vector<std::string> World::Run() {
  StartTrouble();
  const Instant until = trouble_until_ + kPatience;
  const auto over = [this] {
    return std::all_of(runs_.begin(), runs_.end(),
                       [this](const auto& run) { return Over(*run); });
  };
  while (!over() && Step(until)) {
  }
  for (const std::unique_ptr<SimulatedRun>& run : runs_) {
    if (run->client == nullptr) {
      continue;
    }
    if (run->client->done()) {
      CheckEnd(*run);
    } else {
      wrong_.push_back(absl::StrCat(
          "a run has not ended ", FormatDuration(kPatience),
          " after the last trouble; ", run->workload.running(), " tests run"));
    }
  }
  CheckTalk();
  CheckRest();
  wrong_.insert(wrong_.end(), store_.wrong().begin(), store_.wrong().end());
  return wrong_;
}

std::string World::Describe() const {
  std::string text = absl::StrCat(
      "drop=", trouble_.faults.drop, " repeat=", trouble_.faults.repeat,
      " lag=", trouble_.faults.lag, " queue=", trouble_.faults.queue,
      " cuts=", FormatDuration(trouble_.cuts),
      " holds=", FormatDuration(trouble_.holds),
      " deaths=", FormatDuration(trouble_.deaths),
      " drains=", FormatDuration(trouble_.drains),
      " freezes=", FormatDuration(trouble_.freezes),
      " stuck=", FormatDuration(trouble_.stuck),
      " twins=", FormatDuration(trouble_.twins),
      " stalls=", FormatDuration(trouble_.stalls),
      " crashes=", FormatDuration(trouble_.crashes), "/", crashes_,
      " commit=", FormatDuration(trouble_.commit));
  for (const std::unique_ptr<SimulatedRun>& run : runs_) {
    absl::StrAppend(&text, " [tests=", run->workload.tests().size(),
                    " cancel=", run->cancel, " vanishes=", run->vanishes,
                    " detach=", run->options.detach,
                    " retries=", run->options.retries,
                    " max_fail=", run->options.max_fail,
                    " executions=", run->workload.executions().size(), "]");
  }
  absl::StrAppend(
      &text, " messages=", network_.messages(),
      " took=", FormatDuration(events_.now() - Instant(std::chrono::hours(1))));
  return text;
}

// ---- what has to hold ------------------------------------------------------

void World::CheckEnd(const SimulatedRun& run) {
  const SimulatedClient* const client = run.client.get();
  const Workload& workload = run.workload;
  const RunEnd& end = client->end();
  wrong_.insert(wrong_.end(), client->wrong().begin(), client->wrong().end());
  if (!end.failure.empty()) {
    wrong_.push_back(absl::StrCat("the client gave up: ", end.failure));
    return;
  }
  for (const std::string& extra : client->extras()) {
    wrong_.push_back(absl::StrCat("a test that nobody wrote: ", extra));
  }
  bool all_good = true;
  for (std::size_t test = 0; test < workload.tests().size(); ++test) {
    const std::vector<Attempt>& attempts = client->attempts()[test];
    all_good = all_good && !attempts.empty() &&
               attempts.back().verdict.has_value() &&
               IsGood(*attempts.back().verdict, run.options.fail_on_flaky);
    if (!end.cancelled || !attempts.empty()) {
      CheckTest(run, test);
    }
  }
  if (end.green && (!all_good || end.cancelled)) {
    wrong_.push_back("green, though not every test has a good verdict");
  }
  if (!end.green && all_good && !end.cancelled) {
    wrong_.push_back(
        absl::StrCat("not green, though all is well: ", end.reason));
  }
  if (end.cancelled && !run.cancel && run.options.max_fail == 0) {
    wrong_.push_back(absl::StrCat("cancelled by nobody: ", end.reason));
  }
  CheckTogether(run);
  CheckScopes(run);
  CheckResources(run);
  CheckOrder(run);
}

void World::CheckTest(const SimulatedRun& run, std::size_t test) {
  const SimulatedClient* const client = run.client.get();
  const Workload& workload = run.workload;
  const RunOptions& options = run.options;
  const Workload::Test& script = workload.tests()[test];
  const std::vector<Attempt>& attempts = client->attempts()[test];
  const bool cancelled = client->end().cancelled;
  const auto complain = [&](absl::string_view what) {
    std::string seen;
    for (const Attempt& attempt : attempts) {
      absl::StrAppend(
          &seen, " #", attempt.number, " ", ToString(attempt.outcome), "/",
          attempt.verdict.has_value() ? ToString(*attempt.verdict) : "-", " ",
          attempt.rerun);
    }
    wrong_.push_back(absl::StrCat(
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
      const bool needless = std::none_of(
          script.needs.begin(), script.needs.end(), [client](std::size_t need) {
            const auto& of = client->attempts()[need];
            return !of.empty() && of.back().verdict.has_value() &&
                   !IsGood(*of.back().verdict, false);
          });
      if (!cancelled && needless) {
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
  } else if (!cancelled && !Gone(last) && last.outcome != Outcome::kNotRun &&
             bad != options.retries + 1) {
    complain("not retried as often as was asked for");
  } else if (!Gone(last) && verdict != ToVerdict(last.outcome) &&
             (attempts.size() == 1 || last.outcome != Outcome::kNotRun)) {
    complain("the verdict is not what its attempts say");
  }
  const bool once = options.on_lost == OnLost::kLost || script.spec.no_rerun;
  const auto drained = std::count_if(
      attempts.begin(), attempts.end(),
      [](const Attempt& one) { return one.rerun == "rerun: drained"; });
  if (verdict == Verdict::kLost && !cancelled && !once && lost < 3 &&
      drained < 5) {
    complain("lost too early");
  }
  if (lost > 0 && !trouble_.any()) {
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

void World::CheckTogether(const SimulatedRun& run) {
  const SimulatedClient* const client = run.client.get();
  const Workload& workload = run.workload;
  // An agent that is thought lost may still be at it.
  const auto was_gone = [client](std::size_t test) {
    const std::vector<Attempt>& attempts = client->attempts()[test];
    return std::any_of(attempts.begin(), attempts.end(), Gone);
  };
  for (const Execution& a : workload.executions()) {
    const std::optional<Constraints>& needs =
        workload.tests()[a.test].spec.constraints;
    if (!needs.has_value() || was_gone(a.test)) {
      continue;
    }
    for (const Execution& b : workload.executions()) {
      const std::optional<Constraints>& other =
          workload.tests()[b.test].spec.constraints;
      const bool apart = &a == &b ||
                         b.began >= a.ended.value_or(Instant::max()) ||
                         a.began >= b.ended.value_or(Instant::max());
      if (apart || was_gone(b.test)) {
        continue;
      }
      bool together = needs->serial;
      for (const std::string& lock : needs->locks) {
        together = together || (other.has_value() &&
                                workload.tests()[a.test].spec.suite ==
                                    workload.tests()[b.test].spec.suite &&
                                std::count(other->locks.begin(),
                                           other->locks.end(), lock) > 0);
      }
      if (together) {
        wrong_.push_back(
            absl::StrCat("tests ", a.test, " and ", b.test, " ran at once"));
      }
    }
  }
}

void World::CheckScopes(const SimulatedRun& run) {
  const Workload& workload = run.workload;
  // As in CheckTogether.
  const auto counts = [&](const Execution& execution) {
    const std::vector<Attempt>& attempts =
        run.client->attempts()[execution.test];
    return !workload.tests()[execution.test].spec.constraints.has_value() &&
           std::none_of(attempts.begin(), attempts.end(), Gone);
  };
  std::map<std::pair<SuiteIndex, std::string>, std::vector<const Execution*>>
      scopes;
  for (const Execution& execution : workload.executions()) {
    const TestSpec& spec = workload.tests()[execution.test].spec;
    if (workload.suites()[Value(spec.suite)].scopes_share_setup &&
        counts(execution)) {
      scopes[{spec.suite, spec.scope}].push_back(&execution);
    }
  }
  for (auto& [scope, executions] : scopes) {
    // They began in the order they are in.
    for (std::size_t i = 1; i < executions.size(); ++i) {
      const Execution& before = *executions[i - 1];
      if (before.ended.value_or(Instant::max()) > executions[i]->began) {
        wrong_.push_back(
            absl::StrCat("tests ", before.test, " and ", executions[i]->test,
                         " of a scope that shares its set-up ran at once"));
      }
    }
  }
}

void World::CheckResources(const SimulatedRun& run) {
  if (run.options.resources.empty()) {
    return;
  }
  const auto uses = [&run](const Execution& execution) {
    std::uint32_t slots = 0;
    const std::optional<Constraints>& needs =
        run.workload.tests()[execution.test].spec.constraints;
    const std::vector<Attempt>& attempts =
        run.client->attempts()[execution.test];
    if (needs.has_value() &&
        std::none_of(attempts.begin(), attempts.end(), Gone)) {
      for (const auto& group : needs->resource_groups) {
        for (const ResourceNeed& need : group) {
          slots += need.slots;
        }
      }
    }
    return slots;
  };
  for (const Execution& at : run.workload.executions()) {
    std::uint32_t sum = 0;
    for (const Execution& other : run.workload.executions()) {
      if (other.began <= at.began &&
          other.ended.value_or(Instant::max()) > at.began) {
        sum += uses(other);
      }
    }
    if (sum > Workload::kThings * Workload::kThingSlots) {
      wrong_.push_back(absl::StrCat(sum, " slots of things were used at once"));
    }
  }
}

void World::CheckOrder(const SimulatedRun& run) {
  const SimulatedClient* const client = run.client.get();
  const Workload& workload = run.workload;
  for (std::size_t test = 0; test < workload.tests().size(); ++test) {
    const Workload::Test& later = workload.tests()[test];
    if (later.executions.empty()) {
      continue;
    }
    const Instant began = workload.executions()[later.executions[0]].began;
    for (const std::size_t before : later.after) {
      const std::vector<Attempt>& attempts = client->attempts()[before];
      if (std::any_of(attempts.begin(), attempts.end(), Gone)) {
        continue;
      }
      for (const std::size_t execution : workload.tests()[before].executions) {
        if (workload.executions()[execution].ended.value_or(Instant::max()) >
            began) {
          wrong_.push_back(
              absl::StrCat("test ", test, " did not wait for ", before));
        }
      }
    }
  }
}

void World::CheckTalk() {
  // A unit that goes to and fro between two agents does it with hundreds of
  // messages a second, and nothing else is wrong.
  double most = 200;
  const double took = ToSeconds(events_.now() - Instant(std::chrono::hours(1)));
  for (const Workload* const workload : workloads_) {
    most += 25 * took + 20 * static_cast<double>(workload->executions().size());
  }
  if (static_cast<double>(network_.messages()) > most) {
    wrong_.push_back(
        absl::StrCat(network_.messages(), " messages in ", took, " s"));
  }
}

void World::CheckRest() {
  // A run that its client has left goes on to its end, whatever it takes; units
  // of a scope that shares its set-up go one after the other.
  const auto goes_on = [](const std::unique_ptr<SimulatedRun>& run) {
    return run->client == nullptr && run->options.detach;
  };
  const bool left = std::any_of(runs_.begin(), runs_.end(), goes_on);
  const Instant rest =
      std::max(events_.now(), trouble_until_) + (left ? kPatience : kRest);
  while (Step(rest)) {
  }
  for (const Workload* const workload : workloads_) {
    if (workload->running() != 0) {
      wrong_.push_back(absl::StrCat(workload->running(),
                                    " tests still run after the run's end"));
    }
  }
  std::optional<StatusReply> status;
  const int observer = network_.Dial([&status](Message message) {
    if (auto* reply = std::get_if<StatusReply>(&message)) {
      status = *reply;
    }
  });
  network_.SendToRouter(observer, StatusRequest{}).IgnoreError();
  const Instant answer = events_.now() + seconds(30);
  while (!status.has_value() && Step(answer)) {
  }
  network_.Hang(observer);
  if (!status.has_value()) {
    wrong_.push_back("the coordinator does not answer");
    return;
  }
  for (const AgentStatus& agent : status->agents) {
    if (agent.leases != 0 || agent.state != "ready") {
      wrong_.push_back(absl::StrCat(agent.name, " is ", agent.state,
                                    " and holds ", agent.leases, " leases"));
    }
  }
  if (status->agents.size() != kAgents) {
    wrong_.push_back(absl::StrCat(status->agents.size(), " agents of ", kAgents,
                                  " are there at the end"));
  }
  for (const RunStatus& run : status->runs) {
    if (run.state != "ended") {
      wrong_.push_back(absl::StrCat("a run is still ", run.state));
    }
  }
}

}  // namespace paceline::simulation
