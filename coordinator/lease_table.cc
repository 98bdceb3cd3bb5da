#include "coordinator/lease_table.h"

namespace paceline {

LeasedAttempt* LeaseState::Find(TestIndex test) {
  for (LeasedAttempt& one : tests) {
    if (one.test == test) {
      return &one;
    }
  }
  return nullptr;
}

const LeasedAttempt* LeaseState::Current() const {
  for (const LeasedAttempt& one : tests) {
    if (!one.done) {
      return &one;
    }
  }
  return nullptr;
}

LeaseState& LeaseTable::Grant() {
  const Token token{epoch_, ++counter_};
  std::unique_ptr<LeaseState>& lease = leases_[token];
  lease = std::make_unique<LeaseState>();
  lease->token = token;
  return *lease;
}

LeaseState* LeaseTable::Find(Token token) {
  const auto it = leases_.find(token);
  return it == leases_.end() ? nullptr : it->second.get();
}

void LeaseTable::End(Token token) { leases_.erase(token); }

}  // namespace paceline
