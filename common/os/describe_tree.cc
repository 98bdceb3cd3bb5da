#include "common/os/describe_tree.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/base/poll_timeout.h"
#include "common/os/proc_file.h"
#include "common/os/process_tree.h"
#include "common/os/subprocess.h"

namespace paceline {
namespace {

constexpr std::size_t kMaxCommandLine = 400;
constexpr std::size_t kMaxThreads = 64;
constexpr Duration kStackTime = std::chrono::seconds(2);

// One line of text whatever is in it.
std::string OneLine(absl::string_view text) {
  std::string line(absl::StripAsciiWhitespace(text));
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      c = ' ';
    }
  }
  return line;
}

std::string ReadLine(const std::string& path) {
  return OneLine(ReadProcFile(path).value_or(""));
}

std::string CommandLine(const std::string& directory) {
  std::string words = ReadProcFile(directory + "/cmdline").value_or("");
  while (!words.empty() && words.back() == '\0') {
    words.pop_back();
  }
  std::string line = OneLine(words);
  if (line.size() > kMaxCommandLine) {
    line.resize(kMaxCommandLine);
    line += "...";
  }
  return line;
}

absl::string_view StateWord(char state) {
  switch (state) {
    case 'R':
      return "running";
    case 'S':
      return "sleeping";
    case 'D':
      return "waiting for a device";
    case 'T':
    case 't':
      return "stopped";
    case 'Z':
    case 'X':
      return "ended";
    case 'I':
      return "idle";
    default:
      return "in an unknown state";
  }
}

struct BlockingCall {
  long number;
  absl::string_view name;
  bool takes_fd;  // its first argument is a descriptor
};

// The calls that a hanging test is most often found in.
absl::Span<const BlockingCall> BlockingCalls() {
  static constexpr BlockingCall kCalls[] = {
      {SYS_read, "read", true},
      {SYS_readv, "readv", true},
      {SYS_write, "write", true},
      {SYS_writev, "writev", true},
      {SYS_recvfrom, "recvfrom", true},
      {SYS_recvmsg, "recvmsg", true},
      {SYS_sendto, "sendto", true},
      {SYS_sendmsg, "sendmsg", true},
      {SYS_accept, "accept", true},
      {SYS_accept4, "accept4", true},
      {SYS_connect, "connect", true},
      {SYS_flock, "flock", true},
      {SYS_fcntl, "fcntl", true},
      {SYS_fsync, "fsync", true},
      {SYS_ioctl, "ioctl", true},
      {SYS_epoll_pwait, "epoll_pwait", true},
      {SYS_ppoll, "ppoll", false},
      {SYS_pselect6, "pselect6", false},
      {SYS_futex, "futex", false},
      {SYS_nanosleep, "nanosleep", false},
      {SYS_clock_nanosleep, "clock_nanosleep", false},
      {SYS_wait4, "wait4", false},
      {SYS_waitid, "waitid", false},
      {SYS_rt_sigsuspend, "rt_sigsuspend", false},
      {SYS_rt_sigtimedwait, "rt_sigtimedwait", false},
#ifdef SYS_epoll_wait
      {SYS_epoll_wait, "epoll_wait", true},
#endif
#ifdef SYS_poll
      {SYS_poll, "poll", false},
#endif
#ifdef SYS_select
      {SYS_select, "select", false},
#endif
#ifdef SYS_pause
      {SYS_pause, "pause", false},
#endif
  };
  return kCalls;
}

// "read(0 = /dev/pts/1)" from the text of /proc/PID/task/TID/syscall; empty
// where the kernel does not tell.
std::string DescribeCall(const std::string& process, absl::string_view text) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(text, ' ', absl::SkipEmpty());
  long number = -1;
  if (words.size() < 2 || !absl::SimpleAtoi(words[0], &number) || number < 0) {
    return "";
  }
  for (const BlockingCall& call : BlockingCalls()) {
    if (call.number != number) {
      continue;
    }
    std::uint64_t fd = 0;
    if (!call.takes_fd || !absl::SimpleHexAtoi(words[1], &fd)) {
      return std::string(call.name);
    }
    // An int in a register: the upper half may hold anything.
    const int low = static_cast<int>(fd & 0xffffffffU);
    std::array<char, 200> target;
    const ssize_t length = readlink(absl::StrCat(process, "/fd/", low).c_str(),
                                    target.data(), target.size());
    if (length < 0) {
      return absl::StrCat(call.name, "(", low, ")");
    }
    return absl::StrCat(
        call.name, "(", low, " = ",
        OneLine({target.data(), static_cast<std::size_t>(length)}), ")");
  }
  return absl::StrCat("system call ", number);
}

std::string DescribeThread(const std::string& process, pid_t thread) {
  const std::string directory = absl::StrCat(process, "/task/", thread);
  const std::string stat = ReadProcFile(directory + "/stat").value_or("");
  const std::size_t name_end = stat.rfind(')');
  const char state = name_end != std::string::npos && name_end + 2 < stat.size()
                         ? stat[name_end + 2]
                         : 'X';
  std::string line =
      absl::StrCat("  thread ", thread, " (", ReadLine(directory + "/comm"),
                   "): ", StateWord(state));
  const std::string call =
      DescribeCall(process, ReadLine(directory + "/syscall"));
  if (!call.empty()) {
    absl::StrAppend(&line, " in ", call);
  }
  const std::string channel = ReadLine(directory + "/wchan");
  if (!channel.empty() && channel != "0") {
    absl::StrAppend(&line, ", kernel at ", channel);
  }
  return line + "\n";
}

std::string DescribeProcess(pid_t pid) {
  const std::string directory = absl::StrCat("/proc/", pid);
  auto threads = NumericEntries(directory + "/task");
  if (!threads.has_value()) {
    return absl::StrCat("process ", pid, ": has ended\n");
  }
  std::string text = absl::StrCat("process ", pid, ": ");
  const std::string command = CommandLine(directory);
  absl::StrAppend(&text,
                  command.empty()
                      ? absl::StrCat("(", ReadLine(directory + "/comm"), ")")
                      : command,
                  "\n");
  std::sort(threads->begin(), threads->end());
  const std::size_t shown = std::min(threads->size(), kMaxThreads);
  for (std::size_t i = 0; i < shown; ++i) {
    text += DescribeThread(directory, (*threads)[i]);
  }
  if (shown < threads->size()) {
    absl::StrAppend(&text, "  and ", threads->size() - shown,
                    " more threads\n");
  }
  return text;
}

void AppendBounded(absl::string_view more, std::size_t max_bytes,
                   std::string& text) {
  text.append(more.data(), std::min(more.size(), max_bytes - text.size()));
}

// Waits for `fd` until `deadline`; false when that passed.
bool WaitForInput(int fd, Instant deadline) {
  pollfd entry{fd, POLLIN, 0};
  return poll(&entry, 1, PollTimeout(SystemClock(), deadline)) == 1;
}

// The output of a program that may take until `deadline`; nothing if there is
// no such program.
std::optional<std::string> OutputOf(std::vector<std::string> argv,
                                    Instant deadline, std::size_t max_bytes) {
  auto pipe = MakePipe();
  if (!pipe.ok()) {
    return std::nullopt;
  }
  SpawnSpec spec;
  spec.program = argv[0];
  spec.argv = std::move(argv);
  spec.env = CurrentEnvironment();
  // gdb must not go and download symbols.
  ApplyEdits({{"DEBUGINFOD_URLS", std::nullopt}}, spec.env);
  spec.fds = {{pipe->second.get(), 1}};
  auto child = Spawn(spec);
  pipe->second.Reset();
  if (!child.ok()) {
    return std::nullopt;
  }
  std::string output;
  char buffer[4096];
  while (output.size() < max_bytes &&
         WaitForInput(pipe->first.get(), deadline)) {
    const ssize_t got = read(pipe->first.get(), buffer, sizeof buffer);
    if (got <= 0) {
      break;
    }
    AppendBounded({buffer, static_cast<std::size_t>(got)}, max_bytes, output);
  }
  kill(-child->pid, SIGKILL);
  WaitForInput(child->pidfd.get(),
               SystemClock().Now() + std::chrono::seconds(1));
  TryReap(child->pid);
  return output;
}

// User-space stacks by whichever tool is installed; empty without one.
std::string Stacks(pid_t pid, Instant deadline, std::size_t max_bytes) {
  const std::string number = absl::StrCat(pid);
  auto stacks = OutputOf({"eu-stack", "-p", number}, deadline, max_bytes);
  if (!stacks.has_value()) {
    stacks = OutputOf({"gdb", "-nx", "-batch", "-p", number, "-ex",
                       "thread apply all backtrace 64"},
                      deadline, max_bytes);
  }
  return stacks.value_or("");
}

// All of `pids`, or those that fit into `max_bytes` and how many more there
// are.
std::string DescribeList(const std::vector<pid_t>& pids,
                         std::size_t max_bytes) {
  std::string text;
  for (std::size_t i = 0; i < pids.size(); ++i) {
    const std::string process = DescribeProcess(pids[i]);
    const std::string more =
        absl::StrCat("and ", pids.size() - i, " more processes\n");
    const bool last = i + 1 == pids.size();
    if (text.size() + process.size() + (last ? 0 : more.size()) > max_bytes) {
      // The first is the worker itself, or what is told of it.
      AppendBounded(i == 0 ? process : more, max_bytes, text);
      break;
    }
    text += process;
  }
  return text;
}

}  // namespace

std::string DescribeTree(pid_t root, std::size_t max_bytes) {
  std::vector<pid_t> pids = Descendants(root);
  pids.insert(pids.begin(), root);
  std::string text = DescribeList(pids, max_bytes / 2);
  // The deepest first: they are the test's own, the root may be ours.
  std::reverse(pids.begin(), pids.end());
  const Instant deadline = SystemClock().Now() + kStackTime;
  for (const pid_t pid : pids) {
    if (text.size() == max_bytes || SystemClock().Now() >= deadline) {
      break;
    }
    const std::string stacks = Stacks(pid, deadline, max_bytes - text.size());
    if (!stacks.empty()) {
      AppendBounded(absl::StrCat("\nstacks of process ", pid, ":\n", stacks),
                    max_bytes, text);
    }
  }
  return text;
}

}  // namespace paceline
