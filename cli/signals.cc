#include "cli/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "common/os/subprocess.h"

namespace paceline {

absl::StatusOr<std::unique_ptr<SignalInput>> SignalInput::Open() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction current {};
    // nohup and shells' background jobs ignore some on purpose.
    if (sigaction(number, nullptr, &current) != 0 ||
        current.sa_handler != SIG_IGN) {
      sigaddset(&set, number);
    }
  }
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A reader of our output that leaves is an error of write, not our end.
  signal(SIGPIPE, SIG_IGN);
  Fd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) {
    return absl::ErrnoToStatus(errno, "signals cannot be waited for");
  }
  return std::unique_ptr<SignalInput>(new SignalInput(std::move(fd), set));
}

void SignalInput::Release() { pthread_sigmask(SIG_UNBLOCK, &set_, nullptr); }

std::optional<std::string> SignalInput::Take() {
  signalfd_siginfo info;
  if (read(fd_.get(), &info, sizeof info) != sizeof info) {
    return std::nullopt;
  }
  return SignalName(static_cast<int>(info.ssi_signo));
}

}  // namespace paceline
