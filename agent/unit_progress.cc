#include "agent/unit_progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace paceline {

std::optional<Instant> UnitProgress::Running::timeout_at() const {
  if (timeout <= Duration::zero() || timeout > Instant::max() - timeout_from) {
    return std::nullopt;
  }
  return timeout_from + timeout;
}

UnitProgress::UnitProgress(Lease lease)
    : lease_(std::move(lease)), is_settled_(lease_.tests.size(), false) {}

std::vector<std::size_t> UnitProgress::Left() const {
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < lease_.tests.size(); ++i) {
    if (!is_settled_[i] && !(running_.has_value() && running_->index == i)) {
      left.push_back(i);
    }
  }
  return left;
}

std::optional<std::size_t> UnitProgress::NextLeft() const {
  for (std::size_t i = first_unsettled_; i < lease_.tests.size(); ++i) {
    if (!is_settled_[i] && !(running_.has_value() && running_->index == i)) {
      return i;
    }
  }
  return std::nullopt;
}

WorkerRunUnit UnitProgress::NextRequest(std::uint64_t request,
                                        std::string temp_dir) {
  PACELINE_CHECK(!running_.has_value());
  request_ = request;
  settled_in_request_ = 0;
  positions_ = Left();
  WorkerRunUnit run_unit;
  run_unit.request = request;
  run_unit.unit = Value(lease_.unit);
  run_unit.temp_dir = std::move(temp_dir);
  run_unit.tests.reserve(positions_.size());
  for (const std::size_t index : positions_) {
    const LeasedTest& test = lease_.tests[index];
    WorkerTest& out = run_unit.tests.emplace_back();
    out.name = test.name;
    out.timeout = test.timeout;
    out.payload = test.payload;
    out.env = test.env;
  }
  return run_unit;
}

absl::Status UnitProgress::OnStarted(Instant now,
                                     const WorkerTestStarted& message) {
  const absl::StatusOr<std::size_t> index = Find(message.request, message.test);
  if (!index.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("started ", index.status().message()));
  }
  if (running_.has_value()) {
    return absl::InvalidArgumentError(
        running_->index == *index
            ? absl::StrCat("started ", Quoted(*index), " twice")
            : absl::StrCat("started ", Quoted(*index), " while ",
                           Quoted(running_->index), " ran"));
  }
  if (is_settled_[*index]) {
    return absl::InvalidArgumentError(
        absl::StrCat("started ", Quoted(*index), " twice"));
  }
  Running& running = running_.emplace(Running());
  running.index = *index;
  running.started = now;
  running.timeout = lease_.tests[*index].timeout;
  running.timeout_from = now;
  return absl::OkStatus();
}

absl::Status UnitProgress::OnDeadline(Instant now,
                                      const WorkerTestDeadline& message) {
  const absl::StatusOr<std::size_t> index = Find(message.request, message.test);
  if (!index.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("set a deadline for ", index.status().message()));
  }
  if (!running_.has_value() || running_->index != *index) {
    return absl::InvalidArgumentError(absl::StrCat(
        "set a deadline for ", Quoted(*index), ", which does not run"));
  }
  // None at all would switch the limit off.
  running_->timeout = std::max(message.timeout, Duration(1));
  running_->timeout_from = now;
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> UnitProgress::OnFinished(
    const WorkerTestFinished& message) {
  const absl::StatusOr<std::size_t> index = Find(message.request, message.test);
  if (!index.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("finished ", index.status().message()));
  }
  if (is_settled_[*index]) {
    return absl::InvalidArgumentError(
        absl::StrCat("finished ", Quoted(*index), " twice"));
  }
  if (!running_.has_value() || running_->index != *index) {
    return absl::InvalidArgumentError(
        absl::StrCat("finished ", Quoted(*index), " without starting it"));
  }
  Settle(*index);
  return *index;
}

absl::Status UnitProgress::CheckUnitFinished(
    const WorkerUnitFinished& message) const {
  if (message.request != request_) {
    return absl::InvalidArgumentError(
        absl::StrCat("finished request ", message.request,
                     " while it served request ", request_));
  }
  if (running_.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "finished the unit while ", Quoted(running_->index), " ran"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::size_t>> UnitProgress::OnProperties(
    const WorkerProperties& message) const {
  // Without a test, the first stands for the request alone.
  const absl::StatusOr<std::size_t> index =
      Find(message.request, message.test.value_or(0));
  if (!index.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("told properties of ", index.status().message()));
  }
  if (!message.test.has_value()) {
    return std::nullopt;
  }
  if (!is_settled_[*index]) {
    return absl::InvalidArgumentError(absl::StrCat(
        "told late properties of ", Quoted(*index), ", which has no result"));
  }
  return *index;
}

void UnitProgress::Settle(std::size_t index) {
  PACELINE_CHECK(!is_settled_[index]);
  is_settled_[index] = true;
  while (first_unsettled_ < is_settled_.size() &&
         is_settled_[first_unsettled_]) {
    ++first_unsettled_;
  }
  ++settled_;
  ++settled_in_request_;
  if (running_.has_value() && running_->index == index) {
    running_.reset();
  }
}

absl::StatusOr<std::size_t> UnitProgress::Find(std::uint64_t request,
                                               std::uint32_t position) const {
  if (request != request_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a test of request ", request, " while it served request ", request_));
  }
  if (position >= positions_.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "test ", position, " of a unit of ", positions_.size(), " tests"));
  }
  return positions_[position];
}

std::string UnitProgress::Quoted(std::size_t index) const {
  return absl::StrCat("\"", lease_.tests[index].name, "\"");
}

}  // namespace paceline
