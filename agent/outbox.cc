#include "agent/outbox.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "common/wire/codec.h"
#include "common/wire/text.h"

namespace paceline {
namespace {

// With the bounds of common/wire/text.h and those of properties an item without
// its output and its report stays below kMaxMessageBytes.
void CutTo(std::string& text, std::size_t limit) {
  if (text.size() > limit) {
    text = CutText(text, limit);
  }
}

void CutTexts(TestResult& result) {
  CutTo(result.message, kMaxLineBytes);
  CutTo(result.details, kMaxDetailsBytes);
  CutTo(result.file, kMaxLineBytes);
  CutProperties(result.properties);
}

// An extra failure has no key that pieces of output could name, so its output
// travels inside, first and last part.
void CutOutput(CapturedOutput& output) {
  const std::size_t half = kMaxInlineOutput / 2;
  if (output.head.size() + output.tail.size() <= kMaxInlineOutput) {
    return;
  }
  if (output.tail.empty()) {
    output.tail = output.head.substr(output.head.size() - half);
    output.cut_bytes += output.head.size() - 2 * half;
    output.head.resize(half);
    return;
  }
  if (output.head.size() > half) {
    output.cut_bytes += output.head.size() - half;
    output.head.resize(half);
  }
  if (output.tail.size() > half) {
    output.cut_bytes += output.tail.size() - half;
    output.tail.erase(0, output.tail.size() - half);
  }
}

std::size_t OutputBytes(const CapturedOutput& output) {
  return output.head.size() + output.tail.size();
}

// The item as it travels once its output has gone ahead.
AttemptItem WithoutOutput(const AttemptItem& item) {
  AttemptItem wire;
  wire.run = item.run;
  wire.token = item.token;
  wire.test = item.test;
  wire.attempt = item.attempt;
  wire.worker = item.worker;
  const CapturedOutput& output = item.result.output;
  wire.head_bytes_sent = static_cast<std::uint32_t>(output.head.size());
  wire.tail_bytes_sent = static_cast<std::uint32_t>(output.tail.size());
  const TestResult& result = item.result;
  wire.result = {
      .outcome = result.outcome,
      .duration = result.duration,
      .started_unix_ns = result.started_unix_ns,
      .message = result.message,
      .details = result.details,
      .file = result.file,
      .line = result.line,
      .assertions = result.assertions,
      .leaked = result.leaked,
      .output = {.head = {}, .tail = {}, .cut_bytes = output.cut_bytes},
      .health = result.health,
      .properties = result.properties,
      .report = result.report};
  return wire;
}

}  // namespace

void Outbox::Add(ResultItem item) {
  Entry added;
  std::size_t output = 0;
  if (auto* attempt = std::get_if<AttemptItem>(&item)) {
    CutTexts(attempt->result);
    output = OutputBytes(attempt->result.output);
    added.long_output = output > kMaxInlineOutput;
  } else if (auto* extra = std::get_if<ExtraItem>(&item)) {
    CutTo(extra->extra.name, kMaxLineBytes);
    CutTexts(extra->extra.result);
    CutOutput(extra->extra.result.output);
  } else if (auto* end = std::get_if<UnitEndItem>(&item)) {
    CutTo(end->end.message, kMaxLineBytes);
  } else if (auto* note = std::get_if<NoteItem>(&item)) {
    CutTo(note->text, kMaxLineBytes);
  } else if (auto* late = std::get_if<PropertiesItem>(&item)) {
    CutProperties(late->properties);
  } else if (auto* failure = std::get_if<LateExtraItem>(&item)) {
    CutTo(failure->extra.name, kMaxLineBytes);
    CutTexts(failure->extra.result);
    CutOutput(failure->extra.result.output);
  }
  const auto wire_bytes = [&] {
    return added.long_output ? EncodedBound(ResultItem(
                                   WithoutOutput(std::get<AttemptItem>(item))))
                             : EncodedBound(item);
  };
  added.wire_bytes = wire_bytes();
  if (added.wire_bytes + 2 * kMaxEnvelopeBytes > kMaxMessageBytes) {
    // It could not be sent, and nothing after it.
    if (auto* attempt = std::get_if<AttemptItem>(&item)) {
      attempt->result.report.clear();
    } else if (auto* extra = std::get_if<ExtraItem>(&item)) {
      extra->extra.result.report.clear();
    }
    added.wire_bytes = wire_bytes();
  }
  added.memory_bytes = sizeof(Entry) + EncodedBound(item);
  added.item = std::move(item);
  bytes_ += added.memory_bytes;
  entries_.push_back(std::move(added));
}

std::vector<Token> Outbox::Begin(std::uint64_t acked_through) {
  in_flight_.clear();
  output_sent_ = 0;
  output_acked_ = 0;
  next_ = first_;
  next_output_ = 0;
  return Acknowledge(acked_through);
}

std::vector<Token> Outbox::Acknowledge(std::uint64_t through) {
  std::vector<Token> ended;
  through = std::min(through, last());
  while (!entries_.empty() && first_ <= through) {
    if (const auto* end = std::get_if<UnitEndItem>(&entries_.front().item)) {
      ended.push_back(end->token);
    }
    bytes_ -= entries_.front().memory_bytes;
    entries_.pop_front();
    ++first_;
  }
  if (next_ < first_) {
    next_ = first_;
    next_output_ = 0;
  }
  while (!in_flight_.empty() && in_flight_.front() < first_) {
    in_flight_.pop_front();
  }
  return ended;
}

void Outbox::AcknowledgeOutput(std::uint64_t through) {
  output_acked_ = std::max(output_acked_, std::min(through, output_sent_));
}

bool Outbox::NextHasOutputLeft() const {
  const Entry& next = entry(next_);
  return next.long_output &&
         next_output_ <
             OutputBytes(std::get<AttemptItem>(next.item).result.output);
}

bool Outbox::ready() const {
  if (next_ > last()) {
    return false;
  }
  return NextHasOutputLeft() ? output_sent_ - output_acked_ < kMaxUnackedOutput
                             : in_flight_.size() < kMaxUnackedMessages;
}

Output Outbox::NextPiece(SessionId session) const {
  const auto& item = std::get<AttemptItem>(entry(next_).item);
  const CapturedOutput& output = item.result.output;
  Output piece;
  piece.session = session;
  piece.seq = output_sent_ + 1;
  piece.token = item.token;
  piece.test = item.test;
  piece.attempt = item.attempt;
  piece.tail = next_output_ >= output.head.size();
  const std::string& part = piece.tail ? output.tail : output.head;
  const std::size_t offset =
      piece.tail ? next_output_ - output.head.size() : next_output_;
  piece.offset = static_cast<std::uint32_t>(offset);
  piece.data = part.substr(offset, kMaxOutputChunk);
  return piece;
}

Results Outbox::NextBatch(SessionId session) const {
  Results batch;
  batch.session = session;
  batch.first = next_;
  std::size_t bytes = 0;
  for (std::uint64_t number = next_; number <= last(); ++number) {
    const Entry& candidate = entry(number);
    const bool first = number == next_;
    // The output of a later item has to go between.
    if (!first && candidate.long_output) {
      break;
    }
    if (!first && (bytes + candidate.wire_bytes > kBatchBytes ||
                   batch.items.size() == kMaxNamed)) {
      break;
    }
    bytes += candidate.wire_bytes;
    if (candidate.long_output) {
      batch.items.emplace_back(
          WithoutOutput(std::get<AttemptItem>(candidate.item)));
    } else {
      batch.items.push_back(candidate.item);
    }
  }
  return batch;
}

absl::Status Outbox::Flush(SessionId session,
                           const std::function<absl::Status(Message)>& send) {
  while (ready()) {
    if (NextHasOutputLeft()) {
      Output piece = NextPiece(session);
      const std::size_t size = piece.data.size();
      if (absl::Status status = send(std::move(piece)); !status.ok()) {
        return status;
      }
      ++output_sent_;
      next_output_ += size;
      continue;
    }
    Results batch = NextBatch(session);
    const std::size_t items = batch.items.size();
    if (absl::Status status = send(std::move(batch)); !status.ok()) {
      return status;
    }
    next_ += items;
    next_output_ = 0;
    in_flight_.push_back(next_ - 1);
  }
  return absl::OkStatus();
}

}  // namespace paceline
