// The agent's end of its warden: starts it, asks it, hears from it.
//
// Belongs to the pool thread. Requests wait here while the warden is busy, so
// that neither end ever waits for the other.

#ifndef PACELINE_AGENT_WARDEN_CLIENT_H_
#define PACELINE_AGENT_WARDEN_CLIENT_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/agent.h"
#include "agent/pool_effects.h"
#include "agent/warden_protocol.h"
#include "common/base/fd.h"
#include "common/os/subprocess.h"
#include "common/os/temp_directory.h"

namespace paceline {

class WardenClient {
 public:
  // Runs `program` as the warden. When this process is gone and nothing that
  // the warden started is left, it removes `directory`, whose lock it shares.
  // With a `terminal` it
  // stays in our session and process group, and has our descriptors to give
  // to workers. Returns kUnavailable in a sentence.
  static absl::StatusOr<std::unique_ptr<WardenClient>> Start(
      const std::string& program, const TempDirectory& directory,
      const std::optional<TerminalHandover>& terminal);
  // Everything that the warden started is killed; waits until it is gone, for
  // five seconds at most.
  ~WardenClient();

  // Readable when Receive has something.
  int fd() const { return socket_.get(); }

  // `mark` is what PACELINE_WORKER_ID says in the worker. The descriptors
  // become the worker's 3, and its 1 and 2. Returns kResourceExhausted when
  // there is no memory for its arguments; that the warden is gone is told by
  // Receive.
  absl::Status Spawn(WorkerId worker, const WorkerLaunch& launch,
                     absl::string_view mark, Fd socket, Fd output);
  void Signal(WorkerId worker, int signal);
  // A template is to fork `worker`, which is known by `mark`. False where the
  // warden does not know before the template does: it would take the worker
  // for something that was left. To be followed by WatchForked or Forget.
  bool Expect(WorkerId worker, absl::string_view mark);
  // `pid`, which a template has forked, is `worker`.
  void WatchForked(WorkerId worker, pid_t pid);
  void Forget(WorkerId worker);
  // `pid` below `worker` outlives it, until EndKept.
  void Keep(WorkerId worker, std::uint32_t run, pid_t pid);
  void EndKept(std::uint32_t run);

  // Sends what waits, as far as the warden takes it. To be called when fd() is
  // writable, and now and then while has_unsent().
  void Flush();
  bool has_unsent() const { return !unsent_.empty(); }

  // The next reply if one is there. `gone` is set when the warden died.
  std::optional<WardenReply> Receive(bool& gone);

 private:
  struct Unsent {
    WardenRequest request;
    std::vector<Fd> fds;
  };

  WardenClient() = default;
  void Send(const WardenRequest& request, std::vector<Fd> fds);
  // False when it has to wait.
  bool TrySend(const Unsent& unsent) const;

  Child child_;
  Fd socket_;
  std::deque<Unsent> unsent_;
};

// Kills and reaps what a dead warden left to this process: all its children
// that it did not start itself, with all below them. Takes a second or two at
// most.
void KillLeftByWarden();

}  // namespace paceline

#endif  // PACELINE_AGENT_WARDEN_CLIENT_H_
