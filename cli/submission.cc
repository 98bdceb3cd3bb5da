#include "cli/submission.h"

#include <utility>

#include "common/base/check.h"
#include "common/wire/codec.h"

namespace paceline {
namespace {

// Sent and not acknowledged, at most.
constexpr std::uint32_t kWindow = 4;
// Parts in memory before whoever discovers has to wait.
constexpr std::size_t kMaxWaiting = 8;
// How long a part waits for more tests.
constexpr Duration kFlushAfter = std::chrono::milliseconds(5);

}  // namespace

Submission::Submission(RunId run, RunOptions options)
    : run_(run), options_(std::move(options)) {
  filling_.run = run;
}

void Submission::Add(Instant now, SuiteSpec suite) {
  PACELINE_CHECK(!complete_.has_value());
  const std::size_t bytes = EncodedBound(suite);
  if (filling_.suites.size() >= kMaxNamed ||
      filling_bytes_ + bytes + kMaxEnvelopeBytes > kMaxMessageBytes) {
    CutPart();
  }
  if (filling_.suites.empty() && filling_.tests.empty()) {
    filling_since_ = now;
  }
  filling_bytes_ += bytes;
  filling_.suites.push_back(std::move(suite));
}

void Submission::Add(Instant now, TestSpec test) {
  PACELINE_CHECK(!complete_.has_value());
  ++tests_;
  const std::size_t bytes = EncodedBound(test);
  if (filling_.tests.size() >= kMaxNamed ||
      filling_bytes_ + bytes + kMaxEnvelopeBytes > kMaxMessageBytes) {
    CutPart();
  }
  if (filling_.suites.empty() && filling_.tests.empty()) {
    filling_since_ = now;
  }
  filling_bytes_ += bytes;
  filling_.tests.push_back(std::move(test));
}

void Submission::Complete(std::vector<DiscoveryError> errors) {
  PACELINE_CHECK(!complete_.has_value());
  CutPart();
  SubmitComplete complete;
  complete.run = run_;
  complete.parts = last_part_;
  complete.tests = tests_;
  complete.digest = digest_.Hex();
  // The coordinator needs to know that there were errors, not to keep them
  // all: the client itself has shown them.
  constexpr std::size_t kMaxErrors = 16;
  if (errors.size() > kMaxErrors) {
    errors.resize(kMaxErrors);
  }
  complete.errors = std::move(errors);
  complete_ = std::move(complete);
}

void Submission::Abandon() {
  const std::size_t on_the_way = sent_ - kept_;
  if (parts_.size() > on_the_way) {
    parts_.resize(on_the_way);
  }
  filling_ = SubmitPart{run_, 0, {}, {}};
  filling_bytes_ = 0;
  last_part_ = sent_;
}

bool Submission::wants_more() const { return parts_.size() < kMaxWaiting; }

void Submission::OnTick(Instant now) {
  const std::optional<Instant> deadline = next_deadline();
  if (deadline.has_value() && now >= *deadline) {
    CutPart();
  }
}

std::optional<Instant> Submission::next_deadline() const {
  if (filling_.tests.empty()) {
    return std::nullopt;
  }
  return last_part_ == 0 ? filling_since_ : filling_since_ + kFlushAfter;
}

std::optional<Message> Submission::TakeNext() {
  if (!open_kept_ && (!open_sent_ || open_pending_)) {
    if (parts_.empty() && !complete_.has_value()) {
      return std::nullopt;
    }
    open_sent_ = true;
    open_pending_ = false;
    return SubmitOpen{run_, options_};
  }
  if (sent_ < last_part_ && sent_ < kept_ + kWindow) {
    ++sent_;
    return parts_[sent_ - kept_ - 1];
  }
  if (complete_.has_value() && sent_ == last_part_ && !complete_sent_) {
    complete_sent_ = true;
    return *complete_;
  }
  return std::nullopt;
}

void Submission::OnKept(std::uint32_t part) {
  open_kept_ = open_kept_ || open_sent_;
  // Nothing is kept that was never made.
  while (kept_ < part && kept_ < last_part_ && !parts_.empty()) {
    parts_.pop_front();
    ++kept_;
  }
  sent_ = sent_ < kept_ ? kept_ : sent_;
}

void Submission::OnCompleteKept() {
  if (complete_.has_value()) {
    OnKept(last_part_);
    complete_sent_ = true;
    complete_kept_ = true;
  }
}

void Submission::Rewind() {
  sent_ = kept_;
  open_pending_ = open_sent_ && !open_kept_;
  complete_sent_ = complete_kept_;
}

bool Submission::unanswered() const {
  return (open_sent_ && !open_kept_) || sent_ > kept_ ||
         (complete_sent_ && !complete_kept_);
}

void Submission::CutPart() {
  if (filling_.suites.empty() && filling_.tests.empty()) {
    return;
  }
  // As the coordinator will see it: a part's suites come before its tests,
  // whatever the order in which they were found.
  for (const SuiteSpec& suite : filling_.suites) {
    digest_.Add(suite);
  }
  for (const TestSpec& test : filling_.tests) {
    digest_.Add(test);
  }
  filling_.part = ++last_part_;
  filling_.suites.shrink_to_fit();
  parts_.push_back(std::move(filling_));
  filling_ = SubmitPart{run_, 0, {}, {}};
  filling_bytes_ = 0;
}

}  // namespace paceline
