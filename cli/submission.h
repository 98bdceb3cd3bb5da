// The client's half of handing a manifest over: cuts it into numbered parts,
// keeps a few on the way, and forgets each as soon as the coordinator has it.
//
// Pure state: what to send next, and what an acknowledgement means. When to
// ask again is decided in cli/run_client.h.

#ifndef PACELINE_CLI_SUBMISSION_H_
#define PACELINE_CLI_SUBMISSION_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/model/manifest.h"
#include "common/wire/manifest_digest.h"
#include "common/wire/messages.h"

namespace paceline {

class Submission {
 public:
  Submission(RunId run, RunOptions options);

  // In the manifest's order.
  void Add(Instant now, SuiteSpec suite);
  void Add(Instant now, TestSpec test);
  // Nothing more will be added.
  void Complete(std::vector<DiscoveryError> errors);
  // Throws away what was not sent: the run was cancelled.
  void Abandon();

  // False while enough is waiting: whoever adds should hold back.
  bool wants_more() const;

  // Closes the part being filled if it has waited long enough. The first is
  // never kept waiting, so that the first test runs at once.
  void OnTick(Instant now);
  std::optional<Instant> next_deadline() const;

  // The next message that may go out now; call until there is none.
  std::optional<Message> TakeNext();

  // All parts up to `part` are kept; 0: the run is open.
  void OnKept(std::uint32_t part);
  void OnCompleteKept();
  // Forgets that anything beyond what is kept was sent.
  void Rewind();

  bool opened() const { return open_sent_; }
  bool open_kept() const { return open_kept_; }
  bool complete() const { return complete_.has_value(); }
  // Whether the whole manifest is with the coordinator.
  bool all_kept() const { return complete_kept_; }
  // Whether something was sent and is not kept yet.
  bool unanswered() const;

 private:
  void CutPart();

  const RunId run_;
  RunOptions options_;
  ManifestDigest digest_;
  std::uint64_t tests_ = 0;

  SubmitPart filling_;
  std::size_t filling_bytes_ = 0;
  Instant filling_since_{};
  // Parts that are not kept yet; the first is number kept_ + 1.
  std::deque<SubmitPart> parts_;
  std::uint32_t kept_ = 0;
  std::uint32_t sent_ = 0;
  std::uint32_t last_part_ = 0;
  std::optional<SubmitComplete> complete_;

  bool open_sent_ = false;
  bool open_kept_ = false;
  bool open_pending_ = false;  // to be sent (again)
  bool complete_sent_ = false;
  bool complete_kept_ = false;
};

}  // namespace paceline

#endif  // PACELINE_CLI_SUBMISSION_H_
