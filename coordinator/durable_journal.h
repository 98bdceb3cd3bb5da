// The journal of a coordinator whose runs outlive its process.
//
// A thread of its own writes what was appended, all that has gathered in one
// commit (group commit): the thread that appends never waits for the disk. When
// nothing can be written it says so and tries again; what was appended is kept
// in memory meanwhile.

#ifndef PACELINE_COORDINATOR_DURABLE_JOURNAL_H_
#define PACELINE_COORDINATOR_DURABLE_JOURNAL_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/journal.h"
#include "coordinator/journal_file.h"

namespace paceline {

class DurableJournal final : public Journal {
 public:
  struct Options {
    std::string path;
    Durability durability = Durability::kProcess;
    JournalKeep keep = {};
    // Called on the journal's thread after committed() or failing() changed.
    std::function<void()> on_change = [] {};
  };

  // Returns what JournalFile::Open does.
  static absl::StatusOr<std::unique_ptr<DurableJournal>> Open(Options options);
  // Writes what was appended, if that is possible now.
  ~DurableJournal() override;

  std::uint64_t Append(const Record& record) override;
  std::uint64_t committed() const override { return committed_.load(); }
  bool failing() const override { return failing_.load(); }
  // Returns kUnavailable or kDataLoss if the first try fails.
  absl::Status Sync() override;
  absl::Status Load(absl::FunctionRef<absl::Status(Record)> visit) override;

  // Why nothing can be written; OK while it can. Safe from any thread.
  absl::Status state() const;

 private:
  DurableJournal(Options options, std::unique_ptr<JournalFile> file);

  void Work();
  // Writes `rows`, and again until it works or nobody waits any more.
  bool WriteSome(const std::vector<JournalFile::Row>& rows);
  void SetState(absl::Status state);

  const Options options_;
  const std::uint64_t base_;  // the file's last number before this life

  // Of the thread that appends.
  std::uint64_t appended_ = 0;

  std::atomic<std::uint64_t> committed_{0};
  std::atomic<bool> failing_{false};

  mutable std::mutex mutex_;
  std::condition_variable appended_to_;
  std::condition_variable changed_;
  std::vector<JournalFile::Row> queue_;
  absl::Status state_;
  bool stopping_ = false;

  // Before Load returns of the caller's thread, and from then on of `worker_`.
  std::unique_ptr<JournalFile> file_;
  std::thread worker_;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_DURABLE_JOURNAL_H_
