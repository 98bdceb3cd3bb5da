#include "coordinator/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"

namespace paceline {
namespace {

// "PACE": tells a journal from other databases (PRAGMA application_id).
constexpr std::uint64_t kApplication = 0x50414345;

// Of each run that is pruned, at once: a millisecond or two.
constexpr std::uint64_t kPrunedAtOnce = 2000;

// Into the database after so many pages of 4 KiB. SQLite's own 1,000 makes a
// busy coordinator sync its disk several times a second.
constexpr char kSettings[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA wal_autocheckpoint = 8000;"
    "PRAGMA journal_size_limit = 67108864;"
    "PRAGMA temp_store = MEMORY;";

constexpr char kTables[] =
    "PRAGMA auto_vacuum = INCREMENTAL;"
    "BEGIN IMMEDIATE;"
    "CREATE TABLE run("
    "  first INTEGER PRIMARY KEY,"  // the number of its first record
    "  run BLOB NOT NULL,"
    "  opened_ms INTEGER NOT NULL,"
    "  ended_ms INTEGER,"
    "  last INTEGER);"  // all its records are below; NULL: not forgotten
    "CREATE TABLE record("
    "  number INTEGER PRIMARY KEY,"
    "  run INTEGER NOT NULL,"  // run.first; 0: of none
    "  bytes BLOB NOT NULL);"
    "PRAGMA application_id = 1346454341;"
    "PRAGMA user_version = 1;"
    "COMMIT;";
static_assert(kApplication == 1346454341 && JournalFile::kSchema == 1);

std::uint64_t Milliseconds(JournalFile::WallTime time) {
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::milliseconds>(
          time.time_since_epoch())
          .count();
  return static_cast<std::uint64_t>(
      std::max(since_epoch, decltype(since_epoch){0}));
}

// The kernel's numbers (statfs(2), linux/magic.h and fs/smb/client).
bool IsNetworkFileSystem(const std::string& directory) {
  struct statfs info {};
  if (statfs(directory.c_str(), &info) != 0) {
    return false;  // opening a file there says what is wrong
  }
  switch (static_cast<std::uint32_t>(info.f_type)) {
    case 0x6969:      // NFS
    case 0x517B:      // SMB
    case 0xFF534D42:  // CIFS
    case 0xFE534D42:  // SMB2
    case 0x5346414F:  // AFS
    case 0x73757245:  // Coda
    case 0x00C36400:  // Ceph
    case 0x01021997:  // 9P
    case 0x0BD00BD0:  // Lustre
    case 0x47504653:  // GPFS
      return true;
    default:
      return false;
  }
}

absl::StatusOr<Fd> Lock(const std::string& path) {
  const std::string name = absl::StrCat(path, ".lock");
  Fd file(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) {
    return absl::UnavailableError(absl::StrCat(
        "the journal cannot be opened: ", name, ": ", std::strerror(errno),
        "; name a place that can be written with --journal"));
  }
  if (flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
    return file;
  }
  if (errno != EWOULDBLOCK) {
    return absl::UnavailableError(absl::StrCat(
        "the journal cannot be locked: ", name, ": ", std::strerror(errno)));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the journal ", path,
      " is in use by another coordinator; stop that one, or name another "
      "journal with --journal"));
}

}  // namespace

JournalFile::JournalFile(std::string path, Fd lock, sqlite::Database database)
    : path_(std::move(path)),
      lock_(std::move(lock)),
      database_(std::move(database)) {}

JournalFile::~JournalFile() = default;

absl::Status JournalFile::Failed(int code) const {
  const std::string why = database_.message();
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
      return absl::DataLossError(absl::StrCat(
          "the journal ", path_, " is damaged (", why,
          "); put back a copy of it, or move it away to begin without one"));
    case SQLITE_READONLY:
      return absl::UnavailableError(absl::StrCat(
          "the journal ", path_, " cannot be written: ", why,
          "; let this user write it, or name another with --journal"));
    case SQLITE_FULL:
      return absl::UnavailableError(absl::StrCat("the journal ", path_,
                                                 " cannot be written: ", why,
                                                 "; make room on its disk"));
    default:
      return absl::UnavailableError(absl::StrCat(
          "the journal ", path_, " cannot be read or written: ", why));
  }
}

absl::StatusOr<std::unique_ptr<JournalFile>> JournalFile::Open(
    const std::string& path, Durability durability) {
  const std::filesystem::path parent =
      std::filesystem::absolute(path).parent_path();
  std::error_code ignored;  // opening the lock says what is wrong
  std::filesystem::create_directories(parent, ignored);
  if (IsNetworkFileSystem(parent)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the journal ", path,
        " would lie on a network file system, where it "
        "is not safe; name a place on a disk of this machine with --journal"));
  }
  PACELINE_ASSIGN_OR_RETURN(Fd lock, Lock(path));
  // Outputs of tests are nobody else's; SQLite gives its other files the same
  // mode.
  Fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)).Reset();
  sqlite::Database database;
  // The connection is of one thread.
  const int code = database.Open(
      path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX);
  auto file = std::unique_ptr<JournalFile>(
      new JournalFile(path, std::move(lock), std::move(database)));
  if (code != SQLITE_OK) {
    return file->Failed(code);
  }
  PACELINE_RETURN_IF_ERROR(file->Prepare(durability));
  return file;
}

absl::Status JournalFile::Prepare(Durability durability) {
  // The first look at what is there.
  PACELINE_ASSIGN_OR_RETURN(const std::uint64_t application,
                            Ask("PRAGMA application_id"));
  PACELINE_ASSIGN_OR_RETURN(const std::uint64_t version,
                            Ask("PRAGMA user_version"));
  PACELINE_ASSIGN_OR_RETURN(const std::uint64_t pages,
                            Ask("PRAGMA page_count"));
  const bool fresh = application == 0 && version == 0 && pages == 0;
  if (!fresh && application != kApplication) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_,
                     " is no journal of paceline; name another file "
                     "with --journal"));
  }
  if (version > kSchema) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the journal ", path_, " was written by a newer paceline (version ",
        version, ", this program knows ", kSchema,
        "); use that one, or another journal with --journal"));
  }
  if (fresh) {
    PACELINE_RETURN_IF_ERROR(MakeTables());
  }
  int code = database_.Run(kSettings);
  if (code == SQLITE_OK) {
    code = database_.Run(durability == Durability::kFull
                             ? "PRAGMA synchronous = FULL"
                             : "PRAGMA synchronous = NORMAL");
  }
  // A journal that can only be read is no use; better said now than at the
  // first record.
  if (code == SQLITE_OK) {
    code = database_.Run("BEGIN IMMEDIATE; COMMIT");
  }
  if (code == SQLITE_OK) {
    code = database_.Prepare(
        "INSERT INTO record(number, run, bytes) VALUES(?1, ?2, ?3)", insert_);
  }
  sqlite::Statement runs;
  if (code == SQLITE_OK) {
    code = database_.Prepare("SELECT run, first, last FROM run", runs);
  }
  if (code != SQLITE_OK) {
    return Failed(code);
  }
  for (code = runs.Step(); code == SQLITE_ROW; code = runs.Step()) {
    const absl::string_view bytes = runs.Bytes(0);
    RunId run;
    if (bytes.size() != run.bytes.size()) {
      return Failed(SQLITE_CORRUPT);
    }
    std::memcpy(run.bytes.data(), bytes.data(), run.bytes.size());
    last_number_ = std::max({last_number_, runs.Number(1), runs.Number(2)});
    if (runs.IsNull(2)) {
      runs_.emplace(run, runs.Number(1));
    }
  }
  if (code != SQLITE_DONE) {
    return Failed(code);
  }
  PACELINE_ASSIGN_OR_RETURN(const std::uint64_t last,
                            Ask("SELECT max(number) FROM record"));
  last_number_ = std::max(last_number_, last);
  return absl::OkStatus();
}

absl::Status JournalFile::MakeTables() {
  const int code = database_.Run(kTables);
  return code == SQLITE_OK ? absl::OkStatus() : Failed(code);
}

absl::StatusOr<std::uint64_t> JournalFile::Ask(absl::string_view sql) {
  sqlite::Statement ask;
  int code = database_.Prepare(sql, ask);
  if (code == SQLITE_OK) {
    code = ask.Step();
  }
  if (code != SQLITE_ROW) {
    return Failed(code);
  }
  return ask.Number(0);
}

absl::Status JournalFile::Load(
    absl::FunctionRef<absl::Status(absl::string_view bytes)> visit) {
  std::uint64_t first = std::numeric_limits<std::int64_t>::max();
  absl::flat_hash_set<std::uint64_t> wanted = {0};
  for (const auto& [run, number] : runs_) {
    first = std::min(first, number);
    wanted.insert(number);
  }
  // Epochs are of no run, and all count: there is one a life.
  sqlite::Statement rows;
  int code = database_.Prepare(
      "SELECT run, bytes FROM record WHERE number >= ?1 OR run = 0 "
      "ORDER BY number",
      rows);
  if (code != SQLITE_OK) {
    return Failed(code);
  }
  rows.Bind(1, first);
  for (code = rows.Step(); code == SQLITE_ROW; code = rows.Step()) {
    if (wanted.contains(rows.Number(0))) {
      PACELINE_RETURN_IF_ERROR(visit(rows.Bytes(1)));
    }
  }
  return code == SQLITE_DONE ? absl::OkStatus() : Failed(code);
}

absl::Status JournalFile::Write(absl::Span<const Row> rows, WallTime now) {
  // What the rows make of the runs, for when they are committed.
  RunNumbers changed;
  int code = database_.Run("BEGIN IMMEDIATE");
  absl::Status written =
      code == SQLITE_OK ? InsertAll(rows, now, changed) : Failed(code);
  if (written.ok()) {
    code = database_.Run("COMMIT");
    if (code != SQLITE_OK) {
      written = Failed(code);
    }
  }
  if (!written.ok()) {
    if (!database_.autocommit()) {
      // Fails only where there is nothing to take back.
      database_.Run("ROLLBACK");
    }
    return written;
  }
  for (const auto& [run, number] : changed) {
    if (number == 0) {
      runs_.erase(run);
    } else {
      runs_[run] = number;
    }
  }
  last_number_ = rows.empty() ? last_number_ : rows.back().number;
  return absl::OkStatus();
}

absl::Status JournalFile::InsertAll(absl::Span<const Row> rows, WallTime now,
                                    RunNumbers& changed) {
  for (const Row& row : rows) {
    std::uint64_t run = 0;
    if (row.kind == Kind::kOpens) {
      run = row.number;
      changed[*row.run] = run;
    } else if (row.run.has_value()) {
      const auto here = changed.find(*row.run);
      const auto before = runs_.find(*row.run);
      PACELINE_CHECK(here != changed.end() || before != runs_.end());
      run = here != changed.end() ? here->second : before->second;
    }
    int code = ChangeRun(row, run, now);
    if (row.kind == Kind::kForgets) {
      changed[*row.run] = 0;
    } else if (code == SQLITE_DONE) {
      code = insert_.Bind(1, row.number)
                 .Bind(2, run)
                 .BindBytes(3, row.bytes)
                 .Step();
    }
    if (code != SQLITE_DONE) {
      return Failed(code);
    }
  }
  return absl::OkStatus();
}

int JournalFile::ChangeRun(const Row& row, std::uint64_t run, WallTime now) {
  sqlite::Statement statement;
  int code = SQLITE_OK;
  switch (row.kind) {
    case Kind::kPlain:
      return SQLITE_DONE;
    case Kind::kOpens: {
      code = database_.Prepare(
          "INSERT INTO run(first, opened_ms, run) VALUES(?1, ?2, ?3)",
          statement);
      const auto* const id =
          reinterpret_cast<const char*>(row.run->bytes.data());
      statement.Bind(2, Milliseconds(now))
          .BindBytes(3, {id, row.run->bytes.size()});
      break;
    }
    case Kind::kEnds:
      code = database_.Prepare("UPDATE run SET ended_ms = ?2 WHERE first = ?1",
                               statement);
      statement.Bind(2, Milliseconds(now));
      break;
    case Kind::kForgets:
      code = database_.Prepare("UPDATE run SET last = ?2 WHERE first = ?1",
                               statement);
      statement.Bind(2, row.number);
      break;
  }
  return code == SQLITE_OK ? statement.Bind(1, run).Step() : code;
}

absl::StatusOr<bool> JournalFile::Prune(const JournalKeep& keep) {
  PACELINE_ASSIGN_OR_RETURN(
      const std::uint64_t forgotten,
      Ask("SELECT count(*) FROM run WHERE last IS NOT NULL"));
  PACELINE_ASSIGN_OR_RETURN(const std::uint64_t page, Ask("PRAGMA page_size"));
  PACELINE_ASSIGN_OR_RETURN(const std::uint64_t pages,
                            Ask("PRAGMA page_count"));
  PACELINE_ASSIGN_OR_RETURN(const std::uint64_t unused,
                            Ask("PRAGMA freelist_count"));
  if (forgotten == 0 ||
      (forgotten <= keep.runs && (pages - unused) * page <= keep.bytes)) {
    return false;
  }
  sqlite::Statement oldest;
  int code = database_.Prepare(
      "SELECT first, last FROM run WHERE last IS NOT NULL "
      "ORDER BY first LIMIT 1",
      oldest);
  if (code == SQLITE_OK) {
    code = oldest.Step();
  }
  if (code != SQLITE_ROW) {
    return Failed(code);
  }
  const std::uint64_t run = oldest.Number(0);
  const std::uint64_t last = oldest.Number(1);
  oldest.Reset();
  if (pruned_run_ != run) {
    pruned_run_ = run;
    pruned_to_ = run;
  }
  // By number and not by run, of which there is no index: most of what lies
  // between a run's first and last record is its own.
  const std::uint64_t to = std::min(pruned_to_ + kPrunedAtOnce, last);
  sqlite::Statement remove;
  code = database_.Prepare(
      "DELETE FROM record WHERE number BETWEEN ?1 AND ?2 AND run = ?3", remove);
  if (code == SQLITE_OK) {
    code = remove.Bind(1, pruned_to_).Bind(2, to).Bind(3, run).Step();
  }
  if (code == SQLITE_DONE && to == last) {
    code = database_.Prepare("DELETE FROM run WHERE first = ?1", remove);
    if (code == SQLITE_OK) {
      code = remove.Bind(1, run).Step();
    }
  }
  if (code != SQLITE_DONE) {
    return Failed(code);
  }
  pruned_to_ = to;
  code = database_.Run("PRAGMA incremental_vacuum(256)");
  return code == SQLITE_OK ? absl::StatusOr<bool>(true) : Failed(code);
}

}  // namespace paceline
