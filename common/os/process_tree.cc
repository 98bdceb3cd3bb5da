#include "common/os/process_tree.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/base/check.h"
#include "common/os/proc_file.h"

namespace paceline {
namespace {

constexpr std::size_t kMaxEnvironment = 8 * 1024 * 1024;
// A process with tens of thousands of children lists them all in one file.
constexpr std::size_t kMaxChildren = 16 * 1024 * 1024;

struct Stat {
  char state = 'X';
  pid_t parent = 0;
  int threads = 0;
  std::uint64_t start = 0;

  // A leader that left its other threads behind shows as a zombie, too.
  bool living() const { return (state != 'Z' && state != 'X') || threads > 1; }
};

std::optional<Stat> ReadStat(pid_t pid) {
  const auto text = ReadProcFile(absl::StrCat("/proc/", pid, "/stat"));
  if (!text.has_value()) {
    return std::nullopt;
  }
  // The command's name comes first, in parentheses, and may hold anything.
  const std::size_t name_end = text->rfind(')');
  if (name_end == std::string::npos) {
    return std::nullopt;
  }
  const std::vector<absl::string_view> fields = absl::StrSplit(
      absl::string_view(*text).substr(name_end + 1), ' ', absl::SkipEmpty());
  Stat stat;
  if (fields.size() < 20 || !absl::SimpleAtoi(fields[1], &stat.parent) ||
      !absl::SimpleAtoi(fields[17], &stat.threads) ||
      !absl::SimpleAtoi(fields[19], &stat.start)) {
    return std::nullopt;
  }
  stat.state = fields[0][0];
  return stat;
}

bool Living(pid_t pid) {
  const std::optional<Stat> stat = ReadStat(pid);
  return stat.has_value() && stat->living();
}

// Whether the kernel lists children by thread (CONFIG_PROC_CHILDREN).
bool HasChildrenFiles() {
  static const bool has = access("/proc/thread-self/children", R_OK) == 0;
  return has;
}

// Children of `parent` by its threads' lists, those to be reaped included.
std::vector<pid_t> ListedChildren(pid_t parent) {
  std::vector<pid_t> children;
  const std::string tasks = absl::StrCat("/proc/", parent, "/task");
  const auto threads = NumericEntries(tasks);
  if (!threads.has_value()) {
    return children;
  }
  for (const pid_t thread : *threads) {
    const auto list = ReadProcFile(
        absl::StrCat(tasks, "/", thread, "/children"), kMaxChildren);
    if (!list.has_value()) {
      continue;
    }
    for (const absl::string_view word :
         absl::StrSplit(*list, ' ', absl::SkipEmpty())) {
      pid_t child = 0;
      if (absl::SimpleAtoi(word, &child)) {
        children.push_back(child);
      }
    }
  }
  return children;
}

// Who is whose child, living processes only, by a walk over all of them.
absl::flat_hash_map<pid_t, std::vector<pid_t>> WalkAll() {
  absl::flat_hash_map<pid_t, std::vector<pid_t>> children;
  const auto pids = NumericEntries("/proc");
  if (!pids.has_value()) {
    return children;
  }
  for (const pid_t pid : *pids) {
    const std::optional<Stat> stat = ReadStat(pid);
    if (stat.has_value() && stat->living()) {
      children[stat->parent].push_back(pid);
    }
  }
  return children;
}

bool Signal(pid_t pid, int signal) { return kill(pid, signal) == 0; }

// Stops the tree before it is killed: what is stopped cannot fork, and what
// is not yet dead keeps its children from moving to another parent.
std::vector<pid_t> Freeze(pid_t root, bool including_root,
                          const SparedPids& spared, int max_rounds) {
  std::vector<pid_t> frozen;
  if (including_root && Signal(root, SIGSTOP)) {
    frozen.push_back(root);
  }
  absl::flat_hash_set<pid_t> seen;
  for (int round = 0; round < max_rounds; ++round) {
    bool found = false;
    for (const pid_t pid : Descendants(root, spared)) {
      if (seen.insert(pid).second) {
        found = true;
        if (Signal(pid, SIGSTOP)) {
          frozen.push_back(pid);
        }
      }
    }
    if (!found) {
      break;
    }
  }
  return frozen;
}

int KillTree(pid_t root, bool including_root, const SparedPids& spared,
             int max_rounds) {
  absl::flat_hash_set<pid_t> killed;
  for (int round = 0; round < max_rounds; ++round) {
    std::vector<pid_t> frozen =
        Freeze(root, including_root && round == 0, spared, max_rounds);
    bool found = false;
    // Children first: the end of a parent would set its stopped children
    // going again where it leaves their process group without one.
    std::reverse(frozen.begin(), frozen.end());
    for (const pid_t pid : frozen) {
      if (Signal(pid, SIGKILL) && killed.insert(pid).second) {
        found = true;
      }
    }
    if (!found) {
      break;
    }
  }
  return static_cast<int>(killed.size());
}

}  // namespace

std::vector<pid_t> Children(pid_t parent) {
  if (!HasChildrenFiles()) {
    return std::move(WalkAll()[parent]);
  }
  std::vector<pid_t> children = ListedChildren(parent);
  std::erase_if(children, [](pid_t pid) { return !Living(pid); });
  return children;
}

std::vector<pid_t> Descendants(pid_t root, const SparedPids& spared) {
  absl::flat_hash_map<pid_t, std::vector<pid_t>> all;
  if (!HasChildrenFiles()) {
    all = WalkAll();
  }
  std::vector<pid_t> found;
  // The tree changes while it is read: a process may turn up twice.
  absl::flat_hash_set<pid_t> seen = {root};
  std::size_t next = 0;
  pid_t parent = root;
  for (;;) {
    for (const pid_t child :
         HasChildrenFiles() ? Children(parent) : all[parent]) {
      if (!spared.contains(child) && seen.insert(child).second) {
        found.push_back(child);
      }
    }
    if (next == found.size()) {
      return found;
    }
    parent = found[next++];
  }
}

int SignalTree(pid_t root, int signal, bool including_root,
               const SparedPids& spared, int max_rounds) {
  PACELINE_CHECK(root > 0);
  PACELINE_CHECK(!including_root || root != getpid());
  if (signal == SIGKILL) {
    return KillTree(root, including_root, spared, max_rounds);
  }
  // Listed first: the signal may end a parent and move its children.
  const std::vector<pid_t> descendants = Descendants(root, spared);
  int count = including_root && Signal(root, signal) ? 1 : 0;
  for (const pid_t pid : descendants) {
    count += Signal(pid, signal) ? 1 : 0;
  }
  return count;
}

std::optional<std::uint64_t> StartTime(pid_t pid) {
  const std::optional<Stat> stat = ReadStat(pid);
  return stat.has_value() ? std::optional(stat->start) : std::nullopt;
}

std::string InitialEnvironmentValue(pid_t pid, const std::string& name) {
  const auto environment =
      ReadProcFile(absl::StrCat("/proc/", pid, "/environ"), kMaxEnvironment);
  if (!environment.has_value()) {
    return "";
  }
  const std::string prefix = absl::StrCat(name, "=");
  for (const absl::string_view entry :
       absl::StrSplit(*environment, absl::ByChar('\0'))) {
    if (absl::StartsWith(entry, prefix)) {
      return std::string(entry.substr(prefix.size()));
    }
  }
  return "";
}

}  // namespace paceline
