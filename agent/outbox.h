// What an agent has to say about its tests and has not been heard on yet.
//
// Every item gets a number, from 1 in the agent's life, and is kept until the
// coordinator has acknowledged it: acknowledged means journalled. A new
// session starts again from the first unacknowledged item, so a cut costs
// nothing but the bytes. Output too long for its result goes ahead of it in
// pieces. Both have a window, so that a beat never waits behind data.
//
// Pure state: no socket, no clock, no disk.

#ifndef PACELINE_AGENT_OUTBOX_H_
#define PACELINE_AGENT_OUTBOX_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "common/base/ids.h"
#include "common/wire/messages.h"

namespace paceline {

class Outbox {
 public:
  // Results messages that may be on their way at once. When they are, results
  // gather here, and the next message holds more of them.
  static constexpr std::size_t kMaxUnackedMessages = 8;
  // A message is closed at this size; only a single item may be larger.
  static constexpr std::size_t kBatchBytes = 64 * 1024;

  // Gives `item` the next number. Texts that could not travel whole in one
  // message are cut, and say so.
  void Add(ResultItem item);

  // A new session: all that is not covered by `acked_through` will be sent
  // again. Returns the tokens of the units whose end is now acknowledged.
  std::vector<Token> Begin(std::uint64_t acked_through);

  // As Begin, within a session. Numbers never given are ignored.
  std::vector<Token> Acknowledge(std::uint64_t through);
  void AcknowledgeOutput(std::uint64_t through);

  // Hands `send` whatever may go now, in order. Stops at its first error and
  // returns it; that message will be tried again by the next call.
  absl::Status Flush(SessionId session,
                     const std::function<absl::Status(Message)>& send);

  // Whether Flush would have something for `send`.
  bool ready() const;
  // The number of the first item that was not acknowledged.
  std::uint64_t first() const { return first_; }
  // Whether something was sent in this session and not acknowledged.
  bool unanswered() const {
    return !in_flight_.empty() || output_acked_ < output_sent_;
  }
  // Whether everything was acknowledged.
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  // Memory held, roughly.
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    ResultItem item;  // its output still whole
    std::size_t wire_bytes = 0;
    std::size_t memory_bytes = 0;
    bool long_output = false;
  };

  std::uint64_t last() const { return first_ + entries_.size() - 1; }
  const Entry& entry(std::uint64_t number) const {
    return entries_[number - first_];
  }
  // Whether pieces of the next item's output have to go before it.
  bool NextHasOutputLeft() const;
  // The next piece of the next item's output; advances nothing.
  Output NextPiece(SessionId session) const;
  Results NextBatch(SessionId session) const;

  std::deque<Entry> entries_;
  std::size_t bytes_ = 0;
  std::uint64_t first_ = 1;  // the number of entries_.front()

  // Of this session.
  std::uint64_t next_ = 1;         // the next item to send
  std::size_t next_output_ = 0;    // bytes of its output already sent
  std::uint64_t output_sent_ = 0;  // Output messages
  std::uint64_t output_acked_ = 0;
  // The last item of each Results message that is not acknowledged.
  std::deque<std::uint64_t> in_flight_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_OUTBOX_H_
