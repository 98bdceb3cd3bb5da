#include "agent/session.h"

#include <algorithm>
#include <type_traits>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/wire/version.h"

namespace paceline {
namespace {

constexpr Duration kFirstDial = std::chrono::milliseconds(5);
constexpr Duration kLongestDial = std::chrono::seconds(1);
constexpr Duration kFirstAnswer = std::chrono::milliseconds(500);
constexpr Duration kLongestAnswer = std::chrono::seconds(5);
// After some errors libzmq never dials again; a fresh socket does.
constexpr Duration kDialPatience = std::chrono::seconds(15);
constexpr Duration kGreetPatience = std::chrono::seconds(30);
// A session shorter than this counts as a failure to get one.
constexpr Duration kLasting = std::chrono::seconds(1);
constexpr Duration kRetry = std::chrono::milliseconds(20);
constexpr Duration kShortestBeat = std::chrono::milliseconds(10);
constexpr Duration kLongestBeat = std::chrono::minutes(1);
constexpr Duration kHurriedDrain = std::chrono::seconds(1);
// What is kept of a drain's time for the last results and their
// acknowledgement.
constexpr Duration kDrainReserve = std::chrono::seconds(1);

Token TokenOf(const ResultItem& item) {
  return std::visit(
      [](const auto& one) {
        if constexpr (requires { one.token; }) {
          return one.token;
        } else {
          return Token{};
        }
      },
      item);
}

}  // namespace

AgentSession::AgentSession(SessionOptions options, Instant now,
                           Effects* effects)
    : options_(std::move(options)),
      effects_(effects),
      dial_(kFirstDial, kLongestDial, options_.seed),
      answer_(kFirstAnswer, kLongestAnswer, ~options_.seed),
      next_hello_(now),
      greeting_since_(now),
      dialling_since_(now),
      last_turn_(now),
      held_(options_.slots) {}

// ---- what comes in ---------------------------------------------------------

void AgentSession::OnMessage(Instant now, Message message) {
  NoteStall(now);
  if (state_ == State::kLeft) {
    return;
  }
  if (auto* welcome = std::get_if<Welcome>(&message)) {
    OnWelcome(now, *welcome);
    return;
  }
  if (auto* refused = std::get_if<Refused>(&message)) {
    OnRefused(now, *refused);
    return;
  }
  // What else reaches an agent without a session was meant for its last one.
  if (state_ != State::kWelcomed) {
    return;
  }
  last_heard_ = HeardAt(now);
  silent_since_ = now;
  const auto current = [this](const auto& one) {
    return one.session == session_;
  };
  if (std::holds_alternative<Rehello>(message)) {
    GreetAgain(now);
  } else if (auto* ping = std::get_if<Ping>(&message)) {
    Tell(Pong{.nonce = ping->nonce});
  } else if (auto* over = std::get_if<RunOver>(&message)) {
    OnRunOver(*over);
  } else if (auto* grant = std::get_if<Grant>(&message)) {
    if (current(*grant)) {
      OnGrant(now, std::move(*grant));
    }
  } else if (auto* revoke = std::get_if<Revoke>(&message)) {
    if (current(*revoke)) {
      OnRevoke(*revoke);
    }
  } else if (auto* stop = std::get_if<Stop>(&message)) {
    if (current(*stop)) {
      OnStop(*stop);
    }
  } else if (auto* ack = std::get_if<ResultAck>(&message)) {
    if (current(*ack)) {
      for (const Token ended : outbox_.Acknowledge(ack->through)) {
        held_.Settle(ended);
      }
      OnAnswer(now);
    }
  } else if (auto* beat = std::get_if<BeatAck>(&message)) {
    if (beat->beat_interval > Duration::zero()) {
      SetBeat(beat->beat_interval, beat->lost_after);
    }
  } else if (auto* output = std::get_if<OutputAck>(&message)) {
    if (current(*output)) {
      outbox_.AcknowledgeOutput(output->through);
      OnAnswer(now);
    }
  }
  // Other messages are not for agents.
}

void AgentSession::OnMalformed(Instant now, const absl::Status& why) {
  NoteStall(now);
  if (state_ == State::kWelcomed) {
    LoseSession(now, absl::StrCat("the coordinator sent what is no message: ",
                                  why.message()));
  } else if (state_ == State::kGreeting && absl::IsUnimplemented(why)) {
    // The answer to a hello, in a form that this program is too old for.
    Leave(why);
  }
}

void AgentSession::OnWelcome(Instant now, const Welcome& welcome) {
  if (state_ != State::kGreeting || !hello_sent_) {
    return;
  }
  if (!CanSpeak(welcome.protocol)) {
    Leave(absl::UnimplementedError(
        VersionMismatch("the coordinator", welcome.protocol, "this agent")));
    return;
  }
  state_ = State::kWelcomed;
  session_ = welcome.session;
  welcomed_at_ = now;
  last_heard_ = HeardAt(now);
  silent_since_ = now;
  name_taken_since_.reset();
  SetBeat(welcome.beat_interval, welcome.lost_after);
  // At once: until it is heard how the pool does nothing is granted.
  next_beat_ = now;
  beat_seq_ = 0;
  grants_seen_ = 0;
  last_want_.reset();
  want_again_at_ = now + kAskAgain;
  unanswered_since_.reset();
  untold_.clear();
  suites_.clear();
  retry_at_.reset();
  flush_after_ = now;
  for (const Token ended : outbox_.Begin(welcome.acked_through)) {
    held_.Settle(ended);
  }
  for (const Token token : welcome.dropped) {
    if (held_.Drop(token)) {
      effects_->ToPool(PoolStop{.token = token,
                                .grace = Duration::zero(),
                                .reason = "the lease is not current any more"});
    }
  }
  if (draining_) {
    Tell(Draining{.session = session_});
  }
  Log(LogLevel::kInfo,
      absl::StrCat("welcomed by the coordinator session=", Value(session_),
                   " held=", held_.List().size()));
}

void AgentSession::SetBeat(Duration interval, Duration lost_after) {
  beat_interval_ = std::clamp(interval, kShortestBeat, kLongestBeat);
  lost_after = std::max(lost_after, 5 * beat_interval_);
  silence_bound_ = std::max(5 * beat_interval_, lost_after / 2);
  start_bound_ = std::min(kStartBound, lost_after * 2 / 3);
}

void AgentSession::OnRefused(Instant now, const Refused& refused) {
  if (state_ == State::kWelcomed) {
    LoseSession(now, absl::StrCat("the coordinator refused a message: ",
                                  refused.sentence));
    return;
  }
  if (!hello_sent_) {
    return;
  }
  switch (refused.code) {
    case RefusalCode::kProtocolVersion:
      Leave(absl::UnimplementedError(refused.sentence));
      return;
    case RefusalCode::kMalformed:
      Leave(absl::InvalidArgumentError(refused.sentence));
      return;
    case RefusalCode::kNotAllowed:
      Leave(absl::PermissionDeniedError(refused.sentence));
      return;
    case RefusalCode::kNameTaken:
      if (now - name_taken_since_.value_or(now) >= options_.name_patience) {
        Leave(absl::AlreadyExistsError(refused.sentence));
        return;
      }
      if (!name_taken_since_.has_value()) {
        name_taken_since_ = now;
        Log(LogLevel::kWarning,
            absl::StrCat(refused.sentence, "; trying again for ",
                         FormatDuration(options_.name_patience)));
      }
      break;
    case RefusalCode::kShuttingDown:
      if (options_.exit_when_disconnected) {
        Leave(absl::UnavailableError(refused.sentence));
        return;
      }
      break;
    case RefusalCode::kUnknownRun:
    case RefusalCode::kSubmission:
      // Said to clients; from here it is a coordinator gone wrong.
      Log(LogLevel::kWarning, refused.sentence);
      break;
  }
  hello_sent_ = false;
  fresh_connection_wanted_ = true;
  next_hello_ = now + answer_.Next();
}

void AgentSession::OnGrant(Instant now, Grant grant) {
  for (SuiteDefinition& suite : grant.suites) {
    suites_[{suite.run, suite.suite}] =
        std::make_shared<const SuiteSpec>(std::move(suite.spec));
  }
  std::vector<Token> unwanted;
  for (Lease& lease : grant.leases) {
    const Token token = lease.token;
    if (held_.state(token) != HeldLeases::State::kUnknown) {
      continue;
    }
    ++grants_seen_;
    const auto suite = suites_.find({lease.run, lease.suite});
    if (suite == suites_.end()) {
      // The grant that defined it was lost.
      RestartSession(
          now, absl::StrCat("the coordinator granted lease ", ToString(token),
                            " of suite ", Value(lease.suite),
                            " that it had not defined"));
      return;
    }
    if (draining_ || !held_.Add(std::move(lease), suite->second)) {
      unwanted.push_back(token);
    }
  }
  TellTokens<Returned>(std::move(unwanted));
}

void AgentSession::OnRevoke(const Revoke& revoke) {
  std::vector<Token> returned;
  std::vector<Token> kept;
  for (const Token token : revoke.tokens) {
    held_.Return(token);
    switch (held_.state(token)) {
      case HeldLeases::State::kRunning:
      case HeldLeases::State::kEnded:
      case HeldLeases::State::kDropped:
        kept.push_back(token);
        break;
      case HeldLeases::State::kUnknown:
      case HeldLeases::State::kWaiting:
      case HeldLeases::State::kReturned:
        returned.push_back(token);
        break;
    }
  }
  TellTokens<Returned>(std::move(returned));
  TellTokens<Kept>(std::move(kept));
}

void AgentSession::OnStop(const Stop& stop) {
  std::vector<Token> returned;
  for (const Token token : stop.tokens) {
    held_.Return(token);
    switch (held_.state(token)) {
      case HeldLeases::State::kRunning:
        effects_->ToPool(PoolStop{
            .token = token, .grace = stop.grace, .reason = stop.reason});
        break;
      case HeldLeases::State::kUnknown:
      case HeldLeases::State::kWaiting:
      case HeldLeases::State::kReturned:
        // Said again where it was said before: that may have been lost.
        returned.push_back(token);
        break;
      case HeldLeases::State::kEnded:
      case HeldLeases::State::kDropped:
        break;  // its results say so, or nobody asks for them
    }
  }
  TellTokens<Returned>(std::move(returned));
}

void AgentSession::OnRunOver(const RunOver& over) {
  TellTokens<Returned>(held_.ReturnAll(over.run));
  held_.ForgetRun(over.run);
  absl::erase_if(suites_, [&over](const auto& entry) {
    return entry.first.first == over.run;
  });
  effects_->ToPool(PoolRunOver{.run = over.run, .answer = over.answer});
}

void AgentSession::OnAnswer(Instant now) {
  // What is still on its way has an answer of its own to come.
  unanswered_since_ =
      outbox_.unanswered() ? std::optional<Instant>(now) : std::nullopt;
}

void AgentSession::OnPoolEvent(Instant now, PoolEvent event) {
  NoteStall(now);
  if (auto* started = std::get_if<PoolTestStarted>(&event)) {
    if (held_.state(started->token) == HeldLeases::State::kRunning) {
      progress_[started->token] = {
          {.run = started->run, .token = started->token, .test = started->test},
          now};
    }
  } else if (auto* result = std::get_if<PoolResult>(&event)) {
    OnResult(std::move(result->item));
  } else if (draining_) {
    pool_empty_ = true;
  }
}

void AgentSession::OnResult(ResultItem item) {
  const Token token = TokenOf(item);
  if (token == Token{}) {
    outbox_.Add(std::move(item));  // of no lease
    return;
  }
  const HeldLeases::State state = held_.state(token);
  const auto* end = std::get_if<UnitEndItem>(&item);
  const auto* attempt = std::get_if<AttemptItem>(&item);
  if (const auto it = progress_.find(token);
      it != progress_.end() &&
      (end != nullptr ||
       (attempt != nullptr && attempt->test == it->second.first.test))) {
    progress_.erase(it);
  }
  const bool ended = end != nullptr;
  const bool warm = ended && !end->end.recycled.has_value();
  // Of a dropped lease nobody waits for a result.
  if (state == HeldLeases::State::kRunning) {
    outbox_.Add(std::move(item));
  }
  if (ended) {
    held_.End(token, warm);
  }
}

void AgentSession::Drain(Instant now) {
  NoteStall(now);
  if (state_ == State::kLeft) {
    return;
  }
  if (draining_) {
    hurried_ = true;
    drain_deadline_ = std::min(drain_deadline_, now + kHurriedDrain);
    effects_->ToPool(PoolDrain{.timeout = Duration::zero()});
    return;
  }
  draining_ = true;
  drain_deadline_ = now + options_.drain_timeout;
  std::vector<Token> waiting = held_.ReturnAll();
  if (state_ == State::kWelcomed) {
    Tell(Draining{.session = session_});
    TellTokens<Returned>(std::move(waiting));
  }
  effects_->ToPool(PoolDrain{
      .timeout = options_.drain_timeout -
                 std::min(kDrainReserve, options_.drain_timeout / 4)});
}

// ---- the life of a session -------------------------------------------------

void AgentSession::NoteStall(Instant now) {
  const Instant before = std::exchange(last_turn_, now);
  const Duration gap = now - before;
  const Duration longest_wait =
      state_ == State::kWelcomed ? beat_interval_ : kLongestAnswer;
  if (gap <= longest_wait + std::chrono::seconds(1)) {
    return;
  }
  stalled_since_ = before;
  if (state_ != State::kWelcomed) {
    return;
  }
  silent_since_ += gap;
  if (unanswered_since_.has_value()) {
    *unanswered_since_ += gap;
  }
  // What waits in the connection is as old as the stall and proves nothing.
  if (gap >= start_bound_) {
    LoseSession(
        now, absl::StrCat("this agent stood still for ", FormatDuration(gap)));
  }
}

void AgentSession::GreetAgain(Instant now) {
  state_ = State::kGreeting;
  greeting_since_ = now;
  dialling_since_ = now;
  hello_sent_ = false;
  untold_.clear();
  retry_at_.reset();
  if (now - welcomed_at_ >= kLasting) {
    answer_.Reset();
    next_hello_ = now;
  } else {
    next_hello_ = now + answer_.Next();
  }
}

void AgentSession::LoseSession(Instant now, absl::string_view why) {
  Log(LogLevel::kInfo,
      absl::StrCat(why, "; connecting again session=", Value(session_)));
  if (options_.exit_when_disconnected) {
    Leave(absl::UnavailableError(absl::StrCat("lost the coordinator: ", why)));
    return;
  }
  GreetAgain(now);
  fresh_connection_wanted_ = true;
}

void AgentSession::RestartSession(Instant now, absl::string_view why) {
  Log(LogLevel::kInfo, absl::StrCat(why, "; beginning another session session=",
                                    Value(session_)));
  GreetAgain(now);
  // Nothing that is still on its way must reach the next session.
  fresh_connection_wanted_ = true;
}

void AgentSession::OpenConnection(Instant now) {
  fresh_connection_wanted_ = false;
  hello_sent_ = false;
  dialling_since_ = now;
  dial_.Reset();
  effects_->Reconnect();
}

Hello AgentSession::MakeHello() {
  Hello hello;
  hello.program_version = options_.program_version;
  hello.name = options_.name;
  hello.instance = options_.instance;
  hello.host = options_.host;
  hello.pid = options_.pid;
  hello.slots = options_.slots;
  hello.labels = options_.labels;
  hello.held = held_.List();
  hello.first_result = outbox_.first();
  hello.seq = ++hellos_;
  return hello;
}

void AgentSession::Greet(Instant now) {
  if (fresh_connection_wanted_) {
    OpenConnection(now);
  }
  if (now < next_hello_) {
    return;
  }
  if (options_.exit_when_disconnected &&
      now - greeting_since_ >= kGreetPatience) {
    Leave(absl::UnavailableError("the coordinator did not answer for 30 s"));
    return;
  }
  // A connection carries one hello: were a late answer to the first still on
  // its way when a second goes out, grants under it would be dropped unseen.
  if (hello_sent_ || now - dialling_since_ >= kDialPatience) {
    OpenConnection(now);
  }
  hello_sent_ = effects_->Send(MakeHello()).ok();
  next_hello_ = now + (hello_sent_ ? answer_.Next() : dial_.Next());
}

void AgentSession::Leave(absl::Status status) {
  state_ = State::kLeft;
  effects_->Leave(std::move(status));
}

// ---- what goes out ---------------------------------------------------------

absl::Status AgentSession::Send(Instant now, Message message) {
  absl::Status status = effects_->Send(std::move(message));
  if (!status.ok()) {
    retry_at_ = now + kRetry;
  }
  return status;
}

void AgentSession::Tell(Message message) {
  if (state_ == State::kWelcomed) {
    untold_.push_back(std::move(message));
  }
}

template <typename TokenList>
void AgentSession::TellTokens(std::vector<Token> tokens) {
  if (!tokens.empty()) {
    Tell(TokenList{.session = session_, .tokens = std::move(tokens)});
  }
}

bool AgentSession::CatchUp(Instant now) {
  while (!untold_.empty()) {
    if (!Send(now, untold_.front()).ok()) {
      return false;
    }
    untold_.pop_front();
  }
  return true;
}

void AgentSession::OnTick(Instant now, Instant pool_last_turn) {
  NoteStall(now);
  if (state_ == State::kWelcomed && now - silent_since_ >= silence_bound_) {
    LoseSession(now, absl::StrCat("the coordinator was silent for ",
                                  FormatDuration(now - silent_since_)));
  }
  if (state_ == State::kWelcomed && unanswered_since_.has_value() &&
      now - *unanswered_since_ >= kAnswerBound) {
    RestartSession(now, absl::StrCat("results were not acknowledged for ",
                                     FormatDuration(now - *unanswered_since_)));
  }
  if (state_ == State::kGreeting) {
    Greet(now);
  }
  if (state_ == State::kWelcomed) {
    SendBeat(now, pool_last_turn);
    if (!retry_at_.has_value() || now >= *retry_at_) {
      retry_at_.reset();
      if (CatchUp(now)) {
        StartUnits(now);
      }
    }
  }
  if (state_ == State::kWelcomed && !retry_at_.has_value()) {
    Flush(now);
  }
  if (draining_ && state_ != State::kLeft) {
    FinishDrain(now);
  }
  stalled_since_.reset();
}

void AgentSession::SendBeat(Instant now, Instant pool_last_turn) {
  if (now < next_beat_) {
    return;
  }
  // From now, not from when it was due: after a stall one beat goes out, not
  // all that were missed.
  next_beat_ = now + beat_interval_;
  Beat beat;
  beat.session = session_;
  beat.seq = ++beat_seq_;
  beat.pool_turn_age = std::max(now - pool_last_turn, Duration::zero());
  for (const auto& [token, progress] : progress_) {
    SlotProgress slot = progress.first;
    slot.running = now - progress.second;
    beat.slots.push_back(slot);
  }
  // A lost beat is made up for by the next.
  static_cast<void>(effects_->Send(std::move(beat)));
}

void AgentSession::StartUnits(Instant now) {
  if (draining_ || !accepting()) {
    return;
  }
  while (const std::optional<Token> token = held_.Next()) {
    if (now - last_heard_ >= start_bound_) {
      LoseSession(now, absl::StrCat("the coordinator was silent for ",
                                    FormatDuration(now - last_heard_)));
      return;
    }
    // Were it not to know, it might take the unit for one that never began.
    if (!Send(now, Started{.session = session_, .tokens = {*token}}).ok()) {
      return;
    }
    effects_->ToPool(held_.Start(*token));
  }
}

bool AgentSession::WantIsNews() const {
  return !draining_ && last_want_ != WantSum();
}

bool AgentSession::WantIsDue(Instant now) const {
  // A want or a grant may have been lost: grants_seen tells the coordinator.
  return WantIsNews() ||
         (!draining_ && held_.starving() && now >= want_again_at_);
}

void AgentSession::SendWant(Instant now) {
  if (!WantIsDue(now)) {
    return;
  }
  const std::uint64_t sum = WantSum();
  if (Send(now, Want{.session = session_,
                     .grants_seen = grants_seen_,
                     .room = held_.room()})
          .ok()) {
    last_want_ = sum;
    want_again_at_ = now + kAskAgain;
  }
}

void AgentSession::Flush(Instant now) {
  if (!WantIsDue(now) && !outbox_.ready()) {
    return;
  }
  if (now < flush_after_ && !held_.starving() && !draining_) {
    return;
  }
  flush_after_ = now + kBatchDelay;
  SendWant(now);
  if (retry_at_.has_value()) {
    return;
  }
  // The error is noted by Send; the outbox tries the same message again.
  static_cast<void>(outbox_.Flush(session_, [this, now](Message message) {
    return Send(now, std::move(message));
  }));
  if (!outbox_.unanswered()) {
    unanswered_since_.reset();
  } else if (!unanswered_since_.has_value()) {
    unanswered_since_ = now;
  }
}

void AgentSession::FinishDrain(Instant now) {
  const bool said_all = outbox_.empty() || hurried_;
  if (!(pool_empty_ && said_all) && now < drain_deadline_) {
    return;
  }
  if (!outbox_.empty()) {
    Log(LogLevel::kWarning,
        absl::StrCat("leaving with ", outbox_.size(),
                     " results that the coordinator has not acknowledged; it "
                     "will take their tests for lost"));
  }
  if (state_ == State::kWelcomed) {
    static_cast<void>(effects_->Send(Goodbye{.session = session_}));
  }
  Leave(absl::OkStatus());
}

Instant AgentSession::next_deadline() const {
  Instant next = Instant::max();
  const auto at = [&next](Instant when) { next = std::min(next, when); };
  if (draining_) {
    at(drain_deadline_);
  }
  switch (state_) {
    case State::kLeft:
      return Instant::max();
    case State::kGreeting:
      at(fresh_connection_wanted_ ? last_turn_ : next_hello_);
      break;
    case State::kWelcomed:
      at(next_beat_);
      at(silent_since_ + silence_bound_);
      if (unanswered_since_.has_value()) {
        at(*unanswered_since_ + kAnswerBound);
      }
      if (!draining_ && held_.starving()) {
        at(want_again_at_);
      }
      if (retry_at_.has_value()) {
        at(*retry_at_);
      } else if (!untold_.empty()) {
        at(last_turn_);
      } else if (outbox_.ready() || WantIsNews()) {
        at(flush_after_);
      }
      break;
  }
  return next;
}

}  // namespace paceline
