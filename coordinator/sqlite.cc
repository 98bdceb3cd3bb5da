#include "coordinator/sqlite.h"

#include <sqlite3.h>

namespace paceline::sqlite {

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement& Statement::Bind(int parameter, std::uint64_t value) {
  const int code = sqlite3_bind_int64(statement_.get(), parameter,
                                      static_cast<sqlite3_int64>(value));
  bound_ = bound_ == SQLITE_OK ? code : bound_;
  return *this;
}

Statement& Statement::BindBytes(int parameter, absl::string_view bytes) {
  // A null pointer would be NULL and not an empty blob.
  const int code = sqlite3_bind_blob64(statement_.get(), parameter,
                                       bytes.empty() ? "" : bytes.data(),
                                       bytes.size(), SQLITE_STATIC);
  bound_ = bound_ == SQLITE_OK ? code : bound_;
  return *this;
}

int Statement::Step() {
  int code = bound_;
  if (code == SQLITE_OK) {
    code = sqlite3_step(statement_.get());
  }
  if (code != SQLITE_ROW) {
    Reset();
  }
  return code;
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  bound_ = SQLITE_OK;
}

std::uint64_t Statement::Number(int column) const {
  return static_cast<std::uint64_t>(
      sqlite3_column_int64(statement_.get(), column));
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

absl::string_view Statement::Bytes(int column) const {
  const void* const bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? absl::string_view()
                          : absl::string_view(static_cast<const char*>(bytes),
                                              static_cast<std::size_t>(size));
}

void Database::Close::operator()(sqlite3* database) const {
  // Statements that outlive it keep it until they are gone.
  sqlite3_close_v2(database);
}

int Database::Open(const std::string& path, int flags) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
  database_.reset(opened);
  if (opened != nullptr) {
    sqlite3_extended_result_codes(opened, 1);
  }
  return code;
}

int Database::Run(const char* sql) {
  return sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
}

int Database::Prepare(absl::string_view sql, Statement& statement) {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(
      database_.get(), sql.data(), static_cast<int>(sql.size()),
      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  statement.statement_.reset(prepared);
  statement.bound_ = SQLITE_OK;
  return code;
}

bool Database::autocommit() const {
  return sqlite3_get_autocommit(database_.get()) != 0;
}

std::string Database::message() const {
  return database_ == nullptr ? sqlite3_errstr(SQLITE_NOMEM)
                              : sqlite3_errmsg(database_.get());
}

}  // namespace paceline::sqlite
