#include "agent/news_gate.h"

#include <utility>
#include <variant>

#include "common/model/result.h"

namespace paceline {
namespace {

bool MayWait(const PoolEvent& event) {
  if (std::holds_alternative<PoolTestStarted>(event)) {
    return true;  // for the next beat
  }
  const auto* const result = std::get_if<PoolResult>(&event);
  if (result == nullptr) {
    return false;
  }
  const auto* const attempt = std::get_if<AttemptItem>(&result->item);
  return attempt != nullptr && IsGood(attempt->result.outcome);
}

}  // namespace

void NewsGate::Add(const PoolEvent& event) {
  waiting_ = true;
  urgent_ = urgent_ || !MayWait(event);
}

bool NewsGate::TakeDue(Instant now, bool full) {
  if (!waiting_) {
    return false;
  }
  if (!urgent_ && !full && last_.has_value() && now - *last_ < kInterval) {
    return false;
  }
  waiting_ = false;
  urgent_ = false;
  last_ = now;
  return true;
}

std::optional<Instant> NewsGate::next_deadline() const {
  if (!waiting_) {
    return std::nullopt;
  }
  return last_.has_value() ? *last_ + kInterval : Instant::min();
}

}  // namespace paceline
