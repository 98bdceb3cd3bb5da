// A value that changes with records, as far as they are committed.
//
// What is told of it to anybody is what Get says: a coordinator that dies and
// reads its journal again knows no less. Pure state.

#ifndef PACELINE_COORDINATOR_KEPT_VALUE_H_
#define PACELINE_COORDINATOR_KEPT_VALUE_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace paceline {

template <typename T>
class KeptValue {
 public:
  // It is `value` once `record` is committed, and all values before have been.
  void Set(T value, std::uint64_t record, std::uint64_t committed) {
    Get(committed);
    if (!waiting_.empty()) {
      record = std::max(record, waiting_.back().first);
    }
    if (record <= committed) {
      kept_ = std::move(value);
    } else if (!waiting_.empty() && waiting_.back().first == record) {
      waiting_.back().second = std::move(value);
    } else {
      waiting_.emplace_back(record, std::move(value));
    }
  }

  // Whether a value waits for its record.
  bool waits(std::uint64_t committed) const {
    return !waiting_.empty() && waiting_.back().first > committed;
  }
  // The newest value whose record is committed; nothing before the first.
  const std::optional<T>& Get(std::uint64_t committed) {
    while (!waiting_.empty() && waiting_.front().first <= committed) {
      kept_ = std::move(waiting_.front().second);
      waiting_.pop_front();
    }
    return kept_;
  }

 private:
  std::optional<T> kept_;
  std::deque<std::pair<std::uint64_t, T>> waiting_;  // by record
};

// Numbers that are acknowledged as the records behind them are committed.
class AckQueue {
 public:
  // All up to `number` is kept once `record` is committed.
  void Add(std::uint64_t number, std::uint64_t record,
           std::uint64_t committed) {
    numbers_.Set(number, record, committed);
  }
  bool waits(std::uint64_t committed) const {
    return numbers_.waits(committed);
  }
  // What was said may have been lost: say it again.
  void Repeat() { again_ = true; }

  const std::optional<std::uint64_t>& Get(std::uint64_t committed) {
    return numbers_.Get(committed);
  }
  // What is to be said now, if anything. Told says that it was.
  std::optional<std::uint64_t> Due(std::uint64_t committed) {
    const std::optional<std::uint64_t>& kept = numbers_.Get(committed);
    return again_ || kept != told_ ? kept : std::nullopt;
  }
  void Told(std::uint64_t number) {
    told_ = number;
    again_ = false;
  }

 private:
  KeptValue<std::uint64_t> numbers_;
  std::optional<std::uint64_t> told_;
  bool again_ = false;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_KEPT_VALUE_H_
