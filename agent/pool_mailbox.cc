#include "agent/pool_mailbox.h"

#include <utility>
#include <variant>

namespace paceline {
namespace {

std::size_t BytesOf(const TestResult& result) {
  return result.output.head.size() + result.output.tail.size() +
         result.details.size() + result.message.size();
}

// Of what makes an event large.
std::size_t BytesOf(const PoolEvent& event) {
  const auto* const result = std::get_if<PoolResult>(&event);
  if (result == nullptr) {
    return 0;
  }
  if (const auto* attempt = std::get_if<AttemptItem>(&result->item)) {
    return BytesOf(attempt->result);
  }
  const auto* const extra = std::get_if<ExtraItem>(&result->item);
  return extra == nullptr ? 0 : BytesOf(extra->extra.result);
}

}  // namespace

void PoolMailbox::PushCommand(PoolCommand command) {
  const std::lock_guard<std::mutex> lock(mutex_);
  commands_.push_back(std::move(command));
}

std::deque<PoolCommand> PoolMailbox::TakeCommands() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(commands_, {});
}

void PoolMailbox::PushEvent(PoolEvent event) {
  const std::lock_guard<std::mutex> lock(mutex_);
  event_bytes_ += BytesOf(event);
  events_.push_back(std::move(event));
}

std::optional<PoolEvent> PoolMailbox::PopEvent(bool& has_room) {
  const std::lock_guard<std::mutex> lock(mutex_);
  has_room = false;
  if (events_.empty()) {
    return std::nullopt;
  }
  PoolEvent event = std::move(events_.front());
  events_.pop_front();
  const std::size_t bytes = BytesOf(event);
  event_bytes_ -= bytes;
  has_room = events_.size() + 1 == kMaxEvents / 2 ||
             (event_bytes_ < kMaxEventBytes / 2 &&
              event_bytes_ + bytes >= kMaxEventBytes / 2);
  return event;
}

bool PoolMailbox::IsFull(bool paused) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::size_t part = paused ? 2 : 1;
  return events_.size() >= kMaxEvents / part ||
         event_bytes_ >= kMaxEventBytes / part;
}

}  // namespace paceline
