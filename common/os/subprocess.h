// Starting programs, and knowing when they end.
//
// posix_spawn with everything a test's process needs set between fork and
// exec: its own process group or session, default signal dispositions, an
// empty mask, a working directory, exactly the descriptors asked for and none
// above them. Waiting is by pidfd, so that it fits any loop. What a worker is
// and when to kill it is not decided here.

#ifndef PACELINE_COMMON_OS_SUBPROCESS_H_
#define PACELINE_COMMON_OS_SUBPROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/fd.h"
#include "common/model/manifest.h"

namespace paceline {

struct SpawnSpec {
  // Looked up in the *child's* PATH when it has no slash.
  std::string program;
  // argv[0] included.
  std::vector<std::string> argv;
  // The whole environment, "NAME=value" each.
  std::vector<std::string> env;
  // Empty: ours.
  std::string working_directory;
  // (ours, the child's); 0 to 2 that are not named are /dev/null. Every
  // descriptor above the highest of the child's is closed.
  std::vector<std::pair<int, int>> fds;
  // The child leads a new session (setsid) rather than just a process group.
  bool new_session = false;
  // The process group that the child joins, without new_session; 0: one of its
  // own.
  pid_t process_group = 0;
};

struct Child {
  pid_t pid = -1;
  Fd pidfd;  // readable when the child has ended
};

// Returns the errno of the failed step as a status that names the program:
// kNotFound (no such file), kPermissionDenied (not executable), kUnavailable
// (no more processes, or no memory, or the file is being written),
// kResourceExhausted (no descriptors), kInvalidArgument (E2BIG, ENOEXEC, a path
// too long), kInternal for anything else.
absl::StatusOr<Child> Spawn(const SpawnSpec& spec);

// Whether `pid` was started by Spawn in this process and has not been reaped.
// Any other child was left to it by a descendant that ended.
bool IsSpawned(pid_t pid);
// Keeps Spawn from returning on other threads, so that IsSpawned knows of all
// that is listed meanwhile.
class SpawnPause {
 public:
  SpawnPause();
  ~SpawnPause();
  SpawnPause(const SpawnPause&) = delete;
  SpawnPause& operator=(const SpawnPause&) = delete;
};

// How a child ended.
struct WaitStatus {
  int raw = 0;  // as waitpid gives it

  bool exited() const;
  int exit_code() const;  // where exited
  bool signaled() const;
  int term_signal() const;  // where signaled
};

// "exit status 3", "SIGSEGV (segmentation fault)".
std::string Describe(WaitStatus status);
// "SIGSEGV", or "signal 42".
std::string SignalName(int signal);

// Reaps `pid` if it has ended; never blocks. Nothing while it runs. `pid` must
// be a child that has not been reaped: this aborts otherwise.
std::optional<WaitStatus> TryReap(pid_t pid);

struct Reaped {
  pid_t pid = 0;
  WaitStatus status;
};

// Reaps any child that has ended, whoever started it; never blocks. Nothing
// while all run, or where there is none.
std::optional<Reaped> ReapAny();

// The environment of this process as "NAME=value" strings.
std::vector<std::string> CurrentEnvironment();
// Applies `edits` in order: sets and unsets.
void ApplyEdits(const std::vector<EnvEdit>& edits,
                std::vector<std::string>& env);

// A pipe, both ends close-on-exec. first is read from.
absl::StatusOr<std::pair<Fd, Fd>> MakePipe();
// A connected pair of Unix stream sockets, both close-on-exec.
absl::StatusOr<std::pair<Fd, Fd>> MakeSocketPair();
absl::Status SetNonBlocking(int fd);

}  // namespace paceline

#endif  // PACELINE_COMMON_OS_SUBPROCESS_H_
