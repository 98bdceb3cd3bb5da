#include "coordinator/in_memory_journal.h"

#include <variant>

namespace paceline {

std::uint64_t InMemoryJournal::Append(const Record& record) {
  if (retention_ == Retention::kUntilForgotten) {
    if (const auto* forgotten = std::get_if<RunForgotten>(&record)) {
      std::erase_if(records_, [forgotten](const Record& one) {
        return RunOf(one) == forgotten->run;
      });
    } else {
      records_.push_back(record);
    }
  }
  return ++appended_;
}

absl::Status InMemoryJournal::Load(
    absl::FunctionRef<void(const Record&)> visit) {
  // A restarted coordinator appends while it reads.
  const std::vector<Record> records = records_;
  for (const Record& record : records) {
    visit(record);
  }
  return absl::OkStatus();
}

}  // namespace paceline
