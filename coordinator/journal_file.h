// A coordinator's journal as a file: a SQLite database in WAL mode.
//
//   run     one row a run: its id, when it was opened and ended, and whether
//           its records are needed to go on
//   record  one row a record (coordinator/journal.h), by number
//
// Rows are only ever appended, and those of whole runs removed. Owned and used
// by one thread; coordinator/durable_journal.h has that thread.
//
// No network file system: SQLite's WAL needs memory that all who use the file
// share (https://www.sqlite.org/wal.html), and their locks cannot be trusted.

#ifndef PACELINE_COORDINATOR_JOURNAL_FILE_H_
#define PACELINE_COORDINATOR_JOURNAL_FILE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/fd.h"
#include "common/base/ids.h"
#include "coordinator/durability.h"
#include "coordinator/sqlite.h"

namespace paceline {

class JournalFile {
 public:
  using WallTime = std::chrono::system_clock::time_point;

  // The version of the tables that this program writes.
  static constexpr int kSchema = 1;

  // What a record means for its run.
  enum class Kind : std::uint8_t {
    kPlain,
    kOpens,    // the run's first
    kEnds,     // its last event is in it
    kForgets,  // its records are needed no more; holds no bytes
  };
  struct Row {
    std::uint64_t number = 0;  // greater than all before
    std::optional<RunId> run;
    Kind kind = Kind::kPlain;
    std::string bytes;
  };

  // Opens the journal at `path`, or makes it, and keeps others from doing so
  // until the object goes.
  //
  // Returns, in a sentence with the path and what to do: kFailedPrecondition if
  // another has it, a newer program wrote it, it is no journal or lies on a
  // network file system; kDataLoss if it is damaged; kUnavailable if it cannot
  // be opened or written.
  static absl::StatusOr<std::unique_ptr<JournalFile>> Open(
      const std::string& path, Durability durability);
  ~JournalFile();

  // The greatest number that was ever given.
  std::uint64_t last_number() const { return last_number_; }

  // Calls `visit` with each record of the runs that are not forgotten, and of
  // no run, in order, until it returns an error.
  //
  // Returns that error; kDataLoss or kUnavailable, in a sentence.
  absl::Status Load(
      absl::FunctionRef<absl::Status(absl::string_view bytes)> visit);

  // Writes all of `rows` or, when it returns an error, none: kUnavailable in a
  // sentence where trying again may help, kDataLoss where it will not.
  absl::Status Write(absl::Span<const Row> rows, WallTime now);

  // Removes some rows of forgotten runs beyond `keep`, the oldest first.
  // Returns whether more are to go.
  absl::StatusOr<bool> Prune(const JournalKeep& keep);

 private:
  JournalFile(std::string path, Fd lock, sqlite::Database database);

  absl::Status Prepare(Durability durability);
  absl::Status MakeTables();
  absl::StatusOr<std::uint64_t> Ask(absl::string_view sql);
  // Of runs, the number of their first record, which names them in the tables.
  using RunNumbers = absl::flat_hash_map<RunId, std::uint64_t>;
  // `changed` gets what the rows make of `runs_`; 0: not there any more.
  absl::Status InsertAll(absl::Span<const Row> rows, WallTime now,
                         RunNumbers& changed);
  // Of the row's run, `run` in the tables. Returns SQLite's code.
  int ChangeRun(const Row& row, std::uint64_t run, WallTime now);
  absl::Status Failed(int code) const;

  const std::string path_;
  const Fd lock_;
  sqlite::Database database_;
  sqlite::Statement insert_;
  std::uint64_t last_number_ = 0;
  RunNumbers runs_;  // those that are not forgotten
  // The run whose rows are being removed, and all before this number are.
  std::uint64_t pruned_run_ = 0;
  std::uint64_t pruned_to_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_JOURNAL_FILE_H_
