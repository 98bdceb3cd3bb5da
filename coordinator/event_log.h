// The numbered events of one run, kept until its client has seen them.
//
// An event is told only after the record behind it is committed, again after a
// cut, and forgotten when acknowledged. Pure state: it sends nothing itself.

#ifndef PACELINE_COORDINATOR_EVENT_LOG_H_
#define PACELINE_COORDINATOR_EVENT_LOG_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "common/base/ids.h"
#include "common/wire/messages.h"

namespace paceline {

class EventLog {
 public:
  // What may be on its way to a client without an acknowledgement.
  static constexpr std::size_t kMaxInFlightBytes = std::size_t{4} << 20;

  // `record` is the journal record that has to be committed before.
  void Add(Event event, std::uint64_t record);

  // The next message for the client, if one may go now.
  std::optional<Events> Next(RunId run, std::uint64_t committed) const;
  // What Next said was sent.
  void Sent(const Events& events);

  // Nothing that was sent was acknowledged in time: begins again with the
  // first message, and sends no other until that is acknowledged. Whoever is
  // slow is not helped by megabytes.
  void SendAgain();

  // The client has seen all up to `through`.
  void Acknowledge(std::uint64_t through);
  // The client has seen all up to `last`, and nothing after it is on its way.
  // Numbers that are forgotten or were never given are taken for the nearest.
  void Rewind(std::uint64_t last);

  std::uint64_t last() const { return first_ + entries_.size() - 1; }
  // As Acknowledge, of what an earlier life may have sent.
  void Seen(std::uint64_t through) {
    sent_ = std::max(sent_, std::min(through, last()));
    Acknowledge(through);
  }
  // Whether something waits for its record to be committed.
  bool waits(std::uint64_t committed) const {
    return next_ <= last() && entries_.back().record > committed;
  }
  // Whether something was sent and not acknowledged.
  bool in_flight() const { return next_ > first_; }
  // Whether the client has acknowledged all there is.
  bool empty() const { return entries_.empty(); }
  // Of memory, for all that was not acknowledged.
  std::size_t bytes() const { return bytes_; }
  // The greatest number that was acknowledged, and of how much memory all were.
  std::uint64_t seen() const { return first_ - 1; }
  std::uint64_t seen_bytes() const { return seen_bytes_; }

 private:
  struct Entry {
    Event event;
    std::uint64_t record = 0;
    std::uint32_t bytes = 0;
  };

  std::deque<Entry> entries_;
  std::uint64_t first_ = 1;  // the number of entries_.front()
  std::uint64_t next_ = 1;   // the next to send
  std::uint64_t sent_ = 0;   // the last that ever was
  std::size_t bytes_ = 0;
  std::size_t in_flight_bytes_ = 0;
  std::uint64_t seen_bytes_ = 0;
  bool one_message_ = false;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_EVENT_LOG_H_
