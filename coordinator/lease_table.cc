#include "coordinator/lease_table.h"

#include "common/base/check.h"

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

LeaseState& LeaseTable::Add(Token token, UnitId unit) {
  units_ = std::max(units_, Value(unit));
  std::unique_ptr<LeaseState>& lease = leases_[token];
  PACELINE_CHECK(lease == nullptr);
  lease = std::make_unique<LeaseState>();
  lease->token = token;
  lease->unit = unit;
  return *lease;
}

LeaseState* LeaseTable::Find(Token token) const {
  const auto it = leases_.find(token);
  return it == leases_.end() ? nullptr : it->second.get();
}

void LeaseTable::End(Token token) { leases_.erase(token); }

}  // namespace paceline
