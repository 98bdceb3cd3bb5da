// The journal's thread: commits, restarts, and a disk that is full for a while.

#include "coordinator/durable_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/sqlite.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

RunId MakeRun(std::uint8_t number) {
  RunId run;
  run.bytes = {number};
  return run;
}

class DurableJournalTest : public testing::Test {
 protected:
  std::string path() const { return scratch_.path() + "/journal"; }

  std::unique_ptr<DurableJournal> Open() {
    auto journal =
        DurableJournal::Open({.path = path(), .on_change = [this] {
                                const std::lock_guard<std::mutex> lock(mutex_);
                                changed_.notify_all();
                              }});
    EXPECT_THAT(journal, IsOk());
    return journal.ok() ? *std::move(journal) : nullptr;
  }
  // The kinds of what is read back, in order.
  static std::vector<std::size_t> Load(DurableJournal& journal) {
    std::vector<std::size_t> kinds;
    EXPECT_THAT(journal.Load([&kinds](const Record& record) {
      kinds.push_back(record.index());
      return absl::OkStatus();
    }),
                IsOk());
    return kinds;
  }
  // Whether `what` comes true, woken by on_change alone.
  bool Comes(const std::function<bool()>& what) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), what);
  }

  const ScratchDir scratch_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

TEST_F(DurableJournalTest, WhatIsCommittedIsReadBackByTheNextLife) {
  {
    const auto journal = Open();
    EXPECT_THAT(Load(*journal), IsEmpty());
    EXPECT_EQ(journal->Append(EpochRaised{1}), 1U);
    EXPECT_EQ(journal->Append(RunOpened{MakeRun(1), {}}), 2U);
    EXPECT_THAT(journal->Sync(), IsOk());
    EXPECT_EQ(journal->committed(), 2U);
  }
  const auto journal = Open();
  EXPECT_THAT(Load(*journal), ElementsAre(Record(EpochRaised{}).index(),
                                          Record(RunOpened{}).index()));
  // Numbers are of this life.
  EXPECT_EQ(journal->Append(EpochRaised{2}), 1U);
  EXPECT_THAT(journal->Sync(), IsOk());
  EXPECT_EQ(journal->committed(), 1U);
}

TEST_F(DurableJournalTest, ACommitIsTold) {
  const auto journal = Open();
  Load(*journal);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    EXPECT_EQ(journal->Append(EpochRaised{static_cast<std::uint32_t>(i)}), i);
  }
  EXPECT_TRUE(Comes([&] { return journal->committed() == 100; }));
}

TEST_F(DurableJournalTest, WhoStopsWritesWhatWasAppended) {
  {
    const auto journal = Open();
    Load(*journal);
    journal->Append(EpochRaised{1});
  }
  EXPECT_THAT(Load(*Open()), ElementsAre(Record(EpochRaised{}).index()));
}

TEST_F(DurableJournalTest, AFullDiskIsToldAndNothingIsLostWhenItPasses) {
  const auto journal = Open();
  Load(*journal);
  journal->Append(RunOpened{MakeRun(1), {}});
  EXPECT_THAT(journal->Sync(), IsOk());
  {
    const FileSizeLimit limit(4096);
    journal->Append(RunCancelled{MakeRun(1), "enough"});
    EXPECT_THAT(journal->Sync(),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr(path())));
    EXPECT_TRUE(journal->failing());
    EXPECT_EQ(journal->committed(), 1U);
    journal->Append(EpochRaised{2});
  }
  EXPECT_TRUE(Comes([&] { return journal->committed() == 3; }));
  EXPECT_FALSE(journal->failing());
  EXPECT_THAT(journal->state(), IsOk());
}

TEST_F(DurableJournalTest, ARecordThatCannotBeReadIsDamage) {
  {
    const auto journal = Open();
    Load(*journal);
    journal->Append(EpochRaised{1});
  }
  {
    sqlite::Database database;
    ASSERT_EQ(database.Open(path(), 2 /* SQLITE_OPEN_READWRITE */), 0);
    ASSERT_EQ(database.Run("UPDATE record SET bytes = x'c1'"), 0);
  }
  const auto journal = Open();
  EXPECT_THAT(journal->Load([](const Record&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(path())));
}

}  // namespace
}  // namespace paceline
