// SQLite's objects with owners, and no more of it than the journal needs.
//
// Codes are SQLite's extended result codes
// (https://www.sqlite.org/rescode.html).

#ifndef PACELINE_COORDINATOR_SQLITE_H_
#define PACELINE_COORDINATOR_SQLITE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace paceline::sqlite {

// A prepared statement. Move-only.
class Statement {
 public:
  Statement() = default;

  // Parameters are numbered from 1, columns from 0.
  Statement& Bind(int parameter, std::uint64_t value);
  // `bytes` is not copied: it stays until Step returns.
  Statement& BindBytes(int parameter, absl::string_view bytes);

  // SQLITE_ROW, SQLITE_DONE, or what is wrong. After anything but SQLITE_ROW it
  // can be bound and stepped anew.
  int Step();
  // Ends it before its last row.
  void Reset();

  std::uint64_t Number(int column) const;
  bool IsNull(int column) const;
  // Until the next Step.
  absl::string_view Bytes(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  // Of what could not be bound.
  int bound_ = 0;
};

// A connection. Move-only; used by one thread at a time.
class Database {
 public:
  Database() = default;

  // Opens the file at `path`; `flags` are SQLITE_OPEN_…. Returns the code;
  // what went wrong is in message() even then.
  int Open(const std::string& path, int flags);
  // Runs statements that give no rows.
  int Run(const char* sql);
  int Prepare(absl::string_view sql, Statement& statement);
  // Whether no transaction is open.
  bool autocommit() const;

  // About the last call that failed.
  std::string message() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace paceline::sqlite

#endif  // PACELINE_COORDINATOR_SQLITE_H_
