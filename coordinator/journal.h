// What the coordinator writes down, and the seam to where it is kept.
//
// Every change of a run is a record, applied by the same code when it happens
// and when a restarted coordinator reads it back; decisions that depend on
// anything else (who asked, what the time was) are in the record. What a
// record changes is told to nobody before the record is committed.
//
// A record is about one run, or about none; a durable journal keeps each as a
// row (number, run, bytes), the bytes being EncodeRecord's, so that a run's
// rows can be deleted together when it is forgotten.

#ifndef PACELINE_COORDINATOR_JOURNAL_H_
#define PACELINE_COORDINATOR_JOURNAL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "common/base/ids.h"
#include "common/model/manifest.h"
#include "common/wire/messages.h"
#include "coordinator/resource_pools.h"

namespace paceline {

// A life of the coordinator begins; its tokens bear this epoch.
struct EpochRaised {
  std::uint32_t epoch = 0;
};

struct RunOpened {
  RunId run;
  RunOptions options;
};

struct PartAdded {
  SubmitPart part;
};

struct RunClosed {
  SubmitComplete complete;
};

struct LeaseGranted {
  Token token;
  RunId run;
  UnitId unit{};
  std::optional<UnitId> parent;
  SuiteIndex suite{};
  // What the unit needs; its holder, with fewer, gives it all it has.
  std::uint32_t wanted_slots = 1;
  std::uint32_t slots = 1;
  Duration predicted{};
  std::vector<std::pair<TestIndex, std::uint32_t>> tests;  // with attempt
  ResourceAllocation resources;
  InstanceId holder;
  std::string agent;
  std::string host;
};

struct OutputKept {
  RunId run;
  InstanceId holder;
  Output output;
};

// Neighbours in an agent's outbox that speak of one run.
struct ResultsKept {
  RunId run;
  InstanceId holder;
  // The agent was draining: what its units leave undone was taken from it.
  bool draining = false;
  std::uint64_t first = 1;  // the first item's number in the outbox
  std::vector<ResultItem> items;
};

// How a lease ended when no unit end told it.
enum class LeaseEnd : std::uint8_t {
  kReturned = 0,  // never started; nothing happened
  kLost = 1,      // its agent vanished; may have started
};

struct LeaseEnded {
  RunId run;
  Token token;
  LeaseEnd end = LeaseEnd::kReturned;
  // The agent had said that it would leave.
  bool drained = false;
  // For people: "agent lost", "agent stuck".
  std::string why;
};

struct RunCancelled {
  RunId run;
  std::string reason;
};

// The last event of the run is its end.
struct RunEnded {
  RunId run;
  // Agents that vanished before their workers had left.
  std::vector<std::string> unheard;
};

// The run's records are needed no more.
struct RunForgotten {
  RunId run;
};

// The client has seen the events up to `through`: written now and then, so that
// a coordinator that reads the run back need not hold them all again.
struct EventsSeen {
  RunId run;
  std::uint64_t through = 0;
};

using Record = std::variant<EpochRaised, RunOpened, PartAdded, RunClosed,
                            LeaseGranted, OutputKept, ResultsKept, LeaseEnded,
                            RunCancelled, RunEnded, RunForgotten, EventsSeen>;

// Nothing for a record that is about no run.
std::optional<RunId> RunOf(const Record& record);

class Journal {
 public:
  virtual ~Journal() = default;

  // Takes `record` down and returns its number: 1, 2, … in this object's life.
  // Never waits for a disk: the record is kept once committed() has reached
  // its number.
  virtual std::uint64_t Append(const Record& record) = 0;

  // The highest number such that it and all before it are kept. Whoever owns
  // the journal has the coordinator tick when it moves.
  virtual std::uint64_t committed() const = 0;

  // Whether nothing can be kept now, for a reason that may pass: a full disk.
  // Nothing is handed out meanwhile.
  virtual bool failing() const = 0;

  // Waits until all that was appended is kept: for a coordinator that does not
  // listen yet, and never after.
  //
  // Returns kDataLoss, in a sentence, if it cannot be kept.
  virtual absl::Status Sync() = 0;

  // Calls `visit` with every record kept by earlier lives, in order, until it
  // returns an error.
  //
  // Returns that error; kDataLoss, in a sentence, if what is kept cannot be
  // read.
  virtual absl::Status Load(absl::FunctionRef<absl::Status(Record)> visit) = 0;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_JOURNAL_H_
