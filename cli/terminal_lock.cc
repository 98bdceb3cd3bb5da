#include "cli/terminal_lock.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

// The same numbers are in worker/python/paceline_worker/terminal.py.
constexpr off_t kUse = 0;
constexpr off_t kDebugger = 1;

struct flock LockOf(off_t byte, short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TerminalLock>> TerminalLock::Create() {
  Fd file(memfd_create("paceline-terminal", MFD_CLOEXEC));
  if (!file.valid()) {
    return absl::ErrnoToStatus(errno, "the terminal cannot be handed over");
  }
  return std::unique_ptr<TerminalLock>(new TerminalLock(std::move(file)));
}

std::string TerminalLock::path() const {
  return absl::StrCat("/proc/", getpid(), "/fd/", file_.get());
}

void TerminalLock::Acquire() const {
  struct flock lock = LockOf(kUse, F_WRLCK);
  while (fcntl(file_.get(), F_OFD_SETLKW, &lock) != 0 && errno == EINTR) {
  }
}

void TerminalLock::Release() const {
  struct flock lock = LockOf(kUse, F_UNLCK);
  fcntl(file_.get(), F_OFD_SETLK, &lock);
}

bool TerminalLock::debugged() const {
  struct flock lock = LockOf(kDebugger, F_WRLCK);
  return fcntl(file_.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool TerminalLock::LeaveInterruptToDebugger() {
  if (!debugged()) {
    return false;
  }
  ++interrupts_;
  // It is a file in memory; a failure would cost the worker its patience only.
  [[maybe_unused]] const ssize_t written =
      pwrite(file_.get(), &interrupts_, sizeof interrupts_, 0);
  return true;
}

}  // namespace paceline
