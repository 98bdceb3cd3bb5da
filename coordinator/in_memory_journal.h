// A journal that lives as long as its object.
//
// For a coordinator whose runs may end with its process it keeps nothing: each
// record counts as committed at once, and costs no memory. Where a coordinator
// is restarted over the same journal (the simulation, tests) it keeps all
// records of runs that are not forgotten.

#ifndef PACELINE_COORDINATOR_IN_MEMORY_JOURNAL_H_
#define PACELINE_COORDINATOR_IN_MEMORY_JOURNAL_H_

#include <cstdint>
#include <vector>

#include "coordinator/journal.h"

namespace paceline {

class InMemoryJournal final : public Journal {
 public:
  enum class Retention : std::uint8_t { kNothing, kUntilForgotten };

  explicit InMemoryJournal(Retention retention) : retention_(retention) {}

  std::uint64_t Append(const Record& record) override;
  std::uint64_t committed() const override { return appended_; }
  bool failing() const override { return false; }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::Status Load(absl::FunctionRef<void(const Record&)> visit) override;

  const std::vector<Record>& records() const { return records_; }

 private:
  Retention retention_;
  std::uint64_t appended_ = 0;
  std::vector<Record> records_;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_IN_MEMORY_JOURNAL_H_
