// The journal's file: what is kept, what is refused, and what damage does.

#include "coordinator/journal_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/file_size_limit.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = JournalFile::Kind;
using Row = JournalFile::Row;

constexpr JournalFile::WallTime kNow{};

RunId MakeRun(std::uint8_t number) {
  RunId run;
  run.bytes = {number};
  return run;
}

class JournalFileTest : public testing::Test {
 protected:
  std::string path() const { return scratch_.path() + "/journal"; }

  absl::StatusOr<std::unique_ptr<JournalFile>> TryOpen() const {
    return JournalFile::Open(path(), Durability::kProcess);
  }
  std::unique_ptr<JournalFile> Open() const {
    auto file = TryOpen();
    EXPECT_THAT(file, IsOk());
    return file.ok() ? *std::move(file) : nullptr;
  }
  static std::vector<std::string> Load(JournalFile& file) {
    std::vector<std::string> records;
    EXPECT_THAT(file.Load([&records](absl::string_view bytes) {
      records.emplace_back(bytes);
      return absl::OkStatus();
    }),
                IsOk());
    return records;
  }
  // Runs SQL on the file, as a stranger would.
  void Alter(const char* sql) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  std::uint64_t Rows() const {
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
    sqlite3_stmt* count = nullptr;
    sqlite3_prepare_v2(database, "SELECT count(*) FROM record", -1, &count,
                       nullptr);
    EXPECT_EQ(sqlite3_step(count), SQLITE_ROW);
    const auto rows =
        static_cast<std::uint64_t>(sqlite3_column_int64(count, 0));
    sqlite3_finalize(count);
    sqlite3_close(database);
    return rows;
  }

  const ScratchDir scratch_;
};

TEST_F(JournalFileTest, WhatWasWrittenIsReadBackInOrder) {
  {
    const auto file = Open();
    EXPECT_EQ(file->last_number(), 0U);
    EXPECT_THAT(Load(*file), IsEmpty());
    EXPECT_THAT(file->Write({{1, std::nullopt, Kind::kPlain, "epoch"},
                             {2, MakeRun(1), Kind::kOpens, "one opens"},
                             {3, MakeRun(2), Kind::kOpens, "two opens"}},
                            kNow),
                IsOk());
    EXPECT_THAT(
        file->Write({{4, MakeRun(1), Kind::kPlain, std::string("a\0b", 3)},
                     {5, MakeRun(2), Kind::kPlain, ""}},
                    kNow),
        IsOk());
  }
  const auto file = Open();
  EXPECT_EQ(file->last_number(), 5U);
  EXPECT_THAT(Load(*file), ElementsAre("epoch", "one opens", "two opens",
                                       std::string("a\0b", 3), ""));
  EXPECT_THAT(file->Write({{6, MakeRun(1), Kind::kEnds, "one ends"}}, kNow),
              IsOk());
}

TEST_F(JournalFileTest, AForgottenRunIsKeptAndNotReadBack) {
  {
    const auto file = Open();
    EXPECT_THAT(file->Write({{1, std::nullopt, Kind::kPlain, "epoch"},
                             {2, MakeRun(1), Kind::kOpens, "one"},
                             {3, MakeRun(2), Kind::kOpens, "two"},
                             {4, MakeRun(1), Kind::kEnds, "end"},
                             {5, MakeRun(1), Kind::kForgets, ""}},
                            kNow),
                IsOk());
    EXPECT_THAT(Load(*file), ElementsAre("epoch", "two"));
  }
  const auto file = Open();
  EXPECT_EQ(file->last_number(), 5U);
  EXPECT_THAT(Load(*file), ElementsAre("epoch", "two"));
  EXPECT_EQ(Rows(), 4U);
}

// A client may use the id of a run that was forgotten.
TEST_F(JournalFileTest, AnIdCanBeUsedAgain) {
  const auto file = Open();
  EXPECT_THAT(file->Write({{1, MakeRun(1), Kind::kOpens, "first"},
                           {2, MakeRun(1), Kind::kForgets, ""},
                           {3, MakeRun(1), Kind::kOpens, "second"}},
                          kNow),
              IsOk());
  EXPECT_THAT(file->Write({{4, MakeRun(1), Kind::kPlain, "more"}}, kNow),
              IsOk());
  EXPECT_THAT(Load(*file), ElementsAre("second", "more"));
}

TEST_F(JournalFileTest, OnlyTheNewestRunsAreKept) {
  const auto file = Open();
  std::uint64_t number = 0;
  for (std::uint8_t run = 1; run <= 5; ++run) {
    std::vector<Row> rows = {{++number, MakeRun(run), Kind::kOpens, "opens"}};
    for (int i = 0; i < 3000; ++i) {
      rows.push_back({++number, MakeRun(run), Kind::kPlain, "record"});
    }
    if (run != 1) {
      rows.push_back({++number, MakeRun(run), Kind::kForgets, ""});
    }
    EXPECT_THAT(file->Write(rows, kNow), IsOk());
  }
  // The first goes on; of the others two stay.
  int steps = 0;
  while (true) {
    const auto more = file->Prune({.runs = 2});
    ASSERT_THAT(more, IsOk());
    if (!*more) {
      break;
    }
    ASSERT_LT(++steps, 20);
  }
  EXPECT_EQ(Rows(), 3U * 3001);
  EXPECT_EQ(Load(*file).size(), 3001U);
  // Room is made where they take too much, and the run that goes on stays.
  while (*file->Prune({.runs = 50, .bytes = 1})) {
    ASSERT_LT(++steps, 20);
  }
  EXPECT_EQ(Rows(), 3001U);
  EXPECT_THAT(file->Write({{++number, MakeRun(1), Kind::kPlain, "more"}}, kNow),
              IsOk());
}

TEST_F(JournalFileTest, OnlyThisUserMayReadIt) {
  const auto file = Open();
  EXPECT_THAT(file->Write({{1, std::nullopt, Kind::kPlain, "epoch"}}, kNow),
              IsOk());
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat info {};
    ASSERT_EQ(stat((path() + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600U) << suffix;
  }
}

// ---- what is refused
// ---------------------------------------------------------

TEST_F(JournalFileTest, ASecondCoordinatorIsRefused) {
  auto first = Open();
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr(path()),
                                        HasSubstr("another coordinator"),
                                        HasSubstr("--journal"))));
  first.reset();
  EXPECT_THAT(TryOpen(), IsOk());
}

TEST_F(JournalFileTest, ANewerJournalIsRefused) {
  Open().reset();
  Alter("PRAGMA user_version = 7");
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr("newer"), HasSubstr("7"))));
}

TEST_F(JournalFileTest, AnotherDatabaseIsRefusedAndLeftAlone) {
  Alter("CREATE TABLE recipes(name TEXT)");
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("no journal of paceline")));
  Alter("INSERT INTO recipes VALUES('soup')");
}

TEST_F(JournalFileTest, WhatIsNoDatabaseIsRefused) {
  scratch_.Write("journal", std::string(5000, 'x'));
  EXPECT_THAT(TryOpen(),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr(path()), HasSubstr("move it away"))));
}

TEST_F(JournalFileTest, DamageIsNamed) {
  {
    const auto file = Open();
    std::vector<Row> rows = {{1, MakeRun(1), Kind::kOpens, "opens"}};
    for (std::uint64_t i = 2; i < 2000; ++i) {
      rows.push_back({i, MakeRun(1), Kind::kPlain, std::string(100, 'r')});
    }
    EXPECT_THAT(file->Write(rows, kNow), IsOk());
  }
  Alter("PRAGMA wal_checkpoint(TRUNCATE)");
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5 * 4096);
    file << std::string(std::size_t{20} * 4096, '\xff');
  }
  auto file = TryOpen();
  const absl::Status status =
      file.ok()
          ? (*file)->Load([](absl::string_view) { return absl::OkStatus(); })
          : file.status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                               AllOf(HasSubstr(path()), HasSubstr("damaged"))));
}

TEST_F(JournalFileTest, AJournalThatCanOnlyBeReadIsRefused) {
  Open().reset();
  // Root may write anything, so it is looked at as somebody else.
  ASSERT_EQ(chmod(path().c_str(), 0444), 0);
  ASSERT_EQ(chmod((path() + ".lock").c_str(), 0666), 0);
  ASSERT_EQ(chmod(scratch_.path().c_str(), 0755), 0);
  const bool root = getuid() == 0;
  if (root) {
    setfsuid(65534);
  }
  const auto file = TryOpen();
  if (root) {
    setfsuid(0);
  }
  EXPECT_THAT(file, StatusIs(absl::StatusCode::kUnavailable,
                             AllOf(HasSubstr(path()), HasSubstr("--journal"))));
}

TEST_F(JournalFileTest, APlaceThatDoesNotExistIsRefused) {
  scratch_.Write("file", "");
  EXPECT_THAT(
      JournalFile::Open(scratch_.path() + "/file/journal", Durability::kFull),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("file/journal")));
}

// ---- a full disk
// -------------------------------------------------------------

TEST_F(JournalFileTest, WhatCannotBeWrittenIsNotThereAndCanBeWrittenLater) {
  const auto file = Open();
  EXPECT_THAT(file->Write({{1, MakeRun(1), Kind::kOpens, "opens"}}, kNow),
              IsOk());
  const std::vector<Row> rows = {
      {2, MakeRun(1), Kind::kPlain, "small"},
      {3, MakeRun(1), Kind::kPlain, std::string(std::size_t{4} << 20, 'x')},
      {4, MakeRun(2), Kind::kOpens, "second"},
      {5, MakeRun(1), Kind::kForgets, ""}};
  {
    const FileSizeLimit limit(std::uint64_t{1} << 20);
    EXPECT_THAT(file->Write(rows, kNow),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr(path())));
    EXPECT_EQ(file->last_number(), 1U);
    EXPECT_THAT(Load(*file), ElementsAre("opens"));
  }
  EXPECT_THAT(file->Write(rows, kNow), IsOk());
  EXPECT_THAT(Load(*file), ElementsAre("second"));
}

}  // namespace
}  // namespace paceline
