#include "common/os/health_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/fd.h"
#include "common/os/proc_file.h"

namespace paceline {
namespace {

// Beyond this many places in the table, reading the directory is cheaper than
// polling mostly closed descriptors.
constexpr std::uint64_t kMaxPolled = 1 << 14;

// The number after `key` ("VmRSS:") in the text of /proc/PID/status.
std::optional<std::uint64_t> Field(absl::string_view status,
                                   absl::string_view key) {
  std::size_t begin = 0;
  if (status.substr(0, key.size()) != key) {
    begin = status.find(absl::StrCat("\n", key));
    if (begin == absl::string_view::npos) {
      return std::nullopt;
    }
    ++begin;
  }
  absl::string_view rest =
      absl::StripLeadingAsciiWhitespace(status.substr(begin + key.size()));
  const auto* const end =
      std::find_if_not(rest.begin(), rest.end(), [](char c) {
        return absl::ascii_isdigit(static_cast<unsigned char>(c));
      });
  std::uint64_t value = 0;
  if (!absl::SimpleAtoi(
          rest.substr(0, static_cast<std::size_t>(end - rest.begin())),
          &value)) {
    return std::nullopt;
  }
  return value;
}

// All of a WorkerHealth but the descriptors.
WorkerHealth FromStatus(absl::string_view status) {
  WorkerHealth health;
  if (const auto kib = Field(status, "VmRSS:")) {
    health.rss_bytes = *kib * 1024;
  }
  if (const auto kib = Field(status, "VmHWM:")) {
    health.peak_rss_bytes = *kib * 1024;
  }
  if (const auto threads = Field(status, "Threads:")) {
    health.threads = static_cast<std::uint32_t>(*threads);
  }
  return health;
}

// The size that stat gives for a directory of descriptors: their number on
// newer kernels, 0 on older ones.
std::optional<std::uint32_t> SizeByStat(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(info.st_size);
}

// Whether that size is the number of descriptors on this kernel. Found out
// once, with a descriptor open to count, so that 0 = 0 proves nothing.
bool StatCountsFds() {
  static std::atomic<std::optional<bool>> known;
  if (const std::optional<bool> works = known.load()) {
    return *works;
  }
  const Fd one(open("/", O_PATH | O_CLOEXEC));
  // More than one try: other threads may open and close meanwhile.
  for (int i = 0; i < 3; ++i) {
    const auto by_stat = SizeByStat("/proc/self/fd");
    const auto by_directory = CountFdsByDirectory();
    if (!one.valid() || !by_directory.has_value()) {
      // Not now: descriptors have run out. That tells nothing of the kernel.
      return false;
    }
    if (by_stat == by_directory) {
      known = true;
      return true;
    }
  }
  known = false;
  return false;
}

std::optional<std::uint32_t> CountByPoll(
    std::optional<std::uint64_t> table_size) {
  rlimit limit{};
  // poll refuses more entries than descriptors may be open, and a limit that
  // was lowered hides those above it.
  if (!table_size.has_value() || *table_size > kMaxPolled ||
      getrlimit(RLIMIT_NOFILE, &limit) != 0 || *table_size > limit.rlim_cur) {
    return std::nullopt;
  }
  std::vector<pollfd> entries(*table_size);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i] = {static_cast<int>(i), 0, 0};
  }
  if (poll(entries.data(), entries.size(), 0) < 0) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(std::count_if(
      entries.begin(), entries.end(),
      [](const pollfd& entry) { return (entry.revents & POLLNVAL) == 0; }));
}

template <typename T>
void Add(const std::optional<T>& reading, std::optional<T>& sum) {
  if (sum.has_value() && reading.has_value()) {
    *sum += *reading;
  }
}

}  // namespace

WorkerHealth ReadOwnHealth() {
  WorkerHealth health;
  const auto status = ReadProcFile("/proc/self/status");
  if (status.has_value()) {
    health = FromStatus(*status);
  }
  health.open_fds = CountFdsByStat();
  if (!health.open_fds.has_value() && status.has_value()) {
    health.open_fds = CountByPoll(Field(*status, "FDSize:"));
  }
  if (!health.open_fds.has_value()) {
    health.open_fds = CountFdsByDirectory();
  }
  return health;
}

WorkerHealth ReadHealth(pid_t pid) {
  if (pid == getpid()) {
    return ReadOwnHealth();
  }
  WorkerHealth health;
  const std::string directory = absl::StrCat("/proc/", pid);
  if (const auto status = ReadProcFile(directory + "/status")) {
    health = FromStatus(*status);
  }
  if (!health.rss_bytes.has_value()) {
    // Gone, or only waiting to be reaped.
    return WorkerHealth{};
  }
  const std::string fds = directory + "/fd";
  if (StatCountsFds() && access(fds.c_str(), R_OK) == 0) {
    health.open_fds = SizeByStat(fds);
  } else if (const auto entries = NumericEntries(fds)) {
    health.open_fds = static_cast<std::uint32_t>(entries->size());
  }
  return health;
}

WorkerHealth AddTree(WorkerHealth base, const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids) {
    const WorkerHealth health = ReadHealth(pid);
    Add(health.rss_bytes, base.rss_bytes);
    Add(health.open_fds, base.open_fds);
    Add(health.threads, base.threads);
    if (base.peak_rss_bytes.has_value()) {
      *base.peak_rss_bytes =
          std::max(*base.peak_rss_bytes, health.peak_rss_bytes.value_or(0));
    }
  }
  if (base.peak_rss_bytes.has_value() && base.rss_bytes.has_value()) {
    *base.peak_rss_bytes = std::max(*base.peak_rss_bytes, *base.rss_bytes);
  }
  return base;
}

bool ResetOwnPeakRss() {
  const Fd fd(open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC));
  return fd.valid() && write(fd.get(), "5", 1) == 1;
}

std::optional<std::uint32_t> CountFdsByStat() {
  return StatCountsFds() ? SizeByStat("/proc/self/fd") : std::nullopt;
}

std::optional<std::uint32_t> CountFdsByPoll() {
  const auto status = ReadProcFile("/proc/self/status");
  return status.has_value() ? CountByPoll(Field(*status, "FDSize:"))
                            : std::nullopt;
}

std::optional<std::uint32_t> CountFdsByDirectory() {
  const auto entries = NumericEntries("/proc/self/fd");
  if (!entries.has_value() || entries->empty()) {
    return std::nullopt;
  }
  // One of them is the handle that reads the directory.
  return static_cast<std::uint32_t>(entries->size() - 1);
}

}  // namespace paceline
