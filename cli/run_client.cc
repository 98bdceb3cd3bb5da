#include "cli/run_client.h"

#include <algorithm>
#include <type_traits>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/wire/codec.h"
#include "common/wire/text.h"
#include "common/wire/version.h"

namespace paceline {
namespace {

constexpr Duration kFirstHello = std::chrono::milliseconds(5);
constexpr Duration kSlowestHello = std::chrono::seconds(1);
constexpr Duration kStatusInterval = std::chrono::milliseconds(200);
// An agent that is about to join is not missed at once.
constexpr Duration kJoinGrace = std::chrono::seconds(2);
// Output that came ahead and whose attempts are still to come.
constexpr std::uint64_t kMaxPendingOutput = std::uint64_t{64} << 20;
// Of one worker: a frame of the worker protocol holds no more.
constexpr std::size_t kMaxWorkerReport = std::size_t{8} << 20;

std::string Shown(absl::string_view name) { return CutText(name, 256); }

}  // namespace

RunClient::RunClient(Instant now, RunClientOptions options,
                     ClientEffects& effects, RunObserver& observer)
    : options_(std::move(options)),
      effects_(effects),
      observer_(observer),
      submission_(options_.run, options_.options) {
  Greet(now);
}

// ---- the manifest -----------------------------------------------------------

SuiteIndex RunClient::AddSuite(Instant now, SuiteSpec suite,
                               absl::string_view target) {
  const SuiteIndex index = tests_.AddSuite(suite.name);
  if (const absl::Status fits = CheckSpec(suite); !fits.ok()) {
    AddError(now, {std::string(target),
                   absl::StrCat("suite \"", Shown(suite.name),
                                "\" cannot be run: ", fits.message())});
    // It keeps its number, and has no tests.
    refused_suites_.insert(index);
    suite = SuiteSpec();
    suite.name = "refused";
    suite.runner = "command";
  }
  submission_.Add(now, std::move(suite));
  return index;
}

void RunClient::AddTest(Instant now, TestSpec test) {
  if (refused_suites_.contains(test.suite)) {
    return;  // which was said
  }
  if (const absl::Status fits = CheckSpec(test); !fits.ok()) {
    AddError(now, {std::string(tests_.SuiteName(test.suite)),
                   absl::StrCat("test \"", Shown(test.name),
                                "\" cannot be run: ", fits.message())});
    return;
  }
  tests_.AddTest(test);
  settled_.push_back(false);
  submission_.Add(now, std::move(test));
}

void RunClient::AddError(Instant now, DiscoveryError error) {
  observer_.OnDiscoveryError(now, error);
  errors_.push_back(std::move(error));
}

void RunClient::DiscoveryDone(Instant now) {
  submission_.Complete(errors_);
  tests_told_ = tests_.size();
  observer_.OnDiscovered(now, tests_told_, true);
  SendParts(now);
}

// ---- the connection ---------------------------------------------------------

void RunClient::Greet(Instant now) {
  phase_ = Phase::kGreeting;
  greeting_since_ = now;
  hello_back_off_ = kFirstHello;
  ask_again_at_.reset();
  SayHello(now);
}

void RunClient::SayHello(Instant now) {
  next_hello_ = now + hello_back_off_;
  hello_back_off_ = std::min(hello_back_off_ * 2, kSlowestHello);
  effects_.Send(ClientHello{kFleetProtocolVersion, options_.program_version,
                            options_.host, options_.pid});
}

void RunClient::Handle(Instant now, const ClientWelcome& welcome) {
  if (phase_ != Phase::kGreeting) {
    return;  // the answer to a hello that was repeated
  }
  was_connected_ = true;
  if (!CanSpeak(welcome.protocol)) {
    Fail(VersionMismatch(TheCoordinator(), welcome.protocol, "this program"));
    return;
  }
  if (welcome.beat_interval > Duration::zero()) {
    beat_interval_ = welcome.beat_interval;
  }
  if (submission_.opened()) {
    Attach(now);
  } else if (options_.min_agents > 0) {
    phase_ = Phase::kGathering;
    no_agent_since_ = no_agent_since_.value_or(now);
    next_probe_ = now;
    OnTick(now);
  } else {
    StartRunning(now);
  }
}

void RunClient::Attach(Instant now) {
  phase_ = Phase::kAttaching;
  ask_again_at_ = now + options_.ask_again;
  effects_.Send(paceline::Attach{options_.run, last_event_});
}

void RunClient::StartRunning(Instant now) {
  phase_ = Phase::kRunning;
  next_beat_ = now;
  next_probe_ = now + options_.silence / 2;
  ask_again_at_.reset();
  if (cancel_reason_.has_value()) {
    next_cancel_ = now;
  }
  SendParts(now);
}

void RunClient::Handle(Instant now, const Refused& refused) {
  if (refused.code == RefusalCode::kUnknownRun) {
    // Either the opening was lost on the way, and is sent again, or the answer
    // to a question says for certain.
    if (submission_.open_kept() && phase_ == Phase::kRunning) {
      Attach(now);
    } else if (cancel_reason_.has_value() && !submission_.open_kept()) {
      // It was lost, and there is nothing to cancel.
      end_.cancelled = true;
      end_.reason = *cancel_reason_;
      Finish();
    }
    return;
  }
  Fail(absl::StrCat(TheCoordinator(), " refused: ", refused.sentence));
}

void RunClient::Handle(Instant now, const AttachReply& reply) {
  if (!reply.known && submission_.open_kept()) {
    Fail(absl::StrCat(TheCoordinator(),
                      " no longer knows this run: it was restarted, or "
                      "gave the run up. Start the run again."));
    return;
  }
  if (reply.known) {
    submission_.OnKept(reply.parts_kept);
    if (reply.closed) {
      submission_.OnCompleteKept();
    }
  }
  if (phase_ == Phase::kAttaching) {
    submission_.Rewind();
    StartRunning(now);
  }
}

// ---- handing over -----------------------------------------------------------

void RunClient::SendParts(Instant now) {
  if (phase_ != Phase::kRunning || cancel_reason_.has_value()) {
    return;
  }
  const bool opened = submission_.opened();
  while (std::optional<Message> message = submission_.TakeNext()) {
    effects_.Send(*std::move(message));
    if (!ask_again_at_.has_value()) {
      ask_again_at_ = now + options_.ask_again;
    }
  }
  if (!opened && submission_.opened() && !had_agent_) {
    no_agent_since_ = now;
  }
}

void RunClient::Handle(Instant now, const PartKept& kept) {
  submission_.OnKept(kept.part);
  if (phase_ != Phase::kRunning) {
    return;  // late; what is asked for again now is the attachment
  }
  ask_again_at_.reset();
  if (submission_.unanswered()) {
    ask_again_at_ = now + options_.ask_again;
  }
  SendParts(now);
}

void RunClient::Handle(Instant, const SubmitKept&) {
  submission_.OnCompleteKept();
  if (phase_ == Phase::kRunning) {
    ask_again_at_.reset();
  }
}

// ---- events -----------------------------------------------------------------

void RunClient::Handle(Instant now, Events& events) {
  if (events.first > last_event_ + 1) {
    // Something in between was lost on the way: ask for it, but not once for
    // every message behind the gap.
    if (phase_ == Phase::kRunning && now >= next_gap_question_) {
      next_gap_question_ = now + options_.ask_again;
      effects_.Send(paceline::Attach{options_.run, last_event_});
    }
    return;
  }
  std::uint64_t number = events.first;
  for (Event& event : events.events) {
    if (number == last_event_ + 1) {
      last_event_ = number;
      std::visit([this, now](auto& e) { Apply(now, e); }, event);
      if (done()) {
        break;
      }
    }
    ++number;
  }
  effects_.Send(EventsAck{options_.run, last_event_});
}

void RunClient::Apply(Instant, OutputEvent& event) {
  CapturedOutput& output = output_[{event.test, event.attempt}];
  if (output_bytes_ + event.data.size() > kMaxPendingOutput) {
    output.cut_bytes += event.data.size();
    return;
  }
  output_bytes_ += event.data.size();
  (event.tail ? output.tail : output.head) += event.data;
}

void RunClient::Apply(Instant now, AttemptEvent& event) {
  if (!tests_.contains(event.test)) {
    Fail(absl::StrCat("the coordinator told of test number ", Value(event.test),
                      ", which this run does not have. "
                      "Please report this."));
    return;
  }
  const auto ahead = output_.find({event.test, event.attempt});
  if (ahead != output_.end()) {
    CapturedOutput& output = ahead->second;
    output_bytes_ -= output.head.size() + output.tail.size();
    output.head += event.result.output.head;
    output.tail += event.result.output.tail;
    output.cut_bytes += event.result.output.cut_bytes;
    event.result.output = std::move(output);
    output_.erase(ahead);
  }
  if (event.verdict.has_value() && !Settle(event.test)) {
    Fail(absl::StrCat("the coordinator gave ",
                      DisplayName(tests_.Get(event.test)),
                      " a second verdict. Please report this."));
    return;
  }
  if (!event.agent.empty()) {
    no_agent_since_.reset();
    had_agent_ = true;
  }
  observer_.OnAttempt(now, tests_.Get(event.test), event);
}

void RunClient::Apply(Instant, ExtraTestEvent& event) {
  if (tests_.AddExtra(event.test, event.suite, event.name)) {
    ++extras_;
  } else {
    Fail(absl::StrCat("the coordinator added \"", event.name,
                      "\" under a number that is taken or to a suite that "
                      "is not there. Please report this."));
  }
}

void RunClient::Apply(Instant now, RecycledEvent& event) {
  observer_.OnRecycled(now,
                       tests_.contains(event.suite)
                           ? tests_.SuiteName(event.suite)
                           : absl::string_view("unknown suite"),
                       event);
}

void RunClient::Apply(Instant now, NoteEvent& event) {
  observer_.OnNote(now, event.text);
}

void RunClient::Apply(Instant now, PropertiesEvent& event) {
  if (event.test.has_value()) {
    if (tests_.contains(*event.test)) {
      observer_.OnTestProperties(now, tests_.Get(*event.test), event.attempt,
                                 event.properties);
    }
  } else if (tests_.contains(event.suite)) {
    observer_.OnScopeProperties(now, tests_.SuiteName(event.suite), event.scope,
                                event.properties);
  }
}

void RunClient::Apply(Instant now, WorkerReportEvent& event) {
  std::string worker = absl::StrCat(event.agent, ":", event.worker);
  std::string& report = reports_[worker];
  if (report.size() + event.data.size() <= kMaxWorkerReport) {
    report += event.data;
  }
  if (event.last) {
    if (tests_.contains(event.suite)) {
      observer_.OnWorkerReport(now, tests_.SuiteName(event.suite), worker,
                               std::move(report));
    }
    reports_.erase(worker);
  }
}

void RunClient::Apply(Instant, RunEndedEvent& event) {
  end_.green = event.green;
  if (event.green && submission_.complete()) {
    // It is green only with the manifest closed; what said so was lost.
    submission_.OnCompleteKept();
  }
  end_.cancelled = event.cancelled;
  end_.reason = std::move(event.reason);
  Finish();
}

bool RunClient::Settle(TestIndex test) {
  if (Value(test) < settled_.size()) {
    if (settled_[Value(test)]) {
      return false;
    }
    settled_[Value(test)] = true;
    ++settled_count_;
    return true;
  }
  return settled_extras_.insert(test).second;
}

// ---- what runs, and where ---------------------------------------------------

void RunClient::Handle(Instant now, const Progress& progress) {
  SetAgents(now, progress.agents);
  ProgressRef shown;
  shown.agents = progress.agents;
  shown.slots = progress.slots;
  for (const RunningTest& running : progress.running) {
    if (tests_.contains(running.test)) {
      shown.running.push_back(
          {tests_.Get(running.test), running.agent, running.running});
    }
  }
  observer_.OnProgress(now, shown);
}

void RunClient::Handle(Instant now, const StatusReply& status) {
  if (phase_ != Phase::kGathering) {
    return;
  }
  const auto ready = static_cast<std::uint32_t>(std::count_if(
      status.agents.begin(), status.agents.end(),
      [](const AgentStatus& agent) { return agent.state == "ready"; }));
  if (ready >= options_.min_agents) {
    SetAgents(now, ready);
    StartRunning(now);
  } else if (now >= *no_agent_since_ + options_.agent_wait) {
    Fail(absl::StrCat(ready, " of ", options_.min_agents,
                      " agents joined within ",
                      FormatDuration(options_.agent_wait), HowToStartAgents()));
  }
}

std::string RunClient::TheCoordinator() const {
  return options_.coordinator.empty()
             ? "the coordinator of this program"
             : absl::StrCat("the coordinator at ", options_.coordinator);
}

std::string RunClient::HowToStartAgents() const {
  return options_.coordinator.empty()
             ? ""
             : absl::StrCat(". Start one with: paceline agent --connect ",
                            options_.coordinator);
}

void RunClient::SetAgents(Instant now, std::uint32_t agents) {
  if (agents > 0) {
    if (no_agent_said_) {
      observer_.OnNote(now, "an agent is connected again");
    }
    no_agent_since_.reset();
    no_agent_said_ = false;
    had_agent_ = true;
  } else if (!no_agent_since_.has_value()) {
    no_agent_since_ = now;
  }
}

void RunClient::CheckAgents(Instant now) {
  if (phase_ != Phase::kRunning || !no_agent_since_.has_value() ||
      cancel_reason_.has_value() || !submission_.opened()) {
    return;
  }
  if (now >= *no_agent_since_ + options_.agent_wait) {
    end_.failure = absl::StrCat(
        had_agent_ ? "all agents are gone, and none came back within "
                   : "no agent joined within ",
        FormatDuration(options_.agent_wait), HowToStartAgents());
    Cancel(now, end_.failure);
  } else if (!no_agent_said_ &&
             (had_agent_ || now >= *no_agent_since_ + kJoinGrace)) {
    no_agent_said_ = true;
    observer_.OnNote(
        now,
        absl::StrCat(had_agent_ ? "all agents are gone" : "no agent is there",
                     "; waiting up to ", FormatDuration(options_.agent_wait),
                     " for one"));
  }
}

// ---- messages and time ------------------------------------------------------

void RunClient::OnMessage(Instant now, Message message) {
  if (done()) {
    return;
  }
  last_heard_ = now;
  if (phase_ == Phase::kRunning) {
    next_probe_ = std::max(next_probe_, now + options_.silence / 2);
  }
  std::visit(
      [this, now](auto& m) {
        using M = std::decay_t<decltype(m)>;
        if constexpr (std::is_same_v<M, Rehello>) {
          if (phase_ != Phase::kGreeting) {
            Greet(now);
          }
        } else if constexpr (std::is_same_v<M, ClientWelcome> ||
                             std::is_same_v<M, Refused> ||
                             std::is_same_v<M, StatusReply>) {
          Handle(now, m);
        } else if constexpr (std::is_same_v<M, PartKept> ||
                             std::is_same_v<M, SubmitKept> ||
                             std::is_same_v<M, AttachReply> ||
                             std::is_same_v<M, Events> ||
                             std::is_same_v<M, Progress>) {
          if (m.run == options_.run) {
            Handle(now, m);
          }
        }
        // Anything else is not for clients: a sign of life and no more.
      },
      message);
}

void RunClient::OnTick(Instant now) {
  if (done()) {
    return;
  }
  if (tests_.size() != tests_told_) {
    tests_told_ = tests_.size();
    observer_.OnDiscovered(now, tests_told_, false);
  }
  submission_.OnTick(now);
  SendParts(now);
  CheckConnection(now);
  if (!done()) {
    CheckAgents(now);
  }
  if (!done() && cancel_reason_.has_value() && now >= cancel_deadline_) {
    if (end_.failure.empty()) {
      end_.failure = absl::StrCat(
          "the run was cancelled, but did not end "
          "within ",
          FormatDuration(options_.cancel_timeout));
    }
    end_.cancelled = true;
    Finish();
  }
}

void RunClient::CheckConnection(Instant now) {
  switch (phase_) {
    case Phase::kGreeting:
      if (!was_connected_ &&
          now >= greeting_since_ + options_.connect_timeout) {
        Fail(absl::StrCat(TheCoordinator(), " does not answer (waited ",
                          FormatDuration(options_.connect_timeout),
                          "). Is it running, and is the address right?"));
      } else if (now >= greeting_since_ + options_.reconnect_timeout) {
        Fail(absl::StrCat(TheCoordinator(), " has been gone for ",
                          FormatDuration(options_.reconnect_timeout)));
      } else if (now >= next_hello_) {
        if (hello_back_off_ == kSlowestHello) {
          // A socket that met certain errors never tries again by itself.
          effects_.Reconnect();
        }
        SayHello(now);
      }
      return;
    case Phase::kGathering:
      if (now >= next_probe_) {
        next_probe_ = now + kStatusInterval;
        effects_.Send(StatusRequest{});
      }
      break;
    case Phase::kAttaching:
      if (now >= *ask_again_at_) {
        Attach(now);
      }
      break;
    case Phase::kRunning:
      if (submission_.opened() && now >= next_beat_) {
        next_beat_ = now + beat_interval_;
        effects_.Send(ClientBeat{options_.run});
      }
      if (ask_again_at_.has_value() && now >= *ask_again_at_) {
        ask_again_at_.reset();
        submission_.Rewind();
        SendParts(now);
      }
      if (cancel_reason_.has_value() && now >= next_cancel_) {
        next_cancel_ = now + options_.ask_again;
        effects_.Send(paceline::Cancel{options_.run, *cancel_reason_});
      }
      if (submission_.opened() && now >= next_probe_) {
        next_probe_ = now + options_.ask_again;
        effects_.Send(paceline::Attach{options_.run, last_event_});
      }
      break;
    case Phase::kDone:
      return;
  }
  // Before anything was asked nobody owes us a word.
  if ((submission_.opened() || phase_ == Phase::kGathering) &&
      now >= last_heard_ + options_.silence) {
    observer_.OnNote(
        now,
        absl::StrCat(TheCoordinator(), " has been silent for ",
                     FormatDuration(options_.silence), "; dialling again"));
    effects_.Reconnect();
    Greet(now);
  }
}

std::optional<Instant> RunClient::next_deadline() const {
  if (done()) {
    return std::nullopt;
  }
  std::optional<Instant> next = submission_.next_deadline();
  const auto consider = [&next](Instant deadline) {
    next = next.has_value() ? std::min(*next, deadline) : deadline;
  };
  switch (phase_) {
    case Phase::kGreeting:
      consider(next_hello_);
      consider(greeting_since_ + (was_connected_ ? options_.reconnect_timeout
                                                 : options_.connect_timeout));
      break;
    case Phase::kGathering:
      consider(next_probe_);
      consider(last_heard_ + options_.silence);
      break;
    case Phase::kAttaching:
      consider(*ask_again_at_);
      consider(last_heard_ + options_.silence);
      break;
    case Phase::kRunning:
      if (submission_.opened()) {
        consider(next_beat_);
        consider(next_probe_);
        consider(last_heard_ + options_.silence);
      }
      if (ask_again_at_.has_value()) {
        consider(*ask_again_at_);
      }
      if (cancel_reason_.has_value()) {
        consider(next_cancel_);
      } else if (no_agent_since_.has_value() && submission_.opened()) {
        consider(*no_agent_since_ +
                 (no_agent_said_ ? options_.agent_wait : kJoinGrace));
        consider(*no_agent_since_ + options_.agent_wait);
      }
      break;
    case Phase::kDone:
      break;
  }
  if (cancel_reason_.has_value()) {
    consider(cancel_deadline_);
  }
  return next;
}

// ---- the end ----------------------------------------------------------------

void RunClient::Cancel(Instant now, const std::string& reason) {
  if (done() || cancel_reason_.has_value()) {
    return;
  }
  if (!submission_.opened()) {
    end_.cancelled = true;
    end_.reason = reason;
    Finish();
    return;
  }
  cancel_reason_ = reason;
  cancel_deadline_ = now + options_.cancel_timeout;
  submission_.Abandon();
  next_cancel_ = now + options_.ask_again;
  if (phase_ == Phase::kRunning) {
    effects_.Send(paceline::Cancel{options_.run, reason});
  }
}

void RunClient::Fail(std::string sentence) {
  end_.failure = std::move(sentence);
  Finish();
}

void RunClient::Finish() {
  phase_ = Phase::kDone;
  end_.tests = tests_.size() + extras_;
  end_.without_verdict = end_.tests - settled_count_ - settled_extras_.size();
  // Whatever the coordinator says, and even if both of us are wrong about
  // something else: no run with a test unaccounted for is green.
  end_.green = end_.green && end_.failure.empty() &&
               end_.without_verdict == 0 && submission_.all_kept();
}

}  // namespace paceline
