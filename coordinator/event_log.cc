#include "coordinator/event_log.h"

#include <algorithm>
#include <utility>

#include "common/wire/codec.h"

namespace paceline {
namespace {

// Leaves room for what is around the events of a message.
constexpr std::size_t kMessageBytes = std::size_t{192} * 1024;

}  // namespace

void EventLog::Add(Event event, std::uint64_t record) {
  Entry& entry = entries_.emplace_back();
  entry.bytes = static_cast<std::uint32_t>(EncodedBound(event));
  entry.event = std::move(event);
  entry.record = record;
}

std::optional<Events> EventLog::Next(RunId run, std::uint64_t committed) const {
  if (in_flight_bytes_ >= kMaxInFlightBytes) {
    return std::nullopt;
  }
  Events message{run, next_, {}};
  std::size_t bytes = 0;
  for (std::size_t i = next_ - first_; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.record > committed || message.events.size() == kMaxNamed ||
        (!message.events.empty() && bytes + entry.bytes > kMessageBytes)) {
      break;
    }
    bytes += entry.bytes;
    message.events.push_back(entry.event);
  }
  if (message.events.empty()) {
    return std::nullopt;
  }
  return message;
}

void EventLog::Sent(const Events& events) {
  for (std::size_t i = 0; i < events.events.size(); ++i) {
    in_flight_bytes_ += entries_[next_ - first_].bytes;
    ++next_;
  }
}

void EventLog::Acknowledge(std::uint64_t through) {
  // What was not sent cannot have been seen.
  while (first_ <= through && first_ < next_) {
    in_flight_bytes_ -= entries_.front().bytes;
    entries_.pop_front();
    ++first_;
  }
}

void EventLog::Rewind(std::uint64_t last) {
  // What the client has seen was sent, if not by us, then by whoever wrote the
  // journal that we have read.
  while (next_ <= std::min(last, this->last())) {
    in_flight_bytes_ += entries_[next_ - first_].bytes;
    ++next_;
  }
  Acknowledge(last);
  const std::uint64_t to = std::clamp(last + 1, first_, next_);
  while (next_ > to) {
    --next_;
    in_flight_bytes_ -= entries_[next_ - first_].bytes;
  }
}

}  // namespace paceline
