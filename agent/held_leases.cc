#include "agent/held_leases.h"

#include <algorithm>

#include "common/base/check.h"

namespace paceline {

std::deque<HeldLeases::Waiting>::const_iterator HeldLeases::FindWaiting(
    Token token) const {
  return std::find_if(
      waiting_.begin(), waiting_.end(),
      [token](const Waiting& one) { return one.lease.token == token; });
}

HeldLeases::State HeldLeases::state(Token token) const {
  if (const auto it = running_.find(token); it != running_.end()) {
    return it->second.dropped ? State::kDropped : State::kRunning;
  }
  if (unsettled_.contains(token)) {
    return State::kEnded;
  }
  if (FindWaiting(token) != waiting_.end()) {
    return State::kWaiting;
  }
  if (const auto past = past_.find(token); past != past_.end()) {
    return past->second;
  }
  // Tokens come in their order: one like this was here, or never will be.
  return token <= forgotten_ ? State::kReturned : State::kUnknown;
}

bool HeldLeases::Add(Lease lease, std::shared_ptr<const SuiteSpec> suite) {
  if (held() >= kMaxNamed || state(lease.token) != State::kUnknown) {
    return false;
  }
  predicted_ = predicted_ == Duration::zero()
                   ? lease.predicted
                   : (predicted_ * 7 + lease.predicted) / 8;
  waiting_.push_back({std::move(lease), std::move(suite)});
  return true;
}

std::optional<Token> HeldLeases::Next() const {
  if (waiting_.empty() || busy_ >= slots_) {
    return std::nullopt;
  }
  const std::uint32_t free = slots_ - busy_;
  const auto fits = [this, free](const Waiting& one) {
    return std::min(one.lease.slots, slots_) <= free;
  };
  // Whoever needs many slots waits for them at the front: were it overtaken,
  // it might wait for ever.
  if (!fits(waiting_.front())) {
    return std::nullopt;
  }
  if (overtaken_ < kMaxOvertaken) {
    const std::size_t window = std::min<std::size_t>(slots_, waiting_.size());
    for (std::size_t i = 0; i < window; ++i) {
      const Lease& lease = waiting_[i].lease;
      if (fits(waiting_[i]) && warm_.contains({lease.run, lease.suite})) {
        return lease.token;
      }
    }
  }
  return waiting_.front().lease.token;
}

PoolStart HeldLeases::Start(Token token) {
  const auto it = FindWaiting(token);
  PACELINE_CHECK(it != waiting_.end());
  const bool oldest = it == waiting_.begin();
  overtaken_ = oldest ? 0 : overtaken_ + 1;
  const std::size_t at = static_cast<std::size_t>(it - waiting_.begin());
  PoolStart start{std::move(waiting_[at].lease), std::move(waiting_[at].suite)};
  waiting_.erase(it);
  const std::uint32_t slots = std::min(start.lease.slots, slots_);
  busy_ += slots;
  running_.emplace(token,
                   Running{start.lease.run, start.lease.suite, slots, false});
  if (const auto warm = warm_.find({start.lease.run, start.lease.suite});
      warm != warm_.end() && --warm->second == 0) {
    warm_.erase(warm);
  }
  return start;
}

bool HeldLeases::Return(Token token) {
  const auto it = FindWaiting(token);
  if (it == waiting_.end()) {
    return false;
  }
  waiting_.erase(it);
  Remember(token, State::kReturned);
  return true;
}

template <typename Predicate>
std::vector<Token> HeldLeases::ReturnIf(Predicate predicate) {
  std::vector<Token> tokens;
  std::deque<Waiting> kept;
  for (Waiting& one : waiting_) {
    if (predicate(one.lease)) {
      tokens.push_back(one.lease.token);
      Remember(one.lease.token, State::kReturned);
    } else {
      kept.push_back(std::move(one));
    }
  }
  waiting_ = std::move(kept);
  return tokens;
}

std::vector<Token> HeldLeases::ReturnAll() {
  return ReturnIf([](const Lease&) { return true; });
}

std::vector<Token> HeldLeases::ReturnAll(RunId run) {
  return ReturnIf([&run](const Lease& lease) { return lease.run == run; });
}

void HeldLeases::End(Token token, bool warm) {
  const auto it = running_.find(token);
  if (it == running_.end()) {
    return;
  }
  const Running ended = it->second;
  running_.erase(it);
  busy_ -= ended.slots;
  if (warm) {
    ++warm_[{ended.run, ended.suite}];
  }
  if (ended.dropped) {
    Remember(token, State::kEnded);
  } else {
    unsettled_.insert(token);
  }
}

void HeldLeases::Settle(Token token) {
  if (unsettled_.erase(token) > 0) {
    Remember(token, State::kEnded);
  }
}

bool HeldLeases::Drop(Token token) {
  if (Return(token)) {
    return false;
  }
  Settle(token);
  const auto it = running_.find(token);
  if (it == running_.end() || it->second.dropped) {
    return false;
  }
  it->second.dropped = true;
  return true;
}

void HeldLeases::ForgetRun(RunId run) {
  absl::erase_if(
      warm_, [&run](const auto& entry) { return entry.first.first == run; });
}

std::vector<HeldLease> HeldLeases::List() const {
  std::vector<HeldLease> list;
  for (const Waiting& one : waiting_) {
    list.push_back({one.lease.token, false});
  }
  for (const auto& [token, running] : running_) {
    if (!running.dropped) {
      list.push_back({token, true});
    }
  }
  // To let go of them here would make the coordinator run them again, while
  // their results are on their way.
  for (const Token token : unsettled_) {
    list.push_back({token, true});
  }
  std::sort(
      list.begin(), list.end(),
      [](const HeldLease& a, const HeldLease& b) { return a.token < b.token; });
  return list;
}

std::uint32_t HeldLeases::room() const {
  std::uint64_t ahead = slots_;
  if (predicted_ > Duration::zero()) {
    ahead = std::max<std::uint64_t>(
        ahead, slots_ * static_cast<std::uint64_t>(kAhead / predicted_));
  }
  const std::uint64_t wanted = ahead + (slots_ - busy_);
  const std::uint64_t useful =
      wanted > waiting_.size() ? wanted - waiting_.size() : 0;
  const std::uint64_t allowed = kMaxNamed - held();
  return static_cast<std::uint32_t>(std::min(useful, allowed));
}

void HeldLeases::Remember(Token token, State state) {
  if (past_.insert_or_assign(token, state).second) {
    past_order_.push_back(token);
  }
  if (past_order_.size() > kRemembered) {
    forgotten_ = std::max(forgotten_, past_order_.front());
    past_.erase(past_order_.front());
    past_order_.pop_front();
  }
}

}  // namespace paceline
