#include "common/os/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"

namespace paceline {
namespace {

// execvp's search path when the environment has none.
constexpr char kDefaultPath[] = "/usr/local/bin:/bin:/usr/bin";

absl::StatusCode CodeOfSpawnError(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::StatusCode::kNotFound;
    case EACCES:
    case EPERM:
      return absl::StatusCode::kPermissionDenied;
    case EAGAIN:
    case ENOMEM:
    case ETXTBSY:
      return absl::StatusCode::kUnavailable;
    case EMFILE:
    case ENFILE:
      return absl::StatusCode::kResourceExhausted;
    case E2BIG:
    case ENOEXEC:
    case ELOOP:
    case ENAMETOOLONG:
    case EINVAL:
      return absl::StatusCode::kInvalidArgument;
    default:
      return absl::StatusCode::kInternal;
  }
}

// "Segmentation fault" as part of a sentence; "CPU time limit exceeded" keeps
// its capitals.
std::string WithinSentence(std::string text) {
  if (text.size() > 1 &&
      absl::ascii_islower(static_cast<unsigned char>(text[1]))) {
    text[0] = absl::ascii_tolower(static_cast<unsigned char>(text[0]));
  }
  return text;
}

std::string ErrorText(int error) {
  const char* text = strerrordesc_np(error);
  return text != nullptr ? WithinSentence(text) : absl::StrCat("error ", error);
}

// `path` as the child would see it from its working directory.
std::string FromChild(const SpawnSpec& spec, absl::string_view path) {
  if (absl::StartsWith(path, "/") || spec.working_directory.empty()) {
    return std::string(path);
  }
  return absl::StrCat(spec.working_directory, "/", path);
}

absl::string_view ChildPath(const SpawnSpec& spec) {
  for (const std::string& entry : spec.env) {
    if (absl::StartsWith(entry, "PATH=")) {
      return absl::string_view(entry).substr(5);
    }
  }
  return kDefaultPath;
}

// What execvp would find, but in the child's PATH: posix_spawnp looks in ours.
absl::StatusOr<std::string> FindInPath(const SpawnSpec& spec) {
  const absl::string_view path = ChildPath(spec);
  std::string refused;
  for (const absl::string_view directory : absl::StrSplit(path, ':')) {
    std::string candidate = directory.empty()
                                ? absl::StrCat("./", spec.program)
                                : absl::StrCat(directory, "/", spec.program);
    const std::string seen = FromChild(spec, candidate);
    struct stat info {};
    if (stat(seen.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
      continue;
    }
    if (faccessat(AT_FDCWD, seen.c_str(), X_OK, AT_EACCESS) == 0) {
      return candidate;
    }
    refused = std::move(candidate);
  }
  if (!refused.empty()) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot start ", refused, ": it is not executable"));
  }
  return absl::NotFoundError(absl::StrCat(
      "cannot start ", spec.program, ": no such program in PATH (", path, ")"));
}

// posix_spawn reports one errno for all of its steps; this looks which of them
// it was.
absl::Status SpawnError(const SpawnSpec& spec, const std::string& program,
                        int error) {
  const absl::StatusCode code = CodeOfSpawnError(error);
  const auto failed = [&](absl::string_view why) {
    return absl::Status(code,
                        absl::StrCat("cannot start ", program, ": ", why));
  };
  if (error == ENOENT || error == ENOTDIR || error == EACCES) {
    struct stat info {};
    if (!spec.working_directory.empty()) {
      const char* directory = spec.working_directory.c_str();
      const int directory_error =
          stat(directory, &info) != 0                             ? errno
          : !S_ISDIR(info.st_mode)                                ? ENOTDIR
          : faccessat(AT_FDCWD, directory, X_OK, AT_EACCESS) != 0 ? errno
                                                                  : 0;
      if (directory_error != 0) {
        return failed(absl::StrCat("its working directory ",
                                   spec.working_directory, ": ",
                                   ErrorText(directory_error)));
      }
    }
    const bool exists = stat(FromChild(spec, program).c_str(), &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) {
      return failed("it is a directory");
    }
    if (exists && error == ENOENT) {
      return failed("the interpreter or loader that it names does not exist");
    }
    if (exists && error == EACCES) {
      return failed("it is not executable");
    }
  }
  switch (error) {
    case EAGAIN:
      return failed(
          "no more processes: a limit (ulimit -u, pids.max) is reached");
    case E2BIG:
      return failed("its arguments and environment are too long");
    case ENOEXEC:
      return failed("it is no program that this system can run");
    default:
      return failed(ErrorText(error));
  }
}

// The children of this process that it knows of.
struct SpawnedChildren {
  // Held shared while one is being made.
  std::shared_mutex being_made;
  std::mutex mutex;
  absl::flat_hash_set<pid_t> pids;
};

SpawnedChildren& Spawned() {
  static auto* const children = new SpawnedChildren;
  return *children;
}

void ForgetSpawned(pid_t pid) {
  const std::lock_guard<std::mutex> lock(Spawned().mutex);
  Spawned().pids.erase(pid);
}

// One /dev/null for all children of the process, opened once.
int DevNull() {
  static std::mutex mutex;
  static int kept = -1;
  const std::lock_guard<std::mutex> lock(mutex);
  if (kept < 0) {
    // A failure is not kept: descriptors may have run out for a moment only.
    const Fd opened(open("/dev/null", O_RDWR | O_CLOEXEC));
    kept = opened.valid() ? fcntl(opened.get(), F_DUPFD_CLOEXEC, 3) : -1;
  }
  return kept;
}

// With SIGCHLD ignored, as a careless parent may leave it, the kernel keeps no
// exit status of our children.
void RestoreSigchld() {
  static const bool done = [] {
    struct sigaction current {};
    if (sigaction(SIGCHLD, nullptr, &current) == 0 &&
        (current.sa_flags & SA_SIGINFO) == 0 && current.sa_handler == SIG_IGN) {
      signal(SIGCHLD, SIG_DFL);
    }
    return true;
  }();
  static_cast<void>(done);
}

class FileActions {
 public:
  FileActions() {
    PACELINE_CHECK(posix_spawn_file_actions_init(&actions_) == 0);
  }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void Chdir(const std::string& directory) {
    Check(posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str()));
  }
  // Also where `from` is `to`: the copy is not close-on-exec.
  void Dup2(int from, int to) {
    Check(posix_spawn_file_actions_adddup2(&actions_, from, to));
  }
  // Nothing happens where `fd` is not open.
  void Close(int fd) {
    Check(posix_spawn_file_actions_addclose(&actions_, fd));
  }
  void CloseFrom(int fd) {
    Check(posix_spawn_file_actions_addclosefrom_np(&actions_, fd));
  }

  // The errno of the first step that could not be added, else 0.
  int error() const { return error_; }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  void Check(int error) {
    if (error_ == 0) {
      error_ = error;
    }
  }

  posix_spawn_file_actions_t actions_;
  int error_ = 0;
};

class Attributes {
 public:
  explicit Attributes(const SpawnSpec& spec) {
    PACELINE_CHECK(posix_spawnattr_init(&attributes_) == 0);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setpgroup(&attributes_, spec.process_group);
    posix_spawnattr_setflags(
        &attributes_,
        static_cast<short>(
            POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
            (spec.new_session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP)));
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

// Lays out the child's descriptors: all of `wanted` and none else.
void ArrangeDescriptors(std::vector<std::pair<int, int>> wanted,
                        FileActions& actions) {
  const auto is_target = [&wanted](int fd) {
    return std::any_of(wanted.begin(), wanted.end(),
                       [fd](const auto& entry) { return entry.second == fd; });
  };
  for (int fd = 0; fd <= 2; ++fd) {
    if (!is_target(fd)) {
      wanted.emplace_back(DevNull(), fd);
    }
  }
  int highest_target = 2;
  int spare = 3;
  for (const auto& [source, target] : wanted) {
    PACELINE_CHECK(source >= 0 && target >= 0);
    highest_target = std::max(highest_target, target);
    spare = std::max({spare, source + 1, target + 1});
  }
  // A source that a step below would overwrite steps aside first.
  for (auto& [source, target] : wanted) {
    if (source != target && is_target(source)) {
      actions.Dup2(source, spare);
      source = spare++;
    }
  }
  for (const auto& [source, target] : wanted) {
    actions.Dup2(source, target);
  }
  for (int fd = 3; fd < highest_target; ++fd) {
    if (!is_target(fd)) {
      actions.Close(fd);
    }
  }
  actions.CloseFrom(highest_target + 1);
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) {
    // posix_spawn's signature is older than const; it writes nothing.
    pointers.push_back(const_cast<char*>(text.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

absl::StatusOr<Child> Spawn(const SpawnSpec& spec) {
  PACELINE_CHECK(!spec.argv.empty());
  RestoreSigchld();
  if (DevNull() < 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot start ", spec.program,
                     ": /dev/null cannot be opened; is /dev mounted, and are "
                     "descriptors left (ulimit -n)?"));
  }
  std::string found;
  if (!absl::StrContains(spec.program, '/')) {
    auto in_path = FindInPath(spec);
    if (!in_path.ok()) {
      return in_path.status();
    }
    found = *std::move(in_path);
  }
  const std::string& program = found.empty() ? spec.program : found;

  FileActions actions;
  if (!spec.working_directory.empty()) {
    actions.Chdir(spec.working_directory);
  }
  ArrangeDescriptors(spec.fds, actions);
  if (actions.error() != 0) {
    return SpawnError(spec, program, actions.error());
  }
  const Attributes attributes(spec);
  const std::vector<char*> argv = Pointers(spec.argv);
  const std::vector<char*> env = Pointers(spec.env);
  Child child;
  const std::shared_lock<std::shared_mutex> making(Spawned().being_made);
  if (const int error = posix_spawn(&child.pid, program.c_str(), actions.get(),
                                    attributes.get(), argv.data(), env.data());
      error != 0) {
    return SpawnError(spec, program, error);
  }
  {
    const std::lock_guard<std::mutex> lock(Spawned().mutex);
    Spawned().pids.insert(child.pid);
  }
  // The child is not reaped before TryReap, so its pid is still its own.
  // (By its number: the header of glibc 2.36 declares it as a C++ function.)
  child.pidfd.Reset(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
  if (!child.pidfd.valid()) {
    const int error = errno;
    kill(-child.pid, SIGKILL);
    kill(child.pid, SIGKILL);
    while (waitpid(child.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    ForgetSpawned(child.pid);
    return absl::Status(CodeOfSpawnError(error),
                        absl::StrCat("cannot watch ", program, ": ",
                                     ErrorText(error), "; it was ended again"));
  }
  return child;
}

bool WaitStatus::exited() const { return WIFEXITED(raw); }
int WaitStatus::exit_code() const { return WEXITSTATUS(raw); }
bool WaitStatus::signaled() const { return WIFSIGNALED(raw); }
int WaitStatus::term_signal() const { return WTERMSIG(raw); }

std::string Describe(WaitStatus status) {
  if (!status.signaled()) {
    return absl::StrCat("exit status ", status.exit_code());
  }
  const int signal = status.term_signal();
  const char* known = sigdescr_np(signal);
  if (known == nullptr) {
    return SignalName(signal);
  }
  return absl::StrCat(SignalName(signal), " (", WithinSentence(known), ")");
}

std::string SignalName(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? absl::StrCat("SIG", name)
                         : absl::StrCat("signal ", signal);
}

std::optional<WaitStatus> TryReap(pid_t pid) {
  WaitStatus status;
  const pid_t reaped = waitpid(pid, &status.raw, WNOHANG);
  // Anything else means that `pid` is no child of ours, or was reaped before.
  PACELINE_CHECK(reaped == pid || reaped == 0);
  if (reaped == 0) {
    return std::nullopt;
  }
  ForgetSpawned(pid);
  return status;
}

std::optional<Reaped> ReapAny() {
  Reaped reaped;
  reaped.pid = waitpid(-1, &reaped.status.raw, WNOHANG);
  if (reaped.pid <= 0) {
    return std::nullopt;
  }
  ForgetSpawned(reaped.pid);
  return reaped;
}

bool IsSpawned(pid_t pid) {
  const std::lock_guard<std::mutex> lock(Spawned().mutex);
  return Spawned().pids.contains(pid);
}

SpawnPause::SpawnPause() { Spawned().being_made.lock(); }
SpawnPause::~SpawnPause() { Spawned().being_made.unlock(); }

std::vector<std::string> CurrentEnvironment() {
  std::vector<std::string> env;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    env.emplace_back(*entry);
  }
  return env;
}

void ApplyEdits(const std::vector<EnvEdit>& edits,
                std::vector<std::string>& env) {
  for (const EnvEdit& edit : edits) {
    const std::string prefix = absl::StrCat(edit.name, "=");
    env.erase(std::remove_if(env.begin(), env.end(),
                             [&prefix](const std::string& entry) {
                               return absl::StartsWith(entry, prefix);
                             }),
              env.end());
    if (edit.value.has_value()) {
      env.push_back(prefix + *edit.value);
    }
  }
}

absl::StatusOr<std::pair<Fd, Fd>> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a pipe");
  }
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

absl::StatusOr<std::pair<Fd, Fd>> MakeSocketPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a socket pair");
  }
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

absl::Status SetNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a descriptor non-blocking");
  }
  return absl::OkStatus();
}

}  // namespace paceline
