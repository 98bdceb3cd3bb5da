// The journal of a coordinator whose runs may end with its process: it keeps
// nothing. Each record counts as committed at once, and costs no memory.

#ifndef PACELINE_COORDINATOR_IN_MEMORY_JOURNAL_H_
#define PACELINE_COORDINATOR_IN_MEMORY_JOURNAL_H_

#include <cstdint>

#include "coordinator/journal.h"

namespace paceline {

class InMemoryJournal final : public Journal {
 public:
  std::uint64_t Append(const Record& /*record*/) override {
    return ++appended_;
  }
  std::uint64_t committed() const override { return appended_; }
  bool failing() const override { return false; }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::Status Load(
      absl::FunctionRef<absl::Status(Record)> /*visit*/) override {
    return absl::OkStatus();
  }

 private:
  std::uint64_t appended_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_IN_MEMORY_JOURNAL_H_
