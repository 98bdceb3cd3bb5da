#include "coordinator/event_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/wire/codec.h"
#include "common/wire/text.h"

namespace paceline {
namespace {

// An event takes no more, so that a message of it alone can be sent.
constexpr std::size_t kMaxEventBytes = kMaxMessageBytes - 2 * kMaxEnvelopeBytes;
// What is kept of the prose of one that is too large.
constexpr std::size_t kKeptDetails = std::size_t{16} * 1024;

// One that cannot be sent would stop all that follow it for good. What makes it
// too large is left out, and that is said.
void MakeFit(Event& event) {
  const std::size_t bytes = EncodedBound(event);
  if (bytes <= kMaxEventBytes) {
    return;
  }
  if (auto* attempt = std::get_if<AttemptEvent>(&event)) {
    TestResult& result = attempt->result;
    result.properties.clear();
    result.report.clear();
    if (result.details.size() > kKeptDetails) {
      result.details = CutText(result.details, kKeptDetails);
    }
    absl::StrAppend(&result.details, "\n[the result took ", bytes,
                    " bytes: its properties and report were left out]");
  }
  if (EncodedBound(event) > kMaxEventBytes) {
    event = NoteEvent{
        absl::StrCat("an event of ", bytes, " bytes is too large to be told")};
  }
}

// Leaves room for what is around the events of a message.
constexpr std::size_t kMessageBytes = std::size_t{192} * 1024;

}  // namespace

void EventLog::Add(Event event, std::uint64_t record) {
  MakeFit(event);
  Entry& entry = entries_.emplace_back();
  entry.bytes = static_cast<std::uint32_t>(EncodedBound(event));
  entry.event = std::move(event);
  entry.record = record;
  bytes_ += entry.bytes + sizeof(Entry);
}

std::optional<Events> EventLog::Next(RunId run, std::uint64_t committed) const {
  if (in_flight_bytes_ >= kMaxInFlightBytes || (one_message_ && in_flight())) {
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
  sent_ = std::max(sent_, next_ - 1);
}

void EventLog::Acknowledge(std::uint64_t through) {
  // What was not sent cannot have been seen; what is to be sent again may.
  while (first_ <= std::min(through, sent_)) {
    if (first_ < next_) {
      in_flight_bytes_ -= entries_.front().bytes;
    } else {
      ++next_;
    }
    bytes_ -= entries_.front().bytes + sizeof(Entry);
    seen_bytes_ += entries_.front().bytes + sizeof(Entry);
    entries_.pop_front();
    ++first_;
    one_message_ = false;
  }
}

void EventLog::SendAgain() {
  next_ = first_;
  in_flight_bytes_ = 0;
  one_message_ = true;
}

void EventLog::Rewind(std::uint64_t last) {
  one_message_ = false;
  // What the client has seen was sent, if not by us, then by whoever wrote the
  // journal that we have read.
  while (next_ <= std::min(last, this->last())) {
    in_flight_bytes_ += entries_[next_ - first_].bytes;
    ++next_;
  }
  sent_ = std::max(sent_, next_ - 1);
  Acknowledge(last);
  const std::uint64_t to = std::clamp(last + 1, first_, next_);
  while (next_ > to) {
    --next_;
    in_flight_bytes_ -= entries_[next_ - first_].bytes;
  }
}

}  // namespace paceline
