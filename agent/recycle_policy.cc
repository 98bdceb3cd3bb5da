#include "agent/recycle_policy.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/recycle.h"
#include "common/base/log.h"

namespace paceline {
namespace {

constexpr Duration kMinute = std::chrono::minutes(1);
// So many fresh workers in a row over a ceiling after their first unit make it
// unattainable: the second rules out one test that leaks.
constexpr std::uint32_t kFreshOver = 2;

std::string Describe(RecycleSignal kind, std::uint64_t value) {
  switch (kind) {
    case RecycleSignal::kMemory:
      return absl::StrCat(FormatBytes(value), " of memory");
    case RecycleSignal::kDescriptors:
      return absl::StrCat(value, " open descriptors");
    case RecycleSignal::kAge:
      break;  // age starts at zero: always attainable
  }
  return absl::StrCat(value);
}

std::optional<std::uint64_t> Widen(const std::optional<std::uint32_t>& value) {
  if (!value.has_value()) {
    return std::nullopt;
  }
  return *value;
}

}  // namespace

std::optional<std::string> RecyclePolicy::Raise(
    SignalHistory& signal, RecycleSignal kind, absl::string_view suite_name,
    std::uint64_t reading, std::uint64_t configured, absl::string_view when) {
  signal.largest = std::max(signal.largest, reading);
  signal.raised_from = signal.largest;
  signal.fresh_over = 0;
  // At least one, so that a raised ceiling is never the reading itself.
  const std::uint64_t quarter = std::max<std::uint64_t>(configured / 4, 1);
  signal.raised =
      signal.largest > std::numeric_limits<std::uint64_t>::max() - quarter
          ? std::numeric_limits<std::uint64_t>::max()
          : signal.largest + quarter;
  const std::string sentence = absl::StrCat(
      "suite ", suite_name, ": a fresh worker holds ",
      Describe(kind, signal.largest), " ", when, ", so the ceiling of ",
      Describe(kind, configured), " cannot be met; for this suite it is ",
      Describe(kind, *signal.raised),
      " from here on (raise the agent's ceiling, or make the suite smaller)");
  if (std::exchange(signal.said, true)) {
    Log(LogLevel::kDebug, sentence);
    return std::nullopt;
  }
  // People read it as a note of the run; a local run shows warnings as well,
  // and would say it twice.
  Log(LogLevel::kInfo, sentence);
  return sentence;
}

std::optional<std::string> RecyclePolicy::OnHello(const SuiteKey& key,
                                                  absl::string_view suite_name,
                                                  const WorkerHealth& health) {
  const WorkerLimits limits = LimitsOf(key);
  std::optional<std::string> note;
  if (limits.max_rss_bytes.has_value() && health.rss_bytes.has_value() &&
      *health.rss_bytes >= *limits.max_rss_bytes) {
    note = Raise(suites_[key].memory, RecycleSignal::kMemory, suite_name,
                 *health.rss_bytes, *limits_.max_rss_bytes,
                 "before its first test");
  }
  if (limits.max_open_fds.has_value() && health.open_fds.has_value() &&
      *health.open_fds >= *limits.max_open_fds) {
    std::optional<std::string> second =
        Raise(suites_[key].descriptors, RecycleSignal::kDescriptors, suite_name,
              *health.open_fds, *limits_.max_open_fds, "before its first test");
    if (second.has_value()) {
      note = note.has_value() ? absl::StrCat(*note, "; ", *second)
                              : *std::move(second);
    }
  }
  return note;
}

std::optional<std::string> RecyclePolicy::LookAtFresh(
    SignalHistory& signal, RecycleSignal kind, absl::string_view suite_name,
    std::optional<std::uint64_t> reading,
    std::optional<std::uint64_t> configured) {
  if (!reading.has_value() || !configured.has_value()) {
    return std::nullopt;
  }
  if (*reading < signal.raised.value_or(*configured)) {
    signal.fresh_over = 0;
    // What only one of them held says nothing of the suite.
    signal.largest = signal.raised_from;
    return std::nullopt;
  }
  signal.largest = std::max(signal.largest, *reading);
  if (++signal.fresh_over < kFreshOver) {
    return std::nullopt;
  }
  return Raise(signal, kind, suite_name, *reading, *configured,
               "after its first unit");
}

RecyclePolicy::Decision RecyclePolicy::OnUnitEnd(
    Instant now, const SuiteKey& key, absl::string_view suite_name,
    const WorkerHealth& health, Duration age, bool first_unit) {
  Decision decision;
  decision.reason = EvaluateRecycle(health, age, LimitsOf(key));
  if (first_unit && (decision.reason.has_value() || suites_.contains(key))) {
    SuiteHistory& suite = suites_[key];
    decision.note =
        LookAtFresh(suite.memory, RecycleSignal::kMemory, suite_name,
                    health.rss_bytes, limits_.max_rss_bytes);
    std::optional<std::string> second =
        LookAtFresh(suite.descriptors, RecycleSignal::kDescriptors, suite_name,
                    Widen(health.open_fds), Widen(limits_.max_open_fds));
    if (second.has_value()) {
      decision.note = decision.note.has_value()
                          ? absl::StrCat(*decision.note, "; ", *second)
                          : *std::move(second);
    }
    // The ceilings may just have been raised.
    decision.reason = EvaluateRecycle(health, age, LimitsOf(key));
  }
  if (!decision.reason.has_value()) {
    return decision;
  }
  while (!recent_.empty() && now - recent_.front() >= kMinute) {
    recent_.pop_front();
    cap_logged_ = false;
  }
  if (recent_.size() >= max_per_minute_) {
    if (!std::exchange(cap_logged_, true)) {
      Log(LogLevel::kWarning,
          absl::StrCat("a worker of suite ", suite_name, " stays in spite of ",
                       ToString(*decision.reason), ": ", max_per_minute_,
                       " workers were recycled within a minute already"));
    }
    decision.reason.reset();
    return decision;
  }
  recent_.push_back(now);
  return decision;
}

WorkerLimits RecyclePolicy::LimitsOf(const SuiteKey& key) const {
  WorkerLimits limits = limits_;
  const auto it = suites_.find(key);
  if (it == suites_.end()) {
    return limits;
  }
  if (it->second.memory.raised.has_value()) {
    limits.max_rss_bytes = it->second.memory.raised;
  }
  if (it->second.descriptors.raised.has_value()) {
    limits.max_open_fds = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(*it->second.descriptors.raised,
                                std::numeric_limits<std::uint32_t>::max()));
  }
  return limits;
}

void RecyclePolicy::Forget(const RunId& run) {
  suites_.erase(suites_.lower_bound(SuiteKey{run, SuiteIndex{0}}),
                suites_.upper_bound(SuiteKey{
                    run, SuiteIndex{std::numeric_limits<
                             std::underlying_type_t<SuiteIndex>>::max()}}));
}

}  // namespace paceline
