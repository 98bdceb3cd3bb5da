// One run, as the client sees it: hands the manifest over while it is being
// discovered, follows the run's events, and comes back after a lost
// connection.
//
// A pure state machine: messages and times come in, messages go out through
// ClientEffects, and what happened is told to a RunObserver. The loop around
// it is cli/client_loop.h; the simulation drives it as well.

#ifndef PACELINE_CLI_RUN_CLIENT_H_
#define PACELINE_CLI_RUN_CLIENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/string_view.h"
#include "cli/run_observer.h"
#include "cli/submission.h"
#include "cli/test_table.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/model/manifest.h"
#include "common/wire/messages.h"

namespace paceline {

// What the client does to the world.
class ClientEffects {
 public:
  virtual ~ClientEffects() = default;
  // May be lost; the client asks again for what matters.
  virtual void Send(Message message) = 0;
  // Throws the connection away and makes another one.
  virtual void Reconnect() = 0;
};

struct RunClientOptions {
  RunId run;
  RunOptions options;
  std::string program_version;
  std::string host;
  std::uint32_t pid = 0;
  // For sentences: where the coordinator is; empty where nobody can dial it.
  std::string coordinator;
  // Wait for so many agents before the first test is handed over.
  std::uint32_t min_agents = 0;
  // The coordinator is not there at the start; it was there and is gone.
  Duration connect_timeout = std::chrono::seconds(10);
  Duration reconnect_timeout = std::chrono::minutes(2);
  // No agent is there.
  Duration agent_wait = std::chrono::seconds(60);
  // A connection without a word for this long is thrown away; after half of it
  // the coordinator is asked for one.
  Duration silence = std::chrono::seconds(20);
  // Unanswered messages are sent again after this long.
  Duration ask_again = std::chrono::seconds(2);
  // A cancelled run that has not ended by then is given up.
  Duration cancel_timeout = std::chrono::seconds(15);
};

class RunClient {
 public:
  // `effects` and `observer` outlive it. Says hello.
  RunClient(Instant now, RunClientOptions options, ClientEffects& effects,
            RunObserver& observer);

  // ---- the manifest, in order ----

  // `target` is what the user called it, for reports.
  SuiteIndex AddSuite(Instant now, SuiteSpec suite, absl::string_view target);
  void AddTest(Instant now, TestSpec test);
  void AddError(Instant now, DiscoveryError error);
  void DiscoveryDone(Instant now);
  // False while enough waits to be handed over.
  bool wants_more() const { return submission_.wants_more(); }

  // ---- the world ----

  void OnMessage(Instant now, Message message);
  void OnTick(Instant now);
  std::optional<Instant> next_deadline() const;

  // Ends the run early. It is over when done() says so: when the coordinator
  // said so, or when the time for that is over.
  void Cancel(Instant now, const std::string& reason);
  // Ends it at once: it cannot go on, for the reason in `sentence`.
  void GiveUp(std::string sentence) {
    if (!done()) {
      Fail(std::move(sentence));
    }
  }

  bool done() const { return phase_ == Phase::kDone; }
  // Once done. The observer has not been told.
  const RunEnd& end() const { return end_; }
  // Whether anything was handed over.
  bool opened() const { return submission_.opened(); }
  // Whether all was, and the coordinator has it.
  bool handed_over() const { return submission_.all_kept(); }

 private:
  enum class Phase {
    kGreeting,   // hello was said
    kGathering,  // waiting for agents to join
    kAttaching,  // back after a lost connection
    kRunning,
    kDone,
  };
  using OutputKey = std::pair<TestIndex, std::uint32_t>;

  void SayHello(Instant now);
  void Greet(Instant now);
  void Attach(Instant now);
  void StartRunning(Instant now);
  void SendParts(Instant now);
  void Fail(std::string sentence);
  void Finish();

  void Handle(Instant now, const ClientWelcome& welcome);
  void Handle(Instant now, const Refused& refused);
  void Handle(Instant now, const PartKept& kept);
  void Handle(Instant now, const SubmitKept& kept);
  void Handle(Instant now, const AttachReply& reply);
  void Handle(Instant now, Events& events);
  void Handle(Instant now, const Progress& progress);
  void Handle(Instant now, const StatusReply& status);

  void Apply(Instant now, OutputEvent& event);
  void Apply(Instant now, AttemptEvent& event);
  void Apply(Instant now, ExtraTestEvent& event);
  void Apply(Instant now, RecycledEvent& event);
  void Apply(Instant now, NoteEvent& event);
  void Apply(Instant now, WorkerReportEvent& event);
  void Apply(Instant now, RunEndedEvent& event);
  void Apply(Instant now, PropertiesEvent& event);

  // Counts a verdict; false if the test had one.
  bool Settle(TestIndex test);
  // For sentences.
  std::string TheCoordinator() const;
  std::string HowToStartAgents() const;
  void SetAgents(Instant now, std::uint32_t agents);
  void CheckConnection(Instant now);
  void CheckAgents(Instant now);

  const RunClientOptions options_;
  ClientEffects& effects_;
  RunObserver& observer_;
  Submission submission_;
  TestTable tests_;
  absl::btree_set<SuiteIndex> refused_suites_;
  std::vector<DiscoveryError> errors_;

  Phase phase_ = Phase::kGreeting;
  Instant greeting_since_{};
  bool was_connected_ = false;
  Instant next_hello_{};
  Duration hello_back_off_{};
  Instant last_heard_{};
  Duration beat_interval_ = std::chrono::seconds(5);
  Instant next_beat_{};
  // When the oldest unanswered message is sent again.
  std::optional<Instant> ask_again_at_;
  Instant next_probe_{};

  std::uint64_t last_event_ = 0;
  Instant next_gap_question_{};
  // Output that came ahead of its attempt.
  absl::btree_map<OutputKey, CapturedOutput> output_;
  std::uint64_t output_bytes_ = 0;
  // Reports of workers of which the last piece has not come, by who told it.
  absl::btree_map<std::string, std::string> reports_;

  std::vector<bool> settled_;
  absl::btree_set<TestIndex> settled_extras_;
  std::uint64_t settled_count_ = 0;
  std::uint64_t extras_ = 0;
  std::uint64_t tests_told_ = 0;

  // Since when there is no agent, and whether that was said.
  std::optional<Instant> no_agent_since_;
  bool no_agent_said_ = false;
  bool had_agent_ = false;

  std::optional<std::string> cancel_reason_;
  Instant cancel_deadline_{};
  Instant next_cancel_{};

  RunEnd end_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_RUN_CLIENT_H_
