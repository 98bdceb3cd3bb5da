#include "tests/simulation/simulated_journal.h"

#include <algorithm>
#include <functional>
#include <type_traits>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/wire/codec.h"
#include "coordinator/record_codec.h"

namespace paceline::simulation {

// ---- what all lives have in common -----------------------------------------

void JournalStore::Commit(Row row, const Record& record) {
  if (std::holds_alternative<RunForgotten>(record)) {
    std::erase_if(rows_,
                  [&row](const Row& other) { return other.run == row.run; });
  } else {
    rows_.push_back(std::move(row));
  }
}

void JournalStore::BeginLife() {
  open_.clear();
  held_.clear();
  ended_.clear();
}

std::optional<RunId> JournalStore::RunOf(Token token) const {
  const auto it = open_.find(token);
  return it == open_.end() ? std::nullopt : std::optional(it->second.run);
}

void JournalStore::Release(RunId run, TestIndex test, Token token) {
  const auto it = held_.find({run, test});
  if (it != held_.end() && it->second == token) {
    held_.erase(it);
  }
}

void JournalStore::End(Token token) {
  const auto it = open_.find(token);
  if (it == open_.end()) {
    return;
  }
  for (const TestIndex test : it->second.tests) {
    Release(it->second.run, test, token);
  }
  open_.erase(it);
  ended_.insert(token);
}

void JournalStore::Observe(const Record& record, bool written) {
  if (const auto* granted = std::get_if<LeaseGranted>(&record)) {
    if (ended_.contains(granted->token) || open_.contains(granted->token)) {
      Complain(absl::StrCat("lease ", ToString(granted->token),
                            " was granted a second time"));
    }
    if (written && granted->token <= highest_) {
      Complain(absl::StrCat("token ", ToString(granted->token), " comes after ",
                            ToString(highest_)));
    }
    highest_ = std::max(highest_, granted->token);
    OpenLease& lease = open_[granted->token];
    lease.run = granted->run;
    lease.holder = granted->holder;
    for (const auto& [test, attempt] : granted->tests) {
      lease.tests.push_back(test);
      if (!held_.try_emplace({granted->run, test}, granted->token).second) {
        Complain(absl::StrCat("test ", Value(test), " has two live leases"));
      }
    }
  } else if (const auto* end = std::get_if<LeaseEnded>(&record)) {
    if (!open_.contains(end->token)) {
      Complain(absl::StrCat("lease ", ToString(end->token),
                            " ends, and is not live"));
    }
    End(end->token);
  } else if (const auto* kept = std::get_if<ResultsKept>(&record)) {
    for (const ResultItem& item : kept->items) {
      if (const auto* attempt = std::get_if<AttemptItem>(&item)) {
        // A retry may go out before the rest of its unit has ended.
        const auto it = open_.find(attempt->token);
        if (it != open_.end() && it->second.holder == kept->holder) {
          Release(kept->run, attempt->test, attempt->token);
        }
      } else if (const auto* over = std::get_if<UnitEndItem>(&item)) {
        const auto it = open_.find(over->token);
        if (it != open_.end() && it->second.holder == kept->holder) {
          End(over->token);
        }
      }
    }
  }
}

void JournalStore::ObserveTold(const Events& events) {
  std::uint64_t& through = told_through_[events.run];
  if (events.first > through + 1) {
    Complain(absl::StrCat("event ", events.first, " was told after event ",
                          through));
  }
  for (std::size_t i = 0; i < events.events.size(); ++i) {
    const std::uint64_t number = events.first + i;
    const std::size_t hash = std::hash<std::string>()(
        Encode(Events{events.run, 1, {events.events[i]}}));
    const auto [it, first] =
        told_.try_emplace(std::pair(events.run, number), hash);
    if (!first && it->second != hash) {
      Complain(absl::StrCat("event ", number, " was another one before"));
    }
    through = std::max(through, number);
  }
}

// ---- one life --------------------------------------------------------------

SimulatedJournal::SimulatedJournal(EventQueue* events, Random* random,
                                   JournalStore* store, Duration slowest,
                                   std::function<void()> on_committed)
    : events_(events),
      random_(random),
      store_(store),
      slowest_(slowest),
      on_committed_(std::move(on_committed)) {
  store_->BeginLife();
}

SimulatedJournal::~SimulatedJournal() {
  // A commit may have been under way.
  CommitThrough(committed_ + random_->Between(0, pending_.size()));
}

std::uint64_t SimulatedJournal::Append(const Record& record) {
  store_->Observe(record, /*written=*/true);
  pending_.push_back(record);
  ++appended_;
  if (slowest_ == Duration::zero()) {
    CommitThrough(appended_);
  } else {
    Schedule();
  }
  return appended_;
}

void SimulatedJournal::Schedule() {
  if (scheduled_ || pending_.empty()) {
    return;
  }
  scheduled_ = true;
  // What comes while a group is being committed is of the next one.
  events_->After(
      random_->Between(std::chrono::microseconds(50), slowest_),
      [this, through = appended_, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired()) {
          scheduled_ = false;
          CommitThrough(through);
          on_committed_();
          Schedule();
        }
      });
}

void SimulatedJournal::CommitThrough(std::uint64_t number) {
  while (committed_ < number && !pending_.empty()) {
    const Record& record = pending_.front();
    store_->Commit({paceline::RunOf(record), EncodeRecord(record)}, record);
    pending_.pop_front();
    ++committed_;
  }
}

absl::Status SimulatedJournal::Sync() {
  CommitThrough(appended_);
  return absl::OkStatus();
}

absl::Status SimulatedJournal::Load(
    absl::FunctionRef<absl::Status(Record)> visit) {
  for (const JournalStore::Row& row : store_->rows()) {
    absl::StatusOr<Record> record = DecodeRecord(row.bytes);
    if (!record.ok()) {
      return record.status();
    }
    store_->Observe(*record, /*written=*/false);
    if (absl::Status status = visit(*std::move(record)); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

void SimulatedJournal::ObserveTold(const Message& message,
                                   const std::optional<InstanceId>& instance) {
  const auto told_early = [&](const Record& record) {
    if (const auto* ack = std::get_if<ResultAck>(&message)) {
      const auto* kept = std::get_if<ResultsKept>(&record);
      return kept != nullptr && instance == kept->holder &&
             kept->first <= ack->through;
    }
    if (const auto* part = std::get_if<PartKept>(&message)) {
      const auto* added = std::get_if<PartAdded>(&record);
      const auto* opened = std::get_if<RunOpened>(&record);
      return (added != nullptr && added->part.run == part->run &&
              added->part.part <= part->part) ||
             (opened != nullptr && opened->run == part->run);
    }
    if (const auto* reply = std::get_if<AttachReply>(&message)) {
      const auto* added = std::get_if<PartAdded>(&record);
      const auto* closed = std::get_if<RunClosed>(&record);
      return (added != nullptr && added->part.run == reply->run &&
              added->part.part <= reply->parts_kept) ||
             (closed != nullptr && closed->complete.run == reply->run &&
              reply->closed);
    }
    if (const auto* submit = std::get_if<SubmitKept>(&message)) {
      const auto* closed = std::get_if<RunClosed>(&record);
      return closed != nullptr && closed->complete.run == submit->run;
    }
    if (const auto* grant = std::get_if<Grant>(&message)) {
      const auto* granted = std::get_if<LeaseGranted>(&record);
      return granted != nullptr &&
             std::any_of(grant->leases.begin(), grant->leases.end(),
                         [granted](const Lease& lease) {
                           return lease.token == granted->token;
                         });
    }
    if (const auto* stop = std::get_if<Stop>(&message)) {
      const auto* cancelled = std::get_if<RunCancelled>(&record);
      return cancelled != nullptr &&
             std::any_of(stop->tokens.begin(), stop->tokens.end(),
                         [this, cancelled](const Token token) {
                           return store_->RunOf(token) == cancelled->run;
                         });
    }
    return false;
  };
  for (const Record& record : pending_) {
    if (told_early(record)) {
      store_->Complain(
          absl::StrCat(Name(message), " says what is not committed"));
      return;
    }
  }
}

}  // namespace paceline::simulation
