// One run: its manifest, what of it is to be handed out, its verdicts and its
// events.
//
// Knows nothing of sessions and sends nothing: units go out through NextUnit,
// what became of them comes in, events gather in the log. Everything that
// comes in names the journal record behind it, and is told to the client only
// when that is committed. Pure state.

#ifndef PACELINE_COORDINATOR_RUN_H_
#define PACELINE_COORDINATOR_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/wire/manifest_digest.h"
#include "common/wire/messages.h"
#include "coordinator/constraint_graph.h"
#include "coordinator/event_log.h"
#include "coordinator/journal.h"
#include "coordinator/kept_value.h"
#include "coordinator/lease_table.h"
#include "coordinator/ledger.h"
#include "coordinator/options.h"
#include "coordinator/test_store.h"
#include "coordinator/unit_queue.h"

namespace paceline {

class Run {
 public:
  // A unit to be leased now.
  struct Unit {
    SuiteIndex suite{};
    std::vector<TestIndex> tests;
    std::optional<UnitId> parent;
    Duration predicted{};
    std::uint32_t slots = 1;
    std::vector<EnvEdit> env;
    ResourceAllocation resources;
    std::string avoid;  // the agent that is not to have it, while others are
  };

  Run(RunId id, RunOptions options, const CoordinatorOptions& coordinator,
      Instant now);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  RunId id() const { return id_; }
  const RunOptions& options() const { return options_; }
  Instant opened_at() const { return opened_at_; }

  // ---- the manifest
  std::uint32_t parts() const { return parts_; }
  bool closed() const { return closed_; }
  // Takes the next part.
  //
  // Returns kInvalidArgument, and takes nothing, if the part contradicts what
  // is there.
  absl::Status CheckPart(const SubmitPart& part) const;
  void AddPart(SubmitPart part, std::uint64_t record);
  // Returns kInvalidArgument if `complete` is not about what was kept.
  absl::Status CheckComplete(const SubmitComplete& complete) const;
  void Close(const SubmitComplete& complete, std::uint64_t record);

  // ---- handing out
  // The next unit, if one may go out now: one that need not avoid `agent`, if
  // that is not empty.
  std::optional<Unit> NextUnit(std::uint32_t fleet_slots,
                               std::optional<SuiteIndex> warm,
                               absl::string_view agent = "");
  // Whether the last NextUnit found nothing for its agent that another might
  // have.
  bool avoided() const {
    return !ended_ && (queue_->avoided() || graph_->avoided());
  }
  // As NextUnit, of a unit that went out in an earlier life.
  //
  // CheckTaken returns kDataLoss if it could not have gone out now.
  absl::Status CheckTaken(const LeaseGranted& granted) const;
  void Take(const LeaseGranted& granted);
  // Whether `test` is in the constraint graph.
  bool constrained(TestIndex test) const { return graph_->contains(test); }
  LeasedTest Describe(TestIndex test) const;
  const SuiteSpec& SuiteOf(SuiteIndex suite) const {
    return store_.suite(suite);
  }
  // A lease of a unit of it was granted.
  void OnGranted(const LeaseState& lease, const InstanceId& holder);
  std::size_t leases() const { return open_leases_.size(); }
  const absl::btree_map<Token, const LeaseState*>& open_leases() const {
    return open_leases_;
  }
  // Of all its leases.
  std::uint64_t busy_slots() const { return busy_slots_; }
  // Tests that no agent holds.
  std::uint64_t queued() const {
    return ended_ ? 0 : queue_->size() + graph_->waiting();
  }

  // ---- what became of a lease
  void OnAttempt(LeaseState& lease, AttemptItem item, std::uint64_t record);
  void OnOutput(LeasedAttempt& attempt, Output output, std::uint64_t record);
  void OnExtra(LeaseState& lease, ExtraItem item, std::uint64_t record);
  void OnProperties(LeaseState& lease, PropertiesItem item,
                    std::uint64_t record);
  // The unit is over; `drained`: its agent is about to leave.
  void OnUnitEnd(LeaseState& lease, const UnitEndItem& item, bool drained,
                 std::uint64_t record);
  // It did not start and comes back.
  void OnReturned(LeaseState& lease, std::uint64_t record);
  // Its agent vanished; `drained`: it had said that it would leave.
  void OnLost(LeaseState& lease, bool drained, absl::string_view why,
              std::uint64_t record);
  void AddNote(std::string text, std::uint64_t record);
  // Whether item `number` of that agent's outbox is new here. An agent that was
  // taken for lost and comes back tells again what was kept of it, and of an
  // item without a token nothing else says so.
  bool TakesItem(const InstanceId& agent, std::uint64_t number);

  // ---- the last words of its workers
  void OnLateExtra(LateExtraItem item, const std::string& agent,
                   const std::string& host, std::uint64_t record);
  void OnWorkerReport(WorkerReportItem item, const std::string& agent,
                      std::uint64_t record);
  void OnLeft(const InstanceId& holder) { to_leave_.erase(holder); }
  // Agents, with their names, whose workers may still have something to say.
  const absl::btree_map<InstanceId, std::string>& to_leave() const {
    return to_leave_;
  }

  // ---- the end
  void Cancel(std::string reason, std::uint64_t record);
  bool cancelled() const { return cancel_reason_.has_value(); }
  const std::string& cancel_reason() const { return *cancel_reason_; }
  // Whether nothing is to come but the last words and the end.
  bool IsOver() const;
  // `unheard`: agents that vanished before their workers had left.
  void End(absl::Span<const std::string> unheard, std::uint64_t record);
  bool ended() const { return ended_; }
  // Set when enough tests have failed that the rest is to be cancelled.
  std::optional<std::string> TooManyFailures() const;

  const Ledger& ledger() const { return ledger_; }
  EventLog& events() { return events_; }
  const EventLog& events() const { return events_; }

  // ---- who watches; kept here for the coordinator, which looks at it
  struct Client {
    std::string peer;  // empty: gone
    Instant last_heard;
    Instant last_ack;
    AckQueue parts;  // 0: the run is open
    AckQueue complete;
    bool attach_reply_due = false;
    Instant next_progress;
    std::optional<Progress> last_progress;
    std::optional<Instant> ended_at;
    // What the journal has of the events that it has seen.
    std::uint64_t recorded_seen = 0;
    std::uint64_t recorded_seen_bytes = 0;
  };
  Client client;
  // Its place among the runs that go on, as the coordinator has filed it.
  std::optional<std::pair<std::uint64_t, RunId>> place;
  // When the agents in to_leave() are asked again, of a run that is over.
  Instant ask_to_leave_at{};

  // What is told to whoever asks for the fleet's status.
  struct Counts {
    std::uint64_t settled = 0;
    std::uint64_t bad = 0;
  };
  KeptValue<Counts> counts;

 private:
  void Tell(Event event, std::uint64_t record);
  // Whether so much that nobody reads has gathered that texts are left out: of
  // a run whose client has left it for good all else is kept until the end.
  bool LeavesOutTexts() const {
    return options_.detach && client.peer.empty() &&
           events_.bytes() >= max_unseen_bytes_;
  }
  Unit ConstrainedUnit(ConstraintGraph::Choice choice) const;
  // Gives `test` its verdict without an attempt.
  void SettleWithout(TestIndex test, Outcome outcome, std::string why,
                     std::uint64_t record);
  // Gives `test`, which nobody runs, the verdict it keeps in a cancelled run.
  void SettleCancelled(TestIndex test, std::uint64_t record);
  void OnVerdict(TestIndex test, Verdict verdict);
  void SettleUnrunnable(std::uint64_t record);
  void RetryAfter(const LeaseState& lease, TestIndex test,
                  std::vector<TestIndex>& again, std::uint64_t record);
  void ForgetLease(const LeaseState& lease);
  // What is to be run `again` is not for the agent `avoid`.
  void EndLease(LeaseState& lease, std::vector<TestIndex> again,
                std::string avoid);
  void TellGone(const LeaseState& lease, const LeasedAttempt& attempt,
                Outcome outcome, absl::string_view why,
                const Ledger::Decision& decision, std::uint64_t record);
  std::string EndReason() const;

  const RunId id_;
  const RunOptions options_;
  const Instant opened_at_;
  const std::size_t max_unseen_bytes_;

  TestStore store_;
  ManifestDigest digest_;
  std::uint32_t parts_ = 0;
  bool closed_ = false;
  std::vector<DiscoveryError> errors_;

  // Null once it has ended.
  std::unique_ptr<UnitQueue> queue_;
  std::unique_ptr<ConstraintGraph> graph_;
  absl::btree_map<Token, const LeaseState*> open_leases_;
  std::uint64_t busy_slots_ = 0;

  Ledger ledger_;
  EventLog events_;
  // Extras get their numbers after the manifest's, when that is closed.
  struct HeldExtra {
    SuiteIndex suite{};
    ExtraResult extra;
    std::uint32_t worker = 0;
    std::string agent;
    std::string host;
  };
  std::vector<HeldExtra> held_extras_;
  // How often each name was given to an extra of a suite.
  absl::flat_hash_map<std::pair<SuiteIndex, std::string>, std::uint32_t>
      extra_names_;
  // Found tests that were told, by suite and name.
  absl::flat_hash_set<std::pair<SuiteIndex, std::string>> found_;
  void TellExtra(HeldExtra held, std::uint64_t record);
  // Where it can have no number.
  void NoteExtra(const HeldExtra& held, std::uint64_t record);
  void TellHeldExtra(HeldExtra held, std::uint64_t record);
  std::string UniqueExtraName(SuiteIndex suite, std::string name);

  // The last item of each agent's outbox that is about this run.
  absl::btree_map<InstanceId, std::uint64_t> last_items_;
  absl::btree_map<InstanceId, std::string> to_leave_;
  std::optional<std::string> cancel_reason_;
  bool ended_ = false;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_RUN_H_
