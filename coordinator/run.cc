#include "coordinator/run.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/wire/codec.h"
#include "common/wire/text.h"

namespace paceline {
namespace {

UnitQueueOptions QueueOptions(const RunOptions& options,
                              const CoordinatorOptions& coordinator) {
  UnitQueueOptions queue;
  queue.target = coordinator.unit_target;
  queue.keep_order = options.keep_order;
  if (options.max_unit_tests > 0) {
    queue.max_tests = std::min(queue.max_tests, options.max_unit_tests);
    queue.probe_tests = std::min(queue.probe_tests, options.max_unit_tests);
  }
  return queue;
}

Ledger::Policy LedgerPolicy(const RunOptions& options,
                            const CoordinatorOptions& coordinator) {
  Ledger::Policy policy;
  policy.retries = options.retries;
  policy.max_lost_reruns = coordinator.max_lost_reruns;
  policy.lost_at_once = options.on_lost == OnLost::kLost;
  policy.fail_on_flaky = options.fail_on_flaky;
  policy.fail_on_leak = options.fail_on_leak;
  return policy;
}

absl::Status Contradiction(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the parts of the submission contradict each other: ", what,
                   "; start the run again"));
}

std::string Count(std::uint64_t count, absl::string_view one,
                  absl::string_view many) {
  return absl::StrCat(count, " ", count == 1 ? one : many);
}

}  // namespace

Run::Run(RunId id, RunOptions options, const CoordinatorOptions& coordinator,
         Instant now)
    : id_(id),
      options_(std::move(options)),
      opened_at_(now),
      max_unseen_bytes_(coordinator.max_unseen_bytes),
      queue_(std::make_unique<UnitQueue>(QueueOptions(options_, coordinator))),
      graph_(std::make_unique<ConstraintGraph>(
          options_.resources,
          [this](TestIndex test) {
            if (options_.keep_order) {
              return 0.0;
            }
            const std::optional<Duration> length = queue_->Predict(test);
            return length.has_value() ? ToSeconds(*length)
                                      : std::numeric_limits<double>::infinity();
          })),
      ledger_(LedgerPolicy(options_, coordinator)) {}

// ---- the manifest ----------------------------------------------------------

absl::Status Run::CheckPart(const SubmitPart& part) const {
  if (closed_) {
    return Contradiction(
        absl::StrCat("part ", part.part, " came after the last one"));
  }
  if (part.part != parts_ + 1) {
    return Contradiction(
        absl::StrCat("part ", part.part, " came after part ", parts_));
  }
  const auto too_large = [](absl::string_view what, absl::string_view name,
                            std::size_t bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " \"", CutText(name, 256), "\" takes ", bytes,
        " bytes, and at most ", kMaxSpecBytes, " can be handed on"));
  };
  for (const SuiteSpec& suite : part.suites) {
    if (const std::size_t bytes = EncodedBound(suite); bytes > kMaxSpecBytes) {
      return too_large("suite", suite.name, bytes);
    }
  }
  const std::size_t suites = store_.suites() + part.suites.size();
  for (const TestSpec& test : part.tests) {
    if (const std::size_t bytes = EncodedBound(test); bytes > kMaxSpecBytes) {
      return too_large("test", test.name, bytes);
    }
    if (Value(test.suite) >= suites) {
      return Contradiction(absl::StrCat("test \"", test.name, "\" is of suite ",
                                        Value(test.suite), ", and there are ",
                                        suites));
    }
  }
  return absl::OkStatus();
}

void Run::AddPart(SubmitPart part, std::uint64_t record) {
  parts_ = part.part;
  for (SuiteSpec& suite : part.suites) {
    digest_.Add(suite);
    queue_->AddSuite(suite.scopes_share_setup);
    store_.AddSuite(std::move(suite));
  }
  for (TestSpec& test : part.tests) {
    digest_.Add(test);
    const TestIndex index = store_.AddTest(test);
    ledger_.Add();
    // What is around name and payload in a lease.
    const std::size_t bytes = test.name.size() + test.payload.size() + 32;
    const bool constrained =
        test.constraints.has_value() && !test.constraints->trivial();
    if (test.skip_reason.has_value() || cancelled()) {
      queue_->AddElsewhere(test.suite, test.scope, bytes);
      if (test.skip_reason.has_value()) {
        SettleWithout(index, Outcome::kSkipped, *std::move(test.skip_reason),
                      record);
      } else {
        SettleWithout(index, Outcome::kNotRun, *cancel_reason_, record);
      }
    } else if (constrained) {
      queue_->AddElsewhere(test.suite, test.scope, bytes);
      graph_->Add(index, test.suite, *std::move(test.constraints));
    } else {
      queue_->Add(test.suite, test.scope, bytes);
    }
  }
  SettleUnrunnable(record);
}

absl::Status Run::CheckComplete(const SubmitComplete& complete) const {
  if (complete.parts != parts_) {
    return Contradiction(absl::StrCat("it has ", complete.parts, " parts, and ",
                                      parts_, " came"));
  }
  if (complete.tests != store_.tests()) {
    return Contradiction(absl::StrCat("it has ", complete.tests, " tests, and ",
                                      store_.tests(), " came"));
  }
  if (complete.digest != digest_.Hex()) {
    return Contradiction("its digest is not that of what came");
  }
  return absl::OkStatus();
}

void Run::Close(const SubmitComplete& complete, std::uint64_t record) {
  closed_ = true;
  errors_ = complete.errors;
  queue_->Close();
  graph_->Close(store_, ledger_);
  SettleUnrunnable(record);
  for (HeldExtra& held : std::exchange(held_extras_, {})) {
    TellHeldExtra(std::move(held), record);
  }
}

// ---- handing out -----------------------------------------------------------

std::optional<Run::Unit> Run::NextUnit(std::uint32_t fleet_slots,
                                       std::optional<SuiteIndex> warm,
                                       absl::string_view agent) {
  if (cancelled() || graph_->serial_runs()) {
    return std::nullopt;
  }
  if (std::optional<ConstraintGraph::Choice> choice =
          graph_->Take(leases(), /*others_wait=*/true, agent)) {
    return ConstrainedUnit(*std::move(choice));
  }
  Unit unit;
  std::optional<PlannedUnit> planned = queue_->Cut(fleet_slots, warm, agent);
  if (!planned.has_value()) {
    // Only now may a test that has to be alone have its turn.
    if (std::optional<ConstraintGraph::Choice> choice =
            graph_->Take(leases(), /*others_wait=*/!closed_, agent)) {
      return ConstrainedUnit(*std::move(choice));
    }
    return std::nullopt;
  }
  unit.suite = planned->suite;
  unit.tests = std::move(planned->tests);
  unit.parent = planned->parent;
  unit.predicted = planned->predicted;
  return unit;
}

Run::Unit Run::ConstrainedUnit(ConstraintGraph::Choice choice) const {
  Unit unit;
  unit.suite = store_.SuiteOf(choice.test);
  unit.tests = {choice.test};
  unit.predicted =
      queue_->Predict(choice.test).value_or(std::chrono::milliseconds(250));
  unit.slots = choice.slots;
  unit.env = std::move(choice.env);
  unit.resources = std::move(choice.resources);
  unit.avoid = std::move(choice.avoid);
  return unit;
}

absl::Status Run::CheckTaken(const LeaseGranted& granted) const {
  const auto wrong = [&granted](absl::string_view what) {
    return absl::DataLossError(
        absl::StrCat("lease ", ToString(granted.token), " ", what));
  };
  if (granted.tests.empty()) {
    return wrong("has no tests");
  }
  absl::flat_hash_set<TestIndex> seen;
  for (const auto& [test, attempt] : granted.tests) {
    if (!seen.insert(test).second) {
      return wrong("names a test twice");
    }
    if (Value(test) >= store_.tests() ||
        store_.SuiteOf(test) != granted.suite ||
        attempt != ledger_.AttemptOf(test)) {
      return wrong("is of a test or attempt that there is not");
    }
    const bool there = graph_->contains(test)
                           ? granted.tests.size() == 1 &&
                                 graph_->CanClaim(test, granted.resources)
                           : queue_->contains(test);
    if (!there) {
      return wrong("is of a test that did not wait");
    }
  }
  return absl::OkStatus();
}

void Run::Take(const LeaseGranted& granted) {
  const TestIndex first = granted.tests.front().first;
  if (graph_->contains(first)) {
    graph_->Claim(first, granted.resources);
    return;
  }
  std::vector<TestIndex> tests;
  for (const auto& [test, attempt] : granted.tests) {
    tests.push_back(test);
  }
  queue_->TakeOut(tests);
}

LeasedTest Run::Describe(TestIndex test) const {
  LeasedTest leased;
  leased.test = test;
  leased.attempt = ledger_.AttemptOf(test);
  leased.name = std::string(store_.NameOf(test));
  leased.timeout = store_.TimeoutOf(test, options_.default_timeout);
  leased.payload = std::string(store_.PayloadOf(test));
  return leased;
}

// ---- events ----------------------------------------------------------------

void Run::Tell(Event event, std::uint64_t record) {
  constexpr std::size_t kKeptDetails = 1024;
  auto* const attempt = std::get_if<AttemptEvent>(&event);
  if (attempt != nullptr && LeavesOutTexts()) {
    TestResult& result = attempt->result;
    result.output.cut_bytes +=
        result.output.head.size() + result.output.tail.size();
    result.output.head.clear();
    result.output.tail.clear();
    result.properties.clear();
    result.report.clear();
    if (result.details.size() > kKeptDetails) {
      result.details = CutText(result.details, kKeptDetails);
    }
  }
  events_.Add(std::move(event), record);
}

// ---- what became of a lease ------------------------------------------------

void Run::OnAttempt(LeaseState& lease, AttemptItem item, std::uint64_t record) {
  LeasedAttempt* const attempt = lease.Find(item.test);
  if (attempt == nullptr || attempt->done || attempt->attempt != item.attempt) {
    return;  // a result's key is (run, test, attempt, token)
  }
  attempt->done = true;
  // What went ahead and was lost on the way is missed by whoever reads it.
  const auto lost = [](std::uint32_t sent, std::uint32_t came) {
    return sent > came ? sent - came : 0U;
  };
  item.result.output.cut_bytes +=
      attempt->left_out + lost(item.head_bytes_sent, attempt->head_bytes);
  item.result.output.cut_bytes +=
      lost(item.tail_bytes_sent, attempt->tail_bytes);
  queue_->Observe(item.test, item.result.duration);
  Ledger::Decision decision = ledger_.Attempted(item.test, item.result);
  AttemptEvent event;
  event.test = item.test;
  event.attempt = item.attempt;
  event.agent = lease.agent;
  event.host = lease.host;
  event.worker = item.worker;
  event.result = std::move(item.result);
  event.verdict = decision.verdict;
  event.rerun = std::move(decision.rerun);
  Tell(std::move(event), record);
  if (decision.verdict.has_value()) {
    OnVerdict(item.test, *decision.verdict);
    SettleUnrunnable(record);
  } else if (!lease.constrained) {
    // Not with the rest of its unit: what it failed by may be near it.
    queue_->PutFront({item.test}, std::nullopt);
  }
}

void Run::OnOutput(LeasedAttempt& attempt, Output output,
                   std::uint64_t record) {
  std::uint32_t& have = output.tail ? attempt.tail_bytes : attempt.head_bytes;
  if (output.offset != have) {
    return;  // sent again after a cut: it is here already
  }
  have += static_cast<std::uint32_t>(output.data.size());
  if (LeavesOutTexts()) {
    attempt.left_out += output.data.size();
    output.data.clear();  // its event keeps its number
  }
  Tell(OutputEvent{output.test, output.attempt, output.tail,
                   std::move(output.data)},
       record);
}

void Run::OnExtra(LeaseState& lease, ExtraItem item, std::uint64_t record) {
  if (!item.extra.found) {
    lease.explained = true;
  } else if (!found_.emplace(lease.suite, item.extra.name).second) {
    // The test that it was found with ran once more (its agent was lost, or it
    // is tried again), and found tests have one verdict.
    return;
  }
  TellExtra({lease.suite, std::move(item.extra), item.worker, lease.agent,
             lease.host},
            record);
}

void Run::OnProperties(LeaseState& lease, PropertiesItem item,
                       std::uint64_t record) {
  PropertiesEvent event;
  event.suite = lease.suite;
  if (item.test.has_value()) {
    const LeasedAttempt* const attempt = lease.Find(*item.test);
    if (attempt == nullptr || !attempt->done ||
        attempt->attempt != item.attempt) {
      return;
    }
    event.test = item.test;
    event.attempt = item.attempt;
  }
  event.scope = std::move(item.scope);
  event.properties = std::move(item.properties);
  Tell(std::move(event), record);
}

void Run::OnLateExtra(LateExtraItem item, const std::string& agent,
                      const std::string& host, std::uint64_t record) {
  if (Value(item.suite) >= store_.suites()) {
    return;  // of no suite that anybody knows
  }
  item.extra.found = false;  // no agent says so
  TellExtra({item.suite, std::move(item.extra), item.worker, agent, host},
            record);
}

void Run::OnWorkerReport(WorkerReportItem item, const std::string& agent,
                         std::uint64_t record) {
  if (Value(item.suite) < store_.suites()) {
    Tell(WorkerReportEvent{item.suite, agent, item.worker, std::move(item.data),
                           item.last},
         record);
  }
}

void Run::TellExtra(HeldExtra held, std::uint64_t record) {
  if (closed_) {
    TellHeldExtra(std::move(held), record);
  } else if (cancelled()) {
    NoteExtra(held, record);
  } else {
    held_extras_.push_back(std::move(held));
  }
}

void Run::NoteExtra(const HeldExtra& held, std::uint64_t record) {
  const TestResult& result = held.extra.result;
  AddNote(absl::StrCat(held.extra.name, ": ",
                       result.message.empty() ? ToString(result.outcome)
                                              : result.message),
          record);
}

void Run::TellHeldExtra(HeldExtra held, std::uint64_t record) {
  const TestIndex index{static_cast<std::uint32_t>(ledger_.tests())};
  ledger_.Add();
  Tell(ExtraTestEvent{index, held.suite,
                      UniqueExtraName(held.suite, std::move(held.extra.name))},
       record);
  AttemptEvent event;
  event.test = index;
  event.attempt = 1;
  event.agent = std::move(held.agent);
  event.host = std::move(held.host);
  event.worker = held.worker;
  event.result = std::move(held.extra.result);
  const bool leaked = event.result.leaked;
  // Extras are failures by definition, but for found tests and a mark that came
  // too late for its test.
  const bool may_be_good =
      held.extra.found || (event.result.outcome == Outcome::kPassed && leaked);
  if (IsGood(event.result.outcome) &&
      (!may_be_good || (leaked && options_.fail_on_leak))) {
    event.result.outcome = Outcome::kError;
  }
  event.verdict = ToVerdict(event.result.outcome);
  ledger_.Settle(index, *event.verdict);
  Tell(std::move(event), record);
}

// The same tear-down may fail after many units, and each time is a test of its
// own: "foo: tear-down", "foo: tear-down (2)", …
std::string Run::UniqueExtraName(SuiteIndex suite, std::string name) {
  name.resize(std::min(name.size(), kMaxNameBytes));
  const std::pair key(suite, std::move(name));
  std::string unique = key.second;
  std::uint32_t number = extra_names_[key] + 1;
  while (number > 1) {
    const std::string suffix = absl::StrCat(" (", number, ")");
    unique = absl::StrCat(key.second.substr(0, kMaxNameBytes - suffix.size()),
                          suffix);
    // An agent may have given just this name itself.
    if (extra_names_.try_emplace(std::pair(suite, unique), 1).second) {
      break;
    }
    ++number;
  }
  extra_names_[key] = number;
  return unique;
}

void Run::OnUnitEnd(LeaseState& lease, const UnitEndItem& item, bool drained,
                    std::uint64_t record) {
  if (item.end.recycled.has_value()) {
    Tell(RecycledEvent{lease.agent, item.worker, lease.suite,
                       *item.end.recycled},
         record);
  }
  if (!IsGood(item.end.finalize) && !lease.explained) {
    ExtraResult extra;
    extra.name = absl::StrCat(store_.suite(lease.suite).name, ": tear-down");
    extra.result.outcome = Outcome::kError;
    extra.result.message = item.end.message;
    TellExtra(
        {lease.suite, std::move(extra), item.worker, lease.agent, lease.host},
        record);
  }
  std::vector<TestIndex> again;
  // Where its agent ended it early, another is to try: one that is sick would
  // otherwise have it again, being idle, until its tests are given up.
  std::string avoid;
  bool first = true;
  for (const LeasedAttempt& attempt : lease.tests) {
    if (attempt.done) {
      RetryAfter(lease, attempt.test, again, record);
      continue;
    }
    const bool was_next = std::exchange(first, false);
    if (std::find(item.interrupted.begin(), item.interrupted.end(),
                  attempt.test) != item.interrupted.end()) {
      const Ledger::Decision decision =
          ledger_.Interrupted(attempt.test, store_.NoRerun(attempt.test));
      TellGone(
          lease, attempt, cancelled() ? Outcome::kNotRun : Outcome::kKilled,
          cancelled() ? absl::StrCat("stopped while it ran: ", *cancel_reason_)
                      : "its agent was drained",
          decision, record);
      if (!decision.verdict.has_value()) {
        again.push_back(attempt.test);
      }
    } else if (cancelled()) {
      SettleCancelled(attempt.test, record);
    } else if (was_next && !drained && ledger_.LeftUndone(attempt.test)) {
      SettleWithout(attempt.test, Outcome::kError,
                    "units end again and again before it is run", record);
    } else {
      again.push_back(attempt.test);
      avoid = drained ? "" : lease.agent;
    }
  }
  EndLease(lease, std::move(again), std::move(avoid));
  SettleUnrunnable(record);
}

// Tells of an attempt that has no result of its own.
void Run::TellGone(const LeaseState& lease, const LeasedAttempt& attempt,
                   Outcome outcome, absl::string_view why,
                   const Ledger::Decision& decision, std::uint64_t record) {
  AttemptEvent event;
  event.test = attempt.test;
  event.attempt = attempt.attempt;
  event.agent = lease.agent;
  event.host = lease.host;
  event.result.outcome = outcome;
  event.result.message = std::string(why);
  event.verdict = decision.verdict;
  event.rerun = decision.rerun;
  Tell(std::move(event), record);
  if (decision.verdict.has_value()) {
    OnVerdict(attempt.test, *decision.verdict);
  }
}

void Run::OnReturned(LeaseState& lease, std::uint64_t record) {
  std::vector<TestIndex> tests;
  for (const LeasedAttempt& attempt : lease.tests) {
    tests.push_back(attempt.test);
  }
  ForgetLease(lease);
  if (lease.constrained) {
    graph_->Release(tests.front(), /*again=*/!cancelled());
  } else {
    queue_->Over(tests, std::nullopt);
    if (!cancelled()) {
      queue_->PutBack(tests);
    }
  }
  if (cancelled()) {
    for (const TestIndex test : tests) {
      SettleCancelled(test, record);
    }
  }
  SettleUnrunnable(record);
}

void Run::OnLost(LeaseState& lease, bool drained, absl::string_view why,
                 std::uint64_t record) {
  std::vector<TestIndex> again;
  for (const LeasedAttempt& attempt : lease.tests) {
    if (attempt.done) {
      RetryAfter(lease, attempt.test, again, record);
      continue;
    }
    const bool no_rerun = store_.NoRerun(attempt.test);
    const Ledger::Decision decision =
        drained ? ledger_.Interrupted(attempt.test, no_rerun)
                : ledger_.Lost(attempt.test, no_rerun);
    TellGone(lease, attempt, Outcome::kLost, why, decision, record);
    if (!decision.verdict.has_value()) {
      again.push_back(attempt.test);
    }
  }
  EndLease(lease, std::move(again), "");
  SettleUnrunnable(record);
}

// A test that had its attempt in `lease` and is to have another: one without
// constraints went to the queue at once, any other comes after its lease.
void Run::RetryAfter(const LeaseState& lease, TestIndex test,
                     std::vector<TestIndex>& again, std::uint64_t record) {
  if (!lease.constrained || ledger_.VerdictOf(test).has_value()) {
    return;
  }
  if (cancelled()) {
    SettleCancelled(test, record);
  } else {
    again.push_back(test);
  }
}

void Run::OnGranted(const LeaseState& lease, const InstanceId& holder) {
  open_leases_.emplace(lease.token, &lease);
  busy_slots_ += lease.slots;
  if (store_.suite(lease.suite).last_words) {
    to_leave_.emplace(holder, lease.agent);
  }
}

void Run::ForgetLease(const LeaseState& lease) {
  open_leases_.erase(lease.token);
  busy_slots_ -= lease.slots;
}

void Run::EndLease(LeaseState& lease, std::vector<TestIndex> again,
                   std::string avoid) {
  ForgetLease(lease);
  if (lease.constrained) {
    graph_->Release(lease.tests.front().test, !again.empty(), std::move(avoid));
    return;
  }
  std::vector<TestIndex> tests;
  for (const LeasedAttempt& attempt : lease.tests) {
    tests.push_back(attempt.test);
  }
  queue_->Over(tests, lease.unit);
  if (!again.empty()) {
    queue_->PutFront(std::move(again), lease.unit, std::move(avoid));
  }
}

void Run::AddNote(std::string text, std::uint64_t record) {
  Tell(NoteEvent{std::move(text)}, record);
}

bool Run::TakesItem(const InstanceId& agent, std::uint64_t number) {
  std::uint64_t& last = last_items_[agent];
  if (number <= last) {
    return false;
  }
  last = number;
  return true;
}

// ---- verdicts --------------------------------------------------------------

void Run::SettleWithout(TestIndex test, Outcome outcome, std::string why,
                        std::uint64_t record) {
  queue_->Remove(test);
  const Verdict verdict = ToVerdict(outcome);
  ledger_.Settle(test, verdict);
  AttemptEvent event;
  event.test = test;
  event.result.outcome = outcome;
  event.result.message = std::move(why);
  event.verdict = verdict;
  Tell(std::move(event), record);
  OnVerdict(test, verdict);
}

void Run::SettleCancelled(TestIndex test, std::uint64_t record) {
  if (const std::optional<Outcome> last = ledger_.LastBad(test)) {
    SettleWithout(test, *last,
                  absl::StrCat("not tried again: ", *cancel_reason_), record);
  } else {
    SettleWithout(test, Outcome::kNotRun, *cancel_reason_, record);
  }
}

void Run::OnVerdict(TestIndex test, Verdict verdict) {
  graph_->OnVerdict(test, IsGood(verdict, /*fail_on_flaky=*/false),
                    store_.NameOf(test));
}

void Run::SettleUnrunnable(std::uint64_t record) {
  while (true) {
    const std::vector<ConstraintGraph::Unrunnable> list =
        graph_->TakeUnrunnable();
    if (list.empty()) {
      return;
    }
    for (const ConstraintGraph::Unrunnable& one : list) {
      if (!ledger_.VerdictOf(one.test).has_value()) {
        SettleWithout(one.test, Outcome::kNotRun, one.why, record);
      }
    }
  }
}

// ---- the end ---------------------------------------------------------------

void Run::Cancel(std::string reason, std::uint64_t record) {
  PACELINE_CHECK(!cancelled());
  cancel_reason_ = std::move(reason);
  ledger_.Cancel();
  // What agents hold ends by itself, or comes back.
  for (std::uint32_t i = 0; i < store_.tests(); ++i) {
    const TestIndex test{i};
    if (!ledger_.VerdictOf(test).has_value() &&
        (queue_->contains(test) || graph_->waits(test))) {
      SettleCancelled(test, record);
    }
  }
  SettleUnrunnable(record);
  // Without a closed manifest they can have no number.
  for (HeldExtra& held : std::exchange(held_extras_, {})) {
    NoteExtra(held, record);
  }
}

bool Run::IsOver() const {
  return !ended_ && leases() == 0 && ledger_.settled() == ledger_.tests() &&
         (closed_ || cancelled());
}

void Run::End(absl::Span<const std::string> unheard, std::uint64_t record) {
  ended_ = true;
  for (const std::string& agent : unheard) {
    AddNote(absl::StrCat("agent ", agent,
                         " was gone before its workers had left: failures of "
                         "what they tear down last, and their part of reports "
                         "(coverage), are missing"),
            record);
  }
  RunEndedEvent event;
  event.cancelled = cancelled();
  event.green = closed_ && !cancelled() && errors_.empty() &&
                held_extras_.empty() && ledger_.bad() == 0;
  event.reason = EndReason();
  event.tests = ledger_.tests();
  Tell(std::move(event), record);
  // It may be kept for an hour, for its client to come back.
  store_.Clear();
  queue_.reset();
  graph_.reset();
  held_extras_ = {};
  extra_names_ = {};
  found_ = {};
  last_items_ = {};
}

std::string Run::EndReason() const {
  if (cancelled()) {
    return *cancel_reason_;
  }
  if (!errors_.empty()) {
    return Count(errors_.size(), "target could not be looked into",
                 "targets could not be looked into");
  }
  if (ledger_.bad() > 0) {
    return Count(ledger_.bad(), "test has a bad verdict",
                 "tests have a bad verdict");
  }
  return "";
}

std::optional<std::string> Run::TooManyFailures() const {
  if (options_.max_fail == 0 || cancelled() || ended_ ||
      ledger_.bad() < options_.max_fail) {
    return std::nullopt;
  }
  return absl::StrCat(Count(ledger_.bad(), "test", "tests"),
                      " failed, and --max-fail is ", options_.max_fail);
}

}  // namespace paceline
