#include "coordinator/lease_table.h"

#include "common/base/check.h"

namespace paceline {

LeasedAttempt* LeaseState::Find(TestIndex test) {
  for (std::size_t i = 0; i < tests.size(); ++i) {
    const std::size_t at = (found + i) % tests.size();
    if (tests[at].test == test) {
      found = at;
      return &tests[at];
    }
  }
  return nullptr;
}

const LeasedAttempt* LeaseState::Current() const {
  while (current < tests.size() && tests[current].done) {
    ++current;
  }
  return current < tests.size() ? &tests[current] : nullptr;
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
