// A journal of records as bytes that commits when a test says so, and outlives
// coordinators.

#ifndef PACELINE_TESTS_UNIT_COORDINATOR_LATE_JOURNAL_H_
#define PACELINE_TESTS_UNIT_COORDINATOR_LATE_JOURNAL_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/journal.h"
#include "coordinator/record_codec.h"

namespace paceline {

class LateJournal final : public Journal {
 public:
  // Whether commits wait for Commit.
  bool late = false;
  // Whether it says that nothing can be kept.
  bool full = false;
  std::vector<std::string> kept;

  std::uint64_t Append(const Record& record) override {
    pending_.push_back(EncodeRecord(record));
    ++appended_;
    if (!late) {
      Commit();
    }
    return appended_;
  }
  std::uint64_t committed() const override { return committed_; }
  bool failing() const override { return full; }
  absl::Status Sync() override {
    Commit();
    return absl::OkStatus();
  }
  absl::Status Load(absl::FunctionRef<absl::Status(Record)> visit) override {
    for (const std::string& bytes : kept) {
      absl::StatusOr<Record> record = DecodeRecord(bytes);
      const absl::Status status =
          record.ok() ? visit(*std::move(record)) : record.status();
      if (!status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  void Commit() {
    kept.insert(kept.end(), pending_.begin(), pending_.end());
    pending_.clear();
    committed_ = appended_;
  }
  // The records of one kind, committed or not, of all lives.
  template <typename R>
  std::vector<R> All() const {
    std::vector<R> all;
    for (const auto& list :
         {kept, std::vector<std::string>(pending_.begin(), pending_.end())}) {
      for (const std::string& bytes : list) {
        const absl::StatusOr<Record> record = DecodeRecord(bytes);
        EXPECT_TRUE(record.ok()) << record.status();
        if (const auto* one = std::get_if<R>(&*record)) {
          all.push_back(*one);
        }
      }
    }
    return all;
  }

  // The process dies and another one begins.
  void Restart() {
    pending_.clear();
    appended_ = 0;
    committed_ = 0;
  }

 private:
  std::deque<std::string> pending_;
  std::uint64_t appended_ = 0;
  std::uint64_t committed_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_TESTS_UNIT_COORDINATOR_LATE_JOURNAL_H_
