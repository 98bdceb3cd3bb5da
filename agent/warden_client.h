// The agent's end of its warden: starts it, asks it, hears from it.
//
// Belongs to the pool thread. Requests are a few bytes each and do not wait.

#ifndef PACELINE_AGENT_WARDEN_CLIENT_H_
#define PACELINE_AGENT_WARDEN_CLIENT_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/pool_effects.h"
#include "agent/warden_protocol.h"
#include "common/base/fd.h"
#include "common/os/subprocess.h"

namespace paceline {

class WardenClient {
 public:
  // Runs `program` as the warden. Returns kUnavailable in a sentence.
  static absl::StatusOr<std::unique_ptr<WardenClient>> Start(
      const std::string& program);
  // Everything that the warden started is killed; waits until it is gone, for
  // five seconds at most.
  ~WardenClient();

  // Readable when Receive has something.
  int fd() const { return socket_.get(); }

  // `mark` is what PACELINE_WORKER_ID says in the worker. The descriptors
  // become the worker's 3, and its 1 and 2.
  absl::Status Spawn(WorkerId worker, const WorkerLaunch& launch,
                     absl::string_view mark, const Fd& socket,
                     const Fd& output);
  void Signal(WorkerId worker, int signal);

  // The next reply if one is there. `gone` is set when the warden died.
  std::optional<WardenReply> Receive(bool& gone);

 private:
  WardenClient() = default;

  Child child_;
  Fd socket_;
};

// Kills and reaps what a dead warden left to this process: children whose
// PACELINE_WORKER_ID ends with `instance`, with all below them.
void KillLeftByWarden(absl::string_view instance);

}  // namespace paceline

#endif  // PACELINE_AGENT_WARDEN_CLIENT_H_
