// An agent's side of the fleet protocol: who it is, what it holds, what it
// still has to say.
//
// A pure state machine. Messages of the coordinator, events of the pool and
// the time come in; messages, commands for the pool and the wish for a fresh
// connection go out through `Effects`. No socket, no clock, no thread and no
// process is touched here: agent/agent.cc is the shell around it, and the
// simulation is another.
//
// A session begins with Welcome and ends when the coordinator does not know
// this connection any more, or has been silent for too long. What the agent
// holds and what it has not been heard on outlives sessions.

#ifndef PACELINE_AGENT_SESSION_H_
#define PACELINE_AGENT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/back_off.h"
#include "agent/held_leases.h"
#include "agent/outbox.h"
#include "agent/pool_queue.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/wire/messages.h"

namespace paceline {

struct SessionOptions {
  std::string program_version;
  std::string name;
  InstanceId instance;
  std::string host;
  std::uint32_t pid = 0;
  std::uint32_t slots = 1;
  std::vector<std::string> labels;
  Duration drain_timeout = std::chrono::seconds(8);
  // How long another holder of the name is borne with.
  Duration name_patience = std::chrono::minutes(1);
  // Leave when the coordinator is gone instead of dialling again.
  bool exit_when_disconnected = false;
  // For the jitter of waiting times.
  std::uint64_t seed = 0;
};

class AgentSession {
 public:
  class Effects {
   public:
    virtual ~Effects() = default;
    // kUnavailable: there is no connection. kResourceExhausted: it is full.
    virtual absl::Status Send(Message message) = 0;
    virtual void ToPool(PoolCommand command) = 0;
    // Throws the connection away, with all that is on its way, and opens
    // another.
    virtual void Reconnect() = 0;
    // The agent is done; called once, and nothing else is afterwards. OK after
    // a drain.
    virtual void Leave(absl::Status status) = 0;
  };

  // Past this without a word from the coordinator nothing is started until it
  // has welcomed the agent again: by then it may take the agent for lost.
  static constexpr Duration kStartBound = std::chrono::seconds(20);
  // A result waits this long at most for others to share its message, and not
  // at all while a slot has nothing to do.
  static constexpr Duration kBatchDelay = std::chrono::milliseconds(5);
  // Results unacknowledged for this long were lost on the way, or their
  // acknowledgement was; another session sets that right.
  static constexpr Duration kAnswerBound = std::chrono::seconds(10);
  // A slot without work for this long says so again.
  static constexpr Duration kAskAgain = std::chrono::seconds(5);
  // Past this much unacknowledged no further result is taken from the pool and
  // no unit is started.
  static constexpr std::size_t kMaxOutboxBytes = std::size_t{64} << 20;

  // `effects` outlives the session. Send and Reconnect are called from OnTick
  // alone, so that a shell may hand in messages straight from its connection.
  AgentSession(SessionOptions options, Instant now, Effects* effects);

  // The shell calls these for all input there is, and then OnTick, once in
  // each turn of its loop.
  void OnMessage(Instant now, Message message);
  // Something came that is no message of the protocol.
  void OnMalformed(Instant now, const absl::Status& why);
  void OnPoolEvent(Instant now, PoolEvent event);
  void OnTick(Instant now, Instant pool_last_turn);

  // Begins to leave. A second call leaves as soon as workers can be ended.
  void Drain(Instant now);

  // When OnTick is due if nothing happens before.
  Instant next_deadline() const;
  // Whether the pool's results may be handed in.
  bool accepting() const { return outbox_.bytes() < kMaxOutboxBytes; }
  bool left() const { return state_ == State::kLeft; }

 private:
  enum class State { kGreeting, kWelcomed, kLeft };

  // Messages of the coordinator, in whatever state.
  void OnWelcome(Instant now, const Welcome& welcome);
  void SetBeat(Duration interval, Duration lost_after);
  void OnRefused(Instant now, const Refused& refused);
  // Messages within the session.
  void OnGrant(Instant now, Grant grant);
  void OnRevoke(const Revoke& revoke);
  void OnStop(const Stop& stop);
  void OnRunOver(const RunOver& over);
  void OnResult(ResultItem item);
  // Results or output were acknowledged.
  void OnAnswer(Instant now);

  // Notes that time passed without a turn of the loop: our own stall is not
  // the coordinator's.
  void NoteStall(Instant now);
  // When what is taken in now was said at the latest: it may have waited for
  // as long as this agent stood still.
  Instant HeardAt(Instant now) const { return stalled_since_.value_or(now); }
  void Greet(Instant now);
  // The session is over; with a fresh connection another one is begun, at once
  // if this one had lasted.
  void LoseSession(Instant now, absl::string_view why);
  // As LoseSession, but the coordinator is there: something between us was
  // lost, and the next hello and welcome find out what.
  void RestartSession(Instant now, absl::string_view why);
  void GreetAgain(Instant now);
  void OpenConnection(Instant now);
  Hello MakeHello();
  void Leave(absl::Status status);

  // Queues a message that must not be lost while the session lasts.
  void Tell(Message message);
  template <typename TokenList>
  void TellTokens(std::vector<Token> tokens);
  // Sends what Tell queued; false while some of it is left.
  bool CatchUp(Instant now);
  // Send, with a note of when to try again after an error.
  absl::Status Send(Instant now, Message message);

  void SendBeat(Instant now, Instant pool_last_turn);
  void StartUnits(Instant now);
  std::uint64_t WantSum() const { return grants_seen_ + held_.room(); }
  bool WantIsNews() const;
  bool WantIsDue(Instant now) const;
  void SendWant(Instant now);
  void Flush(Instant now);
  void FinishDrain(Instant now);

  const SessionOptions options_;
  Effects* const effects_;
  State state_ = State::kGreeting;

  // While greeting.
  BackOff dial_;    // until a hello could be sent at all
  BackOff answer_;  // until it was answered
  bool hello_sent_ = false;
  std::uint64_t hellos_ = 0;
  bool fresh_connection_wanted_ = false;
  Instant next_hello_;
  Instant greeting_since_;
  Instant dialling_since_;
  std::optional<Instant> name_taken_since_;

  // Of this session.
  SessionId session_{};
  Instant welcomed_at_;
  Duration beat_interval_{};
  Duration silence_bound_{};
  Duration start_bound_{};
  Instant next_beat_;
  std::uint64_t beat_seq_ = 0;
  std::uint64_t grants_seen_ = 0;
  // grants_seen + room of the last Want: unless the sum changes, it says
  // nothing new.
  std::optional<std::uint64_t> last_want_;
  Instant want_again_at_;
  // Since when results wait for an acknowledgement, and none came.
  std::optional<Instant> unanswered_since_;
  std::deque<Message> untold_;
  using SuiteKey = std::pair<RunId, SuiteIndex>;
  absl::btree_map<SuiteKey, std::shared_ptr<const SuiteSpec>> suites_;

  Instant last_heard_;
  // As last_heard_, but moved by our own stalls: for giving up on the
  // connection, never for starting.
  Instant silent_since_;
  Instant last_turn_;
  // The turn before a stall, until what waited through it is taken in.
  std::optional<Instant> stalled_since_;
  Instant flush_after_;
  // Set while the connection takes nothing.
  std::optional<Instant> retry_at_;

  HeldLeases held_;
  Outbox outbox_;
  absl::btree_map<Token, std::pair<SlotProgress, Instant>> progress_;

  bool draining_ = false;
  bool hurried_ = false;
  bool pool_empty_ = false;
  Instant drain_deadline_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_SESSION_H_
