#include "cli/run_observer.h"

#include <algorithm>

namespace paceline {

void ObserverList::OnDiscovered(Instant now, std::uint64_t tests,
                                bool complete) {
  for (RunObserver* observer : observers_) {
    observer->OnDiscovered(now, tests, complete);
  }
}

void ObserverList::OnDiscoveryError(Instant now, const DiscoveryError& error) {
  for (RunObserver* observer : observers_) {
    observer->OnDiscoveryError(now, error);
  }
}

void ObserverList::OnAttempt(Instant now, const TestRef& test,
                             const AttemptEvent& attempt) {
  for (RunObserver* observer : observers_) {
    observer->OnAttempt(now, test, attempt);
  }
}

void ObserverList::OnTestProperties(Instant now, const TestRef& test,
                                    std::uint32_t attempt,
                                    const TestProperties& properties) {
  for (RunObserver* observer : observers_) {
    observer->OnTestProperties(now, test, attempt, properties);
  }
}

void ObserverList::OnScopeProperties(Instant now, absl::string_view suite,
                                     absl::string_view scope,
                                     const TestProperties& properties) {
  for (RunObserver* observer : observers_) {
    observer->OnScopeProperties(now, suite, scope, properties);
  }
}

void ObserverList::OnRecycled(Instant now, absl::string_view suite,
                              const RecycledEvent& event) {
  for (RunObserver* observer : observers_) {
    observer->OnRecycled(now, suite, event);
  }
}

void ObserverList::OnWorkerReport(Instant now, absl::string_view suite,
                                  absl::string_view worker,
                                  std::string report) {
  for (RunObserver* const observer : observers_) {
    observer->OnWorkerReport(now, suite, worker, report);
  }
}

void ObserverList::OnNote(Instant now, absl::string_view text) {
  for (RunObserver* observer : observers_) {
    observer->OnNote(now, text);
  }
}

void ObserverList::OnProgress(Instant now, const ProgressRef& progress) {
  for (RunObserver* observer : observers_) {
    observer->OnProgress(now, progress);
  }
}

void ObserverList::OnEnded(Instant now, const RunEnd& end) {
  for (RunObserver* observer : observers_) {
    observer->OnEnded(now, end);
  }
}

void ObserverList::OnTick(Instant now) {
  for (RunObserver* observer : observers_) {
    observer->OnTick(now);
  }
}

std::optional<Instant> ObserverList::next_deadline() const {
  std::optional<Instant> next;
  for (const RunObserver* observer : observers_) {
    const std::optional<Instant> deadline = observer->next_deadline();
    if (deadline.has_value()) {
      next = next.has_value() ? std::min(*next, *deadline) : *deadline;
    }
  }
  return next;
}

}  // namespace paceline
