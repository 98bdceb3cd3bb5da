#include "worker/python/collector_listener.h"

#include <chrono>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

// Plugins write reports and combine data then.
constexpr Duration kFinishPatience = std::chrono::minutes(2);
// How a worker names a test that it cannot find, and one that only it has
// found. The collector then collects otherwise in the next run, so it hears of
// them in any case.
constexpr absl::string_view kNotFound = "discovery has found this test";
constexpr absl::string_view kNotExpected = "the worker has found ";

}  // namespace

CollectorListener::CollectorListener(std::string target)
    : target_(std::move(target)) {}

void CollectorListener::Begin(std::unique_ptr<CollectorProcess> process,
                              const Collected& wanted) {
  const std::lock_guard lock(mutex_);
  process_ = std::move(process);
  all_ = wanted.reports == "all";
  none_ = wanted.reports == "none";
  also_.insert(wanted.also.begin(), wanted.also.end());
  for (HeardResult& result : std::exchange(early_, {})) {
    Tell(std::move(result));
  }
  for (CollectorLeaving& report : std::exchange(early_reports_, {})) {
    process_->Send(std::move(report));
  }
}

void CollectorListener::OnWorkerReport(std::string worker, std::string report) {
  const std::lock_guard lock(mutex_);
  CollectorLeaving told{std::move(worker), std::move(report)};
  if (process_ == nullptr) {
    early_reports_.push_back(std::move(told));
  } else {
    process_->Send(std::move(told));
  }
}

void CollectorListener::OnResult(HeardResult result) {
  const std::lock_guard lock(mutex_);
  if (process_ == nullptr) {
    early_.push_back(std::move(result));
  } else {
    Tell(std::move(result));
  }
}

void CollectorListener::Tell(HeardResult result) {
  const bool bad = !IsGood(result.outcome);
  const bool wanted = all_ || also_.contains(result.test) ||
                      (!none_ && (bad || !result.report.empty())) ||
                      absl::StartsWith(result.message, kNotFound) ||
                      absl::StartsWith(result.message, kNotExpected);
  if (!wanted) {
    return;
  }
  CollectorResult told;
  told.name = std::move(result.test);
  told.outcome = result.outcome;
  told.final = result.verdict.has_value();
  told.duration = result.duration;
  told.message = std::move(result.message);
  told.details = std::move(result.details);
  told.report = std::move(result.report);
  told.worker = std::move(result.worker);
  process_->Send(std::move(told));
}

ResultListener::End CollectorListener::Finish(
    bool interrupted, const std::function<bool()>& cancelled) {
  const std::lock_guard lock(mutex_);
  End end;
  if (process_ == nullptr) {
    return end;
  }
  process_->Send(CollectorFinish{interrupted});
  while (true) {
    absl::StatusOr<FromCollector> message =
        process_->Receive(kFinishPatience, cancelled);
    if (absl::IsCancelled(message.status())) {
      process_->Kill();
      end.error = absl::StrCat(
          "The session that collected ", target_,
          " was not waited for, so reports of its plugins may be missing.");
      return end;
    }
    if (!message.ok()) {
      end.error = absl::StrCat(
          "The session that collected ", target_,
          " did not end well, so reports of its plugins may be missing: ",
          message.status().message(), ". ", process_->LastWords());
      return end;
    }
    if (auto* finished = std::get_if<CollectorFinished>(&*message)) {
      end.text = std::move(finished->text);
      if (!finished->error.empty()) {
        end.error = absl::StrCat(target_, ": ", finished->error);
      }
      return end;
    }
  }
}

}  // namespace paceline
