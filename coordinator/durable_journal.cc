#include "coordinator/durable_journal.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "coordinator/record_codec.h"

namespace paceline {
namespace {

// What cannot be written is tried again after this.
constexpr auto kTryAgain = std::chrono::milliseconds(250);

JournalFile::Kind KindOf(const Record& record) {
  if (std::holds_alternative<RunOpened>(record)) {
    return JournalFile::Kind::kOpens;
  }
  if (std::holds_alternative<RunEnded>(record)) {
    return JournalFile::Kind::kEnds;
  }
  if (std::holds_alternative<RunForgotten>(record)) {
    return JournalFile::Kind::kForgets;
  }
  return JournalFile::Kind::kPlain;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DurableJournal>> DurableJournal::Open(
    Options options) {
  PACELINE_ASSIGN_OR_RETURN(
      std::unique_ptr<JournalFile> file,
      JournalFile::Open(options.path, options.durability));
  return std::unique_ptr<DurableJournal>(
      new DurableJournal(std::move(options), std::move(file)));
}

DurableJournal::DurableJournal(Options options,
                               std::unique_ptr<JournalFile> file)
    : options_(std::move(options)),
      base_(file->last_number()),
      file_(std::move(file)) {}

DurableJournal::~DurableJournal() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  appended_to_.notify_all();
  if (worker_.joinable()) {
    worker_.join();
  }
}

absl::Status DurableJournal::Load(
    absl::FunctionRef<absl::Status(Record)> visit) {
  const absl::Status loaded =
      file_->Load([&](absl::string_view bytes) -> absl::Status {
        absl::StatusOr<Record> record = DecodeRecord(bytes);
        const absl::Status status =
            record.ok() ? visit(*std::move(record)) : record.status();
        if (status.ok()) {
          return status;
        }
        return absl::DataLossError(absl::StrCat(
            "the journal ", options_.path, " is damaged (", status.message(),
            "); put back a copy of it, or move it away to begin without one"));
      });
  if (!worker_.joinable()) {
    worker_ = std::thread([this] { Work(); });
  }
  return loaded;
}

std::uint64_t DurableJournal::Append(const Record& record) {
  JournalFile::Row row;
  row.number = base_ + ++appended_;
  row.run = RunOf(record);
  row.kind = KindOf(record);
  if (row.kind != JournalFile::Kind::kForgets) {
    row.bytes = EncodeRecord(record);
  }
  bool first = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    first = queue_.empty();
    queue_.push_back(std::move(row));
  }
  if (first) {
    appended_to_.notify_one();
  }
  return appended_;
}

absl::Status DurableJournal::Sync() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(
      lock, [this] { return committed_.load() == appended_ || !state_.ok(); });
  return state_;
}

absl::Status DurableJournal::state() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return state_;
}

void DurableJournal::SetState(absl::Status state) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (state == state_) {
      return;
    }
    failing_.store(!state.ok());
    if (state.ok()) {
      Log(LogLevel::kInfo, "the journal can be written again");
    } else {
      Log(LogLevel::kError,
          absl::StrCat(state.message(),
                       "; nothing is handed out or acknowledged meanwhile"));
    }
    state_ = std::move(state);
  }
  changed_.notify_all();
  options_.on_change();
}

bool DurableJournal::WriteSome(const std::vector<JournalFile::Row>& rows) {
  while (true) {
    const absl::Status written =
        file_->Write(rows, std::chrono::system_clock::now());
    SetState(written);
    if (written.ok()) {
      return true;
    }
    std::unique_lock<std::mutex> lock(mutex_);
    if (appended_to_.wait_for(lock, kTryAgain, [this] { return stopping_; })) {
      return false;
    }
  }
}

void DurableJournal::Work() {
  std::vector<JournalFile::Row> rows;
  bool prune = true;
  while (true) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      appended_to_.wait(lock,
                        [&] { return stopping_ || prune || !queue_.empty(); });
      if (queue_.empty() && stopping_) {
        return;
      }
      rows.swap(queue_);
    }
    if (rows.empty()) {
      // Nothing else to do.
      const absl::StatusOr<bool> more = file_->Prune(options_.keep);
      if (!more.ok()) {
        Log(LogLevel::kWarning, more.status().message());
      }
      prune = more.ok() && *more;
      continue;
    }
    if (!WriteSome(rows)) {
      return;
    }
    for (const JournalFile::Row& row : rows) {
      prune = prune || row.kind == JournalFile::Kind::kForgets;
    }
    {
      // Under the lock, so that Sync does not miss it.
      const std::lock_guard<std::mutex> lock(mutex_);
      committed_.store(rows.back().number - base_);
    }
    rows.clear();
    changed_.notify_all();
    options_.on_change();
  }
}

}  // namespace paceline
