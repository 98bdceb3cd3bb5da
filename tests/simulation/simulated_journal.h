// A journal that outlives its coordinator, commits late, and watches what is
// written and what is told.
//
// Records are kept as the bytes a durable journal would keep. A coordinator
// that dies loses what was not committed, but for some of it that just was.

#ifndef PACELINE_TESTS_SIMULATION_SIMULATED_JOURNAL_H_
#define PACELINE_TESTS_SIMULATION_SIMULATED_JOURNAL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/wire/messages.h"
#include "coordinator/journal.h"
#include "tests/simulation/event_queue.h"
#include "tests/simulation/random.h"

namespace paceline::simulation {

// What all lives of the coordinator have in common.
class JournalStore {
 public:
  struct Row {
    std::optional<RunId> run;
    std::string bytes;
  };

  void Commit(Row row, const Record& record);
  const std::deque<Row>& rows() const { return rows_; }

  // A life begins: what the last one did not commit never was.
  void BeginLife();
  // `record` is written by the life at hand, or read back.
  void Observe(const Record& record, bool written);
  // The events are told to a client.
  void ObserveTold(const Events& events);

  // Of a lease that is live in the life at hand.
  std::optional<RunId> RunOf(Token token) const;

  void Complain(std::string what) { wrong_.push_back(std::move(what)); }
  const std::vector<std::string>& wrong() const { return wrong_; }

 private:
  using TestKey = std::pair<RunId, TestIndex>;
  struct OpenLease {
    RunId run;
    InstanceId holder;
    std::vector<TestIndex> tests;
  };

  void End(Token token);
  void Release(RunId run, TestIndex test, Token token);

  std::deque<Row> rows_;
  // Of the life at hand.
  std::map<Token, OpenLease> open_;
  std::map<TestKey, Token> held_;
  std::set<Token> ended_;
  // Of all lives, kept or not.
  Token highest_;
  std::map<std::pair<RunId, std::uint64_t>, std::size_t> told_;
  std::map<RunId, std::uint64_t> told_through_;
  std::vector<std::string> wrong_;
};

class SimulatedJournal final : public Journal {
 public:
  // Commits take up to `slowest`; zero: none.
  SimulatedJournal(EventQueue* events, Random* random, JournalStore* store,
                   Duration slowest, std::function<void()> on_committed);
  // The process dies.
  ~SimulatedJournal() override;

  std::uint64_t Append(const Record& record) override;
  std::uint64_t committed() const override { return committed_; }
  bool failing() const override { return false; }
  absl::Status Sync() override;
  absl::Status Load(absl::FunctionRef<absl::Status(Record)> visit) override;

  // Complains if `message`, to an agent of that instance if it is to one, says
  // what is not committed.
  void ObserveTold(const Message& message,
                   const std::optional<InstanceId>& instance);

 private:
  void CommitThrough(std::uint64_t number);
  void Schedule();

  EventQueue* const events_;
  Random* const random_;
  JournalStore* const store_;
  const Duration slowest_;
  const std::function<void()> on_committed_;
  std::deque<Record> pending_;
  std::uint64_t appended_ = 0;
  std::uint64_t committed_ = 0;
  bool scheduled_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace paceline::simulation

#endif  // PACELINE_TESTS_SIMULATION_SIMULATED_JOURNAL_H_
