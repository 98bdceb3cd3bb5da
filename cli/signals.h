// SIGINT, SIGTERM and SIGHUP as input of a loop.

#ifndef PACELINE_CLI_SIGNALS_H_
#define PACELINE_CLI_SIGNALS_H_

#include <signal.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/base/fd.h"

namespace paceline {

class SignalInput {
 public:
  // Blocks the signals in this thread and all that it starts later: to be
  // called before any other thread is there.
  static absl::StatusOr<std::unique_ptr<SignalInput>> Open();

  // Readable when there is a signal to take.
  int fd() const { return fd_.get(); }
  // The name of the next signal that came; never waits.
  std::optional<std::string> Take();
  // From now on they end this process as they end any other. For when nothing
  // is left that would have to be stopped.
  void Release();

 private:
  SignalInput(Fd fd, const sigset_t& set) : fd_(std::move(fd)), set_(set) {}

  Fd fd_;
  sigset_t set_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_SIGNALS_H_
