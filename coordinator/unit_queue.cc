#include "coordinator/unit_queue.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace paceline {

UnitQueue::UnitQueue(UnitQueueOptions options) : options_(options) {}

void UnitQueue::AddSuite(bool scopes_share_setup) {
  suites_.emplace_back().scopes_share_setup = scopes_share_setup;
}

std::uint32_t UnitQueue::ScopeOf(SuiteIndex suite, absl::string_view name) {
  const auto [it, added] =
      scope_names_.try_emplace(std::pair(Value(suite), std::string(name)),
                               static_cast<std::uint32_t>(scopes_.size()));
  if (added) {
    scopes_.emplace_back().suite = Value(suite);
  }
  return it->second;
}

void UnitQueue::Add(SuiteIndex suite_index, absl::string_view scope_name,
                    std::size_t bytes) {
  const auto index = static_cast<std::uint32_t>(tests_.size());
  AddElsewhere(suite_index, scope_name, bytes);
  Test& test = tests_.back();
  test.waiting = 1;
  ++waiting_;
  Suite& suite = suites_[Value(suite_index)];
  scopes_[test.scope].tests.push_back(index);
  Count(scopes_[test.scope], test, true);
  // A scope that shares its set-up is whole once another one begins; before
  // that, running what is there would mean running its set-up twice.
  const std::optional<std::uint32_t> before = suite.open_scope;
  if (suite.scopes_share_setup && !closed_) {
    suite.open_scope = test.scope;
    if (before.has_value() && before != test.scope) {
      Rekey(*before);
    }
  }
  Rekey(test.scope);
}

void UnitQueue::AddElsewhere(SuiteIndex suite, absl::string_view scope,
                             std::size_t bytes) {
  PACELINE_CHECK(Value(suite) < suites_.size());
  Test& test = tests_.emplace_back();
  test.scope = ScopeOf(suite, scope);
  test.bytes = static_cast<std::uint32_t>(bytes) & 0x3fffffffU;
}

void UnitQueue::Count(Scope& scope, const Test& test, bool waits) {
  if (waits) {
    ++scope.waiting;
    scope.bytes += test.bytes;
  } else {
    --scope.waiting;
    scope.bytes -= test.bytes;
  }
}

void UnitQueue::GiveOut(const Test& test) {
  Scope& scope = scopes_[test.scope];
  if (shares(scope)) {
    ++scope.out;
  }
}

void UnitQueue::Close() {
  closed_ = true;
  for (Suite& suite : suites_) {
    if (const auto open = std::exchange(suite.open_scope, std::nullopt)) {
      Rekey(*open);
    }
  }
  // Names are for adding alone.
  scope_names_ = {};
}

bool UnitQueue::Trim(Scope& scope) {
  while (scope.head < scope.tests.size() &&
         !tests_[scope.tests[scope.head]].waiting) {
    ++scope.head;
  }
  if (scope.head < scope.tests.size()) {
    return true;
  }
  scope.tests = {};
  scope.head = 0;
  return false;
}

double UnitQueue::LengthOf(const Scope& scope, double mean) const {
  // Tests that need not stay together are as long as one of them.
  return suites_[scope.suite].scopes_share_setup
             ? mean * static_cast<double>(scope.tests.size() - scope.head)
             : mean;
}

void UnitQueue::Rekey(std::uint32_t index) {
  Scope& scope = scopes_[index];
  Suite& suite = suites_[scope.suite];
  std::optional<ScopeKey> key;
  if (Trim(scope) && suite.open_scope != index && scope.out == 0) {
    const std::optional<double> mean = scope.mean.get();
    const bool by_length = mean.has_value() && !options_.keep_order;
    key = ScopeKey{by_length ? 1 : 0, by_length ? -LengthOf(scope, *mean) : 0.0,
                   scope.tests[scope.head], index};
  }
  if (key != scope.key) {
    if (scope.key.has_value()) {
      suite.order.erase(*scope.key);
    }
    scope.key = key;
    if (key.has_value()) {
      suite.order.insert(*key);
    }
  }
  RekeySuite(scope.suite);
}

void UnitQueue::RekeySuite(std::uint32_t index) {
  Suite& suite = suites_[index];
  std::optional<SuiteKey> key;
  if (!suite.order.empty()) {
    const std::uint32_t first = std::get<2>(*suite.order.begin());
    const std::optional<double> mean = suite.mean.get();
    if (options_.keep_order) {
      key = SuiteKey{0, 0.0, first, index};
    } else if (!mean.has_value() && !suite.probed) {
      key = SuiteKey{0, 0.0, index, index};
    } else if (mean.has_value() && *mean > ToSeconds(options_.target)) {
      key = SuiteKey{1, -*mean, index, index};
    } else if (std::get<0>(*suite.order.begin()) == 0) {
      // A scope of it of which nothing is known counts as long: before what is
      // known to be quick.
      key = SuiteKey{1, -ToSeconds(options_.target), index, index};
    } else {
      key = SuiteKey{2, 0.0, index, index};
    }
  }
  if (key != suite.key) {
    if (suite.key.has_value()) {
      suite_order_.erase(*suite.key);
    }
    suite.key = key;
    if (key.has_value()) {
      suite_order_.insert(*key);
    }
  }
}

std::optional<double> UnitQueue::PredictSeconds(const Scope& scope) const {
  if (const auto mean = scope.mean.get()) {
    return mean;
  }
  if (const auto mean = suites_[scope.suite].mean.get()) {
    return mean;
  }
  if (const auto median = histogram_.Median()) {
    return ToSeconds(*median);
  }
  return std::nullopt;
}

std::optional<Duration> UnitQueue::Predict(TestIndex test) const {
  const auto seconds = PredictSeconds(scopes_[tests_[Value(test)].scope]);
  if (!seconds.has_value()) {
    return std::nullopt;
  }
  return FromSeconds(*seconds);
}

std::optional<std::uint32_t> UnitQueue::Holds(const Front& front) const {
  for (const TestIndex index : front.tests) {
    const Test& test = tests_[Value(index)];
    if (test.waiting && scopes_[test.scope].out > 0) {
      return test.scope;
    }
  }
  return std::nullopt;
}

PlannedUnit UnitQueue::Take(Front front) {
  PlannedUnit unit;
  unit.parent = front.parent;
  double seconds = 0;
  for (const TestIndex index : front.tests) {
    Test& test = tests_[Value(index)];
    test.in_front = 0;
    if (!test.waiting) {
      continue;  // settled meanwhile
    }
    test.waiting = 0;
    --waiting_;
    GiveOut(test);
    unit.tests.push_back(index);
    const Scope& scope = scopes_[test.scope];
    unit.suite = SuiteIndex{scope.suite};
    seconds += PredictSeconds(scope).value_or(ToSeconds(options_.target));
    Rekey(test.scope);
  }
  unit.predicted = FromSeconds(seconds);
  return unit;
}

std::optional<PlannedUnit> UnitQueue::CutFront(absl::string_view agent) {
  for (std::size_t i = 0; i < front_.size();) {
    if (!agent.empty() && front_[i].avoid == agent) {
      avoided_ = true;
      ++i;
      continue;
    }
    Front front = std::move(front_[i]);
    front_.erase(front_.begin() + static_cast<std::ptrdiff_t>(i));
    if (const std::optional<std::uint32_t> scope = Holds(front)) {
      held_front_[*scope].push_back(std::move(front));
      continue;
    }
    PlannedUnit unit = Take(std::move(front));
    if (!unit.tests.empty()) {
      return unit;
    }
  }
  return std::nullopt;
}

void UnitQueue::Over(const std::vector<TestIndex>& tests,
                     std::optional<UnitId> unit) {
  for (const TestIndex index : tests) {
    const std::uint32_t scope_index = tests_[Value(index)].scope;
    Scope& scope = scopes_[scope_index];
    if (!shares(scope)) {
      return;  // all are of one suite
    }
    PACELINE_CHECK(scope.out > 0);
    if (--scope.out > 0) {
      continue;
    }
    if (scope.waiting > 0 && unit.has_value()) {
      scope.rest_of = unit;
    }
    if (const auto held = held_front_.find(scope_index);
        held != held_front_.end()) {
      for (Front& front : held->second) {
        front_.push_back(std::move(front));
      }
      held_front_.erase(held);
    }
    Rekey(scope_index);
  }
}

std::uint32_t UnitQueue::Take(Scope& scope) {
  const std::uint32_t index = scope.tests[scope.head++];
  tests_[index].waiting = 0;
  --waiting_;
  Count(scope, tests_[index], false);
  GiveOut(tests_[index]);
  return index;
}

void UnitQueue::Fill(PlannedUnit& unit, Suite& suite,
                     std::uint32_t fleet_slots) {
  const double target = ToSeconds(options_.target);
  const bool known = suite.mean.count > 0;
  const std::size_t share = std::max<std::size_t>(
      1, waiting_ / (std::size_t{2} * std::max<std::uint32_t>(1, fleet_slots)));
  std::size_t bytes = 0;
  double seconds = 0;
  while (!suite.order.empty()) {
    const std::uint32_t scope_index = std::get<3>(*suite.order.begin());
    Scope& scope = scopes_[scope_index];
    const double each = PredictSeconds(scope).value_or(0);
    // No more than a fair share of what is left, so that the end of the run
    // is short; but quick tests are not worth a message each.
    std::size_t most = share;
    if (known) {
      most = std::max(most, static_cast<std::size_t>(ToSeconds(options_.least) /
                                                     std::max(each, 1e-6)));
    } else {
      most = std::min<std::size_t>(most, options_.probe_tests);
    }
    most = std::min<std::size_t>(most, options_.max_tests);

    const auto fits = [&](std::size_t tests, std::size_t more_bytes) {
      return unit.tests.size() + tests <= most &&
             seconds + each * static_cast<double>(tests) <= target &&
             bytes + more_bytes <= options_.max_bytes;
    };
    const bool whole = suite.scopes_share_setup;
    std::size_t take = 1;
    if (whole) {
      take = scope.waiting;
      if (!unit.tests.empty() && !fits(take, scope.bytes)) {
        break;
      }
    } else if (!unit.tests.empty() &&
               !fits(1, tests_[scope.tests[scope.head]].bytes)) {
      break;
    }
    if (unit.tests.empty()) {
      unit.parent = scope.rest_of;
    }
    // A scope too large for one message goes in pieces, in order, each after
    // the one before has ended.
    while (take > 0 && unit.tests.size() < options_.max_tests) {
      const std::uint32_t next = scope.tests[scope.head];
      if (!unit.tests.empty() &&
          bytes + tests_[next].bytes > options_.max_bytes) {
        break;
      }
      unit.tests.push_back(TestIndex{Take(scope)});
      bytes += tests_[next].bytes;
      seconds += each;
      --take;
      if (!Trim(scope)) {
        break;
      }
    }
    Rekey(scope_index);
    if (take > 0) {
      break;
    }
  }
  unit.predicted = known || histogram_.Median().has_value()
                       ? FromSeconds(seconds)
                       : options_.target;
}

std::optional<PlannedUnit> UnitQueue::Cut(std::uint32_t fleet_slots,
                                          std::optional<SuiteIndex> warm,
                                          absl::string_view agent) {
  avoided_ = false;
  if (auto unit = CutFront(agent)) {
    return unit;
  }
  if (suite_order_.empty()) {
    return std::nullopt;
  }
  SuiteKey best = *suite_order_.begin();
  if (warm.has_value() && Value(*warm) < suites_.size()) {
    // Among suites of quick tests all orders end at the same time.
    const std::optional<SuiteKey>& key = suites_[Value(*warm)].key;
    if (key.has_value() && std::get<0>(*key) == std::get<0>(best) &&
        std::get<1>(*key) == std::get<1>(best) && !options_.keep_order) {
      best = *key;
    }
  }
  PlannedUnit unit;
  unit.suite = SuiteIndex{std::get<3>(best)};
  Suite& suite = suites_[std::get<3>(best)];
  suite.probed = true;
  Fill(unit, suite, fleet_slots);
  RekeySuite(std::get<3>(best));
  PACELINE_CHECK(!unit.tests.empty());
  return unit;
}

void UnitQueue::TakeOut(const std::vector<TestIndex>& tests) {
  for (const TestIndex index : tests) {
    Test& test = tests_[Value(index)];
    PACELINE_CHECK(test.waiting);
    test.waiting = 0;
    --waiting_;
    GiveOut(test);
    if (test.in_front) {
      test.in_front = 0;
      TakeOutOfFront(index);
      Rekey(test.scope);
      continue;
    }
    Scope& scope = scopes_[test.scope];
    Count(scope, test, false);
    suites_[scope.suite].probed = true;
    // It is the first of its scope unless something else was cut then.
    const auto at = std::find(scope.tests.begin() + scope.head,
                              scope.tests.end(), Value(index));
    PACELINE_CHECK(at != scope.tests.end());
    if (at == scope.tests.begin() + scope.head) {
      ++scope.head;
    } else {
      scope.tests.erase(at);
    }
    Rekey(test.scope);
  }
}

void UnitQueue::TakeOutOfFront(TestIndex index) {
  const auto take_out_of = [index](std::deque<Front>& fronts) {
    for (auto it = fronts.begin(); it != fronts.end(); ++it) {
      const auto at = std::find(it->tests.begin(), it->tests.end(), index);
      if (at != it->tests.end()) {
        it->tests.erase(at);
        if (it->tests.empty()) {
          fronts.erase(it);
        }
        return true;
      }
    }
    return false;
  };
  if (take_out_of(front_)) {
    return;
  }
  for (auto& [scope, fronts] : held_front_) {
    if (take_out_of(fronts)) {
      return;
    }
  }
}

void UnitQueue::PutBack(const std::vector<TestIndex>& tests) {
  for (std::size_t i = 0; i < tests.size();) {
    const std::uint32_t scope = tests_[Value(tests[i])].scope;
    std::vector<std::uint32_t> block;
    for (; i < tests.size() && tests_[Value(tests[i])].scope == scope; ++i) {
      Test& test = tests_[Value(tests[i])];
      if (!test.waiting) {
        test.waiting = 1;
        ++waiting_;
        Count(scopes_[scope], test, true);
        block.push_back(Value(tests[i]));
      }
    }
    if (!block.empty()) {
      Insert(scopes_[scope], std::move(block));
      Rekey(scope);
    }
  }
}

void UnitQueue::Insert(Scope& scope, std::vector<std::uint32_t> block) {
  std::sort(block.begin(), block.end());
  // What is before the head is of no use any more.
  if (scope.head < block.size()) {
    scope.tests.insert(scope.tests.begin(), block.size() - scope.head, 0);
    scope.head = static_cast<std::uint32_t>(block.size());
  }
  scope.head -= static_cast<std::uint32_t>(block.size());
  const auto first =
      scope.tests.begin() + static_cast<std::ptrdiff_t>(scope.head);
  const auto rest = std::copy(block.begin(), block.end(), first);
  // Later units may have come back before it.
  std::inplace_merge(first, rest,
                     std::lower_bound(rest, scope.tests.end(), block.back()));
}

void UnitQueue::PutFront(std::vector<TestIndex> tests,
                         std::optional<UnitId> parent, std::string avoid) {
  Front front;
  front.parent = parent;
  front.avoid = std::move(avoid);
  for (const TestIndex index : tests) {
    Test& test = tests_[Value(index)];
    if (!test.waiting) {
      test.waiting = 1;
      test.in_front = 1;
      ++waiting_;
      front.tests.push_back(index);
    }
  }
  if (!front.tests.empty()) {
    front_.push_back(std::move(front));
  }
}

void UnitQueue::Remove(TestIndex index) {
  Test& test = tests_[Value(index)];
  if (!test.waiting) {
    return;
  }
  test.waiting = 0;
  --waiting_;
  if (!test.in_front) {
    Count(scopes_[test.scope], test, false);
  }
  Rekey(test.scope);
}

void UnitQueue::Observe(TestIndex index, Duration duration) {
  const std::uint32_t scope_index = tests_[Value(index)].scope;
  Scope& scope = scopes_[scope_index];
  const double seconds = std::max(0.0, ToSeconds(duration));
  for (Mean* mean : {&scope.mean, &suites_[scope.suite].mean}) {
    ++mean->count;
    mean->seconds += seconds;
  }
  histogram_.Add(duration);
  if (scope.key.has_value()) {
    Rekey(scope_index);
  } else {
    RekeySuite(scope.suite);
  }
}

}  // namespace paceline
