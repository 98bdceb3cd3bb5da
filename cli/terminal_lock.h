// Who uses a terminal that a worker has too (agent/agent.h).
//
// Two locks of one nameless file, which the system takes from a worker that
// dies: a worker holds the first while a test, or anything else of the user's,
// may read or write, and the second while a debugger is at its prompt.

#ifndef PACELINE_CLI_TERMINAL_LOCK_H_
#define PACELINE_CLI_TERMINAL_LOCK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/base/fd.h"

namespace paceline {

class TerminalLock {
 public:
  static absl::StatusOr<std::unique_ptr<TerminalLock>> Create();

  // Where other processes open the file, while this one lives.
  std::string path() const;

  // Waits until no worker uses the terminal, and keeps it from them.
  void Acquire() const;
  void Release() const;

  // Whether a worker is in a debugger.
  bool debugged() const;
  // Asked of each SIGINT: whether it is a debugger's. If so it is counted in
  // the file, and the worker, which got the signal too, stays in the debugger
  // until then: on a busy machine people are quicker than this process.
  bool LeaveInterruptToDebugger();

 private:
  explicit TerminalLock(Fd file) : file_(std::move(file)) {}

  Fd file_;
  std::uint64_t interrupts_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_CLI_TERMINAL_LOCK_H_
