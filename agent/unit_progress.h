// How far one leased unit has come, across all workers that it takes.
//
// A unit is given to a worker as a request; when that worker is lost, what is
// left of it becomes the next request to another one. UnitProgress keeps the
// tests' states, turns a request's positions back into the lease's tests, and
// refuses what a worker may not say: it is the place where a worker's word is
// checked.
//
// Pure state: no clock, no process.

#ifndef PACELINE_AGENT_UNIT_PROGRESS_H_
#define PACELINE_AGENT_UNIT_PROGRESS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/wire/messages.h"
#include "worker/protocol/messages.h"

namespace paceline {

class UnitProgress {
 public:
  explicit UnitProgress(Lease lease);

  const Lease& lease() const { return lease_; }

  // The test that a worker said it had started and has not finished.
  struct Running {
    std::size_t index = 0;  // in the lease's tests
    Instant started;
    // Zero: none.
    Duration timeout{};
    // When its clock last started anew.
    Instant timeout_from;
    bool slow_warned = false;

    std::optional<Instant> timeout_at() const;
  };
  const std::optional<Running>& running() const { return running_; }
  void set_slow_warned() { running_->slow_warned = true; }
  // The running test's clock stood still for so long.
  void ShiftClock(Duration by) {
    if (running_.has_value()) {
      running_->timeout_from += by;
    }
  }

  bool all_settled() const { return settled_ == lease_.tests.size(); }
  // Tests settled since the last NextRequest.
  std::size_t settled_in_request() const { return settled_in_request_; }
  // The tests that are neither settled nor running, in order.
  std::vector<std::size_t> Left() const;
  // The first of them, cheaply; nothing when none is left.
  std::optional<std::size_t> NextLeft() const;

  // What to ask of the next worker: all that is left, in order. No test may be
  // running.
  WorkerRunUnit NextRequest(std::uint64_t request, std::string temp_dir);
  std::uint64_t request() const { return request_; }

  // What a worker says. Each returns kInvalidArgument with a fragment that
  // names what it did ("started its test 3, of 2") when it may not say that
  // now; nothing has changed then.
  absl::Status OnStarted(Instant now, const WorkerTestStarted& message);
  absl::Status OnDeadline(Instant now, const WorkerTestDeadline& message);
  // Returns the index in the lease's tests.
  absl::StatusOr<std::size_t> OnFinished(const WorkerTestFinished& message);
  absl::Status CheckUnitFinished(const WorkerUnitFinished& message) const;
  // Of a test that has finished, which it returns, or of none.
  absl::StatusOr<std::optional<std::size_t>> OnProperties(
      const WorkerProperties& message) const;

  // The lease's test that a worker means by `position` of `request`.
  absl::StatusOr<std::size_t> Find(std::uint64_t request,
                                   std::uint32_t position) const;

  // Settles a test that got its result in another way: charged for a death,
  // refused with its suite. Ends it if it runs.
  void Settle(std::size_t index);
  // The running test will have no result (drained, stopped before it could be
  // had).
  void ForgetRunning() { running_.reset(); }

 private:
  std::string Quoted(std::size_t index) const;

  Lease lease_;
  std::vector<bool> is_settled_;
  // All before it are settled.
  std::size_t first_unsettled_ = 0;
  std::size_t settled_ = 0;
  std::size_t settled_in_request_ = 0;
  std::uint64_t request_ = 0;
  // The lease's test at each position of the request.
  std::vector<std::size_t> positions_;
  std::optional<Running> running_;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_UNIT_PROGRESS_H_
