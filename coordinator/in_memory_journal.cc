#include "coordinator/in_memory_journal.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace paceline {
namespace {

// Whether `record` is about `run` and nothing else.
bool BelongsTo(const Record& record, RunId run) {
  struct {
    RunId run;
    bool operator()(const EpochRaised&) const { return false; }
    // Says how much of an agent's outbox is kept, whatever its items are about.
    bool operator()(const ResultsKept&) const { return false; }
    bool operator()(const OutputKept&) const { return false; }
    bool operator()(const PartAdded& r) const { return r.part.run == run; }
    bool operator()(const RunClosed& r) const { return r.complete.run == run; }
    bool operator()(const RunOpened& r) const { return r.run == run; }
    bool operator()(const LeaseGranted& r) const { return r.run == run; }
    bool operator()(const LeaseEnded& r) const { return r.run == run; }
    bool operator()(const RunCancelled& r) const { return r.run == run; }
    bool operator()(const RunForgotten& r) const { return r.run == run; }
  } visitor{run};
  return std::visit(visitor, record);
}

RunId RunOf(const ResultItem& item) {
  return std::visit([](const auto& i) { return i.run; }, item);
}

}  // namespace

std::uint64_t InMemoryJournal::Append(const Record& record) {
  if (retention_ == Retention::kUntilForgotten) {
    if (const auto* forgotten = std::get_if<RunForgotten>(&record)) {
      Forget(forgotten->run);
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

void InMemoryJournal::Forget(RunId run) {
  std::vector<Token> tokens;
  for (const Record& record : records_) {
    if (const auto* granted = std::get_if<LeaseGranted>(&record);
        granted != nullptr && granted->run == run) {
      tokens.push_back(granted->token);
    }
  }
  std::sort(tokens.begin(), tokens.end());
  for (Record& record : records_) {
    if (auto* kept = std::get_if<ResultsKept>(&record)) {
      // The numbers of what is dropped still count as kept.
      for (ResultItem& item : kept->results.items) {
        if (RunOf(item) == run) {
          item = NoteItem{run, ""};
        }
      }
    }
  }
  records_.erase(std::remove_if(records_.begin(), records_.end(),
                                [&](const Record& record) {
                                  if (const auto* output =
                                          std::get_if<OutputKept>(&record)) {
                                    return std::binary_search(
                                        tokens.begin(), tokens.end(),
                                        output->output.token);
                                  }
                                  return BelongsTo(record, run);
                                }),
                 records_.end());
}

}  // namespace paceline
